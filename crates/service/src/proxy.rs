//! The pull-through cache: what a proxy project does not hold comes from its
//! upstream, once, and stays.
//!
//! One process is assumed so far: that a blob is fetched once is known to this
//! process only.

use crate::proxy::absence::Absences;
use crate::proxy::announced::Announced;
use crate::proxy::fills::Fills;
use crate::proxy::flights::Flights;
use crate::proxy::manifests::{FetchKey, Verdict};
use crate::proxy::namespaces::Namespaces;
use crate::proxy::remote::Remotes;
use crate::served::ServedManifest;

pub(crate) use fills::Filling;
pub(crate) use remote::credential_context;

mod absence;
mod announced;
mod blobs;
mod failure;
mod fill;
mod fills;
mod flights;
mod manifests;
mod namespaces;
mod referrers;
mod remote;
mod tags;

/// What the proxy remembers and what it has under way.
#[derive(Debug, Default)]
pub(crate) struct ProxyState {
    remotes: Remotes,
    absences: Absences,
    announced: Announced,
    fetches: Flights<FetchKey, ServedManifest>,
    checks: Flights<manifests::CheckKey, Verdict>,
    fills: Fills,
    namespaces: Namespaces,
}
