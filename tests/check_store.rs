//! `berth admin check-store` on stores that are complete, and on one that is
//! not there. What it finds of those that do less is tested at the adapters.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::support::server::{Server, admin, assert_sound};
use crate::support::{bucket, store};

fn check(data: &Path) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = admin(data, &["check-store"]);
    (status.code(), String::from_utf8(stdout).unwrap())
}

/// What a store keeps as files or objects.
async fn kept(data: &Path) -> Vec<String> {
    if store::is_aws() {
        return bucket::objects(data).await;
    }
    let names = fs::read_dir(data).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = names
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("metadata.sqlite-"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_store_that_was_made_is_found_complete_and_keeps_only_what_was_found() {
    let folder = TempDir::with_prefix("berth-").unwrap();
    let data = folder.path().join("data");
    assert!(admin(&data, &["create-store"]).status.success());
    let mut expected = kept(&data).await;
    let (code, found) = check(&data);
    assert_eq!(code, Some(0), "{found}");
    assert!(!found.contains("FAILS"), "{found}");
    assert!(found.lines().count() > 3, "{found}");
    if store::is_aws() {
        expected.push("checks/found.json".to_owned());
    }
    assert_eq!(kept(&data).await, expected);
}

#[tokio::test]
async fn a_store_is_checked_beside_its_server() {
    let server = Server::start().await;
    let (code, found) = check(server.data());
    assert_eq!(code, Some(0), "{found}");
    assert_sound(server.data());
}

#[tokio::test]
async fn a_store_that_was_not_made_is_named_and_the_command_fails() {
    let folder = TempDir::with_prefix("berth-").unwrap();
    let (code, found) = check(&folder.path().join("data"));
    assert_eq!(code, Some(1), "{found}");
    let expected = if store::is_aws() {
        "FAILS: there is no bucket e2e-"
    } else {
        "FAILS: "
    };
    assert!(found.contains(expected), "{found}");
}
