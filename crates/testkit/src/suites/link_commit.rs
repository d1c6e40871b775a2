//! Behaviours of [`LinkStore`](berth_ports::LinkStore): how links come to be.

use berth_domain::{Blob, EdgeTarget, Link, LinkId, LinkState, ObjectKey};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BackEdge, CommitLink, GcSubject, LinkCommit, LinkSource};

use super::fixtures::{RUNNERS, digest, fresh, job, race};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about commits.
    link_commit_suite in link_commit {
        a_prepared_link_is_a_pending_back_edge_and_nothing_more,
        a_prepared_link_is_in_the_gc_queue,
        a_new_blobs_link_is_live_and_both_are_read_back_whole,
        a_commit_makes_its_back_edge_linked,
        a_commit_puts_its_jobs_into_the_outbox,
        a_new_blob_that_is_there_already_is_to_be_read_again,
        a_further_link_raises_the_blobs_generation,
        a_commit_needs_the_blobs_key_and_not_its_generation,
        a_blob_that_is_gone_is_to_be_read_again,
        a_blob_of_another_key_is_to_be_read_again,
        a_commit_without_its_back_edge_is_to_be_prepared_again,
        a_back_edge_of_another_repository_does_not_count,
        a_link_that_is_there_already_is_to_be_read_again,
        a_condemned_link_that_is_there_is_to_be_read_again,
        a_refused_commit_changes_nothing,
        a_repeated_commit_is_not_done_again,
        a_commit_ends_its_session,
        a_commit_with_a_claimed_session_is_fenced,
        a_commit_with_a_gone_session_is_fenced,
        a_session_is_spent_once,
        one_of_many_becomes_the_blob,
        one_of_many_becomes_the_link,
        links_of_one_blob_in_many_repositories_at_once_are_all_made,
        a_withdrawn_back_edge_is_gone,
        a_linked_back_edge_cannot_be_withdrawn,
        withdrawing_a_back_edge_that_is_not_there_is_no_error,
    }
}

impl Stores {
    /// Prepares a link under a fresh id.
    pub(super) async fn prepare(&self, repository: &RepositoryName, digest: Digest) -> LinkId {
        let id = fresh();
        self.links.prepare_link(repository, digest, id, self.now()).await.unwrap();
        id
    }

    /// The commit of a new blob's link.
    pub(super) fn link_commit(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
    ) -> CommitLink {
        CommitLink {
            repository: repository.clone(),
            digest,
            id,
            source: LinkSource::NewBlob { key: fresh(), size: 5 },
            session: None,
            jobs: vec![],
            now: self.now(),
        }
    }

    /// Prepares and commits a link to a blob, the first or a further one.
    pub(super) async fn make_link(&self, repository: &RepositoryName, digest: Digest) -> Link {
        let id = self.prepare(repository, digest).await;
        let mut commit = self.link_commit(repository, digest, id);
        if let Some(blob) = self.links.blob(digest).await.unwrap() {
            commit.source = LinkSource::Blob(blob);
        }
        assert_eq!(self.commit_link(&commit).await, LinkCommit::Done);
        self.link(repository, digest).await.unwrap()
    }

    pub(super) async fn commit_link(&self, commit: &CommitLink) -> LinkCommit {
        self.links.commit_link(commit).await.unwrap()
    }

    pub(super) async fn link(&self, repository: &RepositoryName, digest: Digest) -> Option<Link> {
        self.links.link(repository, digest).await.unwrap()
    }

    async fn blob(&self) -> Option<Blob> {
        self.links.blob(digest("layer")).await.unwrap()
    }

    pub(super) async fn back_edges(&self, digest: Digest) -> Vec<BackEdge> {
        self.links.back_edges(digest, None, 1000).await.unwrap().items
    }
}

/// No link, no blob.
pub async fn a_prepared_link_is_a_pending_back_edge_and_nothing_more(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let pending = BackEdge { repository: repository.clone(), id, linked: false };
    assert_eq!(stores.back_edges(layer).await, [pending]);
    assert_eq!(stores.link(&repository, layer).await, None);
    assert_eq!(stores.blob().await, None);
}

/// So that a commit that never came is found.
pub async fn a_prepared_link_is_in_the_gc_queue(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.prepare(&repository, digest("layer")).await;
    let due = stores.gc.due(stores.now(), None, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    let target = EdgeTarget::Blob(digest("layer"));
    assert_eq!(due[0].subject, GcSubject::Target(repository, target));
    assert_eq!(due[0].due, stores.now());
}

/// The link has copies of the blob's key and size.
pub async fn a_new_blobs_link_is_live_and_both_are_read_back_whole(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = Digest::of(berth_oci::Algorithm::Sha512, b"layer");
    let id = stores.prepare(&repository, layer).await;
    let (key, size) = (fresh::<ObjectKey>(), 1 << 40);
    let commit = CommitLink {
        source: LinkSource::NewBlob { key, size },
        now: stores.later(),
        ..stores.link_commit(&repository, layer, id)
    };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Done);
    let expected = Link {
        repository: repository.clone(),
        digest: layer,
        id,
        state: LinkState::Live,
        key,
        size,
        touched_at: stores.now(),
    };
    assert_eq!(stores.link(&repository, layer).await, Some(expected));
    let blob = stores.links.blob(layer).await.unwrap().unwrap();
    assert_eq!((blob.digest, blob.key, blob.size), (layer, key, size));
}

/// The blob knows its link from then on.
pub async fn a_commit_makes_its_back_edge_linked(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let link = stores.make_link(&repository, digest("layer")).await;
    let linked = BackEdge { repository, id: link.id, linked: true };
    assert_eq!(stores.back_edges(digest("layer")).await, [linked]);
}

/// In the same transaction.
pub async fn a_commit_puts_its_jobs_into_the_outbox(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let jobs = vec![job(), job()];
    let commit =
        CommitLink { jobs: jobs.clone(), ..stores.link_commit(&repository, layer, id) };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Done);
    let mut unsent = stores.unsent().await;
    unsent.sort_by_key(|envelope| envelope.id);
    assert_eq!(unsent, jobs);
}

async fn assert_retry(stores: &Stores, commit: &CommitLink) {
    assert_eq!(stores.commit_link(commit).await, LinkCommit::Retry);
}

/// Somebody else's copy became the blob.
pub async fn a_new_blob_that_is_there_already_is_to_be_read_again(stores: &Stores) {
    let one = stores.make_repository("a/one").await;
    let other = stores.make_repository("a/other").await;
    let layer = digest("layer");
    stores.make_link(&one, layer).await;
    let before = stores.blob().await;
    let id = stores.prepare(&other, layer).await;
    assert_retry(stores, &stores.link_commit(&other, layer, id)).await;
    assert_eq!(stores.blob().await, before);
    assert_eq!(stores.link(&other, layer).await, None);
}

/// The sweep of a blob sees by it that a link was added; the key stays.
pub async fn a_further_link_raises_the_blobs_generation(stores: &Stores) {
    let one = stores.make_repository("a/one").await;
    let other = stores.make_repository("a/other").await;
    let first = stores.make_link(&one, digest("layer")).await;
    let before = stores.blob().await.unwrap();
    let further = stores.make_link(&other, digest("layer")).await;
    assert_eq!((further.key, further.size), (first.key, first.size));
    assert_ne!(further.id, first.id);
    let generation = before.generation + 1;
    assert_eq!(stores.blob().await, Some(Blob { generation, ..before }));
    assert_eq!(stores.back_edges(digest("layer")).await.len(), 2);
}

/// Mounts into two repositories do not disturb each other.
pub async fn a_commit_needs_the_blobs_key_and_not_its_generation(stores: &Stores) {
    let layer = digest("layer");
    let first = stores.make_repository("a/first").await;
    stores.make_link(&first, layer).await;
    let read = stores.blob().await.unwrap();
    for name in ["a/one", "a/other"] {
        let repository = stores.make_repository(name).await;
        let id = stores.prepare(&repository, layer).await;
        let source = LinkSource::Blob(read.clone());
        let commit = CommitLink { source, ..stores.link_commit(&repository, layer, id) };
        assert_eq!(stores.commit_link(&commit).await, LinkCommit::Done);
    }
    assert_eq!(stores.blob().await.unwrap().generation, read.generation + 2);
}

/// The sweep was faster.
pub async fn a_blob_that_is_gone_is_to_be_read_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let gone = Blob { digest: layer, key: fresh(), size: 5, generation: 1 };
    let source = LinkSource::Blob(gone);
    assert_retry(stores, &CommitLink { source, ..stores.link_commit(&repository, layer, id) }).await;
    assert_eq!(stores.blob().await, None);
    assert_eq!(stores.link(&repository, layer).await, None);
}

/// It was collected and pushed again meanwhile.
pub async fn a_blob_of_another_key_is_to_be_read_again(stores: &Stores) {
    let one = stores.make_repository("a/one").await;
    let other = stores.make_repository("a/other").await;
    let layer = digest("layer");
    stores.make_link(&one, layer).await;
    let before = stores.blob().await.unwrap();
    let id = stores.prepare(&other, layer).await;
    let source = LinkSource::Blob(Blob { key: fresh(), ..before.clone() });
    assert_retry(stores, &CommitLink { source, ..stores.link_commit(&other, layer, id) }).await;
    assert_eq!(stores.blob().await, Some(before));
}

/// Never prepared, or withdrawn by a sweep.
pub async fn a_commit_without_its_back_edge_is_to_be_prepared_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    assert_retry(stores, &stores.link_commit(&repository, layer, fresh())).await;
    let id = stores.prepare(&repository, layer).await;
    stores.links.withdraw_link(&repository, layer, id).await.unwrap();
    assert_retry(stores, &stores.link_commit(&repository, layer, id)).await;
    assert_eq!((stores.link(&repository, layer).await, stores.blob().await), (None, None));
    assert_eq!(stores.back_edges(layer).await, []);
}

/// Nor does another blob's.
pub async fn a_back_edge_of_another_repository_does_not_count(stores: &Stores) {
    let one = stores.make_repository("a/one").await;
    let other = stores.make_repository("a/other").await;
    let layer = digest("layer");
    let elsewhere = stores.prepare(&other, layer).await;
    assert_retry(stores, &stores.link_commit(&one, layer, elsewhere)).await;
    let another = stores.prepare(&one, digest("another")).await;
    assert_retry(stores, &stores.link_commit(&one, layer, another)).await;
    assert_eq!(stores.blob().await, None);
}

/// Somebody else's push was faster.
pub async fn a_link_that_is_there_already_is_to_be_read_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let link = stores.make_link(&repository, layer).await;
    let blob = stores.blob().await.unwrap();
    let id = stores.prepare(&repository, layer).await;
    let source = LinkSource::Blob(blob.clone());
    assert_retry(stores, &CommitLink { source, ..stores.link_commit(&repository, layer, id) }).await;
    assert_eq!(stores.link(&repository, layer).await, Some(link));
    assert_eq!(stores.blob().await, Some(blob));
}

/// It is to be revived.
pub async fn a_condemned_link_that_is_there_is_to_be_read_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let link = stores.make_link(&repository, layer).await;
    stores.links.condemn_link(&repository, layer, link.id, fresh()).await.unwrap();
    let id = stores.prepare(&repository, layer).await;
    let source = LinkSource::Blob(stores.blob().await.unwrap());
    assert_retry(stores, &CommitLink { source, ..stores.link_commit(&repository, layer, id) }).await;
    assert!(stores.link(&repository, layer).await.unwrap().state != LinkState::Live);
}

/// No job, no end of the session, no linked back-edge.
pub async fn a_refused_commit_changes_nothing(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/other").await;
    let layer = digest("layer");
    stores.make_link(&other, layer).await;
    let session = stores.make_upload(&repository).await;
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink {
        session: Some((session.id, 1)),
        jobs: vec![job()],
        ..stores.link_commit(&repository, layer, id)
    };
    assert_retry(stores, &commit).await;
    assert_eq!(stores.unsent().await, []);
    assert!(stores.uploads.upload(session.id).await.unwrap().is_some());
    let pending = stores.back_edges(layer).await.into_iter().find(|edge| !edge.linked).unwrap();
    assert_eq!((pending.repository, pending.id), (repository, id));
}

/// An answer that was lost: the link is found on reading again.
pub async fn a_repeated_commit_is_not_done_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink { jobs: vec![job()], ..stores.link_commit(&repository, layer, id) };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Done);
    assert_retry(stores, &commit).await;
    assert_eq!(stores.unsent().await, commit.jobs);
    assert_eq!(stores.link(&repository, layer).await.unwrap().id, id);
}

/// The object is the blob's, or trash, then.
pub async fn a_commit_ends_its_session(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let session = stores.make_upload(&repository).await;
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink {
        session: Some((session.id, 1)),
        ..stores.link_commit(&repository, layer, id)
    };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Done);
    assert!(stores.uploads.upload(session.id).await.unwrap().is_none());
}

/// The object is the claimer's.
pub async fn a_commit_with_a_claimed_session_is_fenced(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let session = stores.make_upload(&repository).await;
    stores.uploads.claim_upload(session.id, 1, stores.now()).await.unwrap();
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink {
        session: Some((session.id, 1)),
        jobs: vec![job()],
        ..stores.link_commit(&repository, layer, id)
    };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Fenced);
    assert!(stores.uploads.upload(session.id).await.unwrap().is_some());
    assert_eq!((stores.link(&repository, layer).await, stores.blob().await), (None, None));
    assert_eq!(stores.unsent().await, []);
}

/// The object is trash by now.
pub async fn a_commit_with_a_gone_session_is_fenced(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink {
        session: Some((fresh(), 1)),
        ..stores.link_commit(&repository, layer, id)
    };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Fenced);
    assert_eq!((stores.link(&repository, layer).await, stores.blob().await), (None, None));
}

/// One object cannot become two blobs.
pub async fn a_session_is_spent_once(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let session = stores.make_upload(&repository).await;
    let mut commits = Vec::new();
    for number in 0..RUNNERS {
        let layer = digest(&number.to_string());
        let id = stores.prepare(&repository, layer).await;
        commits.push(CommitLink {
            session: Some((session.id, 1)),
            ..stores.link_commit(&repository, layer, id)
        });
    }
    let results = race(|runner| {
        let (stores, commit) = (stores.clone(), commits[runner].clone());
        async move { stores.commit_link(&commit).await }
    })
    .await;
    let done = results.iter().filter(|result| **result == LinkCommit::Done).count();
    let fenced = results.iter().filter(|result| **result == LinkCommit::Fenced).count();
    assert_eq!((done, fenced), (1, RUNNERS - 1));
}

/// Pushes of one new blob to many repositories: one copy is kept.
pub async fn one_of_many_becomes_the_blob(stores: &Stores) {
    let layer = digest("layer");
    let mut commits = Vec::new();
    for number in 0..RUNNERS {
        let repository = stores.make_repository(&format!("a/{number}")).await;
        let id = stores.prepare(&repository, layer).await;
        commits.push(stores.link_commit(&repository, layer, id));
    }
    let results = race(|runner| {
        let (stores, commit) = (stores.clone(), commits[runner].clone());
        async move { stores.commit_link(&commit).await }
    })
    .await;
    let done: Vec<_> =
        (0..RUNNERS).filter(|runner| results[*runner] == LinkCommit::Done).collect();
    assert_eq!(done.len(), 1);
    let link = stores.link(&commits[done[0]].repository, layer).await.unwrap();
    assert_eq!(stores.blob().await.unwrap().key, link.key);
    assert!(results.iter().all(|result| *result != LinkCommit::Fenced));
}

/// Pushes of one blob to one repository: one link is made.
pub async fn one_of_many_becomes_the_link(stores: &Stores) {
    let layer = digest("layer");
    let first = stores.make_repository("a/first").await;
    stores.make_link(&first, layer).await;
    let blob = stores.blob().await.unwrap();
    let repository = stores.make_repository("a/b").await;
    let mut commits = Vec::new();
    for _ in 0..RUNNERS {
        let id = stores.prepare(&repository, layer).await;
        let source = LinkSource::Blob(blob.clone());
        commits.push(CommitLink { source, ..stores.link_commit(&repository, layer, id) });
    }
    let results = race(|runner| {
        let (stores, commit) = (stores.clone(), commits[runner].clone());
        async move { (commit.id, stores.commit_link(&commit).await) }
    })
    .await;
    let done: Vec<_> =
        results.iter().filter(|(_, result)| *result == LinkCommit::Done).collect();
    assert_eq!(done.len(), 1);
    assert_eq!(stores.link(&repository, layer).await.unwrap().id, done[0].0);
    assert_eq!(stores.blob().await.unwrap().generation, blob.generation + 1);
    let linked = stores.back_edges(layer).await.into_iter().filter(|edge| edge.linked).count();
    assert_eq!(linked, 2);
}

/// Each raises the generation.
pub async fn links_of_one_blob_in_many_repositories_at_once_are_all_made(stores: &Stores) {
    let layer = digest("layer");
    let first = stores.make_repository("a/first").await;
    stores.make_link(&first, layer).await;
    let blob = stores.blob().await.unwrap();
    let mut commits = Vec::new();
    for number in 0..RUNNERS {
        let repository = stores.make_repository(&format!("a/{number}")).await;
        let id = stores.prepare(&repository, layer).await;
        let source = LinkSource::Blob(blob.clone());
        commits.push(CommitLink { source, ..stores.link_commit(&repository, layer, id) });
    }
    let results = race(|runner| {
        let (stores, commit) = (stores.clone(), commits[runner].clone());
        async move { stores.commit_link(&commit).await }
    })
    .await;
    assert!(results.iter().all(|result| *result == LinkCommit::Done), "{results:?}");
    let raised = stores.blob().await.unwrap().generation - blob.generation;
    assert_eq!(raised, RUNNERS as u64);
}

/// Others stay.
pub async fn a_withdrawn_back_edge_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let gone = stores.prepare(&repository, layer).await;
    let kept = stores.prepare(&repository, layer).await;
    stores.links.withdraw_link(&repository, layer, gone).await.unwrap();
    let edges = stores.back_edges(layer).await;
    assert_eq!(edges, [BackEdge { repository, id: kept, linked: false }]);
}

/// It goes with its link.
pub async fn a_linked_back_edge_cannot_be_withdrawn(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let link = stores.make_link(&repository, digest("layer")).await;
    stores.links.withdraw_link(&repository, link.digest, link.id).await.unwrap();
    assert!(stores.back_edges(link.digest).await[0].linked);
    assert_eq!(stores.link(&repository, link.digest).await, Some(link));
}

/// A repeat says nothing.
pub async fn withdrawing_a_back_edge_that_is_not_there_is_no_error(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.links.withdraw_link(&repository, digest("layer"), fresh()).await.unwrap();
}
