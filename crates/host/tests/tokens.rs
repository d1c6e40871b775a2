//! Tokens: what is signed verifies, and nothing else does.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use berth_domain::{Secret, SigningKey, TokenAccess, TokenIdentity};
use berth_host::{HostSecrets, SealingKey};
use berth_ports::{Secrets, TokenError, TokenRequest, VerifiedToken};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const SERVICE: &str = "harbor-registry";
const NOW: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn identity() -> TokenIdentity {
    TokenIdentity {
        subject: "ann".to_owned(),
        access: vec![TokenAccess {
            kind: "repository".to_owned(),
            name: "library/alpine".to_owned(),
            actions: vec!["pull".to_owned(), "push".to_owned()],
        }],
        issued_at: at(NOW),
    }
}

fn request() -> TokenRequest {
    TokenRequest {
        identity: identity(),
        audience: SERVICE.to_owned(),
        lifetime: Duration::from_mins(30),
    }
}

fn secrets() -> HostSecrets {
    HostSecrets::new(&SealingKey::from_bytes([7; 32])).unwrap()
}

/// A host with a signing key, and the key's private part as only the host has it.
struct Issuer {
    secrets: HostSecrets,
    key: SigningKey,
    private: Vec<u8>,
}

impl Issuer {
    async fn new() -> Self {
        let secrets = secrets();
        let key = secrets.generate_signing_key(at(NOW)).await.unwrap();
        let opened = secrets
            .open(&key.private, &format!("signing key {}", key.kid))
            .unwrap();
        let private = STANDARD.decode(opened.reveal()).unwrap();
        Self {
            secrets,
            key,
            private,
        }
    }

    fn header(&self) -> Header {
        Header {
            kid: Some(self.key.kid.clone()),
            ..Header::new(Algorithm::RS256)
        }
    }

    /// A token that the key really signed, whatever it says.
    fn signed(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_rsa_der(&self.private)).unwrap()
    }

    fn verify(&self, token: &str) -> Result<TokenIdentity, TokenError> {
        self.verify_at(token, NOW)
    }

    fn verify_at(&self, token: &str, second: i64) -> Result<TokenIdentity, TokenError> {
        self.secrets
            .verify_token(token, SERVICE, std::slice::from_ref(&self.key), at(second))
            .map(|verified| verified.identity)
    }
}

fn claims() -> Value {
    json!({
        "iss": "harbor-token-issuer", "sub": "ann", "aud": [SERVICE], "jti": "0123456789abcdef",
        "exp": NOW + 1800, "nbf": NOW, "iat": NOW,
        "access": [{"type": "repository", "name": "library/alpine", "actions": ["pull", "push"]}],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_says_what_harbors_tokens_say() {
    let issuer = Issuer::new().await;
    let token = issuer
        .secrets
        .sign_token(&issuer.key, &request())
        .await
        .unwrap();
    let header = part(token.reveal(), 0);
    assert_eq!(
        header,
        json!({"typ": "JWT", "alg": "RS256", "kid": issuer.key.kid})
    );
    let mut said = part(token.reveal(), 1);
    assert_eq!(said["jti"].as_str().unwrap().len(), 16);
    said["jti"] = claims()["jti"].clone();
    assert_eq!(said, claims());
    assert_eq!(issuer.verify(token.reveal()), Ok(identity()));
}

#[tokio::test]
async fn a_token_is_good_from_its_start_to_its_end_and_a_minute_around_them() {
    let issuer = Issuer::new().await;
    let token = issuer.signed(&issuer.header(), &claims());
    for (second, expected) in [
        (NOW - 61, Err(TokenError::Invalid)),
        (NOW - 60, Ok(identity())),
        (NOW + 1860, Ok(identity())),
        (NOW + 1861, Err(TokenError::Expired)),
    ] {
        assert_eq!(
            issuer.verify_at(&token, second),
            expected,
            "{}",
            second - NOW
        );
    }
}

#[tokio::test]
async fn a_token_that_says_the_wrong_thing_is_refused() {
    let issuer = Issuer::new().await;
    let header = issuer.header();
    assert_eq!(
        issuer.verify(&issuer.signed(&header, &claims())),
        Ok(identity())
    );
    for (what, claims, error) in [
        ("expired", with("exp", json!(NOW - 61)), TokenError::Expired),
        (
            "not yet valid",
            with("nbf", json!(NOW + 61)),
            TokenError::Invalid,
        ),
        (
            "issued in the future",
            with("iat", json!(NOW + 61)),
            TokenError::Invalid,
        ),
        (
            "another audience",
            with("aud", json!(["elsewhere"])),
            TokenError::Invalid,
        ),
        ("no audience", with("aud", json!([])), TokenError::Invalid),
        ("audience missing", without("aud"), TokenError::Invalid),
        (
            "another issuer",
            with("iss", json!("somebody")),
            TokenError::Invalid,
        ),
        ("issuer missing", without("iss"), TokenError::Invalid),
        ("expiry missing", without("exp"), TokenError::Invalid),
        (
            "expiry is a text",
            with("exp", json!("never")),
            TokenError::Invalid,
        ),
        (
            "expiry is huge",
            with("exp", json!(1e300)),
            TokenError::Invalid,
        ),
        ("start missing", without("nbf"), TokenError::Invalid),
        ("issue time missing", without("iat"), TokenError::Invalid),
        (
            "issue time before time",
            with("iat", json!(i64::MIN)),
            TokenError::Invalid,
        ),
        ("subject missing", without("sub"), TokenError::Invalid),
        (
            "access is a text",
            with("access", json!("all")),
            TokenError::Invalid,
        ),
        ("no object", json!(["ann"]), TokenError::Invalid),
    ] {
        assert_eq!(
            issuer.verify(&issuer.signed(&header, &claims)),
            Err(error),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_token_that_our_key_did_not_sign_is_refused() {
    let issuer = Issuer::new().await;
    let other = Issuer::new().await;
    let good = issuer.signed(&issuer.header(), &claims());
    let public = KeyPair::from_der(&issuer.private)
        .unwrap()
        .public_key()
        .as_ref()
        .to_vec();
    let hmac = Header {
        alg: Algorithm::HS256,
        ..issuer.header()
    };
    let hmac = jsonwebtoken::encode(&hmac, &claims(), &EncodingKey::from_secret(&public)).unwrap();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let payload = head.split_once('.').unwrap().1;
    let none = URL_SAFE_NO_PAD
        .encode(json!({"typ": "JWT", "alg": "none", "kid": issuer.key.kid}).to_string());
    let rs512 = Header {
        alg: Algorithm::RS512,
        ..issuer.header()
    };
    let no_kid = Header {
        kid: None,
        ..issuer.header()
    };
    let unknown = Header {
        kid: Some("unknown".to_owned()),
        ..issuer.header()
    };
    let promoted = URL_SAFE_NO_PAD.encode(with("sub", json!("admin")).to_string());
    for (what, token, error) in [
        (
            "wrong key",
            other.signed(&issuer.header(), &claims()),
            TokenError::Invalid,
        ),
        (
            "a key that is not in the list",
            other.signed(&other.header(), &claims()),
            TokenError::UnknownKey,
        ),
        (
            "unknown kid",
            issuer.signed(&unknown, &claims()),
            TokenError::UnknownKey,
        ),
        (
            "no kid",
            issuer.signed(&no_kid, &claims()),
            TokenError::Invalid,
        ),
        ("HS256 with the public key", hmac, TokenError::Invalid),
        (
            "RS512",
            issuer.signed(&rs512, &claims()),
            TokenError::Invalid,
        ),
        (
            "alg none, no signature",
            format!("{none}.{payload}."),
            TokenError::Invalid,
        ),
        (
            "alg none, signature kept",
            format!("{none}.{payload}.{signature}"),
            TokenError::Invalid,
        ),
        (
            "changed claims",
            good.replace(payload, &promoted),
            TokenError::Invalid,
        ),
        ("no signature", format!("{head}."), TokenError::Invalid),
        (
            "truncated",
            good[..good.len() - 1].to_owned(),
            TokenError::Invalid,
        ),
        ("two parts", head.to_owned(), TokenError::Invalid),
        (
            "four parts",
            format!("{good}.{signature}"),
            TokenError::Invalid,
        ),
        ("padded", format!("{good}="), TokenError::Invalid),
        ("blank behind", format!("{good} "), TokenError::Invalid),
        ("empty", String::new(), TokenError::Invalid),
        ("dots", "..".to_owned(), TokenError::Invalid),
        ("not base64", "é.é.é".to_owned(), TokenError::Invalid),
        (
            "huge",
            issuer.signed(&issuer.header(), &with("sub", json!("x".repeat(49_152)))),
            TokenError::Invalid,
        ),
    ] {
        assert_eq!(issuer.verify(&token), Err(error), "{what}");
    }
    assert_eq!(issuer.verify(&good), Ok(identity()));
}

#[tokio::test]
async fn an_older_key_verifies_until_it_is_taken_away() {
    let issuer = Issuer::new().await;
    let younger = issuer
        .secrets
        .generate_signing_key(at(NOW + 1))
        .await
        .unwrap();
    let token = issuer
        .secrets
        .sign_token(&issuer.key, &request())
        .await
        .unwrap();
    let verify = |keys: &[SigningKey]| {
        issuer
            .secrets
            .verify_token(token.reveal(), SERVICE, keys, at(NOW))
            .map(|verified| verified.identity)
    };
    assert_eq!(
        verify(&[younger.clone(), issuer.key.clone()]),
        Ok(identity())
    );
    assert_eq!(verify(&[younger]), Err(TokenError::UnknownKey));
    assert_eq!(verify(&[]), Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn another_instance_with_the_sealing_key_verifies_and_one_without_does_not() {
    let issuer = Issuer::new().await;
    let token = issuer.signed(&issuer.header(), &claims());
    let keys = std::slice::from_ref(&issuer.key);
    assert_eq!(
        secrets().verify_token(&token, SERVICE, keys, at(NOW)),
        Ok(VerifiedToken {
            identity: identity(),
            kid: issuer.key.kid.clone(),
            expires_at: at(NOW + 1800),
        })
    );
    let stranger = HostSecrets::new(&SealingKey::from_bytes([8; 32])).unwrap();
    assert_eq!(
        stranger.verify_token(&token, SERVICE, keys, at(NOW)),
        Err(TokenError::UnknownKey)
    );
    assert!(stranger.sign_token(&issuer.key, &request()).await.is_err());
}

#[tokio::test]
async fn a_signing_key_is_stored_sealed_and_nothing_prints_a_secret() {
    let issuer = Issuer::new().await;
    let holds = |haystack: &[u8]| {
        haystack
            .windows(32)
            .any(|part| part == &issuer.private[40..72])
    };
    assert!(holds(&issuer.private));
    assert!(!holds(&issuer.key.private.0));
    let key = SealingKey::from_bytes([7; 32]);
    let printed = format!("{:?} {key:?} {:?}", issuer.secrets, issuer.key.private);
    assert_eq!(printed, "HostSecrets(..) SealingKey(..) Sealed(..)");
}

#[test]
fn equality_is_of_the_whole_text() {
    let secrets = secrets();
    assert!(secrets.equal(b"abc", b"abc"));
    for other in [b"abd".as_slice(), b"ab", b"abcd", b""] {
        assert!(!secrets.equal(b"abc", other), "{other:?}");
    }
}

#[test]
fn a_secret_sealed_for_one_record_does_not_open_for_another() {
    let secrets = secrets();
    let sealed = secrets.seal(&Secret::new("a token"), "registry 1").unwrap();
    assert_eq!(
        secrets.open(&sealed, "registry 1").unwrap().reveal(),
        "a token"
    );
    assert!(secrets.open(&sealed, "registry 2").is_err());
}
