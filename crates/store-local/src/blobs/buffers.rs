//! Buffers that files are read into. Used again, they are still in the
//! processor's cache, and need no fresh pages.

use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The bytes of one buffer: the most that is read at once.
pub(super) const LENGTH: usize = 128 * 1024;

/// Buffers that are kept when nobody reads.
const MAX_IDLE: usize = 16;

/// The buffers of one store. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Buffers {
    /// A buffer; what is in it is of no meaning.
    pub(super) fn take(&self) -> Buffer {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer {
            bytes: used.unwrap_or_else(|| vec![0; LENGTH].into()),
            home: self.clone(),
        }
    }

    fn give_back(&self, bytes: Box<[u8]>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(bytes);
        }
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Buffers(..)")
    }
}

/// A buffer in use. Dropped, it is there for the next.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    home: Buffers,
}

impl Buffer {
    /// Its first `length` bytes, without a copy.
    pub(super) fn freeze(self, length: usize) -> Bytes {
        Bytes::from_owner(Filled {
            buffer: self,
            length,
        })
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.give_back(mem::take(&mut self.bytes));
    }
}

struct Filled {
    buffer: Buffer,
    length: usize,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_the_last_of_its_bytes_are_dropped() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer[..3].copy_from_slice(b"abc");
        let address = buffer.as_ptr();
        let whole = buffer.freeze(3);
        let part = whole.slice(1..);
        drop(whole);
        assert_ne!(buffers.take().as_ptr(), address);
        assert_eq!(part, "bc");
        let other = buffers.take();
        drop(part);
        drop(other);
        let taken = [buffers.take(), buffers.take()];
        assert!(taken.iter().any(|buffer| buffer.as_ptr() == address));
    }

    #[test]
    fn of_many_buffers_a_few_are_kept() {
        let buffers = Buffers::default();
        let taken: Vec<_> = (0..2 * MAX_IDLE).map(|_| buffers.take()).collect();
        drop(taken);
        assert_eq!(buffers.0.lock().unwrap().len(), MAX_IDLE);
    }
}
