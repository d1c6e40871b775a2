//! Behaviours of [`BlobStore`](berth_ports::BlobStore): reading.

use berth_domain::ObjectKey;
use berth_ports::{Access, ByteStream, Span};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::fixtures::{fresh, race};
use crate::Blobs;
use crate::image::seeded_bytes;

suite! {
    /// Makes tests of the behaviours of `BlobStore` about reads.
    blob_reads_suite in blob_reads {
        a_stream_has_the_bytes_of_its_span,
        a_read_is_a_stream_or_an_address,
        an_object_that_is_not_there_cannot_be_read,
        an_object_that_is_not_there_has_no_size,
        readers_at_once_all_get_the_bytes,
        a_begun_stream_is_not_cut_short_silently_by_a_deletion,
    }
}

async fn collect(mut stream: ByteStream) -> Bytes {
    let mut all = BytesMut::new();
    while let Some(bytes) = stream.next().await {
        all.extend_from_slice(&bytes.unwrap());
    }
    all.freeze()
}

async fn stream(blobs: &Blobs, key: ObjectKey, size: usize, start: usize, end: usize) -> Bytes {
    let span = Span {
        start: start as u64,
        end: end as u64,
    };
    collect(blobs.store.stream(key, size as u64, span).await.unwrap()).await
}

/// Streams a whole object of `size` bytes.
pub(super) async fn read_all(blobs: &Blobs, key: ObjectKey, size: usize) -> Bytes {
    stream(blobs, key, size, 0, size).await
}

/// Whole, at either end, in the middle, one byte, none.
pub async fn a_stream_has_the_bytes_of_its_span(blobs: &Blobs) {
    const SIZE: usize = 3_000_001;
    let bytes = seeded_bytes(1, 0..SIZE as u64);
    let key = blobs.make(&bytes).await;
    for (start, end) in [
        (0, SIZE),
        (0, 1),
        (SIZE - 1, SIZE),
        (1, SIZE - 1),
        (1_000_000, 1_000_100),
        (65_535, 1_310_721),
        (0, 0),
        (7, 7),
        (SIZE, SIZE),
    ] {
        let found = stream(blobs, key, SIZE, start, end).await;
        assert!(found == bytes.slice(start..end), "{start}..{end} differs");
    }
}

/// A stream has the bytes; an address is one.
pub async fn a_read_is_a_stream_or_an_address(blobs: &Blobs) {
    let bytes = seeded_bytes(1, 0..1000);
    let key = blobs.make(&bytes).await;
    match blobs
        .store
        .read(key, 1000, Span { start: 10, end: 20 })
        .await
        .unwrap()
    {
        Access::Stream(stream) => assert_eq!(collect(stream).await, bytes.slice(10..20)),
        Access::File(file, stream) => {
            assert_eq!(file.span, Span { start: 10, end: 20 });
            assert_eq!(file.file.metadata().unwrap().len(), 1000);
            assert_eq!(collect(stream).await, bytes.slice(10..20));
        }
        Access::Redirect(address) => assert!(address.starts_with("http"), "{address}"),
    }
}

/// Neither way.
pub async fn an_object_that_is_not_there_cannot_be_read(blobs: &Blobs) {
    let span = Span { start: 0, end: 10 };
    assert_fails!(
        blobs.store.read(fresh(), 10, span).await.map(drop),
        NotFound
    );
    assert_fails!(
        blobs.store.stream(fresh(), 10, span).await.map(drop),
        NotFound
    );
}

/// Not even 0.
pub async fn an_object_that_is_not_there_has_no_size(blobs: &Blobs) {
    assert_eq!(blobs.store.size(fresh()).await.unwrap(), None);
}

/// Each from the start.
pub async fn readers_at_once_all_get_the_bytes(blobs: &Blobs) {
    let bytes = seeded_bytes(1, 0..2_000_000);
    let key = blobs.make(&bytes).await;
    let read = race(|_| {
        let blobs = blobs.clone();
        async move { read_all(&blobs, key, 2_000_000).await }
    })
    .await;
    assert!(
        read.into_iter().all(|read| read == bytes),
        "the bytes differ"
    );
}

/// It has all bytes, or an error.
pub async fn a_begun_stream_is_not_cut_short_silently_by_a_deletion(blobs: &Blobs) {
    const SIZE: u64 = 3_000_000;
    let bytes = seeded_bytes(1, 0..SIZE);
    let key = blobs.make(&bytes).await;
    let mut stream = blobs
        .store
        .stream(
            key,
            SIZE,
            Span {
                start: 0,
                end: SIZE,
            },
        )
        .await
        .unwrap();
    let first = stream.next().await.unwrap().unwrap();
    blobs.store.delete(&[key]).await.unwrap();
    let mut read = BytesMut::from(first);
    while let Some(next) = stream.next().await {
        let Ok(next) = next else { return };
        read.extend_from_slice(&next);
    }
    assert!(read == bytes, "the bytes differ");
}
