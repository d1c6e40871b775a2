//! Connections: the clients that requests go through.

use std::sync::Arc;
use std::time::Duration;

use berth_ports::{UpstreamError, UpstreamResult};
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Request, Response};

use crate::address::{ProxyHosts, Reach, Resolver, check};
use crate::error;

const CONNECT: Duration = Duration::from_secs(10);
/// How long an upstream may take until its answer begins.
const HEADERS: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 64;

/// Why there can be no client: TLS or the proxies of the environment.
#[derive(Debug, thiserror::Error)]
#[error("the client for upstream registries cannot be set up")]
pub struct TransportError(#[from] reqwest::Error);

/// A client for each way to treat certificates and names; they differ in
/// nothing else.
#[derive(Debug)]
pub(crate) struct Transport {
    checked: Pair,
    insecure: Pair,
    proxies: Arc<ProxyHosts>,
}

#[derive(Debug)]
struct Pair {
    private: Client,
    public: Client,
}

impl Pair {
    fn build(
        proxies: &Arc<ProxyHosts>,
        tls: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> reqwest::Result<Self> {
        let client = |reach| {
            let resolver = Resolver {
                reach,
                proxies: Arc::clone(proxies),
            };
            tls(builder(resolver)).build()
        };
        Ok(Self {
            private: client(Reach::Private)?,
            public: client(Reach::Public)?,
        })
    }
}

impl Transport {
    pub(crate) fn new() -> Result<Self, TransportError> {
        let proxies = Arc::new(ProxyHosts::from_env());
        let checked = match Pair::build(&proxies, |builder| builder) {
            Ok(checked) => checked,
            Err(error) => {
                // A machine without authorities can still use plain HTTP.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "no certificate authorities found, install them or set SSL_CERT_FILE: \
                     upstreams over https will be refused"
                );
                Pair::build(&proxies, |builder| builder.tls_certs_only([]))?
            }
        };
        let insecure = Pair::build(&proxies, |builder| {
            builder.tls_danger_accept_invalid_certs(true)
        })?;
        Ok(Self {
            checked,
            insecure,
            proxies,
        })
    }

    /// Sends a request, and waits until its answer begins.
    pub(crate) async fn send(
        &self,
        request: Request,
        reach: Reach,
        insecure: bool,
    ) -> UpstreamResult<Response> {
        check(request.url(), reach, &self.proxies)?;
        let pair = if insecure {
            &self.insecure
        } else {
            &self.checked
        };
        let client = match reach {
            Reach::Private => &pair.private,
            Reach::Public => &pair.public,
        };
        match tokio::time::timeout(HEADERS, client.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(error::unanswered(&error)),
            Err(_) => Err(UpstreamError::Timeout),
        }
    }
}

fn builder(resolver: Resolver) -> ClientBuilder {
    let unencoded = (ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Client::builder()
        .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
        .default_headers(HeaderMap::from_iter([unencoded]))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .dns_resolver(Arc::new(resolver))
}
