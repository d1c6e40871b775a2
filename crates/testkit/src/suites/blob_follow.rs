//! Behaviours of [`BlobWriter::follow`]. A
//! store that cannot show an unfinished object has none of them to keep.

use std::sync::Arc;

use berth_domain::ObjectKey;
use berth_oci::Digest;
use berth_ports::{BlobWriter, Growing};
use bytes::{Bytes, BytesMut};

use super::blob_writes::append;
use super::fixtures::fresh;
use crate::Blobs;
use crate::image::seeded_bytes;

suite! {
    /// Makes tests of the behaviours of `BlobWriter::follow`.
    blob_follow_suite in blob_follow {
        a_follower_sees_bytes_before_the_end,
        a_follower_gets_all_bytes,
        a_late_follower_gets_all_bytes,
        a_follower_of_a_resumed_write_sees_the_earlier_bytes,
        a_follower_reads_at_most_its_limit,
        a_follower_is_released_when_the_writer_pauses,
        a_follower_is_released_when_the_writer_is_dropped,
        a_follower_reads_on_after_the_object_is_deleted,
    }
}

const SIZE: usize = 20 * 1024 * 1024;

/// More than a store may hold back.
const SOME: usize = 9 * 1024 * 1024;

fn bytes(length: usize) -> Bytes {
    seeded_bytes(3, 0..length as u64)
}

/// Reads until nothing more comes.
pub(super) async fn drain(growing: Arc<dyn Growing>) -> Bytes {
    let mut read = BytesMut::new();
    loop {
        let offset = read.len() as u64;
        let readable = growing.wait_beyond(offset).await;
        if readable <= offset {
            return read.freeze();
        }
        let piece = growing.read_at(offset, 1024 * 1024).await.unwrap();
        assert!(
            !piece.is_empty(),
            "{readable} bytes are readable and none came at {offset}"
        );
        read.extend_from_slice(&piece);
    }
}

async fn open(blobs: &Blobs) -> Option<(ObjectKey, Box<dyn BlobWriter>, Arc<dyn Growing>)> {
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    let growing = writer.follow()?;
    Some((key, writer, growing))
}

/// What is readable has the right bytes.
pub async fn a_follower_sees_bytes_before_the_end(blobs: &Blobs) {
    let Some((_, mut writer, growing)) = open(blobs).await else {
        return;
    };
    assert_eq!(growing.readable(), 0);
    append(&mut writer, &bytes(SOME)).await;
    let readable = growing.wait_beyond(0).await;
    assert!((1..=SOME as u64).contains(&readable), "{readable}");
    assert!(growing.readable() >= readable);
    let piece = growing.read_at(0, 1000).await.unwrap();
    assert!(!piece.is_empty());
    assert_eq!(piece, bytes(SOME).slice(..piece.len()));
}

/// While they come.
pub async fn a_follower_gets_all_bytes(blobs: &Blobs) {
    let Some((_, mut writer, growing)) = open(blobs).await else {
        return;
    };
    let follower = tokio::spawn(drain(growing));
    append(&mut writer, &bytes(SIZE)).await;
    writer.finish(Digest::sha256(&bytes(SIZE))).await.unwrap();
    assert!(follower.await.unwrap() == bytes(SIZE), "the bytes differ");
}

/// From the first one on, even if it comes when all is over.
pub async fn a_late_follower_gets_all_bytes(blobs: &Blobs) {
    let Some((_, mut writer, growing)) = open(blobs).await else {
        return;
    };
    append(&mut writer, &bytes(SOME)).await;
    let late = writer.follow();
    writer.finish(Digest::sha256(&bytes(SOME))).await.unwrap();
    for follower in [Some(growing), late].into_iter().flatten() {
        assert!(drain(follower).await == bytes(SOME), "the bytes differ");
    }
}

/// A fill that was taken over is read from its start.
pub async fn a_follower_of_a_resumed_write_sees_the_earlier_bytes(blobs: &Blobs) {
    let Some((key, mut writer, _)) = open(blobs).await else {
        return;
    };
    append(&mut writer, &bytes(SOME).slice(..1_000_000)).await;
    let state = writer.pause().await.unwrap();
    let mut writer = blobs.store.write(key, state).await.unwrap();
    let Some(growing) = writer.follow() else {
        return;
    };
    append(&mut writer, &bytes(SOME).slice(1_000_000..)).await;
    writer.finish(Digest::sha256(&bytes(SOME))).await.unwrap();
    assert!(drain(growing).await == bytes(SOME), "the bytes differ");
}

/// At any offset; none behind the end.
pub async fn a_follower_reads_at_most_its_limit(blobs: &Blobs) {
    let Some((_, mut writer, growing)) = open(blobs).await else {
        return;
    };
    append(&mut writer, &bytes(SOME)).await;
    writer.finish(Digest::sha256(&bytes(SOME))).await.unwrap();
    for (offset, limit) in [(0, 1), (12_345, 1000), (SOME - 10, 10)] {
        let piece = growing.read_at(offset as u64, limit).await.unwrap();
        assert!((1..=limit).contains(&piece.len()));
        assert_eq!(piece, bytes(SOME).slice(offset..offset + piece.len()));
    }
    assert_eq!(
        growing.read_at(SOME as u64, 10).await.unwrap(),
        Bytes::new()
    );
}

/// With what there is by then.
pub async fn a_follower_is_released_when_the_writer_pauses(blobs: &Blobs) {
    let Some((_, mut writer, growing)) = open(blobs).await else {
        return;
    };
    let follower = tokio::spawn(drain(growing));
    append(&mut writer, &bytes(1000)).await;
    writer.pause().await.unwrap();
    let read = follower.await.unwrap();
    assert_eq!(read, bytes(1000).slice(..read.len()));
}

/// A fill that broke off.
pub async fn a_follower_is_released_when_the_writer_is_dropped(blobs: &Blobs) {
    let Some((_, mut writer, growing)) = open(blobs).await else {
        return;
    };
    let follower = tokio::spawn(drain(growing));
    append(&mut writer, &bytes(1000)).await;
    drop(writer);
    let read = follower.await.unwrap();
    assert_eq!(read, bytes(1000).slice(..read.len()));
}

/// A slow client gets what it was promised.
pub async fn a_follower_reads_on_after_the_object_is_deleted(blobs: &Blobs) {
    let Some((key, mut writer, growing)) = open(blobs).await else {
        return;
    };
    append(&mut writer, &bytes(SOME)).await;
    writer.finish(Digest::sha256(&bytes(SOME))).await.unwrap();
    blobs.store.delete(&[key]).await.unwrap();
    assert!(drain(growing).await == bytes(SOME), "the bytes differ");
}
