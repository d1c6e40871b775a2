//! Registry endpoints.

use async_trait::async_trait;
use berth_domain::{Page, RegistryEndpoint, RegistryId, Version};
use berth_ports::{RegistryStore, StoreError, StoreResult};

use super::{MemoryStore, State, conflict, ensure, not_found, page, taken};

impl State {
    fn ensure_free_name(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let other =
            |stored: &RegistryEndpoint| stored.name == registry.name && stored.id != registry.id;
        ensure(!self.registries.values().any(other), || {
            taken(&registry.name)
        })
    }
}

#[async_trait]
impl RegistryStore for MemoryStore {
    async fn create_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let mut state = self.state();
        state.ensure_free_name(registry)?;
        let stored = RegistryEndpoint {
            version: Version(1),
            ..registry.clone()
        };
        state.registries.insert(registry.id, stored);
        Ok(())
    }

    async fn registry(&self, id: RegistryId) -> StoreResult<Option<RegistryEndpoint>> {
        Ok(self.state().registries.get(&id).cloned())
    }

    async fn update_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state.registries.get(&registry.id);
        let version = stored.ok_or_else(|| not_found(&registry.name))?.version;
        ensure(version == registry.version, || conflict(&registry.name))?;
        state.ensure_free_name(registry)?;
        let stored = RegistryEndpoint {
            version: version.next(),
            ..registry.clone()
        };
        state.registries.insert(registry.id, stored);
        Ok(())
    }

    async fn delete_registry(&self, id: RegistryId) -> StoreResult<()> {
        let mut state = self.state();
        let used = state
            .projects
            .values()
            .any(|project| project.registry == Some(id));
        ensure(!used, || StoreError::InUse(format!("registry {id}")))?;
        state
            .registries
            .remove(&id)
            .map(drop)
            .ok_or_else(|| not_found(&id))
    }

    async fn list_registries(
        &self,
        after: Option<RegistryId>,
        limit: usize,
    ) -> StoreResult<Page<RegistryEndpoint>> {
        let state = self.state();
        let behind = state
            .registries
            .values()
            .filter(|registry| Some(registry.id) > after);
        Ok(page(behind.cloned(), limit))
    }
}
