//! From the JSON text of a manifest to its fields, naming the one that is wrong.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Descriptor, MAX_DESCRIPTORS, ManifestError, ManifestKind, ParsedManifest};
use crate::media_type;

/// The fields of all kinds of manifests, not looked into yet; `null` is none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow)]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow)]
    media_type: Option<&'a RawValue>,
    #[serde(borrow)]
    artifact_type: Option<&'a RawValue>,
    #[serde(borrow)]
    config: Option<&'a RawValue>,
    #[serde(borrow)]
    layers: Option<&'a RawValue>,
    #[serde(borrow)]
    blobs: Option<&'a RawValue>,
    #[serde(borrow)]
    manifests: Option<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

pub(super) fn parse(
    content_type: Option<&str>,
    bytes: &[u8],
) -> Result<ParsedManifest, ManifestError> {
    // The JSON parser checks the encoding only of what it looks into.
    let text = str::from_utf8(bytes).map_err(|_| ManifestError::Json("it is not UTF-8".into()))?;
    if !text.trim_start().starts_with('{') {
        return Err(ManifestError::Json("it does not start with a brace".into()));
    }
    let fields: Fields<'_> =
        serde_json::from_str(text).map_err(|error| ManifestError::Json(excerpt(&error)))?;
    let media_type = fields.resolve_media_type(content_type)?;
    let kind = ManifestKind::of(&media_type);
    fields.check_kind(kind)?;
    let mut reader = Reader {
        strict: kind != ManifestKind::Other,
        remaining: MAX_DESCRIPTORS,
    };
    fields.read(kind, media_type, &mut reader)
}

impl Fields<'_> {
    fn resolve_media_type(&self, content_type: Option<&str>) -> Result<String, ManifestError> {
        let essence = |text, source| {
            media_type::essence(text).ok_or(ManifestError::MediaTypeMalformed(source))
        };
        let content_type = content_type
            .filter(|header| !header.trim().is_empty())
            .map(|header| essence(header, "content-type"))
            .transpose()?;
        let declared = STRICT.value::<Option<String>>("mediaType", self.media_type)?;
        let resolved = match (content_type, declared) {
            (None, None) => self.media_type_by_shape()?.to_owned(),
            (Some(content_type), None) => content_type.to_ascii_lowercase(),
            (header, Some(declared)) => {
                if essence(&declared, "mediaType")? != declared {
                    return Err(ManifestError::MediaTypeMalformed("mediaType"));
                }
                if let Some(header) =
                    header.filter(|header| !header.eq_ignore_ascii_case(&declared))
                {
                    let content_type = header.to_owned();
                    return Err(ManifestError::MediaTypeMismatch {
                        content_type,
                        media_type: declared,
                    });
                }
                declared
            }
        };
        if media_type::is_schema1(&resolved) || self.is_schema(1) {
            return Err(ManifestError::Schema1);
        }
        Ok(resolved)
    }

    fn media_type_by_shape(&self) -> Result<&'static str, ManifestError> {
        if self.is_schema(1) {
            Ok(media_type::DOCKER_SCHEMA1)
        } else if self.manifests.is_some() {
            Ok(media_type::OCI_INDEX)
        } else if self.config.is_some() {
            Ok(media_type::OCI_MANIFEST)
        } else {
            Err(ManifestError::MediaTypeMissing)
        }
    }

    fn is_schema(&self, version: u64) -> bool {
        self.schema_version
            .is_some_and(|raw| raw.get().parse() == Ok(version))
    }

    /// Refuses fields of another kind, and versions of the format not known.
    fn check_kind(&self, kind: ManifestKind) -> Result<(), ManifestError> {
        let image = [("config", self.config), ("layers", self.layers)];
        let index = [("manifests", self.manifests)];
        let (foreign, versioned): (&[_], _) = match kind {
            ManifestKind::Image => (&index, true),
            ManifestKind::Index => (&image, true),
            ManifestKind::Artifact => (&[image[0], image[1], index[0]], false),
            ManifestKind::Other => (&[], false),
        };
        if let Some((field, _)) = foreign.iter().find(|(_, raw)| raw.is_some()) {
            return Err(ManifestError::Ambiguous(field));
        }
        if versioned && !self.is_schema(2) {
            return Err(field_error("schemaVersion", "it must be 2"));
        }
        if kind == ManifestKind::Image && self.config.is_none() {
            return Err(field_error("config", "an image manifest must have one"));
        }
        Ok(())
    }

    fn read(
        &self,
        kind: ManifestKind,
        media_type: String,
        reader: &mut Reader,
    ) -> Result<ParsedManifest, ManifestError> {
        let config = reader.descriptor("config", self.config)?;
        let mut blobs: Vec<_> = config.iter().cloned().collect();
        blobs.extend(reader.descriptors("layers", self.layers)?);
        if matches!(kind, ManifestKind::Artifact | ManifestKind::Other) {
            blobs.extend(reader.descriptors("blobs", self.blobs)?);
        }
        let artifact_type = reader
            .value::<Option<String>>("artifactType", self.artifact_type)?
            .filter(|artifact_type| !artifact_type.is_empty())
            .or_else(|| config.as_ref().map(|config| config.media_type.clone()))
            .filter(|artifact_type| !artifact_type.is_empty());
        Ok(ParsedManifest {
            kind,
            media_type,
            config,
            blobs,
            children: reader.descriptors("manifests", self.manifests)?,
            subject: reader.descriptor("subject", self.subject)?,
            artifact_type,
            annotations: reader.value("annotations", self.annotations)?,
        })
    }
}

/// Reads fields and counts descriptors.
struct Reader {
    /// Whether a malformed field is an error; it counts as left out otherwise.
    strict: bool,
    /// How many more descriptors the manifest may have.
    remaining: usize,
}

const STRICT: Reader = Reader {
    strict: true,
    remaining: 0,
};

impl Reader {
    fn value<T: DeserializeOwned + Default>(
        &self,
        field: &str,
        raw: Option<&RawValue>,
    ) -> Result<T, ManifestError> {
        let Some(raw) = raw else {
            return Ok(T::default());
        };
        self.settle(
            serde_json::from_str(raw.get()).map_err(|error| field_error(field, &excerpt(&error))),
        )
    }

    fn descriptor(
        &mut self,
        field: &str,
        raw: Option<&RawValue>,
    ) -> Result<Option<Descriptor>, ManifestError> {
        let Some(raw) = raw else { return Ok(None) };
        self.count(1)?;
        self.settle(parse_descriptor(field, raw).map(Some))
    }

    fn descriptors(
        &mut self,
        field: &str,
        raw: Option<&RawValue>,
    ) -> Result<Vec<Descriptor>, ManifestError> {
        let Some(raw) = raw else {
            return Ok(Vec::new());
        };
        let items = match serde_json::from_str::<Items<'_>>(raw.get()) {
            Ok(Items(Some(items))) => items,
            Ok(Items(None)) => return Err(ManifestError::TooManyDescriptors),
            Err(error) => return self.settle(Err(field_error(field, &excerpt(&error)))),
        };
        self.count(items.len())?;
        let parse = |(index, raw)| parse_descriptor(&format!("{field}[{index}]"), raw);
        self.settle(items.into_iter().enumerate().map(parse).collect())
    }

    fn count(&mut self, descriptors: usize) -> Result<(), ManifestError> {
        self.remaining = self
            .remaining
            .checked_sub(descriptors)
            .ok_or(ManifestError::TooManyDescriptors)?;
        Ok(())
    }

    fn settle<T: Default>(&self, read: Result<T, ManifestError>) -> Result<T, ManifestError> {
        if self.strict {
            read
        } else {
            Ok(read.unwrap_or_default())
        }
    }
}

fn parse_descriptor(field: &str, raw: &RawValue) -> Result<Descriptor, ManifestError> {
    // An array would pass as the fields in order.
    if !raw.get().starts_with('{') {
        return Err(field_error(field, "it is not an object"));
    }
    let descriptor: Descriptor =
        serde_json::from_str(raw.get()).map_err(|error| field_error(field, &excerpt(&error)))?;
    descriptor
        .check()
        .map_err(|reason| field_error(field, reason))?;
    Ok(descriptor)
}

fn field_error(field: &str, reason: &str) -> ManifestError {
    ManifestError::Field {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The parser's message, cut, since it quotes values of any length.
fn excerpt(error: &serde_json::Error) -> String {
    error.to_string().chars().take(200).collect()
}

/// The items of an array; `None` if there are more than [`MAX_DESCRIPTORS`].
struct Items<'a>(Option<Vec<&'a RawValue>>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;

        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Items<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while items.len() < MAX_DESCRIPTORS {
                    match sequence.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(Items(Some(items))),
                    }
                }
                let mut fits = true;
                while sequence.next_element::<IgnoredAny>()?.is_some() {
                    fits = false;
                }
                Ok(Items(fits.then_some(items)))
            }
        }

        deserializer.deserialize_seq(ItemsVisitor)
    }
}
