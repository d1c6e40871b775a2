//! Manifests by tag and digest.

use berth_testkit::hub::{Fault, Gate, Host, On, PullLimits, RequestKind};
use berth_testkit::image::{Content, Format, Image, Index};
use futures_util::future::{join, join_all};
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::*;

const FRESH: Duration = Duration::from_mins(1);

impl Cache {
    async fn with_image(settings: HubSettings) -> (Self, Image) {
        let cache = Self::of(settings).await;
        let image = Image::random(1000);
        cache.hub.push_image("a/b", "latest", &image);
        (cache, image)
    }

    /// A cache that holds the image by tag; its record of requests is empty.
    async fn holding_image(settings: HubSettings) -> (Self, Image) {
        let (cache, image) = Self::with_image(settings).await;
        cache.get("hub/a/b", "latest").await.unwrap();
        cache.hub.clear_requests();
        (cache, image)
    }
}

#[tokio::test]
async fn what_is_held_and_fresh_is_served_without_asking() {
    let (cache, image) = Cache::holding_image(HubSettings::docker_hub()).await;
    for reference in ["latest".to_owned(), image.digest().to_string()] {
        let served = cache.get("hub/a/b", &reference).await.unwrap();
        assert_eq!(served.digest, image.digest());
        assert_eq!(served.media_type, image.manifest.media_type);
        assert_eq!(served.bytes, Some(image.manifest.bytes.clone()));
        assert!(!served.stale);
        let head = cache.head("hub/a/b", &reference).await.unwrap();
        assert_eq!((head.digest, head.size), (served.digest, served.size));
        assert_eq!(head.bytes, None);
    }
    assert_eq!(cache.hub.log(), [""; 0]);
}

#[tokio::test]
async fn a_tag_is_confirmed_by_head_when_it_is_no_longer_fresh() {
    let (cache, _) = Cache::holding_image(HubSettings::docker_hub()).await;
    for round in 1..3 {
        cache.clock.advance(FRESH);
        for _ in 0..2 {
            assert!(!cache.get("hub/a/b", "latest").await.unwrap().stale);
        }
        assert_eq!(cache.hub.count(RequestKind::ManifestHead), round);
    }
    assert_eq!(cache.hub.count(RequestKind::ManifestGet), 0);
}

#[tokio::test]
async fn a_tag_that_moved_upstream_moves_here() {
    let (cache, old) = Cache::holding_image(HubSettings::docker_hub()).await;
    let new = Image::random(1000);
    cache.hub.push_image("a/b", "latest", &new);
    assert_eq!(
        cache.get("hub/a/b", "latest").await.unwrap().digest,
        old.digest()
    );
    cache.clock.advance(FRESH);
    let served = cache.get("hub/a/b", "latest").await.unwrap();
    assert_eq!(served.bytes, Some(new.manifest.bytes.clone()));
    assert_eq!(cache.hub.count(RequestKind::ManifestGet), 1);
    cache.hub.stop().await;
    assert_eq!(
        cache.get("hub/a/b", "latest").await.unwrap().digest,
        new.digest()
    );
    assert_eq!(
        cache
            .get("hub/a/b", &old.digest().to_string())
            .await
            .unwrap()
            .bytes,
        Some(old.manifest.bytes)
    );
}

#[tokio::test]
async fn whatever_fails_upstream_what_is_held_is_served() {
    let (cache, image) = Cache::holding_image(HubSettings::docker_hub()).await;
    let statuses = [400, 401, 403, 404, 429, 500, 503];
    let mut faults: Vec<_> = statuses
        .map(|status| Fault::status(StatusCode::from_u16(status).unwrap()))
        .into();
    faults.extend([
        Fault::Close,
        Fault::Unauthorized,
        Fault::Hold(Gate::closed()),
    ]);
    for fault in faults {
        cache.clock.advance(FRESH);
        cache.hub.clear_faults();
        cache.hub.fault(On::any(), fault.clone());
        for served in [
            cache.get("hub/a/b", "latest").await,
            cache.head("hub/a/b", "latest").await,
        ] {
            let served = served.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert_eq!(served.digest, image.digest());
            assert!(served.stale, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_moved_tag_that_cannot_be_fetched_is_served_as_held() {
    let (cache, old) = Cache::holding_image(HubSettings::docker_hub()).await;
    cache.hub.push_image("a/b", "latest", &Image::random(1000));
    cache.clock.advance(FRESH);
    for fault in [
        Fault::status(StatusCode::TOO_MANY_REQUESTS),
        Fault::WrongBytes,
    ] {
        cache.hub.clear_faults();
        cache.hub.fault(On::every(RequestKind::ManifestGet), fault);
        let served = cache.get("hub/a/b", "latest").await.unwrap();
        assert_eq!((served.digest, served.stale), (old.digest(), true));
    }
}

#[tokio::test]
async fn with_the_upstream_gone_what_is_held_still_pulls() {
    let (cache, image) = Cache::holding_image(HubSettings::docker_hub()).await;
    cache.hub.stop().await;
    cache.clock.advance(FRESH);
    assert!(cache.get("hub/a/b", "latest").await.unwrap().stale);
    assert!(
        !cache
            .get("hub/a/b", &image.digest().to_string())
            .await
            .unwrap()
            .stale
    );
}

#[tokio::test]
async fn where_nothing_is_held_the_upstreams_own_error_is_the_answer() {
    let (cache, image) = Cache::with_image(HubSettings::open()).await;
    for status in [400, 401, 403, 404, 429, 500, 503] {
        cache.hub.clear_faults();
        let fault = Fault::status(StatusCode::from_u16(status).unwrap());
        cache.hub.fault(On::any(), fault);
        let name = format!("hub/a/b{status}");
        assert_eq!(upstream_status(cache.get(&name, "latest").await), status);
        assert_eq!(upstream_status(cache.head(&name, "latest").await), status);
        let digest = image.digest().to_string();
        assert_eq!(upstream_status(cache.get(&name, &digest).await), status);
        cache.assert_no_trace(&name).await;
    }
    cache.hub.stop().await;
    let error = upstream_error(cache.get("hub/a/b", "latest").await);
    assert!(matches!(error, UpstreamError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_429_says_when_to_come_back() {
    let limits = PullLimits {
        anonymous: 0,
        account: 0,
        retry_after: 33,
    };
    let settings = HubSettings {
        pull_limits: Some(limits),
        ..HubSettings::docker_hub()
    };
    let (cache, _) = Cache::with_image(settings).await;
    let error = upstream_error(cache.get("hub/a/b", "latest").await);
    let UpstreamError::Status {
        status,
        retry_after,
        message,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((status, retry_after.as_deref()), (429, Some("33")));
    assert!(message.contains("rate limit"), "{message}");
}

#[tokio::test]
async fn a_404_is_remembered_briefly() {
    let cache = Cache::open().await;
    let get = || cache.get("hub/a/b", "latest");
    assert_eq!(upstream_status(get().await), 404);
    cache.hub.clear_requests();
    assert_eq!(upstream_status(get().await), 404);
    assert_eq!(upstream_status(cache.head("hub/a/b", "latest").await), 404);
    assert_eq!(cache.hub.log(), [""; 0]);
    cache.hub.push_image("a/b", "latest", &Image::random(10));
    cache.clock.advance(Duration::from_secs(10));
    get().await.unwrap();
}

#[tokio::test]
async fn concurrent_pulls_of_one_manifest_are_one_get() {
    for by_tag in [true, false] {
        let (cache, image) = Cache::with_image(HubSettings::docker_hub()).await;
        let digest = image.digest().to_string();
        let reference = if by_tag { "latest" } else { &digest };
        for served in join_all((0..16).map(|_| cache.get("hub/a/b", reference))).await {
            assert_eq!(served.unwrap().bytes, Some(image.manifest.bytes.clone()));
        }
        let gets = cache.hub.requests_of(RequestKind::ManifestGet);
        let answered = gets.iter().filter(|get| get.status == Some(StatusCode::OK));
        assert_eq!(answered.count(), 1, "{:#?}", cache.hub.log());
    }
}

#[tokio::test]
async fn concurrent_confirmations_of_one_tag_are_one_head() {
    let (cache, _) = Cache::holding_image(HubSettings::docker_hub()).await;
    cache.clock.advance(FRESH);
    let gate = Gate::closed();
    cache.hub.fault(
        On::every(RequestKind::ManifestHead),
        Fault::Hold(gate.clone()),
    );
    let pulls = join_all((0..16).map(|_| cache.get("hub/a/b", "latest")));
    let release = async {
        gate.arrived(1).await;
        gate.open();
    };
    let (pulls, ()) = join(pulls, release).await;
    assert!(pulls.into_iter().all(|pull| !pull.unwrap().stale));
    assert_eq!(cache.hub.count(RequestKind::ManifestHead), 1);
}

#[tokio::test]
async fn a_pull_goes_on_when_its_client_is_gone() {
    let (cache, image) = Cache::with_image(HubSettings::open()).await;
    let gate = Gate::closed();
    cache.hub.fault(
        On::every(RequestKind::ManifestGet),
        Fault::Hold(gate.clone()),
    );
    {
        let pull = std::pin::pin!(cache.get("hub/a/b", "latest"));
        let arrived = std::pin::pin!(gate.arrived(1));
        futures_util::future::select(pull, arrived).await;
    }
    gate.open();
    cache.get("hub/a/b", "latest").await.unwrap();
    assert_eq!(cache.hub.count(RequestKind::ManifestGet), 1);
    assert_eq!(
        cache.get("hub/a/b", "latest").await.unwrap().digest,
        image.digest()
    );
}

#[tokio::test]
async fn a_head_of_what_is_not_held_costs_no_pull() {
    let (cache, image) = Cache::with_image(HubSettings::docker_hub()).await;
    for reference in ["latest".to_owned(), image.digest().to_string()] {
        let head = cache.head("hub/a/b", &reference).await.unwrap();
        assert_eq!(head.digest, image.digest());
        assert_eq!(head.media_type, image.manifest.media_type);
        assert_eq!(head.size, image.manifest.bytes.len() as u64);
    }
    assert_eq!(cache.hub.count(RequestKind::ManifestGet), 0);
}

#[tokio::test]
async fn a_head_by_tag_and_a_get_by_digest_set_the_tag() {
    let (cache, image) = Cache::with_image(HubSettings::docker_hub()).await;
    let digest = cache.head("hub/a/b", "latest").await.unwrap().digest;
    cache.get("hub/a/b", &digest.to_string()).await.unwrap();
    cache.hub.stop().await;
    let served = cache.get("hub/a/b", "latest").await.unwrap();
    assert_eq!((served.digest, served.stale), (image.digest(), false));
}

/// A manifest that a tag was announced at does not take the tag back from the
/// one that came later, however that became known.
#[tokio::test]
async fn an_announced_tag_does_not_move_back() {
    for later_by_head in [true, false] {
        let (cache, old) = Cache::with_image(HubSettings::docker_hub()).await;
        cache.head("hub/a/b", "latest").await.unwrap();
        let new = Image::random(1000);
        cache.hub.push_image("a/b", "latest", &new);
        if later_by_head {
            cache.head("hub/a/b", "latest").await.unwrap();
            let digest = new.digest().to_string();
            cache.get("hub/a/b", &digest).await.unwrap();
        } else {
            cache.get("hub/a/b", "latest").await.unwrap();
        }
        let digest = old.digest().to_string();
        cache.get("hub/a/b", &digest).await.unwrap();
        let served = cache.get("hub/a/b", "latest").await.unwrap();
        assert_eq!(served.digest, new.digest(), "{later_by_head}");
    }
}

#[tokio::test]
async fn a_confirmed_tag_does_not_move_to_where_it_was_announced() {
    let (cache, held) = Cache::holding_image(HubSettings::docker_hub()).await;
    let other = Image::random(1000);
    cache.hub.push_image("a/b", "latest", &other);
    cache.clock.advance(FRESH);
    cache.head("hub/a/b", "latest").await.unwrap();
    cache.hub.push_image("a/b", "latest", &held);
    cache.get("hub/a/b", "latest").await.unwrap();
    let digest = other.digest().to_string();
    cache.get("hub/a/b", &digest).await.unwrap();
    let served = cache.get("hub/a/b", "latest").await.unwrap();
    assert_eq!(served.digest, held.digest());
}

#[tokio::test]
async fn a_head_by_tag_of_a_held_manifest_sets_the_tag() {
    let (cache, image) = Cache::with_image(HubSettings::docker_hub()).await;
    cache
        .get("hub/a/b", &image.digest().to_string())
        .await
        .unwrap();
    cache.head("hub/a/b", "latest").await.unwrap();
    cache.hub.stop().await;
    assert_eq!(
        cache.get("hub/a/b", "latest").await.unwrap().digest,
        image.digest()
    );
}

#[tokio::test]
async fn indexes_are_kept_verbatim_and_their_children_come_on_demand() {
    for format in [Format::Oci, Format::Docker] {
        let cache = Cache::docker_hub().await;
        let image = |platform| {
            Image::builder()
                .format(format)
                .platform(platform)
                .layer(10)
                .build()
        };
        let index = Index::of(format, vec![image("linux/amd64"), image("linux/arm64")]);
        cache.hub.push_index("a/b", "latest", &index);
        let served = cache.get("hub/a/b", "latest").await.unwrap();
        assert_eq!(served.bytes, Some(index.manifest.bytes));
        assert_eq!(served.media_type, format.index());
        let child = &index.images[1].manifest;
        let served = cache
            .get("hub/a/b", &child.digest.to_string())
            .await
            .unwrap();
        assert_eq!(served.bytes, Some(child.bytes.clone()));
        assert_eq!(
            cache.hub.count(RequestKind::ManifestGet),
            3,
            "{:#?}",
            cache.hub.log()
        );
    }
}

#[tokio::test]
async fn an_upstream_that_lies_about_a_manifest_is_refused() {
    let other = Digest::sha256(b"other").to_string();
    let header = HeaderName::from_static("docker-content-digest");
    for (fault, references) in [
        (Fault::WrongBytes, 2),
        (
            Fault::header(header, HeaderValue::try_from(&other).unwrap()),
            1,
        ),
    ] {
        let (cache, image) = Cache::with_image(HubSettings::open()).await;
        cache.hub.fault(On::every(RequestKind::ManifestGet), fault);
        let references = [&"latest".to_owned(), &image.digest().to_string()]
            .into_iter()
            .take(references)
            .cloned()
            .collect::<Vec<_>>();
        for reference in references {
            let error = upstream_error(cache.get("hub/a/b", &reference).await);
            assert!(matches!(error, UpstreamError::Invalid(_)), "{error}");
        }
        cache.assert_no_trace("hub/a/b").await;
    }
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let cache = Cache::open().await;
    for (number, content) in ["", "{", "[]", "{\"schemaVersion\":1}", "<html>"]
        .iter()
        .enumerate()
    {
        let manifest = Content::new(Format::Oci.manifest(), content.as_bytes().to_vec());
        let digest = cache.hub.push_manifest("a/b", &manifest);
        cache.hub.tag("a/b", &format!("t{number}"), digest);
        let error = upstream_error(cache.get("hub/a/b", &format!("t{number}")).await);
        assert!(
            matches!(error, UpstreamError::Invalid(_)),
            "{content}: {error}"
        );
    }
    cache.assert_no_trace("hub/a/b").await;
}

#[tokio::test]
async fn one_part_names_mean_library() {
    let cache = Cache::docker_hub().await;
    cache
        .hub
        .push_image("library/alpine", "latest", &Image::random(10));
    cache.get("hub/alpine", "latest").await.unwrap();
    cache.get("hub/library/alpine", "latest").await.unwrap();
}

#[tokio::test]
async fn a_project_that_is_no_proxy_never_asks_an_upstream() {
    let (cache, _) = Cache::with_image(HubSettings::open()).await;
    cache.project(3, "local", None, true).await;
    let answer = cache.get("local/a/b", "latest").await;
    assert!(matches!(answer, Err(Error::ManifestUnknown(_))));
    let answer = cache.blob("local/a/b", Digest::sha256(b"x")).await;
    assert!(matches!(answer, Err(Error::BlobUnknown(_))));
    assert_eq!(cache.hub.log(), [""; 0]);
}

#[tokio::test]
async fn a_token_service_that_is_gone_is_no_404() {
    let (cache, _) = Cache::with_image(HubSettings::docker_hub()).await;
    cache.hub.stop_host(Host::TokenService).await;
    let error = upstream_error(cache.get("hub/a/b", "latest").await);
    assert!(matches!(error, UpstreamError::Unreachable(_)), "{error}");
}
