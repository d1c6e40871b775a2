//! Identifiers: numeric ones that Harbor's API shows, opaque ones that are
//! never reused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is malformed")]
pub struct IdError;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self).map_err(|_| IdError)
            }
        }
    };
}

numeric_id!(
    /// A project's number.
    ProjectId
);
numeric_id!(
    /// A user's number; 1 is the first administrator.
    UserId
);
numeric_id!(
    /// A registry endpoint's number.
    RegistryId
);
numeric_id!(
    /// A repository's number.
    RepositoryId
);
numeric_id!(
    /// An artifact's number.
    ArtifactId
);
numeric_id!(
    /// A run's number.
    RunId
);

/// The counters that numeric identifiers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// [`ProjectId`].
    Project,
    /// [`UserId`].
    User,
    /// [`RegistryId`].
    Registry,
    /// [`RepositoryId`].
    Repository,
    /// [`ArtifactId`].
    Artifact,
    /// [`RunId`].
    Run,
}

impl Sequence {
    /// The key of the stored counter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
            Self::Registry => "registry",
            Self::Repository => "repository",
            Self::Artifact => "artifact",
            Self::Run => "run",
        }
    }
}

/// 128 bits that no one had before: unique over all processes and restarts,
/// and hard to guess.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FreshId(pub u128);

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl From<FreshId> for $name {
            fn from(id: FreshId) -> Self {
                Self(id.0)
            }
        }

        impl $name {
            /// Its bits.
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if text.len() != 32 || !text.bytes().all(hex) {
                    return Err(IdError);
                }
                u128::from_str_radix(text, 16).map(Self).map_err(|_| IdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

opaque_id!(
    /// An upload session; clients see it in `Location`.
    UploadId
);
opaque_id!(
    /// Where an object's bytes are. Chosen before the first byte is written,
    /// written once, never reused.
    ObjectKey
);
opaque_id!(
    /// One try to make a manifest visible; an edge counts only while its
    /// manifest has the edge's nonce.
    Nonce
);
opaque_id!(
    /// One life of a link between a repository and a blob.
    LinkId
);
opaque_id!(
    /// One condemnation or revival of a link; a delete names the one it saw.
    LinkToken
);
opaque_id!(
    /// A job, for idempotent handling.
    JobId
);

opaque_id!(
    /// One time that a lease is held.
    LeaseId
);

impl LinkId {
    /// Comes before every id that is given out.
    pub const SMALLEST: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_id_prints_as_it_parses() {
        let id = UploadId::from(FreshId(0xab));
        assert_eq!(id.to_string(), "000000000000000000000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "ab",
            "+00000000000000000000000000000ab",
            "000000000000000000000000000000AB",
        ] {
            assert_eq!(text.parse::<UploadId>(), Err(IdError), "{text}");
        }
    }
}
