//! What the queues are like.
//!
//! No message is sent: a worker of a running server could take one from the
//! queue for jobs, and would make a dead letter of what is no job; one among the
//! dead letters would wake whoever watches these. The time for which a received
//! message is hidden is no attribute that matters: Berth names it each time.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use berth_ports::Finding;
use serde_json::Value;

use super::message::LARGEST;
use super::{Address, RETENTION, SqsQueue, is_missing};
use crate::check::{Doubt, Probed, finding};
use crate::error::{code, failed};

/// After so many receives Berth has given a job up by itself.
const RECEIVES: u64 = 20;

type Attributes = HashMap<QueueAttributeName, String>;

impl SqsQueue {
    /// Looks at the queues.
    pub async fn check(&self) -> Vec<Finding> {
        let (jobs, dead) = (self.look_at(&self.jobs), self.look_at(&self.dead));
        let (jobs, dead) = (jobs.await, dead.await);
        let moves = match &jobs {
            Ok(attributes) => self.moves_no_jobs(attributes),
            Err(_) => Err(Doubt::skipped("the queue cannot be used")),
        };
        vec![
            finding("SQS: queue", jobs.and_then(|found| suits(&found))),
            finding("SQS: dead letters", dead.and_then(|found| suits(&found))),
            finding("SQS: redrive", moves),
        ]
    }

    async fn look_at(&self, address: &Address) -> Result<Attributes, Doubt> {
        let missing = || {
            let queue = &address.queue;
            Doubt::fails(format!(
                "there is no queue {queue}, create it with `berth admin create-store`"
            ))
        };
        let url = address.find(&self.client).await?.ok_or_else(missing)?;
        let asked = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await;
        match asked {
            Ok(answer) => Ok(answer.attributes.unwrap_or_default()),
            Err(error) if is_missing(code(&error)) => Err(missing()),
            Err(error) => Err(failed("GetQueueAttributes", &error).into()),
        }
    }

    /// The queue itself moves no job away that Berth would still try: Berth
    /// sends dead letters by itself, with the reason.
    fn moves_no_jobs(&self, attributes: &Attributes) -> Probed {
        let Some(policy) = attributes.get(&QueueAttributeName::RedrivePolicy) else {
            return Ok(());
        };
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        // Some say the number as a text.
        let receives = &policy["maxReceiveCount"];
        let receives = receives
            .as_u64()
            .or(receives.as_str().and_then(|text| text.parse().ok()));
        let target = policy["deadLetterTargetArn"].as_str().unwrap_or_default();
        let name = self.dead.queue.rsplit('/').next();
        if target.rsplit(':').next() != name {
            return Err(Doubt::warns(format!(
                "dead letters are moved to {target}, where Berth does not look"
            )));
        }
        if receives.is_some_and(|receives| receives <= RECEIVES) {
            return Err(Doubt::warns(format!(
                "jobs are moved away that Berth would still try: raise maxReceiveCount above {RECEIVES}, or take the policy away"
            )));
        }
        Ok(())
    }
}

/// Whether a queue takes what Berth sends, and keeps it for long.
fn suits(attributes: &Attributes) -> Probed {
    let number = |name| attributes.get(&name).and_then(|text| text.parse().ok());
    let is_fifo = attributes.get(&QueueAttributeName::FifoQueue);
    if is_fifo.is_some_and(|is_fifo| is_fifo == "true") {
        return Err(Doubt::fails("it is a FIFO queue: name a standard queue"));
    }
    let largest: Option<usize> = number(QueueAttributeName::MaximumMessageSize);
    if largest.is_some_and(|largest| largest < LARGEST) {
        return Err(Doubt::fails(format!(
            "it refuses messages of {LARGEST} bytes: raise MaximumMessageSize"
        )));
    }
    let seconds: Option<usize> = number(QueueAttributeName::MessageRetentionPeriod);
    let wanted = RETENTION.parse().ok();
    if seconds.is_some() && seconds < wanted {
        return Err(Doubt::warns(
            "it forgets messages in less than 14 days: raise MessageRetentionPeriod",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a queue with this attribute.
    fn said(name: QueueAttributeName, value: &str) -> Option<String> {
        match suits(&Attributes::from([(name, value.to_owned())])) {
            Ok(()) => None,
            Err(doubt) => finding("queue", Err(doubt)).note,
        }
    }

    #[test]
    fn a_queue_that_keeps_messages_for_long_and_large_ones_suits() {
        assert_eq!(
            said(QueueAttributeName::MessageRetentionPeriod, RETENTION),
            None
        );
        assert_eq!(said(QueueAttributeName::MaximumMessageSize, "262144"), None);
    }

    #[test]
    fn a_queue_that_forgets_soon_or_takes_small_messages_only_is_told() {
        let note = said(QueueAttributeName::MessageRetentionPeriod, "345600");
        assert!(note.unwrap().contains("raise MessageRetentionPeriod"));
        let note = said(QueueAttributeName::MaximumMessageSize, "65536");
        assert!(note.unwrap().contains("raise MaximumMessageSize"));
    }
}
