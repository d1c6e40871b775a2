//! A DynamoDB that does one thing otherwise: it stands before the real one,
//! which looks at no signatures.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use berth_store_aws::DynamoSettings;
use serde_json::Value;
use tokio::net::TcpListener;

/// What it does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Laxity {
    /// It writes one record whatever the condition.
    IgnoresConditions,
    /// It does not tell what a refused write found.
    HidesRecords,
    /// It does a transaction whatever the conditions.
    IgnoresConditionsOfTransactions,
    /// Of a transaction that it refuses, it does the first write.
    DoesHalf,
    /// It does a transaction again that comes again.
    ForgetsTokens,
    /// It gives the state that it gave first.
    IsStale,
    /// It lets nobody ask the index.
    DeniesIndex,
}

#[derive(Clone)]
struct Relay {
    laxity: Laxity,
    endpoint: String,
    http: reqwest::Client,
    first: Arc<Mutex<Option<Answer>>>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    body: Bytes,
}

/// The same table by way of one that is lax.
pub(crate) async fn lax(table: &DynamoSettings, laxity: Laxity) -> DynamoSettings {
    let relay = Relay {
        laxity,
        endpoint: table.endpoint.clone().unwrap(),
        http: reqwest::Client::new(),
        first: Arc::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(relay);
    tokio::spawn(async move { axum::serve(listener, router).await });
    DynamoSettings {
        endpoint: Some(address),
        ..table.clone()
    }
}

impl Relay {
    async fn call(&self, operation: &str, headers: &HeaderMap, body: Value) -> Answer {
        let mut headers = headers.clone();
        headers.remove("content-length");
        let target = format!("DynamoDB_20120810.{operation}");
        headers.insert("x-amz-target", HeaderValue::from_str(&target).unwrap());
        let request = self.http.post(&self.endpoint).headers(headers);
        let answer = request.body(body.to_string()).send().await.unwrap();
        Answer {
            status: answer.status(),
            body: answer.bytes().await.unwrap(),
        }
    }

    async fn answer(&self, operation: &str, headers: &HeaderMap, mut body: Value) -> Answer {
        match (self.laxity, operation) {
            (Laxity::IgnoresConditions, "PutItem") => forget_condition(&mut body),
            (Laxity::HidesRecords, "PutItem") => {
                body["ReturnValuesOnConditionCheckFailure"] = "NONE".into();
            }
            (Laxity::IgnoresConditionsOfTransactions, "TransactWriteItems") => {
                for write in body["TransactItems"].as_array_mut().unwrap() {
                    if let Some(put) = write.get_mut("Put") {
                        forget_condition(put);
                    }
                }
            }
            (Laxity::ForgetsTokens, "TransactWriteItems") => {
                forget(&mut body, "ClientRequestToken");
            }
            (Laxity::DeniesIndex, "Query") if body.get("IndexName").is_some() => {
                return Answer::denied();
            }
            (Laxity::IsStale, "GetItem") => {
                let first = self.first.lock().unwrap().clone();
                if let Some(first) = first {
                    return first;
                }
            }
            _ => {}
        }
        let answer = self.call(operation, headers, body.clone()).await;
        match (self.laxity, operation) {
            (Laxity::DoesHalf, "TransactWriteItems") if !answer.status.is_success() => {
                let mut put = body["TransactItems"][0]["Put"].clone();
                forget_condition(&mut put);
                let put = self.call("PutItem", headers, put).await;
                assert!(put.status.is_success(), "{:?}", put.body);
            }
            (Laxity::IsStale, "GetItem") => {
                *self.first.lock().unwrap() = Some(answer.clone());
            }
            _ => {}
        }
        answer
    }
}

impl Answer {
    fn denied() -> Self {
        let denied =
            r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"no"}"#;
        Self {
            status: StatusCode::BAD_REQUEST,
            body: Bytes::from_static(denied.as_bytes()),
        }
    }
}

fn forget(body: &mut Value, name: &str) {
    body.as_object_mut().unwrap().remove(name);
}

fn forget_condition(put: &mut Value) {
    forget(put, "ConditionExpression");
    forget(put, "ExpressionAttributeNames");
    forget(put, "ExpressionAttributeValues");
    forget(put, "ReturnValuesOnConditionCheckFailure");
}

async fn answer(State(relay): State<Relay>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.rsplit('.').next().unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    let answer = relay.answer(operation, &headers, body).await;
    Response::builder()
        .status(answer.status)
        .header("content-type", "application/x-amz-json-1.0")
        .body(Body::from(answer.body))
        .unwrap()
}
