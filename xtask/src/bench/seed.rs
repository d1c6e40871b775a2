//! Repositories with very many tags or manifests, and very many blobs.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bench::{
    client::at_once,
    content::{Blob, Image, MANIFEST},
    registry::Repository,
    results::Who,
    server::Server,
};

/// Connections that push at once.
const AT_ONCE: usize = 32;

/// Gives a manifest that is there many more tags.
pub(crate) fn tags(
    server: &Server,
    repository: &Repository,
    manifest: &Blob,
    count: usize,
) -> Result<()> {
    if server.who == Who::Zot {
        return index(server, repository, manifest, count);
    }
    at_once(server.address, AT_ONCE, |index, connection| {
        (index..count).step_by(AT_ONCE).try_for_each(|number| {
            repository.push_manifest(connection, &tag(number), &manifest.bytes)
        })
    })?;
    Ok(())
}

/// Writes the tags into zot's index: it writes the whole index anew for each push, which would
/// take longer than everything else together.
fn index(server: &Server, repository: &Repository, manifest: &Blob, count: usize) -> Result<()> {
    let file = server.data.join(&repository.name).join("index.json");
    let text = fs::read_to_string(&file).context("cannot read the index of zot")?;
    let mut index: Value = serde_json::from_str(&text).context("the index of zot is no JSON")?;
    let manifests = index["manifests"]
        .as_array_mut()
        .context("the index of zot has no manifests")?;
    manifests.extend((0..count).map(|number| {
        json!({
            "mediaType": MANIFEST,
            "digest": manifest.digest,
            "size": manifest.bytes.len(),
            "annotations": { "org.opencontainers.image.ref.name": tag(number) },
        })
    }));
    fs::write(&file, index.to_string()).context("cannot write the index of zot")
}

/// Pushes many images that differ in an annotation alone, each under a tag of its own.
pub(crate) fn manifests(repository: &Repository, image: &Image, count: usize) -> Result<()> {
    at_once(repository.address, AT_ONCE, |index, connection| {
        (index..count).step_by(AT_ONCE).try_for_each(|number| {
            let manifest = variant(image, &tag(number));
            repository.push_manifest(connection, &tag(number), &manifest)
        })
    })?;
    Ok(())
}

/// Pushes many blobs.
pub(crate) fn blobs(repository: &Repository, blobs: &[Blob]) -> Result<()> {
    at_once(repository.address, AT_ONCE, |index, connection| {
        let mut mine = blobs.iter().skip(index).step_by(AT_ONCE);
        mine.try_for_each(|blob| repository.push_blob(connection, blob))
    })?;
    Ok(())
}

/// The image's manifest with a word of its own.
pub(crate) fn variant(image: &Image, word: &str) -> Vec<u8> {
    let mut manifest = image.manifest.bytes.clone();
    manifest.pop();
    manifest.extend_from_slice(br#","annotations":{"word":""#);
    manifest.extend_from_slice(word.as_bytes());
    manifest.extend_from_slice(br#""}}"#);
    manifest
}

/// The tag of a number.
pub(crate) fn tag(number: usize) -> String {
    format!("t{number:06}")
}

#[cfg(test)]
mod tests {
    use super::variant;
    use crate::bench::content::Random;

    #[test]
    fn a_variant_is_a_manifest_still() {
        let image = Random::fresh().image(1, 1);
        let manifest: serde_json::Value = serde_json::from_slice(&variant(&image, "one")).unwrap();
        assert_eq!(manifest["annotations"]["word"], "one");
        assert_eq!(manifest["schemaVersion"], 2);
    }
}
