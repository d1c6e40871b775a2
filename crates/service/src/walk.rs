//! Whole lists out of cursor pages, for faces that page by number.

use std::future::Future;

use berth_domain::Page;
use berth_ports::StoreResult;

use crate::error::Result;

/// Items that one walk reads at most. A list with more is cut off there: by
/// number, nobody gets further, and counts stop there too.
pub const WALK_LIMIT: usize = 10_000;

/// Items that one call of a store is asked for.
pub(crate) const PAGE: usize = 1_000;

/// Reads pages until there are no more or [`WALK_LIMIT`] is reached. `next`
/// reads the page behind a cursor, `cursor` tells the cursor of an item.
pub(crate) async fn walk<T, C, F>(
    next: impl Fn(Option<C>) -> F,
    cursor: impl Fn(&T) -> C,
) -> Result<Vec<T>>
where
    F: Future<Output = StoreResult<Page<T>>>,
{
    let mut found: Vec<T> = Vec::new();
    let mut after = None;
    loop {
        let page = next(after).await?;
        found.extend(page.items);
        if !page.more || found.len() >= WALK_LIMIT {
            found.truncate(WALK_LIMIT);
            return Ok(found);
        }
        after = found.last().map(&cursor);
    }
}
