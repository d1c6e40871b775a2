//! Tokens that come again and again.

use std::time::Duration;

use berth_domain::{Principal, Secret};
use berth_service::{Credentials, Error, Result, TOKEN_SERVICE};

use crate::Registry;

/// How long another instance's change of the keys goes unnoticed at most.
const NOTICED: Duration = Duration::from_secs(5);

impl Registry {
    async fn anonymous_token(&self) -> Secret {
        let issued = self
            .service
            .issue_token(&Principal::Anonymous, TOKEN_SERVICE, &[])
            .await;
        issued.unwrap().token
    }

    async fn show(&self, token: &Secret) -> Result<Principal> {
        let credentials = Credentials::Bearer(token.clone());
        self.service.authenticate(&credentials, "192.0.2.1").await
    }
}

#[tokio::test]
async fn a_token_is_verified_once() {
    let registry = Registry::start().await;
    let token = registry.anonymous_token().await;
    let first = registry.show(&token).await.unwrap();
    for _ in 0..9 {
        assert_eq!(registry.show(&token).await.unwrap(), first);
    }
    assert_eq!(registry.secrets.verified(), 1);
}

#[tokio::test]
async fn a_token_that_was_verified_still_expires() {
    let registry = Registry::start().await;
    let token = registry.anonymous_token().await;
    registry.show(&token).await.unwrap();
    // Its half hour, and a minute for clocks that differ.
    registry.clock.advance(Duration::from_mins(32));
    let late = registry.show(&token).await;
    assert!(matches!(late, Err(Error::Unauthorized)), "{late:?}");
}

#[tokio::test]
async fn a_token_that_was_verified_ends_with_its_key() {
    let registry = Registry::start().await;
    let token = registry.anonymous_token().await;
    registry.show(&token).await.unwrap();
    let access = &registry.ports().access;
    let key = access.signing_keys().await.unwrap().remove(0);
    access.delete_signing_key(&key.kid).await.unwrap();
    registry.clock.advance(NOTICED);
    let late = registry.show(&token).await;
    assert!(matches!(late, Err(Error::Unauthorized)), "{late:?}");
}
