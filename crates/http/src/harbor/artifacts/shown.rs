//! How an artifact looks in Harbor's API.

use std::collections::BTreeMap;

use berth_domain::{Manifest, Repository, Tag};
use berth_harbor_api as api;
use berth_oci::{Descriptor, Platform, TagName, media_type as known};
use berth_service::Artifact;
use serde_json::Value;

/// The parts of an image's config that Harbor shows.
const ATTRIBUTES: [&str; 5] = ["architecture", "author", "config", "created", "os"];

fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn is_index<C>(manifest: &Manifest<C>) -> bool {
    manifest.media_type == known::OCI_INDEX || manifest.media_type == known::DOCKER_LIST
}

/// The media type of the config, or of the index.
pub(super) fn media_type<C>(manifest: &Manifest<C>) -> &str {
    let config = manifest.facts.config_media_type.as_deref();
    config.unwrap_or(&manifest.media_type)
}

/// Harbor's word for what an artifact is: out of its config's media type
/// `application/vnd.<owner>.<type>.config...`.
pub(super) fn kind<C>(manifest: &Manifest<C>) -> String {
    if is_index(manifest) {
        return "IMAGE".to_owned();
    }
    let media_type = media_type(manifest);
    let word = match media_type {
        known::DOCKER_CONFIG => Some("image"),
        "application/vnd.cncf.helm.config.v1+json" => Some("chart"),
        "application/vnd.cncf.model.config.v1+json" => Some("cnai"),
        other => {
            let mut parts = other.strip_prefix("application/vnd.").into_iter();
            let parts: Vec<_> = parts.next().unwrap_or_default().split('.').collect();
            match parts.as_slice() {
                [_, "config", ..] => parts.first().copied(),
                [_, kind, "config", ..] => Some(*kind),
                _ => None,
            }
        }
    };
    word.unwrap_or("unknown").to_uppercase()
}

/// An artifact, without its accessories and the numbers of its children.
pub(super) fn artifact(
    artifact: &Artifact,
    repository: &Repository,
    tags: &[(TagName, Tag)],
) -> api::Artifact {
    let (manifest, parsed) = (&artifact.manifest, &artifact.parsed);
    let reference = |child| reference(manifest, child);
    let tag = |(name, tag): &(TagName, Tag)| self::tag(name, tag, manifest, repository);
    api::Artifact {
        id: manifest.id.0,
        kind: kind(manifest),
        media_type: media_type(manifest).to_owned(),
        manifest_media_type: manifest.media_type.clone(),
        artifact_type: manifest
            .facts
            .artifact_type
            .clone()
            .unwrap_or_else(|| media_type(manifest).to_owned()),
        project_id: repository.project.0,
        repository_id: repository.id.0,
        repository_name: repository.name.to_string(),
        digest: manifest.digest.to_string(),
        size: number(manifest.facts.total_size),
        push_time: manifest.pushed_at.into(),
        extra_attrs: attributes(artifact.config.as_ref()),
        annotations: parsed.annotations.clone(),
        references: parsed.children.iter().map(reference).collect(),
        tags: tags.iter().map(tag).collect(),
        ..api::Artifact::default()
    }
}

fn attributes(config: Option<&Value>) -> BTreeMap<String, Value> {
    let found = ATTRIBUTES.into_iter().filter_map(|name| {
        let value = config?.get(name).filter(|value| !value.is_null())?;
        Some((name.to_owned(), value.clone()))
    });
    found.collect()
}

pub(super) fn tag(
    name: &TagName,
    tag: &Tag,
    manifest: &Manifest,
    repository: &Repository,
) -> api::Tag {
    api::Tag {
        repository_id: repository.id.0,
        artifact_id: manifest.id.0,
        name: name.to_string(),
        push_time: tag.pushed_at.into(),
        ..api::Tag::default()
    }
}

fn reference(parent: &Manifest, child: &Descriptor) -> api::Reference {
    api::Reference {
        parent_id: parent.id.0,
        child_id: 0,
        child_digest: child.digest.to_string(),
        platform: child.platform.as_ref().map(platform),
        annotations: child.annotations.clone(),
        urls: child.urls.clone(),
    }
}

fn platform(platform: &Platform) -> api::Platform {
    api::Platform {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        os_version: platform.os_version.clone().unwrap_or_default(),
        os_features: platform.os_features.clone(),
        variant: platform.variant.clone().unwrap_or_default(),
    }
}

/// A manifest as an accessory of its subject.
pub(super) fn accessory(manifest: &Manifest, subject: &Manifest) -> api::Accessory {
    api::Accessory {
        id: manifest.id.0,
        artifact_id: manifest.id.0,
        subject_artifact_id: subject.id.0,
        subject_artifact_digest: subject.digest.to_string(),
        subject_artifact_repo: subject.repository.to_string(),
        size: number(manifest.facts.total_size),
        digest: manifest.digest.to_string(),
        kind: accessory_kind(manifest).to_owned(),
        icon: String::new(),
        creation_time: manifest.pushed_at.into(),
    }
}

fn accessory_kind(manifest: &Manifest) -> &'static str {
    let artifact_type = manifest.facts.artifact_type.as_deref().unwrap_or_default();
    match artifact_type {
        "application/vnd.cncf.notary.signature" => "signature.notation",
        "application/vnd.goharbor.harbor.sbom.v1" => "sbom.harbor",
        text if text.starts_with("application/vnd.dev.cosign.")
            || text.starts_with("application/vnd.dev.sigstore.bundle") =>
        {
            "signature.cosign"
        }
        text if text.starts_with("application/vnd.nydus.") => "accelerator.nydus",
        _ => "subject.accessory",
    }
}
