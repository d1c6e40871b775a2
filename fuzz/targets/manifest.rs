//! Manifests and indexes: what is taken is within the limits, says what a plain
//! JSON parser reads there too, and is the same when it is told its own type.
//! The first line is the `Content-Type`, the rest the body.
#![no_main]

use std::collections::BTreeSet;

use berth_fuzz::grammar::{DIGEST, MEDIA_TYPE};
use berth_oci::{
    Descriptor, Digest, MAX_DESCRIPTORS, ManifestKind, ParsedManifest, ReferrersIndex, media_type,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn check_descriptor(descriptor: &Descriptor) {
    assert!(DIGEST.matches(&descriptor.digest.to_string()));
    assert!(i64::try_from(descriptor.size).is_ok());
    let json = serde_json::to_vec(descriptor).expect("a descriptor is JSON");
    assert_eq!(
        serde_json::from_slice::<Descriptor>(&json).ok().as_ref(),
        Some(descriptor)
    );
}

fn check(manifest: &ParsedManifest) {
    assert!(MEDIA_TYPE.matches(&manifest.media_type) && manifest.media_type.len() <= 255);
    let descriptors = || {
        let lists = manifest.blobs.iter().chain(&manifest.children);
        lists.chain(&manifest.subject)
    };
    assert!(descriptors().count() <= MAX_DESCRIPTORS);
    descriptors().for_each(check_descriptor);
    assert!(manifest.config.is_none() || manifest.config.as_ref() == manifest.blobs.first());
    assert!(manifest.artifact_type.as_deref() != Some(""));
    match manifest.kind {
        ManifestKind::Image => assert!(manifest.children.is_empty() && manifest.config.is_some()),
        ManifestKind::Index => assert!(manifest.blobs.is_empty()),
        ManifestKind::Artifact => assert!(manifest.children.is_empty()),
        ManifestKind::Other => {}
    }
    let required = manifest.required_blobs();
    let distinct: BTreeSet<_> = required.iter().map(|blob| blob.digest).collect();
    assert_eq!(distinct.len(), required.len());
    for blob in &manifest.blobs {
        let needed = !media_type::is_nondistributable(&blob.media_type);
        assert!(
            !needed || distinct.contains(&blob.digest),
            "{}",
            blob.digest
        );
    }
}

/// A known type is read strictly: all digests that a plain reading finds.
fn check_against_plain_reading(manifest: &ParsedManifest, body: &str) {
    let Ok(plain) = serde_json::from_str::<Value>(body) else {
        return;
    };
    let digests = |field: &str| -> Vec<String> {
        let items = plain[field].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item["digest"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let read = |descriptors: &[Descriptor]| -> Vec<String> {
        descriptors
            .iter()
            .map(|descriptor| descriptor.digest.to_string())
            .collect()
    };
    let layers = manifest.blobs.get(usize::from(manifest.config.is_some())..);
    match manifest.kind {
        ManifestKind::Image => assert_eq!(read(layers.unwrap_or_default()), digests("layers")),
        ManifestKind::Index => assert_eq!(read(&manifest.children), digests("manifests")),
        ManifestKind::Artifact => assert_eq!(read(&manifest.blobs), digests("blobs")),
        ManifestKind::Other => return,
    }
    let subject = manifest
        .subject
        .as_ref()
        .map(|subject| subject.digest.to_string());
    assert_eq!(subject.as_deref(), plain["subject"]["digest"].as_str());
}

/// What the referrers API lists of it is an index that we would take.
fn check_referrer(manifest: &ParsedManifest, body: &str) {
    let referrer = manifest.referrer(Digest::sha256(body.as_bytes()), body.len() as u64);
    let index = ReferrersIndex([&referrer]).to_json();
    let read = ParsedManifest::parse(Some(media_type::OCI_INDEX), index.as_bytes());
    assert_eq!(read.expect("our own index is read").children, [referrer]);
}

fuzz_target!(|text: &str| {
    let (header, body) = text.split_once('\n').unwrap_or(("", text));
    let header = Some(header).filter(|header| !header.is_empty());
    match ParsedManifest::parse(header, body.as_bytes()) {
        Ok(manifest) => {
            check(&manifest);
            check_against_plain_reading(&manifest, body);
            check_referrer(&manifest, body);
            let again = ParsedManifest::parse(Some(&manifest.media_type), body.as_bytes());
            assert_eq!(again.as_ref(), Ok(&manifest));
        }
        Err(error) => {
            assert!(error.status().is_client_error(), "{error:?}");
            let message = error.to_string();
            assert!(message.len() < 2048, "{message}");
        }
    }
});
