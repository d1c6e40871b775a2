//! Help, as it reads.

use crate::support::{run, stderr, stdout};

#[test]
fn help_of_the_command() {
    insta::assert_snapshot!(stdout(&run(&["--help"])));
}

#[test]
fn help_of_serve() {
    insta::assert_snapshot!(stdout(&run(&["serve", "--help"])));
}

#[test]
fn help_of_admin() {
    insta::assert_snapshot!(stdout(&run(&["admin", "--help"])));
}

#[test]
fn help_of_a_password_reset() {
    insta::assert_snapshot!(stdout(&run(&["admin", "reset-password", "--help"])));
}

#[test]
fn the_version_is_printed() {
    assert_eq!(
        stdout(&run(&["--version"])),
        concat!("berth ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn nothing_to_do_is_a_usage_error_with_the_help() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), stdout(&run(&["--help"])));
}
