//! Repository names, tags and references (distribution spec, "Pulling manifests").

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, DigestError};

/// Why a text is no repository name or tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The grammar of repository names is broken.
    #[error(
        "a repository name is lower-case path components of letters, digits, '.', '_' and '-', at most 255 characters"
    )]
    Repository,
    /// The grammar of tags is broken.
    #[error("a tag is a letter, digit or '_' and up to 127 more of these, '.' and '-'")]
    Tag,
}

/// A repository's full name, first component included: `library/alpine`.
///
/// At most 255 characters; components as the distribution spec has them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// The longest repository name.
pub const MAX_REPOSITORY_NAME: usize = 255;

/// Whether `text` is one component of a repository name:
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
pub fn is_name_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    bytes
        .split(alphanumeric)
        .filter(|separator| !separator.is_empty())
        .all(|separator| {
            matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
        })
}

impl RepositoryName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first component, which names the project, and the rest behind the
    /// slash, if there is one.
    pub fn split_project(&self) -> (&str, Option<&str>) {
        match self.0.split_once('/') {
            Some((project, rest)) => (project, Some(rest)),
            None => (&self.0, None),
        }
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_REPOSITORY_NAME || !text.split('/').all(is_name_component) {
            return Err(NameError::Repository);
        }
        Ok(Self(text.into()))
    }
}

/// A tag.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName(Arc<str>);

impl TagName {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TagName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let bytes = text.as_bytes();
        let valid = bytes.len() <= 128
            && bytes.first().is_some_and(word)
            && bytes
                .iter()
                .all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Tag)
        }
    }
}

macro_rules! text_value {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_value!(RepositoryName);
text_value!(TagName);

/// What names a manifest within a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By tag.
    Tag(TagName),
    /// By digest.
    Digest(Digest),
}

/// Why a text is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It has a colon, but is no digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It has no colon, and is no tag.
    #[error(transparent)]
    Tag(#[from] NameError),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_grammar() {
        for name in [
            "a",
            "library/alpine",
            "a/b/c/d",
            "a__b",
            "a---b/c.d_e",
            "0/1",
        ] {
            assert!(name.parse::<RepositoryName>().is_ok(), "{name}");
        }
        for name in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "-a", "a-", "a/../b", "a b", "a:b",
            "é",
        ] {
            assert_eq!(
                name.parse::<RepositoryName>(),
                Err(NameError::Repository),
                "{name}"
            );
        }
        assert!("a".repeat(255).parse::<RepositoryName>().is_ok());
        assert!("a".repeat(256).parse::<RepositoryName>().is_err());
    }

    #[test]
    fn tags_follow_the_grammar() {
        for tag in ["latest", "_", "1.0-rc.1", "A"] {
            assert!(tag.parse::<TagName>().is_ok(), "{tag}");
        }
        for tag in ["", ".a", "-a", "a/b", "a b", "é"] {
            assert_eq!(tag.parse::<TagName>(), Err(NameError::Tag), "{tag}");
        }
        assert!("a".repeat(128).parse::<TagName>().is_ok());
        assert!("a".repeat(129).parse::<TagName>().is_err());
    }

    #[test]
    fn a_colon_makes_a_reference_a_digest() {
        assert!(matches!("latest".parse(), Ok(Reference::Tag(_))));
        assert_eq!(
            "sha256:x".parse::<Reference>(),
            Err(DigestError::Malformed.into())
        );
    }
}
