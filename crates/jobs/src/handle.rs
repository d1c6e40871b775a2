//! From a job to its handler.

use berth_domain::{Envelope, JOB_VERSION, Job};
use berth_service::Service;

use crate::{JobError, collect_garbage, delete_object, sweep_garbage, sweep_uploads, unlink};

/// Does a job. Doing one again that was done, or that is being done elsewhere,
/// does no harm.
pub async fn handle(service: &Service, envelope: Envelope) -> Result<(), JobError> {
    if envelope.v != JOB_VERSION {
        let v = envelope.v;
        return Err(JobError::Permanent(format!(
            "the job has version {v} and this program knows only {JOB_VERSION}, use the newer program"
        )));
    }
    match envelope.job {
        Job::Unlink {
            repository,
            manifest,
            nonce,
            blobs,
            children,
        } => {
            let gone = unlink::Gone {
                repository,
                manifest,
                nonce,
                blobs,
                children,
            };
            unlink::handle(service, gone).await
        }
        Job::DeleteObject { key } => delete_object::handle(service, key).await,
        Job::SweepUploads => sweep_uploads::handle(service).await,
        Job::SweepGarbage => sweep_garbage::handle(service).await,
        Job::CollectGarbage { run } => collect_garbage::handle(service, run).await,
    }
}
