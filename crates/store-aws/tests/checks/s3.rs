//! S3.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Config, Credentials, Region};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};
use berth_host::{RandomIds, SystemClock};
use berth_ports::{Clock, Finding, Verdict};
use berth_store_aws::{Found, S3Blobs, S3Settings};

use super::lax_s3::{LaxS3, Laxity};
use super::{LOGIN, REGION, assert_noted, assert_only, aws, ended, endpoint, fresh_name, of};

/// The warning about rules that are missing: the S3 of these tests takes not
/// all that a bucket is made with.
const RULES: &str = "S3: rules for leftovers";

/// Needs a front.
const UPLOADS: &str = "S3: redirected uploads";

fn settings() -> S3Settings {
    S3Settings {
        bucket: "berth".to_owned(),
        prefix: format!("{}/", fresh_name()),
        endpoint: Some(endpoint("BERTH_TEST_S3")),
        path_style: true,
        redirect: Some(Duration::from_mins(5)),
        public_endpoint: None,
        uploads: None,
        upload_endpoint: None,
    }
}

/// A client that sees what there is on S3 itself.
pub(crate) fn client(settings: &S3Settings) -> Client {
    let credentials = Credentials::new(LOGIN.0, LOGIN.1, None, None, "test");
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new(REGION))
        .endpoint_url(settings.endpoint.as_ref().unwrap())
        .force_path_style(true)
        .credentials_provider(credentials)
        .build();
    Client::from_conf(config)
}

async fn open(settings: &S3Settings) -> S3Blobs {
    S3Blobs::open(&aws().await, settings)
}

async fn created(settings: &S3Settings) -> S3Blobs {
    let blobs = open(settings).await;
    blobs.create_bucket().await.unwrap();
    blobs
}

/// What is found of an S3 that is lax in this way.
async fn check(laxity: Laxity) -> Vec<Finding> {
    let settings = settings();
    created(&settings).await;
    let lax = LaxS3::before(&settings, laxity).await;
    let findings = open(&lax.settings).await.check(&RandomIds).await;
    if laxity != Laxity::KeepsUploads {
        assert_nothing_left(&settings, &lax).await;
    }
    findings
}

async fn assert_nothing_left(settings: &S3Settings, lax: &LaxS3) {
    let (client, bucket) = (client(settings), &settings.bucket);
    let objects = client.list_objects_v2().bucket(bucket);
    let objects = objects.prefix(&settings.prefix).send().await.unwrap();
    assert_eq!(objects.contents(), []);
    for key in lax.uploads() {
        let uploads = client.list_multipart_uploads().bucket(bucket).prefix(&key);
        assert_eq!(uploads.send().await.unwrap().uploads(), [], "{key}");
    }
}

#[tokio::test]
async fn a_complete_store_does_all_that_is_probed_and_keeps_nothing_of_it() {
    let settings = settings();
    created(&settings).await;
    let before = LaxS3::before(&settings, Laxity::None).await;
    let findings = open(&before.settings).await.check(&RandomIds).await;
    assert_eq!(ended(&findings, Verdict::Fails), [""; 0], "{findings:#?}");
    assert_eq!(ended(&findings, Verdict::Warns), [RULES], "{findings:#?}");
    assert_eq!(ended(&findings, Verdict::Skipped), [UPLOADS]);
    assert!(before.uploads().len() > 4, "no uploads were probed");
    assert_nothing_left(&settings, &before).await;
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_named_and_nothing_else_is_probed() {
    let settings = S3Settings {
        bucket: format!("berth-{}", fresh_name()),
        ..settings()
    };
    let findings = open(&settings).await.check(&RandomIds).await;
    let says = format!("there is no bucket {}", settings.bucket);
    assert_only(&findings, "S3: bucket", &says);
    let skipped = ended(&findings, Verdict::Skipped).len();
    assert_eq!(skipped, findings.len() - 1);
}

#[tokio::test]
async fn nothing_is_kept_where_there_is_no_bucket() {
    let blobs = created(&settings()).await;
    let found = Found {
        findings: vec![Finding::noted("S3: bucket", Verdict::Fails, "it is gone")],
        ..found()
    };
    assert_eq!(found.keep(&blobs).await.verdict, Verdict::Skipped);
    assert_eq!(Found::read(&blobs).await.unwrap(), None);
}

#[tokio::test]
async fn a_store_that_nobody_answers_for_is_told_once() {
    let settings = S3Settings {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        ..settings()
    };
    let findings = open(&settings).await.check(&RandomIds).await;
    assert_only(&findings, "S3: bucket", "ListObjectsV2 failed");
}

#[tokio::test]
async fn a_second_write_that_is_taken_is_found() {
    let findings = check(Laxity::IgnoresConditions).await;
    assert_only(&findings, "S3: conditional writes", "PutObject");
}

#[tokio::test]
async fn a_second_completion_that_is_taken_is_found() {
    let findings = check(Laxity::IgnoresConditionsOfCompletion).await;
    let says = "CompleteMultipartUpload";
    assert_only(&findings, "S3: conditional completion", says);
}

#[tokio::test]
async fn a_wrong_checksum_that_is_taken_is_found() {
    let findings = check(Laxity::IgnoresChecksums).await;
    assert_only(&findings, "S3: checksums", "x-amz-checksum-sha256");
}

#[tokio::test]
async fn a_range_that_is_not_given_is_found() {
    let findings = check(Laxity::IgnoresRanges).await;
    assert_only(&findings, "S3: ranges", "other bytes come");
}

#[tokio::test]
async fn a_replaced_part_that_is_taken_is_found() {
    let findings = check(Laxity::IgnoresTags).await;
    assert_only(&findings, "S3: replaced parts", "entity tags");
}

#[tokio::test]
async fn an_upload_that_does_not_end_is_found() {
    let findings = check(Laxity::KeepsUploads).await;
    assert_only(&findings, "S3: ended uploads", "takes parts");
}

#[tokio::test]
async fn an_upload_that_is_not_listed_is_found() {
    let findings = check(Laxity::HidesUploads).await;
    assert_only(&findings, "S3: ended uploads", "not listed");
}

#[tokio::test]
async fn a_store_that_computes_no_checksums_of_copies_is_good_enough() {
    let findings = check(Laxity::HashesNothing).await;
    assert_eq!(ended(&findings, Verdict::Fails), [""; 0], "{findings:#?}");
    let copies = "S3: SHA-256 of copies";
    assert_noted(&findings, copies, Verdict::Warns, "computes none");
}

#[tokio::test]
async fn a_wrong_checksum_of_a_copy_is_found() {
    let findings = check(Laxity::HashesWrongly).await;
    assert_only(&findings, "S3: SHA-256 of copies", "not that of its bytes");
}

#[tokio::test]
async fn objects_that_anybody_can_read_are_found() {
    let findings = check(Laxity::IsPublic).await;
    assert_only(
        &findings,
        "S3: signed addresses",
        "without a good signature",
    );
}

#[tokio::test]
async fn a_public_address_of_something_else_is_found() {
    let findings = check(Laxity::IsElsewhere).await;
    assert_only(&findings, "S3: signed addresses", "answers 404");
}

/// Clients may be in another network.
#[tokio::test]
async fn a_public_address_that_is_out_of_reach_is_a_warning() {
    let settings = S3Settings {
        public_endpoint: Some("http://127.0.0.1:9".to_owned()),
        ..settings()
    };
    let findings = created(&settings).await.check(&RandomIds).await;
    assert_eq!(ended(&findings, Verdict::Fails), [""; 0], "{findings:#?}");
    let says = "http://127.0.0.1:9 cannot be reached from here";
    assert_noted(&findings, "S3: signed addresses", Verdict::Warns, says);
}

#[tokio::test]
async fn addresses_are_not_probed_where_none_are_given_out() {
    let settings = S3Settings {
        redirect: None,
        ..settings()
    };
    let findings = created(&settings).await.check(&RandomIds).await;
    let name = "S3: signed addresses";
    assert_noted(&findings, name, Verdict::Skipped, "`redirect` is off");
}

#[tokio::test]
async fn a_permission_to_write_that_is_missing_is_named() {
    let findings = check(Laxity::DeniesWrites).await;
    let says = "access denied, these credentials need s3:PutObject";
    for name in [
        "S3: objects",
        "S3: conditional writes",
        "S3: uploads in parts",
    ] {
        assert_noted(&findings, name, Verdict::Fails, says);
    }
    assert_eq!(of(&findings, "S3: deletes").verdict, Verdict::Ok);
}

/// What is answered to HEAD does not say why.
#[tokio::test]
async fn a_permission_to_read_that_is_missing_is_named() {
    let findings = check(Laxity::DeniesReads).await;
    let says = "access denied, these credentials need s3:GetObject";
    for name in ["S3: objects", "S3: ranges", "S3: uploads in parts"] {
        assert_noted(&findings, name, Verdict::Fails, says);
    }
}

#[tokio::test]
async fn a_rule_that_deletes_blobs_is_found() {
    let settings = S3Settings {
        bucket: format!("berth-{}", fresh_name()),
        ..settings()
    };
    let blobs = created(&settings).await;
    let findings = blobs.check(&RandomIds).await;
    assert_eq!(of(&findings, RULES).verdict, Verdict::Warns);
    for (prefix, verdict) in [("logs/", Verdict::Warns), ("", Verdict::Fails)] {
        let rule = LifecycleRule::builder()
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
            .expiration(LifecycleExpiration::builder().days(3).build());
        let rules = BucketLifecycleConfiguration::builder().rules(rule.build().unwrap());
        let put = client(&settings).put_bucket_lifecycle_configuration();
        let put = put.bucket(&settings.bucket);
        let put = put.lifecycle_configuration(rules.build().unwrap());
        put.send().await.unwrap();
        let findings = blobs.check(&RandomIds).await;
        assert_eq!(of(&findings, RULES).verdict, verdict, "{findings:#?}");
    }
}

fn found() -> Found {
    Found {
        at: SystemClock.now(),
        version: "1.2.3".to_owned(),
        endpoint: None,
        upload_endpoint: Some("https://up.test".to_owned()),
        findings: vec![Finding::ok("S3: bucket")],
    }
}

#[tokio::test]
async fn what_was_found_is_remembered_until_it_is_found_anew() {
    let blobs = created(&settings()).await;
    assert_eq!(Found::read(&blobs).await.unwrap(), None);
    for verdict in [Verdict::Fails, Verdict::Ok] {
        let mut found = found();
        let probe = Finding::noted("S3: a probe", verdict, "so");
        found.findings.push(probe);
        assert_eq!(found.keep(&blobs).await.verdict, Verdict::Ok);
        let read = Found::read(&blobs).await.unwrap().unwrap();
        assert_eq!(read, found);
        assert_eq!(read.is_ok("S3: a probe"), verdict == Verdict::Ok);
        assert!(!read.is_ok("S3: another"));
    }
}
