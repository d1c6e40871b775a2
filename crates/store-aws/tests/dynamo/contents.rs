//! What the stores of manifests, links and uploads make of DynamoDB's failures:
//! a transition whose answer was lost is done once, and what may be garbage is
//! not looked at before the transition that it follows from is over.

use std::sync::Arc;
use std::time::Duration;

use berth_domain::{
    ArtifactId, Begun, Edge, EdgeTarget, FreshId, LinkCommit, LinkId, LinkToken, Manifest,
    ManifestContent, ManifestFacts, ManifestState, Nonce, ProjectId, Referrer, UploadId,
    UploadSession, Version, WriteState,
};
use berth_host::RandomIds;
use berth_oci::{Algorithm, Digest, RepositoryName, TagName};
use berth_ports::{
    BeginDelete, Clock, CommitLink, CommitManifest, GcQueue, GcSubject, Ids, LinkSource, LinkStore,
    ManifestStore, StoreError, TagStore, UploadStore,
};
use berth_store_aws::DynamoStore;
use berth_testkit::ManualClock;
use jiff::Timestamp;

use super::faulty::{Fault, FaultyDynamo};
use super::{endpoint, fresh_table, open};

mod garbage;
mod late;

/// More failures than a call is tried.
const ALL_TRIES: usize = 10;

struct Faulty {
    dynamo: FaultyDynamo,
    store: DynamoStore,
    clock: Arc<ManualClock>,
}

impl Faulty {
    async fn new() -> Self {
        let dynamo = FaultyDynamo::before(&endpoint()).await;
        let clock = Arc::new(ManualClock::default());
        let store = open(&dynamo.through(&fresh_table()), clock.clone()).await;
        store.create_table().await.unwrap();
        Self {
            dynamo,
            store,
            clock,
        }
    }

    /// The next call of this operation is done, and its answer is lost.
    fn lose(&self, operation: &'static str) {
        self.dynamo.next(operation, Fault::AnswerLost);
    }

    /// The next calls of this operation fail until their caller gives up.
    fn fail(&self, operation: &'static str, tries: usize) {
        for _ in 0..tries {
            self.dynamo.next(operation, Fault::Failed);
        }
    }

    async fn due(&self) -> Vec<GcSubject> {
        let entries = self.store.due(self.clock.now(), None, 100).await.unwrap();
        entries.into_iter().map(|entry| entry.subject).collect()
    }

    async fn prepare(&self) -> LinkId {
        let id = fresh();
        let due = self.clock.now();
        self.store
            .prepare_link(&repository(), layer(), id, due)
            .await
            .unwrap();
        id
    }

    fn commit(&self, id: LinkId) -> CommitLink {
        CommitLink {
            repository: repository(),
            project: ProjectId(1),
            digest: layer(),
            id,
            source: LinkSource::NewBlob {
                key: fresh(),
                size: 5,
            },
            session: None,
            jobs: Vec::new(),
            now: self.clock.now(),
        }
    }

    /// A link that is condemned under the token; nothing is in the queue.
    async fn condemned(&self) -> LinkToken {
        let id = self.prepare().await;
        let done = self.store.commit_link(&self.commit(id)).await.unwrap();
        assert_eq!(done, LinkCommit::Done);
        let token = fresh();
        self.store
            .condemn_link(&repository(), layer(), id, token)
            .await
            .unwrap();
        self.clear().await;
        token
    }

    async fn clear(&self) {
        let entries = self.store.due(Timestamp::MAX, None, 100).await.unwrap();
        let keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
        self.store.decided(&keys).await.unwrap();
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            repository: repository(),
            digest: Digest::of(Algorithm::Sha256, b"{}"),
            nonce: fresh(),
            id: ArtifactId(1),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            size: 2,
            content: ManifestContent::Inline("{}".into()),
            facts: ManifestFacts::default(),
            pushed_at: self.clock.now(),
        }
    }

    async fn begin(&self, manifest: &Manifest) -> Begun {
        let due = self.clock.now();
        self.store
            .begin_manifest(&manifest.repository, manifest.digest, manifest.nonce, due)
            .await
            .unwrap()
    }

    async fn push(&self, tag: &str) -> Manifest {
        let manifest = self.manifest();
        self.begin(&manifest).await;
        self.store
            .commit_manifest(&commit(&manifest, tag))
            .await
            .unwrap();
        self.clear().await;
        manifest
    }

    async fn state(&self, manifest: &Manifest) -> Option<ManifestState> {
        let state = self
            .store
            .manifest_state(&manifest.repository, manifest.digest)
            .await;
        state.unwrap().map(|(state, _)| state)
    }

    async fn delete(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let deletion = BeginDelete {
            untouched_since: None,
            due: self.clock.now(),
        };
        self.store
            .begin_delete(
                &manifest.repository,
                manifest.digest,
                manifest.nonce,
                &deletion,
            )
            .await
    }

    async fn upload(&self) -> UploadSession {
        let session = UploadSession {
            id: fresh(),
            repository: repository(),
            key: fresh(),
            epoch: 0,
            state: WriteState::new(Algorithm::Sha256),
            created_at: self.clock.now(),
            touched_at: self.clock.now(),
        };
        self.store.create_upload(&session).await.unwrap();
        session
    }
}

fn fresh<Id: From<FreshId>>() -> Id {
    Id::from(RandomIds.fresh())
}

fn repository() -> RepositoryName {
    "a/b".parse().unwrap()
}

fn layer() -> Digest {
    Digest::of(Algorithm::Sha256, b"layer")
}

fn commit(manifest: &Manifest, tag: &str) -> CommitManifest {
    CommitManifest {
        manifest: manifest.clone(),
        tags: vec![tag.parse().unwrap()],
        referrer: None,
        session: None,
    }
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_the_claimers() {
    let faulty = Faulty::new().await;
    let session = faulty.upload().await;
    faulty.lose("UpdateItem");
    let claimed = faulty
        .store
        .claim_upload(session.id, 0, faulty.clock.now())
        .await;
    assert_eq!(claimed.unwrap().epoch, 1);
    assert!(faulty.dynamo.is_done());
}

#[tokio::test]
async fn an_end_of_a_session_whose_answer_was_lost_is_no_failure() {
    let faulty = Faulty::new().await;
    let session = faulty.upload().await;
    faulty.lose("TransactWriteItems");
    let store = &faulty.store;
    store.delete_upload(session.id, 0, &[]).await.unwrap();
    assert!(faulty.dynamo.is_done());
    let gone = store.delete_upload(session.id, 0, &[]).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn a_link_whose_answer_was_lost_is_made_once() {
    let faulty = Faulty::new().await;
    let commit = faulty.commit(faulty.prepare().await);
    faulty.lose("TransactWriteItems");
    let done = faulty.store.commit_link(&commit).await.unwrap();
    assert_eq!(done, LinkCommit::Done);
    assert!(faulty.dynamo.is_done());
    let blob = faulty.store.blob(layer()).await.unwrap().unwrap();
    assert_eq!(blob.generation, 1);
}

#[tokio::test]
async fn a_preparation_that_arrives_again_leaves_a_linked_back_edge_linked() {
    let faulty = Faulty::new().await;
    let (id, store) = (faulty.prepare().await, &faulty.store);
    let done = store.commit_link(&faulty.commit(id)).await.unwrap();
    assert_eq!(done, LinkCommit::Done);
    let now = faulty.clock.now();
    store
        .prepare_link(&repository(), layer(), id, now)
        .await
        .unwrap();
    let page = store.back_edges(layer(), None, 10).await.unwrap();
    assert!(page.items[0].linked);
}

#[tokio::test]
async fn a_revival_whose_answer_was_lost_is_no_conflict() {
    let faulty = Faulty::new().await;
    let token = faulty.condemned().await;
    faulty.lose("UpdateItem");
    let now = faulty.clock.now();
    faulty
        .store
        .revive_link(&repository(), layer(), Some(token), now)
        .await
        .unwrap();
    assert!(faulty.dynamo.is_done());
}

#[tokio::test]
async fn a_beginning_whose_answer_was_lost_is_joined_by_nobody_else() {
    let faulty = Faulty::new().await;
    faulty.lose("TransactWriteItems");
    let manifest = faulty.manifest();
    assert_eq!(faulty.begin(&manifest).await, Begun::Started);
    assert!(faulty.dynamo.is_done());
    let other = Manifest {
        nonce: fresh::<Nonce>(),
        ..manifest.clone()
    };
    assert_eq!(faulty.begin(&other).await, Begun::Joined(manifest.nonce));
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_sets_its_tag_once() {
    let faulty = Faulty::new().await;
    let manifest = faulty.manifest();
    faulty.begin(&manifest).await;
    faulty.lose("TransactWriteItems");
    faulty
        .store
        .commit_manifest(&commit(&manifest, "latest"))
        .await
        .unwrap();
    assert!(faulty.dynamo.is_done());
    let tag = faulty
        .store
        .tag(&repository(), &"latest".parse().unwrap())
        .await;
    let first = Version::fresh(manifest.pushed_at);
    assert_eq!(tag.unwrap().unwrap().version, first);
}

#[tokio::test]
async fn a_hidden_manifest_whose_answer_was_lost_is_hidden_and_in_the_queue_once() {
    let faulty = Faulty::new().await;
    let manifest = faulty.push("latest").await;
    faulty.lose("TransactWriteItems");
    faulty.delete(&manifest).await.unwrap();
    assert!(faulty.dynamo.is_done());
    assert_eq!(faulty.state(&manifest).await, Some(ManifestState::Deleting));
    assert_eq!(faulty.due().await.len(), 1);
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_written_once() {
    let faulty = Faulty::new().await;
    let edge = Edge {
        manifest: layer(),
        nonce: fresh(),
    };
    let targets = [EdgeTarget::Blob(layer()), EdgeTarget::Manifest(layer())];
    faulty.lose("BatchWriteItem");
    faulty
        .store
        .put_edges(&repository(), edge, &targets)
        .await
        .unwrap();
    for _ in 0..2 {
        faulty.lose("BatchWriteItem");
    }
    let now = faulty.clock.now();
    faulty
        .store
        .delete_edges(&repository(), edge, &targets, now)
        .await
        .unwrap();
    assert!(faulty.dynamo.is_done());
    assert_eq!(faulty.due().await.len(), 2);
}

/// The entry's own subject, once the process has died before it could say that
/// the transition is over.
async fn assert_due_minutes_later(faulty: &Faulty, subject: GcSubject) {
    assert!(faulty.due().await.is_empty());
    faulty.clock.advance(Duration::from_mins(4));
    assert!(faulty.due().await.is_empty());
    faulty.clock.advance(Duration::from_mins(1));
    assert_eq!(faulty.due().await, [subject]);
}

#[tokio::test]
async fn an_entry_whose_transaction_may_be_under_way_is_due_minutes_later() {
    let faulty = Faulty::new().await;
    let token = faulty.condemned().await;
    faulty.fail("PutItem", ALL_TRIES);
    let now = faulty.clock.now();
    faulty
        .store
        .delete_link(&repository(), layer(), token, now)
        .await
        .unwrap();
    assert_due_minutes_later(&faulty, GcSubject::Blob(layer())).await;
}

#[tokio::test]
async fn an_entry_whose_deletion_may_have_died_is_due_minutes_later() {
    let faulty = Faulty::new().await;
    let manifest = faulty.push("latest").await;
    faulty.fail("TransactWriteItems", ALL_TRIES);
    let failed = faulty.delete(&manifest).await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable(_))),
        "{failed:?}"
    );
    let subject = GcSubject::Manifest(repository(), manifest.digest);
    assert_due_minutes_later(&faulty, subject).await;
}

#[tokio::test]
async fn an_entry_that_is_due_late_is_not_held() {
    let faulty = Faulty::new().await;
    let late = faulty.clock.now() + Duration::from_hours(1);
    // The entry and the back-edge; to let the entry go would need a third.
    for _ in 0..2 {
        faulty.dynamo.before_next("PutItem", async {});
    }
    faulty.fail("PutItem", 1);
    faulty
        .store
        .prepare_link(&repository(), layer(), fresh(), late)
        .await
        .unwrap();
    faulty.clock.advance(Duration::from_hours(1));
    assert_eq!(faulty.due().await, [GcSubject::Link(repository(), layer())]);
    assert!(!faulty.dynamo.is_done());
}

#[tokio::test]
async fn an_idle_session_that_was_touched_is_filed_again_and_one_that_ended_is_forgotten() {
    let faulty = Faulty::new().await;
    let (ended, touched, idle) = (
        faulty.upload().await,
        faulty.upload().await,
        faulty.upload().await,
    );
    let store = &faulty.store;
    store.delete_upload(ended.id, 0, &[]).await.unwrap();
    faulty.clock.advance(Duration::from_secs(10));
    let at = faulty.clock.now();
    store.touch_upload(touched.id, 0, at).await.unwrap();
    faulty.clock.advance(Duration::from_secs(10));
    let listed = |before: Timestamp| async move {
        let page = store.idle_uploads(before, 10).await.unwrap();
        let ids: Vec<UploadId> = page.items.iter().map(|session| session.id).collect();
        ids
    };
    assert_eq!(listed(at).await, [idle.id]);
    assert_eq!(listed(faulty.clock.now()).await, [idle.id, touched.id]);
}

/// The largest transaction: a manifest, its place as a referrer, a session, and
/// three records a tag.
#[tokio::test]
async fn a_push_that_refers_moves_32_tags_and_ends_a_session_at_once() {
    let faulty = Faulty::new().await;
    let (store, session) = (&faulty.store, faulty.upload().await);
    let tags: Vec<TagName> = (0..32)
        .map(|number| format!("v{number}").parse().unwrap())
        .collect();
    let old = faulty.push("latest").await;
    let now = faulty.clock.now();
    store.put_tags(&old, &tags, now).await.unwrap();
    let mut new = Manifest {
        digest: layer(),
        ..faulty.manifest()
    };
    new.facts.subject = Some(old.digest);
    faulty.begin(&new).await;
    let commit = CommitManifest {
        tags: tags.clone(),
        referrer: Some(Referrer {
            digest: new.digest,
            media_type: new.media_type.clone(),
            size: new.size,
            artifact_type: None,
            annotations: None,
        }),
        session: Some((session.id, 0)),
        ..commit(&new, "latest")
    };
    store.commit_manifest(&commit).await.unwrap();
    for (manifest, expected) in [(&old, 1), (&new, 32)] {
        let page = store
            .tags_of(&manifest.repository, manifest.digest, None, 100)
            .await;
        assert_eq!(page.unwrap().items.len(), expected);
    }
    assert!(store.upload(session.id).await.unwrap().is_none());
}
