//! Sealing keys from KMS, and passwords from Secrets Manager.
//!
//! Each test has a table, keys and secrets of its own, in the services that
//! `BERTH_TEST_DYNAMODB` and `BERTH_TEST_MOTO` have the addresses of.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test"
)]

use std::error::Error as _;
use std::sync::Arc;

use aws_sdk_kms::config::{Config, Credentials, Region};
use aws_sdk_secretsmanager::primitives::Blob;
use berth_domain::Secret;
use berth_host::{HostSecrets, RandomIds, SealingKey, SystemClock};
use berth_ports::{AccessStore as _, Clock as _, Ids as _, Secrets as _};
use berth_store_aws::{
    Aws, AwsCredentials, AwsSettings, DynamoSettings, DynamoStore, KmsError, KmsKey, KmsSettings,
    SecretsManager,
};
use futures_util::future::try_join_all;

const LOGIN: (&str, &str) = ("berth", "berth-secret");
const REGION: &str = "us-east-1";

fn endpoint(variable: &str) -> String {
    std::env::var(variable).expect("no services to test with: run `cargo xtask aws test`")
}

fn moto() -> String {
    endpoint("BERTH_TEST_MOTO")
}

fn fresh_name() -> String {
    format!("berth-{:032x}", RandomIds.fresh().0)
}

async fn aws() -> Aws {
    Aws::load(&AwsSettings {
        region: Some(REGION.to_owned()),
        credentials: Some(AwsCredentials {
            access_key_id: LOGIN.0.to_owned(),
            secret_access_key: Secret::new(LOGIN.1),
            session_token: None,
        }),
    })
    .await
}

/// A new key of KMS, by its id.
async fn create_key() -> String {
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new(REGION))
        .endpoint_url(moto())
        .credentials_provider(Credentials::new(LOGIN.0, LOGIN.1, None, None, "test"))
        .build();
    let made = aws_sdk_kms::Client::from_conf(config).create_key();
    made.send().await.unwrap().key_metadata.unwrap().key_id
}

async fn open(key: &str) -> KmsKey {
    let settings = KmsSettings {
        key: key.to_owned(),
        endpoint: Some(moto()),
    };
    KmsKey::open(&aws().await, &settings)
}

async fn store(table: &str) -> DynamoStore {
    let settings = DynamoSettings {
        table: table.to_owned(),
        endpoint: Some(endpoint("BERTH_TEST_DYNAMODB")),
    };
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    DynamoStore::open(&aws().await, &settings, clock, ids)
}

/// A store on a table that was made and has nothing yet.
async fn fresh_store() -> DynamoStore {
    let store = store(&fresh_name()).await;
    store.create_table().await.unwrap();
    store
}

/// An error with its causes.
fn text(error: &KmsError) -> String {
    let cause = error.source().map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[tokio::test]
async fn creators_that_race_all_get_the_same_key_which_stays() {
    let (table, key) = (fresh_name(), create_key().await);
    let creators = (0..8).map(async |_| {
        let store = store(&table).await;
        store.create_table().await.unwrap();
        open(&key).await.load_or_create(&store).await
    });
    let made = try_join_all(creators).await.unwrap();
    let (store, key) = (store(&table).await, open(&key).await);
    assert!(made.iter().all(|one| *one == made[0]));
    assert_eq!(key.load(&store).await.unwrap(), made[0]);
    assert_eq!(key.load_or_create(&store).await.unwrap(), made[0]);
}

#[tokio::test]
async fn each_table_gets_a_key_of_its_own_and_keeps_no_plaintext() {
    let key = open(&create_key().await).await;
    let (one, other) = (fresh_store().await, fresh_store().await);
    let made = key.load_or_create(&one).await.unwrap();
    assert_ne!(key.load_or_create(&other).await.unwrap(), made);
    let kept = one.sealing_key().await.unwrap().unwrap();
    assert!(!kept.ciphertext.windows(32).any(|bytes| bytes == made));
}

#[tokio::test]
async fn what_one_instance_sealed_another_opens() {
    let (store_of_one, key) = (fresh_store().await, create_key().await);
    let made = open(&key).await.load_or_create(&store_of_one).await;
    let store_of_another = store(store_of_one.table_name()).await;
    let read = open(&key).await.load(&store_of_another).await;
    let secrets = |key| HostSecrets::new(&SealingKey::from_bytes(key)).unwrap();
    let (one, another) = (secrets(made.unwrap()), secrets(read.unwrap()));
    let sealed = one.seal(&Secret::new("password"), "registry").unwrap();
    let opened = another.open(&sealed, "registry").unwrap();
    assert_eq!(opened.reveal(), "password");
}

#[tokio::test]
async fn a_key_that_was_made_for_another_table_is_refused() {
    let key = open(&create_key().await).await;
    let (one, other) = (fresh_store().await, fresh_store().await);
    key.load_or_create(&one).await.unwrap();
    let mut copied = one.sealing_key().await.unwrap().unwrap();
    other.table_name().clone_into(&mut copied.table);
    other.keep_sealing_key(copied).await.unwrap();
    let error = key.load(&other).await.unwrap_err();
    assert!(text(&error).contains("InvalidCiphertext"), "{error:?}");
}

#[tokio::test]
async fn a_table_that_was_restored_under_another_name_keeps_its_key() {
    let key = open(&create_key().await).await;
    let (one, restored) = (fresh_store().await, fresh_store().await);
    let made = key.load_or_create(&one).await.unwrap();
    let copied = one.sealing_key().await.unwrap().unwrap();
    restored.keep_sealing_key(copied).await.unwrap();
    assert_eq!(key.load(&restored).await.unwrap(), made);
}

#[tokio::test]
async fn another_key_than_it_was_made_under_is_refused_and_said_what_to_check() {
    let store = fresh_store().await;
    let key = open(&create_key().await).await;
    key.load_or_create(&store).await.unwrap();
    for other in [create_key().await, "alias/not-there".to_owned()] {
        let error = open(&other).await.load(&store).await.unwrap_err();
        let text = text(&error);
        assert!(text.contains(&other), "{text}");
        assert!(text.contains("kms:Decrypt is allowed"), "{text}");
        assert!(text.contains("Decrypt failed: "), "{text}");
    }
}

#[tokio::test]
async fn under_a_key_that_is_not_there_none_is_made_and_said_what_to_check() {
    let store = fresh_store().await;
    let key = open("alias/not-there").await;
    let text = text(&key.load_or_create(&store).await.unwrap_err());
    assert!(text.contains("check that it is there"), "{text}");
    assert!(text.contains("NotFoundException"), "{text}");
    assert_eq!(store.sealing_key().await.unwrap(), None);
}

#[tokio::test]
async fn a_table_without_a_key_is_told_as_such() {
    let store = fresh_store().await;
    let key = open(&create_key().await).await;
    let error = key.load(&store).await.unwrap_err();
    assert!(matches!(error, KmsError::Missing(_)), "{error:?}");
}

#[tokio::test]
async fn a_table_in_use_with_another_key_gets_none() {
    let store = fresh_store().await;
    let secrets = HostSecrets::new(&SealingKey::from_bytes([7; 32])).unwrap();
    let signs = secrets.generate_signing_key(SystemClock.now()).await;
    store.add_signing_key(&signs.unwrap(), None).await.unwrap();
    let key = open(&create_key().await).await;
    let error = key.load_or_create(&store).await.unwrap_err();
    assert!(matches!(error, KmsError::InUse(_)), "{error:?}");
    assert_eq!(store.sealing_key().await.unwrap(), None);
}

mod passwords {
    use super::*;

    fn client() -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version_latest()
            .region(Region::new(REGION))
            .endpoint_url(moto())
            .credentials_provider(Credentials::new(LOGIN.0, LOGIN.1, None, None, "test"))
            .build();
        aws_sdk_secretsmanager::Client::from_conf(config)
    }

    async fn password(secret: &str) -> Result<Secret, String> {
        let service = SecretsManager::open(&aws().await, Some(&moto()));
        let password = service.password(secret).await;
        password.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_secret_is_found_by_name_and_by_arn() {
        for text in ["Correct1Horse", r#"{"password":"Correct1Horse"}"#] {
            let name = fresh_name();
            let made = client().create_secret().name(&name).secret_string(text);
            let arn = made.send().await.unwrap().arn.unwrap();
            for secret in [name, arn] {
                assert_eq!(password(&secret).await.unwrap().reveal(), "Correct1Horse");
            }
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_not_there_or_is_no_text_is_named() {
        let missing = fresh_name();
        let error = password(&missing).await.unwrap_err();
        assert!(
            error.contains(&format!("does not give {missing}")),
            "{error}"
        );
        let bytes = fresh_name();
        let made = client().create_secret().name(&bytes);
        let made = made.secret_binary(Blob::new("hidden"));
        made.send().await.unwrap();
        let error = password(&bytes).await.unwrap_err();
        assert!(error.contains(&format!("{bytes} has no text")), "{error}");
    }
}
