//! Members of projects.

use std::fmt;

use berth_domain::{Expect, Member, Project, Role, User, UserId, Version};

use crate::error::{Error, Result};
use crate::service::Service;
use crate::walk::{PAGE, walk};

/// The number of a membership, as Harbor's API has it: twice the user's. So it
/// needs no counter and no record of its own, and the odd numbers are left for
/// groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberId(i64);

impl MemberId {
    /// The user's membership.
    pub const fn of(user: UserId) -> Self {
        Self(user.0.saturating_mul(2))
    }

    /// The membership of this number; `None` if it is no user's.
    pub const fn from_number(number: i64) -> Option<Self> {
        if number > 0 && number % 2 == 0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Whose membership it is.
    pub const fn user(self) -> UserId {
        UserId(self.0 / 2)
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A member with its user.
#[derive(Clone, Debug)]
pub struct ProjectMember {
    /// The membership.
    pub member: Member,
    /// The user.
    pub user: User,
}

impl Service {
    /// Gives a user a role in a project; `AlreadyExists` from the store if it
    /// has one.
    pub async fn add_member(&self, project: &Project, user: &User, role: Role) -> Result<MemberId> {
        let member = Member {
            project: project.id,
            user: user.id,
            role,
            created_at: self.now(),
            version: Version(1),
        };
        let projects = &self.ports.projects;
        projects.put_member(&member, Expect::Absent).await?;
        Ok(MemberId::of(user.id))
    }

    /// A member; [`Error::NotFound`] if there is none, or its user is deleted.
    pub async fn member(&self, project: &Project, id: MemberId) -> Result<ProjectMember> {
        let unknown = || {
            Error::NotFound(format!(
                "member {id} of project {} does not exist",
                project.name
            ))
        };
        let member = self.ports.projects.member(project.id, id.user()).await?;
        let member = member.ok_or_else(unknown)?;
        let user = self.ports.access.user_by_id(id.user()).await?;
        let user = user.ok_or_else(unknown)?;
        Ok(ProjectMember { member, user })
    }

    /// Changes a member's role.
    pub async fn change_role(&self, project: &Project, id: MemberId, role: Role) -> Result<()> {
        let member = self.member(project, id).await?.member;
        let changed = Member { role, ..member };
        let expected = Expect::Version(member.version);
        Ok(self.ports.projects.put_member(&changed, expected).await?)
    }

    /// Takes a member out of a project; [`Error::NotFound`] if it is in none.
    pub async fn remove_member(&self, project: &Project, id: MemberId) -> Result<()> {
        self.member(project, id).await?;
        let projects = &self.ports.projects;
        Ok(projects.delete_member(project.id, id.user()).await?)
    }

    /// A project's members by user number, up to
    /// [`WALK_LIMIT`](crate::WALK_LIMIT); those whose user is deleted are left
    /// out.
    pub async fn all_members(&self, project: &Project) -> Result<Vec<ProjectMember>> {
        let (projects, id) = (&self.ports.projects, project.id);
        let next = |after| {
            let projects = projects.clone();
            async move { projects.list_members(id, after, PAGE).await }
        };
        let members = walk(next, |member: &Member| member.user).await?;
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            if let Some(user) = self.ports.access.user_by_id(member.user).await? {
                found.push(ProjectMember { member, user });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_membership_has_twice_its_number() {
        let id = MemberId::of(UserId(7));
        assert_eq!(id.number(), 14);
        assert_eq!(MemberId::from_number(14), Some(id));
        assert_eq!(id.user(), UserId(7));
        for number in [-2, 0, 15] {
            assert_eq!(MemberId::from_number(number), None, "{number}");
        }
    }
}
