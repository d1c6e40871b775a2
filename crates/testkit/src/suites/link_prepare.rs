//! Behaviours of [`LinkStore`](berth_ports::LinkStore): before the commit, and instead
//! of it.

use berth_domain::{Blob, EdgeTarget, Link, LinkId, ProjectId};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BackEdge, CommitLink, GcSubject, LinkCommit, LinkSource};

use super::fixtures::{digest, fresh};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about prepared links.
    link_prepare_suite in link_prepare {
        a_prepared_link_is_a_pending_back_edge_and_nothing_more,
        a_prepared_link_is_in_the_gc_queue,
        a_withdrawn_back_edge_is_gone,
        a_linked_back_edge_cannot_be_withdrawn,
        withdrawing_a_back_edge_that_is_not_there_is_no_error,
    }
}

impl Stores {
    /// Prepares a link under a fresh id.
    pub(super) async fn prepare(&self, repository: &RepositoryName, digest: Digest) -> LinkId {
        let id = fresh();
        self.links
            .prepare_link(repository, digest, id, self.now())
            .await
            .unwrap();
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
            project: ProjectId(1),
            digest,
            id,
            source: LinkSource::NewBlob {
                key: fresh(),
                size: 5,
            },
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

    /// The blob `layer`.
    pub(super) async fn blob(&self) -> Option<Blob> {
        self.links.blob(digest("layer")).await.unwrap()
    }

    pub(super) async fn back_edges(&self, digest: Digest) -> Vec<BackEdge> {
        self.links
            .back_edges(digest, None, 1000)
            .await
            .unwrap()
            .items
    }
}

/// No link, no blob.
pub async fn a_prepared_link_is_a_pending_back_edge_and_nothing_more(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let pending = BackEdge {
        repository: repository.clone(),
        id,
        linked: false,
    };
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
    assert_eq!(due[0].subject, GcSubject::target(&repository, target));
    assert_eq!(due[0].due, stores.now());
}

/// Others stay.
pub async fn a_withdrawn_back_edge_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let gone = stores.prepare(&repository, layer).await;
    let kept = stores.prepare(&repository, layer).await;
    stores
        .links
        .withdraw_link(&repository, layer, gone)
        .await
        .unwrap();
    let edges = stores.back_edges(layer).await;
    assert_eq!(
        edges,
        [BackEdge {
            repository,
            id: kept,
            linked: false
        }]
    );
}

/// It goes with its link.
pub async fn a_linked_back_edge_cannot_be_withdrawn(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let link = stores.make_link(&repository, digest("layer")).await;
    stores
        .links
        .withdraw_link(&repository, link.digest, link.id)
        .await
        .unwrap();
    assert!(stores.back_edges(link.digest).await[0].linked);
    assert_eq!(stores.link(&repository, link.digest).await, Some(link));
}

/// A repeat says nothing.
pub async fn withdrawing_a_back_edge_that_is_not_there_is_no_error(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores
        .links
        .withdraw_link(&repository, digest("layer"), fresh())
        .await
        .unwrap();
}
