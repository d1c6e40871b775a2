//! Verifying every record against the records it names and the bytes it stands
//! for. Nothing is changed.

use std::fmt;
use std::time::Duration;

use berth_domain::{Page, ProjectName, Repository};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::StoreError;

use crate::error::{Error, Result};
use crate::service::Service;

mod blobs;
mod bytes;
mod links;
mod manifests;

/// How many records are listed at once.
const PAGE: usize = 500;

/// What looked wrong is looked at again after this long: a request may have
/// been half-way through it.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FsckSubject {
    /// A blob and its bytes.
    Blob(Digest),
    /// A blob's visibility in a repository.
    Link(RepositoryName, Digest),
    /// A manifest, its bytes, and what it names.
    Manifest(RepositoryName, Digest),
    /// A tag.
    Tag(RepositoryName, TagName),
}

impl fmt::Display for FsckSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(digest) => write!(formatter, "blob {digest}"),
            Self::Link(repository, digest) => write!(formatter, "link {repository}@{digest}"),
            Self::Manifest(repository, digest) => {
                write!(formatter, "manifest {repository}@{digest}")
            }
            Self::Tag(repository, tag) => write!(formatter, "tag {repository}:{tag}"),
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsckFault {
    /// With what.
    pub subject: FsckSubject,
    /// What: a clause about the subject.
    pub problem: String,
}

impl fmt::Display for FsckFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.subject, self.problem)
    }
}

/// How far a verification has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsckProgress {
    /// Repositories seen.
    pub repositories: u64,
    /// Manifests verified.
    pub manifests: u64,
    /// Tags verified.
    pub tags: u64,
    /// Links verified.
    pub links: u64,
    /// Blobs verified.
    pub blobs: u64,
    /// Bytes of blobs read.
    pub bytes: u64,
    /// Bytes of all blobs, counted at the beginning.
    pub total_bytes: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct FsckReport {
    /// What was verified.
    pub seen: FsckProgress,
    /// What is wrong.
    pub faults: Vec<FsckFault>,
}

/// Told how far it has come, often.
pub type FsckObserver<'a> = &'a mut (dyn FnMut(FsckProgress) + Send);

impl Service {
    /// Verifies every record, also while a server runs on the same stores: what
    /// looks wrong is read again a moment later, and counts only if it is still
    /// wrong in the same way.
    pub async fn fsck(&self, observer: FsckObserver<'_>) -> Result<FsckReport> {
        let mut walk = Walk {
            service: self,
            observer,
            seen: FsckProgress::default(),
            suspects: Vec::new(),
        };
        walk.count_bytes().await?;
        walk.repositories().await?;
        walk.blobs().await?;
        let Walk {
            mut seen, suspects, ..
        } = walk;
        seen.total_bytes = seen.bytes;
        Ok(FsckReport {
            seen,
            faults: self.confirm(suspects).await?,
        })
    }

    /// Those of `suspects` that are still wrong in the same way.
    async fn confirm(&self, suspects: Vec<FsckFault>) -> Result<Vec<FsckFault>> {
        if suspects.is_empty() {
            return Ok(suspects);
        }
        self.ports.clock.sleep(SECOND_LOOK).await;
        let mut confirmed = Vec::new();
        let mut rest = suspects.as_slice();
        while let Some(first) = rest.first() {
            let same = rest
                .iter()
                .take_while(|fault| fault.subject == first.subject)
                .count();
            let (suspected, others) = rest.split_at(same);
            let now = self.verify(&first.subject, &mut |_| {}).await?;
            confirmed.extend(
                suspected
                    .iter()
                    .filter(|fault| now.contains(&fault.problem))
                    .cloned(),
            );
            rest = others;
        }
        Ok(confirmed)
    }

    /// What is wrong with a subject as it is now; nothing if it is gone.
    /// `read` is told of bytes that were read.
    async fn verify(
        &self,
        subject: &FsckSubject,
        read: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Vec<String>> {
        let problems = match subject {
            FsckSubject::Blob(digest) => self.verify_blob(*digest, read).await,
            FsckSubject::Link(repository, digest) => self.verify_link(repository, *digest).await,
            FsckSubject::Manifest(repository, digest) => {
                self.verify_manifest(repository, *digest).await
            }
            FsckSubject::Tag(repository, tag) => self.verify_tag(repository, tag).await,
        };
        match problems {
            Err(Error::Store(StoreError::Corrupt(what))) => {
                Ok(vec![format!("leads to a damaged record: {what}")])
            }
            problems => problems,
        }
    }
}

/// One walk over all records.
struct Walk<'a> {
    service: &'a Service,
    observer: FsckObserver<'a>,
    seen: FsckProgress,
    suspects: Vec<FsckFault>,
}

impl Walk<'_> {
    async fn count_bytes(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.service.ports.links.list_blobs(after, PAGE).await?;
            self.seen.total_bytes += page.items.iter().map(|blob| blob.size).sum::<u64>();
            after = page.items.last().map(|blob| blob.digest);
            if is_last(&page) {
                return Ok(());
            }
        }
    }

    async fn repositories(&mut self) -> Result<()> {
        let mut after: Option<RepositoryName> = None;
        loop {
            let page = self.page_of_repositories(after.as_ref()).await?;
            for repository in &page.items {
                self.seen.repositories += 1;
                self.links(&repository.name).await?;
                self.manifests(&repository.name).await?;
                self.tags(&repository.name).await?;
            }
            if is_last(&page) {
                return Ok(());
            }
            after = page.items.last().map(|repository| repository.name.clone());
        }
    }

    async fn page_of_repositories(
        &self,
        after: Option<&RepositoryName>,
    ) -> Result<Page<Repository>> {
        let all: Option<&ProjectName> = None;
        Ok(self
            .service
            .ports
            .repositories
            .list_repositories(all, after, PAGE)
            .await?)
    }

    async fn links(&mut self, repository: &RepositoryName) -> Result<()> {
        let mut after = None;
        loop {
            let page = self
                .service
                .ports
                .links
                .list_links(repository, after, PAGE)
                .await?;
            for link in &page.items {
                self.seen.links += 1;
                self.look_at(FsckSubject::Link(repository.clone(), link.digest))
                    .await?;
            }
            after = page.items.last().map(|link| link.digest);
            if is_last(&page) {
                return Ok(());
            }
        }
    }

    async fn manifests(&mut self, repository: &RepositoryName) -> Result<()> {
        let mut after = None;
        loop {
            let page = self
                .service
                .ports
                .manifests
                .list_manifests(repository, after, PAGE)
                .await?;
            for manifest in &page.items {
                self.seen.manifests += 1;
                self.look_at(FsckSubject::Manifest(repository.clone(), manifest.digest))
                    .await?;
            }
            after = page.items.last().map(|manifest| manifest.digest);
            if is_last(&page) {
                return Ok(());
            }
        }
    }

    async fn tags(&mut self, repository: &RepositoryName) -> Result<()> {
        let mut after: Option<TagName> = None;
        loop {
            let behind = after.as_ref().map(TagName::as_str);
            let page = self
                .service
                .ports
                .tags
                .list_tags(repository, behind, PAGE)
                .await?;
            for tag in &page.items {
                self.seen.tags += 1;
                self.look_at(FsckSubject::Tag(repository.clone(), tag.clone()))
                    .await?;
            }
            if is_last(&page) {
                return Ok(());
            }
            after = page.items.last().cloned();
        }
    }

    async fn blobs(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.service.ports.links.list_blobs(after, PAGE).await?;
            for blob in &page.items {
                self.seen.blobs += 1;
                self.look_at(FsckSubject::Blob(blob.digest)).await?;
            }
            after = page.items.last().map(|blob| blob.digest);
            if is_last(&page) {
                return Ok(());
            }
        }
    }

    async fn look_at(&mut self, subject: FsckSubject) -> Result<()> {
        let Self {
            service,
            observer,
            seen,
            suspects,
        } = self;
        observer(*seen);
        let mut read = |bytes| {
            seen.bytes += bytes;
            observer(*seen);
        };
        let problems = service.verify(&subject, &mut read).await?;
        suspects.extend(problems.into_iter().map(|problem| FsckFault {
            subject: subject.clone(),
            problem,
        }));
        Ok(())
    }
}

/// Whether nothing can lie behind a page. An empty page never has a cursor.
fn is_last<T>(page: &Page<T>) -> bool {
    !page.more || page.items.is_empty()
}
