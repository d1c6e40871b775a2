//! Programs written in Go: one pinned module each, clients, a registry and Toxiproxy under `tests/tools`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::place::{Place, read, run};

/// The oldest Go that builds every tool, and the one that is brought where an older one is.
const GO: &str = "1.26.0";

/// One module, named as its program.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) version: String,
    package: String,
    module: PathBuf,
    /// What says that the program was built from these pins.
    pins: String,
}

/// Every tool, in the order of their names.
pub(crate) fn tools(place: &Place) -> Result<Vec<Tool>> {
    let folder = place.root.join("tests/tools");
    let mut tools = fs::read_dir(&folder)
        .context("cannot list tests/tools")?
        .map(|entry| Tool::read(&entry.context("cannot list tests/tools")?.path()))
        .collect::<Result<Vec<_>>>()?;
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tools)
}

impl Tool {
    /// Reads the module in this folder.
    pub(crate) fn read(module: &Path) -> Result<Self> {
        let name = module
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let file = |file: &str| {
            fs::read_to_string(module.join(file))
                .with_context(|| format!("cannot read {file} of the tool {name}"))
        };
        let pins = file("go.mod")? + &file("go.sum")?;
        let package = pins
            .lines()
            .find_map(|line| line.strip_prefix("tool "))
            .with_context(|| format!("no tool line in go.mod of the tool {name}"))?
            .to_owned();
        let version = pins
            .lines()
            .filter_map(|line| line.strip_prefix("require ")?.split_once(' '))
            .find(|(required, _)| package.starts_with(required))
            .map(|(_, version)| version.to_owned())
            .with_context(|| format!("no version of {package} in go.mod of the tool {name}"))?;
        Ok(Self {
            name,
            version,
            package,
            module: module.to_path_buf(),
            pins,
        })
    }

    /// Whether the program is there as the module pins it.
    pub(crate) fn is_built(&self, place: &Place) -> bool {
        place.target.join("tools/bin").join(&self.name).is_file()
            && fs::read_to_string(self.stamp(place)).is_ok_and(|pins| pins == self.pins)
    }

    /// Builds the program into `target/tools/bin`.
    pub(crate) fn build(&self, place: &Place, go: &Path) -> Result<()> {
        let program = place.target.join("tools/bin").join(&self.name);
        run(go_command(place, go)
            .current_dir(&self.module)
            .args(["build", "-trimpath", "-buildvcs=false", "-o"])
            .arg(program)
            .arg(&self.package))?;
        fs::write(self.stamp(place), &self.pins)
            .with_context(|| format!("cannot note the pins of {}", self.name))
    }

    fn stamp(&self, place: &Place) -> PathBuf {
        place.target.join(format!("tools/{}.installed", self.name))
    }
}

/// A Go that is new enough: the one on PATH, or one that it downloads as a module.
pub(crate) fn toolchain(place: &Place) -> Result<PathBuf> {
    let found = place
        .program("go")
        .context("cannot build the Go tools: no go on PATH")?;
    let version = read(go_command(place, &found).arg("version"))?;
    let version = version.split(' ').nth(2).unwrap_or_default();
    if numbers(version.trim_start_matches("go")) >= numbers(GO) {
        return Ok(found);
    }
    let system = read(go_command(place, &found).args(["env", "GOOS", "GOARCH", "GOMODCACHE"]))?;
    let [os, arch, cache] = system.lines().collect::<Vec<_>>()[..] else {
        anyhow::bail!("cannot find the module cache: go env printed `{system}`");
    };
    let module = format!("golang.org/toolchain@v0.0.1-go{GO}.{os}-{arch}");
    run(go_command(place, &found).args(["mod", "download", &module]))?;
    let root = Path::new(cache).join(module);
    // Modules are unpacked without the right to execute.
    run(place
        .command("chmod")
        .args(["-R", "+x"])
        .args([root.join("bin"), root.join("pkg/tool")]))?;
    let go = root.join("bin/go");
    ensure!(go.is_file(), "the downloaded Go {GO} has no go command");
    Ok(go)
}

/// A Go command outside any workspace, which gets no other toolchain by itself.
fn go_command(place: &Place, go: &Path) -> Command {
    let mut command = place.command(&go.to_string_lossy());
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env_remove("GOROOT");
    command
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("1.9.7") < numbers("1.26.0"));
        assert!(numbers("1.26rc1") < numbers("1.26.0"));
        assert!(numbers("1.26.8") > numbers("1.26.0"));
        assert!(numbers("1.27") > numbers("1.26.0"));
    }
}
