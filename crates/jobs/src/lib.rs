//! One handler per kind of job, each a call into the service. Nothing here
//! knows a queue: whoever received a job passes it to [`handle`](handle()) and deals with
//! the answer.

pub use error::JobError;
pub use handle::handle;

mod collect_garbage;
mod delete_object;
mod error;
mod handle;
mod sweep_garbage;
mod sweep_uploads;
mod unlink;
