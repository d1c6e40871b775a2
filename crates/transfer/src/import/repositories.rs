//! Repositories, each with its blobs, then its manifests, then its tags.

use berth_domain::Repository;
use berth_oci::RepositoryName;
use berth_service::Target;
use futures_util::{TryStream, TryStreamExt as _, stream};

use super::{Fate, Importer, To, accounts};
use crate::error::{Result, TransferError};
use crate::folder::{Folder, LineReader};
use crate::pages::{BLOBS_AT_ONCE, RECORDS_AT_ONCE};
use crate::records::{InRepository, LinkRecord, ManifestRecord, RepositoryRecord, TagRecord};

/// The records of what is in repositories, in the order of these.
struct Contents {
    links: LineReader<LinkRecord>,
    manifests: LineReader<ManifestRecord>,
    tags: LineReader<TagRecord>,
}

impl Contents {
    async fn of(folder: &Folder) -> Result<Self> {
        Ok(Self {
            links: folder.read_records().await?,
            manifests: folder.read_records().await?,
            tags: folder.read_records().await?,
        })
    }

    /// Reads over those of a repository.
    async fn skip(&mut self, repository: &RepositoryName) -> Result<()> {
        while self.links.next_in(repository).await?.is_some() {}
        while self.manifests.next_in(repository).await?.is_some() {}
        while self.tags.next_in(repository).await?.is_some() {}
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.links.end().await?;
        self.manifests.end().await?;
        self.tags.end().await
    }
}

/// The records that lie in a repository.
fn records_in<'a, R: InRepository>(
    reader: &'a mut LineReader<R>,
    repository: &'a RepositoryName,
) -> impl TryStream<Ok = R, Error = TransferError> {
    stream::try_unfold(reader, async move |reader| {
        let record = reader.next_in(repository).await?;
        Ok(record.map(|record| (record, reader)))
    })
}

impl Importer<'_> {
    pub(super) async fn repositories(&mut self) -> Result<()> {
        let mut repositories = self.to.folder.read_records::<RepositoryRecord>().await?;
        let mut contents = Contents::of(self.to.folder).await?;
        while let Some(record) = repositories.next().await? {
            let name = record.name.clone();
            let (fate, target) = if self.projects.contains(&record.project) {
                self.to.repository(record).await?
            } else {
                (Fate::Refused(homeless(&record)), None)
            };
            let there = self.note(fate, |counts| &mut counts.repositories);
            match target.filter(|_| there) {
                Some(target) => self.contents(&target, &mut contents).await?,
                None => contents.skip(&name).await?,
            }
        }
        contents.end().await
    }

    async fn contents(&mut self, target: &Target, contents: &mut Contents) -> Result<()> {
        let (to, name) = (self.to, &target.repository);
        let mut links = std::pin::pin!(
            records_in(&mut contents.links, name)
                .map_ok(|record| to.link(target, record))
                .try_buffer_unordered(BLOBS_AT_ONCE)
        );
        while let Some(link) = links.try_next().await? {
            self.note(link.fate, |counts| &mut counts.links);
            let new = self.seen.count(&mut self.counts, link.digest, link.size);
            if new && !link.moved {
                self.to.progress.add(link.size);
            }
        }
        let mut manifests = std::pin::pin!(
            records_in(&mut contents.manifests, name)
                .map_ok(|record| to.manifest(target, record))
                .try_buffer_unordered(RECORDS_AT_ONCE)
        );
        while let Some(fate) = manifests.try_next().await? {
            self.note(fate, |counts| &mut counts.manifests);
        }
        let mut tags = std::pin::pin!(
            records_in(&mut contents.tags, name)
                .map_ok(|record| to.tag(record))
                .try_buffer_unordered(RECORDS_AT_ONCE)
        );
        while let Some(fate) = tags.try_next().await? {
            self.note(fate, |counts| &mut counts.tags);
        }
        Ok(())
    }
}

fn homeless(record: &RepositoryRecord) -> String {
    let RepositoryRecord { name, project, .. } = record;
    format!("repository {name} is left out with its project, number {project}")
}

impl To<'_> {
    /// Puts a repository there, and says where its contents go.
    async fn repository(self, record: RepositoryRecord) -> Result<(Fate, Option<Target>)> {
        let subject = format!("repository {}", record.name);
        let target = self.service.locate(&record.name).await?;
        if target.project.id.0 != record.project {
            return Ok((Fate::Refused(homeless(&record)), None));
        }
        let repositories = &self.ports().repositories;
        let fate = match repositories.repository(&record.name).await? {
            Some(found) if found.project == target.project.id => {
                Fate::of(&subject, &RepositoryRecord::from(&found), &record)
            }
            Some(_) => Fate::Refused(format!("{subject} is another project's here")),
            None => {
                let made = repositories
                    .create_repository(&Repository::from(record))
                    .await;
                accounts::created(&subject, made)?
            }
        };
        Ok((fate, Some(target)))
    }
}
