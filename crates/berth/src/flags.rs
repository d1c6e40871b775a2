//! The flags of the settings, made from their table.

use std::path::PathBuf;

use berth_settings::{KEYS, Key, Kind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

/// Settings that were given as flags.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// The others, as given.
    pub(crate) given: Vec<(&'static Key, Vec<String>)>,
}

const CONFIG: &str = "config";

/// What the help says of `--config`.
pub(crate) const CONFIG_FLAG_HELP: &str = "TOML file with settings [env: BERTH_CONFIG]";

impl Flags {
    /// Flags by their keys' names; what is no key is left out.
    pub(crate) fn new(
        config: Option<PathBuf>,
        given: impl IntoIterator<Item = (&'static str, Vec<String>)>,
    ) -> Self {
        let key = |(name, values)| Some((KEYS.iter().find(|key| key.name == name)?, values));
        Self {
            config,
            given: given.into_iter().filter_map(key).collect(),
        }
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let with_flag = KEYS.iter().filter(|key| key.flag().is_some());
        let given = with_flag.filter_map(|key| {
            let values = matches.get_many::<String>(key.name)?;
            Some((key.name, values.cloned().collect()))
        });
        Ok(Self::new(matches.get_one(CONFIG).cloned(), given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(CONFIG_FLAG_HELP);
        command.arg(config).args(KEYS.iter().filter_map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(key: &Key) -> Option<Arg> {
    let flag = key.flag()?;
    let repeated = if key.kind == Kind::List {
        "; may be repeated"
    } else {
        ""
    };
    let default = match key.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let help = format!("{}{repeated}{default}", key.doc);
    let argument = Arg::new(key.name)
        .long(flag.trim_start_matches('-').to_owned())
        .value_name(key.value_name)
        .help_heading(key.topic.heading())
        .help(help);
    Some(match key.kind {
        Kind::List => argument.action(ArgAction::Append).value_delimiter(','),
        Kind::Switch => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Kind::Text | Kind::Number | Kind::Secret => argument,
    })
}
