//! Who is asked to log in, and for what.

use axum::body::Body;
use berth_testkit::image::Image;
use http::{Request, StatusCode};
use serde_json::json;

use crate::berth::{Answer, Berth, PASSWORD, authorized};

impl Berth {
    /// With a private project of ann's that holds `app:latest`.
    async fn with_private_image() -> Self {
        let berth = Self::with_users().await;
        berth.create_project("ann", "private", false).await;
        berth
            .push("private/app", "latest", &Image::random(10))
            .await;
        berth
    }

    async fn token(&self, user: &str, scope: &str) -> String {
        let path = format!("/service/token?service=harbor-registry{scope}");
        let request = authorized(Request::get(path), user, PASSWORD);
        let answer = self.answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    async fn pull(&self, path: &str, token: Option<String>) -> Answer {
        let mut request = Request::get(format!("/v2/{path}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(request.body(Body::empty()).unwrap()).await
    }
}

fn challenge(repository: &str) -> String {
    format!(
        "Bearer realm=\"https://berth.test/service/token\",service=\"harbor-registry\",\
         scope=\"repository:{repository}:pull\""
    )
}

const MANIFEST: &str = "private/app/manifests/latest";

#[tokio::test]
async fn a_token_that_says_nothing_of_a_project_is_told_what_to_ask_for() {
    let berth = Berth::with_private_image().await;
    for scope in ["", "&scope=repository:library/app:pull"] {
        let token = berth.token("ann", scope).await;
        let answer = berth.pull(MANIFEST, Some(token)).await;
        assert_eq!(answer.failure(), (401, "UNAUTHORIZED".to_owned()));
        assert_eq!(answer.header("www-authenticate"), challenge("private/app"));
    }
}

#[tokio::test]
async fn a_token_that_speaks_of_a_project_without_the_right_is_refused() {
    let berth = Berth::with_private_image().await;
    let token = berth
        .token("ben", "&scope=repository:private/app:pull")
        .await;
    let answer = berth.pull(MANIFEST, Some(token)).await;
    assert_eq!(answer.failure(), (403, "DENIED".to_owned()));
    assert_eq!(answer.header("www-authenticate"), "");
}

#[tokio::test]
async fn a_token_for_a_repository_counts_in_the_whole_project() {
    let berth = Berth::with_private_image().await;
    let token = berth
        .token("ann", "&scope=repository:private/other:pull")
        .await;
    let answer = berth.pull(MANIFEST, Some(token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn the_challenge_to_a_mirrors_client_names_the_repository_by_our_name() {
    let berth = Berth::start().await;
    let private = json!({ "metadata": { "public": "false" } });
    let changed = berth
        .send("admin", "PUT /projects/dockerhub", private)
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{changed}");
    let path = "library/alpine/manifests/latest?ns=docker.io";
    let answer = berth.pull(path, None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer}");
    assert_eq!(
        answer.header("www-authenticate"),
        challenge("dockerhub/library/alpine")
    );
}
