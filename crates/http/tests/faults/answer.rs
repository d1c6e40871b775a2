//! What a use case answered, and whether that is an answer.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `None`: it broke off, and the client sees that.
    pub(crate) body: Option<Bytes>,
    /// Whether a body was not asked for.
    pub(crate) is_head: bool,
}

impl Answer {
    /// The answer of what has no client.
    pub(crate) fn of<T, E>(result: &Result<T, E>) -> Self {
        let status = match result {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
        let body = br#"{"errors":[{"code":"NONE","message":"no client"}]}"#;
        Self {
            status,
            headers,
            body: Some(Bytes::from_static(body)),
            is_head: false,
        }
    }

    /// Whether it says that the request was done, and is whole.
    pub(crate) fn is_success(&self) -> bool {
        !self.is_failure() && self.body.is_some()
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// What is wrong with it as the answer to a client whose request met a
    /// fault.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if !self.is_failure() {
            return None;
        }
        if self.status.is_client_error() {
            return Some("the client is blamed");
        }
        if let Some(fault) = self.fault_of_body() {
            return Some(fault);
        }
        let unavailable = self.status == StatusCode::SERVICE_UNAVAILABLE;
        if unavailable && !self.headers.contains_key(RETRY_AFTER) {
            return Some("nobody knows when to try again");
        }
        None
    }

    fn fault_of_body(&self) -> Option<&'static str> {
        if self.is_head {
            return None;
        }
        let Some(body) = &self.body else {
            return Some("an error breaks off");
        };
        let kind = self.headers.get(CONTENT_TYPE);
        if kind.is_none_or(|kind| !kind.as_bytes().starts_with(b"application/json")) {
            return Some("an error is not JSON");
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body["errors"][0];
        let is_empty = |field: &str| error[field].as_str().is_none_or(str::is_empty);
        if is_empty("code") || is_empty("message") {
            return Some("an error says nothing");
        }
        None
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.status)?;
        match &self.body {
            Some(body) => {
                formatter.write_str(&String::from_utf8_lossy(&body[..body.len().min(500)]))
            }
            None => formatter.write_str("(broken off)"),
        }
    }
}
