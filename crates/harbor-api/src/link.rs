//! The `Link` header (RFC 8288, before it RFC 5988) that leads through a list.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::Page;
use crate::form::pairs;

/// What would end the URL or the header for some reader: many split the header at each comma.
const SPECIAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b',')
    .add(b';');

/// The value of `Link` for one page of a list of `total` items: the previous page, the next, or
/// both; none when the list has no other page.
///
/// `path` and `query_string` (without the `?`) are the request's own, encoded as they came. Links
/// keep its other parameters, and are relative to the host, as Harbor's are.
pub fn link(path: &str, query_string: &str, page: Page, total: u64) -> Option<String> {
    let number = page.page();
    let mut links = Vec::new();
    if number > 1 && page.offset() < total {
        links.push(one(path, query_string, page, number - 1, "prev"));
    }
    if number.saturating_mul(u64::from(page.page_size())) < total {
        links.push(one(path, query_string, page, number + 1, "next"));
    }
    (!links.is_empty()).then(|| links.join(" , "))
}

fn one(path: &str, query_string: &str, page: Page, number: u64, relation: &str) -> String {
    let others: String = pairs(query_string)
        .filter(|(name, _)| name != "page" && name != "page_size")
        .flat_map(|(_, pair)| utf8_percent_encode(pair, SPECIAL).chain(["&"]))
        .collect();
    let path = utf8_percent_encode(path, SPECIAL);
    let size = page.page_size();
    format!("<{path}?{others}page={number}&page_size={size}>; rel=\"{relation}\"")
}
