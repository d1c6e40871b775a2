//! A real image from Debian's packages, for the clients to push and pull.
//!
//! `target/test-image/oci` is an OCI layout with these names:
//!
//! - `deb`: a Debian that runs, for this machine's processor, in three layers: the essential
//!   system with `ca-certificates` (about 55 MB compressed), `manpages` (1.3 MB), `hello` (60 kB).
//!   Its manifest names no media type, as umoci leaves it out. `hello` prints `Hello, world!`.
//! - `other`: for another processor, two layers of packages that fit every processor:
//!   `manpages`, which `deb` has too, and `tzdata`.
//! - `multi`: an index of these two, with their platforms.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::place::{Place, read, run};

/// Changed when the image is to be made anew.
const RECIPE: &str = "1";

/// The layout that the tests are given.
pub(crate) fn layout(place: &Place) -> PathBuf {
    folder(place).join("oci")
}

/// Whether the image is there as this recipe makes it.
pub(crate) fn is_built(place: &Place) -> bool {
    layout(place).join("index.json").is_file()
        && fs::read_to_string(folder(place).join("recipe")).is_ok_and(|recipe| recipe == RECIPE)
}

/// Makes the image; what is half made is not mistaken for it.
pub(crate) fn build(place: &Place) -> Result<()> {
    let folder = folder(place);
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot remove the old test image")?;
    }
    let work = folder.join("work");
    fs::create_dir_all(&work).context("cannot make a folder for the test image")?;
    Recipe { place, work }.build()?;
    fs::write(folder.join("recipe"), RECIPE).context("cannot finish the test image")
}

fn folder(place: &Place) -> PathBuf {
    place.target.join("test-image")
}

struct Recipe<'a> {
    place: &'a Place,
    work: PathBuf,
}

impl Recipe<'_> {
    fn build(&self) -> Result<()> {
        let base = self.bootstrap()?;
        let [hello, manpages, tzdata] =
            ["hello", "manpages", "tzdata"].map(|name| self.unpack(name));
        let (hello, manpages, tzdata) = (hello?, manpages?, tzdata?);

        run(self.command("umoci").args(["init", "--layout", "oci"]))?;
        self.image(
            "deb",
            &[&base, &manpages, &hello],
            &["--config.cmd", "/bin/bash"],
        )?;
        let other = if std::env::consts::ARCH == "aarch64" {
            "amd64"
        } else {
            "arm64"
        };
        self.image("other", &[&manpages, &tzdata], &["--architecture", other])?;
        run(self
            .command("regctl")
            .args(["index", "create", "ocidir://oci:multi"])
            .args(["--ref", "ocidir://oci:deb", "--ref", "ocidir://oci:other"]))?;
        run(self.command("umoci").args(["gc", "--layout", "oci"]))?;
        fs::rename(self.work.join("oci"), layout(self.place))
            .context("cannot move the test image into place")?;
        fs::remove_dir_all(&self.work).context("cannot remove what the test image was made from")
    }

    /// The essential packages of the Debian that this machine runs, from its own sources.
    fn bootstrap(&self) -> Result<PathBuf> {
        let release =
            fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
        let suite = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .context("cannot make the test image: this system's release has no code name")?;
        let base = self.work.join("base.tar");
        run(self
            .command("mmdebstrap")
            .args([
                "--quiet",
                "--variant=essential",
                "--include=ca-certificates",
            ])
            .arg(suite)
            .arg(&base))?;
        Ok(base)
    }

    /// The files of one package as a layer.
    fn unpack(&self, package: &str) -> Result<PathBuf> {
        run(self.command("apt-get").args([
            "-q",
            "-o",
            "APT::Sandbox::User=root",
            "download",
            package,
        ]))?;
        let names = read(
            self.command("find")
                .args([".", "-name", &format!("{package}_*.deb")]),
        )?;
        let layer = self.work.join(format!("{package}.tar"));
        let file = fs::File::create(&layer).context("cannot write a layer of the test image")?;
        run(self
            .command("dpkg-deb")
            .args(["--fsys-tarfile", &names])
            .stdout(file))?;
        Ok(layer)
    }

    fn image(&self, name: &str, layers: &[&Path], config: &[&str]) -> Result<()> {
        let image = format!("oci:{name}");
        run(self.command("umoci").args(["new", "--image", &image]))?;
        for layer in layers {
            run(self
                .command("umoci")
                .args(["raw", "add-layer", "--image", &image])
                .arg(layer))?;
        }
        run(self
            .command("umoci")
            .args(["config", "--image", &image])
            .args(config))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.place.command(program);
        command.current_dir(&self.work);
        command
    }
}
