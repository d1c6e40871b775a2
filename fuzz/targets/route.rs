//! Routes of the distribution API: what is read obeys the grammars and limits,
//! and reads the same when it is written anew. The input is `METHOD target`.
#![no_main]

use berth_fuzz::grammar::{DIGEST, NAMESPACE, REPOSITORY, TAG, UPLOAD};
use berth_oci::{
    Algorithm, Digest, MAX_PATH_BYTES, MAX_QUERY_BYTES, MAX_TAG_PARAMETERS, OciRequest, OciRoute,
    PageQuery, ReadOperation, Reference, RepositoryName, RouteError, TagName,
};
use http::Method;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A request as it is written anew.
#[derive(Default)]
struct Written {
    method: &'static str,
    path: String,
    query: Vec<(&'static str, String)>,
}

impl Written {
    fn of(request: &OciRequest) -> Self {
        let mut written = Self::route(&request.route);
        written.add("ns", request.ns.as_ref());
        written
    }

    fn at(method: &'static str, path: String) -> Self {
        let query = Vec::new();
        Self {
            method,
            path,
            query,
        }
    }

    fn add(&mut self, name: &'static str, value: Option<impl ToString>) {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
    }

    fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.add(name, value);
        self
    }

    fn page(self, page: &PageQuery) -> Self {
        self.with("n", page.n).with("last", page.last.as_ref())
    }

    fn route(route: &OciRoute) -> Self {
        let read = |op: &ReadOperation| match op {
            ReadOperation::Get => "GET",
            ReadOperation::Head => "HEAD",
        };
        let upload = |method, name: &RepositoryName, id: &str, epoch: &Option<u64>| {
            assert!(UPLOAD.matches(id));
            Self::at(method, format!("/v2/{name}/blobs/uploads/{id}")).with("epoch", *epoch)
        };
        match route {
            OciRoute::Base => Self::at("GET", "/v2/".into()),
            OciRoute::Catalog { page } => Self::at("GET", "/v2/_catalog".into()).page(page),
            OciRoute::TagList { name, page } => {
                Self::at("GET", format!("/v2/{name}/tags/list")).page(page)
            }
            OciRoute::Manifest {
                name,
                reference,
                op,
            } => Self::at(read(op), format!("/v2/{name}/manifests/{reference}")),
            OciRoute::ManifestPut {
                name,
                reference,
                tags,
            } => {
                let written = Self::at("PUT", format!("/v2/{name}/manifests/{reference}"));
                tags.iter()
                    .fold(written, |written, tag| written.with("tag", Some(tag)))
            }
            OciRoute::ManifestDelete { name, reference } => {
                Self::at("DELETE", format!("/v2/{name}/manifests/{reference}"))
            }
            OciRoute::Blob { name, digest, op } => {
                Self::at(read(op), format!("/v2/{name}/blobs/{digest}"))
            }
            OciRoute::BlobDelete { name, digest } => {
                Self::at("DELETE", format!("/v2/{name}/blobs/{digest}"))
            }
            OciRoute::UploadStart {
                name,
                mount,
                from,
                digest,
                algorithm,
            } => Self::at("POST", format!("/v2/{name}/blobs/uploads/"))
                .with("mount", *mount)
                .with("from", from.as_ref())
                .with("digest", *digest)
                .with("digest-algorithm", algorithm.map(Algorithm::as_str)),
            OciRoute::UploadPatch { name, id, epoch } => upload("PATCH", name, id, epoch),
            OciRoute::UploadPut {
                name,
                id,
                epoch,
                digest,
            } => upload("PUT", name, id, epoch).with("digest", Some(digest)),
            OciRoute::UploadStatus { name, id, epoch } => upload("GET", name, id, epoch),
            OciRoute::UploadCancel { name, id, epoch } => upload("DELETE", name, id, epoch),
            OciRoute::Referrers {
                name,
                digest,
                artifact_type,
                page,
            } => Self::at("GET", format!("/v2/{name}/referrers/{digest}"))
                .with("artifactType", artifact_type.as_ref())
                .page(page),
        }
    }

    fn parse(&self) -> Result<OciRequest, RouteError> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = self.query.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let query = pairs.join("&");
        // What is written anew may be longer than the limit on what is sent.
        OciRequest::parse(
            &self.method.parse().expect("a method"),
            &self.path,
            Some(&query),
        )
    }
}

fn check_name(name: &RepositoryName) {
    assert!(
        name.as_str().len() <= 255 && REPOSITORY.matches(name.as_str()),
        "{name}"
    );
}

fn check_digest(digest: &Digest) {
    assert!(DIGEST.matches(&digest.to_string()));
}

fn check_tag(tag: &TagName) {
    assert!(TAG.matches(tag.as_str()), "{tag}");
}

fn check_reference(reference: &Reference) {
    match reference {
        Reference::Tag(tag) => check_tag(tag),
        Reference::Digest(digest) => check_digest(digest),
    }
}

fn check(request: &OciRequest) {
    let route = &request.route;
    assert!(OciRoute::PATTERNS.contains(&route.pattern()));
    route.name().into_iter().for_each(check_name);
    assert!(request.ns.as_deref().is_none_or(|ns| NAMESPACE.matches(ns)));
    match route {
        OciRoute::Manifest { reference, .. } | OciRoute::ManifestDelete { reference, .. } => {
            check_reference(reference);
        }
        OciRoute::ManifestPut {
            reference, tags, ..
        } => {
            check_reference(reference);
            assert!(tags.len() <= MAX_TAG_PARAMETERS);
            assert!(tags.is_empty() || matches!(reference, Reference::Digest(_)));
            for (position, tag) in tags.iter().enumerate() {
                check_tag(tag);
                assert!(!tags[..position].contains(tag), "each tag once");
            }
        }
        OciRoute::UploadStart { from, .. } => from.iter().for_each(check_name),
        OciRoute::Referrers { artifact_type, .. } => {
            assert!(
                artifact_type
                    .as_deref()
                    .is_none_or(|text| !text.contains(' '))
            );
        }
        _ => {}
    }
}

fuzz_target!(|text: &str| {
    let (method, target) = text.split_once(' ').unwrap_or(("GET", text));
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    match OciRequest::parse(&method, path, query) {
        Ok(request) => {
            assert!(path.len() <= MAX_PATH_BYTES);
            assert!(query.is_none_or(|query| query.len() <= MAX_QUERY_BYTES));
            check(&request);
            match Written::of(&request).parse() {
                // Written anew it is escaped, and so may be longer than is taken.
                Err(RouteError::QueryTooLong) => {}
                again => assert_eq!(again.as_ref(), Ok(&request)),
            }
        }
        Err(error) => {
            assert!(error.status().is_client_error(), "{error:?}");
            assert_eq!(error.status() == 405, error.allow().is_some(), "{error:?}");
            assert!(error.to_string().len() < 256, "{error}");
        }
    }
});
