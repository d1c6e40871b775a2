//! The folder, its lock, and the database's version.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use berth_domain::{Job, JobId};
use berth_ports::{JobQueue, Outbox};

use super::*;
use crate::OpenError;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_version(folder: &DataFolder, version: usize) {
    let connection = Connection::open(folder.path().join("metadata.sqlite")).unwrap();
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
}

#[tokio::test]
async fn what_was_stored_is_there_after_the_store_is_opened_again() {
    let Subject {
        store,
        clock,
        lock,
        _directory,
    } = subject();
    let job = berth_domain::Envelope::new(
        "000000000000000000000000000000ab".parse::<JobId>().unwrap(),
        Job::SweepUploads,
    );
    assert_eq!(store.next(Sequence::User).await.unwrap(), 1);
    store.send(&job, std::time::Duration::ZERO).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&lock, clock).unwrap();
    assert_eq!(store.next(Sequence::User).await.unwrap(), 2);
    let received = store
        .receive(10, std::time::Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(received[0].envelope, job);
    assert!(store.unsent(Timestamp::MAX, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn several_processes_write_beside_each_other() {
    let Subject {
        store,
        clock,
        lock,
        _directory,
    } = subject();
    let beside = SqliteStore::open_beside(lock.folder(), clock).unwrap();
    let mut tasks = Vec::new();
    for store in [&store, &beside].into_iter().cycle().take(100) {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            store.next(Sequence::User).await.unwrap()
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_newer_database_is_refused() {
    let Subject {
        store,
        clock,
        lock,
        _directory,
    } = subject();
    drop(store);
    set_version(lock.folder(), 99);
    let opened = SqliteStore::open(&lock, clock.clone()).unwrap_err();
    insta::assert_snapshot!(opened, @"the database has version 99 and this program knows only 2, use the newer program");
    let beside = SqliteStore::open_beside(lock.folder(), clock).unwrap_err();
    assert!(
        matches!(
            beside,
            OpenError::Newer {
                found: 99,
                known: 2
            }
        ),
        "{beside}"
    );
}

#[test]
fn an_older_database_is_not_upgraded_beside_a_server() {
    let Subject {
        store,
        clock,
        lock,
        _directory,
    } = subject();
    drop(store);
    set_version(lock.folder(), 0);
    let beside = SqliteStore::open_beside(lock.folder(), clock).unwrap_err();
    insta::assert_snapshot!(beside, @"the database has version 0 and this program needs 2, start this version's server on it once");
}

#[test]
fn a_second_lock_is_told_who_holds_the_first() {
    let Subject {
        store: _store,
        clock: _,
        lock,
        _directory,
    } = subject();
    let error = lock
        .folder()
        .lock(Timestamp::UNIX_EPOCH, "elsewhere")
        .unwrap_err();
    let message = error.to_string();
    let process = std::process::id();
    let holder = format!(
        "is in use by process {process} since 1970-01-01T00:00:00Z, listening on 127.0.0.1:5000,"
    );
    assert!(message.contains(&holder), "{message}");
}

#[test]
fn a_lock_ends_with_its_holder() {
    let Subject {
        store,
        clock: _,
        lock,
        _directory,
    } = subject();
    let folder = lock.folder().clone();
    drop((store, lock));
    folder.lock(Timestamp::UNIX_EPOCH, "elsewhere").unwrap();
}

#[test]
fn a_new_folder_and_its_files_are_for_their_account_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b");
    let folder = DataFolder::open(&path).unwrap();
    let lock = folder.lock(Timestamp::UNIX_EPOCH, "nowhere").unwrap();
    let _store = SqliteStore::open(&lock, Arc::new(ManualClock::default())).unwrap();
    assert_eq!(mode(&path), 0o700);
    let files: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn an_empty_folder_is_taken_from_others() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    DataFolder::open(directory.path()).unwrap();
    assert_eq!(mode(directory.path()), 0o700);
}

#[test]
fn a_used_folder_that_others_may_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    for open in [0o770, 0o707, 0o1777] {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(open)).unwrap();
        let refused = DataFolder::open(directory.path()).unwrap_err();
        assert!(matches!(refused, OpenError::Exposed(_)), "{refused}");
    }
}

#[test]
fn a_folder_without_a_database_is_not_one_that_was_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mistyped");
    assert!(matches!(
        DataFolder::existing(&path),
        Err(OpenError::Missing(_))
    ));
    assert!(!path.exists());
}
