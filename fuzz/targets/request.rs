//! Whole requests, one after the other, to a registry of their own: headers,
//! logins and tokens, bodies, every route. Nothing fails inside, errors are in
//! the envelope, who does not log in changes nothing, and at the end fsck finds
//! nothing.
#![no_main]

use std::net::IpAddr;

use axum::body::{Body, to_bytes};
use berth_fuzz::registry::Registry;
use berth_fuzz::script::{Message, steps};
use berth_http::Connection;
use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::response::Parts;
use http::{Method, Request, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower::ServiceExt as _;

/// The request that a step describes, if HTTP knows it.
fn request(message: &Message<'_>) -> Option<Request<Body>> {
    let (method, target) = message.first_line.split_once(' ')?;
    let connection = Connection {
        peer: Some(IpAddr::from([10, 0, 0, 1])),
        tls: false,
        mirror: None,
    };
    let request = Request::builder()
        .method(method)
        .uri(target)
        .extension(connection);
    let headers = message.headers.iter();
    let request = headers.fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(Body::from(message.body.to_owned())).ok()
}

/// What is remembered of a request to judge its answer.
struct Asked {
    method: Method,
    path: String,
    logs_in: bool,
}

impl Asked {
    fn of(request: &Request<Body>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            logs_in: request.headers().contains_key(AUTHORIZATION),
        }
    }

    fn check(&self, answer: &Parts, body: &Bytes) {
        let status = answer.status;
        // Upstreams may fail, we may not.
        let gateway = [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];
        assert!(
            !status.is_server_error() || gateway.contains(&status),
            "{status} {body:?}"
        );
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method);
        assert!(
            reads || self.logs_in || !status.is_success(),
            "{status} to nobody"
        );
        if status == StatusCode::METHOD_NOT_ALLOWED {
            assert!(answer.headers.contains_key(ALLOW));
        }
        for (name, value) in &answer.headers {
            assert!(value.len() <= 32 * 1024, "{name} has {} bytes", value.len());
        }
        if let Some(location) = answer.headers.get(LOCATION) {
            let bytes = location.as_bytes();
            assert!(
                bytes.starts_with(b"/") || bytes.starts_with(b"http"),
                "{location:?}"
            );
        }
        self.check_body(answer, body);
    }

    fn check_body(&self, answer: &Parts, body: &Bytes) {
        if self.method == Method::HEAD {
            return;
        }
        let media_type = answer
            .headers
            .get(CONTENT_TYPE)
            .map_or(&b""[..], |text| text.as_bytes());
        let json: Option<Value> = serde_json::from_slice(body).ok();
        // Blobs are whatever was pushed.
        if media_type.starts_with(b"application/json") && !self.path.starts_with("/v2/") {
            assert!(json.is_some(), "{body:?} is no JSON");
        }
        let ours = self.path.starts_with("/v2/") || self.path.starts_with("/api/v2.0/");
        if ours && answer.status.is_client_error() && !body.is_empty() {
            let json = json.expect("an error is JSON");
            let first = &json["errors"][0];
            assert!(
                first["code"].is_string() && first["message"].is_string(),
                "{json}"
            );
        }
    }
}

async fn play(script: &str) {
    let registry = Registry::start().await;
    for step in steps(script) {
        let Some(request) = request(&Message::parse(step)) else {
            continue;
        };
        let asked = Asked::of(&request);
        let answer = registry.run(registry.router.clone().oneshot(request)).await;
        let (parts, body) = answer.expect("the router cannot fail").into_parts();
        let body = registry.run(to_bytes(body, 64 * 1024 * 1024)).await;
        asked.check(&parts, &body.expect("a body that ends"));
    }
    let report = registry
        .run(registry.service.fsck(&mut |_| {}))
        .await
        .expect("fsck ends");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

fuzz_target!(|script: &str| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(play(script));
});
