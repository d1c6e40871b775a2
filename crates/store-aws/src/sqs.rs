//! The job queue on SQS: one queue for jobs, one for dead letters.
//!
//! A message is a job's envelope. One that is too large for a message lies in
//! the bucket, under `jobs/`, and the message names it. It is deleted with its
//! message; a dead letter keeps it.
//!
//! | call | requests |
//! |---|---|
//! | `send` | 1; of a large job 1 more to S3 |
//! | `receive` | 1; 1 more to S3 for each large job |
//! | `delete` | 1; of a large job 1 more to S3 |
//! | `retry` | 1 |
//! | `bury` | 2 |
//! | `buried` | 1 |
//!
//! Before the first of a queue that was named and not addressed comes one more,
//! which asks for the address.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use berth_domain::Envelope;
use berth_ports::{Delivery, JobQueue, StoreError, StoreResult};
use tokio::sync::OnceCell;

use crate::error::{chain, code, failed, unavailable};
use crate::{Aws, S3Blobs};
use message::Message;
use receipt::Receipt;

mod check;
mod message;
mod receipt;

/// Which queue, and where.
#[derive(Clone, Debug)]
pub struct SqsSettings {
    /// The queue's name, or its address, which saves asking for it. That of the
    /// dead letters has `-dead` behind it.
    pub queue: String,
    /// The service's address; `None`: the region's.
    pub endpoint: Option<String>,
}

/// A job queue on SQS. Cheap to clone.
///
/// It keeps nothing that another instance needs: a receipt has all that it
/// takes to end its delivery, anywhere.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    jobs: Arc<Address>,
    dead: Arc<Address>,
    large: S3Blobs,
}

/// A queue, whose address is asked for when it is first needed.
#[derive(Debug)]
struct Address {
    queue: String,
    url: OnceCell<String>,
}

/// One try of a call.
const TRY: Duration = Duration::from_secs(5);
/// How often a call is tried where that helps.
const TRIES: u32 = 4;
/// How long SQS keeps what nobody takes: the longest it can, 14 days.
const RETENTION: &str = "1209600";
/// The most messages one call receives.
const AT_ONCE: usize = 10;
/// How often a large job is received whose object cannot be fetched, before it
/// is given up.
const FETCHES: u32 = 20;
/// The attribute of a dead letter that says why.
const REASON: &str = "reason";
/// How much of a reason is kept, in characters.
const LONGEST_REASON: usize = 1000;

impl SqsQueue {
    /// This queue, whose large jobs are kept in the bucket of the blobs. Makes
    /// no call.
    pub fn open(aws: &Aws, settings: &SqsSettings, blobs: &S3Blobs) -> Self {
        let mut config = Builder::from(aws.config());
        config.set_interceptors(aws.watcher());
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let config = config
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(TRY)
                    .operation_attempt_timeout(TRY)
                    .build(),
            )
            .build();
        Self {
            client: Client::from_conf(config),
            jobs: Arc::new(Address::of(settings.queue.clone())),
            dead: Arc::new(Address::of(format!("{}-dead", settings.queue))),
            large: blobs.clone(),
        }
    }

    /// Makes the queues that are not there. One that is keeps the attributes
    /// that it has, and one that is addressed and not named must be there.
    pub async fn create_queues(&self) -> StoreResult<()> {
        for address in [&self.jobs, &self.dead] {
            if address.find(&self.client).await?.is_some() {
                continue;
            }
            self.client
                .create_queue()
                .queue_name(&address.queue)
                .attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION)
                .send()
                .await
                .map_err(|error| failed("CreateQueue", &error))?;
        }
        Ok(())
    }

    async fn jobs(&self) -> StoreResult<&str> {
        self.jobs.url(&self.client).await
    }

    /// A message's job, fetched if it is a large one. `Err(reason)` if it
    /// cannot be read; `None` if it is gone: then it was done.
    async fn job(&self, message: &Message) -> StoreResult<Option<Result<Envelope, String>>> {
        let Some(key) = message.large() else {
            return Ok(Some(message::read(message.as_str().as_bytes())));
        };
        match self.large.bucket().get_all(key).await {
            Ok(bytes) => Ok(Some(message::read(&bytes))),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a delivery of a received message; what cannot be read, or not be
    /// fetched again and again, becomes a dead letter, and what was done before
    /// is deleted.
    async fn delivery(
        &self,
        received: aws_sdk_sqs::types::Message,
    ) -> StoreResult<Option<Delivery>> {
        let attempt = received
            .attributes()
            .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
            .and_then(|count| count.parse().ok())
            .unwrap_or(1);
        let receipt = Receipt {
            handle: received.receipt_handle.unwrap_or_default(),
            message: Message::from(received.body.unwrap_or_default()),
        };
        let job = match self.job(&receipt.message).await {
            Err(error) if attempt > FETCHES => {
                let reason = format!("the job's object cannot be fetched: {}", chain(&error));
                Some(Err(reason))
            }
            job => job?,
        };
        match job {
            Some(Ok(envelope)) => Ok(Some(Delivery {
                envelope,
                attempt,
                receipt: receipt.to_string(),
            })),
            Some(Err(reason)) => {
                tracing::error!(reason, "a job that cannot be read is given up");
                self.to_dead_letters(&receipt, &reason).await?;
                Ok(None)
            }
            None => {
                tracing::info!("a large job came again after it was done");
                self.forget(&receipt).await?;
                Ok(None)
            }
        }
    }

    async fn to_dead_letters(&self, receipt: &Receipt, reason: &str) -> StoreResult<()> {
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(message::printable(reason, LONGEST_REASON))
            .build()
            .map_err(|error| unavailable("SendMessage", error.to_string()))?;
        self.client
            .send_message()
            .queue_url(self.dead.url(&self.client).await?)
            .message_body(receipt.message.as_str())
            .message_attributes(REASON, reason)
            .send()
            .await
            .map_err(|error| failed("SendMessage", &error))?;
        self.forget(receipt).await
    }

    /// Takes a message out of the queue; a stale receipt does nothing.
    async fn forget(&self, receipt: &Receipt) -> StoreResult<()> {
        let deleted = self
            .client
            .delete_message()
            .queue_url(self.jobs().await?)
            .receipt_handle(&receipt.handle)
            .send()
            .await;
        match deleted {
            Err(error) if !is_stale(code(&error)) => Err(failed("DeleteMessage", &error)),
            _ => Ok(()),
        }
    }
}

/// What the service says of a receipt that is worth nothing any more.
fn is_stale(code: Option<&str>) -> bool {
    let stale = ["ReceiptHandleIsInvalid", "InvalidParameterValue"];
    code.is_some_and(|code| stale.contains(&code) || code.ends_with("MessageNotInflight"))
}

/// What the service says of a queue that is not there, by its older protocol
/// and by its newer one, which the SDK takes each for the code.
fn is_missing(code: Option<&str>) -> bool {
    let missing = [
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    ];
    code.is_some_and(|code| missing.contains(&code))
}

/// Whole seconds, not shorter.
fn seconds(duration: Duration) -> i32 {
    let more = u64::from(duration.subsec_nanos() > 0);
    i32::try_from(duration.as_secs() + more).unwrap_or(i32::MAX)
}

impl Address {
    fn of(queue: String) -> Self {
        Self {
            queue,
            url: OnceCell::new(),
        }
    }

    /// The queue's address; `None` if there is no queue of this name.
    async fn find(&self, client: &Client) -> StoreResult<Option<String>> {
        if self.queue.contains("://") {
            return Ok(Some(self.queue.clone()));
        }
        let asked = client.get_queue_url().queue_name(&self.queue).send().await;
        match asked {
            Ok(answer) => Ok(answer.queue_url),
            Err(error) if is_missing(code(&error)) => Ok(None),
            Err(error) => Err(failed("GetQueueUrl", &error)),
        }
    }

    async fn url(&self, client: &Client) -> StoreResult<&str> {
        let url = self.url.get_or_try_init(|| async {
            let missing = || format!("there is no queue {}, create the store first", self.queue);
            let url = self.find(client).await?;
            url.ok_or_else(|| unavailable("GetQueueUrl", missing()))
        });
        Ok(url.await?)
    }
}

#[async_trait]
impl JobQueue for SqsQueue {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> StoreResult<()> {
        let (message, large) = message::write(envelope)?;
        if let (Some(key), Some(bytes)) = (message.large(), large) {
            self.large.bucket().put(key, bytes).await?;
        }
        self.client
            .send_message()
            .queue_url(self.jobs().await?)
            .message_body(message.as_str())
            .delay_seconds(seconds(delay))
            .send()
            .await
            .map_err(|error| failed("SendMessage", &error))?;
        Ok(())
    }

    async fn receive(
        &self,
        limit: usize,
        visibility_timeout: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let received = self
            .client
            .receive_message()
            .queue_url(self.jobs().await?)
            .max_number_of_messages(i32::try_from(limit.clamp(1, AT_ONCE)).unwrap_or(1))
            .visibility_timeout(seconds(visibility_timeout))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|error| failed("ReceiveMessage", &error))?;
        let mut deliveries = Vec::new();
        for message in received.messages.unwrap_or_default() {
            // The others must not wait for one that cannot be fetched now; it
            // comes again.
            match self.delivery(message).await {
                Ok(delivery) => deliveries.extend(delivery),
                Err(error) => tracing::warn!(%error, "a received job cannot be fetched"),
            }
        }
        Ok(deliveries)
    }

    async fn delete(&self, receipt: &str) -> StoreResult<()> {
        let receipt = Receipt::parse(receipt)?;
        self.forget(&receipt).await?;
        match receipt.message.large() {
            Some(key) => self.large.bucket().delete(&[key.to_owned()]).await,
            None => Ok(()),
        }
    }

    async fn retry(&self, receipt: &str, delay: Duration) -> StoreResult<()> {
        let receipt = Receipt::parse(receipt)?;
        let changed = self
            .client
            .change_message_visibility()
            .queue_url(self.jobs().await?)
            .receipt_handle(&receipt.handle)
            .visibility_timeout(seconds(delay))
            .send()
            .await;
        match changed {
            Err(error) if !is_stale(code(&error)) => Err(failed("ChangeMessageVisibility", &error)),
            _ => Ok(()),
        }
    }

    async fn bury(&self, receipt: &str, reason: &str) -> StoreResult<()> {
        self.to_dead_letters(&Receipt::parse(receipt)?, reason)
            .await
    }

    async fn buried(&self) -> StoreResult<usize> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(self.dead.url(&self.client).await?)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(|error| failed("GetQueueAttributes", &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = attributes.get(&name).and_then(|count| count.parse().ok());
        Ok(count.unwrap_or(0).min(1000))
    }
}
