//! What is pushed and pulled: bytes that cannot be compressed and that no other run has had.

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _},
};

use sha2::{Digest as _, Sha256};

/// The media type of the manifests.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Bytes by `SplitMix64`, fast enough to fill gigabytes between two measurements.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A source that no other run has had.
    pub(crate) fn fresh() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&self.next().to_le_bytes()[..piece.len()]);
        }
        bytes
    }

    /// A blob of so many bytes.
    pub(crate) fn blob(&mut self, length: usize) -> Blob {
        Blob::new(self.bytes(length))
    }

    /// Several of them.
    pub(crate) fn blobs(&mut self, count: usize, length: usize) -> Vec<Blob> {
        (0..count).map(|_| self.blob(length)).collect()
    }

    /// An image of layers of so many bytes each.
    pub(crate) fn image(&mut self, layers: usize, length: usize) -> Image {
        // The configuration tells images with the same layers apart.
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","created":"{:016x}","rootfs":{{"type":"layers","diff_ids":[]}}}}"#,
            self.next()
        );
        Image::new(Blob::new(config.into_bytes()), self.blobs(layers, length))
    }
}

/// Bytes with their digest.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
}

impl Blob {
    /// Takes the digest of bytes.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let digest = digest(&bytes);
        Self { bytes, digest }
    }

    fn descriptor(&self, media_type: &str) -> String {
        format!(
            r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#,
            self.digest,
            self.bytes.len()
        )
    }
}

/// A manifest with what it names.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Blob>,
    pub(crate) manifest: Blob,
}

impl Image {
    /// Makes the manifest.
    pub(crate) fn new(config: Blob, layers: Vec<Blob>) -> Self {
        let named: Vec<_> = layers
            .iter()
            .map(|layer| layer.descriptor("application/vnd.oci.image.layer.v1.tar+gzip"))
            .collect();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{},"layers":[{}]}}"#,
            config.descriptor("application/vnd.oci.image.config.v1+json"),
            named.join(",")
        );
        Self {
            config,
            layers,
            manifest: Blob::new(manifest.into_bytes()),
        }
    }

    /// The configuration and the layers.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Bytes of all that a pull brings.
    pub(crate) fn size(&self) -> usize {
        let blobs: usize = self.blobs().map(|blob| blob.bytes.len()).sum();
        blobs + self.manifest.bytes.len()
    }
}

/// The digest of bytes as registries write it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Random, digest};

    #[test]
    fn a_digest_is_written_as_registries_write_it() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), abc);
    }

    #[test]
    fn no_two_blobs_are_the_same() {
        let (mut one, mut other) = (Random::fresh(), Random::fresh());
        let digests = [one.blob(9), one.blob(9), other.blob(9)].map(|blob| blob.digest);
        assert_ne!(digests[0], digests[1]);
        assert_ne!(digests[0], digests[2]);
    }
}
