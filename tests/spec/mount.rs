//! Section "Push", mounts.

use berth_oci::Digest;
use berth_testkit::image::random_bytes;

use crate::support::http::{Answer, Client};
use crate::support::server::Server;

async fn mount(client: &Client, to: &str, digest: &Digest, from: Option<&str>) -> Answer {
    let from = from.map(|from| format!("&from={from}")).unwrap_or_default();
    client
        .post(&format!("/v2/{to}/blobs/uploads/?mount={digest}{from}"))
        .send()
        .await
}

#[tokio::test]
async fn a_blob_is_mounted_from_another_repository() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(5000);
    let digest = client.push_blob("library/a", bytes.clone()).await;
    let created = mount(&client, "library/b/c", &digest, Some("library/a"))
        .await
        .expect(201);
    assert_eq!(created.header("docker-content-digest"), digest.to_string());
    assert_eq!(
        created.location(),
        format!("/v2/library/b/c/blobs/{digest}")
    );
    assert_eq!(
        client
            .get(&created.location())
            .send()
            .await
            .expect(200)
            .body,
        bytes
    );
    // The copy outlives the original's repository.
    client
        .delete(&format!("/v2/library/a/blobs/{digest}"))
        .send()
        .await
        .expect(202);
    assert_eq!(
        client
            .get(&created.location())
            .send()
            .await
            .expect(200)
            .body,
        bytes
    );
}

#[tokio::test]
async fn a_blob_is_mounted_without_saying_from_where() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(5000);
    let digest = client.push_blob("library/a", bytes.clone()).await;
    let created = mount(&client, "library/b", &digest, None).await.expect(201);
    assert_eq!(
        client
            .get(&created.location())
            .send()
            .await
            .expect(200)
            .body,
        bytes
    );
}

#[tokio::test]
async fn a_mount_of_what_is_not_there_starts_an_upload() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(5000);
    let digest = Digest::sha256(&bytes);
    for from in [None, Some("library/a"), Some("absent/a")] {
        let location = mount(&client, "library/b", &digest, from)
            .await
            .expect(202)
            .location();
        client.get(&location).send().await.expect(204);
    }
    let location = mount(&client, "library/b", &digest, None)
        .await
        .expect(202)
        .location();
    let put = client.put(&format!("{location}&digest={digest}"));
    put.body(bytes).send().await.expect(201);
}

#[tokio::test]
async fn a_mount_needs_the_right_to_read_the_source() {
    let server = Server::start().await;
    let admin = server.admin();
    admin.create_project("secret", false).await;
    let ann = admin.create_user("ann", "Ann-Passw0rd").await;
    ann.create_project("hers", false).await;
    let digest = admin.push_blob("secret/a", random_bytes(5000)).await;
    for from in [None, Some("secret/a")] {
        mount(&ann, "hers/b", &digest, from).await.expect(202);
        ann.head(&format!("/v2/hers/b/blobs/{digest}"))
            .send()
            .await
            .expect(404);
        mount(&admin, "hers/admin", &digest, from).await.expect(201);
    }
}

#[tokio::test]
async fn a_mount_needs_the_right_to_write_the_target() {
    let server = Server::start().await;
    let admin = server.admin();
    let digest = admin.push_blob("library/a", random_bytes(5000)).await;
    let ann = admin.create_user("ann", "Ann-Passw0rd").await;
    mount(&ann, "library/b", &digest, Some("library/a"))
        .await
        .refused(403, "DENIED");
    mount(&server.anonymous(), "library/b", &digest, None)
        .await
        .refused(401, "UNAUTHORIZED");
}
