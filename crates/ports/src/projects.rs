//! Projects, their members, and registry endpoints.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{
    Expect, Member, Page, Project, ProjectId, ProjectName, RegistryEndpoint, RegistryId, Sequence,
    UserId, Version,
};

use crate::StoreResult;

/// Numeric identifiers.
#[async_trait]
pub trait Sequences: Debug + Send + Sync + 'static {
    /// A number of `sequence` that was never given out before, from 1 on.
    /// Numbers may be skipped.
    async fn next(&self, sequence: Sequence) -> StoreResult<i64>;

    /// Sees that numbers up to `last` are not given out any more, by this
    /// process and by any that starts later: they are those of another store.
    /// A sequence that is further stays as it is.
    async fn raise(&self, sequence: Sequence, last: i64) -> StoreResult<()>;
}

/// Projects and their members.
///
/// # Contract
/// Each method is one atomic transition. Reads are strong: they see every
/// write that returned before. A record's stored version is 1 after the first
/// write and one more after each further one, whatever the argument carries.
#[async_trait]
pub trait ProjectStore: Debug + Send + Sync + 'static {
    /// Stores a new project; `AlreadyExists` if its name is taken, `NotFound` if
    /// it names an endpoint that is not there.
    async fn create_project(&self, project: &Project) -> StoreResult<()>;

    /// The project of this name.
    async fn project(&self, name: &ProjectName) -> StoreResult<Option<Project>>;

    /// The project of this number.
    async fn project_by_id(&self, id: ProjectId) -> StoreResult<Option<Project>>;

    /// Replaces a project's metadata and `updated_at` if it is still at
    /// `project.version`, else `Conflict`; `NotFound` if it is gone. Id, name,
    /// owner, registry and creation time never change.
    async fn update_project(&self, project: &Project) -> StoreResult<()>;

    /// Deletes a project and its members: `InUse` while it has a repository,
    /// `Conflict` if it is not at `version`. No repository can appear in it
    /// meanwhile.
    async fn delete_project(&self, name: &ProjectName, version: Version) -> StoreResult<()>;

    /// Projects by name, behind `after`, at most `limit` (up to 1,000).
    async fn list_projects(
        &self,
        after: Option<&ProjectName>,
        limit: usize,
    ) -> StoreResult<Page<Project>>;

    /// Stores a member if `expect` holds of what is there, else `Conflict`
    /// (`AlreadyExists` for [`Expect::Absent`]).
    async fn put_member(&self, member: &Member, expect: Expect) -> StoreResult<()>;

    /// A user's membership in a project.
    async fn member(&self, project: ProjectId, user: UserId) -> StoreResult<Option<Member>>;

    /// Takes a user out of a project; one that is not in it is no error.
    async fn delete_member(&self, project: ProjectId, user: UserId) -> StoreResult<()>;

    /// A project's members by user number, behind `after`.
    async fn list_members(
        &self,
        project: ProjectId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Page<Member>>;

    /// A user's memberships by project number, behind `after`.
    async fn list_memberships(
        &self,
        user: UserId,
        after: Option<ProjectId>,
        limit: usize,
    ) -> StoreResult<Page<Member>>;
}

/// Registry endpoints.
///
/// # Contract
/// As [`ProjectStore`]'s.
#[async_trait]
pub trait RegistryStore: Debug + Send + Sync + 'static {
    /// Stores a new endpoint; `AlreadyExists` if its name is taken.
    async fn create_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()>;

    /// The endpoint of this number.
    async fn registry(&self, id: RegistryId) -> StoreResult<Option<RegistryEndpoint>>;

    /// Replaces an endpoint if it is still at `registry.version`, else
    /// `Conflict`; `AlreadyExists` if its new name is another's.
    async fn update_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()>;

    /// Deletes an endpoint: `InUse` while a project has it as its upstream,
    /// `NotFound` if it is gone.
    async fn delete_registry(&self, id: RegistryId) -> StoreResult<()>;

    /// Endpoints by number, behind `after`, at most `limit` (up to 1,000).
    async fn list_registries(
        &self,
        after: Option<RegistryId>,
        limit: usize,
    ) -> StoreResult<Page<RegistryEndpoint>>;
}
