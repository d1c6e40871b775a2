//! Logins that come at the same time.

use berth_domain::{Principal, Secret};
use berth_service::{Credentials, Error, NewPassword, Profile, Result};
use futures_util::future::join_all;

use crate::Registry;

const PASSWORD: &str = "Harbor12345";
const ADDRESS: &str = "192.0.2.1";

impl Registry {
    async fn with_ann() -> Self {
        let registry = Self::start().await;
        let password = NewPassword::new(Secret::new(PASSWORD)).unwrap();
        registry
            .service
            .create_user("ann".parse().unwrap(), Profile::default(), password)
            .await
            .unwrap();
        registry
    }

    async fn login(&self, name: &str, password: &str) -> Result<Principal> {
        let credentials = Credentials::Basic(name.to_owned(), Secret::new(password));
        self.service.authenticate(&credentials, ADDRESS).await
    }
}

/// How many were told that the password is wrong, and how many to slow down.
fn refusals(answers: &[Result<Principal>]) -> (usize, usize) {
    let count = |wanted: fn(&Result<Principal>) -> bool| {
        answers.iter().filter(|answer| wanted(answer)).count()
    };
    (
        count(|answer| matches!(answer, Err(Error::Unauthorized))),
        count(|answer| matches!(answer, Err(Error::SlowDown { .. }))),
    )
}

#[tokio::test]
async fn of_many_wrong_passwords_at_once_five_are_tried() {
    let registry = Registry::with_ann().await;
    let passwords: Vec<_> = (0..60).map(|number| format!("Wrong{number}")).collect();
    let tries = passwords
        .iter()
        .map(|password| registry.login("ann", password));
    assert_eq!(refusals(&join_all(tries).await), (5, 55));
    assert_eq!(registry.secrets.computed(), 5);
}

#[tokio::test]
async fn users_that_do_not_exist_are_counted_too() {
    let registry = Registry::start().await;
    for user in ["nobody", "no:name"] {
        let tries = (0..60).map(|_| registry.login(user, PASSWORD));
        assert_eq!(refusals(&join_all(tries).await), (5, 55), "{user}");
    }
}

#[tokio::test]
async fn many_logins_with_one_password_cost_one_computation() {
    let registry = Registry::with_ann().await;
    let logins = (0..200).map(|_| registry.login("ann", PASSWORD));
    for login in join_all(logins).await {
        assert!(matches!(login, Ok(Principal::User(_))), "{login:?}");
    }
    assert_eq!(registry.secrets.computed(), 1);
}

#[tokio::test]
async fn a_success_makes_earlier_failures_forgotten() {
    let registry = Registry::with_ann().await;
    for _ in 0..4 {
        let login = registry.login("ann", "Wrong").await;
        assert!(matches!(login, Err(Error::Unauthorized)), "{login:?}");
    }
    registry.login("ann", PASSWORD).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(registry.login("ann", "Wrong").await);
    }
    assert_eq!(refusals(&answers), (5, 1));
}

#[tokio::test]
async fn who_was_slowed_down_may_try_again_after_the_wait() {
    let registry = Registry::with_ann().await;
    let tries = (0..6).map(|number| format!("Wrong{number}"));
    let mut seconds = None;
    for password in tries {
        if let Err(Error::SlowDown { seconds: wait }) = registry.login("ann", &password).await {
            seconds = Some(wait);
        }
    }
    assert_eq!(seconds, Some(1));
    registry.clock.advance(std::time::Duration::from_secs(1));
    registry.login("ann", PASSWORD).await.unwrap();
}
