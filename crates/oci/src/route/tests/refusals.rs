//! Requests that are no route, and the limits.

use super::*;

#[test]
fn what_is_no_endpoint_is_not_found() {
    for request in [
        "GET /",
        "GET ",
        "GET /v1/",
        "GET /v2x",
        "GET /v2x/_catalog",
        "GET /v2/a",
        "GET /v2/a/b",
        "GET /v2/_catalog/",
        "GET /v2/tags/list",
        "GET /v2/manifests/latest",
        "GET /v2/a/tags/list/",
        "GET /v2/a/manifests/latest/",
        "GET /v2/a/uploads/id",
        "GET /v2/a/tags/other",
    ] {
        assert_eq!(parse(request), Err(RouteError::NotFound), "{request}");
    }
}

#[test]
fn a_method_that_an_endpoint_lacks_names_those_it_has() {
    for (request, allow) in [
        ("POST /v2/", "GET, HEAD"),
        ("DELETE /v2/_catalog", "GET, HEAD"),
        ("PUT /v2/a/tags/list", "GET, HEAD"),
        ("POST /v2/a/referrers/DIGEST", "GET, HEAD"),
        ("POST /v2/a/manifests/latest", "GET, HEAD, PUT, DELETE"),
        ("PUT /v2/a/blobs/DIGEST", "GET, HEAD, DELETE"),
        ("GET /v2/a/blobs/uploads/", "POST"),
        (
            "POST /v2/a/blobs/uploads/id",
            "GET, HEAD, PATCH, PUT, DELETE",
        ),
        ("BREW /v2/A/manifests/latest", "GET, HEAD, PUT, DELETE"),
    ] {
        let error = parse(request).unwrap_err();
        assert_eq!(error.allow(), Some(allow), "{request}");
        assert_eq!(
            (error.code(), error.status().as_u16()),
            (ErrorCode::Unsupported, 405),
            "{request}"
        );
    }
}

#[test]
fn a_wrong_part_has_its_own_code() {
    use ErrorCode::{
        BlobUploadInvalid, BlobUploadUnknown, DigestInvalid, ManifestInvalid, ManifestUnknown,
        NameInvalid, Unsupported,
    };
    for (request, code, status) in [
        ("GET /v2/A/manifests/latest", NameInvalid, 400),
        ("GET /v2//manifests/latest", NameInvalid, 400),
        ("GET /v2/a//b/manifests/latest", NameInvalid, 400),
        ("GET /v2/a/../b/manifests/latest", NameInvalid, 400),
        ("GET /v2/a/%2e%2e/manifests/latest", NameInvalid, 400),
        ("GET /v2/%ff/manifests/latest", NameInvalid, 400),
        (
            "POST /v2/a/blobs/uploads/?mount=DIGEST&from=A",
            NameInvalid,
            400,
        ),
        ("GET /v2/a/manifests/.INVALID", ManifestUnknown, 404),
        ("HEAD /v2/a/manifests/.INVALID", ManifestUnknown, 404),
        ("DELETE /v2/a/manifests/.INVALID", ManifestUnknown, 404),
        ("PUT /v2/a/manifests/.INVALID", ManifestInvalid, 400),
        ("PUT /v2/a/manifests/latest?tag=b", ManifestInvalid, 400),
        ("PUT /v2/a/manifests/DIGEST?tag=.b", ManifestInvalid, 400),
        ("PUT /v2/a/manifests/DIGEST?tag=", ManifestInvalid, 400),
        (
            "GET /v2/a/manifests/sha256:baddigeststring",
            DigestInvalid,
            400,
        ),
        (
            "PUT /v2/a/manifests/sha256:baddigeststring",
            DigestInvalid,
            400,
        ),
        ("GET /v2/a/blobs/latest", DigestInvalid, 400),
        (
            "GET /v2/a/blobs/md5:900150983cd24fb0d6963f7d28e17f72",
            DigestInvalid,
            400,
        ),
        ("GET /v2/a/referrers/sha256:x", DigestInvalid, 400),
        ("POST /v2/a/blobs/uploads/?digest=x", DigestInvalid, 400),
        ("POST /v2/a/blobs/uploads/?mount=x", DigestInvalid, 400),
        (
            "POST /v2/a/blobs/uploads/?digest-algorithm=md5",
            DigestInvalid,
            400,
        ),
        ("PUT /v2/a/blobs/uploads/id", DigestInvalid, 400),
        ("PUT /v2/a/blobs/uploads/id?digest=", DigestInvalid, 400),
        ("PUT /v2/a/blobs/uploads/id?digest=x", DigestInvalid, 400),
        ("PATCH /v2/a/blobs/uploads/a b", BlobUploadUnknown, 404),
        (
            "PATCH /v2/a/blobs/uploads/id?epoch=x",
            BlobUploadInvalid,
            400,
        ),
        ("GET /v2/a/tags/list?n=x", Unsupported, 400),
        ("GET /v2/a/tags/list?n=-1", Unsupported, 400),
        ("GET /v2/_catalog?n=+1", Unsupported, 400),
    ] {
        let error = parse(request).unwrap_err();
        assert_eq!(
            (error.code(), error.status().as_u16()),
            (code, status),
            "{request}: {error}"
        );
    }
}

#[test]
fn a_digest_of_an_unsupported_algorithm_says_so() {
    let error = parse("GET /v2/a/blobs/md5:900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(error, Err(RouteError::Digest(DigestError::Algorithm)));
}

#[test]
fn path_query_and_upload_id_are_limited() {
    let status = |request: &str| parse(request).unwrap_err().status();
    let long = "a".repeat(MAX_PATH_BYTES);
    assert_eq!(
        status(&format!("GET /v2/{long}/tags/list")),
        StatusCode::URI_TOO_LONG
    );
    let long = "a".repeat(MAX_QUERY_BYTES + 1);
    assert_eq!(
        status(&format!("GET /v2/?{long}")),
        StatusCode::URI_TOO_LONG
    );
    let id = "a".repeat(128);
    assert!(parse(&format!("GET /v2/a/blobs/uploads/{id}")).is_ok());
    assert_eq!(
        parse(&format!("GET /v2/a/blobs/uploads/{id}a")),
        Err(RouteError::NoSuchUpload)
    );
}
