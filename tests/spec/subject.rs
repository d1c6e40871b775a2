//! Section "Push", manifests with a subject.

use berth_testkit::image::{Content, Image};
use serde_json::json;

use crate::support::server::Server;

const REPOSITORY: &str = "library/subject";

#[tokio::test]
async fn a_manifest_may_come_before_its_subject() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    let signature = Image::builder().layer(10).subject(&image.manifest).build();
    client.push_image(REPOSITORY, "signature", &signature).await;
    client.push_image(REPOSITORY, "image", &image).await;
    let path = format!("/v2/{REPOSITORY}/referrers/{}", image.digest());
    let listed = client.get(&path).send().await.expect(200).json();
    assert_eq!(
        listed["manifests"][0]["digest"],
        signature.digest().to_string()
    );
}

#[tokio::test]
async fn a_subject_is_acknowledged() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    let answer = client
        .push_manifest(REPOSITORY, "none", &image.manifest)
        .await;
    assert_eq!(answer.header("oci-subject"), "");
    client.push_image(REPOSITORY, "image", &image).await;

    let signature = Image::builder().layer(10).subject(&image.manifest).build();
    client.push_blobs(REPOSITORY, &signature).await;
    let index =
        json!({ "schemaVersion": 2, "manifests": [], "subject": image.manifest.descriptor() });
    let index = Content::new("application/vnd.oci.image.index.v1+json", index.to_string());
    for manifest in [&signature.manifest, &index] {
        // The second time it is there already.
        for reference in [manifest.digest.to_string(), "tag".to_owned()] {
            let answer = client
                .push_manifest(REPOSITORY, &reference, manifest)
                .await
                .expect(201);
            assert_eq!(answer.header("oci-subject"), image.digest().to_string());
        }
    }
}

#[tokio::test]
async fn what_is_not_there_may_only_be_a_subject() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    let signature = Image::builder().layer(10).subject(&image.manifest).build();
    let refused = client
        .push_manifest(REPOSITORY, "a", &signature.manifest)
        .await;
    assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
    let path = format!("/v2/{REPOSITORY}/referrers/{}", image.digest());
    let listed = client.get(&path).send().await.expect(200).json();
    assert_eq!(listed["manifests"], json!([]));
}
