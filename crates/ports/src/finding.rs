//! What a probe of a store found.

use serde::{Deserialize, Serialize};

/// What a probe of a store found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was probed: the service, and a name that no other of its probes
    /// has.
    pub name: String,
    /// How it went.
    pub verdict: Verdict,
    /// What that means, and what to do.
    pub note: Option<String>,
}

/// How a probe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The store does it.
    Ok,
    /// It does not, and nothing of what is stored depends on it.
    Warns,
    /// It does not, and nothing is safe without it.
    Fails,
    /// It was not probed.
    Skipped,
}

impl Finding {
    /// The store does it.
    pub fn ok(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Ok,
            note: None,
        }
    }

    /// It is otherwise.
    pub fn noted(name: impl Into<String>, verdict: Verdict, note: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict,
            note: Some(note.into()),
        }
    }
}
