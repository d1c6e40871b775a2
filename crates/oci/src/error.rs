//! Error codes and the JSON envelope that carries them (distribution spec,
//! "Error Codes").

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:ident, $description:literal;)*) => {
        /// What a client can tell errors apart by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status that usually goes with the code.
            pub const fn default_status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What the code means, for an error that has nothing to add.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)* }
            }

            /// The code that is written `text`; [`ErrorCode::Unknown`] if none is.
            pub fn from_wire(text: &str) -> Self {
                match text { $($code => Self::$variant,)* _ => Self::Unknown }
            }
        }
    };
}

error_codes! {
    /// No such blob in the repository.
    BlobUnknown = "BLOB_UNKNOWN", NOT_FOUND, "blob unknown to registry";
    /// The upload cannot go on as asked.
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID", BAD_REQUEST, "blob upload invalid";
    /// No such upload session.
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN", NOT_FOUND, "blob upload unknown to registry";
    /// A digest is malformed, of an unsupported algorithm, or not that of the content.
    DigestInvalid = "DIGEST_INVALID", BAD_REQUEST, "provided digest did not match uploaded content";
    /// A manifest names a blob or manifest that is not there.
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", BAD_REQUEST, "manifest references a manifest or blob unknown to registry";
    /// A manifest breaks its format.
    ManifestInvalid = "MANIFEST_INVALID", BAD_REQUEST, "manifest invalid";
    /// No such manifest in the repository.
    ManifestUnknown = "MANIFEST_UNKNOWN", NOT_FOUND, "manifest unknown to registry";
    /// A repository name breaks the grammar.
    NameInvalid = "NAME_INVALID", BAD_REQUEST, "invalid repository name";
    /// No such repository.
    NameUnknown = "NAME_UNKNOWN", NOT_FOUND, "repository name not known to registry";
    /// The content is not as long as was said.
    SizeInvalid = "SIZE_INVALID", BAD_REQUEST, "provided length did not match content length";
    /// Who asks must log in.
    Unauthorized = "UNAUTHORIZED", UNAUTHORIZED, "authentication required";
    /// Who asks may not.
    Denied = "DENIED", FORBIDDEN, "requested access to the resource is denied";
    /// The registry does not do this.
    Unsupported = "UNSUPPORTED", METHOD_NOT_ALLOWED, "the operation is unsupported";
    /// Asked too often.
    TooManyRequests = "TOOMANYREQUESTS", TOO_MANY_REQUESTS, "too many requests";
    /// A tag breaks the grammar (not of the spec's table; CNCF distribution has it).
    TagInvalid = "TAG_INVALID", BAD_REQUEST, "invalid tag";
    /// A page's `n` is no number (of CNCF distribution).
    PaginationNumberInvalid = "PAGINATION_NUMBER_INVALID", BAD_REQUEST, "invalid number of results requested";
    /// A chunk does not start where the upload stands (of CNCF distribution).
    RangeInvalid = "RANGE_INVALID", RANGE_NOT_SATISFIABLE, "invalid content range";
    /// Nothing answers to this path.
    NotFound = "NOT_FOUND", NOT_FOUND, "there is nothing at this path";
    /// The registry or something it needs is not available now (of CNCF distribution).
    Unavailable = "UNAVAILABLE", SERVICE_UNAVAILABLE, "service unavailable";
    /// Anything else (of CNCF distribution).
    Unknown = "UNKNOWN", INTERNAL_SERVER_ERROR, "unknown error";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One error of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorEntry {
    /// What went wrong, for a program.
    pub code: ErrorCode,
    /// What went wrong, for a person.
    pub message: String,
    /// Anything that helps to resolve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

/// The envelope: `{"errors":[{"code":..,"message":..,"detail":..}]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// The errors, the one that matters first.
    pub errors: Vec<ErrorEntry>,
}

/// How much of another registry's error is read.
const MAX_ENVELOPE_BYTES: usize = 64 * 1024;
const MAX_ENTRIES: usize = 16;
const MAX_MESSAGE_CHARS: usize = 1024;

impl ErrorBody {
    /// An envelope with one error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            errors: vec![ErrorEntry {
                code,
                message: message.into(),
                detail: None,
            }],
        }
    }

    /// The envelope with `detail` on each of its errors.
    #[must_use]
    pub fn with_detail(mut self, detail: &Value) -> Self {
        for entry in &mut self.errors {
            entry.detail = Some(detail.clone());
        }
        self
    }

    /// The envelope as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the body of another registry's error response, leniently: entries
    /// that make no sense are skipped, a code not known here becomes
    /// [`ErrorCode::Unknown`] with its text in the message.
    ///
    /// `None` if the body is over 64 KiB, no JSON, or holds no error.
    pub fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            errors: Vec<Value>,
        }
        if body.len() > MAX_ENVELOPE_BYTES {
            return None;
        }
        let envelope: Envelope = serde_json::from_slice(body).ok()?;
        let errors: Vec<_> = envelope
            .errors
            .into_iter()
            .filter_map(parse_entry)
            .take(MAX_ENTRIES)
            .collect();
        (!errors.is_empty()).then_some(Self { errors })
    }
}

fn parse_entry(entry: Value) -> Option<ErrorEntry> {
    let Value::Object(mut entry) = entry else {
        return None;
    };
    let text = entry.get("code")?.as_str()?;
    let message = entry
        .get("message")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let code = ErrorCode::from_wire(text);
    let foreign = code == ErrorCode::Unknown && text != ErrorCode::Unknown.as_str();
    let message = match (foreign, message.is_empty()) {
        (false, _) => message.to_owned(),
        (true, true) => text.to_owned(),
        (true, false) => format!("{text}: {message}"),
    };
    let message = message.chars().take(MAX_MESSAGE_CHARS).collect();
    let detail = entry.remove("detail").filter(|detail| !detail.is_null());
    Some(ErrorEntry {
        code,
        message,
        detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_code_is_read_as_it_is_written() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_wire(code.as_str()), *code);
        }
    }

    #[test]
    fn an_envelope_is_written_as_the_spec_has_it() {
        let body = ErrorBody::new(ErrorCode::ManifestUnknown, "no such tag");
        assert_eq!(
            body.to_json(),
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such tag"}]}"#
        );
        assert_eq!(
            body.with_detail(&serde_json::json!({"tag": "a"})).to_json(),
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such tag","detail":{"tag":"a"}}]}"#
        );
    }

    #[test]
    fn another_registrys_envelope_is_read_leniently() {
        let body = br#"{"errors":[7,{"code":1},{"code":"TOOMANYREQUESTS","message":"slow down","detail":null},
            {"code":"TEAPOT"},{"code":"TEAPOT","message":"short","detail":["stout"]}],"x":1}"#;
        let entry = |code, message: &str, detail| ErrorEntry {
            code,
            message: message.into(),
            detail,
        };
        assert_eq!(
            ErrorBody::parse(body).unwrap().errors,
            [
                entry(ErrorCode::TooManyRequests, "slow down", None),
                entry(ErrorCode::Unknown, "TEAPOT", None),
                entry(
                    ErrorCode::Unknown,
                    "TEAPOT: short",
                    Some(serde_json::json!(["stout"]))
                ),
            ]
        );
    }

    #[test]
    fn what_is_no_envelope_is_none() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"errors":null}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":[{}]}"#,
        ] {
            assert_eq!(ErrorBody::parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn an_envelope_is_read_within_limits() {
        let entry = format!(r#"{{"code":"DENIED","message":"{}"}}"#, "é".repeat(1200));
        let body = format!(r#"{{"errors":[{}]}}"#, vec![entry; 20].join(","));
        let parsed = ErrorBody::parse(body.as_bytes()).unwrap();
        assert_eq!(parsed.errors.len(), MAX_ENTRIES);
        assert_eq!(parsed.errors[0].message.chars().count(), MAX_MESSAGE_CHARS);
        let long = format!("{body}{}", " ".repeat(MAX_ENVELOPE_BYTES));
        assert_eq!(ErrorBody::parse(long.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            ErrorBody::parse(&body);
        }
    }
}
