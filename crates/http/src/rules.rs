//! Every route with its rule, for the test that keeps the list.

use berth_domain::Rule;
use berth_oci::{OciRequest, OciRoute};
use http::Method;

use crate::{harbor, oci};

/// Every route of [`router`](crate::router()) as `METHOD /path`, with what it
/// asks of its caller.
pub fn rules() -> Vec<(String, Rule)> {
    let token = ("GET /service/token".to_owned(), Rule::Filtered);
    let fill = (
        "GET /berth/fills/{digest}/{name}".to_owned(),
        Rule::Instance,
    );
    let api = harbor::routes().map(|route| {
        let line = format!("{} {}", route.verb.as_str(), route.path);
        (line, route.rule)
    });
    oci_rules().chain([token, fill]).chain(api).collect()
}

/// The routes of the distribution API. One that asks for another right by tag
/// than by digest is there twice.
fn oci_rules() -> impl Iterator<Item = (String, Rule)> {
    OciRoute::PATTERNS.into_iter().flat_map(|pattern| {
        let by_digest = pattern.replace("{reference}", "{digest}");
        let by_tag = pattern.replace("{reference}", "{tag}");
        let both = [rule(&by_digest), rule(&by_tag)];
        match both {
            [Some(digest), Some(tag)] if digest != tag => {
                vec![(by_digest, digest), (by_tag, tag)]
            }
            [rule, _] => rule
                .map(|rule| (pattern.to_owned(), rule))
                .into_iter()
                .collect(),
        }
    })
}

/// The rule of a route of this pattern.
fn rule(pattern: &str) -> Option<Rule> {
    let (method, path) = pattern.split_once(' ')?;
    let digest = format!("sha256:{}", "0".repeat(64));
    let path = path
        .replace("{name}", "project/repository")
        .replace("{digest}", &digest)
        .replace("{tag}", "tag")
        .replace("{id}", &"0".repeat(32));
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let query = format!("digest={digest}");
    let query = (method == Method::PUT && path.contains("/uploads/")).then_some(query);
    let request = OciRequest::parse(&method, &path, query.as_deref()).ok()?;
    Some(oci::rule(&request.route))
}
