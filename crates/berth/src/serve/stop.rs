//! The end of the process, as its parts see it.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells all parts to stop, and when they have. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    asked: Arc<watch::Sender<bool>>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self {
            asked: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Asks all parts to stop.
    pub(crate) fn request(&self) {
        self.asked.send_replace(true);
    }

    /// Whether they are asked.
    pub(crate) fn is_requested(&self) -> bool {
        *self.asked.borrow()
    }

    /// Returns when they are asked.
    pub(crate) async fn requested(&self) {
        self.part().requested().await;
    }

    /// A part that is waited for until it is dropped.
    pub(crate) fn part(&self) -> Part {
        Part(self.asked.subscribe())
    }

    /// Returns when no part is left.
    pub(crate) async fn finished(&self) {
        self.asked.closed().await;
    }
}

/// A part of the process that stops when asked.
#[derive(Clone, Debug)]
pub(crate) struct Part(watch::Receiver<bool>);

impl Part {
    /// Returns when it is to stop.
    pub(crate) async fn requested(&mut self) {
        // An error means that the one who could ask is gone: stop as well.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_asked_to_stop_is_waited_for() {
        let stop = Stop::new();
        let mut part = stop.part();
        stop.request();
        part.requested().await;
        let finished = stop.finished();
        tokio::pin!(finished);
        assert!(futures_poll(&mut finished).await.is_none());
        drop(part);
        finished.await;
    }

    /// What a future has, if it has it now.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
