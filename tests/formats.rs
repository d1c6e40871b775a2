//! Data folders of older versions: they are opened and migrated, and nothing
//! in them is lost. `tests/fixtures/README.md` says what they hold.

use berth_oci::Digest;
use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::Image;

use crate::support::http::with_query;
use crate::support::server::{Server, admin, assert_sound, refused_to_serve};
use crate::support::wait::until;
use fixture::{FIRST_HALF, Fixture, MEMBER, SECOND_HALF, STRANGER, UPSTREAM};

mod fixture;
mod written;

/// The formats that were released or built upon.
const FORMATS: &[u32] = &[1];

async fn serve(fixture: &Fixture) -> Server {
    Server::builder().start_on(&fixture.data()).await
}

#[tokio::test]
async fn every_image_of_an_older_version_pulls_byte_for_byte() {
    for format in FORMATS {
        let fixture = Fixture::unpack(*format);
        fixture.touch_blobs();
        let server = serve(&fixture).await;
        let client = server.admin();
        for manifest in &fixture.contents.manifests {
            manifest.assert_pulls(&client).await;
        }
        for blob in &fixture.contents.blobs {
            blob.assert_pulls(&client).await;
        }
        assert_sound(server.data());
        let stopped = server.stop();
        assert!(stopped.status.success());
        assert_sound(&fixture.data());
    }
}

#[tokio::test]
async fn users_of_an_older_version_log_in_and_read_what_they_may() {
    let fixture = Fixture::unpack(1);
    let server = serve(&fixture).await;
    let member = server.anonymous().login(MEMBER.user, MEMBER.password);
    let stranger = server.anonymous().login(STRANGER.user, STRANGER.password);
    let wrong = MEMBER.wrong();
    let wrong = server.anonymous().login(wrong.user, wrong.password);
    for (client, private, public) in [
        (&member, 200, 200),
        (&stranger, 403, 200),
        (&server.anonymous(), 401, 200),
        (&wrong, 401, 401),
    ] {
        let path = |project| format!("/v2/{project}/app/manifests/1.0");
        client.get(&path("secret")).send().await.expect(private);
        client.get(&path("open")).send().await.expect(public);
    }
    member.push_blob("secret/app", "pushed by a member").await;
}

#[tokio::test]
async fn a_cache_of_an_older_version_serves_what_it_holds_and_fetches_with_its_login() {
    let fixture = Fixture::unpack(1);
    let upstream = Hub::start_with(HubSettings::basic(UPSTREAM.user, UPSTREAM.password)).await;
    let image = Image::random(1000);
    upstream.push_image("team/new", "1", &image);
    // The upstream of then is gone; only its address changes.
    let moved = fixture.database().execute(
        "UPDATE registries SET url = ?1 WHERE name = 'upstream'",
        [upstream.url()],
    );
    assert_eq!(moved.unwrap(), 1);
    let server = serve(&fixture).await;
    let client = server.anonymous().login(MEMBER.user, MEMBER.password);
    let path =
        |repository, kind, reference: &str| format!("/v2/cache/{repository}/{kind}/{reference}");
    let fetched = client.get(&path("team/new", "manifests", "1")).send().await;
    assert_eq!(fetched.expect(200).body, image.manifest.bytes);
    let layer = &image.layers[0];
    let fetched = client.get(&path("team/new", "blobs", &layer.digest.to_string()));
    assert_eq!(fetched.send().await.expect(200).body, layer.bytes);
    upstream.stop().await;
    let held = |repository: &str| repository == "cache/team/tool";
    let mut count = 0;
    for manifest in &fixture.contents.manifests {
        if held(&manifest.repository) {
            manifest.assert_pulls(&client).await;
            count += 1;
        }
    }
    assert!(count > 0);
}

#[tokio::test]
async fn an_upload_of_an_older_version_is_continued_or_cancelled() {
    let fixture = Fixture::unpack(1);
    fixture.touch_uploads();
    let server = serve(&fixture).await;
    let client = server.admin();
    let upload = &fixture.contents.upload;
    let status = client.get(upload).send().await.expect(204);
    let last = FIRST_HALF.len() - 1;
    assert_eq!(status.header("range"), format!("0-{last}"));
    let bytes = [FIRST_HALF, SECOND_HALF].concat();
    let digest = Digest::sha256(bytes.as_bytes());
    let put = with_query(&status.location(), &format!("digest={digest}"));
    let created = client.put(&put).body(SECOND_HALF).send().await.expect(201);
    let pulled = client.get(&created.location()).send().await.expect(200);
    assert_eq!(pulled.body, bytes);

    let upload = &fixture.contents.empty_upload;
    client.delete(upload).send().await.expect(204);
    client.get(upload).send().await.expect(404);
    assert_sound(server.data());
}

#[tokio::test]
async fn an_upload_of_an_older_version_ends_when_nobody_continues_it() {
    let fixture = Fixture::unpack(1);
    assert!(fixture.count("SELECT count(*) FROM uploads") >= 2);
    let server = Server::builder().args(["--upload-idle-seconds", "1"]);
    let server = server.start_on(&fixture.data()).await;
    until("the uploads end", async || {
        let files = fixture.data().join("uploads").read_dir().unwrap();
        files.count() == 0 && fixture.count("SELECT count(*) FROM uploads") == 0
    })
    .await;
    let client = server.admin();
    let gone = client.get(&fixture.contents.upload).send().await;
    gone.expect(404);
    assert_sound(server.data());
}

#[tokio::test]
async fn a_push_that_an_older_version_did_not_finish_is_repeated() {
    let fixture = Fixture::unpack(1);
    fixture.touch_blobs();
    let server = serve(&fixture).await;
    let client = server.admin();
    let pending = &fixture.contents.pending;
    let path = format!("/v2/{}/manifests/{}", pending.repository, pending.reference);
    client.get(&path).send().await.expect(404);
    let put = client
        .put(&path)
        .header("content-type", &pending.media_type);
    let put = put.body(pending.text.clone());
    put.send().await.expect(201);
    pending.assert_pulls(&client).await;
    assert_sound(server.data());
}

#[tokio::test]
async fn jobs_of_an_older_version_are_done() {
    let fixture = Fixture::unpack(1);
    // Of a manifest that is deleted and that no job has unlinked.
    let left = "SELECT count(*) FROM edges WHERE repository = 'open/outbox'";
    let outbox = "SELECT count(*) FROM outbox";
    assert_eq!(fixture.count(outbox), 1);
    assert!(fixture.count(left) > 0);
    assert_eq!(
        fixture.count("SELECT count(*) FROM jobs WHERE attempt > 0"),
        1
    );
    let server = serve(&fixture).await;
    until("the outbox is sent and its job done", async || {
        fixture.count(outbox) == 0 && fixture.count(left) == 0
    })
    .await;
    assert_eq!(fixture.count("SELECT count(*) FROM dead_letters"), 1);
    assert_sound(server.data());
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let fixture = Fixture::unpack(1);
    let newer = fixture.database().pragma_update(None, "user_version", 99);
    newer.unwrap();
    for refused in [
        refused_to_serve(&fixture.data()),
        admin(&fixture.data(), &["fsck"]),
    ] {
        assert!(!refused.status.success());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("the database has version 99"), "{said}");
        assert!(said.contains("use the newer program"), "{said}");
    }
}
