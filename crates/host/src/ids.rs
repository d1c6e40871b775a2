//! Fresh ids.

use berth_domain::FreshId;
use berth_ports::Ids;
use uuid::{NoContext, Timestamp, Uuid};

/// Ids in the order of time, so that records made together lie together: UUID
/// version 7 (RFC 9562, section 5.7) with 74 random bits each. No counter takes
/// any of them, so one id says nothing about the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn fresh(&self) -> FreshId {
        FreshId(Uuid::new_v7(Timestamp::now(NoContext)).as_u128())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_of_one_moment_share_no_random_bits() {
        let ids: Vec<_> = (0..1000).map(|_| RandomIds.fresh().0).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        let low_halves: HashSet<_> = ids.iter().map(|id| id >> 32 & 0xffff).collect();
        assert!(low_halves.len() > 900, "{}", low_halves.len());
    }

    #[test]
    fn a_later_id_is_greater() {
        let millis = |id: FreshId| id.0 >> 80;
        let first = RandomIds.fresh();
        let later = std::iter::repeat_with(|| RandomIds.fresh())
            .find(|id| millis(*id) != millis(first))
            .unwrap();
        assert!(later.0 > first.0);
    }
}
