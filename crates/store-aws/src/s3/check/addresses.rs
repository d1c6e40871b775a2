//! Whether clients can read at signed addresses, and nobody at others.

use std::time::Duration;

use bytes::Bytes;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use super::objects::CONTENT;
use super::scratch::Scratch;
use crate::check::{Doubt, Probed};
use crate::error::chain;
use crate::s3::Bucket;
use crate::s3::presign::{Presigner, Signed};

/// How long a client would wait.
const PATIENCE: Duration = Duration::from_secs(15);

impl Bucket {
    /// A client without credentials reads an object at a signed address, and
    /// not where the signature is wrong or missing.
    pub(super) async fn checks_signatures(
        &self,
        scratch: &Scratch,
        presigner: Option<&Presigner>,
    ) -> Probed {
        let presigner = presigner.ok_or_else(|| Doubt::skipped("`redirect` is off"))?;
        let key = scratch.key("signed");
        self.put(&key, CONTENT).await?;
        let address = presigner.sign(self, &key, Signed::Get).await?;
        let (status, body) = get(&address).await?;
        if status != StatusCode::OK || body != CONTENT {
            let host = host(&address);
            return Err(Doubt::fails(format!(
                "{host} answers {status} to a signed address: let requests reach it as clients send them, or set `redirect = false`"
            )));
        }
        let unsigned = address.split('?').next().unwrap_or(&address);
        for wrong in [&with_other_signature(&address), unsigned] {
            if get(wrong).await?.0.is_success() {
                return Err(Doubt::fails(
                    "objects can be read without a good signature: take away public access to the bucket",
                ));
            }
        }
        Ok(())
    }
}

/// The same address, whose signature ends otherwise.
fn with_other_signature(address: &str) -> String {
    let Some((before, behind)) = address.split_once("X-Amz-Signature=") else {
        return address.to_owned();
    };
    let other = if behind.starts_with('0') { '1' } else { '0' };
    let rest = behind.get(1..).unwrap_or_default();
    format!("{before}X-Amz-Signature={other}{rest}")
}

/// What a client is answered. It may be that clients reach what this machine
/// does not.
async fn get(address: &str) -> Result<(StatusCode, Bytes), Doubt> {
    let unreachable = |error: reqwest::Error| {
        let (host, error) = (host(address), chain(&error.without_url()));
        Doubt::warns(format!(
            "{host} cannot be reached from here ({error}): see that clients can, or set `redirect = false`"
        ))
    };
    let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
    let client = client.build().map_err(unreachable)?;
    let answer = client.get(address).send().await.map_err(unreachable)?;
    let status = answer.status();
    Ok((status, answer.bytes().await.map_err(unreachable)?))
}

/// Scheme and host of an address.
pub(super) fn host(address: &str) -> &str {
    let path = address.match_indices('/').nth(2);
    path.map_or(address, |(slash, _)| &address[..slash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_signature_is_as_long() {
        let address = "https://s3.test/key?X-Amz-Signature=0a&x=y";
        let other = "https://s3.test/key?X-Amz-Signature=1a&x=y";
        assert_eq!(with_other_signature(address), other);
        assert_eq!(with_other_signature(other), address);
        assert_eq!(host(address), "https://s3.test");
    }
}
