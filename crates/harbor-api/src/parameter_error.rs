//! Why the parameters of a list cannot be taken.

use crate::ErrorCode;

/// A parameter of a list that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    #[error("{parameter} is longer than {limit} bytes")]
    TooLong {
        parameter: &'static str,
        limit: usize,
    },
    #[error("{parameter} has more than {limit} {what}")]
    TooMany {
        parameter: &'static str,
        what: &'static str,
        limit: usize,
    },
    #[error("each term of q must be a name, \"=\" and a value, neither of them empty")]
    NotATerm,
    #[error("the fuzzy value of {0:?} in q is empty: give text after \"~\"")]
    EmptyFuzzy(String),
    #[error("the range of {0:?} in q must be [min~max], with one \"~\" and at least one end")]
    NotARange(String),
    #[error("the list of {0:?} in q is not closed: write {{a b}} or (a b)")]
    UnclosedList(String),
    #[error("{parameter} in query must be a 64-bit integer")]
    NotAnInteger { parameter: &'static str },
    #[error("page_size in query should be less than or equal to {limit}")]
    PageSizeTooLarge { limit: u32 },
}

impl ParameterError {
    /// The code to answer with: 400 as of `q`, 422 where Harbor's swagger rules the value out.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotAnInteger { .. } | Self::PageSizeTooLarge { .. } => {
                ErrorCode::UnprocessableEntity
            }
            _ => ErrorCode::BadRequest,
        }
    }
}
