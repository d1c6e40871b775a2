//! Names, tags and references: exactly what the grammars allow is accepted, and
//! is written as it was read.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use berth_domain::{ProjectName, UserName};
use berth_fuzz::grammar::{DIGEST, Grammar, PROJECT, REPOSITORY, TAG};
use berth_oci::{Reference, RepositoryName, TagName, is_name_component};
use libfuzzer_sys::fuzz_target;

/// Whether `text` is read, which must be so if and only if `expected`.
fn read<T>(text: &str, expected: bool) -> Option<T>
where
    T: FromStr + Display + Debug + PartialEq,
{
    let read = text.parse::<T>().ok();
    assert_eq!(read.is_some(), expected, "{text:?}");
    if let Some(value) = &read {
        assert_eq!(value.to_string(), text);
    }
    read
}

fn fits(text: &str, grammar: &Grammar, longest: usize) -> bool {
    text.len() <= longest && grammar.matches(text)
}

fuzz_target!(|text: &str| {
    let repository = read::<RepositoryName>(text, fits(text, &REPOSITORY, 255));
    let project = read::<ProjectName>(text, fits(text, &PROJECT, 255));
    read::<TagName>(text, TAG.matches(text));
    read::<Reference>(text, TAG.matches(text) || DIGEST.matches(text));
    assert_eq!(
        is_name_component(text),
        REPOSITORY.matches(text) && !text.contains('/')
    );
    // A project's name is a repository's first component.
    assert!(project.is_none() || repository.is_some());
    if let Some(name) = repository {
        let (first, rest) = name.split_project();
        let joined = rest.map_or_else(|| first.to_owned(), |rest| format!("{first}/{rest}"));
        assert_eq!(joined, text);
        let json = serde_json::to_string(&name).expect("a name is text");
        assert_eq!(
            serde_json::from_str::<RepositoryName>(&json).ok(),
            Some(name)
        );
    }
    if let Ok(name) = text.parse::<UserName>() {
        assert_eq!(name.to_string(), text);
        assert!((1..=255).contains(&text.len()) && text.trim() == text);
        assert!(!text.contains(|c: char| c.is_control() || ",\"~#%$:".contains(c)));
    }
});
