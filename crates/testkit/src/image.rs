//! Images as bytes: layers, configs, manifests and indexes with their digests.
//!
//! What is built here is valid enough for real clients: a layer is a gzipped
//! tar that holds one file of random bytes, the config names its `diff_id`,
//! the manifest names both. Manifests are indented, so that a registry that
//! re-serialises them changes their digest and is found out.

use std::collections::BTreeMap;

use berth_oci::Digest;
use bytes::Bytes;
use serde_json::{Value, json};

pub use random::{random_bytes, seeded_bytes};

pub(crate) mod archive;
mod random;

/// The family of media types an image is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// OCI image spec 1.1.
    #[default]
    Oci,
    /// Docker image manifest version 2, schema 2.
    Docker,
}

impl Format {
    /// Media type of an image manifest.
    pub const fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    /// Media type of an index, Docker's manifest list.
    pub const fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    /// Media type of an image config.
    pub const fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    /// Media type of a gzipped layer.
    pub const fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// Bytes with their media type and digest: a manifest, a config or a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The media type.
    pub media_type: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Bytes,
}

impl Content {
    /// Content of any media type.
    pub fn new(media_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            media_type: media_type.into(),
            digest: Digest::sha256(&bytes),
            bytes,
        }
    }

    /// The descriptor that names this content in a manifest.
    pub fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.bytes.len(),
        })
    }

    fn json(media_type: &str, value: &Value) -> Self {
        Self::new(media_type, format!("{value:#}"))
    }
}

/// A layer: its gzipped tar, and the digest of the tar.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The gzipped tar. Its media type is set by the image that takes it.
    pub bytes: Bytes,
    /// SHA-256 of the tar (`rootfs.diff_ids`).
    pub diff_id: Digest,
}

impl Layer {
    /// A layer that holds one file of `size` random bytes; no two are equal.
    /// The layer itself is larger by about 2 KB.
    pub fn random(size: usize) -> Self {
        Self::of_file("random", &random_bytes(size))
    }

    /// A layer that holds one file.
    pub fn of_file(name: &str, bytes: &[u8]) -> Self {
        let tar = archive::tar(name, bytes);
        Self {
            diff_id: Digest::sha256(&tar),
            bytes: archive::gzip(&tar).into(),
        }
    }
}

/// An image: manifest, config and layers.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest.
    pub manifest: Content,
    /// The config.
    pub config: Content,
    /// The layers, lowest first.
    pub layers: Vec<Content>,
    /// Operating system, architecture and perhaps variant, by slashes.
    pub platform: String,
}

impl Image {
    /// An OCI image for linux/amd64 with one random layer of about `size` bytes.
    pub fn random(size: usize) -> Self {
        Self::builder().layer(size).build()
    }

    /// Starts an image.
    pub fn builder() -> ImageBuilder {
        ImageBuilder::default()
    }

    /// The config and the layers: what is pushed before the manifest.
    pub fn blobs(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Digest of the manifest.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }
}

/// Builds an [`Image`].
#[derive(Clone, Debug, Default)]
pub struct ImageBuilder {
    format: Format,
    layers: Vec<Layer>,
    platform: Option<String>,
    annotations: BTreeMap<String, String>,
    artifact_type: Option<String>,
    subject: Option<Value>,
}

impl ImageBuilder {
    /// Sets the media types; OCI's unless set.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Adds a random layer of about `size` bytes.
    #[must_use]
    pub fn layer(self, size: usize) -> Self {
        self.with_layer(Layer::random(size))
    }

    /// Adds a layer, for instance one that another image has too.
    #[must_use]
    pub fn with_layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Sets the platform, such as `linux/arm/v7`; `linux/amd64` unless set.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Adds an annotation to the manifest.
    #[must_use]
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }

    /// Makes the image an artifact of this type.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: impl Into<String>) -> Self {
        self.artifact_type = Some(artifact_type.into());
        self
    }

    /// Makes the image refer to `subject`.
    #[must_use]
    pub fn subject(mut self, subject: &Content) -> Self {
        self.subject = Some(subject.descriptor());
        self
    }

    /// Builds config and manifest.
    pub fn build(self) -> Image {
        let platform = self.platform.unwrap_or_else(|| "linux/amd64".to_owned());
        let mut config = platform_fields(&platform);
        config["config"] = json!({"Env": ["PATH=/bin"], "Cmd": ["/random"]});
        let diff_ids: Vec<_> = self.layers.iter().map(|layer| layer.diff_id).collect();
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        let config = Content::json(self.format.config(), &config);
        let layers: Vec<_> = self
            .layers
            .into_iter()
            .map(|layer| Content::new(self.format.layer(), layer.bytes))
            .collect();

        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.format.manifest(),
            "config": config.descriptor(),
            "layers": layers.iter().map(Content::descriptor).collect::<Vec<_>>(),
        });
        if let Some(artifact_type) = self.artifact_type {
            manifest["artifactType"] = artifact_type.into();
        }
        if let Some(subject) = self.subject {
            manifest["subject"] = subject;
        }
        if !self.annotations.is_empty() {
            manifest["annotations"] = json!(self.annotations);
        }
        Image {
            manifest: Content::json(self.format.manifest(), &manifest),
            config,
            layers,
            platform,
        }
    }
}

/// An index, Docker's manifest list, over images of several platforms.
#[derive(Clone, Debug)]
pub struct Index {
    /// The index itself.
    pub manifest: Content,
    /// The images it names, in its order.
    pub images: Vec<Image>,
}

impl Index {
    /// An index in `format` over `images`.
    pub fn of(format: Format, images: Vec<Image>) -> Self {
        let descriptors: Vec<_> = images
            .iter()
            .map(|image| {
                let mut descriptor = image.manifest.descriptor();
                descriptor["platform"] = platform_fields(&image.platform);
                descriptor
            })
            .collect();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": format.index(),
            "manifests": descriptors,
        });
        Self {
            manifest: Content::json(format.index(), &index),
            images,
        }
    }

    /// An OCI index over one random image of about `size` bytes per platform.
    pub fn random(platforms: &[&str], size: usize) -> Self {
        let image = |platform: &&str| Image::builder().platform(*platform).layer(size).build();
        Self::of(Format::Oci, platforms.iter().map(image).collect())
    }

    /// Digest of the index.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }
}

fn platform_fields(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut fields = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        fields["variant"] = variant.into();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_names_its_blobs_by_digest_and_size() {
        let image = Image::builder().layer(1000).layer(70_000).build();
        let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
        assert_eq!(manifest["config"], image.config.descriptor());
        assert_eq!(manifest["layers"][0], image.layers[0].descriptor());
        assert_eq!(manifest["layers"][1]["size"], image.layers[1].bytes.len());
        assert!(image.layers[1].bytes.len() > 70_000);
        assert_ne!(image.layers[0].digest, image.layers[1].digest);
    }

    #[test]
    fn an_index_names_its_images_by_platform() {
        let index = Index::random(&["linux/amd64", "linux/arm/v7"], 10);
        let parsed: Value = serde_json::from_slice(&index.manifest.bytes).unwrap();
        assert_eq!(
            parsed["manifests"][1]["platform"],
            json!({"os": "linux", "architecture": "arm", "variant": "v7"})
        );
        assert_eq!(
            parsed["manifests"][1]["digest"],
            index.images[1].digest().to_string()
        );
    }

    #[test]
    fn a_docker_image_has_docker_media_types() {
        let image = Image::builder().format(Format::Docker).layer(1).build();
        let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
        assert_eq!(manifest["mediaType"], image.manifest.media_type);
        assert_eq!(
            manifest["layers"][0]["mediaType"],
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
        );
    }

    #[test]
    fn an_artifact_refers_to_its_subject() {
        let image = Image::random(1);
        let artifact = Image::builder()
            .subject(&image.manifest)
            .artifact_type("application/vnd.example.signature")
            .annotation("a", "b")
            .build();
        let manifest: Value = serde_json::from_slice(&artifact.manifest.bytes).unwrap();
        assert_eq!(manifest["subject"]["digest"], image.digest().to_string());
        assert_eq!(
            manifest["artifactType"],
            "application/vnd.example.signature"
        );
        assert_eq!(manifest["annotations"], json!({"a": "b"}));
    }
}
