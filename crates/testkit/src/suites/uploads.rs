//! Behaviours of [`UploadStore`](berth_ports::UploadStore).

use std::time::Duration;

use berth_domain::{UploadSession, WriteState};
use berth_oci::{Algorithm, Hasher};

use super::fixtures::{fresh, job, race, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `UploadStore`.
    uploads_suite in uploads {
        a_created_session_is_read_back_whole,
        a_session_that_is_not_there_is_none,
        a_claim_raises_the_epoch_and_touches,
        a_claim_of_an_older_epoch_conflicts,
        a_claim_of_a_gone_session_is_not_found,
        one_of_many_claimers_wins,
        a_checkpoint_keeps_how_far_the_write_has_come,
        a_checkpoint_of_an_older_epoch_conflicts_and_changes_nothing,
        a_checkpoint_of_a_gone_session_is_not_found,
        a_touch_puts_the_idle_time_off_at_the_same_epoch,
        a_touch_of_an_older_epoch_conflicts,
        a_checkpoint_has_up_to_64_kib_of_progress,
        a_deleted_session_is_gone_and_its_jobs_are_in_the_outbox,
        a_deletion_of_an_older_epoch_conflicts_and_sends_nothing,
        a_deletion_of_a_gone_session_is_not_found,
        either_a_claim_or_a_deletion_succeeds,
        idle_sessions_are_listed_the_longest_idle_first,
        a_touched_session_is_not_idle,
        idle_sessions_are_listed_up_to_the_limit,
    }
}

async fn make(stores: &Stores) -> UploadSession {
    let repository = stores.make_repository("a/b").await;
    stores.make_upload(&repository).await
}

/// States have no equality: their stored forms have.
fn assert_same(one: &UploadSession, other: &UploadSession) {
    assert_eq!(
        (
            one.id,
            &one.repository,
            one.key,
            one.epoch,
            one.created_at,
            one.touched_at
        ),
        (
            other.id,
            &other.repository,
            other.key,
            other.epoch,
            other.created_at,
            other.touched_at
        )
    );
    assert_same_state(&one.state, &other.state);
}

fn assert_same_state(one: &WriteState, other: &WriteState) {
    assert_eq!(
        (one.offset, one.hash.save(), &one.progress),
        (other.offset, other.hash.save(), &other.progress)
    );
}

async fn get(stores: &Stores, session: &UploadSession) -> UploadSession {
    stores.uploads.upload(session.id).await.unwrap().unwrap()
}

fn state(algorithm: Algorithm, bytes: &[u8]) -> WriteState {
    let mut hash = Hasher::new(algorithm);
    hash.update(bytes);
    WriteState {
        offset: bytes.len() as u64,
        hash,
        progress: vec![0, 1, 255],
    }
}

/// The hash goes on where it was.
pub async fn a_created_session_is_read_back_whole(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let session = UploadSession {
            id: fresh(),
            repository: repository.clone(),
            key: fresh(),
            epoch: 1,
            state: state(algorithm, b"some bytes"),
            created_at: stores.now(),
            touched_at: stores.later(),
        };
        stores.uploads.create_upload(&session).await.unwrap();
        assert_same(&get(stores, &session).await, &session);
    }
}

/// Ids are never reused.
pub async fn a_session_that_is_not_there_is_none(stores: &Stores) {
    make(stores).await;
    assert!(stores.uploads.upload(fresh()).await.unwrap().is_none());
}

/// What is returned is what is stored.
pub async fn a_claim_raises_the_epoch_and_touches(stores: &Stores) {
    let session = make(stores).await;
    let touched_at = stores.later();
    let claimed = stores
        .uploads
        .claim_upload(session.id, 1, touched_at)
        .await
        .unwrap();
    assert_same(
        &claimed,
        &UploadSession {
            epoch: 2,
            touched_at,
            ..session.clone()
        },
    );
    assert_same(&get(stores, &session).await, &claimed);
    let again = stores
        .uploads
        .claim_upload(session.id, 2, touched_at)
        .await
        .unwrap();
    assert_eq!(again.epoch, 3);
}

/// Another request was faster.
pub async fn a_claim_of_an_older_epoch_conflicts(stores: &Stores) {
    let session = make(stores).await;
    stores
        .uploads
        .claim_upload(session.id, 1, stores.now())
        .await
        .unwrap();
    let before = get(stores, &session).await;
    for epoch in [1, 3] {
        let claimed = stores
            .uploads
            .claim_upload(session.id, epoch, stores.later())
            .await;
        assert_fails!(claimed, Conflict);
    }
    assert_same(&get(stores, &session).await, &before);
}

/// Cancelled, finished or expired.
pub async fn a_claim_of_a_gone_session_is_not_found(stores: &Stores) {
    let session = make(stores).await;
    stores
        .uploads
        .delete_upload(session.id, 1, &[])
        .await
        .unwrap();
    assert_fails!(
        stores
            .uploads
            .claim_upload(session.id, 1, stores.now())
            .await,
        NotFound
    );
}

/// One writer at a time.
pub async fn one_of_many_claimers_wins(stores: &Stores) {
    let session = make(stores).await;
    let results = race(|_| {
        let (stores, id) = (stores.clone(), session.id);
        async move { stores.uploads.claim_upload(id, 1, stores.now()).await }
    })
    .await;
    assert_eq!(winners(&results), 1);
    assert_eq!(get(stores, &session).await.epoch, 2);
}

/// The epoch stays; the session was touched.
pub async fn a_checkpoint_keeps_how_far_the_write_has_come(stores: &Stores) {
    let session = make(stores).await;
    let state = state(Algorithm::Sha256, b"some bytes");
    let touched_at = stores.later();
    stores
        .uploads
        .checkpoint_upload(session.id, 1, &state, touched_at)
        .await
        .unwrap();
    let stored = get(stores, &session).await;
    assert_same(
        &stored,
        &UploadSession {
            state,
            touched_at,
            ..session
        },
    );
}

/// A stalled writer cannot overwrite what its successor kept.
pub async fn a_checkpoint_of_an_older_epoch_conflicts_and_changes_nothing(stores: &Stores) {
    let session = make(stores).await;
    stores
        .uploads
        .claim_upload(session.id, 1, stores.now())
        .await
        .unwrap();
    let before = get(stores, &session).await;
    let state = state(Algorithm::Sha256, b"some bytes");
    let now = stores.later();
    let stale = stores
        .uploads
        .checkpoint_upload(session.id, 1, &state, now)
        .await;
    assert_fails!(stale, Conflict);
    assert_same(&get(stores, &session).await, &before);
}

/// Cancelled, finished or expired.
pub async fn a_checkpoint_of_a_gone_session_is_not_found(stores: &Stores) {
    let state = state(Algorithm::Sha256, b"some bytes");
    let now = stores.now();
    let gone = stores
        .uploads
        .checkpoint_upload(fresh(), 1, &state, now)
        .await;
    assert_fails!(gone, NotFound);
}

/// A long request is not idle.
pub async fn a_touch_puts_the_idle_time_off_at_the_same_epoch(stores: &Stores) {
    let session = make(stores).await;
    let touched_at = stores.later();
    stores
        .uploads
        .touch_upload(session.id, 1, touched_at)
        .await
        .unwrap();
    assert_same(
        &get(stores, &session).await,
        &UploadSession {
            touched_at,
            ..session
        },
    );
}

/// Who was overtaken keeps nothing alive.
pub async fn a_touch_of_an_older_epoch_conflicts(stores: &Stores) {
    let session = make(stores).await;
    let now = stores.now();
    stores
        .uploads
        .claim_upload(session.id, 1, now)
        .await
        .unwrap();
    assert_fails!(
        stores.uploads.touch_upload(session.id, 1, now).await,
        Conflict
    );
    assert_fails!(stores.uploads.touch_upload(fresh(), 1, now).await, NotFound);
}

/// Of any value.
pub async fn a_checkpoint_has_up_to_64_kib_of_progress(stores: &Stores) {
    let session = make(stores).await;
    let progress = (0..=u8::MAX).cycle().take(64 * 1024).collect();
    let state = WriteState {
        progress,
        ..state(Algorithm::Sha512, b"some bytes")
    };
    stores
        .uploads
        .checkpoint_upload(session.id, 1, &state, stores.now())
        .await
        .unwrap();
    assert_same_state(&get(stores, &session).await.state, &state);
}

/// Others stay.
pub async fn a_deleted_session_is_gone_and_its_jobs_are_in_the_outbox(stores: &Stores) {
    let session = make(stores).await;
    let kept = stores.make_upload(&session.repository).await;
    let cause = job();
    stores
        .uploads
        .delete_upload(session.id, 1, std::slice::from_ref(&cause))
        .await
        .unwrap();
    assert!(stores.uploads.upload(session.id).await.unwrap().is_none());
    assert_eq!(stores.unsent().await, [cause]);
    assert_same(&get(stores, &kept).await, &kept);
}

/// The object is the claimer's.
pub async fn a_deletion_of_an_older_epoch_conflicts_and_sends_nothing(stores: &Stores) {
    let session = make(stores).await;
    stores
        .uploads
        .claim_upload(session.id, 1, stores.now())
        .await
        .unwrap();
    assert_fails!(
        stores.uploads.delete_upload(session.id, 1, &[job()]).await,
        Conflict
    );
    assert_eq!(get(stores, &session).await.epoch, 2);
    assert_eq!(stores.unsent().await, []);
}

/// The second of two deletions says so.
pub async fn a_deletion_of_a_gone_session_is_not_found(stores: &Stores) {
    let session = make(stores).await;
    stores
        .uploads
        .delete_upload(session.id, 1, &[])
        .await
        .unwrap();
    assert_fails!(
        stores.uploads.delete_upload(session.id, 1, &[job()]).await,
        NotFound
    );
    assert_eq!(stores.unsent().await, []);
}

/// Never both, never neither.
pub async fn either_a_claim_or_a_deletion_succeeds(stores: &Stores) {
    let session = make(stores).await;
    let results = race(|runner| {
        let (stores, id) = (stores.clone(), session.id);
        async move {
            if runner % 2 == 0 {
                return stores.uploads.delete_upload(id, 1, &[]).await;
            }
            stores
                .uploads
                .claim_upload(id, 1, stores.now())
                .await
                .map(drop)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let deleted = results.iter().step_by(2).any(Result::is_ok);
    assert_eq!(
        stores.uploads.upload(session.id).await.unwrap().is_none(),
        deleted
    );
}

async fn idle_since(stores: &Stores, seconds: u64, limit: usize) -> (Vec<UploadSession>, bool) {
    let before = stores.now() - Duration::from_secs(seconds);
    let page = stores.uploads.idle_uploads(before, limit).await.unwrap();
    (page.items, page.more)
}

/// Those touched later are not among them.
pub async fn idle_sessions_are_listed_the_longest_idle_first(stores: &Stores) {
    let first = make(stores).await;
    stores.clock.advance(Duration::from_secs(10));
    let second = stores.make_upload(&first.repository).await;
    stores.clock.advance(Duration::from_secs(10));
    stores.make_upload(&first.repository).await;
    let (idle, more) = idle_since(stores, 5, 10).await;
    assert_eq!((idle.len(), more), (2, false));
    assert_same(&idle[0], &first);
    assert_same(&idle[1], &second);
    assert!(idle_since(stores, 30, 10).await.0.is_empty());
}

/// By a claim or by a checkpoint.
pub async fn a_touched_session_is_not_idle(stores: &Stores) {
    let claimed = make(stores).await;
    let kept = stores.make_upload(&claimed.repository).await;
    let idle = stores.make_upload(&claimed.repository).await;
    stores.clock.advance(Duration::from_secs(10));
    let now = stores.now();
    stores
        .uploads
        .claim_upload(claimed.id, 1, now)
        .await
        .unwrap();
    stores
        .uploads
        .checkpoint_upload(kept.id, 1, &kept.state, now)
        .await
        .unwrap();
    let (found, _) = idle_since(stores, 5, 10).await;
    assert_eq!(found.len(), 1);
    assert_same(&found[0], &idle);
}

/// And it is said that there are more.
pub async fn idle_sessions_are_listed_up_to_the_limit(stores: &Stores) {
    let first = make(stores).await;
    for _ in 0..2 {
        stores.later();
        stores.make_upload(&first.repository).await;
    }
    stores.clock.advance(Duration::from_secs(10));
    let (idle, more) = idle_since(stores, 5, 2).await;
    assert_eq!((idle.len(), more), (2, true));
    assert_same(&idle[0], &first);
    let (idle, more) = idle_since(stores, 5, 3).await;
    assert_eq!((idle.len(), more), (3, false));
}
