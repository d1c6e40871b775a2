//! The pull-through cache: what a proxy project does not hold comes from its
//! upstream, once, and stays.
//!
//! Within an instance all who want the same thing share one task; among
//! instances a lease says whose task asks the upstream.

use crate::proxy::absence::Absences;
use crate::proxy::announced::Announced;
use crate::proxy::fills::Fills;
use crate::proxy::flights::Flights;
use crate::proxy::manifests::{FetchKey, Verdict};
use crate::proxy::namespaces::Namespaces;
use crate::proxy::remote::Remotes;
use crate::recent::Recent;
use crate::served::ServedManifest;

pub(crate) use fills::Filling;
pub(crate) use remote::credential_context;

mod absence;
mod announced;
mod blobs;
mod copy;
mod failure;
mod fill;
mod fills;
mod flights;
mod follow;
mod lease;
mod manifests;
mod namespaces;
mod referrers;
mod remote;
mod sink;
mod source;
mod tags;

/// Blobs, and manifests, that are fetched or wait for their turn; what comes
/// beyond is refused. A fetch goes on when its client is gone, so clients alone
/// do not limit how many there are.
const PLACES: usize = 1_024;
/// Blobs that are fetched at once.
const FILLS: usize = 128;
/// Manifests that are fetched at once, each of up to 4 MiB in memory.
const FETCHES: usize = 64;
/// Held tags that upstreams are asked about at once. These don't wait for a
/// turn: what is held is served instead.
const CHECKS: usize = 256;

/// What the proxy remembers and what it has under way.
#[derive(Debug)]
pub(crate) struct ProxyState {
    remotes: Remotes,
    absences: Absences,
    announced: Announced,
    fetches: Flights<FetchKey, ServedManifest>,
    checks: Flights<manifests::CheckKey, Verdict>,
    fills: Fills,
    namespaces: Namespaces,
    /// Addresses of other instances that answered.
    there: Recent<String, ()>,
}

impl Default for ProxyState {
    fn default() -> Self {
        Self {
            remotes: Remotes::default(),
            absences: Absences::default(),
            announced: Announced::default(),
            fetches: Flights::new(FETCHES, PLACES),
            checks: Flights::new(CHECKS, CHECKS),
            fills: Fills::new(FILLS, PLACES),
            namespaces: Namespaces::default(),
            there: Recent::default(),
        }
    }
}
