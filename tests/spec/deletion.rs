//! Section "Content Management".

use berth_testkit::image::{Image, Index, random_bytes};

use crate::support::http::Client;
use crate::support::server::{Server, assert_sound};

const REPOSITORY: &str = "library/deletion";
const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn manifest(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

fn blob(digest: &str) -> String {
    format!("/v2/{REPOSITORY}/blobs/{digest}")
}

async fn tagged(client: &Client) -> Image {
    let image = Image::random(1000);
    for tag in ["a", "b"] {
        client.push_image(REPOSITORY, tag, &image).await;
    }
    image
}

#[tokio::test]
async fn a_deleted_tag_is_gone_and_its_manifest_stays() {
    let server = Server::start().await;
    let client = server.admin();
    let image = tagged(&client).await;
    client.delete(&manifest("a")).send().await.expect(202);
    client
        .get(&manifest("a"))
        .send()
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    client.get(&manifest("b")).send().await.expect(200);
    client
        .get(&manifest(&image.digest().to_string()))
        .send()
        .await
        .expect(200);
    client.delete(&manifest("b")).send().await.expect(202);
    client
        .get(&manifest(&image.digest().to_string()))
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_deleted_manifest_is_gone_with_its_tags() {
    let server = Server::start().await;
    let client = server.admin();
    let image = tagged(&client).await;
    let digest = image.digest().to_string();
    client.delete(&manifest(&digest)).send().await.expect(202);
    for reference in ["a", "b", &digest] {
        client
            .get(&manifest(reference))
            .send()
            .await
            .refused(404, "MANIFEST_UNKNOWN");
        client.head(&manifest(reference)).send().await.expect(404);
    }
    let tags = client
        .get(&format!("/v2/{REPOSITORY}/tags/list"))
        .send()
        .await
        .expect(200);
    assert_eq!(tags.json()["tags"], serde_json::json!([]));
    client.push_image(REPOSITORY, "a", &image).await;
    client.get(&manifest(&digest)).send().await.expect(200);
    assert_sound(server.data());
}

#[tokio::test]
async fn a_deleted_blob_is_gone() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(5000);
    let digest = client
        .push_blob(REPOSITORY, bytes.clone())
        .await
        .to_string();
    client.delete(&blob(&digest)).send().await.expect(202);
    client.head(&blob(&digest)).send().await.expect(404);
    client
        .get(&blob(&digest))
        .send()
        .await
        .refused(404, "BLOB_UNKNOWN");
    client.push_blob(REPOSITORY, bytes.clone()).await;
    assert_eq!(
        client.get(&blob(&digest)).send().await.expect(200).body,
        bytes
    );
    assert_sound(server.data());
}

#[tokio::test]
async fn what_is_not_there_cannot_be_deleted() {
    let server = Server::start().await;
    let client = server.admin();
    tagged(&client).await;
    client
        .delete(&manifest("c"))
        .send()
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    client
        .delete(&manifest(ABSENT))
        .send()
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    client
        .delete(&blob(ABSENT))
        .send()
        .await
        .refused(404, "BLOB_UNKNOWN");
    for name in ["library/absent", "absent/absent"] {
        for rest in [
            "manifests/a",
            &format!("manifests/{ABSENT}"),
            &format!("blobs/{ABSENT}"),
        ] {
            client
                .delete(&format!("/v2/{name}/{rest}"))
                .send()
                .await
                .expect(404);
        }
    }
}

#[tokio::test]
async fn what_a_manifest_needs_is_not_deleted() {
    let server = Server::start().await;
    let client = server.admin();
    let index = Index::random(&["linux/amd64", "linux/arm64"], 10);
    client.push_index(REPOSITORY, "index", &index).await;
    let image = &index.images[0];
    let layer = image.layers[0].digest.to_string();
    let refused = client.delete(&blob(&layer)).send().await.status;
    assert_eq!(refused, 405);
    let refused = client
        .delete(&manifest(&image.digest().to_string()))
        .send()
        .await
        .status;
    assert_eq!(refused, 412);
    client.get(&blob(&layer)).send().await.expect(200);
    client
        .get(&manifest(&image.digest().to_string()))
        .send()
        .await
        .expect(200);
    client
        .delete(&manifest(&index.digest().to_string()))
        .send()
        .await
        .expect(202);
    client
        .delete(&manifest(&image.digest().to_string()))
        .send()
        .await
        .expect(202);
}

#[tokio::test]
async fn only_who_may_delete_deletes() {
    let server = Server::start().await;
    let admin = server.admin();
    tagged(&admin).await;
    let ann = admin.create_user("ann", "Ann-Passw0rd").await;
    ann.delete(&manifest("a"))
        .send()
        .await
        .refused(403, "DENIED");
    server
        .anonymous()
        .delete(&manifest("a"))
        .send()
        .await
        .refused(401, "UNAUTHORIZED");
    admin.get(&manifest("a")).send().await.expect(200);
}
