//! Harbor's `q`, `sort`, `page` and `page_size`, and the `Link` header that
//! leads through a list: what is read is within the limits, reads the same when
//! it is written, and each link leads to the page it names with the same filter.
//! The input is a query string.
#![no_main]

use std::collections::BTreeSet;

use berth_harbor_api::{ListParameters, Page, Pattern, Query, link};
use http::uri::PathAndQuery;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;

const PATH: &str = "/api/v2.0/projects";

fn check_query(query: &Query) {
    assert!(query.terms().len() <= 32);
    let fields: BTreeSet<_> = query.terms().iter().map(|term| &term.field).collect();
    assert_eq!(fields.len(), query.terms().len(), "each field once");
    for term in query.terms() {
        assert!(!term.field.is_empty());
        assert_eq!(query.pattern(&term.field), Some(&term.pattern));
        match &term.pattern {
            Pattern::Exact(_) => {}
            Pattern::Fuzzy(text) => assert!(!text.is_empty()),
            Pattern::Range { min, max } => assert!(min.is_some() || max.is_some()),
            Pattern::AnyOf(values) | Pattern::AllOf(values) => assert!(values.len() <= 256),
        }
    }
    let written = query.to_string();
    // Written it is escaped, and so may be longer than is taken.
    if written.len() <= 4096 {
        assert_eq!(Query::parse(&written).as_ref(), Ok(query), "{written:?}");
    }
}

fn check_page(page: Page) {
    assert!(page.page() >= 1 && (1..=Page::MAXIMUM_SIZE).contains(&page.page_size()));
    let before = u128::from(page.page() - 1) * u128::from(page.page_size());
    assert_eq!(u128::from(page.offset()), before.min(u64::MAX.into()));
}

/// The links of a header, as target and relation.
fn links(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(" , ").map(|link| {
        let (target, relation) = link
            .split_once(">; rel=\"")
            .expect("a target and a relation");
        let target = target.strip_prefix('<').expect("a target in brackets");
        (
            target,
            relation.strip_suffix('"').expect("a quoted relation"),
        )
    })
}

fn is_encoded(text: &str) -> bool {
    let digits = |rest: &str| {
        rest.as_bytes()
            .iter()
            .take(2)
            .filter(|b| b.is_ascii_hexdigit())
            .count()
    };
    text.split('%').skip(1).all(|rest| digits(rest) == 2)
        && percent_decode_str(text).decode_utf8().is_ok()
}

fn check_links(query_string: &str, asked: &ListParameters) {
    let page = asked.page;
    let total = u64::from(u32::MAX);
    let Some(header) = link(PATH, query_string, page, total) else {
        assert!(page.offset() >= total || total <= u64::from(page.page_size()));
        return;
    };
    assert!(!header.contains(char::is_control));
    for (target, relation) in links(&header) {
        assert!(!target.contains(['<', '>', '"', ',', ';', ' ']), "{target}");
        let (path, next) = target.split_once('?').expect("a query");
        assert_eq!(path, PATH);
        // Of what was not encoded properly nothing can be promised.
        if !is_encoded(query_string) {
            continue;
        }
        let again = ListParameters::parse(next).expect("a link of ours is taken");
        let number = match relation {
            "next" => page.page() + 1,
            "prev" => page.page() - 1,
            other => panic!("a relation {other}"),
        };
        assert_eq!(again.page.page(), number);
        assert_eq!(again.page.page_size(), page.page_size());
        assert_eq!(
            (again.query, again.sort),
            (asked.query.clone(), asked.sort.clone())
        );
    }
}

fuzz_target!(|text: &str| {
    let Ok(target) = PathAndQuery::try_from(format!("{PATH}?{text}")) else {
        return;
    };
    let query_string = target.query().unwrap_or_default();
    match ListParameters::parse(query_string) {
        Ok(parameters) => {
            check_query(&parameters.query);
            check_page(parameters.page);
            assert!(parameters.sort.fields.len() <= 16);
            assert!(
                parameters
                    .sort
                    .fields
                    .iter()
                    .all(|field| !field.field.is_empty())
            );
            check_links(query_string, &parameters);
        }
        Err(error) => {
            assert!(matches!(error.code().status(), 400 | 422), "{error:?}");
            assert!(error.to_string().len() < 20_000);
        }
    }
});
