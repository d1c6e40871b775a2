//! The grammar of `q`, by which lists are filtered.
//!
//! Terms are separated by commas: `name=value` is exact, `name=~value` fuzzy, `name=[min~max]` a
//! range, `name={a b}` any of the values, `name=(a b)` all of them. A leading backslash makes the
//! rest of an exact value literal. In ranges and lists a value is a time (`2020-04-09T02:36:00`,
//! UTC; in a range also with a space for the `T`), else an integer, else text, which may stand in
//! quotes. Harbor decodes `q` once more than the URL around it, and so does this.

use std::fmt::{self, Display};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::ParameterError;
use crate::form::decode;

const MAXIMUM_BYTES: usize = 4096;
const MAXIMUM_TERMS: usize = 32;
const MAXIMUM_VALUES: usize = 256;

/// A parsed `q`: at most 32 terms, each about another field.
///
/// Displays as a `q` that parses to an equal one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

/// What one field must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The name of the field, as the client wrote it; never empty.
    ///
    /// Harbor ignores a field that the listed things don't have.
    pub field: String,
    pub pattern: Pattern,
}

/// What a field's value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Equal to this.
    Exact(String),
    /// Containing this, whatever the case; never empty.
    Fuzzy(String),
    /// Between these, both included; at least one is set.
    Range {
        min: Option<Value>,
        max: Option<Value>,
    },
    /// One of these, at most 256; of none, no value is.
    AnyOf(Vec<Value>),
    /// Each of these, at most 256.
    AllOf(Vec<Value>),
}

/// A value in a range or list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Integer(i64),
    Time(jiff::Timestamp),
    Text(String),
}

impl Query {
    /// Parses `q`, decoded out of its URL. An empty one has no terms.
    ///
    /// Of two terms about one field the later holds, as in Harbor.
    pub fn parse(q: &str) -> Result<Self, ParameterError> {
        if q.len() > MAXIMUM_BYTES {
            return Err(ParameterError::TooLong {
                parameter: "q",
                limit: MAXIMUM_BYTES,
            });
        }
        let mut terms: Vec<Term> = Vec::new();
        if q.is_empty() {
            return Ok(Self { terms });
        }
        for text in decode(q).split(',') {
            let term = Term::parse(text)?;
            terms.retain(|earlier| earlier.field != term.field);
            terms.push(term);
            if terms.len() > MAXIMUM_TERMS {
                return Err(ParameterError::TooMany {
                    parameter: "q",
                    what: "terms",
                    limit: MAXIMUM_TERMS,
                });
            }
        }
        Ok(Self { terms })
    }

    /// The terms, all of which must match.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What the field must match, if the query says.
    pub fn pattern(&self, field: &str) -> Option<&Pattern> {
        self.terms
            .iter()
            .find(|term| term.field == field)
            .map(|term| &term.pattern)
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, ParameterError> {
        let (field, value) = text.split_once('=').ok_or(ParameterError::NotATerm)?;
        if field.is_empty() || value.is_empty() {
            return Err(ParameterError::NotATerm);
        }
        Ok(Self {
            field: field.to_owned(),
            pattern: Pattern::parse(field, value)?,
        })
    }
}

impl Pattern {
    fn parse(field: &str, text: &str) -> Result<Self, ParameterError> {
        if let Some(value) = text.strip_prefix('~') {
            if value.is_empty() {
                return Err(ParameterError::EmptyFuzzy(field.to_owned()));
            }
            return Ok(Self::Fuzzy(value.to_owned()));
        }
        if let Some(rest) = text.strip_prefix('[') {
            return parse_range(rest).ok_or_else(|| ParameterError::NotARange(field.to_owned()));
        }
        if let Some(rest) = text.strip_prefix('{') {
            return parse_list(field, rest, '}').map(Self::AnyOf);
        }
        if let Some(rest) = text.strip_prefix('(') {
            return parse_list(field, rest, ')').map(Self::AllOf);
        }
        Ok(Self::Exact(
            text.strip_prefix('\\').unwrap_or(text).to_owned(),
        ))
    }
}

fn parse_range(rest: &str) -> Option<Pattern> {
    let (min, max) = rest.strip_suffix(']')?.split_once('~')?;
    if max.contains('~') {
        return None;
    }
    let end = |text: &str| {
        let text = text.trim();
        (!text.is_empty()).then(|| Value::parse(text))
    };
    let (min, max) = (end(min), end(max));
    (min.is_some() || max.is_some()).then_some(Pattern::Range { min, max })
}

fn parse_list(field: &str, rest: &str, close: char) -> Result<Vec<Value>, ParameterError> {
    let Some(inner) = rest.strip_suffix(close) else {
        return Err(ParameterError::UnclosedList(field.to_owned()));
    };
    let values: Vec<Value> = inner
        .split(' ')
        .map(|text| Value::parse(text.trim()))
        .filter(|value| !matches!(value, Value::Text(text) if text.is_empty()))
        .collect();
    if values.len() > MAXIMUM_VALUES {
        return Err(ParameterError::TooMany {
            parameter: "q",
            what: "values in a list",
            limit: MAXIMUM_VALUES,
        });
    }
    Ok(values)
}

impl Value {
    fn parse(text: &str) -> Self {
        if let Some(time) = parse_time(text) {
            return Self::Time(time);
        }
        if let Ok(integer) = text.parse() {
            return Self::Integer(integer);
        }
        Self::Text(text.trim_matches(['"', '\'']).to_owned())
    }
}

/// Takes `2020-04-09T02:36:00`, with a space for the `T` or a fraction of the second, and nothing
/// else of what ISO 8601 has.
fn parse_time(text: &str) -> Option<jiff::Timestamp> {
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_shaped = whole.len() == 19
        && whole.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T' || byte == b' ',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    let digits = |fraction: &str| fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_shaped || !fraction.is_none_or(digits) {
        return None;
    }
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl Display for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(Term::to_string).collect();
        let encoded = terms.join(",").replace('%', "%25").replace('+', "%2B");
        formatter.write_str(&encoded)
    }
}

impl Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.field, self.pattern)
    }
}

impl Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |values: &[Value]| {
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            values.join(" ")
        };
        let end = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
        match self {
            Self::Exact(value)
                if value.is_empty() || value.starts_with(['~', '[', '{', '(', '\\']) =>
            {
                write!(formatter, "\\{value}")
            }
            Self::Exact(value) => formatter.write_str(value),
            Self::Fuzzy(value) => write!(formatter, "~{value}"),
            Self::Range { min, max } => write!(formatter, "[{}~{}]", end(min), end(max)),
            Self::AnyOf(values) => write!(formatter, "{{{}}}", join(values)),
            Self::AllOf(values) => write!(formatter, "({})", join(values)),
        }
    }
}

impl Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Time(value) => {
                write!(formatter, "{}", TimeZone::UTC.to_datetime(*value))
            }
            Self::Text(value) => write!(formatter, "\"{value}\""),
        }
    }
}
