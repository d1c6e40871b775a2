//! What goes wrong goes wrong as asked for, and then stops.

use super::*;

async fn read(response: Response) -> (Vec<u8>, bool) {
    let mut response = response;
    let mut read = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => return (read, true),
            Err(_) => return (read, false),
        }
    }
}

#[tokio::test]
async fn a_cut_body_ends_after_exactly_so_many_bytes() {
    for cut in [0, 1, 100_000, 2_900_000] {
        let (hub, digest, bytes) = open_with_blob(3_000_000).await;
        hub.fault(
            On::every(RequestKind::BlobGet).digest(&digest).times(1),
            Fault::CutAfter(cut),
        );
        let path = format!("a/blobs/{digest}");
        let response = get(&hub, &path).send().await.unwrap();
        assert_eq!(header(&response, "content-length"), "3000000");
        let (received, whole) = read(response).await;
        assert!(!whole);
        assert_eq!(received.len() as u64, cut);
        assert_eq!(received, bytes[..received.len()]);
        assert_eq!(hub.bytes_sent(&digest), cut);

        let (received, whole) = read(get(&hub, &path).send().await.unwrap()).await;
        assert!(whole);
        assert_eq!(received, bytes);
    }
}

#[tokio::test]
async fn faults_of_one_kind_follow_one_another() {
    let (hub, digest, _) = open_with_blob(1000).await;
    let path = format!("a/blobs/{digest}");
    for cut in [10, 20] {
        hub.fault(
            On::every(RequestKind::BlobGet).times(1),
            Fault::CutAfter(cut),
        );
    }
    for expected in [10, 20, 1000] {
        let (received, _) = read(get(&hub, &path).send().await.unwrap()).await;
        assert_eq!(received.len(), expected);
    }
}

#[tokio::test]
async fn a_fault_can_wait_and_be_cleared() {
    let (hub, digest, _) = open_with_blob(10).await;
    let path = format!("a/blobs/{digest}");
    let status = || async { get(&hub, &path).send().await.unwrap().status() };
    hub.fault(On::any().after(1), Fault::status(StatusCode::BAD_GATEWAY));
    assert_eq!(status().await, 200);
    assert_eq!(status().await, 502);
    assert_eq!(status().await, 502);
    hub.clear_faults();
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn wrong_bytes_have_the_right_length() {
    let (hub, digest, bytes) = open_with_blob(100_001).await;
    hub.push_image("a", "1", &Image::random(10));
    hub.fault(On::any(), Fault::WrongBytes);
    for path in [format!("a/blobs/{digest}"), "a/manifests/1".to_owned()] {
        let response = get(&hub, &path).send().await.unwrap();
        let stated = header(&response, "content-length").to_owned();
        let (received, whole) = read(response).await;
        assert!(whole);
        assert_eq!(received.len().to_string(), stated);
        assert_ne!(received, bytes);
        assert_ne!(Digest::sha256(&received), digest);
    }
}

#[tokio::test]
async fn a_false_content_length_shortens_or_breaks_the_body() {
    let (hub, digest, bytes) = open_with_blob(1000).await;
    let path = format!("a/blobs/{digest}");
    hub.fault(
        On::every(RequestKind::BlobGet).times(1),
        Fault::ContentLength(400),
    );
    let (short, whole) = read(get(&hub, &path).send().await.unwrap()).await;
    assert!(whole);
    assert_eq!(short, bytes[..400]);
    hub.fault(
        On::every(RequestKind::BlobGet).times(1),
        Fault::ContentLength(2000),
    );
    let (broken, whole) = read(get(&hub, &path).send().await.unwrap()).await;
    assert!(!whole);
    assert_eq!(broken, bytes);
    hub.fault(On::every(RequestKind::BlobHead), Fault::ContentLength(7));
    let lie = head(&hub, &path).send().await.unwrap();
    assert_eq!(header(&lie, "content-length"), "7");
}

#[tokio::test]
async fn headers_can_lie_and_be_missing() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.push_image("a", "1", &Image::random(10));
    let name = HeaderName::from_static("docker-content-digest");
    hub.fault(
        On::every(RequestKind::ManifestHead),
        Fault::header(name.clone(), HeaderValue::from_static("sha256:lie")),
    );
    hub.fault(
        On::every(RequestKind::ManifestGet),
        Fault::without_header(name),
    );
    let lie = head(&hub, "a/manifests/1").send().await.unwrap();
    assert_eq!(header(&lie, "docker-content-digest"), "sha256:lie");
    let missing = get(&hub, "a/manifests/1").send().await.unwrap();
    assert_eq!(missing.status(), 200);
    assert!(!missing.headers().contains_key("docker-content-digest"));
}

#[tokio::test]
async fn a_good_token_can_be_refused_once() {
    let hub = Hub::start().await;
    let token = token(&hub, "library/a").await;
    let status = || async {
        get(&hub, "")
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .status()
    };
    hub.fault(On::every(RequestKind::Ping).times(1), Fault::Unauthorized);
    assert_eq!(status().await, 401);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_request_that_is_held_is_answered_when_the_gate_opens() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let gate = Gate::closed();
    hub.fault(On::every(RequestKind::Ping), Fault::Hold(gate.clone()));
    let held = tokio::spawn(get(&hub, "").send());
    hub.wait_for(RequestKind::Ping, 1).await;
    gate.arrived(1).await;
    assert_eq!(hub.requests()[0].status, None);
    gate.open();
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(hub.requests()[0].status, Some(StatusCode::OK));
}

#[tokio::test]
async fn a_slow_body_arrives_as_the_gate_lets_it_through() {
    let (hub, digest, bytes) = open_with_blob(100).await;
    hub.change(|settings| settings.chunk_size = 10);
    let gate = Gate::closed();
    hub.fault(On::every(RequestKind::BlobGet), Fault::Slow(gate.clone()));
    let mut response = get(&hub, &format!("a/blobs/{digest}"))
        .send()
        .await
        .unwrap();
    gate.let_through(1);
    assert_eq!(response.chunk().await.unwrap().unwrap(), bytes.slice(..10));
    gate.arrived(2).await;
    assert_eq!(hub.bytes_sent(&digest), 10);
    gate.open();
    let (rest, whole) = read(response).await;
    assert!(whole);
    assert_eq!(rest, bytes[10..]);
}

#[tokio::test]
async fn a_connection_can_be_closed_without_an_answer() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.fault(On::every(RequestKind::Ping).times(1), Fault::Close);
    assert!(get(&hub, "").send().await.is_err());
    assert_eq!(hub.count(RequestKind::Ping), 1);
    assert_eq!(get(&hub, "").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_is_compressed_for_clients_that_allow_it() {
    let (hub, digest, bytes) = open_with_blob(100).await;
    let path = format!("a/blobs/{digest}");
    hub.fault(On::any(), Fault::Gzip);
    let plain = get(&hub, &path)
        .header("accept-encoding", "identity")
        .send()
        .await
        .unwrap();
    assert_eq!(plain.bytes().await.unwrap(), bytes);
    let packed = get(&hub, &path)
        .header("accept-encoding", "gzip, br")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    assert_eq!(packed.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn a_stopped_hub_refuses_connections_and_comes_back_on_its_ports() {
    let (hub, digest, bytes) = open_with_blob(1000).await;
    let path = format!("a/blobs/{digest}");
    let client = client();
    let fetch = || client.get(format!("{}/v2/{path}", hub.url())).send();
    assert_eq!(fetch().await.unwrap().status(), 200);
    for _ in 0..3 {
        hub.stop().await;
        assert!(fetch().await.unwrap_err().is_connect());
        hub.restart().await;
        assert_eq!(fetch().await.unwrap().bytes().await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn stopping_cuts_what_is_on_its_way() {
    let (hub, digest, _) = open_with_blob(1000).await;
    let gate = Gate::closed();
    hub.fault(On::any(), Fault::Slow(gate.clone()));
    let response = get(&hub, &format!("a/blobs/{digest}"))
        .send()
        .await
        .unwrap();
    gate.arrived(1).await;
    hub.stop_host(Host::Registry).await;
    assert!(response.bytes().await.is_err());
}
