//! Section "Push", manifests.

use berth_oci::{Algorithm, Digest};
use berth_testkit::image::{Content, Format, Image, Index};
use serde_json::{Value, json};

use crate::support::http::{Answer, Client};
use crate::support::server::Server;

const REPOSITORY: &str = "library/manifests";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

fn path(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

async fn put(client: &Client, reference: &str, content_type: &str, body: String) -> Answer {
    client
        .put(&path(reference))
        .header("content-type", content_type)
        .body(body)
        .send()
        .await
}

/// An image manifest without layers over a config that is there.
async fn plain_manifest(client: &Client) -> Value {
    let config = client.push_blob(REPOSITORY, "{}").await;
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
        "layers": [],
    })
}

#[tokio::test]
async fn manifests_of_every_media_type_are_served_as_what_they_were_pushed() {
    let server = Server::start().await;
    let client = server.admin();
    for format in [Format::Oci, Format::Docker] {
        let image = Image::builder().format(format).layer(10).build();
        client.push_image(REPOSITORY, "image", &image).await;
        let index = Index::of(format, vec![image.clone()]);
        client.push_index(REPOSITORY, "index", &index).await;
        for (tag, pushed) in [("image", &image.manifest), ("index", &index.manifest)] {
            let answer = client.get(&path(tag)).send().await.expect(200);
            assert_eq!(answer.header("content-type"), pushed.media_type);
            assert_eq!(answer.body, pushed.bytes);
        }
    }
    let blob = client.push_blob(REPOSITORY, "a blob").await;
    let blob = json!({ "mediaType": "text/plain", "digest": blob, "size": 6 });
    for (media_type, body) in [
        (
            "application/vnd.oci.artifact.manifest.v1+json",
            json!({ "artifactType": "a/b", "blobs": [blob] }),
        ),
        (
            "application/vnd.example.thing+json",
            json!({ "anything": [1, 2] }),
        ),
        (
            "application/vnd.oci.image.index.v1+json",
            json!({ "schemaVersion": 2, "manifests": [] }),
        ),
    ] {
        put(&client, "any", media_type, body.to_string())
            .await
            .expect(201);
        let answer = client.get(&path("any")).send().await.expect(200);
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.body, body.to_string());
    }
}

#[tokio::test]
async fn a_manifest_without_its_media_type_is_what_the_content_type_says() {
    let server = Server::start().await;
    let client = server.admin();
    let mut manifest = plain_manifest(&client).await;
    manifest.as_object_mut().unwrap().remove("mediaType");
    put(&client, "a", IMAGE, manifest.to_string())
        .await
        .expect(201);
    let answer = client.get(&path("a")).send().await.expect(200);
    assert_eq!(answer.header("content-type"), IMAGE);
    let untyped = client
        .put(&path("b"))
        .body(manifest.to_string())
        .send()
        .await;
    untyped.expect(201);
    let answer = client.get(&path("b")).send().await.expect(200);
    assert_eq!(answer.header("content-type"), IMAGE);
}

#[tokio::test]
async fn a_manifest_is_kept_byte_for_byte() {
    let server = Server::start().await;
    let client = server.admin();
    let manifest = plain_manifest(&client).await;
    let (config, field) = (
        &manifest["config"],
        "\"unknown\": [1.10, 1e2, \"\\u00e9\\/\"]",
    );
    for filler in ["", " ", "\n\n\t"] {
        let filler = filler.repeat(if filler.is_empty() { 0 } else { 6000 });
        let text = format!(
            "{{ \"layers\":[ ],{filler} \"config\" :\t{config}, {field},\r\n\"schemaVersion\":2 }}\n\n"
        );
        let digest = Digest::sha256(text.as_bytes());
        let created = put(&client, "a", IMAGE, text.clone()).await.expect(201);
        assert_eq!(created.header("docker-content-digest"), digest.to_string());
        for reference in ["a", &digest.to_string()] {
            let answer = client.get(&path(reference)).send().await.expect(200);
            assert_eq!(answer.body, text);
        }
    }
}

#[tokio::test]
async fn a_pushed_manifest_is_at_its_location() {
    let server = Server::start().await;
    let client = server.admin();
    let body = plain_manifest(&client).await.to_string();
    let digest = Digest::sha256(body.as_bytes()).to_string();
    for reference in ["a", &digest] {
        let created = put(&client, reference, IMAGE, body.clone())
            .await
            .expect(201);
        assert_eq!(created.header("docker-content-digest"), digest);
        let answer = client.get(&created.location()).send().await.expect(200);
        assert_eq!(answer.body, body);
        assert_eq!(answer.header("content-type"), IMAGE);
    }
}

#[tokio::test]
async fn parameters_of_the_content_type_are_ignored() {
    let server = Server::start().await;
    let client = server.admin();
    let body = plain_manifest(&client).await.to_string();
    let content_type = format!("{IMAGE}; charset=utf-8; a=\"b;c\"");
    put(&client, "a", &content_type, body).await.expect(201);
    let answer = client.get(&path("a")).send().await.expect(200);
    assert_eq!(answer.header("content-type"), IMAGE);
}

#[tokio::test]
async fn a_content_type_that_contradicts_the_media_type_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let body = plain_manifest(&client).await.to_string();
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    put(&client, "a", docker, body)
        .await
        .refused(400, "MANIFEST_INVALID");
}

#[tokio::test]
async fn a_manifest_under_another_digest_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let body = plain_manifest(&client).await.to_string();
    let other = Digest::sha256(b"something else").to_string();
    put(&client, &other, IMAGE, body)
        .await
        .refused(400, "DIGEST_INVALID");
    client.get(&path(&other)).send().await.expect(404);
}

#[tokio::test]
async fn several_tags_are_pushed_with_one_manifest() {
    let server = Server::start().await;
    let client = server.admin();
    let body = plain_manifest(&client).await.to_string();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, body.as_bytes()).to_string();
        let tags: Vec<_> = (0..12)
            .map(|n| format!("{}-{n}", algorithm.as_str()))
            .collect();
        let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
        let reference = format!("{digest}?{}", query.join("&"));
        let created = put(&client, &reference, IMAGE, body.clone())
            .await
            .expect(201);
        assert_eq!(created.listed("oci-tag"), tags);
        assert_eq!(created.header("docker-content-digest"), digest);
        for tag in tags {
            let answer = client.get(&path(&tag)).send().await.expect(200);
            assert_eq!(answer.header("docker-content-digest"), digest);
            assert_eq!(answer.body, body);
        }
    }
}

#[tokio::test]
async fn tags_that_cannot_be_set_refuse_the_whole_push() {
    let server = Server::start().await;
    let client = server.admin();
    let body = plain_manifest(&client).await.to_string();
    let digest = Digest::sha256(body.as_bytes()).to_string();
    let many: Vec<_> = (0..100).map(|n| format!("tag=t{n}")).collect();
    for (reference, status) in [
        (format!("{digest}?tag=good&tag=-bad"), 400),
        ("a?tag=good".to_owned(), 400),
        (format!("{digest}?tag=good&{}", many.join("&")), 414),
    ] {
        put(&client, &reference, IMAGE, body.clone())
            .await
            .expect(status);
        client.get(&path("good")).send().await.expect(404);
        client.get(&path(&digest)).send().await.expect(404);
    }
}

#[tokio::test]
async fn a_tag_moves_to_the_manifest_pushed_last() {
    let server = Server::start().await;
    let client = server.admin();
    let first = plain_manifest(&client).await;
    let mut second = first.clone();
    second["annotations"] = json!({ "a": "b" });
    for manifest in [&first, &second, &first] {
        put(&client, "a", IMAGE, manifest.to_string())
            .await
            .expect(201);
        let answer = client.get(&path("a")).send().await.expect(200);
        assert_eq!(answer.body, manifest.to_string());
    }
}

#[tokio::test]
async fn a_manifest_of_4_megabytes_is_taken_and_one_over_4_mib_is_413() {
    let server = Server::start().await;
    let client = server.admin();
    let mut manifest = plain_manifest(&client).await;
    let sized = |manifest: &mut Value, size: usize| {
        manifest["annotations"] = json!({ "filler": "" });
        let rest = size - manifest.to_string().len();
        manifest["annotations"] = json!({ "filler": "a".repeat(rest) });
        manifest.to_string()
    };
    for size in [4_000_000, 4 * 1024 * 1024] {
        let body = sized(&mut manifest, size);
        put(&client, "a", IMAGE, body.clone()).await.expect(201);
        assert_eq!(client.get(&path("a")).send().await.expect(200).body, body);
    }
    let body = sized(&mut manifest, 4 * 1024 * 1024 + 1);
    put(&client, "b", IMAGE, body).await.expect(413);
    client.get(&path("b")).send().await.expect(404);
}

#[tokio::test]
async fn an_image_whose_blobs_are_not_there_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    let refused = client.push_manifest(REPOSITORY, "a", &image.manifest).await;
    assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
    client
        .push_blob(REPOSITORY, image.config.bytes.clone())
        .await;
    client
        .push_blob("library/another", image.layers[0].bytes.clone())
        .await;
    let refused = client.push_manifest(REPOSITORY, "a", &image.manifest).await;
    assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
    assert!(refused.text().contains(&image.layers[0].digest.to_string()));
    assert!(!refused.text().contains(&image.config.digest.to_string()));
    client.get(&path("a")).send().await.expect(404);
    client.push_image(REPOSITORY, "a", &image).await;
}

#[tokio::test]
async fn an_index_whose_manifests_are_not_there_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let index = Index::random(&["linux/amd64", "linux/arm64"], 10);
    client
        .push_image(REPOSITORY, "amd64", &index.images[0])
        .await;
    let refused = client.push_manifest(REPOSITORY, "a", &index.manifest).await;
    assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
    assert!(
        refused
            .text()
            .contains(&index.images[1].digest().to_string())
    );
    assert!(
        !refused
            .text()
            .contains(&index.images[0].digest().to_string())
    );
    client.push_index(REPOSITORY, "a", &index).await;
}

#[tokio::test]
async fn a_sparse_index_is_taken_where_a_setting_allows_it() {
    let server = Server::builder().args(["--sparse-indexes"]).start().await;
    let client = server.admin();
    let index = Index::random(&["linux/amd64", "linux/arm64"], 10);
    client
        .push_image(REPOSITORY, "amd64", &index.images[0])
        .await;
    client
        .push_manifest(REPOSITORY, "a", &index.manifest)
        .await
        .expect(201);
    assert_eq!(
        client.get(&path("a")).send().await.expect(200).body,
        index.manifest.bytes
    );
    let absent = path(&index.images[1].digest().to_string());
    client
        .get(&absent)
        .send()
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    let image = Image::random(10);
    let refused = client.push_manifest(REPOSITORY, "b", &image.manifest).await;
    assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn layers_that_are_not_distributed_need_not_be_there() {
    let server = Server::start().await;
    let client = server.admin();
    let mut manifest = plain_manifest(&client).await;
    let foreign = |media_type: &str| {
        let digest = Digest::sha256(media_type.as_bytes());
        json!({ "mediaType": media_type, "digest": digest, "size": 1, "urls": ["https://example.com/"] })
    };
    manifest["layers"] = json!([
        foreign("application/vnd.oci.image.layer.nondistributable.v1.tar"),
        foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
    ]);
    put(&client, "a", IMAGE, manifest.to_string())
        .await
        .expect(201);
}

#[tokio::test]
async fn a_descriptor_may_carry_its_data() {
    let server = Server::start().await;
    let client = server.admin();
    let mut manifest = plain_manifest(&client).await;
    manifest["config"]["data"] = "e30=".into();
    put(&client, "a", IMAGE, manifest.to_string())
        .await
        .expect(201);
    assert_eq!(
        client.get(&path("a")).send().await.expect(200).body,
        manifest.to_string()
    );
}

#[tokio::test]
async fn a_manifest_is_pushed_again_as_it_was() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    for _ in 0..3 {
        client.push_image(REPOSITORY, "a", &image).await;
    }
    let untagged = image.digest().to_string();
    client
        .push_manifest(REPOSITORY, &untagged, &image.manifest)
        .await
        .expect(201);
    let pushed = Content::new(IMAGE, client.get(&path("a")).send().await.expect(200).body);
    assert_eq!(pushed, image.manifest);
}
