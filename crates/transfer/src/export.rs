//! Writing all that a store holds into a folder.

use std::collections::BTreeMap;
use std::path::Path;

use berth_domain::{Blob, Member, Project, RegistryEndpoint, RunKind, Sequence, User};
use berth_ports::Ports;
use berth_service::Service;
use futures_util::{StreamExt as _, stream};

use crate::counts::{Counts, SeenBlobs};
use crate::error::Result;
use crate::folder::{FORMAT, Folder, Head};
use crate::pages::{PAGE, RECORDS_AT_ONCE, each_page};
use crate::progress::Progress;
use crate::records::{MemberRecord, ProjectRecord, RegistryRecord, ScheduleRecord, UserRecord};

use files::Files;

mod contents;
mod files;

/// The counters whose numbers are shown to people.
pub(crate) const SEQUENCES: [Sequence; 6] = [
    Sequence::Project,
    Sequence::User,
    Sequence::Registry,
    Sequence::Repository,
    Sequence::Artifact,
    Sequence::Run,
];

/// What an export wrote.
#[derive(Clone, Debug)]
pub struct Exported {
    /// How much.
    pub counts: Counts,
    /// What could not be read and is left out, a line each.
    pub problems: Vec<String>,
}

/// Writes all that a store holds into a folder, made if it is not there. Blobs
/// that an earlier run left there are not written again; records are.
///
/// A server may run on the store meanwhile. Each repository is then exported
/// as it was at some time, but not all at the same; what is deleted on the way
/// may be missing where something names it.
pub async fn export(service: &Service, path: &Path, progress: &Progress) -> Result<Exported> {
    let folder = Folder::create(path).await?;
    let mut exporter = Exporter {
        service,
        folder: &folder,
        progress,
        files: Files::begin(&folder).await?,
        counts: Counts::default(),
        seen: SeenBlobs::default(),
        problems: Vec::new(),
    };
    exporter.count_bytes().await?;
    // What leads to something else comes before it: the other is there then.
    exporter.projects().await?;
    exporter.registries().await?;
    exporter.users().await?;
    exporter.schedules().await?;
    let Exporter {
        files,
        counts,
        problems,
        ..
    } = exporter;
    let head = Head {
        format: FORMAT,
        berth: env!("CARGO_PKG_VERSION").to_owned(),
        exported_at: service.ports().clock.now(),
        counts,
        sequences: sequences(service.ports()).await?,
        records: files.finish().await?,
    };
    folder.finish(&head).await?;
    progress.set_total(progress.done());
    Ok(Exported { counts, problems })
}

/// A number of each counter that is greater than all it gave out before.
async fn sequences(ports: &Ports) -> Result<BTreeMap<String, i64>> {
    let mut last = BTreeMap::new();
    for sequence in SEQUENCES {
        let number = ports.sequences.next(sequence).await?;
        last.insert(sequence.as_str().to_owned(), number);
    }
    Ok(last)
}

/// An export under way.
struct Exporter<'a> {
    service: &'a Service,
    folder: &'a Folder,
    progress: &'a Progress,
    files: Files,
    counts: Counts,
    seen: SeenBlobs,
    problems: Vec<String>,
}

impl<'a> Exporter<'a> {
    fn ports(&self) -> &'a Ports {
        self.service.ports()
    }

    async fn count_bytes(&self) -> Result<()> {
        let ports = self.ports();
        let mut total = 0;
        let next = async |last: Option<&Blob>| {
            let after = last.map(|blob| blob.digest);
            ports.links.list_blobs(after, PAGE).await
        };
        each_page(next, async |blobs| {
            total += blobs.iter().map(|blob| blob.size).sum::<u64>();
            Ok(())
        })
        .await?;
        self.progress.set_total(total);
        Ok(())
    }

    async fn projects(&mut self) -> Result<()> {
        let ports = self.ports();
        let next = async |last: Option<&Project>| {
            let after = last.map(|project| &project.name);
            ports.projects.list_projects(after, PAGE).await
        };
        each_page(next, async |projects| {
            for project in projects {
                self.files
                    .projects
                    .write(&ProjectRecord::from(&project))
                    .await?;
                self.counts.projects += 1;
                self.members(&project).await?;
                self.repositories(&project).await?;
            }
            Ok(())
        })
        .await
    }

    /// The members of a project. A deletion of a user leaves some behind that
    /// are nobody's.
    async fn members(&mut self, project: &Project) -> Result<()> {
        let ports = self.ports();
        let next = async |last: Option<&Member>| {
            let after = last.map(|member| member.user);
            let projects = &ports.projects;
            projects.list_members(project.id, after, PAGE).await
        };
        each_page(next, async |members| {
            let users = members.iter().map(|member| async {
                let user = ports.access.user_by_id(member.user).await;
                user.map(|user| user.is_some())
            });
            let mut users = stream::iter(users).buffered(RECORDS_AT_ONCE);
            for member in &members {
                if users.next().await.transpose()?.unwrap_or_default() {
                    self.files
                        .members
                        .write(&MemberRecord::from(member))
                        .await?;
                    self.counts.members += 1;
                }
            }
            Ok(())
        })
        .await
    }

    async fn registries(&mut self) -> Result<()> {
        let ports = self.ports();
        let next = async |last: Option<&RegistryEndpoint>| {
            let after = last.map(|registry| registry.id);
            ports.registries.list_registries(after, PAGE).await
        };
        each_page(next, async |registries| {
            for registry in &registries {
                let record = RegistryRecord::from(registry);
                self.files.registries.write(&record).await?;
                self.counts.registries += 1;
            }
            Ok(())
        })
        .await
    }

    async fn users(&mut self) -> Result<()> {
        let ports = self.ports();
        let next = async |last: Option<&User>| {
            let after = last.map(|user| user.id);
            ports.access.list_users(after, PAGE).await
        };
        each_page(next, async |users| {
            for user in &users {
                self.files.users.write(&UserRecord::from(user)).await?;
                self.counts.users += 1;
            }
            Ok(())
        })
        .await
    }

    async fn schedules(&mut self) -> Result<()> {
        let kind = RunKind::GarbageCollection;
        if let Some(schedule) = self.ports().runs.schedule(kind).await? {
            let record = ScheduleRecord::from(&schedule);
            self.files.schedules.write(&record).await?;
            self.counts.schedules += 1;
        }
        Ok(())
    }
}
