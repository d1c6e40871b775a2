//! Behaviours of [`Sequences`](berth_ports::Sequences).

use std::collections::BTreeSet;

use berth_domain::Sequence;

use super::fixtures::race;
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `Sequences`.
    sequences_suite in sequences {
        the_first_number_is_1,
        each_number_is_greater_than_those_before,
        no_number_is_given_out_twice_to_callers_at_once,
        sequences_do_not_disturb_each_other,
        a_raised_sequence_goes_on_behind_the_number,
        a_sequence_that_is_further_is_not_lowered,
    }
}

/// A fresh sequence starts at 1.
pub async fn the_first_number_is_1(stores: &Stores) {
    assert_eq!(stores.sequences.next(Sequence::User).await.unwrap(), 1);
}

/// One caller gets growing numbers.
pub async fn each_number_is_greater_than_those_before(stores: &Stores) {
    let mut last = 0;
    for _ in 0..20 {
        let next = stores.sequences.next(Sequence::Project).await.unwrap();
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}

/// Callers at once get different numbers.
pub async fn no_number_is_given_out_twice_to_callers_at_once(stores: &Stores) {
    let given = race(|_| {
        let stores = stores.clone();
        async move {
            let mut given = Vec::new();
            for _ in 0..10 {
                given.push(stores.sequences.next(Sequence::Artifact).await.unwrap());
            }
            given
        }
    })
    .await
    .concat();
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), given.len());
    assert!(given.iter().all(|number| *number >= 1));
}

/// Each sequence counts by itself.
pub async fn sequences_do_not_disturb_each_other(stores: &Stores) {
    for _ in 0..3 {
        stores.sequences.next(Sequence::Registry).await.unwrap();
    }
    assert_eq!(
        stores.sequences.next(Sequence::Repository).await.unwrap(),
        1
    );
}

/// A raised sequence skips what was named, also what it had begun with.
pub async fn a_raised_sequence_goes_on_behind_the_number(stores: &Stores) {
    let sequences = &stores.sequences;
    sequences.next(Sequence::User).await.unwrap();
    for sequence in [Sequence::User, Sequence::Registry] {
        sequences.raise(sequence, 1000).await.unwrap();
        let next = sequences.next(sequence).await.unwrap();
        assert_eq!(next, 1001, "{sequence:?}");
    }
    assert_eq!(sequences.next(Sequence::Project).await.unwrap(), 1);
}

/// A sequence never goes back.
pub async fn a_sequence_that_is_further_is_not_lowered(stores: &Stores) {
    let sequences = &stores.sequences;
    sequences.raise(Sequence::Artifact, 1000).await.unwrap();
    let last = sequences.next(Sequence::Artifact).await.unwrap();
    sequences.raise(Sequence::Artifact, 7).await.unwrap();
    assert!(sequences.next(Sequence::Artifact).await.unwrap() > last);
}
