//! The answer of the referrers API (distribution spec, "Listing Referrers").

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::manifest::Descriptor;
use crate::media_type;

/// An OCI index over descriptors, written as they are iterated over.
///
/// Make the descriptors by [`crate::ParsedManifest::referrer`].
#[derive(Clone, Debug)]
pub struct ReferrersIndex<I>(pub I);

impl<'a, I> ReferrersIndex<I>
where
    I: IntoIterator<Item = &'a Descriptor> + Clone,
{
    /// The index as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'a, I> Serialize for ReferrersIndex<I>
where
    I: IntoIterator<Item = &'a Descriptor> + Clone,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut index = serializer.serialize_struct("Index", 3)?;
        index.serialize_field("schemaVersion", &2)?;
        index.serialize_field("mediaType", media_type::OCI_INDEX)?;
        index.serialize_field("manifests", &Sequence(&self.0))?;
        index.end()
    }
}

struct Sequence<'i, I>(&'i I);

impl<'a, I> Serialize for Sequence<'_, I>
where
    I: IntoIterator<Item = &'a Descriptor> + Clone,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::manifest::{ManifestKind, ParsedManifest};

    #[test]
    fn no_referrers_are_an_empty_index() {
        assert_eq!(
            ReferrersIndex(&[]).to_json(),
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
        );
    }

    #[test]
    fn a_listing_is_itself_an_index_that_parses() {
        let mut descriptor =
            Descriptor::new(media_type::OCI_MANIFEST.into(), Digest::sha256(b"a"), 7);
        descriptor.artifact_type = Some("application/vnd.example".into());
        descriptor.annotations.insert("key".into(), "value".into());
        let listing = [descriptor];
        let json = ReferrersIndex(&listing).to_json();
        let parsed = ParsedManifest::parse(Some(media_type::OCI_INDEX), json.as_bytes()).unwrap();
        assert_eq!(parsed.kind, ManifestKind::Index);
        assert_eq!(parsed.children, listing);
    }
}
