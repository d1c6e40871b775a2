//! Who there is and what they may: users, endpoints, projects, members,
//! schedules.

use std::collections::BTreeMap;

use berth_domain::{
    Cadence, EndpointKind, GcOptions, Member, MetadataKey, PasswordHash, Project, ProjectId,
    RegistryEndpoint, RegistryId, Role, RunKind, Schedule, Sealed, SealedCredential, User, UserId,
    Version,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Base64, Malformed, Record, parse};

/// A user, with the hash of its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRecord {
    pub(crate) id: i64,
    pub(crate) name: String,
    email: String,
    real_name: String,
    comment: String,
    sysadmin: bool,
    password: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for UserRecord {
    const FILE: &'static str = "users";
}

impl From<&User> for UserRecord {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.0,
            name: user.name.to_string(),
            email: user.email.clone(),
            real_name: user.real_name.clone(),
            comment: user.comment.clone(),
            sysadmin: user.sysadmin,
            password: user.password.0.clone(),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

impl UserRecord {
    pub(crate) fn user(&self) -> Result<User, Malformed> {
        Ok(User {
            id: UserId(self.id),
            name: parse(&self.name)?,
            email: self.email.clone(),
            real_name: self.real_name.clone(),
            comment: self.comment.clone(),
            sysadmin: self.sysadmin,
            password: PasswordHash(self.password.clone()),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: Version::default(),
        })
    }
}

/// A registry endpoint. Its login is sealed under the key of the store that it
/// is from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryRecord {
    pub(crate) id: i64,
    pub(crate) name: String,
    description: String,
    kind: EndpointKind,
    url: String,
    pub(crate) login: Option<LoginRecord>,
    insecure: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A login at another registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRecord {
    username: String,
    sealed_password: Base64,
}

impl Record for RegistryRecord {
    const FILE: &'static str = "registries";
}

impl From<&RegistryEndpoint> for RegistryRecord {
    fn from(registry: &RegistryEndpoint) -> Self {
        let login = |credential: &SealedCredential| LoginRecord {
            username: credential.username.clone(),
            sealed_password: Base64(credential.password.0.clone()),
        };
        Self {
            id: registry.id.0,
            name: registry.name.clone(),
            description: registry.description.clone(),
            kind: registry.kind,
            url: registry.url.clone(),
            login: registry.credential.as_ref().map(login),
            insecure: registry.insecure,
            created_at: registry.created_at,
            updated_at: registry.updated_at,
        }
    }
}

impl RegistryRecord {
    pub(crate) fn registry(&self) -> RegistryEndpoint {
        let credential = |login: &LoginRecord| SealedCredential {
            username: login.username.clone(),
            password: Sealed(login.sealed_password.0.clone()),
        };
        RegistryEndpoint {
            id: RegistryId(self.id),
            name: self.name.clone(),
            description: self.description.clone(),
            kind: self.kind,
            url: self.url.clone(),
            credential: self.login.as_ref().map(credential),
            insecure: self.insecure,
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: Version::default(),
        }
    }
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectRecord {
    pub(crate) id: i64,
    pub(crate) name: String,
    owner: i64,
    registry: Option<i64>,
    metadata: BTreeMap<MetadataKey, String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ProjectRecord {
    const FILE: &'static str = "projects";
}

impl From<&Project> for ProjectRecord {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id.0,
            name: project.name.to_string(),
            owner: project.owner.0,
            registry: project.registry.map(|id| id.0),
            metadata: project.metadata.clone(),
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

impl ProjectRecord {
    pub(crate) fn project(&self) -> Result<Project, Malformed> {
        Ok(Project {
            id: ProjectId(self.id),
            name: parse(&self.name)?,
            owner: UserId(self.owner),
            registry: self.registry.map(RegistryId),
            metadata: self.metadata.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: Version::default(),
        })
    }
}

/// A member of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberRecord {
    pub(crate) project: i64,
    pub(crate) user: i64,
    /// As Harbor's API numbers roles.
    role: i64,
    created_at: Timestamp,
}

impl Record for MemberRecord {
    const FILE: &'static str = "members";
}

impl From<&Member> for MemberRecord {
    fn from(member: &Member) -> Self {
        Self {
            project: member.project.0,
            user: member.user.0,
            role: member.role.id(),
            created_at: member.created_at,
        }
    }
}

impl MemberRecord {
    pub(crate) fn member(&self) -> Result<Member, Malformed> {
        let role = Role::from_id(self.role);
        Ok(Member {
            project: ProjectId(self.project),
            user: UserId(self.user),
            role: role.ok_or_else(|| Malformed::new(format!("no role is {}", self.role)))?,
            created_at: self.created_at,
            version: Version::default(),
        })
    }
}

/// When runs of maintenance start by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleRecord {
    pub(crate) kind: String,
    cadence: String,
    cron: String,
    options: GcOptions,
    last_at: Timestamp,
    created_at: Timestamp,
}

impl Record for ScheduleRecord {
    const FILE: &'static str = "schedules";
}

impl From<&Schedule> for ScheduleRecord {
    fn from(schedule: &Schedule) -> Self {
        Self {
            kind: schedule.kind.as_str().to_owned(),
            cadence: schedule.cadence.as_str().to_owned(),
            cron: schedule.cron.as_str().to_owned(),
            options: schedule.options,
            last_at: schedule.last_at,
            created_at: schedule.created_at,
        }
    }
}

impl ScheduleRecord {
    pub(crate) fn schedule(&self) -> Result<Schedule, Malformed> {
        let unknown = |text: &str| Malformed::new(format!("{text} is not known"));
        Ok(Schedule {
            kind: RunKind::parse(&self.kind).ok_or_else(|| unknown(&self.kind))?,
            cadence: Cadence::parse(&self.cadence).ok_or_else(|| unknown(&self.cadence))?,
            cron: parse(&self.cron)?,
            options: self.options,
            last_at: self.last_at,
            created_at: self.created_at,
            version: Version::default(),
        })
    }
}
