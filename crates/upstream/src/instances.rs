//! The other instances over the same stores, by HTTP.

use std::time::Duration;

use async_trait::async_trait;
use berth_ports::{FetchedBlob, Follow, Instances, UpstreamError, UpstreamResult};
use http::header::{AUTHORIZATION, HeaderValue, RANGE};
use reqwest::Client;

use crate::client::part;
use crate::transport::TransportError;
use crate::{body, error};

/// They are near, or they are not there.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one may take until it has something of the blob.
const HEADERS: Duration = Duration::from_secs(30);

/// The other instances. They reach each other without the proxies of the
/// environment.
#[derive(Debug)]
pub struct HttpInstances {
    client: Client,
    address: Option<String>,
}

impl HttpInstances {
    /// `address`: where the others reach this one, without a slash at the end.
    pub fn new(address: Option<String>) -> Result<Self, TransportError> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .build()?;
        Ok(Self { client, address })
    }
}

#[async_trait]
impl Instances for HttpInstances {
    fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    async fn follow(&self, address: &str, wanted: &Follow) -> UpstreamResult<FetchedBlob> {
        let (digest, repository) = (wanted.digest, &wanted.repository);
        let url = format!("{address}/berth/fills/{digest}/{repository}");
        let mut request = self.client.get(url).header(AUTHORIZATION, bearer(wanted)?);
        if wanted.offset > 0 {
            request = request.header(RANGE, format!("bytes={}-", wanted.offset));
        }
        let response = match tokio::time::timeout(HEADERS, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(error::unanswered(&error)),
            Err(_) => return Err(UpstreamError::Timeout),
        };
        if !response.status().is_success() {
            return Err(error::of_status(response).await);
        }
        let (start, size) = part(&response, wanted.offset)?;
        Ok(FetchedBlob {
            start,
            size,
            stream: body::stream(response)?,
        })
    }
}

fn bearer(wanted: &Follow) -> UpstreamResult<HeaderValue> {
    let value = HeaderValue::try_from(format!("Bearer {}", wanted.token.reveal()));
    let mut value = value.map_err(|_| UpstreamError::Invalid("a token of ours".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
