//! How much all writers of a process hold in memory.
//!
//! A writer may always hold the smallest part that S3 takes. What it holds
//! beyond that (the rest of a part of the usual size, parts on their way) comes
//! from a store that all share: with few writers each runs ahead, with many
//! each makes do with smaller parts, and none waits for another.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all writers of a process share.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Semaphore>);

/// Bytes are counted by this many.
const UNIT: usize = 64 * 1024;

impl Memory {
    /// So many bytes beside the smallest part of each writer.
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// What one writer holds: nothing yet.
    pub(super) fn share(&self) -> Share {
        Share {
            memory: self.clone(),
            held: 0,
            free: 0,
            extra: None,
        }
    }
}

/// What one writer holds.
#[derive(Debug)]
pub(super) struct Share {
    memory: Memory,
    held: usize,
    free: usize,
    extra: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Says how much this writer may hold whatever the others do.
    pub(super) fn set_free(&mut self, free: usize) {
        self.free = free;
    }

    /// How many more bytes may be held now, at most `wanted`.
    pub(super) fn room(&mut self, wanted: usize) -> usize {
        let needed = self.units(self.held + wanted);
        let more = needed.saturating_sub(self.extra_units());
        if more > 0
            && let Ok(more) = u32::try_from(more)
            && let Ok(permit) = Arc::clone(&self.memory.0).try_acquire_many_owned(more)
        {
            match &mut self.extra {
                Some(extra) => extra.merge(permit),
                none => *none = Some(permit),
            }
        }
        let allowed = self.free + self.extra_units() * UNIT;
        wanted.min(allowed.saturating_sub(self.held))
    }

    /// Notes that so many bytes more are held.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Notes that so many are not held any more.
    pub(super) fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        let excess = self.extra_units().saturating_sub(self.units(self.held));
        if let Some(extra) = &mut self.extra {
            drop(extra.split(excess));
        }
    }

    /// How many units of the common store it takes to hold so many bytes.
    fn units(&self, held: usize) -> usize {
        held.saturating_sub(self.free).div_ceil(UNIT)
    }

    fn extra_units(&self) -> usize {
        self.extra
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(memory: &Memory) -> Share {
        let mut share = memory.share();
        share.set_free(10 * UNIT);
        share
    }

    fn fill(share: &mut Share, wanted: usize) -> usize {
        let room = share.room(wanted);
        share.hold(room);
        room
    }

    #[test]
    fn a_writer_holds_its_own_and_what_the_others_leave() {
        let memory = Memory::of(5 * UNIT);
        let (mut one, mut other) = (share(&memory), share(&memory));
        assert_eq!(fill(&mut one, 10 * UNIT), 10 * UNIT);
        assert_eq!(fill(&mut one, 4 * UNIT), 4 * UNIT);
        assert_eq!(fill(&mut other, 10 * UNIT), 10 * UNIT);
        assert_eq!(fill(&mut other, UNIT), UNIT);
        assert_eq!(fill(&mut other, UNIT), 0);
        one.release(3 * UNIT);
        assert_eq!(fill(&mut other, UNIT), UNIT);
    }

    #[test]
    fn what_was_held_is_given_back() {
        let memory = Memory::of(5 * UNIT);
        let mut one = share(&memory);
        assert_eq!(fill(&mut one, 15 * UNIT), 15 * UNIT);
        one.release(15 * UNIT);
        assert_eq!(memory.0.available_permits(), 5);
        assert_eq!(fill(&mut one, 12 * UNIT + 1), 12 * UNIT + 1);
        drop(one);
        assert_eq!(memory.0.available_permits(), 5);
    }
}
