//! The CDN: blobs by signed URL, and the serving of ranges.

use std::collections::BTreeMap;
use std::ops::Range;

use berth_oci::Digest;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use http::{HeaderMap, Method, Request, StatusCode};

use super::access::random_hex;
use super::body::{Reply, Source};
use super::lock;
use super::state::State;

/// What a URL was signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) method: Method,
    pub(super) repository: String,
    pub(super) digest: Digest,
}

/// The URLs that were signed and are still good, by path and query.
#[derive(Debug, Default)]
pub(super) struct SignedUrls(BTreeMap<String, Signed>);

impl SignedUrls {
    /// Signs a URL; answers its path and query.
    pub(super) fn sign(&mut self, signed: Signed) -> String {
        let hex = signed.digest.hex();
        let url = format!(
            "/registry-v2/docker/registry/v2/blobs/{}/{}/{hex}/data\
             ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=hub%2F20260101%2Fauto%2Fs3%2Faws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-Expires=1200\
             &X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            signed.digest.algorithm().as_str(),
            &hex[..2],
            random_hex(),
        );
        self.0.insert(url.clone(), signed);
        url
    }

    pub(super) fn expire_all(&mut self) {
        self.0.clear();
    }

    fn find(&self, url: &str, method: &Method) -> Option<Signed> {
        self.0
            .get(url)
            .filter(|signed| signed.method == *method)
            .cloned()
    }
}

/// GET or HEAD of a signed URL.
pub(super) fn object<B>(state: &State, request: &Request<B>) -> Reply {
    if request.headers().contains_key(AUTHORIZATION) {
        return refusal(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed",
        );
    }
    let url = request
        .uri()
        .path_and_query()
        .map_or("", |url| url.as_str());
    let Some(signed) = lock(&state.signed_urls).find(url, request.method()) else {
        return refusal(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "The signature does not match or has expired",
        );
    };
    match state.blob(&signed.repository, &signed.digest) {
        Some(source) => serve_blob(state, request.headers(), signed.digest, source),
        None => refusal(StatusCode::NOT_FOUND, "NoSuchKey", "No such key"),
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply::new(status, body).header(CONTENT_TYPE, "application/xml")
}

/// A blob, or the range of it that the headers ask for.
pub(super) fn serve_blob(
    state: &State,
    headers: &HeaderMap,
    digest: Digest,
    source: Source,
) -> Reply {
    let length = source.len();
    let etag = format!("\"{}\"", digest.hex());
    let serves_ranges = state.settings().serves_ranges;
    let wanted = if serves_ranges {
        wanted_range(headers, &etag)
    } else {
        None
    };
    let reply = match wanted {
        None => Reply::blob(StatusCode::OK, digest, source, 0..length),
        Some(range) => match range.within(length) {
            Some(range) => {
                let content_range = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                Reply::blob(StatusCode::PARTIAL_CONTENT, digest, source, range)
                    .header(CONTENT_RANGE, content_range)
            }
            None => {
                return Reply::new(StatusCode::RANGE_NOT_SATISFIABLE, "")
                    .header(CONTENT_RANGE, format!("bytes */{length}"));
            }
        },
    };
    let reply = reply
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(ETAG, etag);
    if serves_ranges {
        reply.header(ACCEPT_RANGES, "bytes")
    } else {
        reply
    }
}

/// One byte range as it is asked for (RFC 9110, 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteRange {
    From(u64, Option<u64>),
    Last(u64),
}

impl ByteRange {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        match (first, last) {
            ("", length) => length.parse().ok().map(Self::Last),
            (first, "") => Some(Self::From(first.parse().ok()?, None)),
            (first, last) => Some(Self::From(first.parse().ok()?, Some(last.parse().ok()?))),
        }
    }

    /// The part of it that `length` bytes have, if any.
    fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => {
                first..last.map_or(length, |last| last.saturating_add(1).min(length))
            }
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// The range asked for; none if it is malformed, of several parts, or for
/// another version.
fn wanted_range(headers: &HeaderMap, etag: &str) -> Option<ByteRange> {
    if headers.get(IF_RANGE).is_some_and(|version| version != etag) {
        return None;
    }
    ByteRange::parse(headers.get(RANGE)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parsed_and_clipped_as_rfc_9110_has_them() {
        for (text, range) in [
            ("bytes=0-9", Some(0..10)),
            ("bytes=90-", Some(90..100)),
            ("bytes=90-1000", Some(90..100)),
            ("bytes=-5", Some(95..100)),
            ("bytes=-500", Some(0..100)),
            ("bytes=100-", None),
            ("bytes=-0", None),
        ] {
            assert_eq!(ByteRange::parse(text).unwrap().within(100), range, "{text}");
        }
        for text in [
            "bytes=0-1,3-4",
            "bytes=a-b",
            "items=0-1",
            "bytes=5",
            "bytes=-",
        ] {
            assert_eq!(ByteRange::parse(text), None, "{text}");
        }
    }
}
