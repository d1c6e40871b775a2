//! Settings, from the sources that a process has.

use std::fs;

use crate::support::{berth, run, stderr, stdout};

#[test]
fn flag_environment_file_and_default_count_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("berth.toml");
    fs::write(
        &file,
        "log = \"warn\"\nheader_seconds = 1\nidle_body_seconds = 1\n",
    )
    .unwrap();
    let output = berth()
        .env("BERTH_CONFIG", &file)
        .env("BERTH_IDLE_BODY_SECONDS", "2")
        .env("BERTH_LOG", "error")
        .args(["config", "--log", "debug"])
        .output()
        .unwrap();
    let text = stdout(&output);
    let value = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned();
        line.replace(file.to_str().unwrap(), "FILE")
    };
    assert_eq!(value("log ="), r#"log = "debug" # --log"#);
    assert_eq!(
        value("idle_body_seconds"),
        "idle_body_seconds = 2 # BERTH_IDLE_BODY_SECONDS"
    );
    assert_eq!(value("header_seconds"), "header_seconds = 1 # FILE, line 2");
    assert_eq!(value("shutdown_seconds"), "shutdown_seconds = 30");
}

#[test]
fn an_unknown_variable_is_refused() {
    let output = berth()
        .env("BERTH_LISTNE", "x")
        .arg("config")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"berth: environment variable BERTH_LISTNE is no setting, perhaps BERTH_LISTEN is meant, `berth config` lists them all");
}

#[test]
fn a_store_that_was_not_built_in_is_refused_with_how_to_build_it() {
    let store = ["--store", "aws", "--bucket", "a", "--sealing-key-file", "a"];
    let output = run(&[&["serve"], store.as_slice()].concat());
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @"berth: this program was built without store = aws, build it with `--features aws`");
}

#[test]
fn an_unknown_flag_is_refused() {
    let output = run(&["serve", "--listne", "x"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r#"
error: unexpected argument '--listne' found

  tip: a similar argument exists: '--listen'

Usage: berth serve --listen <ADDRESS>

For more information, try '--help'.
"#);
}

#[test]
fn an_unknown_key_of_the_file_is_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("berth.toml");
    fs::write(&file, "log = \"warn\"\nlisten_on = []\n").unwrap();
    let file = file.to_str().unwrap();
    for command in [&["serve"][..], &["config"], &["admin", "list", "users"]] {
        let output = run(&[command, &["--config", file]].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert_eq!(
            stderr(&output).replace(file, "FILE"),
            "berth: listen_on (FILE, line 2) is no setting, perhaps listen is meant, `berth config` lists them all\n"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let output = run(&["config", "--config", "/nowhere/berth.toml"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"berth: the configuration file /nowhere/berth.toml cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_log_filter_that_is_none_is_refused() {
    let output = run(&["config", "--log", "info,=x=y"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @r#"berth: log is "info,=x=y", it can be a level or a list such as info,berth_upstream=debug: invalid filter directive"#);
}

#[test]
fn secrets_are_not_printed() {
    let output = berth()
        .env("BERTH_ADMIN_PASSWORD", "Hidden12345")
        .arg("config")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = stdout(&output) + &stderr(&output);
    assert!(text.contains("# admin_password is set and hidden (BERTH_ADMIN_PASSWORD)"));
    assert!(!text.contains("Hidden12345"));
}

#[test]
fn the_defaults_are_printed_as_a_file() {
    insta::assert_snapshot!(stdout(&run(&["config"])));
}
