//! Whether clients can put what they push into the bucket themselves.

use std::time::Duration;

use berth_oci::Digest;
use bytes::Bytes;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use super::addresses::host;
use super::objects::CONTENT;
use super::scratch::Scratch;
use crate::check::{Doubt, Probed};
use crate::error::chain;
use crate::s3::S3Blobs;

/// How long a client would wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// What containerd wants of an answer before it takes an upload for complete.
const CONTENT_DIGEST: &str = "docker-content-digest";

impl S3Blobs {
    /// A client without credentials puts bytes at a signed address, of the
    /// length that was signed and no other, is answered as a registry answers,
    /// and S3 hashes them.
    pub(super) async fn takes_uploads(&self, scratch: &Scratch) -> Probed {
        let Some(staging) = &self.staging else {
            return Err(Doubt::skipped("`redirect_uploads` is off"));
        };
        let bucket = &self.bucket;
        let digest = Digest::sha256(&CONTENT);
        let key = scratch.key(&format!("upload/{}", digest.hex()));
        let length = CONTENT.len() as u64;
        let address = staging.address(bucket, &key, length).await?;
        let longer = Bytes::from([&CONTENT[..], b"!"].concat());
        if put(&address, longer).await?.status().is_success() {
            return Err(Doubt::fails(
                "more bytes than were signed are taken: set `redirect_uploads = false`",
            ));
        }
        let answer = put(&address, CONTENT).await?;
        let (there, status) = (host(&address), answer.status());
        if status != StatusCode::OK {
            return Err(Doubt::fails(format!(
                "{there} answers {status} to a signed upload: let it pass on what clients send under the name of S3, or set `redirect_uploads = false`"
            )));
        }
        let said = answer.headers().get(CONTENT_DIGEST);
        if said.is_none_or(|said| said.as_bytes() != digest.to_string().as_bytes()) {
            return Err(Doubt::fails(format!(
                "{there} does not answer with Docker-Content-Digest, which containerd wants: name a front that does as `s3_upload_endpoint`, or set `redirect_uploads = false`"
            )));
        }
        let copy = scratch.key("copy-of-upload");
        bucket.copy(&key, &copy).await?;
        match bucket.attest(&copy).await? {
            Some(attested) if attested.digest == digest && attested.size == length => Ok(()),
            _ => Err(Doubt::fails(
                "`CopyObject` computes no SHA-256: set `redirect_uploads = false`",
            )),
        }
    }
}

/// How a client's upload is answered.
async fn put(address: &str, bytes: Bytes) -> Result<Response, Doubt> {
    let unreachable = |error: reqwest::Error| {
        let (host, error) = (host(address), chain(&error.without_url()));
        Doubt::fails(format!(
            "{host} cannot be reached from here ({error}), so nobody knows whether clients can put blobs there: let this machine reach it, or set `redirect_uploads = false`"
        ))
    };
    let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
    let client = client.build().map_err(unreachable)?;
    client
        .put(address)
        .body(bytes)
        .send()
        .await
        .map_err(unreachable)
}
