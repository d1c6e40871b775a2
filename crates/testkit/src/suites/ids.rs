//! Behaviours of [`Ids`].

use std::collections::BTreeSet;
use std::sync::Arc;

use berth_ports::Ids;

use super::fixtures::race;

suite! {
    /// Makes tests of the behaviours of `Ids`. The argument is an expression
    /// for a future of an `Arc<dyn Ids>`.
    ids_suite in ids {
        no_id_is_given_out_twice,
    }
}

/// To whichever thread.
pub async fn no_id_is_given_out_twice(ids: &Arc<dyn Ids>) {
    const EACH: usize = 10_000;
    let given = race(|_| {
        let ids = Arc::clone(ids);
        async move { (0..EACH).map(|_| ids.fresh()).collect::<Vec<_>>() }
    })
    .await
    .concat();
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), given.len());
}
