//! The key that seals, and the file it is kept in.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The 256-bit key under which secrets are sealed. Whoever has it and the
/// database can read them; whoever loses it can never again.
#[derive(Clone)]
pub struct SealingKey([u8; 32]);

/// Why there is no sealing key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// The file can be neither read nor made.
    #[error("the sealing key {0} can be neither read nor made")]
    File(PathBuf, #[source] io::Error),
    /// The file is not there, although it must have been.
    #[error(
        "the sealing key {} is missing, restore it from your backup: without it the secrets in the database cannot be read",
        .0.display()
    )]
    Missing(PathBuf),
    /// The text is no key.
    #[error("a sealing key is 32 bytes in base64, restore it from your backup")]
    Malformed,
    /// The machine gave no random bytes.
    #[error("the machine gave no random bytes for a sealing key")]
    Random,
}

impl SealingKey {
    /// A key that is kept elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses a key: 32 bytes in base64, blanks around it are ignored.
    pub fn parse(text: &str) -> Result<Self, SealingKeyError> {
        let bytes = STANDARD
            .decode(text.trim())
            .map_err(|_| SealingKeyError::Malformed)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| SealingKeyError::Malformed)
    }

    /// Reads the key from `path`, or makes one and keeps it there (0600, whole
    /// or not at all, durable; of two processes that make it at once, both get
    /// the same). Only for a place where nothing is sealed yet. Warns as
    /// [`load`](Self::load) does. Blocks.
    pub fn load_or_create(path: &Path) -> Result<Self, SealingKeyError> {
        let failed = |error| SealingKeyError::File(path.to_owned(), error);
        if !path.try_exists().map_err(failed)? {
            let mut key = [0; 32];
            rand::fill(&mut key).map_err(|_| SealingKeyError::Random)?;
            create(path, &format!("{}\n", STANDARD.encode(key))).map_err(failed)?;
        }
        Self::load(path)
    }

    /// Reads the key from `path`; [`Missing`](SealingKeyError::Missing) if it
    /// is not there. Warns of a file that others may read. Blocks.
    pub fn load(path: &Path) -> Result<Self, SealingKeyError> {
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::NotFound => SealingKeyError::Missing(path.to_owned()),
            _ => SealingKeyError::File(path.to_owned(), error),
        };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(
                path = %path.display(),
                mode = format!("{:o}", mode & 0o777),
                "other users of this machine may read the sealing key, set its mode to 600"
            );
        }
        Self::parse(&fs::read_to_string(path).map_err(failed)?)
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey(..)")
    }
}

/// Makes a file with all of `text`, unless there is one by now.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces another process's key.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealing-key");
        let made = SealingKey::load_or_create(&path).unwrap();
        assert_eq!(SealingKey::load_or_create(&path).unwrap().0, made.0);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no draft stays"
        );
    }

    #[test]
    fn a_missing_key_is_told_as_such_and_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealing-key");
        assert!(matches!(
            SealingKey::load(&path),
            Err(SealingKeyError::Missing(_))
        ));
        assert!(!path.exists());
    }

    #[test]
    fn a_key_made_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealing-key");
        create(&path, "first").unwrap();
        create(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "abc",
            &STANDARD.encode([0; 31]),
            &STANDARD.encode([0; 33]),
        ] {
            assert!(
                matches!(SealingKey::parse(text), Err(SealingKeyError::Malformed)),
                "{text}"
            );
        }
        assert_eq!(
            SealingKey::parse(&format!(" {}\n", STANDARD.encode([7; 32])))
                .unwrap()
                .0,
            [7; 32]
        );
    }
}
