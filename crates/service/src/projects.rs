//! Projects: made, shown, changed, deleted.

use std::collections::BTreeSet;

use berth_domain::{
    Expect, Member, MetadataKey, Page, Principal, Project, ProjectId, ProjectMetadata, ProjectName,
    RegistryId, Role, Sequence, UserId, UserIdentity, Version,
};
use berth_ports::StoreError;

use crate::error::{Error, Result};
use crate::service::Service;
use crate::walk::{PAGE, walk};

/// A project to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// Its name.
    pub name: ProjectName,
    /// Its metadata; without [`MetadataKey::Public`] it is private.
    pub metadata: ProjectMetadata,
    /// The upstream of a proxy project.
    pub registry: Option<RegistryId>,
}

/// How a project is named in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectReference {
    /// By number.
    Id(ProjectId),
    /// By name.
    Name(String),
}

impl Service {
    /// Makes a project whose administrator is `owner`. Only a system
    /// administrator makes proxy projects: [`Error::Forbidden`].
    pub async fn create_project(&self, owner: &UserIdentity, new: NewProject) -> Result<Project> {
        if let Some(registry) = new.registry {
            if !owner.sysadmin {
                return Err(Error::Forbidden(
                    "only a system administrator may create a proxy project".to_owned(),
                ));
            }
            if self.ports.registries.registry(registry).await?.is_none() {
                return Err(Error::BadRequest(format!(
                    "registry {registry} does not exist, create it first"
                )));
            }
        }
        self.store_project(owner.id, new).await
    }

    /// Stores a project and its first member. The member comes first, so that
    /// no project is ever without an administrator.
    pub(crate) async fn store_project(&self, owner: UserId, new: NewProject) -> Result<Project> {
        let now = self.now();
        let id = ProjectId(self.ports.sequences.next(Sequence::Project).await?);
        let mut metadata = new.metadata;
        metadata
            .entry(MetadataKey::Public)
            .or_insert_with(|| "false".to_owned());
        let project = Project {
            id,
            name: new.name,
            owner,
            registry: new.registry,
            metadata,
            created_at: now,
            updated_at: now,
            version: Version(1),
        };
        let member = Member {
            project: id,
            user: owner,
            role: Role::ProjectAdmin,
            created_at: now,
            version: Version(1),
        };
        let projects = &self.ports.projects;
        projects.put_member(&member, Expect::Absent).await?;
        match projects.create_project(&project).await {
            Ok(()) => Ok(project),
            Err(error @ (StoreError::AlreadyExists(_) | StoreError::NotFound(_))) => {
                projects.delete_member(id, owner).await?;
                Err(error.into())
            }
            // The project may be there all the same, and needs its member; if
            // it is not, the member leads nowhere.
            Err(error) => Err(error.into()),
        }
    }

    /// The project; [`Error::NotFound`] if there is none.
    pub async fn project(&self, reference: &ProjectReference) -> Result<Project> {
        let projects = &self.ports.projects;
        let (found, shown) = match reference {
            ProjectReference::Id(id) => (projects.project_by_id(*id).await?, id.to_string()),
            ProjectReference::Name(text) => {
                let found = match text.parse::<ProjectName>() {
                    Ok(name) => projects.project(&name).await?,
                    Err(_) => None,
                };
                (found, text.clone())
            }
        };
        found.ok_or_else(|| Error::NotFound(format!("project {shown} does not exist")))
    }

    /// Sets some of a project's metadata; the rest stays.
    pub async fn update_project(&self, project: &Project, changes: ProjectMetadata) -> Result<()> {
        let mut changed = project.clone();
        changed.metadata.extend(changes);
        self.put_project(changed).await
    }

    /// Takes a key out of a project's metadata. A project without
    /// [`MetadataKey::Public`] is private.
    pub async fn delete_project_metadata(&self, project: &Project, key: MetadataKey) -> Result<()> {
        let mut changed = project.clone();
        changed.metadata.remove(&key);
        self.put_project(changed).await
    }

    async fn put_project(&self, mut project: Project) -> Result<()> {
        project.updated_at = self.now();
        let _changing = self.projects.changing(&project.name);
        Ok(self.ports.projects.update_project(&project).await?)
    }

    /// Deletes a project and its members; `InUse` from the store while it has a
    /// repository.
    pub async fn delete_project(&self, project: &Project) -> Result<()> {
        let projects = &self.ports.projects;
        let _changing = self.projects.changing(&project.name);
        Ok(projects
            .delete_project(&project.name, project.version)
            .await?)
    }

    /// Projects by name, behind `after`.
    pub async fn list_projects(
        &self,
        after: Option<&ProjectName>,
        limit: usize,
    ) -> Result<Page<Project>> {
        Ok(self.ports.projects.list_projects(after, limit).await?)
    }

    /// The projects that a principal may see, by name, up to
    /// [`WALK_LIMIT`](crate::WALK_LIMIT) of all there are: all for an
    /// administrator, public ones and its own for a user, public ones for
    /// anyone else.
    pub async fn visible_projects(&self, principal: &Principal) -> Result<Vec<Project>> {
        let projects = &self.ports.projects;
        let next = |after: Option<ProjectName>| {
            let projects = projects.clone();
            async move { projects.list_projects(after.as_ref(), PAGE).await }
        };
        let mut found = walk(next, |project: &Project| project.name.clone()).await?;
        if !principal.is_sysadmin() {
            let own = self.memberships(principal).await?;
            found.retain(|project| project.is_public() || own.contains(&project.id));
        }
        Ok(found)
    }

    async fn memberships(&self, principal: &Principal) -> Result<BTreeSet<ProjectId>> {
        let Principal::User(user) = principal else {
            return Ok(BTreeSet::new());
        };
        let (projects, user) = (&self.ports.projects, user.id);
        let next = |after| {
            let projects = projects.clone();
            async move { projects.list_memberships(user, after, PAGE).await }
        };
        let found = walk(next, |member: &Member| member.project).await?;
        Ok(found.into_iter().map(|member| member.project).collect())
    }

    /// How many repositories a project has, up to
    /// [`WALK_LIMIT`](crate::WALK_LIMIT).
    pub async fn count_repositories(&self, project: &Project) -> Result<usize> {
        Ok(self.all_repositories(Some(&project.name)).await?.len())
    }
}
