//! A front that clients put blobs at: it passes them on to the store under the
//! store's own name, and answers with the digest that is the end of the path,
//! as a front on the edge of a network would.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::store;

/// A host that is not the registry's.
const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A running front.
#[derive(Debug)]
pub(crate) struct Front {
    url: String,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<Put>>,
    is_silent: AtomicBool,
    damages: AtomicBool,
}

/// A request that it passed on.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) length: usize,
}

impl Front {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Seen>::default();
        let router = Router::new()
            .fallback(pass_on)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&seen));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, server }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it passed on of blobs, not of probes.
    pub(crate) fn blobs(&self) -> Vec<Put> {
        let requests = self.seen.requests.lock().unwrap();
        let blobs = requests.iter().filter(|put| put.path.contains("/staging/"));
        blobs.cloned().collect()
    }

    /// From now on it does not answer with the digest.
    pub(crate) fn fall_silent(&self) {
        self.seen.is_silent.store(true, Ordering::Relaxed);
    }

    /// From now on one byte of each body is another.
    pub(crate) fn damage(&self) {
        self.seen.damages.store(true, Ordering::Relaxed);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(
    State(seen): State<Arc<Seen>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    seen.requests.lock().unwrap().push(Put {
        path: uri.path().to_owned(),
        headers,
        length: body.len(),
    });
    let mut body = body.to_vec();
    if seen.damages.load(Ordering::Relaxed)
        && let Some(byte) = body.last_mut()
    {
        *byte ^= 1;
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = format!("{}{uri}", store::emulator("S3"));
    let sent = client.request(method, address).body(body).send().await;
    let Ok(answer) = sent else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut response = Response::builder().status(answer.status());
    if !seen.is_silent.load(Ordering::Relaxed)
        && let Some((_, hex)) = uri.path().rsplit_once('/')
    {
        response = response.header("docker-content-digest", format!("sha256:{hex}"));
    }
    let body = answer.bytes().await.unwrap_or_default();
    response.body(Body::from(body)).unwrap()
}
