//! Projects and members.

use async_trait::async_trait;
use berth_domain::{Expect, Member, Page, Project, ProjectId, ProjectName, UserId, Version};
use berth_ports::{ProjectStore, StoreError, StoreResult};

use super::{MemoryStore, conflict, ensure, not_found, page, taken};

#[async_trait]
impl ProjectStore for MemoryStore {
    async fn create_project(&self, project: &Project) -> StoreResult<()> {
        let mut state = self.state();
        ensure(!state.projects.contains_key(&project.name), || {
            taken(&project.name)
        })?;
        let upstream = project
            .registry
            .is_none_or(|id| state.registries.contains_key(&id));
        ensure(upstream, || not_found("the registry endpoint"))?;
        let project = Project {
            version: Version(1),
            ..project.clone()
        };
        state.projects.insert(project.name.clone(), project);
        Ok(())
    }

    async fn project(&self, name: &ProjectName) -> StoreResult<Option<Project>> {
        Ok(self.state().projects.get(name).cloned())
    }

    async fn project_by_id(&self, id: ProjectId) -> StoreResult<Option<Project>> {
        Ok(self
            .state()
            .projects
            .values()
            .find(|project| project.id == id)
            .cloned())
    }

    async fn update_project(&self, project: &Project) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state
            .projects
            .get_mut(&project.name)
            .filter(|stored| stored.id == project.id)
            .ok_or_else(|| not_found(&project.name))?;
        ensure(stored.version == project.version, || {
            conflict(&project.name)
        })?;
        stored.metadata.clone_from(&project.metadata);
        stored.updated_at = project.updated_at;
        stored.version = stored.version.next();
        Ok(())
    }

    async fn delete_project(&self, name: &ProjectName, version: Version) -> StoreResult<()> {
        let mut state = self.state();
        let project = state.projects.get(name).ok_or_else(|| not_found(&name))?;
        let id = project.id;
        ensure(project.version == version, || conflict(&name))?;
        let used = state
            .repositories
            .values()
            .any(|repository| repository.project == id);
        ensure(!used, || StoreError::InUse(name.to_string()))?;
        state.projects.remove(name);
        state.members.retain(|(project, _), _| *project != id);
        Ok(())
    }

    async fn list_projects(
        &self,
        after: Option<&ProjectName>,
        limit: usize,
    ) -> StoreResult<Page<Project>> {
        let state = self.state();
        let behind = state
            .projects
            .values()
            .filter(|project| Some(&project.name) > after);
        Ok(page(behind.cloned(), limit))
    }

    async fn put_member(&self, member: &Member, expect: Expect) -> StoreResult<()> {
        let mut state = self.state();
        let key = (member.project, member.user);
        let found = state.members.get(&key).map(|member| member.version);
        ensure(expect.holds(found), || match expect {
            Expect::Absent => taken("the member"),
            Expect::Version(_) | Expect::Any => conflict("the member"),
        })?;
        let version = found.unwrap_or_default().next();
        state.members.insert(
            key,
            Member {
                version,
                ..member.clone()
            },
        );
        Ok(())
    }

    async fn member(&self, project: ProjectId, user: UserId) -> StoreResult<Option<Member>> {
        Ok(self.state().members.get(&(project, user)).cloned())
    }

    async fn delete_member(&self, project: ProjectId, user: UserId) -> StoreResult<()> {
        self.state().members.remove(&(project, user));
        Ok(())
    }

    async fn list_members(
        &self,
        project: ProjectId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Page<Member>> {
        let state = self.state();
        let behind = |member: &&Member| member.project == project && Some(member.user) > after;
        Ok(page(state.members.values().filter(behind).cloned(), limit))
    }

    async fn list_memberships(
        &self,
        user: UserId,
        after: Option<ProjectId>,
        limit: usize,
    ) -> StoreResult<Page<Member>> {
        let state = self.state();
        let behind = |member: &&Member| member.user == user && Some(member.project) > after;
        Ok(page(state.members.values().filter(behind).cloned(), limit))
    }
}
