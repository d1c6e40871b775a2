//! Section "Listing Referrers".

use berth_oci::Digest;
use berth_testkit::image::{Content, Image};
use serde_json::{Value, json};

use crate::support::http::{Answer, Client};
use crate::support::server::Server;

const REPOSITORY: &str = "library/referrers";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SIGNATURE: &str = "application/vnd.example.signature";

async fn list(client: &Client, subject: &Digest, query: &str) -> Answer {
    let path = format!("/v2/{REPOSITORY}/referrers/{subject}{query}");
    let answer = client.get(&path).send().await.expect(200);
    assert_eq!(answer.header("content-type"), INDEX);
    let body = answer.json();
    assert_eq!(
        (&body["schemaVersion"], &body["mediaType"]),
        (&json!(2), &json!(INDEX))
    );
    answer
}

fn manifests(answer: &Answer) -> Vec<Value> {
    answer.json()["manifests"].as_array().unwrap().clone()
}

/// Pushes an index that refers to `subject`; answers its descriptor.
async fn push_referrer(client: &Client, subject: &Content, extra: Value) -> Value {
    let mut index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [],
        "subject": subject.descriptor(),
    });
    index
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let index = Content::new(INDEX, index.to_string());
    let reference = index.digest.to_string();
    client
        .push_manifest(REPOSITORY, &reference, &index)
        .await
        .expect(201);
    index.descriptor()
}

#[tokio::test]
async fn referrers_are_listed_with_type_and_annotations() {
    let server = Server::start().await;
    let client = server.admin();
    let subject = Image::random(10);
    client.push_image(REPOSITORY, "image", &subject).await;

    let typed = Image::builder()
        .layer(10)
        .subject(&subject.manifest)
        .artifact_type(SIGNATURE);
    let typed = typed.annotation("a.b", "c").annotation("d", "").build();
    let untyped = Image::builder()
        .layer(10)
        .subject(&subject.manifest)
        .build();
    let mut expected = Vec::new();
    for (image, artifact_type, annotations) in [
        (&typed, SIGNATURE, json!({ "a.b": "c", "d": "" })),
        (
            &untyped,
            "application/vnd.oci.image.config.v1+json",
            Value::Null,
        ),
    ] {
        client
            .push_image(REPOSITORY, &image.digest().to_string(), image)
            .await;
        let mut descriptor = image.manifest.descriptor();
        descriptor["artifactType"] = artifact_type.into();
        if !annotations.is_null() {
            descriptor["annotations"] = annotations;
        }
        expected.push(descriptor);
    }
    let annotated = json!({ "annotations": { "k": "v" } });
    let mut descriptor = push_referrer(&client, &subject.manifest, annotated.clone()).await;
    descriptor["annotations"] = annotated["annotations"].clone();
    expected.push(descriptor);
    let typed = json!({ "artifactType": "application/vnd.example.list" });
    let mut descriptor = push_referrer(&client, &subject.manifest, typed).await;
    descriptor["artifactType"] = "application/vnd.example.list".into();
    expected.push(descriptor);

    let mut found = manifests(&list(&client, &subject.digest(), "").await);
    let by_digest = |descriptor: &Value| descriptor["digest"].to_string();
    found.sort_by_key(by_digest);
    expected.sort_by_key(by_digest);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn large_annotations_of_a_referrer_are_listed_too() {
    let server = Server::start().await;
    let client = server.admin();
    let subject = Image::random(10);
    let annotations: serde_json::Map<_, _> = (0..20)
        .map(|n| (format!("key-{n}"), "v".repeat(10_000).into()))
        .collect();
    let extra = json!({ "annotations": annotations });
    push_referrer(&client, &subject.manifest, extra.clone()).await;
    let found = manifests(&list(&client, &subject.digest(), "").await);
    assert_eq!(found[0]["annotations"], extra["annotations"]);
}

#[tokio::test]
async fn a_manifest_to_which_nothing_refers_has_an_empty_list() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    // Not even the repository is there at first.
    assert!(manifests(&list(&client, &image.digest(), "").await).is_empty());
    client.push_image(REPOSITORY, "image", &image).await;
    let absent = Digest::sha256(b"not there");
    for digest in [image.digest(), absent, image.config.digest] {
        assert!(manifests(&list(&client, &digest, "").await).is_empty());
    }
    let query = format!("?artifactType={SIGNATURE}");
    assert!(manifests(&list(&client, &absent, &query).await).is_empty());
}

#[tokio::test]
async fn referrers_of_what_is_no_digest_are_400() {
    let server = Server::start().await;
    let client = server.admin();
    client
        .push_image(REPOSITORY, "image", &Image::random(10))
        .await;
    for digest in [
        "image",
        "sha256:abc",
        "sha256:",
        "md5:0cc175b9c0f1b6a831c399e269772661",
    ] {
        let path = format!("/v2/{REPOSITORY}/referrers/{digest}");
        client
            .get(&path)
            .send()
            .await
            .refused(400, "DIGEST_INVALID");
    }
}

#[tokio::test]
async fn referrers_are_filtered_by_type() {
    let server = Server::start().await;
    let client = server.admin();
    let subject = Image::random(10);
    let typed = |kind: &str| json!({ "artifactType": kind });
    let one = push_referrer(&client, &subject.manifest, typed("a/one+json")).await;
    push_referrer(&client, &subject.manifest, typed("a/two")).await;
    push_referrer(&client, &subject.manifest, json!({})).await;
    for query in ["?artifactType=a/one%2Bjson", "?artifactType=a%2Fone+json"] {
        let answer = list(&client, &subject.digest(), query).await;
        assert_eq!(answer.header("oci-filters-applied"), "artifactType");
        let found = manifests(&answer);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["digest"], one["digest"]);
    }
    let answer = list(&client, &subject.digest(), "?artifactType=a/three").await;
    assert_eq!(answer.header("oci-filters-applied"), "artifactType");
    assert!(manifests(&answer).is_empty());
    let answer = list(&client, &subject.digest(), "").await;
    assert_eq!(answer.header("oci-filters-applied"), "");
    assert_eq!(manifests(&answer).len(), 3);
}

#[tokio::test]
async fn more_referrers_than_fit_are_paged_by_link() {
    let server = Server::start().await;
    let client = server.admin();
    let subject = Image::random(10);
    let mut expected = Vec::new();
    for n in 0..230 {
        let kind = if n % 2 == 0 { "a/even" } else { "a/odd" };
        let extra = json!({ "artifactType": kind, "annotations": { "n": n.to_string() } });
        let descriptor = push_referrer(&client, &subject.manifest, extra).await;
        expected.push((kind, descriptor["digest"].as_str().unwrap().to_owned()));
    }
    for (query, kind) in [("", None), ("?artifactType=a/even", Some("a/even"))] {
        let mut page = list(&client, &subject.digest(), query).await;
        let mut seen = Vec::new();
        loop {
            let found = manifests(&page);
            seen.extend(
                found
                    .iter()
                    .map(|one| one["digest"].as_str().unwrap().to_owned()),
            );
            let filters = if kind.is_some() { "artifactType" } else { "" };
            assert_eq!(page.header("oci-filters-applied"), filters);
            let Some(next) = page.next() else { break };
            assert!(!found.is_empty());
            page = client.get(&next).send().await.expect(200);
        }
        let wanted = expected
            .iter()
            .filter(|(one, _)| kind.is_none_or(|kind| kind == *one));
        let mut wanted: Vec<_> = wanted.map(|(_, digest)| digest.clone()).collect();
        wanted.sort();
        seen.sort();
        assert_eq!(seen, wanted);
    }
}

#[tokio::test]
async fn a_deleted_referrer_is_no_longer_listed() {
    let server = Server::start().await;
    let client = server.admin();
    let subject = Image::random(10);
    let descriptor = push_referrer(&client, &subject.manifest, json!({})).await;
    assert_eq!(
        manifests(&list(&client, &subject.digest(), "").await).len(),
        1
    );
    let digest = descriptor["digest"].as_str().unwrap();
    let path = format!("/v2/{REPOSITORY}/manifests/{digest}");
    client.delete(&path).send().await.expect(202);
    assert!(manifests(&list(&client, &subject.digest(), "").await).is_empty());
}

#[tokio::test]
async fn a_referrer_that_an_older_client_also_lists_by_tag_is_listed() {
    let server = Server::start().await;
    let client = server.admin();
    let subject = Image::random(10);
    client.push_image(REPOSITORY, "image", &subject).await;
    let descriptor = push_referrer(&client, &subject.manifest, json!({})).await;
    let fallback = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] });
    let fallback = Content::new(INDEX, fallback.to_string());
    let tag = subject.digest().to_string().replace(':', "-");
    client
        .push_manifest(REPOSITORY, &tag, &fallback)
        .await
        .expect(201);
    let found = manifests(&list(&client, &subject.digest(), "").await);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["digest"], descriptor["digest"]);
}
