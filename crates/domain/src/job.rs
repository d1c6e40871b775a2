//! Work to be done later, at least once.

use berth_oci::{Digest, RepositoryName};
use serde::{Deserialize, Serialize};

use crate::{JobId, Nonce, ObjectKey, RunId};

/// A job's kind and what it is about. Handlers are idempotent by [`JobId`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// A manifest is gone, or its push was given up: its edges go.
    Unlink {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        manifest: Digest,
        /// Under which nonce its edges were written.
        nonce: Nonce,
        /// The blobs and children it named.
        blobs: Vec<Digest>,
        /// An index's children.
        children: Vec<Digest>,
    },
    /// Nothing names this object any more.
    DeleteObject {
        /// The object.
        key: ObjectKey,
    },
    /// Upload sessions that nobody continues are to be ended.
    SweepUploads,
    /// What the GC queue has due is to be looked at.
    SweepGarbage,
    /// A garbage collection that somebody or the schedule started.
    CollectGarbage {
        /// The run.
        run: RunId,
    },
}

impl Job {
    /// The kind's name, for logs and metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unlink { .. } => "unlink",
            Self::DeleteObject { .. } => "delete_object",
            Self::SweepUploads => "sweep_uploads",
            Self::SweepGarbage => "sweep_garbage",
            Self::CollectGarbage { .. } => "collect_garbage",
        }
    }
}

/// The version of the stored form of [`Job`].
pub const JOB_VERSION: u32 = 1;

/// A job with its id, as the outbox and the queue carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of the stored form.
    pub v: u32,
    /// The job's id.
    pub id: JobId,
    /// The job.
    pub job: Job,
}

impl Envelope {
    /// Wraps a job in the current form.
    pub const fn new(id: JobId, job: Job) -> Self {
        Self {
            v: JOB_VERSION,
            id,
            job,
        }
    }
}
