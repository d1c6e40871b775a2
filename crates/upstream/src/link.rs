//! The `Link` header, by which lists name their next page (RFC 8288).

use http::HeaderMap;
use http::header::LINK;

/// The target of the link with the relation `next`, as written.
pub(crate) fn next(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(LINK).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .find_map(next_of)
}

fn next_of(mut links: &str) -> Option<&str> {
    while let Some((_, rest)) = links.split_once('<') {
        let (target, rest) = rest.split_once('>')?;
        // A target may hold commas, parameters that matter here do not.
        let (parameters, others) = rest.split_once(',').unwrap_or((rest, ""));
        if parameters.split(';').any(is_next) {
            return Some(target);
        }
        links = others;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel")
        && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, target) in [
            (
                r#"</v2/a/tags/list?last=b&n=2>; rel="next""#,
                Some("/v2/a/tags/list?last=b&n=2"),
            ),
            ("</b,c>;title=x;rel=next", Some("/b,c")),
            (r#"</a>; rel="prev", </b>; REL="last next""#, Some("/b")),
            (r#"</a>; rel="prev""#, None),
            ("</a>", None),
            ("</a", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(LINK, header.parse().unwrap())]);
            assert_eq!(next(&headers), target, "{header}");
        }
    }
}
