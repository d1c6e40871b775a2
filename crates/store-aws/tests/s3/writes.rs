//! What large writes leave behind and take.

use berth_oci::{Algorithm, Digest};
use berth_ports::{BlobStore, Finished};

use super::{MIB, begin, bytes, finish, go_on, key, left, open, settings, unbegun};

#[tokio::test]
async fn a_large_object_of_another_algorithm_is_checked_and_gone_if_it_is_wrong() {
    let settings = settings();
    let store = open(&settings).await;
    let expected = bytes(12 * MIB);
    let good = key();
    let writer = go_on(&store, good, unbegun(), &expected).await;
    let digest = Digest::of(Algorithm::Sha512, &expected);
    let finished = writer.finish(digest).await.unwrap();
    assert!(matches!(finished, Finished::Stored { .. }));
    let bad = key();
    let writer = go_on(&store, bad, unbegun(), &expected).await;
    let finished = writer.finish(Digest::of(Algorithm::Sha512, b"other")).await;
    assert!(matches!(finished, Ok(Finished::Mismatch { actual }) if actual == digest));
    let left = left(&settings, bad).await;
    assert_eq!((left.objects.len(), left.uploads), (0, 0));
}

#[tokio::test]
async fn a_deletion_leaves_no_tail_and_no_parts() {
    let settings = settings();
    let (store, key) = (open(&settings).await, key());
    begin(&store, key, &bytes(13 * MIB)).await;
    let begun = left(&settings, key).await;
    assert_eq!((begun.objects.len(), begun.uploads), (1, 1));
    store.delete(&[key]).await.unwrap();
    let left = left(&settings, key).await;
    assert_eq!((left.objects.len(), left.uploads), (0, 0));
}

/// What this process has had in memory at most, in MiB.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<usize>().unwrap() / 1024
}

/// Each holds a part of at least 5 MiB, all together 32 MiB more.
#[tokio::test]
async fn sixty_four_writers_at_once_take_less_than_480_mib() {
    let store = open(&settings()).await;
    let expected = bytes(18 * MIB);
    let writes: Vec<_> = (0..64)
        .map(|_| {
            let (store, expected) = (store.clone(), expected.clone());
            tokio::spawn(async move {
                let key = key();
                let writer = go_on(&store, key, unbegun(), &expected).await;
                finish(writer, &expected).await;
                key
            })
        })
        .collect();
    for write in writes {
        let key = write.await.unwrap();
        assert_eq!(store.size(key).await.unwrap(), Some(18 * MIB as u64));
        store.delete(&[key]).await.unwrap();
    }
    assert!(most_memory() < 480, "{} MiB", most_memory());
}
