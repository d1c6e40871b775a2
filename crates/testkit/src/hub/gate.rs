//! A gate that a test opens: how the double waits without sleeping.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

/// Holds whoever arrives until the test lets them through. Clones are the same
/// gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    permits: Semaphore,
    arrivals: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self(Arc::new(Inner {
            permits: Semaphore::new(0),
            arrivals: watch::Sender::new(0),
        }))
    }

    /// Lets everyone through from now on.
    pub fn open(&self) {
        self.0.permits.close();
    }

    /// Lets `count` through: requests where it holds answers, chunks where it
    /// slows a body.
    pub fn let_through(&self, count: usize) {
        self.0.permits.add_permits(count);
    }

    /// Waits until `count` have arrived since the gate was made, let through
    /// or not.
    pub async fn arrived(&self, count: usize) {
        let mut arrivals = self.0.arrivals.subscribe();
        // The sender lives in self, so the channel cannot close meanwhile.
        let _ = arrivals.wait_for(|arrived| *arrived >= count).await;
    }

    pub(super) async fn pass(&self) {
        self.0.arrivals.send_modify(|arrived| *arrived += 1);
        if let Ok(permit) = self.0.permits.acquire().await {
            permit.forget();
        }
    }
}
