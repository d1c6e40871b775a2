//! Manifests that are refused, and the limits.

use super::*;

/// The field that a manifest is refused for.
fn wrong_field(manifest: &Value) -> (String, String) {
    match parse("", manifest) {
        Err(ManifestError::Field { field, reason }) => (field, reason),
        other => panic!("no field is wrong: {other:?}"),
    }
}

#[test]
fn docker_schema_1_is_unsupported() {
    let schema1 = json!({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": []});
    for content_type in [
        "",
        DOCKER_SCHEMA1,
        DOCKER_SCHEMA1_SIGNED,
        "application/json",
    ] {
        let error = parse(content_type, &schema1).unwrap_err();
        assert_eq!(error, ManifestError::Schema1, "{content_type}");
        assert_eq!(
            (error.code(), error.status().as_u16()),
            (ErrorCode::Unsupported, 415)
        );
    }
}

#[test]
fn a_manifest_cannot_be_image_and_index_at_once() {
    for (manifest, field) in [
        (with(image(), "manifests", json!([])), "manifests"),
        (
            with(index(), "config", descriptor(OCI_CONFIG, "config")),
            "config",
        ),
        (with(index(), "layers", json!([])), "layers"),
    ] {
        assert_eq!(parse("", &manifest), Err(ManifestError::Ambiguous(field)));
    }
}

#[test]
fn a_wrong_field_is_named() {
    let layer = |layer: Value| {
        with(
            image(),
            "layers",
            json!([descriptor(OCI_LAYER, "one"), layer]),
        )
    };
    let wrong = |field, value| layer(with(descriptor(OCI_LAYER, "two"), field, value));
    for (manifest, field, reason) in [
        (without(image(), "config"), "config", "must have one"),
        (
            without(image(), "schemaVersion"),
            "schemaVersion",
            "must be 2",
        ),
        (
            with(image(), "schemaVersion", json!("2")),
            "schemaVersion",
            "must be 2",
        ),
        (
            with(image(), "config", json!([])),
            "config",
            "not an object",
        ),
        (with(image(), "layers", json!({})), "layers", "invalid type"),
        (
            with(image(), "subject", json!("x")),
            "subject",
            "not an object",
        ),
        (
            with(image(), "annotations", json!({"a": 1})),
            "annotations",
            "invalid type",
        ),
        (
            with(image(), "artifactType", json!(1)),
            "artifactType",
            "invalid type",
        ),
        (
            with(image(), "mediaType", json!(1)),
            "mediaType",
            "invalid type",
        ),
        (
            with(index(), "manifests", json!([1])),
            "manifests[0]",
            "not an object",
        ),
        (layer(json!(null)), "layers[1]", "not an object"),
        (
            layer(json!([OCI_LAYER, digest("two"), 3])),
            "layers[1]",
            "not an object",
        ),
        (
            layer(without(descriptor(OCI_LAYER, "two"), "digest")),
            "layers[1]",
            "missing field `digest`",
        ),
        (
            layer(without(descriptor(OCI_LAYER, "two"), "size")),
            "layers[1]",
            "missing field `size`",
        ),
        (
            layer(without(descriptor(OCI_LAYER, "two"), "mediaType")),
            "layers[1]",
            "missing field `mediaType`",
        ),
        (
            wrong("digest", json!("sha256:x")),
            "layers[1]",
            "a digest is written",
        ),
        (
            wrong("digest", json!("md5:900150983cd24fb0d6963f7d28e17f72")),
            "layers[1]",
            "not supported",
        ),
        (wrong("size", json!(-1)), "layers[1]", "invalid value"),
        (wrong("size", json!(1.5)), "layers[1]", "invalid type"),
        (wrong("size", json!(u64::MAX)), "layers[1]", "signed 64-bit"),
    ] {
        let found = wrong_field(&manifest);
        assert!(
            found.0 == field && found.1.contains(reason),
            "{field}, {reason}: {found:?}"
        );
    }
}

#[test]
fn inline_data_must_be_the_content() {
    let inline = |data: &str| {
        with(
            image(),
            "config",
            with(descriptor(OCI_EMPTY, "{}"), "data", json!(data)),
        )
    };
    assert_eq!(
        parse("", &inline("e30="))
            .unwrap()
            .config
            .unwrap()
            .data
            .as_deref(),
        Some("e30=")
    );
    for (data, reason) in [
        ("e30", "not base64"),
        ("!", "not base64"),
        ("e31=", "not base64"),
        ("", "as long"),
        ("e30K", "as long"),
        ("e3s=", "digest"),
    ] {
        let (field, found) = wrong_field(&inline(data));
        assert!(
            field == "config" && found.contains(reason),
            "{data}: {found}"
        );
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for bytes in [
        &b""[..],
        b"[]",
        b"null",
        b"[2, \"a/b\"]",
        b"{",
        b"{} {}",
        b"{\"a\": \"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"config\": 1, \"config\": 2}",
    ] {
        let parsed = ParsedManifest::parse(Some(OCI_MANIFEST), bytes);
        assert!(
            matches!(parsed, Err(ManifestError::Json(_))),
            "{bytes:?}: {parsed:?}"
        );
    }
}

#[test]
fn a_manifest_is_limited_in_bytes() {
    let mut text = image().to_string();
    text.push_str(&" ".repeat(MAX_MANIFEST_BYTES - text.len()));
    assert!(ParsedManifest::parse(None, text.as_bytes()).is_ok());
    text.push(' ');
    let error = ParsedManifest::parse(None, text.as_bytes()).unwrap_err();
    assert_eq!(
        (error.clone(), error.status().as_u16()),
        (ManifestError::TooLarge, 413)
    );
}

#[test]
fn a_manifest_is_limited_in_descriptors() {
    let children = |count| {
        with(
            index(),
            "manifests",
            json!(vec![descriptor(OCI_MANIFEST, "a"); count]),
        )
    };
    assert_eq!(
        parse("", &children(MAX_DESCRIPTORS))
            .unwrap()
            .children
            .len(),
        MAX_DESCRIPTORS
    );
    assert_eq!(
        parse("", &children(MAX_DESCRIPTORS + 1)),
        Err(ManifestError::TooManyDescriptors)
    );
    let subject = with(
        children(MAX_DESCRIPTORS),
        "subject",
        descriptor(OCI_MANIFEST, "a"),
    );
    assert_eq!(parse("", &subject), Err(ManifestError::TooManyDescriptors));
    let unknown = with(children(MAX_DESCRIPTORS + 1), "mediaType", json!("a/b"));
    assert_eq!(parse("", &unknown), Err(ManifestError::TooManyDescriptors));
}

#[test]
fn deep_nesting_is_survived() {
    let depth = MAX_MANIFEST_BYTES / 4;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for field in ["custom", "config", "annotations", "mediaType"] {
        let text = format!("{{\"{field}\": {nested}}}");
        let _ = ParsedManifest::parse(Some(OCI_INDEX), text.as_bytes());
    }
}

#[test]
fn an_error_does_not_repeat_what_is_long() {
    let manifest = with(image(), "annotations", json!("a".repeat(100_000)));
    assert!(wrong_field(&manifest).1.len() <= 200);
}
