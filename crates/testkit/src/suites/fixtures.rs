//! Records to put into stores, races, and walks through pages.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use berth_domain::{
    ArtifactId, Begun, Envelope, FreshId, Job, JobId, Manifest, ManifestContent, ManifestFacts,
    Nonce, ObjectKey, Page, Project, ProjectId, ProjectName, Repository, RepositoryId, Sequence,
    UploadId, UploadSession, UserId, Version, WriteState,
};
use berth_oci::{Algorithm, Digest, RepositoryName, TagName};
use berth_ports::{BeginDelete, Clock, CommitManifest, Ids, StoreResult};
use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Barrier;

use crate::{CountingIds, Stores};

/// How many tasks run in a race.
pub(super) const RUNNERS: usize = 8;

/// Runs `runner` [`RUNNERS`] times at once, each in a task of its own, and
/// returns what each returned.
pub(super) async fn race<F, T>(mut runner: impl FnMut(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(RUNNERS));
    let tasks: Vec<_> = (0..RUNNERS)
        .map(|number| {
            let (start, run) = (Arc::clone(&start), runner(number));
            tokio::spawn(async move {
                start.wait().await;
                run.await
            })
        })
        .collect();
    join_all(tasks)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// How many of a race's results are `Ok`.
pub(super) fn winners<T, E>(results: &[Result<T, E>]) -> usize {
    results.iter().filter(|result| result.is_ok()).count()
}

/// Walks through a list in pages of `limit`, from each page's last item to the
/// next page, and returns all items. Each page but the last must be full and
/// must say that there is more.
pub(super) async fn walk<T, C, F>(
    limit: usize,
    mut page: impl FnMut(Option<C>, usize) -> F,
    cursor: impl Fn(&T) -> C,
) -> Vec<T>
where
    F: Future<Output = StoreResult<Page<T>>>,
{
    let mut items = Vec::new();
    loop {
        let after = items.last().map(&cursor);
        let found = page(after, limit).await.unwrap();
        assert!(
            found.items.len() <= limit,
            "a page has more items than asked for"
        );
        let full = found.items.len() == limit;
        items.extend(found.items);
        if !found.more {
            return items;
        }
        assert!(full, "a page that is not full says that there is more");
    }
}

/// An id that nobody in this process had before.
pub(super) fn fresh<T: From<FreshId>>() -> T {
    static IDS: CountingIds = CountingIds::new();
    T::from(IDS.fresh())
}

/// A number that nobody in this process had before.
pub(super) fn number() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(100);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The digest of some text.
pub(super) fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

/// The digests of 0, 1, .. as texts, in their order.
pub(super) fn sorted_digests(count: usize) -> Vec<Digest> {
    let mut digests: Vec<_> = (0..count)
        .map(|number| digest(&number.to_string()))
        .collect();
    digests.sort();
    digests
}

/// A tag.
pub(super) fn tag(name: &str) -> TagName {
    name.parse().unwrap()
}

/// A job that deletes an object that never was.
pub(super) fn job() -> Envelope {
    Envelope::new(fresh::<JobId>(), Job::DeleteObject { key: fresh() })
}

/// A deletion that anybody may begin, to be looked at far in the future.
pub(super) fn deletion() -> BeginDelete {
    BeginDelete {
        untouched_since: None,
        due: Timestamp::MAX,
    }
}

/// A proxy-less project without metadata.
pub(super) fn project(name: &str, now: Timestamp) -> Project {
    Project {
        id: ProjectId(number()),
        name: name.parse().unwrap(),
        owner: UserId(1),
        registry: None,
        metadata: BTreeMap::new(),
        created_at: now,
        updated_at: now,
        version: Version(1),
    }
}

impl Stores {
    /// The time by the stores' clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock one second forward and returns the time.
    pub(super) fn later(&self) -> Timestamp {
        self.clock.advance(Duration::from_secs(1));
        self.now()
    }

    /// Every job in the outbox.
    pub(super) async fn unsent(&self) -> Vec<Envelope> {
        let soon = self.now() + Duration::from_secs(1);
        self.outbox.unsent(soon, 1000).await.unwrap()
    }

    /// Makes a project, if there is none of this name.
    pub(super) async fn make_project(&self, name: &str) -> Project {
        let name: ProjectName = name.parse().unwrap();
        if let Some(project) = self.projects.project(&name).await.unwrap() {
            return project;
        }
        self.projects
            .create_project(&project(name.as_str(), self.now()))
            .await
            .unwrap();
        self.projects.project(&name).await.unwrap().unwrap()
    }

    /// Makes a repository, and its project if that is not there.
    pub(super) async fn make_repository(&self, name: &str) -> RepositoryName {
        let name: RepositoryName = name.parse().unwrap();
        let project = self.make_project(name.split_project().0).await;
        self.repositories
            .create_repository(&Repository {
                id: RepositoryId(self.sequences.next(Sequence::Repository).await.unwrap()),
                name: name.clone(),
                project: project.id,
                description: String::new(),
                created_at: self.now(),
                updated_at: self.now(),
                version: Version(1),
            })
            .await
            .unwrap();
        name
    }

    /// A manifest that is nowhere yet; its bytes are `text`.
    pub(super) fn manifest(&self, repository: &RepositoryName, text: &str) -> Manifest {
        Manifest {
            repository: repository.clone(),
            digest: digest(text),
            nonce: fresh(),
            id: ArtifactId(number()),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            size: text.len() as u64,
            content: ManifestContent::Inline(Bytes::copy_from_slice(text.as_bytes())),
            facts: ManifestFacts {
                total_size: text.len() as u64,
                ..ManifestFacts::default()
            },
            pushed_at: self.now(),
        }
    }

    /// Begins a manifest under its nonce.
    pub(super) async fn begin(&self, manifest: &Manifest) {
        let Manifest {
            repository,
            digest,
            nonce,
            ..
        } = manifest;
        let begun = self
            .manifests
            .begin_manifest(repository, *digest, *nonce, self.now())
            .await
            .unwrap();
        assert_eq!(begun, Begun::Started);
    }

    /// Pushes a manifest with tags and returns it.
    pub(super) async fn push(
        &self,
        repository: &RepositoryName,
        text: &str,
        tags: &[&str],
    ) -> Manifest {
        let manifest = self.manifest(repository, text);
        self.push_manifest(&manifest, tags).await;
        manifest
    }

    /// Begins and commits a manifest.
    pub(super) async fn push_manifest(&self, manifest: &Manifest, tags: &[&str]) {
        self.begin(manifest).await;
        self.manifests
            .commit_manifest(&commit(manifest, tags))
            .await
            .unwrap();
    }

    /// The nonce and state of a manifest are as given.
    pub(super) async fn assert_state(
        &self,
        manifest: &Manifest,
        expected: Option<(berth_domain::ManifestState, Nonce)>,
    ) {
        let Manifest {
            repository, digest, ..
        } = manifest;
        let found = self
            .manifests
            .manifest_state(repository, *digest)
            .await
            .unwrap();
        assert_eq!(found, expected);
    }

    /// Stores an upload session at epoch 1 and returns it.
    pub(super) async fn make_upload(&self, repository: &RepositoryName) -> UploadSession {
        let session = UploadSession {
            id: fresh::<UploadId>(),
            repository: repository.clone(),
            key: fresh::<ObjectKey>(),
            epoch: 1,
            state: WriteState::new(Algorithm::Sha256),
            created_at: self.now(),
            touched_at: self.now(),
        };
        self.uploads.create_upload(&session).await.unwrap();
        session
    }
}

/// The commit of a manifest with tags.
pub(super) fn commit(manifest: &Manifest, tags: &[&str]) -> CommitManifest {
    CommitManifest {
        manifest: manifest.clone(),
        tags: tags.iter().map(|name| tag(name)).collect(),
        referrer: None,
        session: None,
    }
}
