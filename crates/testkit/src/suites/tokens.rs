//! Behaviours of [`Secrets`](berth_ports::Secrets): tokens.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_domain::{SigningKey, TokenAccess, TokenIdentity};
use berth_ports::{TokenError, TokenRequest};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::TwoSecrets;

suite! {
    /// Makes tests of the behaviours of `Secrets` about tokens.
    tokens_suite in tokens {
        a_token_says_what_it_was_signed_to_say,
        a_verified_token_names_its_key_and_its_end,
        an_anonymous_token_has_an_empty_subject,
        a_token_names_its_key_and_does_not_say_none,
        a_token_is_good_until_a_minute_after_its_end,
        a_token_is_good_from_a_minute_before_its_start,
        a_token_for_another_service_is_invalid,
        a_token_of_an_unknown_key_is_refused_as_such,
        a_token_of_an_older_key_is_good,
        a_token_that_another_key_signed_is_invalid,
        a_token_without_a_signature_is_invalid,
        a_token_of_another_algorithm_is_invalid,
        a_token_whose_claims_were_changed_is_invalid,
        a_token_whose_signature_was_changed_is_invalid,
        what_is_no_token_is_refused,
        signing_keys_differ_and_keep_their_private_part_sealed,
    }
}

const AUDIENCE: &str = "harbor-registry";
const LIFETIME: Duration = Duration::from_mins(30);

/// A second: tokens have no fractions.
fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_hours(60 * 365 * 24)
}

fn identity() -> TokenIdentity {
    TokenIdentity {
        subject: "ann".to_owned(),
        access: vec![TokenAccess {
            kind: "repository".to_owned(),
            name: "library/alpine".to_owned(),
            actions: vec!["pull".to_owned(), "push".to_owned()],
        }],
        issued_at: now(),
    }
}

async fn sign(secrets: &TwoSecrets, key: &SigningKey, identity: TokenIdentity) -> String {
    let request = TokenRequest {
        identity,
        audience: AUDIENCE.to_owned(),
        lifetime: LIFETIME,
    };
    secrets
        .ours
        .sign_token(key, &request)
        .await
        .unwrap()
        .reveal()
        .to_owned()
}

async fn generate(secrets: &TwoSecrets) -> SigningKey {
    secrets.ours.generate_signing_key(now()).await.unwrap()
}

/// A key and a token that it signed.
async fn signed(secrets: &TwoSecrets) -> (SigningKey, String) {
    let key = generate(secrets).await;
    let token = sign(secrets, &key, identity()).await;
    (key, token)
}

fn verify(
    secrets: &TwoSecrets,
    token: &str,
    keys: &[SigningKey],
) -> Result<TokenIdentity, TokenError> {
    verify_at(secrets, token, keys, now())
}

fn verify_at(
    secrets: &TwoSecrets,
    token: &str,
    keys: &[SigningKey],
    at: Timestamp,
) -> Result<TokenIdentity, TokenError> {
    let verified = secrets.ours.verify_token(token, AUDIENCE, keys, at)?;
    Ok(verified.identity)
}

/// The decoded part of a token: 0 is the header, 1 the claims.
fn part(token: &str, index: usize) -> Value {
    let encoded = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

/// The token with one part replaced.
fn with_part(token: &str, index: usize, part: &str) -> String {
    let mut parts: Vec<_> = token.split('.').collect();
    parts[index] = part;
    parts.join(".")
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// Subject, access and time.
pub async fn a_token_says_what_it_was_signed_to_say(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    assert_eq!(verify(secrets, &token, &[key]), Ok(identity()));
}

/// So that it need not be verified again until then, while its key is known.
pub async fn a_verified_token_names_its_key_and_its_end(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = std::slice::from_ref(&key);
    let verified = secrets.ours.verify_token(&token, AUDIENCE, keys, now());
    let verified = verified.unwrap();
    assert_eq!(
        (verified.kid, verified.expires_at),
        (key.kid, now() + LIFETIME)
    );
}

/// And may have no access at all.
pub async fn an_anonymous_token_has_an_empty_subject(secrets: &TwoSecrets) {
    let key = generate(secrets).await;
    let nobody = TokenIdentity {
        subject: String::new(),
        access: vec![],
        ..identity()
    };
    let token = sign(secrets, &key, nobody.clone()).await;
    assert_eq!(verify(secrets, &token, &[key]), Ok(nobody));
}

/// In its header.
pub async fn a_token_names_its_key_and_does_not_say_none(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let header = part(&token, 0);
    assert_eq!(header["kid"], json!(key.kid));
    assert_ne!(header["alg"], json!("none"));
}

/// The minute is for clocks that differ.
pub async fn a_token_is_good_until_a_minute_after_its_end(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    let end = now() + LIFETIME;
    for (seconds, good) in [(0, true), (58, true), (62, false), (10_000, false)] {
        let at = end + Duration::from_secs(seconds);
        let verified = verify_at(secrets, &token, &keys, at);
        let expected = if good {
            Ok(identity())
        } else {
            Err(TokenError::Expired)
        };
        assert_eq!(verified, expected, "{seconds} s after its end");
    }
}

/// The minute is for clocks that differ.
pub async fn a_token_is_good_from_a_minute_before_its_start(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    for (seconds, good) in [(0, true), (58, true), (62, false)] {
        let at = now() - Duration::from_secs(seconds);
        let verified = verify_at(secrets, &token, &keys, at);
        let expected = if good {
            Ok(identity())
        } else {
            Err(TokenError::Invalid)
        };
        assert_eq!(verified, expected, "{seconds} s before its start");
    }
}

/// Whoever else trusts our key.
pub async fn a_token_for_another_service_is_invalid(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    for audience in ["", "another", "harbor-registry2"] {
        let verified =
            secrets
                .ours
                .verify_token(&token, audience, std::slice::from_ref(&key), now());
        assert_eq!(verified, Err(TokenError::Invalid), "{audience:?}");
    }
}

/// The keys were rotated: the client gets a new token.
pub async fn a_token_of_an_unknown_key_is_refused_as_such(secrets: &TwoSecrets) {
    let (_, token) = signed(secrets).await;
    assert_eq!(verify(secrets, &token, &[]), Err(TokenError::UnknownKey));
    let other = generate(secrets).await;
    assert_eq!(
        verify(secrets, &token, &[other]),
        Err(TokenError::UnknownKey)
    );
}

/// As long as the key is there.
pub async fn a_token_of_an_older_key_is_good(secrets: &TwoSecrets) {
    let (older, token) = signed(secrets).await;
    let younger = generate(secrets).await;
    assert_eq!(verify(secrets, &token, &[younger, older]), Ok(identity()));
}

/// Even if it says that it was ours.
pub async fn a_token_that_another_key_signed_is_invalid(secrets: &TwoSecrets) {
    let (key, ours) = signed(secrets).await;
    let (_, theirs) = signed(secrets).await;
    let keys = [key];
    let header = ours.split('.').next().unwrap();
    let signature = theirs.rsplit('.').next().unwrap();
    for forged in [
        with_part(&theirs, 0, header),
        with_part(&ours, 2, signature),
    ] {
        assert_eq!(verify(secrets, &forged, &keys), Err(TokenError::Invalid));
    }
}

/// `alg: none`, with and without what was the signature.
pub async fn a_token_without_a_signature_is_invalid(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    for algorithm in ["none", "None", "NONE", ""] {
        let mut header = part(&token, 0);
        header["alg"] = json!(algorithm);
        let forged = with_part(&token, 0, &encode(&header));
        let bare = with_part(&forged, 2, "");
        assert_eq!(
            verify(secrets, &forged, &keys),
            Err(TokenError::Invalid),
            "{algorithm}"
        );
        assert_eq!(
            verify(secrets, &bare, &keys),
            Err(TokenError::Invalid),
            "{algorithm}"
        );
    }
    let bare = with_part(&token, 2, "");
    assert_eq!(verify(secrets, &bare, &keys), Err(TokenError::Invalid));
}

/// The header does not choose.
pub async fn a_token_of_another_algorithm_is_invalid(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    let own = part(&token, 0)["alg"].clone();
    for algorithm in [
        "HS256", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA",
    ] {
        if own == json!(algorithm) {
            continue;
        }
        let mut header = part(&token, 0);
        header["alg"] = json!(algorithm);
        let forged = with_part(&token, 0, &encode(&header));
        assert_eq!(
            verify(secrets, &forged, &keys),
            Err(TokenError::Invalid),
            "{algorithm}"
        );
    }
}

/// Another subject, more access, a later end.
pub async fn a_token_whose_claims_were_changed_is_invalid(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    for (claim, value) in [
        ("sub", json!("admin")),
        ("access", json!([])),
        ("exp", json!(1_u64 << 40)),
    ] {
        let mut claims = part(&token, 1);
        assert!(claims.get(claim).is_some(), "{claims}");
        claims[claim] = value;
        let forged = with_part(&token, 1, &encode(&claims));
        assert_eq!(
            verify(secrets, &forged, &keys),
            Err(TokenError::Invalid),
            "{claim}"
        );
    }
}

/// Changed at either end, cut, or lengthened.
pub async fn a_token_whose_signature_was_changed_is_invalid(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    let encoded = token.rsplit('.').next().unwrap();
    let signature = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    let (mut first, mut last) = (signature.clone(), signature.clone());
    first[0] ^= 1;
    *last.last_mut().unwrap() ^= 1;
    let cut = signature[1..].to_vec();
    let longer = [&signature[..], &[0]].concat();
    for changed in [first, last, cut, longer] {
        let forged = with_part(&token, 2, &URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(verify(secrets, &forged, &keys), Err(TokenError::Invalid));
    }
}

/// Whatever it is.
pub async fn what_is_no_token_is_refused(secrets: &TwoSecrets) {
    let (key, token) = signed(secrets).await;
    let keys = [key];
    let two_parts = token.rsplit_once('.').unwrap().0;
    let four_parts = format!("{token}.{token}");
    let long = "a".repeat(100_000);
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "Harbor12345",
        two_parts,
        &four_parts,
        &long,
    ] {
        assert_eq!(
            verify(secrets, text, &keys),
            Err(TokenError::Invalid),
            "{text:.20}"
        );
    }
}

/// Who has the database alone cannot sign.
pub async fn signing_keys_differ_and_keep_their_private_part_sealed(secrets: &TwoSecrets) {
    let (one, other) = (generate(secrets).await, generate(secrets).await);
    assert_ne!(one.kid, other.kid);
    assert_ne!(one.private, other.private);
    assert_eq!(one.created_at, now());
    let request = TokenRequest {
        identity: identity(),
        audience: AUDIENCE.to_owned(),
        lifetime: LIFETIME,
    };
    let signed = secrets.theirs.sign_token(&one, &request).await;
    assert!(signed.is_err(), "another instance opened the key");
}
