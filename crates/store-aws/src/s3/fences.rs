//! One writer a key in this process: a later one stops the earlier.
//!
//! This is a courtesy, not what keeps bytes apart: a writer in another process
//! is stopped by the session's epoch, and neither ever changes a byte that the
//! other's object is made of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_domain::ObjectKey;
use berth_ports::{StoreError, StoreResult};

/// Who writes which object.
#[derive(Clone, Debug, Default)]
pub(super) struct Fences(Arc<Mutex<HashMap<ObjectKey, Arc<()>>>>);

/// The right to write one object, until the next claim.
#[derive(Debug)]
pub(super) struct Fence {
    fences: Fences,
    key: ObjectKey,
    token: Arc<()>,
}

impl Fences {
    /// Takes the right to write an object from whoever has it.
    pub(super) fn claim(&self, key: ObjectKey) -> Fence {
        let token = Arc::default();
        self.lock().insert(key, Arc::clone(&token));
        Fence {
            fences: self.clone(),
            key,
            token,
        }
    }

    /// Takes it from whoever has it and gives it to nobody.
    pub(super) fn revoke(&self, key: ObjectKey) {
        self.lock().remove(&key);
    }

    /// Nothing panics while it holds the lock, so a poisoned map is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Arc<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fence {
    /// `Conflict` if another writer was opened since.
    pub(super) fn check(&self) -> StoreResult<()> {
        if self.is_current(&self.fences.lock()) {
            Ok(())
        } else {
            Err(StoreError::Conflict(format!("object {}", self.key)))
        }
    }

    fn is_current(&self, claims: &HashMap<ObjectKey, Arc<()>>) -> bool {
        claims
            .get(&self.key)
            .is_some_and(|token| Arc::ptr_eq(token, &self.token))
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        let mut claims = self.fences.lock();
        if self.is_current(&claims) {
            claims.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use berth_domain::FreshId;

    use super::*;

    #[test]
    fn a_later_claim_stops_the_earlier_and_nothing_stays_behind() {
        let fences = Fences::default();
        let first = fences.claim(FreshId(1).into());
        let other = fences.claim(FreshId(2).into());
        first.check().unwrap();
        let second = fences.claim(FreshId(1).into());
        assert!(matches!(first.check(), Err(StoreError::Conflict(_))));
        second.check().unwrap();
        drop(second);
        assert!(matches!(first.check(), Err(StoreError::Conflict(_))));
        other.check().unwrap();
        fences.revoke(FreshId(2).into());
        assert!(matches!(other.check(), Err(StoreError::Conflict(_))));
        drop((first, other));
        assert!(fences.lock().is_empty());
    }
}
