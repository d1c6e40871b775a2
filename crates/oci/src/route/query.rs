//! Query parameters.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{MAX_QUERY_BYTES, MAX_TAG_PARAMETERS, RouteError};
use crate::digest::{Algorithm, Digest};
use crate::name::{RepositoryName, TagName};

/// Which page of a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// The most items; 0 asks for an empty list. A number that does not fit is
    /// the largest one.
    pub n: Option<u32>,
    /// The item or cursor to go on behind; never empty.
    pub last: Option<String>,
}

/// The parameters of a query; of several with one name the first counts.
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(super) fn parse(query: Option<&'a str>) -> Result<Self, RouteError> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            return Err(RouteError::QueryTooLong);
        }
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            });
        Ok(Self(pairs.collect()))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |pair| pair.0 == name)
            .map(|pair| &*pair.1)
    }

    /// The first value that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    pub(super) fn page(&self) -> Result<PageQuery, RouteError> {
        let number = |digits: &str| {
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(RouteError::PageSize);
            }
            Ok(digits.parse().unwrap_or(u32::MAX))
        };
        Ok(PageQuery {
            n: self.get("n").map(number).transpose()?,
            last: self.get("last").map(str::to_owned),
        })
    }

    pub(super) fn digest(&self, name: &str) -> Result<Option<Digest>, RouteError> {
        Ok(self.get(name).map(str::parse).transpose()?)
    }

    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, RouteError> {
        Ok(self.get("digest-algorithm").map(str::parse).transpose()?)
    }

    pub(super) fn from(&self) -> Result<Option<RepositoryName>, RouteError> {
        self.get("from")
            .map(str::parse)
            .transpose()
            .map_err(RouteError::Name)
    }

    pub(super) fn epoch(&self) -> Result<Option<u64>, RouteError> {
        self.get("epoch")
            .map(|epoch| epoch.parse().map_err(|_| RouteError::UploadLocation))
            .transpose()
    }

    /// The tags, each once.
    pub(super) fn tags(&self) -> Result<Vec<TagName>, RouteError> {
        let mut tags = Vec::new();
        for tag in self.all("tag") {
            let tag = tag.parse().map_err(RouteError::Tag)?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            if tags.len() > MAX_TAG_PARAMETERS {
                return Err(RouteError::TooManyTags);
            }
        }
        Ok(tags)
    }

    /// The type to filter by. A `+` that a client left unencoded arrives as a
    /// space, which no media type has.
    pub(super) fn artifact_type(&self) -> Option<String> {
        self.get("artifactType")
            .map(|artifact_type| artifact_type.replace(' ', "+"))
    }

    pub(super) fn ns(&self) -> Result<Option<String>, RouteError> {
        let Some(ns) = self.get("ns") else {
            return Ok(None);
        };
        if ns.len() > 255 || !ns.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RouteError::Namespace);
        }
        Ok(Some(ns.to_owned()))
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}
