//! Images that are remembered by a few numbers and made again to compare.

use berth_oci::Digest;
use berth_testkit::image::{Content, seeded_bytes};
use bytes::Bytes;
use serde_json::json;

use super::random::Random;

/// The smallest and the largest blob, in bytes.
const SIZES: std::ops::Range<u64> = 1_000..300_000;
/// The annotation of a manifest that is kept beside the blobs.
const LARGE: usize = 20_000;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The random bytes of a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blob {
    pub(crate) seed: u64,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

impl Blob {
    /// A new one; small ones are more frequent than large ones.
    pub(crate) fn random(random: &mut Random) -> Self {
        let limit = random.within(SIZES.start..SIZES.end);
        let size = random.within(SIZES.start..limit + 1);
        let seed = random.number();
        let digest = Digest::sha256(&seeded_bytes(seed, 0..size));
        Self { seed, size, digest }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        seeded_bytes(self.seed, 0..self.size)
    }

    fn descriptor(&self, media_type: &str) -> serde_json::Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.size })
    }
}

/// An image under its tag.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) tag: String,
    /// The config, then the layers.
    pub(crate) blobs: Vec<Blob>,
    pub(crate) digest: Digest,
    padding: usize,
}

impl Image {
    /// An image with a config and a layer of its own, and perhaps others.
    pub(crate) fn random(
        repository: String,
        tag: String,
        shared: &[Blob],
        random: &mut Random,
    ) -> Self {
        let mut blobs = vec![Blob::random(random), Blob::random(random)];
        blobs.extend(shared);
        let mut image = Self {
            repository,
            tag,
            digest: blobs[0].digest,
            blobs,
            padding: if random.percent(10) { LARGE } else { 0 },
        };
        image.digest = image.manifest().digest;
        image
    }

    /// The same with a small manifest, which is kept beside the metadata.
    pub(crate) fn small(mut self) -> Self {
        self.padding = 0;
        self.digest = self.manifest().digest;
        self
    }

    /// Its manifest.
    pub(crate) fn manifest(&self) -> Content {
        let (config, layers) = self.blobs.split_first().unwrap();
        let layers: Vec<_> = layers.iter().map(|blob| blob.descriptor(LAYER)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(CONFIG),
            "layers": layers,
            "annotations": { "padding": "p".repeat(self.padding) },
        });
        Content::new(MANIFEST, manifest.to_string())
    }

    pub(crate) fn manifest_path(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.repository)
    }

    pub(crate) fn blob_path(&self, blob: &Blob) -> String {
        blob_path(&self.repository, blob)
    }
}

pub(crate) fn blob_path(repository: &str, blob: &Blob) -> String {
    format!("/v2/{repository}/blobs/{}", blob.digest)
}
