//! Images in folders (OCI image layouts): the one that tests push, and those
//! that clients pull into.

use std::path::PathBuf;

use berth_oci::Digest;
use bytes::Bytes;
use serde_json::Value;

use super::http::{Client, with_query};
use super::programs;

/// An image layout.
#[derive(Clone, Debug)]
pub(crate) struct Layout(PathBuf);

/// A manifest of a layout.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl Layout {
    /// The image of Debian's packages with its tags `deb` (linux/amd64, say),
    /// `other` (linux/arm64) and `multi` (the index of both), or `None`: the
    /// test then ends, and the skip is on record.
    pub(crate) fn of_debian() -> Option<Self> {
        let folder = std::env::var_os("BERTH_TEST_IMAGE");
        if folder.is_none() {
            programs::skip("mmdebstrap", "no image was made for BERTH_TEST_IMAGE");
        }
        folder.map(|folder| Self(folder.into()))
    }

    /// The layout in a folder.
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The manifest with this tag, or the only one.
    pub(crate) fn tagged(&self, tag: &str) -> Held {
        let index = std::fs::read(self.0.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let listed = index["manifests"].as_array().unwrap();
        let has_tag = |entry: &&Value| {
            entry["annotations"]["org.opencontainers.image.ref.name"].as_str() == Some(tag)
        };
        let entry = listed.iter().find(has_tag).or_else(|| match &listed[..] {
            [only] => Some(only),
            _ => None,
        });
        self.held(entry.unwrap_or_else(|| panic!("{tag} is not in {index}")))
    }

    /// The images of an index by platform, such as `linux/arm64`.
    pub(crate) fn platforms(&self, tag: &str) -> Vec<(String, Held)> {
        let children = self.tagged(tag).children();
        let of = |child: &Value| (platform_of(child), self.held(child));
        children.iter().map(of).collect()
    }

    /// The manifest of a descriptor.
    fn held(&self, descriptor: &Value) -> Held {
        let digest = digest_of(descriptor);
        Held {
            digest,
            media_type: descriptor["mediaType"].as_str().unwrap().to_owned(),
            bytes: self.blob(&digest),
        }
    }

    /// A blob; its bytes are verified.
    pub(crate) fn blob(&self, digest: &Digest) -> Bytes {
        let path = self.0.join("blobs/sha256").join(digest.hex());
        let bytes = std::fs::read(&path);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(Digest::sha256(&bytes), *digest, "{}", path.display());
        bytes.into()
    }

    /// The image that a manifest is, or that its index has for a platform;
    /// everything in it is verified.
    pub(crate) fn image(&self, held: &Held, platform: &str) -> Held {
        let image = match held.children() {
            children if children.is_empty() => held.clone(),
            children => self.held(of_platform(&children, platform)),
        };
        for blob in image.blobs() {
            self.blob(&blob);
        }
        image
    }

    /// Pushes a manifest with all it names.
    pub(crate) async fn push(&self, tag: &str, to: &Client, repository: &str, reference: &str) {
        let held = self.tagged(tag);
        for child in held.children() {
            let child = self.held(&child);
            self.push_image(&child, to, repository, &child.digest.to_string())
                .await;
        }
        self.push_image(&held, to, repository, reference).await;
    }

    async fn push_image(&self, held: &Held, to: &Client, repository: &str, reference: &str) {
        for blob in held.blobs() {
            // Not every registry takes a blob by one POST.
            let upload = to.start_upload(repository).await;
            let upload = with_query(&upload, &format!("digest={blob}"));
            to.put(&upload)
                .body(self.blob(&blob))
                .send()
                .await
                .expect(201);
        }
        to.put(&format!("/v2/{repository}/manifests/{reference}"))
            .header("content-type", &held.media_type)
            .body(held.bytes.clone())
            .send()
            .await
            .expect(201);
    }

    /// Asserts that a registry holds a manifest and all it names, byte by byte.
    pub(crate) async fn assert_held(&self, tag: &str, by: &Client, repository: &str, as_tag: &str) {
        let held = self.tagged(tag);
        self.assert_image_held(&held, by, repository, as_tag).await;
        for child in held.children() {
            let child = self.held(&child);
            let digest = child.digest.to_string();
            self.assert_image_held(&child, by, repository, &digest)
                .await;
        }
    }

    async fn assert_image_held(&self, held: &Held, by: &Client, repository: &str, named: &str) {
        let path = format!("/v2/{repository}/manifests/{named}");
        let answer = by.get(&path).header("accept", &held.media_type).send();
        let answer = answer.await.expect(200);
        assert_eq!(answer.header("content-type"), held.media_type, "{path}");
        assert_eq!(answer.body, held.bytes, "{path}");
        for blob in held.blobs() {
            let path = format!("/v2/{repository}/blobs/{blob}");
            let answer = by.get(&path).send().await.expect(200);
            assert_eq!(Digest::sha256(&answer.body), blob, "{path}");
        }
    }
}

impl Held {
    /// Its config, if it is an image.
    pub(crate) fn config(&self) -> Digest {
        digest_of(&self.json()["config"])
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn children(&self) -> Vec<Value> {
        self.json()["manifests"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    fn blobs(&self) -> Vec<Digest> {
        let manifest = self.json();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let config = manifest.get("config");
        config.into_iter().chain(layers).map(digest_of).collect()
    }
}

/// The descriptor of an index's image for a platform, such as `linux/arm64`.
pub(crate) fn of_platform<'a>(descriptors: &'a [Value], platform: &str) -> &'a Value {
    let wanted = descriptors
        .iter()
        .find(|descriptor| platform_of(descriptor) == platform);
    wanted.unwrap_or_else(|| panic!("{platform} is not in {descriptors:?}"))
}

fn platform_of(descriptor: &Value) -> String {
    let platform = &descriptor["platform"];
    let text = |field: &str| platform[field].as_str().unwrap_or_default();
    format!("{}/{}", text("os"), text("architecture"))
}

/// The digest of a descriptor.
pub(crate) fn digest_of(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}
