//! Stores of images lay the layers over each other where the machine lets
//! them, and else copy each into the next, which takes several times as long.

use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// The better of two names of ways to store: the first where overlays can be
/// mounted in folders of tests.
pub(crate) fn choose(overlay: &'static str, copies: &'static str) -> &'static str {
    static WORKS: OnceLock<bool> = OnceLock::new();
    if *WORKS.get_or_init(works) {
        overlay
    } else {
        copies
    }
}

fn works() -> bool {
    let folder = TempDir::with_prefix("berth-").unwrap();
    let folders = ["lower", "upper", "work", "merged"].map(|name| folder.path().join(name));
    for folder in &folders {
        std::fs::create_dir(folder).unwrap();
    }
    let [lower, upper, work, merged] = folders.map(|folder| folder.display().to_string());
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    run(
        "mount",
        &["-t", "overlay", "overlay", "-o", &options, &merged],
    ) && run("umount", &[&merged])
}
