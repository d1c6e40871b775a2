//! What the disk behind a data folder really does. All of it may be looked at
//! beside a running server.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use berth_ports::{Finding, Verdict};

use crate::sqlite::check_database;
use crate::{DataFolder, space};

/// What the file is called that is written, before it is put in place.
const PROBE: &str = "check.tmp";
/// And in place.
const PLACED: &str = "check";

impl DataFolder {
    /// Probes a folder that a server has used before, with a file of its own,
    /// which is deleted in the end.
    pub fn check(path: &Path) -> Vec<Finding> {
        let folder = match Self::existing(path) {
            Ok(folder) => folder,
            Err(error) => return vec![finding("data folder", Err(error))],
        };
        vec![
            finding("data folder", Ok::<_, io::Error>(())),
            finding("files", folder.check_files()),
            finding("room", space::check_folder(folder.path())),
            finding("database", check_database(&folder)),
        ]
    }

    /// Files are kept as blobs are: written, synced, renamed, the folder synced.
    fn check_files(&self) -> Result<(), FilesError> {
        let (probe, placed) = (self.path().join(PROBE), self.path().join(PLACED));
        let keep = || {
            let mut file = File::create(&probe)?;
            file.write_all(PROBE.as_bytes())?;
            file.sync_all()?;
            fs::rename(&probe, &placed)?;
            File::open(self.path())?.sync_all()?;
            if fs::read(&placed)? != PROBE.as_bytes() {
                return Err(io::Error::other("a file has not what was written to it"));
            }
            Ok(())
        };
        let kept = keep();
        // Where that failed, the first may be there.
        let _ = fs::remove_file(&probe);
        let removed = fs::remove_file(&placed);
        Ok(kept.and(removed)?)
    }
}

/// Files cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("files cannot be written and synced here, give this account a local folder")]
struct FilesError(#[from] io::Error);

fn finding<E: Error + 'static>(name: &str, probed: Result<(), E>) -> Finding {
    match probed {
        Ok(()) => Finding::ok(name),
        Err(error) => Finding::noted(name, Verdict::Fails, chain(&error)),
    }
}

/// An error and its causes as one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
