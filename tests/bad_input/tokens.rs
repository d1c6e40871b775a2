//! Credentials that are none.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_domain::{SigningKey, TokenAccess, TokenIdentity};
use berth_host::{HostSecrets, SealingKey, SystemClock};
use berth_ports::{AccessStore as _, Secrets as _, TokenRequest};
use berth_store_local::{DataFolder, SqliteStore};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{REPOSITORY, assert_no_trace};
use crate::support::http::Answer;
use crate::support::server::Server;

/// How a token is asked for, with all that a push needs.
fn token_path() -> String {
    format!("/service/token?service=harbor-registry&scope=repository:{REPOSITORY}:pull,push")
}

async fn token(server: &Server) -> String {
    let answer = server.admin().get(&token_path()).send().await.expect(200);
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// Tries to push with an `Authorization` header.
async fn push(server: &Server, authorization: &str) -> Answer {
    let client = server.anonymous().authorized(authorization);
    client
        .post(&format!("/v2/{REPOSITORY}/blobs/uploads/"))
        .send()
        .await
}

/// A part of a token as JSON.
fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// What a server signs its tokens with.
struct Signer {
    secrets: HostSecrets,
    key: SigningKey,
}

impl Signer {
    async fn of(server: &Server) -> Self {
        // The first token makes the key.
        token(server).await;
        let folder = DataFolder::existing(server.data()).unwrap();
        let store = SqliteStore::open_beside(&folder, Arc::new(SystemClock)).unwrap();
        let key = store.signing_keys().await.unwrap().remove(0);
        let sealing = SealingKey::load_or_create(&server.data().join("seal.key")).unwrap();
        Self {
            secrets: HostSecrets::new(&sealing).unwrap(),
            key,
        }
    }

    /// A token that is valid for half an hour since `age` ago.
    async fn sign(&self, audience: &str, age: SignedDuration) -> String {
        let actions = ["pull", "push"].map(str::to_owned).into();
        let access = TokenAccess {
            kind: "repository".into(),
            name: REPOSITORY.into(),
            actions,
        };
        let issued_at = Timestamp::now() - age;
        let identity = TokenIdentity {
            subject: "admin".into(),
            access: vec![access],
            issued_at,
        };
        let lifetime = Duration::from_mins(30);
        let request = TokenRequest {
            identity,
            audience: audience.into(),
            lifetime,
        };
        let token = self.secrets.sign_token(&self.key, &request).await.unwrap();
        format!("Bearer {}", token.reveal())
    }
}

#[tokio::test]
async fn tokens_that_were_changed_are_refused() {
    let server = Server::start().await;
    let token = token(&server).await;
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut more = decoded(claims);
    more["access"][0]["name"] = "library/another".into();
    let mut kid = decoded(header);
    kid["kid"] = "another".into();
    let mut symmetric = decoded(header);
    symmetric["alg"] = "HS256".into();
    let none = json!({ "alg": "none", "typ": "JWT", "kid": decoded(header)["kid"] });
    for changed in [
        format!("{}.{claims}.", encoded(&none)),
        format!("{}.{claims}.{signature}", encoded(&none)),
        format!("{}.{claims}", encoded(&none)),
        format!("{}.{claims}.{signature}", encoded(&symmetric)),
        format!("{}.{claims}.{signature}", encoded(&kid)),
        format!("{header}.{}.{signature}", encoded(&more)),
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{}", &signature[..signature.len() - 4]),
        format!("{header}.{claims}.{}", "A".repeat(signature.len())),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{header}.{claims}.{signature}.{signature}"),
    ] {
        let refused = push(&server, &format!("Bearer {changed}")).await;
        let challenge = refused
            .refused(401, "UNAUTHORIZED")
            .header("www-authenticate")
            .to_owned();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
    }
    push(&server, &format!("Bearer {token}")).await.expect(202);
}

#[tokio::test]
async fn a_token_of_another_key_is_refused() {
    let (server, other) = (Server::start().await, Server::start().await);
    let (ours, theirs) = (token(&server).await, token(&other).await);
    push(&server, &format!("Bearer {theirs}"))
        .await
        .refused(401, "UNAUTHORIZED");
    let (signed, _) = ours.rsplit_once('.').unwrap();
    let (_, signature) = theirs.rsplit_once('.').unwrap();
    let forged = format!("Bearer {signed}.{signature}");
    push(&server, &forged).await.refused(401, "UNAUTHORIZED");
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn a_token_for_another_time_or_audience_is_refused() {
    let server = Server::start().await;
    let signer = Signer::of(&server).await;
    let ours = "harbor-registry";
    for (audience, age) in [
        ("another-registry", SignedDuration::ZERO),
        ("", SignedDuration::ZERO),
        (ours, SignedDuration::from_mins(32)),
        (ours, SignedDuration::from_hours(24 * 365)),
        (ours, SignedDuration::from_mins(-10)),
    ] {
        let token = signer.sign(audience, age).await;
        push(&server, &token).await.refused(401, "UNAUTHORIZED");
    }
    assert_no_trace(&server).await;
    let token = signer.sign(ours, SignedDuration::ZERO).await;
    push(&server, &token).await.expect(202);
}

#[tokio::test]
async fn a_token_allows_no_more_than_it_says() {
    let server = Server::start().await;
    let pull = format!("/service/token?service=harbor-registry&scope=repository:{REPOSITORY}:pull");
    let anonymous = server.anonymous().get(&pull).send().await.expect(200);
    let anonymous = format!("Bearer {}", anonymous.json()["token"].as_str().unwrap());
    let refused = push(&server, &anonymous).await;
    assert!([401, 403].contains(&refused.status), "{}", refused.text());
    let nothing = server
        .admin()
        .get("/service/token?service=harbor-registry")
        .send()
        .await;
    let nothing = format!(
        "Bearer {}",
        nothing.expect(200).json()["token"].as_str().unwrap()
    );
    let refused = push(&server, &nothing).await;
    assert!([401, 403].contains(&refused.status), "{}", refused.text());
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_refused() {
    let server = Server::start().await;
    let long = "a".repeat(20_000);
    for value in [
        "Basic",
        "Basic ",
        "Basic !",
        "Basic YWRtaW4=",
        "Basic /w==",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ..",
        "Digest username=\"admin\"",
        "Negotiate abc",
        "admin",
        ":",
        "\u{e4}",
        &format!("Basic {long}"),
        &format!("Bearer {long}"),
        &format!("Bearer {long}.{long}.{long}"),
    ] {
        push(&server, value).await.refused(401, "UNAUTHORIZED");
        let client = server.anonymous().authorized(value);
        let refused = client.get(&token_path()).send().await;
        assert_eq!(refused.status, 401, "{value}");
        assert_eq!(client.get("/v2/").send().await.status, 401, "{value}");
    }
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn token_requests_that_make_no_sense_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let many = "&scope=repository:a/b:pull".repeat(200);
    for (query, status) in [
        ("service=another", 400),
        ("", 400),
        ("service=harbor-registry&scope=nonsense", 400),
        ("service=harbor-registry&scope=repository:a", 400),
        (&format!("service=harbor-registry{many}"), 400),
    ] {
        client
            .get(&format!("/service/token?{query}"))
            .send()
            .await
            .expect(status);
    }
    server
        .anonymous()
        .login("nobody", "x")
        .get(&token_path())
        .send()
        .await
        .expect(401);
    assert_no_trace(&server).await;
}
