//! Python programs: one pinned `requirements.txt` each under `tests/emulators`, installed into a
//! virtual environment of its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::place::{Place, run};

/// A program that comes as packages of Python.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) name: String,
    pub(crate) version: String,
    requirements: PathBuf,
    /// What says that the packages are those of these pins.
    pins: String,
}

/// Where a program's environment is.
pub(crate) fn folder(place: &Place, name: &str) -> PathBuf {
    place.target.join("tools").join(name)
}

impl Environment {
    /// Reads the pins in this folder.
    pub(crate) fn read(name: &str, module: &Path) -> Result<Self> {
        let requirements = module.join("requirements.txt");
        let pins = fs::read_to_string(&requirements)
            .with_context(|| format!("cannot read requirements.txt of {name}"))?;
        let version = pins
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix("=="))
            .with_context(|| format!("no version in requirements.txt of {name}"))?
            .to_owned();
        Ok(Self {
            name: name.to_owned(),
            version,
            requirements,
            pins,
        })
    }

    /// Whether the packages are there as they are pinned.
    pub(crate) fn is_there(&self, place: &Place) -> bool {
        fs::read_to_string(self.stamp(place)).is_ok_and(|pins| pins == self.pins)
            && folder(place, &self.name).is_dir()
    }

    /// Makes it in `target/tools`.
    pub(crate) fn make(&self, place: &Place) -> Result<()> {
        let folder = folder(place, &self.name);
        run(place
            .command("virtualenv")
            .args(["--quiet", "--clear"])
            .arg(&folder))?;
        let pip = folder.join("bin/pip");
        run(place
            .command(&pip.to_string_lossy())
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&self.requirements))?;
        fs::write(self.stamp(place), &self.pins)
            .with_context(|| format!("cannot note the pins of {}", self.name))
    }

    fn stamp(&self, place: &Place) -> PathBuf {
        place.target.join(format!("tools/{}.installed", self.name))
    }
}
