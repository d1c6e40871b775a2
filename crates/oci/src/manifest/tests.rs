//! Manifests as clients write them, and as they must not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::media_type::{
    DOCKER_CONFIG, DOCKER_FOREIGN_LAYER, DOCKER_LAYER, DOCKER_LIST, DOCKER_MANIFEST,
    DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, OCI_ARTIFACT, OCI_CONFIG, OCI_EMPTY, OCI_INDEX,
    OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST,
};

mod refusals;

fn descriptor(media_type: &str, content: &str) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

fn digest(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, "config"),
        "layers": [descriptor(OCI_LAYER_GZIP, "one"), descriptor(OCI_LAYER, "two")],
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(OCI_MANIFEST, "amd64"), descriptor(OCI_MANIFEST, "arm64")],
    })
}

/// `manifest` with one field set.
fn with(mut manifest: Value, field: &str, value: Value) -> Value {
    manifest[field] = value;
    manifest
}

/// `manifest` with one field less.
fn without(mut manifest: Value, field: &str) -> Value {
    manifest.as_object_mut().unwrap().remove(field).unwrap();
    manifest
}

fn parse(content_type: &str, manifest: &Value) -> Result<ParsedManifest, ManifestError> {
    let content_type = (!content_type.is_empty()).then_some(content_type);
    ParsedManifest::parse(content_type, manifest.to_string().as_bytes())
}

fn digests(descriptors: &[Descriptor]) -> Vec<Digest> {
    descriptors
        .iter()
        .map(|descriptor| descriptor.digest)
        .collect()
}

#[test]
fn an_image_has_a_config_and_layers() {
    let parsed = parse(OCI_MANIFEST, &image()).unwrap();
    assert_eq!(
        (parsed.kind, &*parsed.media_type),
        (ManifestKind::Image, OCI_MANIFEST)
    );
    assert_eq!(parsed.config.as_ref().unwrap().digest, digest("config"));
    assert_eq!(
        digests(&parsed.blobs),
        [digest("config"), digest("one"), digest("two")]
    );
    assert_eq!(parsed.children, []);
    assert_eq!(parsed.subject, None);
}

#[test]
fn a_docker_image_is_an_image() {
    let docker = json!({
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": descriptor(DOCKER_CONFIG, "config"),
        "layers": [descriptor(DOCKER_LAYER, "one")],
    });
    let parsed = parse(DOCKER_MANIFEST, &docker).unwrap();
    assert_eq!(
        (parsed.kind, &*parsed.media_type),
        (ManifestKind::Image, DOCKER_MANIFEST)
    );
    assert_eq!(digests(&parsed.blobs), [digest("config"), digest("one")]);
}

#[test]
fn an_index_has_children_with_platforms() {
    let platform = json!({
        "architecture": "arm64", "os": "linux", "variant": "v8",
        "os.version": "1", "os.features": ["f"], "features": ["ignored"],
    });
    let mut list = with(index(), "mediaType", json!(DOCKER_LIST));
    list["manifests"][1]["platform"] = platform;
    let parsed = parse(DOCKER_LIST, &list).unwrap();
    assert_eq!(parsed.kind, ManifestKind::Index);
    assert_eq!(
        digests(&parsed.children),
        [digest("amd64"), digest("arm64")]
    );
    assert_eq!(
        parsed.children[1].platform,
        Some(Platform {
            architecture: "arm64".into(),
            os: "linux".into(),
            os_version: Some("1".into()),
            os_features: vec!["f".into()],
            variant: Some("v8".into()),
        })
    );
    assert_eq!(parsed.blobs, []);
}

#[test]
fn an_artifact_manifest_has_blobs() {
    let artifact = json!({
        "mediaType": OCI_ARTIFACT,
        "artifactType": "application/vnd.example",
        "blobs": [descriptor("text/plain", "one")],
        "subject": descriptor(OCI_MANIFEST, "subject"),
    });
    let parsed = parse(OCI_ARTIFACT, &artifact).unwrap();
    assert_eq!(parsed.kind, ManifestKind::Artifact);
    assert_eq!(digests(&parsed.blobs), [digest("one")]);
    assert_eq!(parsed.subject.unwrap().digest, digest("subject"));
    assert_eq!(
        parsed.artifact_type.as_deref(),
        Some("application/vnd.example")
    );
}

#[test]
fn the_artifact_type_of_an_image_falls_back_to_its_config() {
    let typed = |value: Value| {
        parse("", &with(image(), "artifactType", value))
            .unwrap()
            .artifact_type
    };
    assert_eq!(typed(json!("a/b")).as_deref(), Some("a/b"));
    assert_eq!(typed(json!("")).as_deref(), Some(OCI_CONFIG));
    assert_eq!(typed(json!(null)).as_deref(), Some(OCI_CONFIG));
    assert_eq!(parse("", &index()).unwrap().artifact_type, None);
    let index = with(index(), "artifactType", json!("a/b"));
    assert_eq!(
        parse("", &index).unwrap().artifact_type.as_deref(),
        Some("a/b")
    );
}

#[test]
fn a_referrer_is_listed_with_its_type_and_annotations() {
    let manifest = with(image(), "annotations", json!({"key": "value"}));
    let parsed = parse("", &with(manifest, "artifactType", json!("a/b"))).unwrap();
    assert_eq!(
        serde_json::to_value(parsed.referrer(digest("it"), 7)).unwrap(),
        json!({
            "mediaType": OCI_MANIFEST, "digest": digest("it"), "size": 7,
            "artifactType": "a/b", "annotations": {"key": "value"},
        })
    );
}

#[test]
fn layers_that_are_not_distributed_are_not_required() {
    let mut foreign = descriptor(DOCKER_FOREIGN_LAYER, "foreign");
    foreign["urls"] = json!(["https://example.com/layer"]);
    let layers = json!([
        foreign,
        descriptor(
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "other"
        ),
        descriptor(OCI_LAYER, "one"),
        descriptor(OCI_LAYER, "one"),
    ]);
    let parsed = parse("", &with(image(), "layers", layers)).unwrap();
    assert_eq!(parsed.blobs.len(), 5);
    assert_eq!(parsed.blobs[1].urls, ["https://example.com/layer"]);
    let required = parsed.required_blobs();
    assert_eq!(
        required.iter().map(|blob| blob.digest).collect::<Vec<_>>(),
        [digest("config"), digest("one")]
    );
}

#[test]
fn unknown_fields_and_nulls_are_passed_over() {
    let mut manifest = image();
    for field in [
        "subject",
        "annotations",
        "artifactType",
        "manifests",
        "blobs",
    ] {
        manifest[field] = json!(null);
    }
    manifest["org.example.custom"] = json!({"deep": [1, 2]});
    for field in ["annotations", "urls", "data", "platform", "artifactType"] {
        manifest["config"][field] = json!(null);
    }
    manifest["config"]["custom"] = json!(1);
    let expected = parse("", &image()).unwrap();
    assert_eq!(parse("", &manifest), Ok(expected));
}

#[test]
fn layers_may_be_none() {
    for manifest in [
        with(image(), "layers", json!([])),
        with(image(), "layers", json!(null)),
        without(image(), "layers"),
    ] {
        assert_eq!(
            digests(&parse("", &manifest).unwrap().blobs),
            [digest("config")]
        );
    }
}

#[test]
fn header_and_body_must_name_one_media_type() {
    let resolved = |content_type, manifest: &Value| {
        parse(content_type, manifest).map(|parsed| parsed.media_type)
    };
    let untyped = without(image(), "mediaType");
    for (content_type, manifest) in [
        (OCI_MANIFEST, &image()),
        ("", &image()),
        (OCI_MANIFEST, &untyped),
        ("", &untyped),
        (
            "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
            &image(),
        ),
        ("Application/vnd.OCI.image.manifest.v1+json", &untyped),
    ] {
        assert_eq!(
            resolved(content_type, manifest).as_deref(),
            Ok(OCI_MANIFEST),
            "{content_type}"
        );
    }
    assert_eq!(
        resolved(DOCKER_MANIFEST, &untyped).as_deref(),
        Ok(DOCKER_MANIFEST)
    );
    assert_eq!(
        resolved("", &without(index(), "mediaType")).as_deref(),
        Ok(OCI_INDEX)
    );
    assert_eq!(
        resolved(DOCKER_MANIFEST, &image()),
        Err(ManifestError::MediaTypeMismatch {
            content_type: DOCKER_MANIFEST.into(),
            media_type: OCI_MANIFEST.into(),
        })
    );
    assert_eq!(
        resolved("", &json!({})),
        Err(ManifestError::MediaTypeMissing)
    );
    assert_eq!(
        resolved("x", &image()),
        Err(ManifestError::MediaTypeMalformed("content-type"))
    );
    for malformed in ["x", "", "a/b; c", "a/b\n"] {
        let manifest = with(image(), "mediaType", json!(malformed));
        assert_eq!(
            resolved("", &manifest),
            Err(ManifestError::MediaTypeMalformed("mediaType")),
            "{malformed}"
        );
    }
}

#[test]
fn an_unknown_media_type_keeps_what_is_well_formed() {
    let manifest = json!({
        "mediaType": "application/vnd.example.manifest+json",
        "artifactType": 7,
        "config": descriptor(OCI_CONFIG, "config"),
        "layers": [descriptor(OCI_LAYER, "one"), {"size": "large"}],
        "blobs": [descriptor(OCI_LAYER, "two")],
        "manifests": [descriptor(OCI_MANIFEST, "child")],
        "subject": descriptor(OCI_MANIFEST, "subject"),
        "annotations": "none",
    });
    let parsed = parse("", &manifest).unwrap();
    assert_eq!(parsed.kind, ManifestKind::Other);
    assert_eq!(digests(&parsed.blobs), [digest("config"), digest("two")]);
    assert_eq!(digests(&parsed.children), [digest("child")]);
    assert_eq!(parsed.subject.unwrap().digest, digest("subject"));
    assert!(parsed.annotations.is_empty());
    let other = parse("application/json", &json!({})).unwrap();
    assert_eq!(
        (other.kind, &*other.media_type),
        (ManifestKind::Other, "application/json")
    );
}

#[test]
fn spaces_around_a_manifest_do_not_matter() {
    let text = format!("\n {:#} \n", image());
    assert!(ParsedManifest::parse(None, text.as_bytes()).is_ok());
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|number| json!(number)),
        "[a-z/:=]{0,8}".prop_map(|text| json!(text)),
        Just(json!(OCI_MANIFEST)),
        Just(descriptor(OCI_LAYER, "one")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("(mediaType|digest|size|data|urls|platform)", inner, 0..4)
                .prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ParsedManifest::parse(None, &bytes);
    }

    #[test]
    fn nothing_near_a_manifest_makes_the_parser_panic(
        fields in prop::collection::btree_map(
            "(schemaVersion|mediaType|artifactType|config|layers|blobs|manifests|subject|annotations)",
            json_value(),
            0..6,
        ),
        content_type in prop::sample::select(vec!["", OCI_MANIFEST, OCI_INDEX, OCI_ARTIFACT, "a/b"]),
    ) {
        let _ = parse(content_type, &json!(fields));
    }

    #[test]
    fn a_descriptor_is_read_as_it_is_written(
        media_type in "[a-z/]{1,9}",
        size in 0_u64..=i64::MAX.cast_unsigned(),
        annotations in prop::collection::btree_map("\\PC{0,5}", "\\PC{0,5}", 0..3),
        urls in prop::collection::vec("\\PC{0,5}", 0..3),
        artifact_type in prop::option::of("\\PC{0,5}"),
    ) {
        let mut written = Descriptor::new(media_type, digest("x"), size);
        (written.annotations, written.urls, written.artifact_type) = (annotations, urls, artifact_type);
        let text = serde_json::to_string(&written).unwrap();
        prop_assert_eq!(serde_json::from_str::<Descriptor>(&text).unwrap(), written);
    }
}
