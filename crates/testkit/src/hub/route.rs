//! What a path means at which host. Parsed apart from the product's own
//! parser, which the double is there to test.

use http::Method;

use super::request::{Host, RequestKind};

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Ping,
    /// Repository and reference.
    Manifest(&'a str, &'a str),
    /// Repository and digest.
    Blob(&'a str, &'a str),
    Tags(&'a str),
    /// Repository and digest.
    Referrers(&'a str, &'a str),
    Token,
    /// A blob at the CDN.
    Object,
    Other,
}

impl<'a> Route<'a> {
    pub(super) fn of(host: Host, method: &Method, path: &'a str) -> Self {
        if method != Method::GET && method != Method::HEAD {
            return Self::Other;
        }
        match host {
            Host::TokenService if path == "/token" && method == Method::GET => Self::Token,
            Host::TokenService => Self::Other,
            Host::Cdn => Self::Object,
            Host::Registry => Self::of_registry(path).unwrap_or(Self::Other),
        }
    }

    fn of_registry(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/v2/")?;
        if path.is_empty() {
            return Some(Self::Ping);
        }
        if let Some(repository) = path.strip_suffix("/tags/list") {
            return Some(Self::Tags(repository));
        }
        let (rest, last) = path.rsplit_once('/')?;
        let (repository, resource) = rest.rsplit_once('/')?;
        match resource {
            "manifests" => Some(Self::Manifest(repository, last)),
            "blobs" => Some(Self::Blob(repository, last)),
            "referrers" => Some(Self::Referrers(repository, last)),
            _ => None,
        }
    }

    pub(super) fn repository(&self) -> Option<&'a str> {
        match *self {
            Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Tags(name)
            | Self::Referrers(name, _) => Some(name),
            Self::Ping | Self::Token | Self::Object | Self::Other => None,
        }
    }

    pub(super) fn kind(&self, method: &Method) -> RequestKind {
        let head = method == Method::HEAD;
        match self {
            Self::Ping => RequestKind::Ping,
            Self::Manifest(..) if head => RequestKind::ManifestHead,
            Self::Manifest(..) => RequestKind::ManifestGet,
            Self::Blob(..) if head => RequestKind::BlobHead,
            Self::Blob(..) => RequestKind::BlobGet,
            Self::Tags(_) => RequestKind::Tags,
            Self::Referrers(..) => RequestKind::Referrers,
            Self::Token => RequestKind::Token,
            Self::Object if head => RequestKind::CdnHead,
            Self::Object => RequestKind::CdnGet,
            Self::Other => RequestKind::Other,
        }
    }
}
