//! Which proxy project serves which registry's unmodified image names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berth_domain::{ProjectName, RegistryId};
use jiff::Timestamp;

use crate::error::Result;
use crate::proxy::flights::lock;
use crate::service::Service;

/// How long the map is used before it is read again.
const FRESHNESS: Duration = Duration::from_secs(10);
const PAGE: usize = 1_000;

type Map = Arc<BTreeMap<String, ProjectName>>;

/// Proxy projects by the namespace that they serve, as of a moment ago.
#[derive(Debug, Default)]
pub(super) struct Namespaces(Mutex<Option<(Timestamp, Map)>>);

impl Service {
    /// The proxy project that serves image names of `namespace`
    /// (`docker.io`, `host:port`): a public one before others, then the oldest.
    /// A change of projects or endpoints shows within ten seconds.
    pub async fn proxy_project_for(&self, namespace: &str) -> Result<Option<ProjectName>> {
        let map = self.namespaces().await?;
        Ok(map.get(&berth_domain::namespace(namespace)).cloned())
    }

    async fn namespaces(&self) -> Result<Map> {
        let now = self.now();
        let known = lock(&self.proxy.namespaces.0).clone();
        if let Some((at, map)) = known
            && now.duration_since(at).unsigned_abs() < FRESHNESS
        {
            return Ok(map);
        }
        let map = Arc::new(self.read_namespaces().await?);
        *lock(&self.proxy.namespaces.0) = Some((now, Arc::clone(&map)));
        Ok(map)
    }

    async fn read_namespaces(&self) -> Result<BTreeMap<String, ProjectName>> {
        let projects = self.projects_by_registry().await?;
        let mut best = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.ports.registries.list_registries(after, PAGE).await?;
            for endpoint in &page.items {
                let Some((rank, name)) = projects.get(&endpoint.id) else {
                    continue;
                };
                for namespace in endpoint.namespaces() {
                    let place = best
                        .entry(namespace)
                        .or_insert_with(|| (*rank, name.clone()));
                    if *rank < place.0 {
                        *place = (*rank, name.clone());
                    }
                }
            }
            after = page.items.last().map(|endpoint| endpoint.id);
            if !page.more {
                return Ok(best
                    .into_iter()
                    .map(|(host, (_, name))| (host, name))
                    .collect());
            }
        }
    }

    /// The project to use of those with the same upstream, with its rank.
    async fn projects_by_registry(&self) -> Result<BTreeMap<RegistryId, (Rank, ProjectName)>> {
        let mut best: BTreeMap<RegistryId, (Rank, ProjectName)> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self
                .ports
                .projects
                .list_projects(after.as_ref(), PAGE)
                .await?;
            for project in &page.items {
                let Some(registry) = project.registry else {
                    continue;
                };
                let rank = (!project.is_public(), project.id);
                let place = best
                    .entry(registry)
                    .or_insert_with(|| (rank, project.name.clone()));
                if rank < place.0 {
                    *place = (rank, project.name.clone());
                }
            }
            after = page.items.last().map(|project| project.name.clone());
            if !page.more {
                return Ok(best);
            }
        }
    }
}

/// Not public last, then by age.
type Rank = (bool, berth_domain::ProjectId);
