//! An S3 that does one thing otherwise: it stands before the real one.
//!
//! All headers are signed, so none can be taken away: what the real one would
//! refuse is done in another way.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use berth_store_aws::S3Settings;
use tokio::net::TcpListener;

use super::s3::client;

/// The header of a SHA-256.
const HASH: &str = "x-amz-checksum-sha256";

/// What it does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Laxity {
    /// Nothing.
    None,
    /// It writes over an object though the request says "if there is none".
    IgnoresConditions,
    /// The same where parts are put together.
    IgnoresConditionsOfCompletion,
    /// It stores what has not the SHA-256 that was sent.
    IgnoresChecksums,
    /// It gives whole objects only.
    IgnoresRanges,
    /// A part that was put again is taken for the first.
    IgnoresTags,
    /// It says that it ended an upload, and did not.
    KeepsUploads,
    /// It lists no uploads.
    HidesUploads,
    /// It has no checksums.
    HashesNothing,
    /// It has others.
    HashesWrongly,
    /// It lets everybody read.
    IsPublic,
    /// It is something else, to clients.
    IsElsewhere,
    /// It lets nobody write.
    DeniesWrites,
    /// It lets nobody read.
    DeniesReads,
}

#[derive(Clone)]
struct Relay {
    laxity: Laxity,
    endpoint: String,
    http: reqwest::Client,
    s3: Client,
    uploads: Arc<Mutex<Vec<String>>>,
    parts: Arc<Mutex<HashSet<String>>>,
}

/// Stands before the S3 of some settings.
pub(crate) struct LaxS3 {
    pub(crate) settings: S3Settings,
    uploads: Arc<Mutex<Vec<String>>>,
}

/// A request that has come whole.
struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl LaxS3 {
    pub(crate) async fn before(settings: &S3Settings, laxity: Laxity) -> Self {
        let uploads = Arc::default();
        let relay = Relay {
            laxity,
            endpoint: settings.endpoint.clone().unwrap(),
            http: reqwest::Client::new(),
            s3: client(settings),
            uploads: Arc::clone(&uploads),
            parts: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(relay);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = S3Settings {
            endpoint: Some(address),
            ..settings.clone()
        };
        Self { settings, uploads }
    }

    /// The keys of all uploads that were begun.
    pub(crate) fn uploads(&self) -> Vec<String> {
        self.uploads.lock().unwrap().clone()
    }
}

impl Call {
    async fn whole(request: Request) -> Self {
        let (head, body) = request.into_parts();
        Self {
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// Bucket and key.
    fn object(&self) -> (&str, &str) {
        let path = self.uri.path().trim_start_matches('/');
        path.split_once('/').unwrap_or((path, ""))
    }

    fn has(&self, header: &str) -> bool {
        self.headers.contains_key(header)
    }

    fn asks(&self, parameter: &str) -> bool {
        let mut parameters = self.uri.query().unwrap_or_default().split('&');
        parameters.any(|one| one.split('=').next() == Some(parameter))
    }

    fn is_by_client(&self) -> bool {
        self.method == Method::GET && !self.has("authorization")
    }
}

impl Relay {
    /// What is done instead of passing the call on.
    async fn instead(&self, call: &Call) -> Option<Answer> {
        match self.laxity {
            Laxity::IgnoresChecksums if call.has(HASH) => Some(self.put_plainly(call).await),
            Laxity::IgnoresRanges if call.has("range") => Some(self.get_plainly(call).await),
            Laxity::IsPublic if call.is_by_client() => Some(self.get_plainly(call).await),
            Laxity::IsElsewhere if call.is_by_client() => Some(Answer::of(404)),
            Laxity::KeepsUploads if call.method == Method::DELETE => Some(Answer::of(204)),
            Laxity::IgnoresTags if call.asks("partNumber") => {
                let is_new = self.parts.lock().unwrap().insert(call.uri.to_string());
                (!is_new).then(Answer::with_tag)
            }
            Laxity::HidesUploads if call.method == Method::GET && call.asks("uploads") => {
                let none = "<ListMultipartUploadsResult></ListMultipartUploadsResult>";
                Some(Answer::xml(200, none))
            }
            Laxity::DeniesWrites if call.method == Method::PUT => Some(Answer::denied()),
            Laxity::DeniesReads if call.method == Method::HEAD => Some(Answer::of(403)),
            Laxity::DeniesReads
                if call
                    .uri
                    .query()
                    .is_none_or(|query| query == "x-id=GetObject") =>
            {
                (call.method == Method::GET).then(Answer::denied)
            }
            _ => None,
        }
    }

    /// What must be, so that the real one does not see that the call has a
    /// condition.
    async fn before(&self, call: &Call) {
        let ignores = match call.method {
            Method::PUT => self.laxity == Laxity::IgnoresConditions,
            Method::POST => self.laxity == Laxity::IgnoresConditionsOfCompletion,
            _ => false,
        };
        if ignores && call.has("if-none-match") {
            let (bucket, key) = call.object();
            let delete = self.s3.delete_object().bucket(bucket).key(key);
            delete.send().await.unwrap();
        }
    }

    /// What is changed of an answer.
    fn after(&self, call: &Call, answer: &mut Answer) {
        if call.method == Method::POST && call.asks("uploads") {
            self.uploads
                .lock()
                .unwrap()
                .push(call.object().1.to_owned());
        }
        if call.method == Method::HEAD && answer.headers.contains_key(HASH) {
            let other = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
            match self.laxity {
                Laxity::HashesNothing => drop(answer.headers.remove(HASH)),
                Laxity::HashesWrongly => {
                    let other = HeaderValue::from_static(other);
                    answer.headers.insert(HASH, other);
                }
                _ => {}
            }
        }
    }

    async fn put_plainly(&self, call: &Call) -> Answer {
        let (bucket, key) = call.object();
        let condition = call.headers.get("if-none-match");
        let condition = condition.map(|tag| tag.to_str().unwrap().to_owned());
        let put = self.s3.put_object().bucket(bucket).key(key);
        let put = put.set_if_none_match(condition);
        let put = put.presigned(for_a_minute()).await.unwrap();
        let mut request = self.http.put(put.uri()).body(call.body.clone());
        for (name, value) in put.headers() {
            request = request.header(name, value);
        }
        Answer::from(request.send().await.unwrap()).await
    }

    async fn get_plainly(&self, call: &Call) -> Answer {
        let (bucket, key) = call.object();
        let get = self.s3.get_object().bucket(bucket).key(key);
        let get = get.presigned(for_a_minute()).await.unwrap();
        Answer::from(self.http.get(get.uri()).send().await.unwrap()).await
    }

    async fn forward(&self, call: &Call) -> Answer {
        let address = format!("{}{}", self.endpoint, call.uri);
        let request = self.http.request(call.method.clone(), address);
        let request = request
            .headers(call.headers.clone())
            .body(call.body.clone());
        Answer::from(request.send().await.unwrap()).await
    }
}

fn for_a_minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_mins(1)).unwrap()
}

impl Answer {
    async fn from(answer: reqwest::Response) -> Self {
        Self {
            status: answer.status(),
            headers: answer.headers().clone(),
            body: answer.bytes().await.unwrap(),
        }
    }

    fn of(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn with_tag() -> Self {
        let mut answer = Self::of(200);
        let tag = HeaderValue::from_static("\"a tag\"");
        answer.headers.insert("etag", tag);
        answer
    }

    fn denied() -> Self {
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        Self::xml(403, denied)
    }

    fn xml(status: u16, text: &'static str) -> Self {
        let mut answer = Self::of(status);
        let kind = HeaderValue::from_static("application/xml");
        answer.headers.insert("content-type", kind);
        answer.body = Bytes::from_static(text.as_bytes());
        answer
    }
}

async fn answer(State(relay): State<Relay>, request: Request) -> Response<Body> {
    let call = Call::whole(request).await;
    let mut answer = if let Some(instead) = relay.instead(&call).await {
        instead
    } else {
        relay.before(&call).await;
        relay.forward(&call).await
    };
    relay.after(&call, &mut answer);
    let mut response = Response::builder().status(answer.status);
    *response.headers_mut().unwrap() = answer.headers;
    response.body(Body::from(answer.body)).unwrap()
}
