//! Java programs: one pinned `pom.xml` each under `tests/emulators`, fetched with what it needs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::place::{Place, run};

/// A program that comes as jars.
#[derive(Debug)]
pub(crate) struct Jars {
    pub(crate) name: String,
    pub(crate) version: String,
    module: PathBuf,
    /// What says that the jars are those of these pins.
    pins: String,
}

/// Where a program's jars are.
pub(crate) fn folder(place: &Place, name: &str) -> PathBuf {
    place.target.join("tools").join(name)
}

impl Jars {
    /// Reads the pins in this folder.
    pub(crate) fn read(name: &str, module: &Path) -> Result<Self> {
        let pins = fs::read_to_string(module.join("pom.xml"))
            .with_context(|| format!("cannot read pom.xml of {name}"))?;
        let version = pins
            .split("<dependency>")
            .nth(1)
            .and_then(|dependency| dependency.split("<version>").nth(1)?.split('<').next())
            .with_context(|| format!("no version in pom.xml of {name}"))?
            .to_owned();
        Ok(Self {
            name: name.to_owned(),
            version,
            module: module.to_path_buf(),
            pins,
        })
    }

    /// Whether the jars are there as they are pinned.
    pub(crate) fn are_there(&self, place: &Place) -> bool {
        fs::read_to_string(self.stamp(place)).is_ok_and(|pins| pins == self.pins)
            && folder(place, &self.name).is_dir()
    }

    /// Fetches them into `target/tools`.
    pub(crate) fn fetch(&self, place: &Place) -> Result<()> {
        let folder = folder(place, &self.name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove old jars of {}", self.name))?;
        }
        run(place
            .command("mvn")
            .current_dir(&self.module)
            .args(["--quiet", "--batch-mode", "dependency:copy-dependencies"])
            .arg(format!("-DoutputDirectory={}", folder.display())))?;
        fs::write(self.stamp(place), &self.pins)
            .with_context(|| format!("cannot note the pins of {}", self.name))
    }

    fn stamp(&self, place: &Place) -> PathBuf {
        place.target.join(format!("tools/{}.installed", self.name))
    }
}
