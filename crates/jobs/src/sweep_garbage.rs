//! Looks at what the GC queue has due.

use std::ops::ControlFlow;

use berth_service::{Service, Swept};
use jiff::SignedDuration;

use crate::JobError;

/// No job takes longer; the next one goes on.
const LONGEST: SignedDuration = SignedDuration::from_mins(4);

pub(crate) async fn handle(service: &Service) -> Result<(), JobError> {
    let clock = &service.ports().clock;
    let end = clock.now() + LONGEST;
    let mut observer = |_| {
        if clock.now() < end {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let swept = service.sweep_garbage_if_idle(&mut observer).await?;
    if let Some(swept) = swept.filter(Swept::has_freed) {
        tracing::info!(
            links = swept.links,
            manifests = swept.manifests,
            blobs = swept.blobs,
            bytes = swept.bytes,
            "garbage collected"
        );
    }
    Ok(())
}
