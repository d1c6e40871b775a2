//! HEAD and GET of manifests.

use berth_oci::{Digest, MAX_MANIFEST_BYTES};
use berth_testkit::hub::{Fault, Gate, HubSettings, On, PullLimits, RequestKind};
use berth_testkit::image::{Content, Format, Image, Index};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, HeaderValue};

use super::*;

#[tokio::test]
async fn manifests_come_verbatim_whatever_their_type() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let images = vec![
        Image::random(10),
        Image::builder().platform("linux/arm64").layer(10).build(),
    ];
    let other = Content::new("application/vnd.example+json", "{\"a\" : 1}\n");
    for manifest in [
        Image::random(10).manifest,
        Image::builder()
            .format(Format::Docker)
            .layer(10)
            .build()
            .manifest,
        Index::of(Format::Oci, images.clone()).manifest,
        Index::of(Format::Docker, images).manifest,
        other,
    ] {
        let digest = hub.push_manifest("a/b", &manifest);
        let reference = Reference::Digest(digest);
        let fetched = upstream()
            .get_manifest(&anonymous(&hub), "a/b", &reference)
            .await
            .unwrap();
        assert_eq!(fetched.bytes, manifest.bytes);
        assert_eq!(fetched.media_type, Some(manifest.media_type));
        assert_eq!(fetched.digest, Some(digest));
    }
}

#[tokio::test]
async fn a_head_describes_and_is_not_counted() {
    let limits = PullLimits {
        anonymous: 0,
        account: 0,
        retry_after: 60,
    };
    let settings = HubSettings {
        pull_limits: Some(limits),
        ..HubSettings::docker_hub()
    };
    let hub = Hub::start_with(settings).await;
    let image = Image::random(10);
    hub.push_image("a", "1", &image);
    let description = upstream()
        .head_manifest(&anonymous(&hub), "a", &tag("1"), SOON)
        .await
        .unwrap();
    assert_eq!(description.digest, Some(image.digest()));
    assert_eq!(description.media_type, Some(image.manifest.media_type));
    assert_eq!(description.size, Some(image.manifest.bytes.len() as u64));
}

#[tokio::test]
async fn over_the_limit_the_upstreams_answer_is_passed_on() {
    let limits = PullLimits {
        anonymous: 0,
        account: 0,
        retry_after: 77,
    };
    let settings = HubSettings {
        pull_limits: Some(limits),
        ..HubSettings::docker_hub()
    };
    let hub = Hub::start_with(settings).await;
    hub.push_image("a", "1", &Image::random(10));
    let answer = upstream()
        .get_manifest(&anonymous(&hub), "a", &tag("1"))
        .await;
    let UpstreamError::Status {
        status,
        message,
        retry_after,
    } = error_of(answer)
    else {
        panic!("another error");
    };
    assert_eq!((status, retry_after.as_deref()), (429, Some("77")));
    assert!(message.starts_with("You have reached your"), "{message}");
}

#[tokio::test]
async fn what_is_not_there_is_the_upstreams_404() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.push_image("a", "1", &Image::random(10));
    let (upstream, remote) = (upstream(), anonymous(&hub));
    assert_eq!(
        status_of(upstream.get_manifest(&remote, "a", &tag("2")).await),
        404
    );
    assert_eq!(
        status_of(upstream.head_manifest(&remote, "a", &tag("2"), SOON).await),
        404
    );
    let absent = Digest::sha256(b"absent");
    assert_eq!(
        status_of(upstream.head_blob(&remote, "a", absent).await),
        404
    );
    assert_eq!(
        status_of(upstream.get_blob(&remote, "a", absent, 0).await),
        404
    );
}

#[tokio::test]
async fn one_part_names_mean_library_where_that_is_implied() {
    let hub = Hub::start().await;
    hub.push_image("library/alpine", "latest", &Image::random(10));
    hub.push_image("ann/alpine", "latest", &Image::random(10));
    let remote = Remote {
        implied_library: true,
        ..anonymous(&hub)
    };
    let upstream = upstream();
    for name in ["alpine", "library/alpine", "ann/alpine"] {
        upstream
            .head_manifest(&remote, name, &tag("latest"), SOON)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn names_cannot_leave_their_place_in_the_path() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let (upstream, remote) = (upstream(), anonymous(&hub));
    for name in ["../../secret", "a?x=", "a#", "a%2fb"] {
        let answer = upstream.get_manifest(&remote, name, &tag("1")).await;
        assert!(
            matches!(answer, Err(UpstreamError::Status { .. })),
            "{name}"
        );
    }
    for request in hub.requests() {
        assert!(request.path.starts_with("/v2/"), "{request}");
        assert!(request.path.ends_with("/manifests/1"), "{request}");
        assert_eq!(request.query, None, "{request}");
    }
}

#[tokio::test]
async fn bodies_are_asked_for_and_taken_unencoded_only() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    hub.push_image("a", "1", &image);
    hub.fault(On::any(), Fault::Gzip);
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let fetched = upstream
        .get_manifest(&remote, "a", &tag("1"))
        .await
        .unwrap();
    assert_eq!(fetched.bytes, image.manifest.bytes);
    assert_eq!(
        hub.requests()[0].header("accept-encoding"),
        Some("identity")
    );

    hub.fault(
        On::any(),
        Fault::header(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
    );
    let digest = image.layers[0].digest;
    for error in [
        error_of(upstream.get_manifest(&remote, "a", &tag("1")).await),
        error_of(upstream.get_blob(&remote, "a", digest, 0).await),
    ] {
        assert!(matches!(error, UpstreamError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn a_manifest_over_the_limit_is_refused() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let large = Content::new(Format::Oci.manifest(), vec![b' '; MAX_MANIFEST_BYTES + 1]);
    let reference = Reference::Digest(hub.push_manifest("a", &large));
    let error = error_of(
        upstream()
            .get_manifest(&anonymous(&hub), "a", &reference)
            .await,
    );
    assert!(matches!(error, UpstreamError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_head_ends_at_its_deadline() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.push_image("a", "1", &Image::random(10));
    hub.fault(On::any(), Fault::Hold(Gate::closed()));
    let deadline = Duration::from_millis(50);
    let error = error_of(
        upstream()
            .head_manifest(&anonymous(&hub), "a", &tag("1"), deadline)
            .await,
    );
    assert!(matches!(error, UpstreamError::Timeout), "{error}");
}

#[tokio::test]
async fn an_error_without_an_envelope_has_no_message() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.fault(
        On::every(RequestKind::ManifestGet),
        Fault::status(StatusCode::BAD_GATEWAY),
    );
    let error = error_of(
        upstream()
            .get_manifest(&anonymous(&hub), "a", &tag("1"))
            .await,
    );
    assert!(
        matches!(&error, UpstreamError::Status { status: 502, message, .. } if message.is_empty()),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_message_of_an_error_is_cut() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let long = "ü".repeat(5_000);
    let answer = Fault::Answer {
        status: StatusCode::NOT_FOUND,
        headers: http::HeaderMap::new(),
        body: format!(r#"{{"errors":[{{"code":"UNKNOWN","message":"{long}"}}]}}"#),
    };
    hub.fault(On::every(RequestKind::ManifestGet), answer);
    let error = error_of(
        upstream()
            .get_manifest(&anonymous(&hub), "a", &tag("1"))
            .await,
    );
    let UpstreamError::Status { message, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(message, "ü".repeat(256));
}
