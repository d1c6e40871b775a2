//! Repositories.

use async_trait::async_trait;
use berth_domain::{ManifestState, Nonce, Page, ProjectName, Repository, Version};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{RepositoryStore, StoreError, StoreResult};

use super::{MemoryStore, conflict, ensure, not_found, page, taken};

#[async_trait]
impl RepositoryStore for MemoryStore {
    async fn create_repository(&self, repository: &Repository) -> StoreResult<()> {
        let mut state = self.state();
        let project = ProjectName::of(&repository.name)
            .and_then(|name| state.projects.get(&name))
            .map(|project| project.id);
        ensure(project == Some(repository.project), || {
            not_found("the project")
        })?;
        ensure(!state.repositories.contains_key(&repository.name), || {
            taken(&repository.name)
        })?;
        let stored = Repository {
            version: Version(1),
            ..repository.clone()
        };
        state.repositories.insert(repository.name.clone(), stored);
        Ok(())
    }

    async fn repository(&self, name: &RepositoryName) -> StoreResult<Option<Repository>> {
        Ok(self.state().repositories.get(name).cloned())
    }

    async fn update_repository(&self, repository: &Repository) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state
            .repositories
            .get_mut(&repository.name)
            .ok_or_else(|| not_found(&repository.name))?;
        ensure(stored.version == repository.version, || {
            conflict(&repository.name)
        })?;
        stored.description.clone_from(&repository.description);
        stored.updated_at = repository.updated_at;
        stored.version = stored.version.next();
        Ok(())
    }

    async fn delete_repository(&self, name: &RepositoryName, version: Version) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state
            .repositories
            .get(name)
            .ok_or_else(|| not_found(&name))?;
        ensure(stored.version == version, || conflict(&name))?;
        let used = state
            .manifests
            .keys()
            .any(|(repository, _)| repository == name);
        ensure(!used, || StoreError::InUse(name.to_string()))?;
        state.repositories.remove(name);
        Ok(())
    }

    async fn unfinished_manifests(
        &self,
        name: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<(Digest, ManifestState, Nonce)>> {
        let state = self.state();
        let unfinished = state
            .manifests
            .iter()
            .filter(|((of, digest), record)| {
                of == name
                    && after.is_none_or(|after| *digest > after)
                    && record.state != ManifestState::Live
            })
            .map(|((_, digest), record)| (*digest, record.state, record.nonce))
            .take(limit + 1)
            .collect();
        Ok(Page::from_overread(unfinished, limit))
    }

    async fn list_repositories(
        &self,
        project: Option<&ProjectName>,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> StoreResult<Page<Repository>> {
        let state = self.state();
        let after = after.map(RepositoryName::split_project);
        let mut behind: Vec<_> = state
            .repositories
            .values()
            .filter(|repository| {
                let place = repository.name.split_project();
                Some(place) > after && project.is_none_or(|name| name.as_str() == place.0)
            })
            .collect();
        behind.sort_by_key(|repository| repository.name.split_project());
        Ok(page(behind.into_iter().cloned(), limit))
    }
}
