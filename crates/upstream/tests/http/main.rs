//! The client against a Docker Hub double that listens.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

use std::time::Duration;

use berth_domain::{RegistryId, Remote, Secret};
use berth_oci::Reference;
use berth_ports::{FetchedBlob, Upstream, UpstreamError, UpstreamResult};
use berth_testkit::hub::Hub;
use berth_upstream::HttpUpstream;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

mod blobs;
mod environment;
mod lists;
mod login;
mod manifests;
mod redirects;

/// A deadline that is not the matter of the test.
const SOON: Duration = Duration::from_secs(20);

fn upstream() -> HttpUpstream {
    HttpUpstream::new().unwrap()
}

fn anonymous(hub: &Hub) -> Remote {
    remote(&hub.url())
}

fn remote(url: &str) -> Remote {
    Remote {
        id: RegistryId(1),
        url: url.to_owned(),
        implied_library: false,
        credential: None,
        insecure: false,
    }
}

fn account(hub: &Hub, name: &str, password: &str) -> Remote {
    Remote {
        credential: Some((name.to_owned(), Secret::new(password))),
        ..anonymous(hub)
    }
}

fn tag(tag: &str) -> Reference {
    tag.parse().unwrap()
}

async fn read(blob: FetchedBlob) -> UpstreamResult<Bytes> {
    let mut stream = blob.stream;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes.freeze())
}

fn status_of<T>(result: UpstreamResult<T>) -> u16 {
    match result {
        Err(UpstreamError::Status { status, .. }) => status,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it succeeded"),
    }
}

fn error_of<T>(result: UpstreamResult<T>) -> UpstreamError {
    match result {
        Err(error) => error,
        Ok(_) => panic!("it succeeded"),
    }
}

#[tokio::test]
async fn a_ping_takes_the_login() {
    let settings = berth_testkit::hub::HubSettings::basic("ann", "right");
    let hub = Hub::start_with(settings).await;
    upstream()
        .ping(&account(&hub, "ann", "right"))
        .await
        .unwrap();
    assert_eq!(
        status_of(upstream().ping(&account(&hub, "ann", "wrong")).await),
        401
    );
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_unreachable() {
    let hub = Hub::start().await;
    hub.stop().await;
    let error = error_of(upstream().ping(&anonymous(&hub)).await);
    assert!(matches!(error, UpstreamError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn an_address_with_a_login_in_it_is_refused() {
    let error = error_of(
        upstream()
            .ping(&remote("http://ann:secret@127.0.0.1:1"))
            .await,
    );
    assert!(matches!(&error, UpstreamError::Refused(_)), "{error}");
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn link_local_endpoints_are_refused() {
    let error = error_of(upstream().ping(&remote("http://169.254.169.254")).await);
    assert!(matches!(error, UpstreamError::Refused(_)), "{error}");
}
