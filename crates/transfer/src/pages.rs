//! Whole lists out of cursor pages.

use berth_domain::Page;
use berth_ports::StoreResult;

use crate::error::Result;

/// Items that one call of a store is asked for.
pub(crate) const PAGE: usize = 500;

/// Records that are read or written at once.
pub(crate) const RECORDS_AT_ONCE: usize = 32;

/// Blobs whose bytes are moved at once.
pub(crate) const BLOBS_AT_ONCE: usize = 8;

/// Reads page after page and hands each to `each`. `next` reads the page behind
/// an item.
pub(crate) async fn each_page<T: Clone>(
    next: impl AsyncFn(Option<&T>) -> StoreResult<Page<T>>,
    mut each: impl AsyncFnMut(Vec<T>) -> Result<()>,
) -> Result<()> {
    let mut last: Option<T> = None;
    loop {
        let page = next(last.as_ref()).await?;
        let more = page.more;
        last = page.items.last().cloned();
        each(page.items).await?;
        if !more || last.is_none() {
            return Ok(());
        }
    }
}
