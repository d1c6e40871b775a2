//! All ports of a process.

use berth_host::TokioTasks;
use berth_ports::Ports;
use berth_settings::{Settings, Store};
use berth_store_local::FolderLock;

use crate::{WiringError, local};

/// All ports, with what must live as long as they do.
#[derive(Debug)]
pub struct Wired {
    /// The ports.
    pub ports: Ports,
    /// Their work in the background, to be waited for.
    pub tasks: TokioTasks,
    /// The right to serve from the data folder.
    pub(crate) _lock: Option<FolderLock>,
}

/// Sets up the ports of a server: the data folder is made if it is not there,
/// and locked. Blocks; within a tokio runtime.
pub fn serve(settings: &Settings) -> Result<Wired, WiringError> {
    match settings.store {
        Store::Local => local::serve(settings),
    }
}

/// Sets up the ports of a command that may run beside a server; it must not
/// write blobs. Blocks; within a tokio runtime.
pub fn attach(settings: &Settings) -> Result<Wired, WiringError> {
    match settings.store {
        Store::Local => local::attach(settings),
    }
}
