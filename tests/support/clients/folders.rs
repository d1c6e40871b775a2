//! Where clients that pull into folders have what they pulled.

use std::path::PathBuf;

use berth_oci::Digest;

use super::HOST_PLATFORM;
use crate::support::home::Home;
use crate::support::layout::Layout;

/// A layout for each image name.
#[derive(Debug)]
pub(super) struct Folders(PathBuf);

impl Folders {
    /// The folders of a client.
    pub(super) fn of(home: &Home) -> Self {
        let folder = home.join("pulled");
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// The folder of an image.
    pub(super) fn of_name(&self, name: &str) -> PathBuf {
        self.0
            .join(name.replace(|character: char| !character.is_ascii_alphanumeric(), "-"))
    }

    /// The folder of an image, with nothing there.
    pub(super) fn empty(&self, name: &str) -> PathBuf {
        let folder = self.of_name(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        folder
    }

    /// Config of the image there; everything there is verified, and a digest
    /// in its name.
    pub(super) fn config(&self, name: &str, platform: Option<&str>) -> Digest {
        let layout = Layout::at(self.of_name(name));
        let held = layout.tagged("image");
        if let Some((_, digest)) = name.split_once('@')
            && platform.is_none()
        {
            assert_eq!(held.digest.to_string(), digest, "{name}");
        }
        layout
            .image(&held, platform.unwrap_or(HOST_PLATFORM))
            .config()
    }

    /// Deletes all.
    pub(super) fn forget(&self) {
        std::fs::remove_dir_all(&self.0).unwrap();
        std::fs::create_dir(&self.0).unwrap();
    }
}
