//! What is in repositories.
//!
//! Whoever pushes meanwhile writes blobs, then manifests, then tags; so it is
//! read the other way round, and what is found leads to what is there.

use berth_domain::{Link, ListedManifest, Project, Repository};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{Ports, Span, StoreError};
use berth_service::{Error, KeptManifest};
use futures_util::{StreamExt as _, stream};

use super::Exporter;
use crate::error::{Result, TransferError};
use crate::folder::{Folder, NotStored};
use crate::pages::{BLOBS_AT_ONCE, PAGE, RECORDS_AT_ONCE, each_page};
use crate::progress::Progress;
use crate::records::{Base64, LinkRecord, ManifestRecord, RepositoryRecord, TagRecord};

/// What became of a blob.
enum Saved {
    /// Its bytes were written.
    Written,
    /// They were there.
    There,
    /// The repository no longer has it.
    Gone,
    /// They cannot be had. The text says why.
    Lost(String),
}

impl Exporter<'_> {
    /// The repositories of a project. Those of another of its name are not its.
    pub(super) async fn repositories(&mut self, project: &Project) -> Result<()> {
        let ports = self.ports();
        let next = async |last: Option<&Repository>| {
            let after = last.map(|repository| &repository.name);
            let repositories = &ports.repositories;
            repositories
                .list_repositories(Some(&project.name), after, PAGE)
                .await
        };
        each_page(next, async |repositories| {
            for repository in repositories {
                if repository.project == project.id {
                    self.repository(&repository).await?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn repository(&mut self, repository: &Repository) -> Result<()> {
        let record = RepositoryRecord::from(repository);
        self.files.repositories.write(&record).await?;
        self.counts.repositories += 1;
        self.tags(&repository.name).await?;
        self.manifests(&repository.name).await?;
        self.links(repository).await
    }

    async fn tags(&mut self, repository: &RepositoryName) -> Result<()> {
        let ports = self.ports();
        let next = async |last: Option<&TagName>| {
            let after = last.map(TagName::as_str);
            ports.tags.list_tags(repository, after, PAGE).await
        };
        each_page(next, async |names| {
            let read = names.into_iter().map(|name| async move {
                let tag = ports.tags.tag(repository, &name).await;
                tag.map(|tag| (name, tag))
            });
            let mut tags = stream::iter(read).buffered(RECORDS_AT_ONCE);
            while let Some((name, tag)) = tags.next().await.transpose()? {
                let Some(tag) = tag else { continue };
                let record = TagRecord {
                    repository: repository.clone(),
                    name,
                    digest: tag.digest,
                    pushed_at: tag.pushed_at,
                    checked_at: tag.checked_at,
                };
                self.files.tags.write(&record).await?;
                self.counts.tags += 1;
            }
            Ok(())
        })
        .await
    }

    async fn manifests(&mut self, repository: &RepositoryName) -> Result<()> {
        let (ports, service) = (self.ports(), self.service);
        let next = async |last: Option<&ListedManifest>| {
            let after = last.map(|manifest| manifest.digest);
            let manifests = &ports.manifests;
            manifests.list_manifests(repository, after, PAGE).await
        };
        each_page(next, async |listed| {
            let read = listed.iter().map(|listed| {
                let digest = listed.digest;
                async move { (digest, service.kept_manifest(repository, digest).await) }
            });
            let mut manifests = stream::iter(read).buffered(RECORDS_AT_ONCE);
            while let Some((digest, kept)) = manifests.next().await {
                self.manifest(repository, digest, kept).await?;
            }
            Ok(())
        })
        .await
    }

    async fn manifest(
        &mut self,
        repository: &RepositoryName,
        digest: Digest,
        kept: berth_service::Result<Option<KeptManifest>>,
    ) -> Result<()> {
        let lost = match kept {
            Ok(None) => return Ok(()),
            Ok(Some(kept)) => {
                let actual = Digest::of(digest.algorithm(), &kept.bytes);
                if actual == digest {
                    self.files
                        .manifests
                        .write(&ManifestRecord {
                            repository: repository.clone(),
                            digest,
                            id: kept.id.0,
                            media_type: kept.media_type,
                            pushed_at: kept.pushed_at,
                            bytes: Base64(kept.bytes.into()),
                        })
                        .await?;
                    self.counts.manifests += 1;
                    return Ok(());
                }
                format!("has bytes that hash to {actual}")
            }
            Err(Error::Store(error)) if is_lost(&error) => format!("cannot be read: {error}"),
            Err(error) => return Err(error.into()),
        };
        self.problems
            .push(format!("manifest {repository}@{digest} {lost}"));
        Ok(())
    }

    async fn links(&mut self, repository: &Repository) -> Result<()> {
        let (ports, folder, progress) = (self.ports(), self.folder, self.progress);
        let next = async |last: Option<&Link>| {
            let after = last.map(|link| link.digest);
            ports.links.list_links(&repository.name, after, PAGE).await
        };
        each_page(next, async |links| {
            let own = |link: &Link| link.project == repository.project;
            let save = links.into_iter().filter(own).map(|link| async move {
                let saved = save(ports, folder, progress, &link).await;
                saved.map(|saved| (link, saved))
            });
            let mut saved = stream::iter(save).buffered(BLOBS_AT_ONCE);
            while let Some((link, saved)) = saved.next().await.transpose()? {
                self.link(&link, saved).await?;
            }
            Ok(())
        })
        .await
    }

    async fn link(&mut self, link: &Link, saved: Saved) -> Result<()> {
        let Link {
            repository,
            digest,
            size,
            ..
        } = link;
        let there = match saved {
            Saved::Written => false,
            Saved::There => true,
            Saved::Gone => return Ok(()),
            Saved::Lost(why) => {
                let problem = format!("blob {digest} of repository {repository} {why}");
                self.problems.push(problem);
                return Ok(());
            }
        };
        let record = LinkRecord {
            repository: repository.clone(),
            digest: *digest,
            size: *size,
        };
        self.files.links.write(&record).await?;
        self.counts.links += 1;
        let new = self.seen.count(&mut self.counts, *digest, *size);
        if new && there {
            self.progress.add(*size);
        }
        Ok(())
    }
}

/// Sees that a blob's bytes are in the folder.
async fn save(ports: &Ports, folder: &Folder, progress: &Progress, link: &Link) -> Result<Saved> {
    let Link { digest, size, .. } = *link;
    if folder.has_blob(digest, size).await? {
        return Ok(Saved::There);
    }
    let whole = Span {
        start: 0,
        end: size,
    };
    let stored = match ports.blobs.stream(link.key, size, whole).await {
        Ok(bytes) => folder.put_blob(digest, bytes, progress).await?,
        Err(error) => Err(NotStored::Broken(error)),
    };
    let lost = match stored {
        Ok(()) => return Ok(Saved::Written),
        Err(NotStored::Wrong(actual)) => format!("has bytes that hash to {actual}"),
        Err(NotStored::Broken(error)) if is_lost(&error) => format!("cannot be read: {error}"),
        Err(NotStored::Broken(source)) => return Err(TransferError::Blob { digest, source }),
    };
    let now = ports.links.link(&link.repository, digest).await?;
    Ok(match now {
        Some(now) if now.key == link.key => Saved::Lost(lost),
        _ => Saved::Gone,
    })
}

/// Whether what failed will not come back by itself.
const fn is_lost(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound(_) | StoreError::Corrupt(_))
}
