//! The contract of the job queue over SQS, and what SQS alone has.
//!
//! Each test has queues of its own, in the SQS that `BERTH_TEST_SQS` has the
//! address of, and a folder of its own in the S3 of `BERTH_TEST_S3`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test"
)]

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Config, Credentials, Region};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use berth_domain::{Envelope, Job, Secret};
use berth_host::RandomIds;
use berth_ports::{Ids, JobQueue};
use berth_store_aws::{
    Aws, AwsCredentials, AwsSettings, S3Blobs, S3Settings, SqsQueue, SqsSettings,
};
use berth_testkit::{Queue, QueueTime};
use tokio::net::TcpListener;

fn endpoint(variable: &str) -> String {
    std::env::var(variable).expect("no SQS and S3 to test with: run `cargo xtask aws test`")
}

fn fresh_name() -> String {
    format!("{:032x}", RandomIds.fresh().0)
}

async fn open(name: &str) -> SqsQueue {
    let (queue, blobs) = open_over(settings(name), "berth").await;
    blobs.create_bucket().await.unwrap();
    queue.create_queues().await.unwrap();
    queue
}

fn settings(name: &str) -> SqsSettings {
    SqsSettings {
        queue: name.to_owned(),
        endpoint: Some(endpoint("BERTH_TEST_SQS")),
    }
}

/// A queue and a bucket that need not be there.
async fn open_over(settings: SqsSettings, bucket: &str) -> (SqsQueue, S3Blobs) {
    let aws = Aws::load(&AwsSettings {
        region: Some("us-east-1".to_owned()),
        credentials: Some(AwsCredentials {
            access_key_id: "berth".to_owned(),
            secret_access_key: Secret::new("berth-secret"),
            session_token: None,
        }),
    })
    .await;
    let blobs = S3Settings {
        bucket: bucket.to_owned(),
        prefix: format!("{}/", fresh_name()),
        endpoint: Some(endpoint("BERTH_TEST_S3")),
        path_style: true,
        redirect: None,
        public_endpoint: None,
        uploads: None,
        upload_endpoint: None,
    };
    let blobs = S3Blobs::open(&aws, &blobs);
    (SqsQueue::open(&aws, &settings, &blobs), blobs)
}

/// A client that sees the messages themselves.
fn client() -> Client {
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint("BERTH_TEST_SQS"))
        .credentials_provider(Credentials::new(
            "berth",
            "berth-secret",
            None,
            None,
            "test",
        ))
        .build();
    Client::from_conf(config)
}

/// The time by which SQS itself goes: so much has passed when a message that
/// was delayed for so long comes.
#[derive(Debug)]
struct SqsTime {
    client: Client,
    url: String,
}

impl SqsTime {
    async fn begin() -> Self {
        let client = client();
        let name = format!("{}-time", fresh_name());
        let made = client.create_queue().queue_name(name).send().await.unwrap();
        let url = made.queue_url.unwrap();
        Self { client, url }
    }
}

#[async_trait]
impl QueueTime for SqsTime {
    fn hidden(&self) -> Duration {
        Duration::from_secs(8)
    }

    fn margin(&self) -> Duration {
        Duration::from_secs(6)
    }

    async fn pass(&self, duration: Duration) {
        let delay = i32::try_from(duration.as_secs()).unwrap();
        let (client, url) = (&self.client, &self.url);
        let sent = client.send_message().queue_url(url).message_body("tick");
        sent.delay_seconds(delay).send().await.unwrap();
        loop {
            let come = client
                .receive_message()
                .queue_url(url)
                .wait_time_seconds(20);
            if let [tick] = come.send().await.unwrap().messages() {
                let tick = tick.receipt_handle().unwrap();
                let gone = client.delete_message().queue_url(url).receipt_handle(tick);
                gone.send().await.unwrap();
                return;
            }
        }
    }
}

async fn queue() -> Queue {
    Queue::of(
        Arc::new(open(&fresh_name()).await),
        Arc::new(SqsTime::begin().await),
    )
}

berth_testkit::queue_suite!(queue());

async fn url(name: &str) -> String {
    let url = client().get_queue_url().queue_name(name).send().await;
    url.unwrap().queue_url.unwrap()
}

/// Sends a message as it is.
async fn send(name: &str, body: &str) {
    let (client, url) = (client(), url(name).await);
    let sent = client.send_message().queue_url(url).message_body(body);
    sent.send().await.unwrap();
}

/// Receives the only dead letter: its body and why it is one.
async fn dead_letter(name: &str) -> (String, String) {
    let received = client()
        .receive_message()
        .queue_url(url(&format!("{name}-dead")).await)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    assert_eq!(received.messages().len(), 1);
    let letter = &received.messages()[0];
    let reason = &letter.message_attributes().unwrap()["reason"];
    (
        letter.body().unwrap().to_owned(),
        reason.string_value().unwrap().to_owned(),
    )
}

const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_dead_letter_has_the_job_and_the_reason() {
    let name = fresh_name();
    let queue = open(&name).await;
    let key = RandomIds.fresh().into();
    let job = Envelope::new(RandomIds.fresh().into(), Job::DeleteObject { key });
    queue.send(&job, Duration::ZERO).await.unwrap();
    let delivery = queue.receive(1, LONG).await.unwrap().remove(0);
    let reason = "line 1\nline 2";
    queue.bury(&delivery.receipt, reason).await.unwrap();
    let (body, reason) = dead_letter(&name).await;
    assert_eq!(serde_json::from_str::<Envelope>(&body).unwrap(), job);
    assert_eq!(reason, "line 1 line 2");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_a_dead_letter_and_holds_up_no_other() {
    let name = fresh_name();
    let queue = open(&name).await;
    let newer = r#"{"v":9,"of":"another kind"}"#;
    send(&name, newer).await;
    let job = Envelope::new(RandomIds.fresh().into(), Job::SweepUploads);
    queue.send(&job, Duration::ZERO).await.unwrap();
    let received = queue.receive(10, LONG).await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].envelope, job);
    let (body, reason) = dead_letter(&name).await;
    assert_eq!(body, newer);
    assert!(reason.starts_with("the job cannot be read"), "{reason}");
}

/// It was done: its object goes with its message.
#[tokio::test]
async fn a_large_job_that_was_sent_twice_and_done_once_is_done() {
    let queue = open(&fresh_name()).await;
    let blobs = (0..5000_u32).map(|n| berth_oci::Digest::sha256(&n.to_be_bytes()));
    let job = Job::Unlink {
        repository: "a/b".parse().unwrap(),
        manifest: berth_oci::Digest::sha256(b"manifest"),
        nonce: RandomIds.fresh().into(),
        blobs: blobs.collect(),
        children: Vec::new(),
    };
    let job = Envelope::new(RandomIds.fresh().into(), job);
    for _ in 0..2 {
        queue.send(&job, Duration::ZERO).await.unwrap();
    }
    let first = queue.receive(1, LONG).await.unwrap().remove(0);
    queue.delete(&first.receipt).await.unwrap();
    assert!(queue.receive(10, LONG).await.unwrap().is_empty());
    assert_eq!(queue.buried().await.unwrap(), 0);
}

/// There is no bucket, so it never can.
#[tokio::test]
async fn a_large_job_whose_object_cannot_be_fetched_is_tried_twenty_times_then_a_dead_letter() {
    let name = fresh_name();
    let (queue, _) = open_over(settings(&name), &format!("berth-{name}")).await;
    queue.create_queues().await.unwrap();
    let message = "object jobs/1";
    send(&name, message).await;
    for _ in 0..20 {
        assert!(queue.receive(1, Duration::ZERO).await.unwrap().is_empty());
        assert_eq!(queue.buried().await.unwrap(), 0);
    }
    assert!(queue.receive(1, Duration::ZERO).await.unwrap().is_empty());
    let (body, reason) = dead_letter(&name).await;
    assert_eq!(body, message);
    assert!(reason.contains("NoSuchBucket"), "{reason}");
}

/// SQS refuses to make a queue again that has other attributes by now; the
/// emulator does not.
#[tokio::test]
async fn a_queue_that_is_there_is_not_made_again() {
    async fn answer(headers: HeaderMap) -> (StatusCode, &'static str) {
        match headers["x-amz-target"].to_str().unwrap() {
            "AmazonSQS.GetQueueUrl" => (StatusCode::OK, r#"{"QueueUrl":"http://queue"}"#),
            _ => (StatusCode::BAD_REQUEST, r#"{"__type":"QueueNameExists"}"#),
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = SqsSettings {
        queue: fresh_name(),
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
    };
    let strict = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, strict).await });
    let (queue, _) = open_over(settings, "berth").await;
    queue.create_queues().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_is_addressed_is_not_made() {
    let name = fresh_name();
    open(&name).await;
    let queue = open(&url(&name).await).await;
    let job = Envelope::new(RandomIds.fresh().into(), Job::SweepUploads);
    queue.send(&job, Duration::ZERO).await.unwrap();
    let received = open(&name).await.receive(1, LONG).await.unwrap();
    assert_eq!(received[0].envelope, job);
}

#[tokio::test]
async fn without_an_address_of_its_own_the_queue_is_at_that_of_the_environment() {
    const ADDRESS: &str = "AWS_ENDPOINT_URL";
    if env::var_os(ADDRESS).is_none() {
        // Only another process can have another environment.
        let name = "without_an_address_of_its_own_the_queue_is_at_that_of_the_environment";
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", name])
            .env(ADDRESS, endpoint("BERTH_TEST_SQS"))
            .status();
        assert!(again.unwrap().success());
        return;
    }
    let settings = SqsSettings {
        queue: fresh_name(),
        endpoint: None,
    };
    let (queue, _) = open_over(settings, "berth").await;
    queue.create_queues().await.unwrap();
    assert!(queue.receive(1, LONG).await.unwrap().is_empty());
}
