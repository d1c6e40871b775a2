//! What the command line of `cargo xtask bench` says.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// How a run is to be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How often each server is measured; the median counts.
    pub(crate) rounds: usize,
    /// Only scenarios whose name has one of these words; all if there is none.
    pub(crate) only: Vec<String>,
    /// Only servers with these names; all if there is none.
    pub(crate) servers: Vec<String>,
    /// Where the figures are written.
    pub(crate) json: Option<PathBuf>,
    /// Where the picture is written.
    pub(crate) svg: Option<PathBuf>,
    /// The program to measure, if it is not to be built.
    pub(crate) berth: Option<PathBuf>,
}

impl Options {
    /// Reads the words after `bench`.
    pub(crate) fn parse(words: Vec<String>) -> Result<Self> {
        let mut options = Self {
            rounds: 3,
            only: Vec::new(),
            servers: Vec::new(),
            json: None,
            svg: None,
            berth: None,
        };
        let mut words = words.into_iter();
        while let Some(flag) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("`{flag}` needs a value, see `cargo xtask --help`"))
            };
            match flag.as_str() {
                "--rounds" => {
                    let rounds = value()?;
                    options.rounds = rounds
                        .parse()
                        .with_context(|| format!("`{rounds}` is no number of rounds"))?;
                }
                "--only" => options.only.extend(names(&value()?)),
                "--servers" => options.servers.extend(names(&value()?)),
                "--json" => options.json = Some(value()?.into()),
                "--svg" => options.svg = Some(value()?.into()),
                "--berth" => options.berth = Some(value()?.into()),
                other => bail!("unknown option `{other}`, see `cargo xtask --help`"),
            }
        }
        ensure!(options.rounds > 0, "at least one round is needed");
        Ok(options)
    }

    /// Whether a scenario is to be run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|word| scenario.contains(word.as_str()))
    }
}

fn names(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> anyhow::Result<Options> {
        Options::parse(line.split_whitespace().map(ToOwned::to_owned).collect())
    }

    #[test]
    fn a_filter_may_name_several_scenarios() {
        let options = parse("--only push,blob --rounds 1").unwrap();
        assert_eq!(options.rounds, 1);
        assert!(options.wants("push"));
        assert!(!options.wants("manifest"));
        assert!(parse("").unwrap().wants("manifest"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["--rounds", "--rounds none", "--rounds 0", "--fast"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
