//! Routes by table, and by random paths.

use http::{Method, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::digest::DigestError;
use crate::error::ErrorCode;
use crate::name::NameError;

mod refusals;

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn parse(request: &str) -> Result<OciRoute, RouteError> {
    parse_request(request).map(|request| request.route)
}

fn parse_request(request: &str) -> Result<OciRequest, RouteError> {
    let (method, target) = request.split_once(' ').unwrap();
    let target = target.replace("DIGEST", DIGEST);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*target, None),
    };
    OciRequest::parse(&method.parse().unwrap(), path, query)
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn digest() -> Digest {
    DIGEST.parse().unwrap()
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

#[test]
fn the_root_and_the_catalog_have_no_repository() {
    for request in ["GET /v2/", "GET /v2", "HEAD /v2/", "GET /v2/?x=y"] {
        assert_eq!(parse(request), Ok(OciRoute::Base), "{request}");
    }
    assert_eq!(
        parse("GET /v2/_catalog"),
        Ok(OciRoute::Catalog {
            page: PageQuery::default()
        })
    );
}

#[test]
fn manifests_are_read_written_and_deleted() {
    let get = |name_text, reference, op| OciRoute::Manifest {
        name: name(name_text),
        reference,
        op,
    };
    for (request, route) in [
        (
            "GET /v2/a/manifests/latest",
            get("a", tag("latest"), ReadOperation::Get),
        ),
        (
            "HEAD /v2/a/b/c/manifests/1.0",
            get("a/b/c", tag("1.0"), ReadOperation::Head),
        ),
        (
            "GET /v2/a/manifests/DIGEST",
            get("a", Reference::Digest(digest()), ReadOperation::Get),
        ),
        (
            "PUT /v2/a/manifests/latest",
            OciRoute::ManifestPut {
                name: name("a"),
                reference: tag("latest"),
                tags: vec![],
            },
        ),
        (
            "DELETE /v2/a/manifests/latest",
            OciRoute::ManifestDelete {
                name: name("a"),
                reference: tag("latest"),
            },
        ),
    ] {
        assert_eq!(parse(request), Ok(route), "{request}");
    }
}

#[test]
fn blobs_are_read_and_deleted() {
    let (name, digest) = (name("a/b"), digest());
    for (request, route) in [
        (
            "GET /v2/a/b/blobs/DIGEST",
            OciRoute::Blob {
                name: name.clone(),
                digest,
                op: ReadOperation::Get,
            },
        ),
        (
            "HEAD /v2/a/b/blobs/DIGEST",
            OciRoute::Blob {
                name: name.clone(),
                digest,
                op: ReadOperation::Head,
            },
        ),
        (
            "DELETE /v2/a/b/blobs/DIGEST",
            OciRoute::BlobDelete {
                name: name.clone(),
                digest,
            },
        ),
    ] {
        assert_eq!(parse(request), Ok(route), "{request}");
    }
}

#[test]
fn an_upload_starts_with_and_without_a_slash_at_the_end() {
    let start = |mount, from: Option<&str>, digest, algorithm| OciRoute::UploadStart {
        name: name("a/b"),
        mount,
        from: from.map(name),
        digest,
        algorithm,
    };
    let digest = Some(digest());
    for (query, route) in [
        ("", start(None, None, None, None)),
        ("?digest=DIGEST", start(None, None, digest, None)),
        (
            "?mount=DIGEST&from=c/d",
            start(digest, Some("c/d"), None, None),
        ),
        (
            "?mount=DIGEST&from=c%2Fd",
            start(digest, Some("c/d"), None, None),
        ),
        ("?mount=DIGEST", start(digest, None, None, None)),
        ("?mount=&from=", start(None, None, None, None)),
        (
            "?digest-algorithm=sha512",
            start(None, None, None, Some(Algorithm::Sha512)),
        ),
    ] {
        for path in ["/v2/a/b/blobs/uploads/", "/v2/a/b/blobs/uploads"] {
            assert_eq!(
                parse(&format!("POST {path}{query}")),
                Ok(route.clone()),
                "{path}{query}"
            );
        }
    }
}

#[test]
fn an_upload_goes_on_at_its_location() {
    let (name, id) = (name("a"), "0193-ab_c.d=".to_owned());
    for (request, route) in [
        (
            "PATCH /v2/a/blobs/uploads/0193-ab_c.d=",
            OciRoute::UploadPatch {
                name: name.clone(),
                id: id.clone(),
                epoch: None,
            },
        ),
        (
            "PUT /v2/a/blobs/uploads/0193-ab_c.d=?epoch=7&digest=DIGEST",
            OciRoute::UploadPut {
                name: name.clone(),
                id: id.clone(),
                epoch: Some(7),
                digest: digest(),
            },
        ),
        (
            "GET /v2/a/blobs/uploads/0193-ab_c.d=?epoch=0",
            OciRoute::UploadStatus {
                name: name.clone(),
                id: id.clone(),
                epoch: Some(0),
            },
        ),
        (
            "DELETE /v2/a/blobs/uploads/0193-ab_c.d=",
            OciRoute::UploadCancel {
                name: name.clone(),
                id: id.clone(),
                epoch: None,
            },
        ),
    ] {
        assert_eq!(parse(request), Ok(route), "{request}");
    }
}

#[test]
fn names_may_hold_the_words_of_endpoints() {
    for (request, expected) in [
        ("GET /v2/tags/tags/list", "tags"),
        ("GET /v2/a/manifests/tags/list", "a/manifests"),
        ("GET /v2/a/tags/list/manifests/latest", "a/tags/list"),
        (
            "GET /v2/a/blobs/uploads/manifests/latest",
            "a/blobs/uploads",
        ),
        ("GET /v2/blobs/blobs/DIGEST", "blobs"),
        ("POST /v2/blobs/uploads/blobs/uploads/", "blobs/uploads"),
        ("PATCH /v2/uploads/blobs/uploads/manifests", "uploads"),
        ("GET /v2/v2/manifests/v2", "v2"),
    ] {
        assert_eq!(
            parse(request).unwrap().name().unwrap().as_str(),
            expected,
            "{request}"
        );
    }
}

#[test]
fn paths_are_percent_decoded_once() {
    for request in [
        "GET /v2/a%2Fb/manifests/latest",
        "GET /v2/%61/b/manifests/l%61test",
    ] {
        let route = OciRoute::Manifest {
            name: name("a/b"),
            reference: tag("latest"),
            op: ReadOperation::Get,
        };
        assert_eq!(parse(request), Ok(route), "{request}");
    }
    let twice = parse("GET /v2/a%252Fb/manifests/latest");
    assert_eq!(twice, Err(RouteError::Name(NameError::Repository)));
    assert!(parse("GET /v2/a/blobs/sha256%3Aba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").is_ok());
}

#[test]
fn pages_are_read_from_the_query() {
    let page = |n, last: Option<&str>| PageQuery {
        n,
        last: last.map(Into::into),
    };
    for (query, expected) in [
        ("", page(None, None)),
        ("?n=&last=", page(None, None)),
        ("?n=0", page(Some(0), None)),
        ("?n=10&last=v1%2B1", page(Some(10), Some("v1+1"))),
        ("?last=a+b&n=2", page(Some(2), Some("a b"))),
        ("?n=1&n=2", page(Some(1), None)),
        ("?n=99999999999999999999", page(Some(u32::MAX), None)),
    ] {
        let expected = OciRoute::TagList {
            name: name("a"),
            page: expected,
        };
        assert_eq!(
            parse(&format!("GET /v2/a/tags/list{query}")),
            Ok(expected),
            "{query}"
        );
    }
}

#[test]
fn referrers_are_filtered_by_the_first_type() {
    for (query, expected) in [
        ("", None),
        ("?artifactType=", None),
        (
            "?artifactType=application/vnd.a%2Bjson",
            Some("application/vnd.a+json"),
        ),
        (
            "?artifactType=application/vnd.a+json",
            Some("application/vnd.a+json"),
        ),
        ("?artifactType=a/b&artifactType=c/d", Some("a/b")),
    ] {
        let expected = OciRoute::Referrers {
            name: name("a"),
            digest: digest(),
            artifact_type: expected.map(Into::into),
            page: PageQuery::default(),
        };
        assert_eq!(
            parse(&format!("GET /v2/a/referrers/DIGEST{query}")),
            Ok(expected),
            "{query}"
        );
    }
}

#[test]
fn a_manifest_pushed_by_digest_can_have_tags() {
    let Ok(OciRoute::ManifestPut { tags, .. }) =
        parse("PUT /v2/a/manifests/DIGEST?tag=1.2&tag=1&tag=1.2&tag=latest")
    else {
        panic!("no push");
    };
    assert_eq!(
        tags.iter().map(TagName::as_str).collect::<Vec<_>>(),
        ["1.2", "1", "latest"]
    );
}

#[test]
fn tag_parameters_are_limited() {
    let request = |count: usize| {
        let tags: Vec<_> = (0..count).map(|tag| format!("tag=t{tag}")).collect();
        format!("PUT /v2/a/manifests/DIGEST?{}", tags.join("&"))
    };
    assert!(parse(&request(MAX_TAG_PARAMETERS)).is_ok());
    assert_eq!(
        parse(&request(MAX_TAG_PARAMETERS + 1)),
        Err(RouteError::TooManyTags)
    );
}

#[test]
fn the_namespace_is_read_on_any_route() {
    let ns = |request| parse_request(request).map(|request| request.ns);
    assert_eq!(ns("GET /v2/?ns=docker.io"), Ok(Some("docker.io".into())));
    assert_eq!(
        ns("GET /v2/a/manifests/b?ns=host%3A5000"),
        Ok(Some("host:5000".into()))
    );
    assert_eq!(ns("GET /v2/a/manifests/b?ns="), Ok(None));
    assert_eq!(ns("GET /v2/a/manifests/b"), Ok(None));
    assert_eq!(
        ns("GET /v2/a/manifests/b?ns=a%0d%0ab"),
        Err(RouteError::Namespace)
    );
}

/// A request of each pattern, and what it must be allowed.
fn examples() -> [(String, RepositoryAccess); 16] {
    OciRoute::PATTERNS.map(|pattern| {
        let access = match pattern {
            "GET /v2/" => RepositoryAccess::None,
            "GET /v2/_catalog" => RepositoryAccess::Catalog,
            _ if pattern.contains("/uploads/") || pattern.starts_with("PUT") => {
                RepositoryAccess::Push
            }
            _ if pattern.starts_with("DELETE") => RepositoryAccess::Delete,
            _ => RepositoryAccess::Pull,
        };
        let request = pattern
            .replace("{name}", "a/b")
            .replace("{reference}", "latest")
            .replace("{digest}", DIGEST)
            .replace("{id}", "id");
        (format!("{request}?digest={DIGEST}"), access)
    })
}

#[test]
fn every_pattern_is_that_of_a_route() {
    for ((request, access), pattern) in examples().into_iter().zip(OciRoute::PATTERNS) {
        let route = parse(&request).unwrap();
        assert_eq!(route.pattern(), pattern);
        assert_eq!(route.access(), access, "{pattern}");
    }
}

#[test]
fn a_route_moves_to_another_repository_as_a_whole() {
    for (request, _) in examples() {
        let moved = parse(&request).unwrap().with_name(name("c"));
        assert_eq!(
            moved,
            parse(&request.replace("/a/b/", "/c/")).unwrap(),
            "{request}"
        );
    }
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ])
}

proptest! {
    #[test]
    fn no_request_makes_the_parser_panic(method in method(), path in "\\PC*", query in "\\PC*") {
        let _ = OciRoute::parse(&method, &path, Some(&query));
    }

    #[test]
    fn nothing_near_a_request_makes_the_parser_panic(
        method in method(),
        path in "/v2(/|a|tags|list|manifests|blobs|uploads|referrers|latest|%2[fF0]|%|:|sha256){0,10}",
        query in "((n|last|tag|mount|from|digest|ns|epoch|artifactType)?=?[a0%+:é]{0,4}&?){0,6}",
    ) {
        let _ = OciRoute::parse(&method, &path, Some(&query));
    }

    #[test]
    fn every_valid_name_is_found_in_its_path(
        name in "[a-z0-9]{1,4}((\\.|_|__|-{1,3}|/)[a-z0-9]{1,4}){0,6}(/(tags|list|manifests|blobs|uploads)){0,3}",
        index in 2_usize..16,
    ) {
        let (request, _) = &examples()[index];
        let route = parse(&request.replace("/a/b/", &format!("/{name}/"))).unwrap();
        prop_assert_eq!(route.name().map(RepositoryName::as_str), Some(&*name));
        prop_assert_eq!(route.pattern(), OciRoute::PATTERNS[index]);
    }
}
