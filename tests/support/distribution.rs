//! Another real registry to pull from: CNCF distribution.

use std::net::SocketAddr;

use tempfile::TempDir;

use super::daemons::Daemon;
use super::http::Client;
use super::login::Login;
use super::programs;
use super::server::free_address;
use super::token_service::TokenService;

/// The account that the registry knows.
pub(crate) const ACCOUNT: Login<'_> = Login {
    user: "puller",
    password: "upstream-Secret-1",
};

/// The line of `htpasswd -B` for [`ACCOUNT`].
const HTPASSWD: &str = "puller:$2y$05$jMMF455uMUZi32iWC1JuYu6EcTcUDUd/a793q0XbCESurgJOku/KG";

/// How the registry asks who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// By tokens of a service beside it, which wants the account.
    Token,
    /// By Basic authentication.
    Basic,
}

/// A running registry.
#[derive(Debug)]
pub(crate) struct Distribution {
    /// Ended before its folder goes.
    daemon: Option<Daemon>,
    address: SocketAddr,
    client: Client,
    _tokens: Option<TokenService>,
    _folder: TempDir,
}

impl Distribution {
    /// Starts it with nothing in it; `None` where it is not on this machine.
    pub(crate) async fn start(guard: Guard) -> Option<Self> {
        for program in ["registry", "openssl"] {
            programs::require(program)?;
        }
        let folder = TempDir::with_prefix("berth-").unwrap();
        let address = free_address();
        let root = folder.path().display();
        let (tokens, auth) = match guard {
            Guard::Token => {
                let tokens = TokenService::start(folder.path(), ACCOUNT).await;
                let auth = tokens.configuration();
                (Some(tokens), auth)
            }
            Guard::Basic => {
                std::fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
                (
                    None,
                    format!("  htpasswd: {{realm: upstream, path: {root}/htpasswd}}"),
                )
            }
        };
        let configuration = format!(
            "version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}/data}}}}
http: {{addr: {address}}}
auth:
{auth}
"
        );
        let file = folder.path().join("registry.yml");
        std::fs::write(&file, configuration).unwrap();
        let mut command = std::process::Command::new("registry");
        command
            .arg("serve")
            .arg(file)
            .env("OTEL_TRACES_EXPORTER", "none");
        let mut daemon = Daemon::start("registry", command, folder.path());
        daemon.listening(address).await;
        let client = Client::new(format!("http://{address}"));
        let client = match &tokens {
            Some(tokens) => client.authorized(&format!("Bearer {}", tokens.all_access())),
            None => client.login(ACCOUNT.user, ACCOUNT.password),
        };
        Some(Self {
            daemon: Some(daemon),
            address,
            client,
            _tokens: tokens,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that may do everything there.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Ends it by SIGTERM. Nobody answers at its address then.
    pub(crate) fn stop(&mut self) {
        self.daemon = None;
    }
}
