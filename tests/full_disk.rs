//! A disk that is full or fails: clean answers, nothing acknowledged is lost,
//! and all goes on without a restart once the disk does.

use std::path::PathBuf;

use berth_oci::Digest;
use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::{Image, random_bytes};

use crate::support::http::{Answer, Client, with_query};
use crate::support::server::{Server, admin_command, assert_sound};
use crate::support::wait;
use disk::Disk;
use faults::Faults;

mod disk;
mod faults;

const REPOSITORY: &str = "library/disk";

/// The size of a layer that is pushed until the disk is full.
const LAYER: usize = 1_000_000;

/// How long what nothing names is kept, in seconds: longer than a push takes.
const GRACE: &str = "10";

/// Asserts that an answer is an error of the server's disk as the spec has it.
#[track_caller]
fn assert_clean(answer: &Answer) {
    assert!(
        matches!(answer.status, 500..=599),
        "{}: {}",
        answer.status,
        answer.text()
    );
    assert!(!answer.code().is_empty(), "{}", answer.text());
}

/// Pushes an image; answers the first refusal, if there is any.
async fn try_push(client: &Client, tag: &str, image: &Image) -> Option<Answer> {
    for blob in image.blobs() {
        let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={}", blob.digest);
        let answer = client.post(&path).body(blob.bytes.clone()).send().await;
        if answer.status != 201 {
            return Some(answer);
        }
    }
    let answer = client.push_manifest(REPOSITORY, tag, &image.manifest).await;
    (answer.status != 201).then_some(answer)
}

/// Pushes images until one is refused; answers those that were not, and the
/// refusal.
async fn push_until_full(client: &Client) -> (Vec<(String, Image)>, Answer) {
    let mut pushed = Vec::new();
    loop {
        let (tag, image) = (format!("t{}", pushed.len()), Image::random(LAYER));
        match try_push(client, &tag, &image).await {
            None => pushed.push((tag, image)),
            Some(refusal) => return (pushed, refusal),
        }
        assert!(pushed.len() < 1000, "the disk does not fill up");
    }
}

async fn assert_pulls(client: &Client, pushed: &[(String, Image)]) {
    for (tag, image) in pushed {
        let path = format!("/v2/{REPOSITORY}/manifests/{tag}");
        let manifest = client.get(&path).send().await.expect(200);
        assert_eq!(manifest.body, image.manifest.bytes);
        for blob in image.blobs() {
            let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest);
            let answer = client.get(&path).send().await.expect(200);
            assert_eq!(answer.body, blob.bytes);
        }
    }
}

/// Everything that reads works: pulls, lists, logins. (The very first token
/// makes the key that it is signed with.)
async fn assert_readable(server: &Server, pushed: &[(String, Image)]) {
    let client = server.admin();
    assert_pulls(&client, pushed).await;
    let tags = client.get(&format!("/v2/{REPOSITORY}/tags/list")).send();
    let tags = tags.await.expect(200).json();
    assert_eq!(tags["tags"].as_array().unwrap().len(), pushed.len());
    let scope = format!("repository:{REPOSITORY}:pull");
    let token = client
        .get(&format!(
            "/service/token?service=harbor-registry&scope={scope}"
        ))
        .send();
    let token = token.await.expect(200).json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    assert_pulls(&server.anonymous().authorized(&bearer), pushed).await;
    let user = client.get("/api/v2.0/users/current").send();
    user.await.expect(200);
}

async fn delete(client: &Client, image: &Image) {
    let path = format!("/v2/{REPOSITORY}/manifests/{}", image.digest());
    client.delete(&path).send().await.expect(202);
}

#[tokio::test]
async fn pushes_that_fill_the_disk_leave_room_to_delete() {
    let Some(disk) = Disk::mount(48) else { return };
    let server = Server::builder()
        .args(["--gc-grace-seconds", GRACE])
        .start_on(&disk.data())
        .await;
    let client = server.admin();
    let (mut pushed, refusal) = push_until_full(&client).await;
    refusal.refused(507, "UNAVAILABLE");
    assert!(pushed.len() > 10, "{} images were pushed", pushed.len());
    assert_readable(&server, &pushed).await;
    assert_sound(server.data());

    let deleted: Vec<_> = pushed.drain(..pushed.len() / 2).collect();
    for (_, image) in &deleted {
        delete(&client, image).await;
    }
    let again = Image::random(LAYER);
    wait::until("room for another image", async || {
        collect(&server);
        try_push(&client, "again", &again).await.is_none()
    })
    .await;
    pushed.push(("again".to_owned(), again));
    assert_readable(&server, &pushed).await;
    assert_sound(server.data());
}

/// Collects garbage now.
fn collect(server: &Server) {
    let mut gc = admin_command(server.data(), &["gc"]);
    let output = gc.env("BERTH_GC_GRACE_SECONDS", GRACE).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[tokio::test]
async fn a_disk_that_others_fill_to_the_last_byte_fails_cleanly() {
    let Some(disk) = Disk::mount(48) else { return };
    let server = Server::builder().start_on(&disk.data()).await;
    let client = server.admin();
    let mut pushed = Vec::new();
    for tag in ["a", "b"] {
        let image = Image::random(LAYER);
        client.push_image(REPOSITORY, tag, &image).await;
        pushed.push((tag.to_owned(), image));
    }
    let started = client.start_upload(REPOSITORY).await;
    assert_readable(&server, &pushed).await;
    disk.fill_but(0);

    let refused = Image::random(LAYER);
    let refusal = try_push(&client, "c", &refused).await;
    refusal.unwrap().refused(507, "UNAVAILABLE");
    let patch = client.patch(&started).body(random_bytes(LAYER));
    patch.send().await.refused(507, "UNAVAILABLE");
    assert_readable(&server, &pushed).await;
    // The log may have room for a few changes.
    let full = until_the_database_is_full(&client, &pushed[0].1).await;
    full.refused(507, "UNAVAILABLE");
    let path = format!("/v2/{REPOSITORY}/manifests/{}", pushed[0].1.digest());
    let deletion = client.delete(&path).send().await;
    deletion.refused(507, "UNAVAILABLE");
    assert_pulls(&client, &pushed).await;
    disk.free();

    delete(&client, &pushed.remove(0).1).await;
    assert!(try_push(&client, "c", &refused).await.is_none());
    pushed.push(("c".to_owned(), refused));
    assert_pulls(&client, &pushed).await;
    assert_sound(server.data());
}

/// Tags an image until the database takes no more; answers the refusal.
async fn until_the_database_is_full(client: &Client, image: &Image) -> Answer {
    for number in 0..10_000 {
        let tag = format!("full{number}");
        let answer = client
            .push_manifest(REPOSITORY, &tag, &image.manifest)
            .await;
        if answer.status != 201 {
            return answer;
        }
    }
    panic!("the database does not fill up");
}

#[tokio::test]
async fn a_full_database_fails_cleanly() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(LAYER);
    client.push_image(REPOSITORY, "a", &image).await;
    let pushed = [("a".to_owned(), image)];
    assert_readable(&server, &pushed).await;
    let log = server.data().join("metadata.sqlite-wal");
    let Some(faults) = Faults::inject(&server, "pwrite64", "ENOSPC", &[log]) else {
        return;
    };
    let new = Image::random(LAYER);
    let refusal = try_push(&client, "b", &new).await;
    refusal.unwrap().refused(507, "UNAVAILABLE");
    let manifest = &pushed[0].1.manifest;
    let retag = client.push_manifest(REPOSITORY, "b", manifest).await;
    retag.refused(507, "UNAVAILABLE");
    let path = format!("/v2/{REPOSITORY}/manifests/{}", manifest.digest);
    client
        .delete(&path)
        .send()
        .await
        .refused(507, "UNAVAILABLE");
    assert_readable(&server, &pushed).await;
    faults.end();

    assert!(try_push(&client, "b", &new).await.is_none());
    let pushed = [pushed.to_vec(), vec![("b".to_owned(), new)]].concat();
    assert_readable(&server, &pushed).await;
    assert_sound(server.data());
}

/// Calls that fail, on which files, and whether a push may succeed all the same.
async fn failing(calls: &str, error: &str, paths: impl Fn(&Server) -> Vec<PathBuf>) {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(LAYER);
    client.push_image(REPOSITORY, "a", &image).await;
    let mut pushed = vec![("a".to_owned(), image)];
    assert_readable(&server, &pushed).await;
    let paths = paths(&server);
    let Some(faults) = Faults::inject(&server, calls, error, &paths) else {
        return;
    };
    let new = Image::random(LAYER);
    for _ in 0..3 {
        let refusal = try_push(&client, "b", &new).await;
        assert_clean(&refusal.unwrap());
    }
    assert_readable(&server, &pushed).await;
    faults.end();

    assert!(try_push(&client, "b", &new).await.is_none());
    pushed.push(("b".to_owned(), new));
    assert_readable(&server, &pushed).await;
    // What the kernel still holds for the process is gone with it.
    let data = server.data().to_owned();
    assert_sound(&data);
}

#[tokio::test]
async fn a_disk_that_cannot_sync_fails_cleanly() {
    failing("fsync,fdatasync", "EIO", |_| Vec::new()).await;
}

#[tokio::test]
async fn a_database_that_cannot_sync_fails_cleanly() {
    let log = |server: &Server| vec![server.data().join("metadata.sqlite-wal")];
    failing("fsync,fdatasync", "EIO", log).await;
}

#[tokio::test]
async fn a_disk_that_cannot_write_fails_cleanly() {
    failing(
        "pwrite64,pwritev,write,ftruncate,openat",
        "EROFS",
        |server| {
            vec![
                server.data().join("uploads"),
                server.data().join("metadata.sqlite-wal"),
            ]
        },
    )
    .await;
}

/// The folders of finished objects.
fn object_folders(server: &Server) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(server.data().join("blobs")).unwrap();
    folders.map(|folder| folder.unwrap().path()).collect()
}

#[tokio::test]
async fn an_upload_is_not_acknowledged_while_its_folder_cannot_be_synced() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(LAYER);
    let digest = Digest::sha256(&bytes);
    let location = client.start_upload(REPOSITORY).await;
    let patch = client.patch(&location).body(bytes.clone()).send().await;
    let location = patch.expect(202).location();
    let (path, _) = location.split_once('?').unwrap();
    let folders = object_folders(&server);
    let Some(faults) = Faults::inject(&server, "fsync", "EIO", &folders) else {
        return;
    };
    let put = with_query(&location, &format!("digest={digest}"));
    assert_clean(&client.put(&put).send().await);
    // Any epoch: its client does not know the one that failed.
    let put = with_query(path, &format!("digest={digest}"));
    for _ in 0..3 {
        assert_clean(&client.put(&put).send().await);
    }
    faults.end();
    client.put(&put).send().await.expect(201);
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let answer = client.get(&path).send().await.expect(200);
    assert_eq!(answer.body, bytes);
    assert_sound(server.data());
}

#[tokio::test]
async fn what_a_failed_sync_may_have_lost_is_not_acknowledged_later() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(LAYER);
    let digest = Digest::sha256(&bytes);
    let location = client.start_upload(REPOSITORY).await;
    let patch = client.patch(&location).body(bytes.clone()).send().await;
    let location = patch.expect(202).location();
    let (path, _) = location.split_once('?').unwrap();
    // The database is synced by another call.
    let Some(faults) = Faults::inject(&server, "fdatasync", "EIO", &[]) else {
        return;
    };
    let put = with_query(path, &format!("digest={digest}"));
    assert_clean(&client.put(&put).send().await);
    faults.end();
    // The page cache still has the bytes, and the next sync would succeed.
    let repeated = client.put(&put).send().await;
    repeated.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(client.push_blob(REPOSITORY, bytes).await, digest);
    assert_sound(server.data());
}

/// Pulls an image through the proxy project; answers all that is not there.
async fn pull_through(client: &Client, image: &Image) -> Vec<Answer> {
    let repository = "/v2/cache/team/app";
    let manifest = (format!("{repository}/manifests/t"), &image.manifest);
    let blobs = image.blobs();
    let blobs = blobs.map(|blob| (format!("{repository}/blobs/{}", blob.digest), blob));
    let mut refusals = Vec::new();
    for (path, content) in std::iter::once(manifest).chain(blobs) {
        let answer = client.get(&path).send().await;
        if answer.status == 200 {
            assert_eq!(answer.body, content.bytes, "{path}");
        } else {
            refusals.push(answer);
        }
    }
    refusals
}

#[tokio::test]
async fn a_proxy_project_on_a_full_disk_serves_what_it_holds() {
    let Some(disk) = Disk::mount(48) else { return };
    let hub = Hub::start_with(HubSettings::open()).await;
    let (held, new) = (Image::random(LAYER), Image::random(LAYER));
    hub.push_image("team/app", "t", &held);
    let server = Server::builder()
        .args(["--tag-freshness-seconds", "0"])
        .start_on(&disk.data())
        .await;
    let client = server.admin();
    let registry = client.create_registry("up", &hub.url(), None).await;
    client.create_proxy_project("cache", registry, true).await;
    assert!(pull_through(&client, &held).await.is_empty());
    disk.fill_but(0);

    let refusals = pull_through(&client, &held).await;
    assert!(refusals.is_empty(), "{refusals:?}");
    for blob in new.blobs() {
        hub.push_blob("team/app", blob.bytes.clone());
        let path = format!("/v2/cache/team/app/blobs/{}", blob.digest);
        let answer = client.get(&path).send().await;
        answer.refused(507, "UNAVAILABLE");
    }
    disk.free();

    hub.push_image("team/app", "t", &new);
    let refusals = pull_through(&client, &new).await;
    assert!(refusals.is_empty(), "{refusals:?}");
    assert_sound(server.data());
}
