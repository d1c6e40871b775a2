//! Upload sessions.

use berth_oci::{Algorithm, Digest, Hasher, RepositoryName};
use jiff::Timestamp;

use crate::{FreshId, ObjectKey, ProjectId, UploadId};

/// How far the writing of an object has come: enough for any instance to go
/// on with it.
#[derive(Clone, Debug)]
pub struct WriteState {
    /// Bytes written so far, all of them durable.
    pub offset: u64,
    /// The hash of these bytes.
    pub hash: Hasher,
    /// What the store needs to go on (parts, a tail); opaque to all others,
    /// at most 64 KiB.
    pub progress: Vec<u8>,
}

impl WriteState {
    /// Nothing written yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            offset: 0,
            hash: Hasher::new(algorithm),
            progress: Vec::new(),
        }
    }
}

/// Set in the id of an arrival, and in no other.
const ARRIVAL: u128 = 1 << 127;

impl UploadId {
    /// The id of a session that clients may name.
    pub fn of_client(id: FreshId) -> Self {
        Self::from(FreshId(id.0 & !ARRIVAL))
    }

    /// The session of a blob that clients of a repository are to put into the
    /// store themselves: the same for all of them, so that whoever asks for the
    /// blob finds it. No client may name it: it can be guessed.
    pub fn of_arrival(project: ProjectId, repository: &RepositoryName, digest: Digest) -> Self {
        let name = Digest::sha256(format!("{project}:{repository}@{digest}").as_bytes());
        let bytes = name.hash().iter().take(size_of::<u128>());
        let id = bytes.fold(0, |id: u128, byte| id << u8::BITS | u128::from(*byte));
        Self::from(FreshId(id | ARRIVAL))
    }

    /// Whether it is that of an arrival.
    pub const fn is_arrival(self) -> bool {
        self.bits() & ARRIVAL != 0
    }
}

/// An upload session. It owns the object under its key until a commit takes
/// it over.
#[derive(Clone, Debug)]
pub struct UploadSession {
    /// Its id.
    pub id: UploadId,
    /// The repository it was opened in.
    pub repository: RepositoryName,
    /// Where its bytes go.
    pub key: ObjectKey,
    /// Raised by each request that claims it: who holds an older one may
    /// neither write nor commit.
    pub epoch: u64,
    /// How far it has come.
    pub state: WriteState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When a request last claimed it or left its state.
    pub touched_at: Timestamp,
}
