//! Administration beside a running server.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{PASSWORD, Server, berth, get, run, stderr, stdout};

#[test]
fn users_and_projects_are_listed() {
    let server = Server::start(&[]);
    let names = |what| -> Vec<String> {
        let text = stdout(&server.admin(&["list", what]));
        text.lines()
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("users"), ["NAME", "admin"]);
    assert_eq!(names("projects"), ["NAME", "dockerhub", "library"]);
}

#[test]
fn the_data_folder_is_named_before_or_after_the_command() {
    let server = Server::start(&[]);
    let data = server.data();
    let before = run(&["admin", "--data", &data, "list", "users"]);
    let after = run(&["admin", "list", "users", "--data", &data]);
    let environment = berth()
        .env("BERTH_DATA", &data)
        .args(["admin", "list", "users"])
        .output();
    assert!(before.status.success());
    assert_eq!(before, after);
    assert_eq!(before, environment.unwrap());
}

#[test]
fn a_folder_without_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&[
        "admin",
        "list",
        "users",
        "--data",
        folder.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("has no database, start the server on it once"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_generated_password_works_at_once_and_the_old_one_no_longer() {
    let server = Server::start(&[]);
    let url = format!("{}/v2/", server.url);
    assert_eq!(get(&url, Some(PASSWORD)).await.0, 200);
    let output = server.admin(&["reset-password", "admin"]);
    assert!(output.status.success());
    assert_eq!(get(&url, Some(stdout(&output).trim())).await.0, 200);
    assert_eq!(get(&url, Some(PASSWORD)).await.0, 401);
}

#[tokio::test]
async fn a_password_is_read_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = berth();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::of(command, folder);
    let data = server.data();
    let initial = Path::new(&data).join("initial-admin-password");
    assert!(initial.exists());

    let mut reset = berth()
        .args([
            "admin",
            "--data",
            &data,
            "reset-password",
            "admin",
            "--password-file",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(reset.stdin.take().unwrap(), "Another1Word").unwrap();
    assert!(reset.wait().unwrap().success());
    assert_eq!(
        get(&format!("{}/v2/", server.url), Some("Another1Word"))
            .await
            .0,
        200
    );
    assert!(
        !initial.exists(),
        "the file holds a password that is no longer good"
    );
}

#[test]
fn a_user_that_is_not_there_and_a_weak_password_are_refused() {
    let server = Server::start(&[]);
    let nobody = server.admin(&["reset-password", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("nobody"), "{}", stderr(&nobody));

    let file = server.folder.path().join("weak");
    fs::write(&file, "weak").unwrap();
    let weak = server.admin(&[
        "reset-password",
        "admin",
        "--password-file",
        file.to_str().unwrap(),
    ]);
    assert_eq!(weak.status.code(), Some(1));
}

#[tokio::test]
async fn tokens_of_the_old_key_are_good_after_a_rotation_and_new_ones_are_signed_by_the_new_key() {
    let server = Server::start(&[]);
    let ask = format!("{}/service/token?service=harbor-registry", server.url);
    let token = async || {
        let body = get(&ask, Some(PASSWORD)).await.1;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["token"].as_str().unwrap().to_owned()
    };
    let status = async |token: &str| {
        let request = crate::support::client().get(format!("{}/v2/", server.url));
        request
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    let old = token().await;
    assert!(server.admin(&["rotate-key"]).status.success());
    assert_eq!(status(&old).await, 200);
    let started = std::time::Instant::now();
    let new = loop {
        let new = token().await;
        if header(&new) != header(&old) {
            break new;
        }
        assert!(
            started.elapsed() < crate::support::PATIENCE,
            "the old key still signs"
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert_eq!(status(&new).await, 200);
}
