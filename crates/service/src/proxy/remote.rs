//! From a registry endpoint to what the upstream port talks to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use berth_domain::{RegistryId, Remote, Version};

use crate::error::{Error, Result};
use crate::proxy::flights::lock;
use crate::service::{Service, Target};

/// Endpoints with their logins opened, by number and version.
#[derive(Debug, Default)]
pub(super) struct Remotes(Mutex<HashMap<RegistryId, (Version, Arc<Remote>)>>);

/// The context under which an endpoint's password is sealed.
pub(crate) fn credential_context(registry: RegistryId) -> String {
    format!("registry {registry}")
}

impl Service {
    /// The upstream of this number, ready to be talked to.
    pub(crate) async fn remote(&self, registry: RegistryId) -> Result<Arc<Remote>> {
        let endpoint = self
            .ports
            .registries
            .registry(registry)
            .await?
            .ok_or_else(|| {
                Error::NotFound(format!("registry endpoint {registry} does not exist"))
            })?;
        let mut cache = lock(&self.proxy.remotes.0);
        match cache.get(&registry) {
            Some((version, remote)) if *version == endpoint.version => Ok(Arc::clone(remote)),
            _ => {
                let remote = Arc::new(endpoint.remote(self.opened(&endpoint)?));
                cache.insert(registry, (endpoint.version, Arc::clone(&remote)));
                Ok(remote)
            }
        }
    }
}

/// The upstream's own name of a repository: ours without the project.
pub(super) fn upstream_name(target: &Target) -> Result<&str> {
    let name = target.repository.split_project().1;
    name.ok_or_else(|| Error::NameUnknown(target.repository.to_string()))
}
