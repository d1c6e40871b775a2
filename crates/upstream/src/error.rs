//! What an upstream's failures are to the port.

use std::time::Duration;

use berth_oci::ErrorBody;
use berth_ports::UpstreamError;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use reqwest::Response;

use crate::address::{RefusedAddress, causes};
use crate::body;

const MAX_BODY: usize = 16 * 1024;
/// How much of an upstream's message is passed on, in characters.
const MAX_MESSAGE: usize = 256;
const MAX_RETRY_AFTER: usize = 64;
/// How long the body of an error is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request that brought no answer.
pub(crate) fn unanswered(error: &reqwest::Error) -> UpstreamError {
    if error.is_timeout() {
        return UpstreamError::Timeout;
    }
    if let Some(refused) = RefusedAddress::cause_of(error) {
        return UpstreamError::Refused(refused.to_string());
    }
    UpstreamError::Unreachable(root_cause(error))
}

/// The innermost cause says what happened; the outermost names the URL, which
/// may hold secrets.
fn root_cause(error: &reqwest::Error) -> String {
    let cause = causes(error).skip(1).last();
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

/// An answer that is no success.
pub(crate) async fn of_status(response: Response) -> UpstreamError {
    let status = response.status().as_u16();
    if !(400..600).contains(&status) {
        return UpstreamError::Invalid(format!("status {status}"));
    }
    let retry_after = retry_after(response.headers());
    let read = tokio::time::timeout(PATIENCE, body::whole(response, MAX_BODY)).await;
    let message = match read {
        Ok(Ok(body)) => message(&body),
        _ => String::new(),
    };
    UpstreamError::Status {
        status,
        message,
        retry_after,
    }
}

/// The message of the envelope's first error, if there is one.
fn message(body: &[u8]) -> String {
    let envelope = ErrorBody::parse(body);
    let first = envelope.and_then(|envelope| envelope.errors.into_iter().next());
    let message = first.map(|entry| entry.message).unwrap_or_default();
    message
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_MESSAGE)
        .collect()
}

fn retry_after(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    (value.len() <= MAX_RETRY_AFTER).then(|| value.to_owned())
}
