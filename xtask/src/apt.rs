//! Programs that come as packages of Debian.

use anyhow::{Context, Result};

use crate::place::{Place, read, run};

/// A program the tests start and the package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packaged {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

const fn packaged(program: &'static str, package: &'static str) -> Packaged {
    Packaged { program, package }
}

const PROGRAMS: [Packaged; 11] = [
    packaged("docker", "docker.io"),
    packaged("dockerd", "docker.io"),
    packaged("containerd", "containerd"),
    packaged("ctr", "containerd"),
    packaged("runc", "runc"),
    packaged("podman", "podman"),
    packaged("buildah", "buildah"),
    packaged("skopeo", "skopeo"),
    packaged("nginx", "nginx-light"),
    packaged("openssl", "openssl"),
    packaged("strace", "strace"),
];

/// What the test image is made with.
const IMAGE_PROGRAMS: [Packaged; 3] = [
    packaged("mmdebstrap", "mmdebstrap"),
    packaged("newuidmap", "uidmap"),
    packaged("umoci", "umoci"),
];

/// What the emulators come with and run on, beside Go.
const JAVA: [Packaged; 2] = [
    packaged("java", "default-jre-headless"),
    packaged("mvn", "maven"),
];

/// What puts Python's packages into a folder of their own.
const PYTHON: Packaged = packaged("virtualenv", "virtualenv");

const GO: Packaged = packaged("go", "golang-go");

/// The programs that are not on this machine.
pub(crate) fn missing(place: &Place, with_go: bool, with_image: bool) -> Vec<Packaged> {
    PROGRAMS
        .into_iter()
        .chain(with_image.then_some(IMAGE_PROGRAMS).into_iter().flatten())
        .chain(with_go.then_some(GO))
        .filter(|wanted| place.program(wanted.program).is_none())
        .collect()
}

/// What the emulators need of programs that are not on this machine.
pub(crate) fn missing_for_emulators(
    place: &Place,
    with_go: bool,
    with_python: bool,
) -> Vec<Packaged> {
    JAVA.into_iter()
        .chain(with_python.then_some(PYTHON))
        .chain(with_go.then_some(GO))
        .filter(|wanted| place.program(wanted.program).is_none())
        .collect()
}

/// The words that `apt-get` is started with, for the announcement and for the install.
pub(crate) fn words(place: &Place) -> Vec<&'static str> {
    let root = read(place.command("id").arg("-u")).is_ok_and(|id| id == "0");
    let mut words = match (root, place.can_ask()) {
        (true, _) => vec![],
        (false, true) => vec!["sudo"],
        (false, false) => vec!["sudo", "-n"],
    };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    words
}

/// Installs packages; never removes one, so that another Docker stays whole.
pub(crate) fn install(place: &Place, packages: &[&str]) -> Result<()> {
    place
        .program("apt-get")
        .context("cannot install packages: no apt-get on PATH, install the programs by hand")?;
    let words = words(place);
    let apt = |arguments: &[&str]| {
        let mut command = place.command(words[0]);
        run(command.args(&words[1..]).args(arguments))
    };
    apt(&["-q", "update"])?;
    let options = "install -q -y --no-install-recommends --no-remove";
    let options: Vec<_> = options.split(' ').collect();
    apt(&[&options, packages].concat())
}
