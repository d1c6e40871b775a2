//! Users, endpoints, projects, members and schedules.

use berth_domain::{Expect, Member, Project, RegistryEndpoint, Schedule, User, Version};
use berth_ports::StoreError;

use super::{Fate, Importer, To};
use crate::error::Result;
use crate::records::{MemberRecord, ProjectRecord, RegistryRecord, ScheduleRecord, UserRecord};

impl Importer<'_> {
    pub(super) async fn users(&mut self) -> Result<()> {
        self.each(UserRecord::user, async |this, record, user| {
            let id = record.id;
            let fate = this.to.user(&record, &user).await?;
            if this.note(fate, |counts| &mut counts.users) {
                this.users.insert(id);
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn registries(&mut self) -> Result<()> {
        let without_logins = self.to.options.without_logins;
        let value = |record: &RegistryRecord| {
            let mut registry = record.registry();
            if without_logins {
                registry.credential = None;
            }
            Ok(registry)
        };
        self.each(value, async |this, _, registry| {
            let fate = this.to.registry(&registry).await?;
            if this.note(fate, |counts| &mut counts.registries) {
                this.registries.insert(registry.id.0);
            }
            Ok(())
        })
        .await
    }

    /// A proxy project whose endpoint is another here would serve what that
    /// one has.
    pub(super) async fn projects(&mut self) -> Result<()> {
        self.each(ProjectRecord::project, async |this, record, project| {
            let id = record.id;
            let upstream = project.registry;
            let fate = if upstream.is_none_or(|id| this.registries.contains(&id.0)) {
                this.to.project(&record, &project).await?
            } else {
                Fate::Refused(format!("project {} has no upstream here", project.name))
            };
            if this.note(fate, |counts| &mut counts.projects) {
                this.projects.insert(id);
            }
            Ok(())
        })
        .await
    }

    /// A member whose user or project is another here would give rights to
    /// whom they were never given.
    pub(super) async fn members(&mut self) -> Result<()> {
        self.each(MemberRecord::member, async |this, record, member| {
            let known =
                this.users.contains(&record.user) && this.projects.contains(&record.project);
            let fate = if known {
                this.to.member(&record, &member).await?
            } else {
                Fate::Refused(format!("{} has no place here", subject(&record)))
            };
            this.note(fate, |counts| &mut counts.members);
            Ok(())
        })
        .await
    }

    pub(super) async fn schedules(&mut self) -> Result<()> {
        self.each(ScheduleRecord::schedule, async |this, record, schedule| {
            let fate = this.to.schedule(&record, &schedule).await?;
            this.note(fate, |counts| &mut counts.schedules);
            Ok(())
        })
        .await
    }
}

fn subject(member: &MemberRecord) -> String {
    format!("member {} of project {}", member.user, member.project)
}

impl To<'_> {
    async fn user(self, record: &UserRecord, user: &User) -> Result<Fate> {
        let access = &self.ports().access;
        let subject = format!("user {}", user.name);
        if let Some(found) = access.user_by_id(user.id).await? {
            return Ok(if found.name == user.name {
                Fate::of(&subject, &UserRecord::from(&found), record)
            } else {
                taken(&subject, user.id.0, &found.name)
            });
        }
        created(&subject, access.create_user(user).await)
    }

    async fn registry(self, registry: &RegistryEndpoint) -> Result<Fate> {
        let registries = &self.ports().registries;
        let subject = format!("registry endpoint {}", registry.name);
        if let Some(mut found) = registries.registry(registry.id).await? {
            if self.options.without_logins {
                found.credential = None;
            }
            let (found, record) = (RegistryRecord::from(&found), RegistryRecord::from(registry));
            return Ok(if found.name == record.name {
                Fate::of(&subject, &found, &record)
            } else {
                taken(&subject, record.id, &found.name)
            });
        }
        created(&subject, registries.create_registry(registry).await)
    }

    async fn project(self, record: &ProjectRecord, project: &Project) -> Result<Fate> {
        let projects = &self.ports().projects;
        let subject = format!("project {}", project.name);
        if let Some(found) = projects.project_by_id(project.id).await? {
            return Ok(if found.name == project.name {
                Fate::of(&subject, &ProjectRecord::from(&found), record)
            } else {
                taken(&subject, project.id.0, &found.name)
            });
        }
        created(&subject, projects.create_project(project).await)
    }

    async fn member(self, record: &MemberRecord, member: &Member) -> Result<Fate> {
        let projects = &self.ports().projects;
        let subject = subject(record);
        if let Some(found) = projects.member(member.project, member.user).await? {
            return Ok(Fate::of(&subject, &MemberRecord::from(&found), record));
        }
        created(&subject, projects.put_member(member, Expect::Absent).await)
    }

    async fn schedule(self, record: &ScheduleRecord, schedule: &Schedule) -> Result<Fate> {
        let runs = &self.ports().runs;
        let subject = format!("schedule {}", record.kind);
        if let Some(mut found) = runs.schedule(schedule.kind).await? {
            // It moves on with each run.
            found.last_at = schedule.last_at;
            return Ok(Fate::of(&subject, &ScheduleRecord::from(&found), record));
        }
        let schedule = Schedule {
            version: Version(0),
            ..schedule.clone()
        };
        created(&subject, runs.put_schedule(&schedule).await)
    }
}

/// Another has the number of a record.
fn taken(subject: &str, id: i64, other: impl std::fmt::Display) -> Fate {
    Fate::Refused(format!(
        "{subject} cannot have its number {id}, which is {other}'s here"
    ))
}

/// What came of making a record.
pub(super) fn created(subject: &str, created: std::result::Result<(), StoreError>) -> Result<Fate> {
    match created {
        Ok(()) => Ok(Fate::New),
        Err(
            error @ (StoreError::AlreadyExists(_)
            | StoreError::NotFound(_)
            | StoreError::Conflict(_)),
        ) => Ok(Fate::Refused(format!("{subject} cannot be made: {error}"))),
        Err(error) => Err(error.into()),
    }
}
