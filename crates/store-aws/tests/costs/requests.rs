//! Counting requests to S3 and SQS where the SDK sends them.

use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

use super::case::Bucket;

/// Requests since the last time. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests(Arc<Mutex<Counted>>);

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) s3: Bucket,
    pub(crate) sqs: u64,
}

impl Requests {
    /// Takes what was counted, and begins again at nothing.
    pub(crate) fn take(&self) -> Counted {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "Requests"
    }

    /// Comes once a call: that a busy emulator is asked again is no cost of ours.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let mut counted = self.0.lock().unwrap();
        if request.headers().contains_key("x-amz-target") {
            counted.sqs += 1;
        } else {
            count(&mut counted.s3, request.method(), request.uri());
        }
        Ok(())
    }
}

/// Counts a request to S3 as what it is billed as.
fn count(counted: &mut Bucket, method: &str, uri: &str) {
    let parameters = uri.split_once('?').map_or("", |(_, query)| query);
    let has = |name: &str| {
        let names = parameters.split('&').map(|one| one.split('=').next());
        names.flatten().any(|one| one == name)
    };
    let lists = ["list-type", "uploads", "versions"];
    match method {
        "DELETE" => counted.deletes += 1,
        "POST" if has("delete") => counted.deletes += 1,
        "HEAD" => counted.reads += 1,
        "GET" if !lists.into_iter().any(has) => counted.reads += 1,
        _ => counted.writes += 1,
    }
}

#[test]
fn requests_to_s3_are_counted_as_they_are_billed() {
    let counted = |method, path| {
        let mut bucket = Bucket::default();
        count(&mut bucket, method, &format!("http://s3.test/berth{path}"));
        (bucket.writes, bucket.reads, bucket.deletes)
    };
    assert_eq!(counted("PUT", "/blobs/1"), (1, 0, 0));
    assert_eq!(counted("POST", "/blobs/1?uploads"), (1, 0, 0));
    assert_eq!(counted("GET", "?list-type=2&prefix=a"), (1, 0, 0));
    assert_eq!(counted("GET", "/blobs/1?x-id=GetObject"), (0, 1, 0));
    assert_eq!(counted("HEAD", "/blobs/1"), (0, 1, 0));
    assert_eq!(counted("DELETE", "/blobs/1"), (0, 0, 1));
    assert_eq!(counted("POST", "?delete"), (0, 0, 1));
}
