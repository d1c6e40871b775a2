//! The settings, parsed.

use std::path::PathBuf;
use std::time::Duration;

use berth_domain::Secret;

use crate::aws::AWS;
use crate::parse::Shape;
use crate::values::Values;
use crate::{AwsStore, Key, Listen, Mirror, Network, SettingsError, keys, parse};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// Where data is kept.
    pub store: Store,
    /// Addresses to serve on, at least one.
    pub listen: Vec<Listen>,
    /// Addresses that serve other registries' names.
    pub mirrors: Vec<Mirror>,
    /// The address that clients use, without a slash at the end.
    pub external_url: Option<String>,
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// What to serve TLS with.
    pub tls: Option<TlsFiles>,
    /// The first administrator's password, unless the store's settings say
    /// where it is.
    pub admin_password: Option<AdminPassword>,
    /// The login of the first proxy project.
    pub dockerhub: Option<DockerHubLogin>,
    /// Whether an index may name manifests that are not there.
    pub sparse_indexes: bool,
    /// How long a cached tag is served without asking its upstream.
    pub tag_freshness: Duration,
    /// How long an upstream's 404 is remembered.
    pub absence_freshness: Duration,
    /// How long an upstream has to confirm a tag.
    pub upstream_deadline: Duration,
    /// How long a token is good for.
    pub token_lifetime: Duration,
    /// How long an upload may be idle.
    pub upload_idle: Duration,
    /// How long a blob without a manifest stays.
    pub gc_grace: Duration,
    /// What bounds clients.
    pub limits: Limits,
    /// Where to serve `/metrics`.
    pub metrics_listen: Option<Listen>,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In files and SQLite in the data folder.
    Local,
    /// On S3, `DynamoDB` and SQS.
    Aws(Box<AwsStore>),
}

/// The files to serve TLS with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// The first administrator's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminPassword {
    /// Itself.
    Given(Secret),
    /// A file that holds it.
    File(PathBuf),
}

/// A login at Docker Hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerHubLogin {
    /// The account.
    pub username: String,
    /// A file that holds its access token.
    pub token_file: PathBuf,
}

/// What bounds clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// For a request's headers, and for an idle connection.
    pub header: Duration,
    /// For each byte of a body.
    pub idle_body: Duration,
    /// For requests under way when the server is told to stop.
    pub shutdown: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The filter, as `tracing-subscriber` has it.
    pub filter: String,
    /// The form.
    pub format: LogFormat,
}

/// The form of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, else JSON.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

const HOUR: u64 = 60 * 60;
const YEAR: u64 = 365 * 24 * HOUR;

impl Settings {
    pub(crate) fn parse(values: &Values) -> Result<Self, SettingsError> {
        Ok(Self {
            data: values.one(&keys::DATA, parse::path)?,
            store: store(values)?,
            listen: values.non_empty(&keys::LISTEN, str::parse)?,
            mirrors: values.list(&keys::MIRROR, str::parse)?,
            external_url: values.optional(&keys::EXTERNAL_URL, parse::external_url)?,
            trusted_proxies: values.list(&keys::TRUSTED_PROXIES, str::parse)?,
            tls: tls(values)?,
            admin_password: admin_password(values)?,
            dockerhub: dockerhub(values)?,
            sparse_indexes: values.one(&keys::SPARSE_INDEXES, parse::switch)?,
            tag_freshness: values.one(&keys::TAG_FRESHNESS_SECONDS, parse::seconds(0..=YEAR))?,
            absence_freshness: values
                .one(&keys::ABSENCE_FRESHNESS_SECONDS, parse::seconds(0..=HOUR))?,
            upstream_deadline: values
                .one(&keys::UPSTREAM_DEADLINE_MS, parse::milliseconds(1..=60_000))?,
            token_lifetime: values.one(
                &keys::TOKEN_LIFETIME_SECONDS,
                parse::seconds(60..=24 * HOUR),
            )?,
            upload_idle: values.one(&keys::UPLOAD_IDLE_SECONDS, parse::seconds(1..=YEAR))?,
            gc_grace: values.one(&keys::GC_GRACE_SECONDS, parse::seconds(0..=YEAR))?,
            limits: Limits::parse(values)?,
            metrics_listen: values.optional(&keys::METRICS_LISTEN, str::parse)?,
            log: LogSettings {
                filter: values.one(&keys::LOG, parse::text)?,
                format: values.one(&keys::LOG_FORMAT, parse::log_format)?,
            },
        })
    }
}

impl Limits {
    fn parse(values: &Values) -> Result<Self, SettingsError> {
        let connections = |text: &str| {
            let number = parse::number(text, &(1..=1_000_000))?;
            usize::try_from(number).map_err(|_| "is too much for this machine".to_owned())
        };
        Ok(Self {
            connections: values.one(&keys::MAX_CONNECTIONS, connections)?,
            header: values.one(&keys::HEADER_SECONDS, parse::seconds(1..=HOUR))?,
            idle_body: values.one(&keys::IDLE_BODY_SECONDS, parse::seconds(1..=HOUR))?,
            shutdown: values.one(&keys::SHUTDOWN_SECONDS, parse::seconds(0..=HOUR))?,
        })
    }
}

fn store(values: &Values) -> Result<Store, SettingsError> {
    match values.one(&keys::STORE, parse::shape)? {
        // Without this a password would be generated, and nobody would wonder.
        Shape::Local if values.get(&keys::ADMIN_PASSWORD_SECRET).is_some() => {
            Err(SettingsError::Incomplete {
                given: keys::ADMIN_PASSWORD_SECRET.name,
                missing: AWS,
            })
        }
        Shape::Local => Ok(Store::Local),
        Shape::Aws => Ok(Store::Aws(Box::new(AwsStore::parse(values)?))),
    }
}

fn tls(values: &Values) -> Result<Option<TlsFiles>, SettingsError> {
    let certificate = values.optional(&keys::TLS_CERT, parse::path)?;
    let key = values.optional(&keys::TLS_KEY, parse::path)?;
    let pair = both((&keys::TLS_CERT, certificate), (&keys::TLS_KEY, key))?;
    Ok(pair.map(|(certificate, key)| TlsFiles { certificate, key }))
}

fn dockerhub(values: &Values) -> Result<Option<DockerHubLogin>, SettingsError> {
    let username = values.optional(&keys::DOCKERHUB_USERNAME, parse::text)?;
    let token = values.optional(&keys::DOCKERHUB_TOKEN_FILE, parse::path)?;
    let pair = both(
        (&keys::DOCKERHUB_USERNAME, username),
        (&keys::DOCKERHUB_TOKEN_FILE, token),
    )?;
    Ok(pair.map(|(username, token_file)| DockerHubLogin {
        username,
        token_file,
    }))
}

/// That of the store on AWS is with its settings; here it is told apart from
/// the others.
fn admin_password(values: &Values) -> Result<Option<AdminPassword>, SettingsError> {
    let given = values.optional(&keys::ADMIN_PASSWORD, parse::text)?;
    let file = values.optional(&keys::ADMIN_PASSWORD_FILE, parse::path)?;
    let secret = values.optional(&keys::ADMIN_PASSWORD_SECRET, parse::text)?;
    let exclusive = |one: &Key, other: &Key| Err(SettingsError::Exclusive(one.name, other.name));
    match (given, file, secret) {
        (Some(_), Some(_), _) => exclusive(&keys::ADMIN_PASSWORD, &keys::ADMIN_PASSWORD_FILE),
        (Some(_), _, Some(_)) => exclusive(&keys::ADMIN_PASSWORD, &keys::ADMIN_PASSWORD_SECRET),
        (_, Some(_), Some(_)) => {
            exclusive(&keys::ADMIN_PASSWORD_FILE, &keys::ADMIN_PASSWORD_SECRET)
        }
        (Some(given), None, None) => Ok(Some(AdminPassword::Given(Secret::new(given)))),
        (None, Some(file), None) => Ok(Some(AdminPassword::File(file))),
        (None, None, _) => Ok(None),
    }
}

/// Two values that mean nothing alone.
fn both<A, B>(
    (one, a): (&Key, Option<A>),
    (other, b): (&Key, Option<B>),
) -> Result<Option<(A, B)>, SettingsError> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(SettingsError::Incomplete {
            given: one.name,
            missing: other.name,
        }),
        (None, Some(_)) => Err(SettingsError::Incomplete {
            given: other.name,
            missing: one.name,
        }),
    }
}
