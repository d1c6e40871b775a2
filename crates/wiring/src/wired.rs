//! All ports of a process.

use std::any::Any;
use std::sync::Arc;

use berth_domain::Secret;
use berth_host::{HostSecrets, RandomIds, SealingKey, SystemClock, TempSpools, TokioTasks};
use berth_ports::{BlobStore, Finding, JobQueue, MetadataStore, OtherPorts, Ports, Staging};
use berth_settings::{Settings, Store};
use berth_upstream::{HttpInstances, HttpUpstream};

use crate::WiringError;
#[cfg(feature = "aws")]
use crate::aws;
#[cfg(feature = "local")]
use crate::local;

/// All ports, with what must live as long as they do.
#[derive(Debug)]
pub struct Wired {
    /// The ports.
    pub ports: Ports,
    /// Their work in the background, to be waited for.
    pub tasks: TokioTasks,
    /// What a store needs to be alone: the lock on a data folder.
    _lock: Option<Box<dyn Any + Send + Sync>>,
}

/// What an instance shares a cache with others by.
#[derive(Debug, Default)]
pub(crate) struct Neighbourhood {
    /// Where the others reach it.
    pub(crate) address: Option<String>,
    /// Where it keeps blobs on their way.
    pub(crate) spools: TempSpools,
}

impl Wired {
    /// The ports over these stores, and those that every store has alike.
    pub(crate) fn over<S: MetadataStore>(
        store: Arc<S>,
        queue: Arc<dyn JobQueue>,
        (blobs, staging): (Arc<dyn BlobStore>, Arc<dyn Staging>),
        key: &SealingKey,
        neighbourhood: Neighbourhood,
        lock: Option<Box<dyn Any + Send + Sync>>,
    ) -> Result<Self, WiringError> {
        let tasks = TokioTasks::new();
        let others = OtherPorts {
            blobs,
            staging,
            queue,
            upstream: Arc::new(HttpUpstream::new()?),
            instances: Arc::new(HttpInstances::new(neighbourhood.address)?),
            spools: Arc::new(neighbourhood.spools),
            secrets: Arc::new(HostSecrets::new(key)?),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            tasks: Arc::new(tasks.clone()),
        };
        Ok(Self {
            ports: Ports::over(store, others),
            tasks,
            _lock: lock,
        })
    }
}

/// Sets up the ports of a server. On this machine the data folder is made if it
/// is not there, and locked, which blocks. Within a tokio runtime.
pub async fn serve(settings: &Settings) -> Result<Wired, WiringError> {
    match &settings.store {
        #[cfg(feature = "local")]
        Store::Local => local::serve(settings),
        #[cfg(feature = "aws")]
        Store::Aws(store) => aws::attach(store).await,
        #[cfg(not(all(feature = "local", feature = "aws")))]
        store => Err(missing(store)),
    }
}

/// Sets up the ports of a command that may run beside a server; it must not
/// write blobs to this machine. Blocks as [`serve`] does.
pub async fn attach(settings: &Settings) -> Result<Wired, WiringError> {
    match &settings.store {
        #[cfg(feature = "local")]
        Store::Local => local::attach(settings),
        #[cfg(feature = "aws")]
        Store::Aws(store) => aws::attach(store).await,
        #[cfg(not(all(feature = "local", feature = "aws")))]
        store => Err(missing(store)),
    }
}

/// The first administrator's password, if it is the store's settings that say
/// where it is.
pub async fn admin_password(settings: &Settings) -> Result<Option<Secret>, WiringError> {
    match &settings.store {
        Store::Local => Ok(None),
        #[cfg(feature = "aws")]
        Store::Aws(store) => aws::admin_password(store).await,
        #[cfg(not(feature = "aws"))]
        store => Err(missing(store)),
    }
}

/// Makes what a store needs and lacks: table, bucket, queues and the sealing
/// key, or the data folder with its database. Callers at once whose sealing key
/// is a file must have the same.
pub async fn create_store(settings: &Settings) -> Result<(), WiringError> {
    match &settings.store {
        #[cfg(feature = "local")]
        Store::Local => local::serve(settings).map(drop),
        #[cfg(feature = "aws")]
        Store::Aws(store) => aws::create(store).await,
        #[cfg(not(all(feature = "local", feature = "aws")))]
        store => Err(missing(store)),
    }
}

/// Probes what the store really does, and keeps in an AWS store what was found.
/// May run beside a server; blocks as [`serve`] does.
pub async fn check_store(settings: &Settings) -> Result<Vec<Finding>, WiringError> {
    match &settings.store {
        #[cfg(feature = "local")]
        Store::Local => Ok(local::check(settings)),
        #[cfg(feature = "aws")]
        Store::Aws(store) => Ok(aws::check(store).await),
        #[cfg(not(all(feature = "local", feature = "aws")))]
        store => Err(missing(store)),
    }
}

#[cfg(not(all(feature = "local", feature = "aws")))]
fn missing(store: &Store) -> WiringError {
    WiringError::Feature(match store {
        Store::Local => "local",
        Store::Aws(_) => "aws",
    })
}
