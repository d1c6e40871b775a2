//! Media types that a registry knows by name (image spec, "Media Types", and
//! Docker's image manifest version 2, schema 2).

/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The configuration of an OCI image.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// An uncompressed OCI layer.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A gzip-compressed OCI layer.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A zstd-compressed OCI layer.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// The empty JSON object `{}` that stands where an artifact has no content.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The artifact manifest of the image spec's release candidates (1.1.0-rc2),
/// which some clients still push.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// A Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The configuration of a Docker image.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A Docker layer.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A Docker layer that is not pushed, but fetched from its URLs.
pub const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// A Docker manifest, schema 1, which is refused.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// A signed Docker manifest, schema 1, which is refused.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The manifest types that are parsed strictly: what a client that takes
/// everything names in `Accept`.
pub const MANIFESTS: [&str; 5] = [
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_LIST,
    OCI_ARTIFACT,
];

const OCI_NONDISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";

/// Whether `media_type` is an index, a list of manifests.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// Whether `media_type` is a manifest or index that this registry knows.
pub fn is_manifest(media_type: &str) -> bool {
    MANIFESTS.contains(&media_type)
}

/// Whether `media_type` is Docker's schema 1, signed or not.
pub fn is_schema1(media_type: &str) -> bool {
    matches!(media_type, DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED)
}

/// Whether `media_type` is of a layer that clients need not push, compressed
/// or not (image spec, "Non-Distributable Layers").
pub fn is_nondistributable(media_type: &str) -> bool {
    [OCI_NONDISTRIBUTABLE, DOCKER_FOREIGN].iter().any(|base| {
        media_type.strip_prefix(base).is_some_and(|compression| {
            compression.is_empty() || compression.starts_with(['+', '.'])
        })
    })
}

/// The media type of a `Content-Type` header without its parameters, or `None`
/// if it is not `type/subtype` of at most 255 characters (RFC 9110, 8.3.1).
pub fn essence(content_type: &str) -> Option<&str> {
    let media_type = content_type.split(';').next()?.trim_matches([' ', '\t']);
    let (kind, subtype) = media_type.split_once('/')?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
    (media_type.len() <= 255 && token(kind) && token(subtype)).then_some(media_type)
}

/// Whether `byte` may stand in a token (RFC 9110, 5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_are_fetched_from_elsewhere_are_nondistributable() {
        for media_type in [
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            DOCKER_FOREIGN_LAYER,
        ] {
            assert!(is_nondistributable(media_type), "{media_type}");
        }
        for media_type in [
            OCI_LAYER,
            OCI_LAYER_GZIP,
            DOCKER_LAYER,
            "application/vnd.oci.image.layer.nondistributable.v1.tarball",
            "",
        ] {
            assert!(!is_nondistributable(media_type), "{media_type}");
        }
    }

    #[test]
    fn a_content_type_loses_its_parameters() {
        for (content_type, media_type) in [
            (OCI_MANIFEST, Some(OCI_MANIFEST)),
            ("application/json; charset=utf-8", Some("application/json")),
            (" application/json ;x=y", Some("application/json")),
            ("", None),
            ("application", None),
            ("application/", None),
            ("/json", None),
            ("a/b/c", None),
            ("a b/c", None),
            ("a/b\r\nx: y", None),
        ] {
            assert_eq!(essence(content_type), media_type, "{content_type}");
        }
        assert_eq!(essence(&format!("a/{}", "b".repeat(254))), None);
    }
}
