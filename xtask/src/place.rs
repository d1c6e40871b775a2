//! Where things are on this machine, and how programs are started there.

use std::{
    env,
    ffi::OsString,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The checkout, its build folder and the path that programs are found on.
#[derive(Debug)]
pub(crate) struct Place {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// Where installed tools and what they make are kept between runs.
    pub(crate) target: PathBuf,
    /// The debug build of the command, which the end-to-end tests start.
    pub(crate) berth: PathBuf,
    /// Running as CI: ask nothing, and miss nothing.
    pub(crate) ci: bool,
    path: OsString,
}

impl Place {
    /// Looks at the environment that `cargo xtask` gave.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .context("cannot find the checkout: start this as `cargo xtask`")?;
        let root = Path::new(&manifest)
            .parent()
            .context("cannot find the checkout: xtask has no parent folder")?
            .to_path_buf();
        let target = root.join("target");
        let berth = env::current_exe()
            .context("cannot find the build folder")?
            .with_file_name(format!("berth{}", env::consts::EXE_SUFFIX));
        let inherited = env::var_os("PATH").unwrap_or_default();
        // Debian keeps daemons out of a plain user's PATH.
        let daemons = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        let path = env::join_paths(
            std::iter::once(target.join("tools/bin"))
                .chain(env::split_paths(&inherited))
                .chain(daemons),
        )
        .context("cannot put the tools on PATH")?;
        Ok(Self {
            root,
            target,
            berth,
            ci: env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1"),
            path,
        })
    }

    /// Whether somebody is there to be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.ci && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    /// Where `program` is, if it can be started.
    pub(crate) fn program(&self, program: &str) -> Option<PathBuf> {
        env::split_paths(&self.path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file())
    }

    /// A command in the checkout that finds the installed tools first.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", &self.path);
        command
    }

    /// The cargo that started this.
    pub(crate) fn cargo(&self) -> Command {
        self.command(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
    }
}

/// Runs a command to its end, showing what it prints.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Runs a command to its end and gives what it prints, without the white space around it.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
