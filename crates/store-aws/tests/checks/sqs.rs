//! SQS.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Config, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use berth_ports::{Finding, Verdict};
use berth_store_aws::{S3Blobs, S3Settings, SqsQueue, SqsSettings};

use super::{LOGIN, REGION, assert_noted, aws, ended, endpoint, fresh_name, of};

async fn open(name: &str) -> SqsQueue {
    let aws = aws().await;
    // No job is sent, so there is none in the bucket.
    let bucket = S3Settings {
        bucket: "berth".to_owned(),
        prefix: String::new(),
        endpoint: None,
        path_style: true,
        redirect: None,
        public_endpoint: None,
        uploads: None,
        upload_endpoint: None,
    };
    let queue = SqsSettings {
        queue: name.to_owned(),
        endpoint: Some(endpoint("BERTH_TEST_SQS")),
    };
    SqsQueue::open(&aws, &queue, &S3Blobs::open(&aws, &bucket))
}

fn client() -> Client {
    let credentials = Credentials::new(LOGIN.0, LOGIN.1, None, None, "test");
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new(REGION))
        .endpoint_url(endpoint("BERTH_TEST_SQS"))
        .credentials_provider(credentials)
        .build();
    Client::from_conf(config)
}

/// What is found of a queue that somebody made with this attribute.
async fn check(name: &str, attribute: QueueAttributeName, value: &str) -> Vec<Finding> {
    let made = client().create_queue().queue_name(name);
    made.attributes(attribute, value).send().await.unwrap();
    let queue = open(name).await;
    queue.create_queues().await.unwrap();
    queue.check().await
}

#[tokio::test]
async fn queues_as_they_are_made_are_good() {
    let queue = open(&fresh_name()).await;
    queue.create_queues().await.unwrap();
    let findings = queue.check().await;
    assert_eq!(ended(&findings, Verdict::Ok).len(), findings.len());
}

#[tokio::test]
async fn queues_that_are_missing_are_named() {
    let name = fresh_name();
    let findings = open(&name).await.check().await;
    for (probe, queue) in [
        ("SQS: queue", name.clone()),
        ("SQS: dead letters", format!("{name}-dead")),
    ] {
        let says = format!("there is no queue {queue},");
        assert_noted(&findings, probe, Verdict::Fails, &says);
    }
    assert_eq!(of(&findings, "SQS: redrive").verdict, Verdict::Skipped);
}

#[tokio::test]
async fn a_queue_that_is_addressed_and_missing_is_named() {
    let url = format!(
        "{}/000000000000/{}",
        endpoint("BERTH_TEST_SQS"),
        fresh_name()
    );
    let findings = open(&url).await.check().await;
    let says = format!("there is no queue {url},");
    assert_noted(&findings, "SQS: queue", Verdict::Fails, &says);
}

#[tokio::test]
async fn a_policy_that_takes_jobs_from_the_workers_is_a_warning() {
    for (target, receives, says) in [
        ("-dead", 3, "raise maxReceiveCount"),
        ("-else", 1000, "does not look"),
    ] {
        let name = fresh_name();
        let target = format!("{name}{target}");
        let made = client().create_queue().queue_name(&target);
        made.send().await.unwrap();
        let policy = format!(
            r#"{{"deadLetterTargetArn":"arn:aws:sqs:{REGION}:000000000000:{target}","maxReceiveCount":{receives}}}"#
        );
        let findings = check(&name, QueueAttributeName::RedrivePolicy, &policy).await;
        assert_noted(&findings, "SQS: redrive", Verdict::Warns, says);
    }
}

#[tokio::test]
async fn a_queue_in_order_is_refused() {
    let name = format!("{}.fifo", fresh_name());
    let made = client().create_queue().queue_name(&name);
    let made = made.attributes(QueueAttributeName::FifoQueue, "true");
    made.send().await.unwrap();
    let findings = open(&name).await.check().await;
    assert_noted(&findings, "SQS: queue", Verdict::Fails, "FIFO");
}
