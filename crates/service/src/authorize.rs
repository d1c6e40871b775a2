//! Whether a principal may do what it asks.

use berth_domain::{
    Action, Principal, Project, Resource, Role, TokenIdentity, public_allows, role_allows,
};
use berth_oci::{Digest, RepositoryName};

use crate::error::{Error, Result};
use crate::service::{Service, Target};

impl Service {
    /// Whether `principal` may do `action` to `resource` in `project`.
    pub async fn allows(
        &self,
        principal: &Principal,
        project: &Project,
        resource: Resource,
        action: Action,
    ) -> Result<bool> {
        match principal {
            Principal::Token(token) => Ok(token_allows(token, project, resource, action)),
            Principal::User(user) if user.sysadmin => Ok(true),
            Principal::User(_) | Principal::Anonymous => {
                if project.is_public() && public_allows(resource, action) {
                    return Ok(true);
                }
                let role = self.role(principal, project).await?;
                Ok(role.is_some_and(|role| role_allows(role, resource, action)))
            }
        }
    }

    /// The principal's role in a project.
    pub async fn role(&self, principal: &Principal, project: &Project) -> Result<Option<Role>> {
        let Principal::User(user) = principal else {
            return Ok(None);
        };
        let member = self.ports.projects.member(project.id, user.id).await?;
        Ok(member.map(|member| member.role))
    }

    /// Makes a blob that another repository has visible in this one. The blob
    /// is looked for in `from`, or, without it, in repositories that have it;
    /// only where the principal may pull. `false` if none was found.
    pub async fn mount_blob(
        &self,
        principal: &Principal,
        target: &Target,
        digest: Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool> {
        let found = match from {
            Some(from) => self.may_mount_from(principal, from, digest).await?,
            None => self.find_mountable(principal, digest).await?,
        };
        if found {
            self.link_existing(target, digest).await
        } else {
            Ok(false)
        }
    }

    async fn may_mount_from(
        &self,
        principal: &Principal,
        from: &RepositoryName,
        digest: Digest,
    ) -> Result<bool> {
        let source = match self.locate(from).await {
            Ok(source) => source,
            Err(Error::NameUnknown(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(self
            .allows(
                principal,
                &source.project,
                Resource::Repository,
                Action::Pull,
            )
            .await?
            && self.link(&source, digest).await?.is_some())
    }

    /// Looks at the first hundred repositories that have the blob.
    async fn find_mountable(&self, principal: &Principal, digest: Digest) -> Result<bool> {
        let page = self.ports.links.back_edges(digest, None, 100).await?;
        for edge in page.items.iter().filter(|edge| edge.linked) {
            if self
                .may_mount_from(principal, &edge.repository, digest)
                .await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A token speaks of pulls, pushes and deletions only, and not of projects
/// that were made after it (another may have had the name before).
fn token_allows(
    token: &TokenIdentity,
    project: &Project,
    resource: Resource,
    action: Action,
) -> bool {
    let wanted = match (resource, action) {
        (Resource::Repository, Action::Pull) => Action::Pull,
        (Resource::Repository, Action::Push) => Action::Push,
        (Resource::Artifact | Resource::Tag | Resource::Repository, Action::Delete) => {
            Action::Delete
        }
        _ => return false,
    };
    // Tokens carry whole seconds.
    token.issued_at.as_second() >= project.created_at.as_second()
        && token.allows(&project.name, wanted)
}
