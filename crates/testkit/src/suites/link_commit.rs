//! Behaviours of [`LinkStore`](berth_ports::LinkStore): how links come to be.

use berth_domain::{Blob, Link, LinkState, ObjectKey};
use berth_oci::Digest;
use berth_ports::{BackEdge, CommitLink, LinkCommit, LinkSource};

use super::fixtures::{digest, fresh, job};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about commits.
    link_commit_suite in link_commit {
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
    }
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
        project: commit.project,
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
    let linked = BackEdge {
        repository,
        id: link.id,
        linked: true,
    };
    assert_eq!(stores.back_edges(digest("layer")).await, [linked]);
}

/// In the same transaction.
pub async fn a_commit_puts_its_jobs_into_the_outbox(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let jobs = vec![job(), job()];
    let commit = CommitLink {
        jobs: jobs.clone(),
        ..stores.link_commit(&repository, layer, id)
    };
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
    assert_eq!(
        stores.blob().await,
        Some(Blob {
            generation,
            ..before
        })
    );
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
        let commit = CommitLink {
            source,
            ..stores.link_commit(&repository, layer, id)
        };
        assert_eq!(stores.commit_link(&commit).await, LinkCommit::Done);
    }
    assert_eq!(stores.blob().await.unwrap().generation, read.generation + 2);
}

/// The sweep was faster.
pub async fn a_blob_that_is_gone_is_to_be_read_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let gone = Blob {
        digest: layer,
        key: fresh(),
        size: 5,
        generation: 1,
    };
    let source = LinkSource::Blob(gone);
    assert_retry(
        stores,
        &CommitLink {
            source,
            ..stores.link_commit(&repository, layer, id)
        },
    )
    .await;
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
    let source = LinkSource::Blob(Blob {
        key: fresh(),
        ..before.clone()
    });
    assert_retry(
        stores,
        &CommitLink {
            source,
            ..stores.link_commit(&other, layer, id)
        },
    )
    .await;
    assert_eq!(stores.blob().await, Some(before));
}

/// Never prepared, or withdrawn by a sweep.
pub async fn a_commit_without_its_back_edge_is_to_be_prepared_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    assert_retry(stores, &stores.link_commit(&repository, layer, fresh())).await;
    let id = stores.prepare(&repository, layer).await;
    stores
        .links
        .withdraw_link(&repository, layer, id)
        .await
        .unwrap();
    assert_retry(stores, &stores.link_commit(&repository, layer, id)).await;
    assert_eq!(
        (stores.link(&repository, layer).await, stores.blob().await),
        (None, None)
    );
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
    assert_retry(
        stores,
        &CommitLink {
            source,
            ..stores.link_commit(&repository, layer, id)
        },
    )
    .await;
    assert_eq!(stores.link(&repository, layer).await, Some(link));
    assert_eq!(stores.blob().await, Some(blob));
}

/// It is to be revived.
pub async fn a_condemned_link_that_is_there_is_to_be_read_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let link = stores.make_link(&repository, layer).await;
    stores
        .links
        .condemn_link(&repository, layer, link.id, fresh())
        .await
        .unwrap();
    let id = stores.prepare(&repository, layer).await;
    let source = LinkSource::Blob(stores.blob().await.unwrap());
    assert_retry(
        stores,
        &CommitLink {
            source,
            ..stores.link_commit(&repository, layer, id)
        },
    )
    .await;
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
    let pending = stores
        .back_edges(layer)
        .await
        .into_iter()
        .find(|edge| !edge.linked)
        .unwrap();
    assert_eq!((pending.repository, pending.id), (repository, id));
}

/// An answer that was lost: the link is found on reading again.
pub async fn a_repeated_commit_is_not_done_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let layer = digest("layer");
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink {
        jobs: vec![job()],
        ..stores.link_commit(&repository, layer, id)
    };
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
    stores
        .uploads
        .claim_upload(session.id, 1, stores.now())
        .await
        .unwrap();
    let id = stores.prepare(&repository, layer).await;
    let commit = CommitLink {
        session: Some((session.id, 1)),
        jobs: vec![job()],
        ..stores.link_commit(&repository, layer, id)
    };
    assert_eq!(stores.commit_link(&commit).await, LinkCommit::Fenced);
    assert!(stores.uploads.upload(session.id).await.unwrap().is_some());
    assert_eq!(
        (stores.link(&repository, layer).await, stores.blob().await),
        (None, None)
    );
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
    assert_eq!(
        (stores.link(&repository, layer).await, stores.blob().await),
        (None, None)
    );
}
