//! An export or import that stopped goes on.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use berth_testkit::Fault;
use berth_testkit::image::Image;
use berth_transfer::TransferError;

use crate::registry::{Folder, Registry};

/// Which file is which.
fn inodes(folder: &Folder) -> BTreeMap<PathBuf, u64> {
    let blobs = folder.blobs().into_iter();
    blobs
        .map(|path| {
            let inode = fs::metadata(&path).unwrap().ino();
            (path, inode)
        })
        .collect()
}

#[tokio::test]
async fn an_import_that_failed_at_any_call_goes_on() {
    let source = Registry::with_some_of_everything().await;
    let exported = source.exported().await;
    let mut stopped = 0;
    for fault in [Fault::Fails, Fault::LosesAnswer] {
        // Every seventh, so that it does not take long.
        for call in (1..).step_by(7) {
            let target = Registry::in_memory();
            target.faults.strike(call, fault);
            let first = target.import(&exported).await;
            let Some(struck) = target.faults.stop() else {
                assert!(first.is_ok());
                break;
            };
            stopped += usize::from(first.is_err());
            let again = target.import(&exported).await;
            let again = again.unwrap_or_else(|error| panic!("{struck}: {error}"));
            assert_eq!(again.conflicts, [""; 0], "{struck} {fault:?}");
            assert!(again.new == 0 || first.is_err(), "{struck} {fault:?}");
            let moved = target.exported().await.records();
            assert!(moved == exported.records(), "{struck} {fault:?}");
        }
    }
    assert!(stopped > 20, "only {stopped} stopped");
}

#[tokio::test]
async fn an_export_that_failed_at_any_call_goes_on() {
    let source = Registry::with_some_of_everything().await;
    let whole = source.exported().await;
    for call in 1.. {
        let folder = Folder::new();
        source.faults.strike(call, Fault::Fails);
        let first = source.export(&folder).await;
        let Some(struck) = source.faults.stop() else {
            break;
        };
        assert!(first.is_err(), "{struck}");
        let refused = Registry::in_memory().import(&folder).await;
        assert!(matches!(refused, Err(TransferError::Unfinished(_))));
        let again = source.export(&folder).await.unwrap();
        assert_eq!(again.problems, [""; 0], "{struck}");
        assert_eq!(folder.records(), whole.records(), "{struck}");
    }
}

#[tokio::test]
async fn blobs_that_are_there_are_not_written_again() {
    let source = Registry::with_some_of_everything().await;
    let folder = source.exported().await;
    let before = inodes(&folder);
    let gone = before.keys().next().unwrap().clone();
    fs::remove_file(&gone).unwrap();
    let image = Image::random(100);
    let web = source.target("apps/web").await;
    source.push(&web, &image, &["v2"]).await;

    source.export(&folder).await.unwrap();
    let after = inodes(&folder);
    assert_eq!(after.len(), before.len() + 2);
    assert!(after.contains_key(&gone));
    for (path, inode) in before.iter().skip(1) {
        assert_eq!(after[path], *inode, "{}", path.display());
    }
}

#[tokio::test]
async fn a_blob_that_was_cut_off_is_written_again() {
    let source = Registry::with_some_of_everything().await;
    let folder = source.exported().await;
    let blob = folder.blobs().remove(0);
    let bytes = fs::read(&blob).unwrap();
    fs::write(&blob, &bytes[1..]).unwrap();
    source.export(&folder).await.unwrap();
    assert_eq!(fs::read(&blob).unwrap(), bytes);
}

#[tokio::test]
async fn a_second_import_changes_nothing() {
    let folder = Registry::with_some_of_everything().await.exported().await;
    let target = Registry::on_disk();
    let first = target.import(&folder).await.unwrap();
    let records = target.exported().await.records();
    let objects = target.blobs.keys();

    let second = target.import(&folder).await.unwrap();
    assert_eq!(second.new, 0);
    assert_eq!(second.counts, first.counts);
    assert_eq!(second.conflicts, [""; 0]);
    assert_eq!(target.exported().await.records(), records);
    assert_eq!(target.blobs.keys(), objects);
}

#[tokio::test]
async fn a_later_export_adds_to_an_import() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    target.import(&source.exported().await).await.unwrap();
    let image = Image::random(100);
    let web = source.target("apps/web").await;
    source.push(&web, &image, &["v2"]).await;

    let later = source.exported().await;
    let imported = target.import(&later).await.unwrap();
    assert_eq!(imported.conflicts, [""; 0]);
    // Two blobs, a manifest, a tag.
    assert_eq!(imported.new, 4);
    assert_eq!(target.exported().await.records(), later.records());
}
