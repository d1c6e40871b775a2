//! A token service (distribution's "Token Authentication Specification") whose
//! key a registry trusts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, routing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::login::Login;

const SERVICE: &str = "registry.test";
const ISSUER: &str = "tokens.test";
const LIFETIME_SECONDS: u64 = 300;

/// A running service.
#[derive(Debug)]
pub(crate) struct TokenService {
    address: SocketAddr,
    certificate: PathBuf,
    issuer: Arc<Issuer>,
    server: JoinHandle<()>,
}

impl TokenService {
    /// Starts it with a new key, kept in a folder, for one account.
    pub(crate) async fn start(folder: &Path, account: Login<'static>) -> Self {
        let issuer = Arc::new(Issuer::create(folder, account));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/token", routing::get(token));
        let router = router.with_state(Arc::clone(&issuer));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        let certificate = folder.join("tokens.pem");
        Self {
            address,
            certificate,
            issuer,
            server,
        }
    }

    /// The `auth` section of the registry's configuration.
    pub(crate) fn configuration(&self) -> String {
        let Self {
            address,
            certificate,
            ..
        } = self;
        format!(
            "  token:
    realm: http://{address}/token
    service: {SERVICE}
    issuer: {ISSUER}
    rootcertbundle: {}",
            certificate.display()
        )
    }

    /// A token for the repositories that tests push to.
    pub(crate) fn all_access(&self) -> String {
        let repositories = ["team/debian", "library/debian"];
        let scope = |name| format!("repository:{name}:pull,push,delete");
        self.issuer.issue(&repositories.map(scope))
    }
}

impl Drop for TokenService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What signs tokens.
struct Issuer {
    account: Login<'static>,
    key: EncodingKey,
    /// The key's certificate, in DER and Base64.
    certificate: String,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Issuer(..)")
    }
}

impl Issuer {
    fn create(folder: &Path, account: Login<'static>) -> Self {
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                       -keyout tokens.key -out tokens.pem -subj /CN=tokens.test";
        let arguments = request.split_whitespace();
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let key = STANDARD
            .decode(pem_body(&folder.join("tokens.key")))
            .unwrap();
        Self {
            account,
            key: EncodingKey::from_ec_der(&key),
            certificate: pem_body(&folder.join("tokens.pem")),
        }
    }

    fn issue(&self, scopes: &[String]) -> String {
        let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
        let claims = json!({
            "iss": ISSUER,
            "sub": self.account.user,
            "aud": SERVICE,
            "exp": now + LIFETIME_SECONDS,
            "nbf": now - 10,
            "iat": now,
            "jti": now.to_string(),
            "access": scopes.iter().filter_map(|scope| access(scope)).collect::<Vec<_>>(),
        });
        let mut header = Header::new(Algorithm::ES256);
        header.x5c = Some(vec![self.certificate.clone()]);
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

/// `GET /token`, for the account alone.
async fn token(
    State(issuer): State<Arc<Issuer>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let Login { user, password } = issuer.account;
    let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let given = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if given != Some(&basic) {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "details": "wrong password" })),
        );
    }
    let url = format!("http://{SERVICE}/?{}", query.unwrap_or_default());
    let url = reqwest::Url::parse(&url).unwrap();
    let scopes = url.query_pairs().filter(|(name, _)| name == "scope");
    let scopes = scopes.map(|(_, scope)| scope.into_owned());
    let scopes: Vec<_> = scopes.flat_map(|list| split(&list)).collect();
    let token = issuer.issue(&scopes);
    (
        StatusCode::OK,
        Json(json!({ "token": token, "expires_in": LIFETIME_SECONDS })),
    )
}

fn split(scopes: &str) -> Vec<String> {
    scopes.split(' ').map(str::to_owned).collect()
}

/// The claim of a scope such as `repository:library/debian:pull`.
fn access(scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let actions: Vec<_> = actions.split(',').collect();
    Some(json!({ "type": kind, "name": name, "actions": actions }))
}

/// The Base64 of the first part of a PEM file.
fn pem_body(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}
