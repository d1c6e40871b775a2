//! Clients that sign what registries hold, with keys made for the test.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::home::{CommandLine, Home, Outcome};
use super::login::Login;
use super::programs;

/// cosign with a key of its own.
#[derive(Debug)]
pub(crate) struct Cosign(Home);

impl Cosign {
    /// Makes its keys; `None` where it is not on this machine.
    pub(crate) async fn start() -> Option<Self> {
        programs::require("cosign")?;
        let cosign = Self(Home::new());
        cosign.program("generate-key-pair").succeeds().await;
        Some(cosign)
    }

    /// Logs in, without asking the registry.
    pub(crate) async fn log_in(&self, registry: &str, login: Login<'_>) {
        self.0
            .log_in("cosign login", registry, login)
            .await
            .succeeded();
    }

    /// Signs what a name with a digest means; the signature is kept beside it
    /// under a tag.
    pub(crate) async fn sign(&self, name: &str) -> Outcome {
        let sign = "sign --yes --tlog-upload=false --key cosign.key --allow-http-registry";
        self.program(sign).arg(name).run().await
    }

    /// Looks for a good signature of its key under a tag.
    pub(crate) async fn verify(&self, name: &str) -> Outcome {
        let verify = "verify --insecure-ignore-tlog --key cosign.pub --allow-http-registry";
        self.program(verify).arg(name).run().await
    }

    /// Signs; the signature is kept as a referrer.
    pub(crate) async fn sign_by_referrer(&self, name: &str) -> Outcome {
        let sign = "sign --yes --tlog-upload=false --key cosign.key --allow-http-registry \
                    --registry-referrers-mode=oci-1-1";
        let sign = self.program(sign).env("COSIGN_EXPERIMENTAL", "1");
        sign.arg(name).run().await
    }

    /// Looks for a good signature of its key among the referrers.
    pub(crate) async fn verify_by_referrer(&self, name: &str) -> Outcome {
        let verify = "verify --insecure-ignore-tlog --key cosign.pub --allow-http-registry \
                      --experimental-oci11";
        let verify = self.program(verify).env("COSIGN_EXPERIMENTAL", "1");
        verify.arg(name).run().await
    }

    fn program(&self, line: &str) -> CommandLine {
        self.0
            .program("cosign")
            .line(line)
            .env("COSIGN_PASSWORD", "")
    }
}

/// notation with a certificate of its own, the only one it trusts.
#[derive(Debug)]
pub(crate) struct Notation(Home);

impl Notation {
    /// Makes its certificate; `None` where it is not on this machine.
    pub(crate) async fn start() -> Option<Self> {
        programs::require("notation")?;
        let notation = Self(Home::new());
        notation.keep_logins();
        let generate = notation.program("cert generate-test --default berth.test");
        generate.succeeds().await;
        let policy = serde_json::json!({
            "version": "1.0",
            "trustPolicies": [{
                "name": "all",
                "registryScopes": ["*"],
                "signatureVerification": { "level": "strict" },
                "trustStores": ["ca:berth.test"],
                "trustedIdentities": ["*"],
            }],
        });
        let file = notation.0.join(".config/notation/trustpolicy.json");
        std::fs::write(file, policy.to_string()).unwrap();
        Some(notation)
    }

    /// Gives Docker's configuration a store for one login: notation keeps none
    /// in plain text.
    fn keep_logins(&self) {
        const STORE: &str = "#!/bin/sh
absent() { echo 'credentials not found in native keychain'; exit 1; }
case $1 in
    store) cat >\"$HOME/login.json\" ;;
    get) cat \"$HOME/login.json\" 2>/dev/null || absent ;;
    *) echo '{}' ;;
esac
";
        let store = self.0.join("bin/docker-credential-one");
        std::fs::write(&store, STORE).unwrap();
        std::fs::set_permissions(&store, Permissions::from_mode(0o755)).unwrap();
        let configuration = self.0.join(".docker/config.json");
        std::fs::write(configuration, r#"{"credsStore":"one"}"#).unwrap();
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, registry: &str, login: Login<'_>) -> Outcome {
        let line = "notation login --insecure-registry";
        self.0.log_in(line, registry, login).await
    }

    /// Signs what a name with a digest means.
    pub(crate) async fn sign(&self, name: &str) -> Outcome {
        self.program("sign --insecure-registry")
            .arg(name)
            .run()
            .await
    }

    /// Looks for a signature that it trusts.
    pub(crate) async fn verify(&self, name: &str) -> Outcome {
        self.program("verify --insecure-registry")
            .arg(name)
            .run()
            .await
    }

    /// Lists the signatures; answers its output.
    pub(crate) async fn list(&self, name: &str) -> String {
        self.program("list --insecure-registry")
            .arg(name)
            .succeeds()
            .await
    }

    fn program(&self, line: &str) -> CommandLine {
        self.0.program("notation").line(line)
    }
}
