//! Takes away the edges of a manifest that is gone.

use std::time::Duration;

use berth_domain::{Edge, EdgeTarget, Nonce};
use berth_oci::{Digest, RepositoryName};
use berth_service::{Service, Unlinked};

use crate::JobError;

/// When to look again at a manifest that is neither there nor gone.
const UNDECIDED: Duration = Duration::from_mins(1);

/// A manifest that is gone, and what it named.
pub(crate) struct Gone {
    pub(crate) repository: RepositoryName,
    pub(crate) manifest: Digest,
    pub(crate) nonce: Nonce,
    pub(crate) blobs: Vec<Digest>,
    pub(crate) children: Vec<Digest>,
}

pub(crate) async fn handle(service: &Service, gone: Gone) -> Result<(), JobError> {
    let edge = Edge {
        manifest: gone.manifest,
        nonce: gone.nonce,
    };
    let blobs = gone.blobs.into_iter().map(EdgeTarget::Blob);
    let targets: Vec<_> = blobs
        .chain(gone.children.into_iter().map(EdgeTarget::Manifest))
        .collect();
    match service.unlink(&gone.repository, edge, &targets).await? {
        Unlinked::Done | Unlinked::Needed => Ok(()),
        Unlinked::Later => Err(JobError::Retry {
            after: Some(UNDECIDED),
            reason: "it is not decided yet whether the manifest stays".to_owned(),
        }),
    }
}
