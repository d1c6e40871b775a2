//! Whether clients can put what they push into the bucket themselves.

use std::time::Duration;

use berth_oci::Digest;
use bytes::Bytes;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use super::addresses::host;
use super::objects::CONTENT;
use super::scratch::Scratch;
use crate::check::{Doubt, Probed};
use crate::error::chain;
use crate::s3::S3Blobs;
use crate::s3::staging::StagingArea;

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
        bucket.forgets_staged().await?;
        self.takes_no_orders(staging, scratch).await?;
        let digest = Digest::sha256(&CONTENT);
        let key = scratch.key(&format!("upload/{}", digest.hex()));
        let length = CONTENT.len() as u64;
        let address = staging.address(bucket, &key, length).await?;
        let longer = Bytes::from([&CONTENT[..], b"!"].concat());
        let answer = sent(&address, put(&address)?.body(longer)).await?;
        if answer.status().is_success() {
            return Err(Doubt::fails(
                "more bytes than were signed are taken: set `redirect_uploads = false`",
            ));
        }
        let upload = put(&address)?.header("content-encoding", "gzip");
        let answer = sent(&address, upload.body(CONTENT)).await?;
        answers_as_a_registry(&address, &answer, digest)?;
        self.adopts(&key, digest, scratch).await
    }

    /// A copy has the SHA-256 of its bytes, and nothing that the client said.
    async fn adopts(&self, key: &str, digest: Digest, scratch: &Scratch) -> Probed {
        let bucket = &self.bucket;
        let copy = scratch.key("copy-of-upload");
        bucket.copy(key, &copy).await?;
        let attested = bucket.attest(&copy).await?;
        if attested.is_none_or(|attested| attested.digest != digest) {
            return Err(Doubt::fails(
                "`CopyObject` computes no SHA-256: set `redirect_uploads = false`",
            ));
        }
        if bucket.get(&copy, None).await?.content_encoding().is_some() {
            return Err(Doubt::fails(
                "what a client says of an object goes along when it is copied: set `redirect_uploads = false`",
            ));
        }
        Ok(())
    }

    /// What a client adds to a signed upload does not make it another request,
    /// by the signer's rights: some stores copy what they are told to.
    async fn takes_no_orders(&self, staging: &StagingArea, scratch: &Scratch) -> Probed {
        let bucket = &self.bucket;
        let secret = scratch.key("not-to-be-copied");
        let written = Bytes::from_static(b"nobody may have this");
        bucket.put(&secret, written.clone()).await?;
        let key = scratch.key(&format!("order/{}", Digest::sha256(&CONTENT).hex()));
        let length = CONTENT.len() as u64;
        let address = staging.address(bucket, &key, length).await?;
        let source = format!("/{}/{}", bucket.name, bucket.path(&secret));
        let order = put(&address)?.header("x-amz-copy-source", source);
        sent(&address, order.body(CONTENT)).await?;
        if bucket.size(&key).await?.is_some() && bucket.get_all(&key).await? == written {
            return Err(Doubt::fails(
                "a signed upload copies another object if it is told to: let the front pass on no header that begins with x-amz-, or set `redirect_uploads = false`",
            ));
        }
        Ok(())
    }
}

fn answers_as_a_registry(address: &str, answer: &Response, digest: Digest) -> Probed {
    let (there, status) = (host(address), answer.status());
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
    Ok(())
}

/// A client's upload, without its body.
fn put(address: &str) -> Result<RequestBuilder, Doubt> {
    let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
    let client = client
        .build()
        .map_err(|error| unreachable(address, error))?;
    Ok(client.put(address))
}

/// How it is answered.
async fn sent(address: &str, upload: RequestBuilder) -> Result<Response, Doubt> {
    let answer = upload.send().await;
    answer.map_err(|error| unreachable(address, error))
}

fn unreachable(address: &str, error: reqwest::Error) -> Doubt {
    let (host, error) = (host(address), chain(&error.without_url()));
    Doubt::fails(format!(
        "{host} cannot be reached from here ({error}), so nobody knows whether clients can put blobs there: let this machine reach it, or set `redirect_uploads = false`"
    ))
}
