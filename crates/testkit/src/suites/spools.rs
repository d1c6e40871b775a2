//! Behaviours of [`Spools`].

use std::sync::Arc;

use berth_ports::{Spool, Spools};
use bytes::Bytes;

use super::blob_follow::drain;
use super::fixtures::{RUNNERS, race};
use crate::image::seeded_bytes;

suite! {
    /// Makes tests of the behaviours of `Spools`. The argument is an expression
    /// for a future of an `Arc<dyn Spools>`.
    spools_suite in spools {
        a_new_spool_is_empty,
        what_was_added_can_be_read_at_once,
        adding_nothing_adds_nothing,
        a_reader_gets_all_bytes_while_they_come,
        a_reader_is_released_when_the_spool_is_dropped,
        what_was_added_can_be_read_when_the_spool_is_dropped,
        at_most_the_limit_is_read,
        spools_do_not_share_bytes,
    }
}

const SIZE: usize = 4 * 1024 * 1024 + 1;

fn bytes(length: usize) -> Bytes {
    seeded_bytes(13, 0..length as u64)
}

async fn add(spool: &mut Box<dyn Spool>, bytes: &Bytes) {
    for piece in bytes.chunks(100_000) {
        spool.append(bytes.slice_ref(piece)).await.unwrap();
    }
}

/// And has no file to show.
pub async fn a_new_spool_is_empty(spools: &Arc<dyn Spools>) {
    let spool = spools.open().await.unwrap();
    let view = spool.view();
    assert_eq!((spool.length(), view.readable()), (0, 0));
    assert_eq!(view.read_at(0, 10).await.unwrap(), Bytes::new());
    assert!(view.file().is_none());
}

/// By whoever began to look before, and after.
pub async fn what_was_added_can_be_read_at_once(spools: &Arc<dyn Spools>) {
    let mut spool = spools.open().await.unwrap();
    let early = spool.view();
    let mut end = 0;
    for length in [1, 1000, 70_000] {
        let piece = seeded_bytes(13, end..end + length);
        spool.append(piece.clone()).await.unwrap();
        assert_eq!(spool.length(), end + length);
        for view in [&early, &spool.view()] {
            assert_eq!(view.readable(), end + length);
            assert_eq!(view.wait_beyond(end).await, end + length);
            let read = view.read_at(end, 1000).await.unwrap();
            assert!(!read.is_empty());
            assert_eq!(read, piece.slice(..read.len()));
        }
        end += length;
    }
}

/// Before and after other bytes.
pub async fn adding_nothing_adds_nothing(spools: &Arc<dyn Spools>) {
    let mut spool = spools.open().await.unwrap();
    for expected in [0, 10, 20] {
        spool.append(Bytes::new()).await.unwrap();
        assert_eq!(
            (spool.length(), spool.view().readable()),
            (expected, expected)
        );
        spool.append(bytes(10)).await.unwrap();
    }
}

/// And then hears that there are no more.
pub async fn a_reader_gets_all_bytes_while_they_come(spools: &Arc<dyn Spools>) {
    let mut spool = spools.open().await.unwrap();
    let readers: Vec<_> = (0..3).map(|_| tokio::spawn(drain(spool.view()))).collect();
    add(&mut spool, &bytes(SIZE)).await;
    drop(spool);
    for reader in readers {
        assert!(reader.await.unwrap() == bytes(SIZE), "the bytes differ");
    }
}

/// Whether or not there were any bytes.
pub async fn a_reader_is_released_when_the_spool_is_dropped(spools: &Arc<dyn Spools>) {
    for length in [0, 1000] {
        let mut spool = spools.open().await.unwrap();
        let view = spool.view();
        let reader = tokio::spawn(async move { view.wait_beyond(1000).await });
        add(&mut spool, &bytes(length)).await;
        drop(spool);
        assert_eq!(reader.await.unwrap(), length as u64);
    }
}

/// As long as somebody has a view.
pub async fn what_was_added_can_be_read_when_the_spool_is_dropped(spools: &Arc<dyn Spools>) {
    let mut spool = spools.open().await.unwrap();
    let view = spool.view();
    add(&mut spool, &bytes(SIZE)).await;
    drop(spool);
    assert!(drain(view).await == bytes(SIZE), "the bytes differ");
}

/// At any offset; none behind the end.
pub async fn at_most_the_limit_is_read(spools: &Arc<dyn Spools>) {
    let mut spool = spools.open().await.unwrap();
    add(&mut spool, &bytes(SIZE)).await;
    let view = spool.view();
    for (offset, limit) in [(0, 1), (12_345, 1000), (SIZE - 10, 10)] {
        let read = view.read_at(offset as u64, limit).await.unwrap();
        assert!((1..=limit).contains(&read.len()));
        assert_eq!(read, bytes(SIZE).slice(offset..offset + read.len()));
    }
    assert_eq!(view.read_at(SIZE as u64 - 10, 99).await.unwrap().len(), 10);
    for behind in [SIZE as u64, SIZE as u64 + 1, u64::MAX] {
        assert_eq!(view.read_at(behind, 10).await.unwrap(), Bytes::new());
    }
}

/// However many there are at once.
pub async fn spools_do_not_share_bytes(spools: &Arc<dyn Spools>) {
    let contents = |runner: usize| seeded_bytes(runner as u64, 0..300_000);
    let read = race(|runner| {
        let spools = Arc::clone(spools);
        async move {
            let mut spool = spools.open().await.unwrap();
            add(&mut spool, &contents(runner)).await;
            let view = spool.view();
            drop(spool);
            drain(view).await
        }
    })
    .await;
    for (runner, read) in (0..RUNNERS).zip(read) {
        assert!(read == contents(runner), "the bytes differ");
    }
}
