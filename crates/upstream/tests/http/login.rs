//! Tokens and passwords.

use std::time::Duration;

use berth_testkit::hub::{Fault, Gate, Host, HubSettings, On, RequestKind, TokenShape};
use berth_testkit::image::Image;
use futures_util::future::join_all;
use http::header::{HeaderValue, WWW_AUTHENTICATE};

use super::*;

async fn hub_with_image(settings: HubSettings) -> (Hub, Image) {
    let hub = Hub::start_with(settings).await;
    let image = Image::random(1000);
    hub.push_image("library/alpine", "latest", &image);
    (hub, image)
}

#[tokio::test]
async fn an_anonymous_token_is_fetched_for_the_first_request_and_used_for_the_next() {
    let (hub, image) = hub_with_image(HubSettings::docker_hub()).await;
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let fetched = upstream
        .get_manifest(&remote, "library/alpine", &tag("latest"))
        .await
        .unwrap();
    assert_eq!(fetched.bytes, image.manifest.bytes);
    upstream
        .head_manifest(&remote, "library/alpine", &tag("latest"), SOON)
        .await
        .unwrap();
    assert_eq!(
        hub.log(),
        [
            "registry GET /v2/library/alpine/manifests/latest 401",
            "token-service GET /token 200",
            "registry GET /v2/library/alpine/manifests/latest 200",
            "registry HEAD /v2/library/alpine/manifests/latest 200",
        ]
    );
    let token = &hub.requests_of(RequestKind::Token)[0];
    assert!(!token.is_authorized());
    let query = token.query.as_deref().unwrap();
    assert!(
        query.contains("scope=repository%3Alibrary%2Falpine%3Apull"),
        "{query}"
    );
}

#[tokio::test]
async fn concurrent_requests_share_one_token() {
    let (hub, _) = hub_with_image(HubSettings::docker_hub()).await;
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let reference = tag("latest");
    let heads =
        (0..16).map(|_| upstream.head_manifest(&remote, "library/alpine", &reference, SOON));
    for head in join_all(heads).await {
        head.unwrap();
    }
    assert_eq!(hub.tokens_issued(), 1);
}

#[tokio::test]
async fn those_who_wait_for_a_token_share_its_failure() {
    let (hub, _) = hub_with_image(HubSettings::docker_hub()).await;
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let gate = Gate::closed();
    hub.fault(On::every(RequestKind::Token), Fault::Hold(gate.clone()));
    let refusal = Fault::status(http::StatusCode::TOO_MANY_REQUESTS);
    hub.fault(On::every(RequestKind::Token), refusal);
    let reference = tag("latest");
    let heads = join_all(
        (0..8).map(|_| upstream.head_manifest(&remote, "library/alpine", &reference, SOON)),
    );
    let release = async {
        hub.wait_until(|hub| {
            let heads = hub.requests_of(RequestKind::ManifestHead);
            heads.len() == 8 && heads.iter().all(|head| head.status.is_some())
        })
        .await;
        // All have their 401; the first is at the token service by then.
        gate.arrived(1).await;
        gate.open();
    };
    let (answers, ()) = futures_util::future::join(heads, release).await;
    for answer in answers {
        assert_eq!(status_of(answer), 429);
    }
    assert!(hub.count(RequestKind::Token) < 8, "{:#?}", hub.log());
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let (hub, _) = hub_with_image(HubSettings::docker_hub()).await;
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let head = || async {
        upstream
            .head_manifest(&remote, "library/alpine", &tag("latest"), SOON)
            .await
    };
    head().await.unwrap();
    hub.revoke_tokens();
    head().await.unwrap();
    assert_eq!(hub.tokens_issued(), 2);
    hub.fault(On::every(RequestKind::ManifestHead), Fault::Unauthorized);
    assert_eq!(status_of(head().await), 401);
    assert_eq!(hub.tokens_issued(), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let settings = HubSettings {
        token_lifetime: Duration::from_secs(3),
        ..HubSettings::docker_hub()
    };
    let (hub, _) = hub_with_image(settings).await;
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let reference = tag("latest");
    upstream
        .head_manifest(&remote, "library/alpine", &reference, SOON)
        .await
        .unwrap();
    // Half its life is over after this; the other half it is still good.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    upstream
        .head_manifest(&remote, "library/alpine", &reference, SOON)
        .await
        .unwrap();
    assert_eq!(hub.tokens_issued(), 2);
    let refused = hub
        .requests()
        .iter()
        .filter(|one| one.status == Some(http::StatusCode::UNAUTHORIZED))
        .count();
    assert_eq!(refused, 1, "{:#?}", hub.log());
}

#[tokio::test]
async fn every_shape_of_a_token_answer_is_understood() {
    for token_shape in [
        TokenShape::Full,
        TokenShape::OnlyToken,
        TokenShape::OnlyAccessToken,
        TokenShape::WithoutTimes,
    ] {
        let settings = HubSettings {
            token_shape,
            ..HubSettings::docker_hub()
        };
        let (hub, _) = hub_with_image(settings).await;
        let answer = upstream()
            .head_manifest(&anonymous(&hub), "library/alpine", &tag("latest"), SOON)
            .await;
        answer.unwrap_or_else(|error| panic!("{token_shape:?}: {error}"));
    }
}

#[tokio::test]
async fn an_account_logs_in_at_the_token_service_only() {
    let (hub, image) = hub_with_image(HubSettings::docker_hub().account("ann", "s3cret")).await;
    let (upstream, remote) = (upstream(), account(&hub, "ann", "s3cret"));
    let digest = image.layers[0].digest;
    let blob = upstream
        .get_blob(&remote, "library/alpine", digest, 0)
        .await
        .unwrap();
    assert_eq!(read(blob).await.unwrap(), image.layers[0].bytes);
    for request in hub.requests() {
        let scheme = request
            .header("authorization")
            .map(|value| value.split(' ').next().unwrap());
        match request.host {
            Host::TokenService => assert_eq!(scheme, Some("Basic")),
            Host::Registry => assert_ne!(scheme, Some("Basic")),
            Host::Cdn => assert_eq!(scheme, None),
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_token_services_401() {
    let (hub, _) = hub_with_image(HubSettings::docker_hub().account("ann", "right")).await;
    let remote = account(&hub, "ann", "wrong-password");
    let answer = upstream()
        .get_manifest(&remote, "library/alpine", &tag("latest"))
        .await;
    let error = error_of(answer);
    assert!(!format!("{error} {error:?}").contains("wrong-password"));
    assert!(
        matches!(error, UpstreamError::Status { status: 401, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn basic_registries_get_the_password_with_each_request() {
    let (hub, _) = hub_with_image(HubSettings::basic("ann", "right")).await;
    let (upstream, remote) = (upstream(), account(&hub, "ann", "right"));
    for _ in 0..2 {
        upstream
            .get_manifest(&remote, "library/alpine", &tag("latest"))
            .await
            .unwrap();
    }
    assert_eq!(
        hub.log(),
        [
            "registry GET /v2/library/alpine/manifests/latest 401",
            "registry GET /v2/library/alpine/manifests/latest 200",
            "registry GET /v2/library/alpine/manifests/latest 200",
        ]
    );
}

#[tokio::test]
async fn basic_registries_say_401_to_those_without_a_password() {
    let (hub, _) = hub_with_image(HubSettings::basic("ann", "right")).await;
    let answer = upstream()
        .get_manifest(&anonymous(&hub), "library/alpine", &tag("latest"))
        .await;
    assert_eq!(status_of(answer), 401);
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn tokens_of_different_logins_are_kept_apart() {
    let (hub, _) = hub_with_image(
        HubSettings::docker_hub()
            .account("ann", "a")
            .account("bob", "b"),
    )
    .await;
    let upstream = upstream();
    for remote in [
        anonymous(&hub),
        account(&hub, "ann", "a"),
        account(&hub, "bob", "b"),
    ] {
        upstream
            .head_manifest(&remote, "library/alpine", &tag("latest"), SOON)
            .await
            .unwrap();
    }
    assert_eq!(hub.tokens_issued(), 3);
}

#[tokio::test]
async fn a_token_service_at_a_metadata_address_is_refused() {
    let (hub, _) = hub_with_image(HubSettings::docker_hub()).await;
    let realm = r#"Bearer realm="http://169.254.169.254/token",service="s""#;
    hub.fault(
        On::any(),
        Fault::header(WWW_AUTHENTICATE, HeaderValue::from_static(realm)),
    );
    let answer = upstream()
        .get_manifest(&anonymous(&hub), "library/alpine", &tag("latest"))
        .await;
    let error = error_of(answer);
    assert!(matches!(error, UpstreamError::Refused(_)), "{error}");
}

#[tokio::test]
async fn an_answer_that_holds_no_token_is_nonsense() {
    let (hub, _) = hub_with_image(HubSettings::docker_hub()).await;
    for body in ["", "<html>", "{}", r#"{"token":""}"#, r#"{"token":"a\nb"}"#] {
        hub.clear_faults();
        let answer = Fault::Answer {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.to_owned(),
        };
        hub.fault(On::every(RequestKind::Token), answer);
        let answer = upstream()
            .get_manifest(&anonymous(&hub), "library/alpine", &tag("latest"))
            .await;
        let error = error_of(answer);
        assert!(
            matches!(error, UpstreamError::Invalid(_)),
            "{body}: {error}"
        );
    }
}
