//! Manifests, tags, referrers, and the limit on pulls.

use super::*;

#[tokio::test]
async fn a_manifest_is_served_verbatim_by_tag_and_by_digest() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let index = Index::random(&["linux/amd64", "linux/arm64"], 10);
    hub.push_index("a/b/c", "latest", &index);
    for reference in ["latest".to_owned(), index.digest().to_string()] {
        let response = get(&hub, &format!("a/b/c/manifests/{reference}"))
            .send()
            .await
            .unwrap();
        assert_eq!(header(&response, "content-type"), Format::Oci.index());
        assert_eq!(
            header(&response, "docker-content-digest"),
            index.digest().to_string()
        );
        assert_eq!(response.bytes().await.unwrap(), index.manifest.bytes);
    }
    let child = format!("a/b/c/manifests/{}", index.images[1].digest());
    let child = get(&hub, &child).send().await.unwrap();
    assert_eq!(child.bytes().await.unwrap(), index.images[1].manifest.bytes);
}

#[tokio::test]
async fn head_of_a_manifest_has_the_headers_of_get() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    hub.push_image("a", "1", &image);
    let response = head(&hub, "a/manifests/1").send().await.unwrap();
    assert_eq!(
        header(&response, "content-length"),
        image.manifest.bytes.len().to_string()
    );
    assert_eq!(
        header(&response, "docker-content-digest"),
        image.digest().to_string()
    );
    assert!(response.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_manifest_of_a_type_that_is_not_accepted_is_unknown() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.push_image("a", "1", &Image::random(10));
    let docker = get(&hub, "a/manifests/1").header("accept", Format::Docker.manifest());
    assert_eq!(docker.send().await.unwrap().status(), 404);
    let both = format!(
        "{}, {};q=0.5",
        Format::Docker.manifest(),
        Format::Oci.manifest()
    );
    let both = get(&hub, "a/manifests/1").header("accept", both);
    assert_eq!(both.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_absent_is_unknown_by_the_code_of_the_spec() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    hub.push_image("a", "1", &image);
    hub.push_image("a", "2", &image);
    hub.delete_tag("a", "2");
    hub.delete("a", &image.layers[0].digest);
    for (path, code) in [
        ("a/manifests/2".to_owned(), "MANIFEST_UNKNOWN"),
        (
            format!("a/blobs/{}", image.layers[0].digest),
            "BLOB_UNKNOWN",
        ),
        ("b/manifests/1".to_owned(), "NAME_UNKNOWN"),
        ("b/tags/list".to_owned(), "NAME_UNKNOWN"),
    ] {
        let response = get(&hub, &path).send().await.unwrap();
        assert_eq!(response.status(), 404);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["errors"][0]["code"], code, "{path}");
    }
}

#[tokio::test]
async fn tags_come_by_pages() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let digest = Digest::sha256(b"");
    for tag in ["3", "1", "2"] {
        hub.tag("a", tag, digest);
    }
    hub.change(|settings| settings.tags_page = 2);
    let first = get(&hub, "a/tags/list").send().await.unwrap();
    assert_eq!(
        header(&first, "link"),
        "</v2/a/tags/list?last=2&n=2>; rel=\"next\""
    );
    let body: Value = first.json().await.unwrap();
    assert_eq!(body, json!({"name": "a", "tags": ["1", "2"]}));
    let second = get(&hub, "a/tags/list?last=2&n=2").send().await.unwrap();
    assert!(!second.headers().contains_key("link"));
    let body: Value = second.json().await.unwrap();
    assert_eq!(body["tags"], json!(["3"]));
}

#[tokio::test]
async fn referrers_are_listed_where_they_are_served() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    let artifact = |kind: &str| {
        Image::builder()
            .subject(&image.manifest)
            .artifact_type(kind)
            .build()
    };
    hub.push_image("a", "1", &image);
    hub.push_manifest("a", &artifact("x/signature").manifest);
    hub.push_manifest("a", &artifact("x/sbom").manifest);
    let path = format!("a/referrers/{}", image.digest());

    let all: Value = get(&hub, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
    let some = get(&hub, &format!("{path}?artifactType=x%2Fsbom"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&some, "oci-filters-applied"), "artifactType");
    let some: Value = some.json().await.unwrap();
    assert_eq!(some["manifests"][0]["artifactType"], "x/sbom");
    assert_eq!(some["manifests"].as_array().unwrap().len(), 1);

    hub.change(|settings| settings.serves_referrers = false);
    assert_eq!(get(&hub, &path).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn gets_of_manifests_are_limited_and_heads_are_not() {
    let hub = Hub::start().await;
    hub.push_image("library/a", "1", &Image::random(10));
    hub.change(|settings| {
        settings.pull_limits = Some(PullLimits {
            anonymous: 2,
            account: 5,
            retry_after: 77,
        });
    });
    let token = token(&hub, "library/a").await;
    let get = || {
        get(&hub, "library/a/manifests/1")
            .bearer_auth(&token)
            .send()
    };
    let head = || {
        head(&hub, "library/a/manifests/1")
            .bearer_auth(&token)
            .send()
    };

    let unpaid = head().await.unwrap();
    assert_eq!(header(&unpaid, "ratelimit-remaining"), "2;w=21600");
    let first = get().await.unwrap();
    assert_eq!(header(&first, "ratelimit-limit"), "2;w=21600");
    assert_eq!(header(&first, "ratelimit-remaining"), "1;w=21600");
    assert_eq!(header(&first, "docker-ratelimit-source"), "127.0.0.1");
    assert_eq!(get().await.unwrap().status(), 200);

    let refused = get().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "77");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["errors"][0]["code"], "TOOMANYREQUESTS");
    assert_eq!(head().await.unwrap().status(), 200);

    hub.forget_pulls();
    assert_eq!(get().await.unwrap().status(), 200);
}
