//! What this machine lacks: said by name, agreed to, installed.

use std::{
    fs,
    io::{Write, stdin, stdout},
};

use anyhow::{Context, Result};

use crate::{
    apt::{self, Packaged},
    aws::{
        emulator::{EMULATORS, Form},
        jars::Jars,
        python::Environment,
    },
    go, image,
    place::Place,
    report::{Outcome, Report},
    rust::{self, Crate},
};

/// Everything the tests want that is not here yet.
#[derive(Debug)]
pub(crate) struct Missing {
    programs: Vec<Packaged>,
    crates: Vec<Crate>,
    tools: Vec<go::Tool>,
    jars: Vec<Jars>,
    environments: Vec<Environment>,
    image: bool,
}

impl Missing {
    /// Looks for every program.
    pub(crate) fn find(place: &Place) -> Result<Self> {
        let mut tools = go::tools(place)?;
        tools.retain(|tool| !tool.is_built(place));
        let image = !image::is_built(place);
        let emulators = Self::emulators(place)?;
        let mut programs = apt::missing(place, !tools.is_empty(), image);
        for program in emulators.programs {
            if !programs.iter().any(|one| one.program == program.program) {
                programs.push(program);
            }
        }
        tools.extend(emulators.tools);
        Ok(Self {
            programs,
            crates: rust::missing(place),
            tools,
            jars: emulators.jars,
            environments: emulators.environments,
            image,
        })
    }

    /// Looks for what the emulators of AWS and the tests over them want.
    pub(crate) fn emulators(place: &Place) -> Result<Self> {
        let (mut tools, mut jars, mut environments) = (Vec::new(), Vec::new(), Vec::new());
        for emulator in &EMULATORS {
            let pins = emulator.pins(place);
            match emulator.form() {
                Form::Go => tools.push(go::Tool::read(&pins)?),
                Form::Jars => jars.push(Jars::read(emulator.name, &pins)?),
                Form::Python => environments.push(Environment::read(emulator.name, &pins)?),
            }
        }
        tools.retain(|tool| !tool.is_built(place));
        jars.retain(|jars| !jars.are_there(place));
        environments.retain(|environment| !environment.is_there(place));
        Ok(Self {
            programs: apt::missing_for_emulators(
                place,
                !tools.is_empty(),
                !environments.is_empty(),
            ),
            crates: rust::missing_for_tests(place),
            tools,
            jars,
            environments,
            image: false,
        })
    }

    /// Whether everything is there.
    pub(crate) fn is_none(&self) -> bool {
        self.programs.is_empty()
            && self.crates.is_empty()
            && self.tools.is_empty()
            && self.jars.is_empty()
            && self.environments.is_empty()
            && !self.image
    }

    fn packages(&self) -> Vec<&'static str> {
        let mut packages: Vec<_> = self
            .programs
            .iter()
            .map(|program| program.package)
            .collect();
        packages.dedup();
        packages
    }

    fn crate_names(&self) -> Vec<String> {
        self.crates
            .iter()
            .map(|tool| format!("{} {}", tool.name, tool.version))
            .collect()
    }

    fn tool_names(&self) -> Vec<String> {
        self.tools
            .iter()
            .map(|tool| format!("{} {}", tool.name, tool.version))
            .collect()
    }

    fn jar_names(&self) -> Vec<String> {
        self.jars
            .iter()
            .map(|jars| format!("{} {}", jars.name, jars.version))
            .collect()
    }

    fn environment_names(&self) -> Vec<String> {
        self.environments
            .iter()
            .map(|environment| format!("{} {}", environment.name, environment.version))
            .collect()
    }

    /// Says what would be installed and whether it may be.
    pub(crate) fn agreed(&self, place: &Place) -> Result<bool> {
        let mut lines = Vec::new();
        if !self.programs.is_empty() {
            let apt = apt::words(place).join(" ");
            let packages = self.packages().join(" ");
            lines.push(format!("packages of this system, by `{apt}`: {packages}"));
        }
        if !self.crates.is_empty() {
            let names = self.crate_names().join(", ");
            lines.push(format!("crates, built into target/tools: {names}"));
        }
        if !self.tools.is_empty() {
            let names = self.tool_names().join(", ");
            lines.push(format!("Go programs, built into target/tools: {names}"));
        }
        if !self.jars.is_empty() {
            let names = self.jar_names().join(", ");
            lines.push(format!(
                "Java programs, by Maven into target/tools: {names}"
            ));
        }
        if !self.environments.is_empty() {
            let names = self.environment_names().join(", ");
            lines.push(format!(
                "Python programs, by pip into target/tools: {names}"
            ));
        }
        if self.image {
            lines.push("an image of Debian's packages, made in target/test-image".to_owned());
        }
        if lines.is_empty() {
            return Ok(true);
        }
        println!("to be installed:");
        for line in lines {
            println!("  {line}");
        }
        if !place.can_ask() {
            return Ok(true);
        }
        print!("install these? [Y/n] ");
        stdout().flush().context("cannot ask on this terminal")?;
        let mut answer = String::new();
        stdin()
            .read_line(&mut answer)
            .context("cannot read the answer, try --no-install")?;
        Ok(matches!(
            answer.trim().to_lowercase().as_str(),
            "" | "y" | "yes"
        ))
    }

    /// Installs all of it, one step each, so that one failure leaves the others.
    pub(crate) fn install(&self, place: &Place, report: &mut Report) -> Result<()> {
        fs::create_dir_all(place.target.join("tools/bin")).context("cannot make target/tools")?;
        let packages = self.packages();
        if !packages.is_empty() {
            report.step("install packages", || {
                apt::install(place, &packages).map(|()| Outcome::Done)
            });
        }
        for tool in &self.crates {
            report.step(&format!("install {}", tool.name), || {
                rust::install(place, *tool).map(|()| Outcome::Done)
            });
        }
        for tool in &self.tools {
            report.step(&format!("build {}", tool.name), || {
                tool.build(place, &go::toolchain(place)?)
                    .map(|()| Outcome::Done)
            });
        }
        for jars in &self.jars {
            report.step(&format!("fetch {}", jars.name), || {
                jars.fetch(place).map(|()| Outcome::Done)
            });
        }
        for environment in &self.environments {
            report.step(&format!("install {}", environment.name), || {
                environment.make(place).map(|()| Outcome::Done)
            });
        }
        if self.image {
            report.step("make the test image", || {
                image::build(place).map(|()| Outcome::Done)
            });
        }
        Ok(())
    }

    /// Records all of it as skipped.
    pub(crate) fn skip(&self, report: &mut Report) {
        let programs = self.programs.iter().map(|wanted| wanted.program);
        let crates = self.crates.iter().map(|tool| tool.name);
        let tools = self.tools.iter().map(|tool| tool.name.as_str());
        let jars = self.jars.iter().map(|jars| jars.name.as_str());
        let environments = self.environments.iter().map(|one| one.name.as_str());
        let tools = tools.chain(jars).chain(environments);
        for name in programs.chain(crates).chain(tools) {
            report.skip(&format!("{name}: not installed"));
        }
        if self.image {
            report.skip("test image: not made");
        }
    }
}
