//! The settings as a configuration file.

use std::fmt::Write as _;

use crate::key::{Key, Kind};
use crate::values::{Value, Values};
use crate::{KEYS, Source};

/// All keys with what is known of them.
pub(crate) fn toml(values: &Values) -> String {
    let mut text = String::new();
    let mut topic = None;
    for key in KEYS {
        if topic != Some(key.topic) {
            topic = Some(key.topic);
            let _ = writeln!(text, "### {}\n", key.topic.heading());
        }
        for line in wrap(key.doc, 76) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "{}\n", assignment(key, values.get(key)));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn assignment(key: &Key, value: Option<&Value>) -> String {
    let Some(Value { texts, source }) = value else {
        return format!("# {} is not set", key.name);
    };
    let value = match key.kind {
        Kind::Secret => return format!("# {} is set and hidden ({source})", key.name),
        Kind::Text => texts.iter().map(|text| quoted(text)).collect(),
        Kind::List => {
            let items: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Number | Kind::Switch => texts.concat(),
    };
    match source {
        Source::Default => format!("{} = {value}", key.name),
        source => format!("{} = {value} # {source}", key.name),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Breaks a text between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
