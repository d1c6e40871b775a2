//! A server whose sealing key is of KMS and whose first password is in Secrets
//! Manager.

use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::Image;
use tempfile::TempDir;

use crate::support::http::Client;
use crate::support::login::Login;
use crate::support::server::{Builder, Server, admin_command, free_address};
use crate::support::{moto, programs, store};

/// The password of `admin`; no other server of the tests has it.
const PASSWORD: &str = "From-the-secret-1";
/// Who may pull at the upstream.
const UPSTREAM: Login<'_> = Login {
    user: "puller",
    password: "Upstream-12345",
};

/// A store of its own, what is set for it, and a secret by its name.
struct Keys {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    secret: String,
}

impl Keys {
    async fn new() -> Option<Self> {
        if !store::is_aws() {
            programs::skip("keys of AWS", "run `cargo xtask aws test`");
            return None;
        }
        let folder = TempDir::with_prefix("berth-").unwrap();
        let secret = folder.path().file_name().unwrap().to_str().unwrap();
        let secret = format!("{secret}-{}", std::process::id());
        let variables = vec![
            ("BERTH_KMS_ENDPOINT", moto::url()),
            ("BERTH_SECRETSMANAGER_ENDPOINT", moto::url()),
            ("BERTH_SEALING_KEY_KMS", moto::create_key().await),
            ("BERTH_ADMIN_PASSWORD_SECRET", secret.clone()),
            // What is set to nothing does not count.
            ("BERTH_SEALING_KEY_FILE", String::new()),
            ("BERTH_ADMIN_PASSWORD", String::new()),
        ];
        Some(Self {
            folder,
            variables,
            secret,
        })
    }

    fn create_store(&self) {
        let mut command = admin_command(&self.data(), &["create-store"]);
        let created = command.envs(self.variables.clone()).output().unwrap();
        assert!(created.status.success(), "create-store: {created:?}");
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn builder(&self) -> Builder {
        let variables = self.variables.iter();
        variables.fold(Server::builder(), |builder, (name, value)| {
            builder.env(*name, value)
        })
    }

    async fn start(&self, log: &str) -> Server {
        let builder = self.builder().args(["--log", log]);
        builder.start_at(free_address(), &self.data()).await
    }
}

fn login(server: &Server) -> Client {
    server.anonymous().login("admin", PASSWORD)
}

/// An upstream that wants a login, with two images.
async fn upstream() -> Hub {
    let hub = Hub::start_with(HubSettings::basic(UPSTREAM.user, UPSTREAM.password)).await;
    for tag in ["first", "second"] {
        hub.push_image("team/app", tag, &Image::random(1000));
    }
    hub
}

/// Pulls what the cache does not have: the upstream is asked, with its login.
async fn pull(client: &Client, tag: &str) {
    let path = format!("/v2/cache/team/app/manifests/{tag}");
    client.get(&path).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_under_a_key_of_kms_opens_after_a_restart_what_it_sealed_before() {
    let Some(keys) = Keys::new().await else {
        return;
    };
    moto::create_secret(&keys.secret, PASSWORD).await;
    keys.create_store();
    keys.create_store();
    let hub = upstream().await;

    let server = keys.start("trace").await;
    let admin = login(&server);
    let registry = admin
        .create_registry("hub", &hub.url(), Some(UPSTREAM))
        .await;
    admin.create_proxy_project("cache", registry, true).await;
    pull(&admin, "first").await;
    let log = server.log();
    assert!(log.contains("GetSecretValue"), "the SDK's own logs are on");
    for secret in [PASSWORD, UPSTREAM.password] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(server.stop().status.success());

    let server = keys.start("info").await;
    pull(&login(&server), "second").await;
    assert!(server.stop().status.success());
    assert!(!keys.data().exists(), "nothing is kept on this machine");
    assert!(!keys.data().with_extension("key").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_there_or_no_password_names_its_setting_and_not_its_value() {
    let Some(keys) = Keys::new().await else {
        return;
    };
    keys.create_store();
    let refusal = keys.builder().refused(&keys.data());
    assert!(
        refusal.contains("admin_password_secret gives no password: Secrets Manager does not give"),
        "{refusal}"
    );
    moto::create_secret(&keys.secret, r#"{"word":"Hidden12345"}"#).await;
    let refusal = keys.builder().refused(&keys.data());
    assert!(refusal.contains("add it"), "{refusal}");
    assert!(!refusal.contains("Hidden"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_of_kms_than_the_stores_ends_the_server_with_what_to_do() {
    let Some(keys) = Keys::new().await else {
        return;
    };
    keys.create_store();
    let other = moto::create_key().await;
    let builder = keys.builder().env("BERTH_SEALING_KEY_KMS", &other);
    let refusal = builder.refused(&keys.data());
    assert!(
        refusal.contains("sealing_key_kms gives no sealing key: KMS does not decrypt"),
        "{refusal}"
    );
    assert!(refusal.contains(&other), "{refusal}");
}
