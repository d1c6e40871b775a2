//! A disk whose calls fail, by strace at a running server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::programs;
use crate::support::server::Server;

/// Calls of a server that fail until this is ended.
pub(super) struct Faults(Child);

impl Faults {
    /// Lets these calls (as in `fsync,fdatasync`) fail with an error (as in
    /// `EIO`), on these files and folders or, if there are none, on all.
    /// `None` where nothing can be traced: the test then ends, and the skip is
    /// on record.
    pub(super) fn inject(
        server: &Server,
        calls: &str,
        error: &str,
        paths: &[PathBuf],
    ) -> Option<Self> {
        let strace = programs::require("strace")?;
        let mut command = Command::new(strace);
        command
            .args(["-f", "-p", &server.pid().to_string()])
            .args(["-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}")])
            .args(paths.iter().flat_map(|path| [Path::new("-P"), path]))
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = lines.any(|line| line.is_ok_and(|line| line.ends_with("threads")));
        // What it says of threads to come must not hold it up.
        std::thread::spawn(move || lines.for_each(drop));
        if !attached {
            programs::skip("strace", "it cannot trace a running program");
            let _ = child.wait();
            return None;
        }
        Some(Self(child))
    }

    /// Lets everything succeed again.
    pub(super) fn end(mut self) {
        let ended = Command::new("kill")
            .arg(self.0.id().to_string())
            .status()
            .unwrap();
        assert!(ended.success());
        self.0.wait().unwrap();
    }
}
