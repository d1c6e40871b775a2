//! The double behaves as a plain HTTP client sees the real one behave.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::*;
use crate::image::Format;

mod access;
mod blobs;
mod faults;
mod manifests;

/// A client that follows no redirect.
fn client() -> Client {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// A client that follows redirects as most do.
fn following() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A token for `repository`, as anonymous.
async fn token(hub: &Hub, repository: &str) -> String {
    let answer: Value = token_request(hub, repository)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

fn token_request(hub: &Hub, repository: &str) -> RequestBuilder {
    client().get(format!(
        "http://{}/token?service=registry.docker.io&scope=repository%3A{repository}%3Apull",
        hub.address(Host::TokenService),
    ))
}

fn get(hub: &Hub, path: &str) -> RequestBuilder {
    client().get(format!("{}/v2/{path}", hub.url()))
}

fn head(hub: &Hub, path: &str) -> RequestBuilder {
    client().head(format!("{}/v2/{path}", hub.url()))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

/// A registry without tokens or redirects, which holds one blob.
async fn open_with_blob(length: u64) -> (Hub, Digest, Bytes) {
    let hub = Hub::start_with(HubSettings::open()).await;
    let digest = hub.push_seeded_blob("a", length, length);
    (hub, digest, seeded_bytes(length, 0..length))
}
