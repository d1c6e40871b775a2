//! A DynamoDB that fails as a test says: it stands before the real one.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use berth_store_aws::DynamoSettings;
use tokio::net::TcpListener;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the answer is lost.
    AnswerLost,
    /// There are too many calls: it is not done.
    Throttled,
    /// Another transaction is at the record: it is not done.
    Busy,
    /// The service has an error of its own: it is not done.
    Failed,
}

/// What is to happen to a call.
enum Plan {
    /// It fails.
    Fails(Fault),
    /// It is passed on once this is done.
    Waits(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// It is passed on, and kept.
    IsKept(Kept),
}

/// What is to come: of which operation, and what.
type Plans = Arc<Mutex<VecDeque<(&'static str, Plan)>>>;

/// Head and body of a call, once it has come.
type Kept = Arc<Mutex<Option<(HeaderMap, Bytes)>>>;

#[derive(Clone)]
struct Proxy {
    endpoint: String,
    client: reqwest::Client,
    plans: Plans,
}

/// Stands before the DynamoDB of `table`.
pub(crate) struct FaultyDynamo {
    proxy: Proxy,
    address: String,
}

/// A call that can be executed again.
pub(crate) struct LateDuplicate {
    proxy: Proxy,
    kept: Kept,
}

impl LateDuplicate {
    /// Executes the call again, as a try may be that its caller has given up.
    pub(crate) async fn arrive(self) {
        let kept = self.kept.lock().unwrap().take();
        let (headers, body) = kept.expect("the call has not come");
        self.proxy.forward(headers, body).await;
    }
}

impl FaultyDynamo {
    pub(crate) async fn before(endpoint: &str) -> Self {
        let proxy = Proxy {
            endpoint: endpoint.to_owned(),
            client: reqwest::Client::new(),
            plans: Plans::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { proxy, address }
    }

    /// The same table through this one.
    pub(crate) fn through(&self, table: &DynamoSettings) -> DynamoSettings {
        DynamoSettings {
            endpoint: Some(self.address.clone()),
            ..table.clone()
        }
    }

    /// The next call of this operation fails so; of several, one after the
    /// other.
    pub(crate) fn next(&self, operation: &'static str, fault: Fault) {
        self.plan(operation, Plan::Fails(fault));
    }

    /// This is done before the next call of this operation.
    pub(crate) fn before_next(
        &self,
        operation: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.plan(operation, Plan::Waits(Box::pin(work)));
    }

    /// The next call of this operation is kept, to arrive once more later.
    pub(crate) fn duplicate_next(&self, operation: &'static str) -> LateDuplicate {
        let (proxy, kept) = (self.proxy.clone(), Kept::default());
        self.plan(operation, Plan::IsKept(Arc::clone(&kept)));
        LateDuplicate { proxy, kept }
    }

    fn plan(&self, operation: &'static str, plan: Plan) {
        self.proxy
            .plans
            .lock()
            .unwrap()
            .push_back((operation, plan));
    }

    /// Whether all that was planned has come.
    pub(crate) fn is_done(&self) -> bool {
        self.proxy.plans.lock().unwrap().is_empty()
    }
}

impl Proxy {
    fn plan_of(&self, operation: &str) -> Option<Plan> {
        let mut plans = self.plans.lock().unwrap();
        let due = plans.front().is_some_and(|(due, _)| *due == operation);
        due.then(|| plans.pop_front().unwrap().1)
    }

    async fn forward(&self, headers: HeaderMap, body: Bytes) -> Response<Body> {
        let request = self.client.post(&self.endpoint).headers(headers).body(body);
        let answer = request.send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        response
            .body(Body::from(answer.bytes().await.unwrap()))
            .unwrap()
    }
}

async fn answer(
    State(proxy): State<Proxy>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    assert_eq!(method, Method::POST);
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let fault = match proxy.plan_of(&operation) {
        Some(Plan::Fails(fault)) => Some(fault),
        Some(Plan::Waits(work)) => {
            work.await;
            None
        }
        Some(Plan::IsKept(kept)) => {
            *kept.lock().unwrap() = Some((headers.clone(), body.clone()));
            None
        }
        None => None,
    };
    match fault {
        None => proxy.forward(headers, body).await,
        Some(Fault::AnswerLost) => {
            proxy.forward(headers, body).await;
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "")
        }
        Some(Fault::Failed) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", ""),
        Some(Fault::Throttled) => refuse(StatusCode::BAD_REQUEST, "ThrottlingException", ""),
        Some(Fault::Busy) if operation == "TransactWriteItems" => refuse(
            StatusCode::BAD_REQUEST,
            "TransactionCanceledException",
            r#","CancellationReasons":[{"Code":"TransactionConflict"}]"#,
        ),
        Some(Fault::Busy) => refuse(StatusCode::BAD_REQUEST, "TransactionConflictException", ""),
    }
}

fn refuse(status: StatusCode, code: &str, more: &str) -> Response<Body> {
    let text = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"fault"{more}}}"#
    );
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .body(Body::from(text))
        .unwrap()
}
