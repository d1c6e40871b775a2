//! What is not as it was written is refused, and nothing wrong gets in.

use std::fs;

use berth_transfer::{ImportOptions, TransferError};

use crate::registry::{Folder, Registry};

async fn folder() -> Folder {
    Registry::with_some_of_everything().await.exported().await
}

/// Asserts that an import is refused before it has written anything.
async fn assert_refused(folder: &Folder, why: impl Fn(&TransferError) -> bool) {
    let target = Registry::in_memory();
    let refused = target.import(folder).await.unwrap_err();
    assert!(why(&refused), "{refused}");
    let records = target.exported().await.records();
    assert!(records.values().all(String::is_empty), "{records:#?}");
    assert_eq!(target.blobs.keys(), []);
}

#[tokio::test]
async fn a_damaged_blob_is_refused_and_can_be_exported_again() {
    let source = Registry::with_some_of_everything().await;
    let folder = source.exported().await;
    let path = folder.blobs().remove(0);
    let digest = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
    let digest = digest.parse().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let target = Registry::in_memory();
    let refused = target.import(&folder).await.unwrap_err();
    assert!(
        matches!(&refused, TransferError::DamagedBlob { path: named, .. } if *named == path),
        "{refused}"
    );
    assert_eq!(target.key_of(digest).await, None);

    fs::remove_file(&path).unwrap();
    source.export(&folder).await.unwrap();
    let imported = target.import(&folder).await.unwrap();
    assert_eq!(imported.conflicts, [""; 0]);
    assert!(target.key_of(digest).await.is_some());
}

#[tokio::test]
async fn a_missing_blob_is_named() {
    let folder = folder().await;
    let path = folder.blobs().remove(0);
    fs::remove_file(&path).unwrap();
    let refused = Registry::in_memory().import(&folder).await.unwrap_err();
    let said = refused.to_string();
    assert!(said.contains(path.to_str().unwrap()), "{said}");
    assert!(said.contains("the file is missing"), "{said}");
}

#[tokio::test]
async fn damaged_records_are_refused() {
    for kind in ["users", "links", "manifests", "tags"] {
        let folder = folder().await;
        let path = folder.file(&format!("records/{kind}.jsonl"));
        let text = fs::read_to_string(&path).unwrap();
        let cut = text.trim_end().rsplit_once('\n').unwrap().0;
        fs::write(&path, format!("{cut}\n")).unwrap();
        assert_refused(
            &folder,
            |error| matches!(error, TransferError::Damaged { path: named, .. } if *named == path),
        )
        .await;
    }
}

#[tokio::test]
async fn an_export_that_did_not_end_is_refused() {
    let folder = folder().await;
    fs::remove_file(folder.file("berth-export.json")).unwrap();
    assert_refused(&folder, |error| {
        matches!(error, TransferError::Unfinished(_))
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_refused() {
    assert_refused(&Folder::new(), |error| {
        matches!(error, TransferError::Unfinished(_))
    })
    .await;
}

#[tokio::test]
async fn another_format_is_refused() {
    let folder = folder().await;
    let head = folder.file("berth-export.json");
    let text = fs::read_to_string(&head).unwrap();
    let newer = text.replacen("\"format\": 1", "\"format\": 2, \"more\": true", 1);
    fs::write(&head, newer).unwrap();
    assert_refused(&folder, |error| matches!(error, TransferError::Format(2))).await;
}

#[tokio::test]
async fn a_number_that_would_end_a_counter_is_refused() {
    let folder = folder().await;
    let head = folder.file("berth-export.json");
    let text = fs::read_to_string(&head).unwrap();
    let start = text.find("\"user\": ").unwrap();
    let (before, after) = text.split_at(start);
    let after = after
        .split_once(',')
        .map_or_else(|| after.split_once('\n').unwrap().1, |(_, after)| after);
    fs::write(&head, format!("{before}\"user\": {},{after}", i64::MAX)).unwrap();
    let refused = Registry::in_memory().import(&folder).await.unwrap_err();
    assert!(
        matches!(refused, TransferError::Damaged { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn logins_under_another_key_are_refused_unless_they_are_left_out() {
    let folder = folder().await;
    let target = Registry::sealed_by([8; 32]);
    let refused = target.import(&folder).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("Docker Hub is sealed with another key"),
        "{refused}"
    );
    assert_eq!(target.service.all_users().await.unwrap(), []);

    let options = ImportOptions {
        without_logins: true,
    };
    for _ in 0..2 {
        let imported = target.import_with(&folder, options).await.unwrap();
        assert_eq!(imported.conflicts, [""; 0]);
    }
    let hub = target.service.all_registries().await.unwrap().remove(0);
    assert_eq!(hub.credential, None);
}

#[tokio::test]
async fn what_is_damaged_in_the_store_is_left_out_and_named() {
    let source = Registry::with_some_of_everything().await;
    let digest = {
        let folder = source.exported().await;
        let path = folder.blobs().remove(0);
        let hex = path.file_name().unwrap().to_str().unwrap().to_owned();
        format!("sha256:{hex}").parse().unwrap()
    };
    source.damage(digest, b"other").await;
    let folder = Folder::new();
    let exported = source.export(&folder).await.unwrap();
    assert!(!exported.problems.is_empty());
    let named = format!("blob {digest} of repository ");
    for problem in &exported.problems {
        assert!(problem.starts_with(&named), "{problem}");
    }
    assert!(!folder.blob(digest).exists());
    let imported = Registry::in_memory().import(&folder).await.unwrap();
    assert_eq!(imported.conflicts, [""; 0]);
    assert_eq!(imported.counts, exported.counts);
}

#[tokio::test]
async fn a_folder_has_one_export_at_a_time() {
    let folder = folder().await;
    let lock = fs::File::open(folder.file("lock")).unwrap();
    lock.lock_shared().unwrap();
    let source = Registry::in_memory();
    let refused = source.export(&folder).await.unwrap_err();
    assert!(matches!(refused, TransferError::Locked(_)), "{refused}");
    // What was there is whole yet, and others may read it too.
    source.import(&folder).await.unwrap();
}
