//! The parameters that every list of Harbor's has: `q`, `sort`, `page` and `page_size`.

use crate::form::parameter;
use crate::{ParameterError, Query};

const MAXIMUM_SORT_BYTES: usize = 512;
const MAXIMUM_SORT_FIELDS: usize = 16;

/// What a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListParameters {
    pub query: Query,
    pub sort: Sort,
    pub page: Page,
}

impl ListParameters {
    /// Takes the parameters out of a URL's query string (without the `?`), and leaves the others.
    ///
    /// Of a parameter given twice the last counts; an empty one is absent.
    pub fn parse(query_string: &str) -> Result<Self, ParameterError> {
        let text = |name| parameter(query_string, name).unwrap_or_default();
        Ok(Self {
            query: Query::parse(&text("q"))?,
            sort: Sort::parse(&text("sort"))?,
            page: Page::parse(
                parameter(query_string, "page").as_deref(),
                parameter(query_string, "page_size").as_deref(),
            )?,
        })
    }
}

/// A parsed `sort`: the fields to order by, the first first; at most 16.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sort {
    pub fields: Vec<SortField>,
}

/// A field to order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortField {
    /// The name of the field, as the client wrote it; never empty.
    ///
    /// Harbor ignores a field that the listed things don't have.
    pub field: String,
    pub descending: bool,
}

impl Sort {
    /// Parses `sort`, decoded out of its URL: field names separated by commas, each with a `-`
    /// before it for descending order. Empty names are passed over.
    pub fn parse(sort: &str) -> Result<Self, ParameterError> {
        if sort.len() > MAXIMUM_SORT_BYTES {
            return Err(ParameterError::TooLong {
                parameter: "sort",
                limit: MAXIMUM_SORT_BYTES,
            });
        }
        let fields: Vec<SortField> = sort
            .split(',')
            .map(|text| match text.strip_prefix('-') {
                Some(field) => (field, true),
                None => (text, false),
            })
            .filter(|(field, _)| !field.is_empty())
            .map(|(field, descending)| SortField {
                field: field.to_owned(),
                descending,
            })
            .collect();
        if fields.len() > MAXIMUM_SORT_FIELDS {
            return Err(ParameterError::TooMany {
                parameter: "sort",
                what: "fields",
                limit: MAXIMUM_SORT_FIELDS,
            });
        }
        Ok(Self { fields })
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    page: u64,
    page_size: u32,
}

impl Page {
    /// The most items that a page has.
    pub const MAXIMUM_SIZE: u32 = 100;
    const DEFAULT_SIZE: u32 = 10;

    /// Parses `page` (default 1) and `page_size` (default 10, at most 100).
    ///
    /// A `page` below 1 is the first, as in Harbor. A `page_size` below 1, by which Harbor sends
    /// the whole list, is 100 here: the `Link` header leads to the rest.
    pub fn parse(page: Option<&str>, page_size: Option<&str>) -> Result<Self, ParameterError> {
        let page = integer("page", page)?.unwrap_or(1);
        let page_size = match integer("page_size", page_size)? {
            None => Self::DEFAULT_SIZE,
            Some(size) if size < 1 => Self::MAXIMUM_SIZE,
            Some(size) => u32::try_from(size)
                .ok()
                .filter(|size| *size <= Self::MAXIMUM_SIZE)
                .ok_or(ParameterError::PageSizeTooLarge {
                    limit: Self::MAXIMUM_SIZE,
                })?,
        };
        Ok(Self {
            page: u64::try_from(page).unwrap_or(1).max(1),
            page_size,
        })
    }

    /// The number of the page, from 1.
    pub fn page(self) -> u64 {
        self.page
    }

    /// The most items to send, 1 to 100.
    pub fn page_size(self) -> u32 {
        self.page_size
    }

    /// How many items come before the page.
    pub fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(u64::from(self.page_size))
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            page: 1,
            page_size: Self::DEFAULT_SIZE,
        }
    }
}

fn integer(parameter: &'static str, value: Option<&str>) -> Result<Option<i64>, ParameterError> {
    value
        .filter(|value| !value.is_empty())
        .map(|value| {
            value
                .parse()
                .map_err(|_| ParameterError::NotAnInteger { parameter })
        })
        .transpose()
}
