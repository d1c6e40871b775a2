//! Challenges, tokens, accounts.

use super::*;

#[tokio::test]
async fn the_challenge_names_token_service_and_scope() {
    let hub = Hub::start().await;
    let response = get(&hub, "library/alpine/manifests/latest")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"registry.docker.io\",\
         scope=\"repository:library/alpine:pull\"",
        hub.address(Host::TokenService),
    );
    assert_eq!(header(&response, "www-authenticate"), challenge);
    assert_eq!(
        header(&response, "docker-distribution-api-version"),
        "registry/2.0"
    );
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["errors"][0]["code"], "UNAUTHORIZED");
}

#[tokio::test]
async fn the_ping_wants_any_token() {
    let hub = Hub::start().await;
    assert_eq!(get(&hub, "").send().await.unwrap().status(), 401);
    let token = token(&hub, "library/alpine").await;
    let response = get(&hub, "").bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_token_is_good_for_its_repository_only() {
    let hub = Hub::start().await;
    let image = Image::random(10);
    hub.push_image("library/a", "1", &image);
    hub.push_image("library/b", "1", &image);
    let token = token(&hub, "library/a").await;
    let own = get(&hub, "library/a/manifests/1")
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    let other = get(&hub, "library/b/manifests/1")
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 401);
    assert!(header(&other, "www-authenticate").ends_with("error=\"insufficient_scope\""));
}

#[tokio::test]
async fn an_absent_repository_is_refused_like_a_private_one() {
    let hub = Hub::start().await;
    let token = token(&hub, "library/nowhere").await;
    let request = get(&hub, "library/nowhere/manifests/1").bearer_auth(token);
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_private_repository_is_read_by_accounts_only() {
    let mut settings = HubSettings::docker_hub().account("ann", "secret");
    settings.private_repositories.insert("ann/app".to_owned());
    let hub = Hub::start_with(settings).await;
    hub.push_image("ann/app", "1", &Image::random(10));

    let anonymous = token(&hub, "ann/app").await;
    let refused = get(&hub, "ann/app/manifests/1")
        .bearer_auth(anonymous)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);

    let answer = token_request(&hub, "ann/app").basic_auth("ann", Some("secret"));
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    let own = get(&hub, "ann/app/manifests/1").bearer_auth(answer["token"].as_str().unwrap());
    let own = own.send().await.unwrap();
    assert_eq!(own.status(), 200);
    assert_eq!(header(&own, "docker-ratelimit-source"), "ann");
    assert_eq!(header(&own, "ratelimit-limit"), "200;w=21600");
}

#[tokio::test]
async fn a_wrong_password_gets_no_token() {
    let hub = Hub::start_with(HubSettings::docker_hub().account("ann", "secret")).await;
    let request = token_request(&hub, "library/a").basic_auth("ann", Some("wrong"));
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(hub.tokens_issued(), 0);
}

#[tokio::test]
async fn anonymous_tokens_can_be_switched_off() {
    let hub = Hub::start().await;
    hub.change(|settings| settings.anonymous_tokens = false);
    assert_eq!(
        token_request(&hub, "library/a")
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
}

#[tokio::test]
async fn a_token_ends_by_lifetime_and_by_revocation() {
    let hub = Hub::start().await;
    let revoked = token(&hub, "library/a").await;
    hub.revoke_tokens();
    hub.change(|settings| settings.token_lifetime = Duration::ZERO);
    let expired = token(&hub, "library/a").await;
    for token in [revoked, expired] {
        let response = get(&hub, "").bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(header(&response, "www-authenticate").ends_with("error=\"invalid_token\""));
    }
    assert_eq!(hub.tokens_issued(), 2);
}

#[tokio::test]
async fn a_token_comes_in_each_shape_there_is() {
    let hub = Hub::start().await;
    for (shape, fields) in [
        (
            TokenShape::Full,
            &["access_token", "expires_in", "issued_at", "token"][..],
        ),
        (TokenShape::OnlyToken, &["expires_in", "issued_at", "token"]),
        (
            TokenShape::OnlyAccessToken,
            &["access_token", "expires_in", "issued_at"],
        ),
        (TokenShape::WithoutTimes, &["token"]),
    ] {
        hub.change(|settings| settings.token_shape = shape);
        let answer = token_request(&hub, "library/a").send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let found: Vec<_> = answer
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(found, fields, "{shape:?}");
    }
    assert_eq!(hub.count(RequestKind::Token), 4);
}

#[tokio::test]
async fn a_basic_registry_wants_the_password_and_has_no_token_service() {
    let hub = Hub::start_with(HubSettings::basic("ann", "secret")).await;
    hub.push_image("app", "1", &Image::random(10));
    let refused = get(&hub, "app/manifests/1").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        header(&refused, "www-authenticate"),
        "Basic realm=\"registry\""
    );
    let wrong = get(&hub, "app/manifests/1").basic_auth("ann", Some("wrong"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    let right = get(&hub, "app/manifests/1").basic_auth("ann", Some("secret"));
    assert_eq!(right.send().await.unwrap().status(), 200);
    assert_eq!(
        token_request(&hub, "app").send().await.unwrap().status(),
        404
    );
}
