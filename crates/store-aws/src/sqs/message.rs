//! A job as a message: the envelope's JSON, or where that is.

use berth_domain::Envelope;
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;

/// What a message may have, less room for a dead letter's reason. The smallest
/// limit among services of this kind is 256 KiB.
pub(super) const LARGEST: usize = 240 * 1024;

/// What stands before the key of a large job's object. No JSON begins so.
const LARGE: &str = "object ";

/// A message's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message(String);

impl From<String> for Message {
    fn from(body: String) -> Self {
        Self(body)
    }
}

impl Message {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the object that the job is in, if it is in one.
    pub(super) fn large(&self) -> Option<&str> {
        self.0.strip_prefix(LARGE)
    }
}

/// The message of a job, and of a large one what belongs into its object.
pub(super) fn write(envelope: &Envelope) -> StoreResult<(Message, Option<Bytes>)> {
    let text = serde_json::to_string(envelope).map_err(StoreError::unavailable)?;
    if text.len() <= LARGEST {
        return Ok((Message(text), None));
    }
    let message = Message(format!("{LARGE}jobs/{}", envelope.id));
    Ok((message, Some(text.into())))
}

/// A job as it was written; `Err(reason)` if it cannot be read.
pub(super) fn read(text: &[u8]) -> Result<Envelope, String> {
    serde_json::from_slice(text)
        .map_err(|error| format!("the job cannot be read, use the newer program: {error}"))
}

/// A text as SQS takes it: no control characters, of a limited length, not
/// empty.
pub(super) fn printable(text: &str, length: usize) -> String {
    let characters = text.chars().take(length);
    let text: String = characters
        .map(|one| if one.is_control() { ' ' } else { one })
        .filter(|one| !matches!(one, '\u{fffe}' | '\u{ffff}'))
        .collect();
    if text.is_empty() {
        "not said".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_made_printable() {
        assert_eq!(printable("a\nb\u{0}c", 10), "a b c");
        assert_eq!(printable("abcdef", 3), "abc");
        assert_eq!(printable("", 3), "not said");
    }
}
