//! Room for what is not yet a part.
//!
//! It is asked of the system and given back to it, past the allocator. That one
//! keeps for a while what it was given back, in case it is wanted soon: with
//! pieces of this size and many writers that was a third of all memory. Pages
//! that nothing was written to cost nothing.

use std::io;

use bytes::Bytes;
use memmap2::MmapMut;

/// Bytes, and room for more behind them.
#[derive(Debug, Default)]
pub(super) struct Room {
    pages: Option<MmapMut>,
    length: usize,
}

impl Room {
    /// How many bytes there are.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts bytes behind the others. Where there is no room for them yet, it is
    /// made for `whole` bytes at once.
    pub(super) fn put(&mut self, bytes: &[u8], whole: usize) -> io::Result<()> {
        let end = self.length + bytes.len();
        if self.pages.as_ref().is_none_or(|pages| pages.len() < end) {
            let mut pages = MmapMut::map_anon(whole.max(end))?;
            pages[..self.length].copy_from_slice(self.as_ref());
            self.pages = Some(pages);
        }
        if let Some(pages) = &mut self.pages {
            pages[self.length..end].copy_from_slice(bytes);
        }
        self.length = end;
        Ok(())
    }

    /// The bytes, to be given away. The room goes with the last who reads them.
    pub(super) fn take(&mut self) -> Bytes {
        Bytes::from_owner(std::mem::take(self))
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        self.pages
            .as_ref()
            .map_or(&[], |pages| &pages[..self.length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_behind_each_other_and_go_at_once() {
        let mut room = Room::default();
        assert!(room.is_empty());
        room.put(b"some ", 10).unwrap();
        room.put(b"bytes, ", 10).unwrap();
        room.put(b"and more than there was room for", 10).unwrap();
        let expected = "some bytes, and more than there was room for";
        assert_eq!(room.len(), expected.len());
        assert_eq!(room.take(), expected);
        assert_eq!((room.len(), room.take()), (0, Bytes::new()));
    }
}
