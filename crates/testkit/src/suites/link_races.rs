//! Behaviours of [`LinkStore`](berth_ports::LinkStore): commits at once.

use berth_ports::{CommitLink, LinkCommit, LinkSource};

use super::fixtures::{RUNNERS, digest, race};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about commits at once.
    link_races_suite in link_races {
        a_session_is_spent_once,
        one_of_many_becomes_the_blob,
        one_of_many_becomes_the_link,
        links_of_one_blob_in_many_repositories_at_once_are_all_made,
    }
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
    let done = results
        .iter()
        .filter(|result| **result == LinkCommit::Done)
        .count();
    let fenced = results
        .iter()
        .filter(|result| **result == LinkCommit::Fenced)
        .count();
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
    let done: Vec<_> = (0..RUNNERS)
        .filter(|runner| results[*runner] == LinkCommit::Done)
        .collect();
    assert_eq!(done.len(), 1);
    let link = stores
        .link(&commits[done[0]].repository, layer)
        .await
        .unwrap();
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
        commits.push(CommitLink {
            source,
            ..stores.link_commit(&repository, layer, id)
        });
    }
    let results = race(|runner| {
        let (stores, commit) = (stores.clone(), commits[runner].clone());
        async move { (commit.id, stores.commit_link(&commit).await) }
    })
    .await;
    let done: Vec<_> = results
        .iter()
        .filter(|(_, result)| *result == LinkCommit::Done)
        .collect();
    assert_eq!(done.len(), 1);
    assert_eq!(stores.link(&repository, layer).await.unwrap().id, done[0].0);
    assert_eq!(stores.blob().await.unwrap().generation, blob.generation + 1);
    let linked = stores
        .back_edges(layer)
        .await
        .into_iter()
        .filter(|edge| edge.linked)
        .count();
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
        commits.push(CommitLink {
            source,
            ..stores.link_commit(&repository, layer, id)
        });
    }
    let results = race(|runner| {
        let (stores, commit) = (stores.clone(), commits[runner].clone());
        async move { stores.commit_link(&commit).await }
    })
    .await;
    assert!(
        results.iter().all(|result| *result == LinkCommit::Done),
        "{results:?}"
    );
    let raised = stores.blob().await.unwrap().generation - blob.generation;
    assert_eq!(raised, RUNNERS as u64);
}
