//! Pages by cursor: what a store can list without a scan or an offset.

/// One page of a list in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in key order.
    pub items: Vec<T>,
    /// Whether there were more behind the last one when the page was read.
    pub more: bool,
}

impl<T> Page<T> {
    /// Makes a page of up to `limit` items from items read with a limit of
    /// `limit + 1`.
    pub fn from_overread(mut items: Vec<T>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }

    /// The page with each item mapped.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            more: self.more,
        }
    }
}
