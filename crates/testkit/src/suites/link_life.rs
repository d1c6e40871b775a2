//! Behaviours of [`LinkStore`](berth_ports::LinkStore): condemned, revived,
//! deleted.

use berth_domain::{Link, LinkState, LinkToken};
use berth_ports::{GcSubject, StoreResult};

use super::fixtures::{digest, fresh, race, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about condemned links.
    link_life_suite in link_life {
        a_touched_link_has_the_new_time,
        a_condemned_link_has_its_token,
        a_condemned_link_cannot_be_condemned_again,
        a_link_of_another_life_cannot_be_condemned,
        a_link_that_is_not_there_cannot_be_condemned,
        one_of_many_condemners_wins,
        a_revived_link_is_live_and_touched,
        a_link_is_not_revived_without_its_token,
        a_link_is_not_revived_under_another_token,
        a_live_link_is_not_revived_under_a_token,
        a_link_that_is_not_there_cannot_be_revived,
        a_deleted_link_is_gone_and_its_blob_stays,
        the_blob_of_a_deleted_link_is_in_the_gc_queue,
        a_link_is_not_deleted_under_another_token,
        a_live_link_cannot_be_deleted,
        a_revived_link_cannot_be_deleted_under_its_old_token,
        a_link_that_is_not_there_cannot_be_deleted,
        either_a_deletion_or_a_revival_succeeds,
        a_deleted_link_can_be_made_again,
        other_repositories_links_stay,
    }
}

async fn make(stores: &Stores) -> Link {
    let repository = stores.make_repository("a/b").await;
    stores.make_link(&repository, digest("layer")).await
}

/// A link that is condemned, and its token.
async fn make_condemned(stores: &Stores) -> (Link, LinkToken) {
    let link = make(stores).await;
    let token = fresh();
    condemn(stores, &link, token).await.unwrap();
    (link, token)
}

async fn condemn(stores: &Stores, link: &Link, token: LinkToken) -> StoreResult<()> {
    stores
        .links
        .condemn_link(&link.repository, link.digest, link.id, token)
        .await
}

async fn revive(stores: &Stores, link: &Link, token: Option<LinkToken>) -> StoreResult<()> {
    stores
        .links
        .revive_link(&link.repository, link.digest, token, stores.now())
        .await
}

async fn delete(stores: &Stores, link: &Link, token: LinkToken) -> StoreResult<()> {
    stores
        .links
        .delete_link(&link.repository, link.digest, token, stores.now())
        .await
}

/// The stored link is as given.
async fn assert_link(stores: &Stores, expected: Link) {
    let found = stores.link(&expected.repository, expected.digest).await;
    assert_eq!(found, Some(expected));
}

fn condemned(link: &Link, token: LinkToken) -> Link {
    Link {
        state: LinkState::Condemned(token),
        ..link.clone()
    }
}

/// A promise to a pusher holds from then on.
pub async fn a_touched_link_has_the_new_time(stores: &Stores) {
    let link = make(stores).await;
    let touched_at = stores.later();
    revive(stores, &link, None).await.unwrap();
    assert_link(stores, Link { touched_at, ..link }).await;
}

/// All else is as it was.
pub async fn a_condemned_link_has_its_token(stores: &Stores) {
    let link = make(stores).await;
    let token = fresh();
    condemn(stores, &link, token).await.unwrap();
    assert_link(stores, condemned(&link, token)).await;
}

/// The first condemnation goes on.
pub async fn a_condemned_link_cannot_be_condemned_again(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    assert_fails!(condemn(stores, &link, fresh()).await, Conflict);
    assert_link(stores, condemned(&link, token)).await;
}

/// The id tells the lives of a link apart.
pub async fn a_link_of_another_life_cannot_be_condemned(stores: &Stores) {
    let (old, token) = make_condemned(stores).await;
    delete(stores, &old, token).await.unwrap();
    let new = stores.make_link(&old.repository, old.digest).await;
    assert_fails!(condemn(stores, &old, fresh()).await, Conflict);
    assert_link(stores, new).await;
}

/// Never made, or gone.
pub async fn a_link_that_is_not_there_cannot_be_condemned(stores: &Stores) {
    let link = make(stores).await;
    let other = Link {
        digest: digest("other"),
        ..link
    };
    assert_fails!(condemn(stores, &other, fresh()).await, Conflict);
}

/// Its token is the link's.
pub async fn one_of_many_condemners_wins(stores: &Stores) {
    let link = make(stores).await;
    let results = race(|_| {
        let (stores, link, token) = (stores.clone(), link.clone(), fresh());
        async move { condemn(&stores, &link, token).await.map(|()| token) }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let token = results.into_iter().find_map(Result::ok).unwrap();
    assert_link(stores, condemned(&link, token)).await;
}

/// Id, key and size are as they were.
pub async fn a_revived_link_is_live_and_touched(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    let touched_at = stores.later();
    revive(stores, &link, Some(token)).await.unwrap();
    assert_link(stores, Link { touched_at, ..link }).await;
}

/// Who saw it live has to read again.
pub async fn a_link_is_not_revived_without_its_token(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    stores.later();
    assert_fails!(revive(stores, &link, None).await, Conflict);
    assert_link(stores, condemned(&link, token)).await;
}

/// Who saw an earlier condemnation has to read again.
pub async fn a_link_is_not_revived_under_another_token(stores: &Stores) {
    let (link, old) = make_condemned(stores).await;
    revive(stores, &link, Some(old)).await.unwrap();
    let token = fresh();
    condemn(stores, &link, token).await.unwrap();
    assert_fails!(revive(stores, &link, Some(old)).await, Conflict);
    assert_link(stores, condemned(&link, token)).await;
}

/// Somebody else revived it.
pub async fn a_live_link_is_not_revived_under_a_token(stores: &Stores) {
    let link = make(stores).await;
    stores.later();
    assert_fails!(revive(stores, &link, Some(fresh())).await, Conflict);
    assert_link(stores, link).await;
}

/// Never made, or gone.
pub async fn a_link_that_is_not_there_cannot_be_revived(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    delete(stores, &link, token).await.unwrap();
    assert_fails!(revive(stores, &link, Some(token)).await, Conflict);
    assert_fails!(revive(stores, &link, None).await, Conflict);
    assert_eq!(stores.link(&link.repository, link.digest).await, None);
}

/// The back-edge goes with the link.
pub async fn a_deleted_link_is_gone_and_its_blob_stays(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    delete(stores, &link, token).await.unwrap();
    assert_eq!(stores.link(&link.repository, link.digest).await, None);
    assert_eq!(stores.back_edges(link.digest).await, []);
    let blob = stores.links.blob(link.digest).await.unwrap().unwrap();
    assert_eq!(blob.key, link.key);
}

/// Due now.
pub async fn the_blob_of_a_deleted_link_is_in_the_gc_queue(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    let now = stores.later();
    delete(stores, &link, token).await.unwrap();
    let due = stores.gc.due(now, None, 100).await.unwrap();
    let entry = due
        .iter()
        .find(|entry| entry.subject == GcSubject::Blob(link.digest))
        .unwrap();
    assert_eq!(entry.due, now);
}

/// Somebody else condemned it.
pub async fn a_link_is_not_deleted_under_another_token(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    assert_fails!(delete(stores, &link, fresh()).await, Conflict);
    assert_link(stores, condemned(&link, token)).await;
    assert!(stores.back_edges(link.digest).await[0].linked);
}

/// Nobody has looked whether it is needed.
pub async fn a_live_link_cannot_be_deleted(stores: &Stores) {
    let link = make(stores).await;
    assert_fails!(delete(stores, &link, fresh()).await, Conflict);
    assert_link(stores, link).await;
}

/// Even if it is condemned again.
pub async fn a_revived_link_cannot_be_deleted_under_its_old_token(stores: &Stores) {
    let (link, old) = make_condemned(stores).await;
    revive(stores, &link, Some(old)).await.unwrap();
    assert_fails!(delete(stores, &link, old).await, Conflict);
    let token = fresh();
    condemn(stores, &link, token).await.unwrap();
    assert_fails!(delete(stores, &link, old).await, Conflict);
    assert_link(stores, condemned(&link, token)).await;
}

/// The second of two deletions says so, and puts nothing into the GC queue.
pub async fn a_link_that_is_not_there_cannot_be_deleted(stores: &Stores) {
    let (link, token) = make_condemned(stores).await;
    delete(stores, &link, token).await.unwrap();
    let before = stores.gc.due(stores.now(), None, 100).await.unwrap();
    assert_fails!(delete(stores, &link, token).await, Conflict);
    assert_eq!(
        stores.gc.due(stores.now(), None, 100).await.unwrap(),
        before
    );
}

/// Never both, never neither.
pub async fn either_a_deletion_or_a_revival_succeeds(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for round in 0..4 {
        let link = stores
            .make_link(&repository, digest(&round.to_string()))
            .await;
        let token = fresh();
        condemn(stores, &link, token).await.unwrap();
        let results = race(|runner| {
            let (stores, link) = (stores.clone(), link.clone());
            async move {
                if runner % 2 == 0 {
                    return delete(&stores, &link, token).await;
                }
                revive(&stores, &link, Some(token)).await
            }
        })
        .await;
        assert_eq!(winners(&results), 1);
        let deleted = results.iter().step_by(2).any(Result::is_ok);
        assert_eq!(
            stores.link(&repository, link.digest).await.is_none(),
            deleted
        );
        assert_eq!(stores.back_edges(link.digest).await.is_empty(), deleted);
    }
}

/// Under a new id, on the same blob.
pub async fn a_deleted_link_can_be_made_again(stores: &Stores) {
    let (old, token) = make_condemned(stores).await;
    delete(stores, &old, token).await.unwrap();
    let new = stores.make_link(&old.repository, old.digest).await;
    assert_ne!(new.id, old.id);
    assert_eq!((new.state, new.key), (LinkState::Live, old.key));
}

/// Whatever happens to one.
pub async fn other_repositories_links_stay(stores: &Stores) {
    let other = stores.make_repository("a/b/c").await;
    let (link, token) = make_condemned(stores).await;
    let kept = stores.make_link(&other, link.digest).await;
    delete(stores, &link, token).await.unwrap();
    assert_eq!(stores.back_edges(link.digest).await.len(), 1);
    assert_link(stores, kept).await;
}
