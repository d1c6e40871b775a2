//! The scopes of a token: what a client asks the token service to be let do
//! (distribution's "Token Scope Documentation").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most scopes in one list.
pub const MAX_SCOPES: usize = 64;

/// The longest scope list in bytes.
pub const MAX_SCOPE_LIST_BYTES: usize = 16 * 1024;

/// One scope: `repository:library/alpine:pull,push` or `registry:catalog:*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// What kind of thing: `repository`, or `registry`; may carry a class,
    /// as in `repository(plugin)`.
    pub resource_type: String,
    /// Which one, as written: not yet checked to be a repository's name. It
    /// may start with a host and port.
    pub name: String,
    /// What to do with it, in the order written.
    pub actions: Vec<String>,
}

/// Why a text is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// The grammar is broken.
    #[error("a scope is written type:name:action,action")]
    Malformed,
    /// A list is over [`MAX_SCOPES`] or [`MAX_SCOPE_LIST_BYTES`].
    #[error("more scopes than {MAX_SCOPES}, ask for fewer at once")]
    TooMany,
}

impl Scope {
    /// The scope to do `actions` with the repository `name`.
    pub fn repository(name: &str, actions: &[&str]) -> Self {
        Self {
            resource_type: "repository".to_owned(),
            name: name.to_owned(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }
    }

    /// Reads scopes that are separated by spaces; an empty text is none.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ScopeError> {
        if text.len() > MAX_SCOPE_LIST_BYTES {
            return Err(ScopeError::TooMany);
        }
        let mut scopes = Vec::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if scopes.len() == MAX_SCOPES {
                return Err(ScopeError::TooMany);
            }
            scopes.push(scope.parse()?);
        }
        Ok(scopes)
    }
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_action(text: &str) -> bool {
    text == "*"
        || text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (resource_type, rest) = text.split_once(':').ok_or(ScopeError::Malformed)?;
        let (name, actions) = rest.rsplit_once(':').ok_or(ScopeError::Malformed)?;
        let actions: Vec<_> = actions
            .split(',')
            .filter(|action| !action.is_empty())
            .collect();
        let valid =
            is_visible(resource_type) && is_visible(name) && actions.iter().copied().all(is_action);
        if !valid {
            return Err(ScopeError::Malformed);
        }
        Ok(Self {
            resource_type: resource_type.to_owned(),
            name: name.to_owned(),
            actions: actions.into_iter().map(str::to_owned).collect(),
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}",
            self.resource_type,
            self.name,
            self.actions.join(",")
        )
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_scope_is_type_name_and_actions() {
        for (text, resource_type, name, actions) in [
            (
                "repository:library/alpine:pull,push",
                "repository",
                "library/alpine",
                &["pull", "push"][..],
            ),
            (
                "repository:host:5000/a/b:pull",
                "repository",
                "host:5000/a/b",
                &["pull"],
            ),
            (
                "repository(plugin):a:pull",
                "repository(plugin)",
                "a",
                &["pull"],
            ),
            ("registry:catalog:*", "registry", "catalog", &["*"]),
            ("repository:a:", "repository", "a", &[]),
            ("repository:a:,pull,", "repository", "a", &["pull"]),
        ] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(
                (&*scope.resource_type, &*scope.name),
                (resource_type, name),
                "{text}"
            );
            assert_eq!(scope.actions, actions, "{text}");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for text in [
            "",
            "repository",
            "repository:a",
            ":a:pull",
            "repository::pull",
            "repository:a:pu/ll",
            "r:é:pull",
        ] {
            assert_eq!(text.parse::<Scope>(), Err(ScopeError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_list_is_separated_by_spaces() {
        let expected = [
            Scope::repository("a", &["pull"]),
            Scope::repository("b", &["pull", "push"]),
        ];
        assert_eq!(
            Scope::parse_list(" repository:a:pull  repository:b:pull,push ").unwrap(),
            expected
        );
        assert_eq!(Scope::parse_list("").unwrap(), []);
        assert_eq!(
            Scope::parse_list("repository:a:pull x"),
            Err(ScopeError::Malformed)
        );
    }

    #[test]
    fn a_list_is_bounded() {
        let scopes = |count: usize| Scope::parse_list(&"registry:catalog:* ".repeat(count));
        assert_eq!(scopes(MAX_SCOPES).unwrap().len(), MAX_SCOPES);
        assert_eq!(scopes(MAX_SCOPES + 1), Err(ScopeError::TooMany));
        assert_eq!(
            Scope::parse_list(&" ".repeat(MAX_SCOPE_LIST_BYTES + 1)),
            Err(ScopeError::TooMany)
        );
    }

    proptest! {
        #[test]
        fn a_scope_is_read_as_it_is_written(text in "[a-z]{1,4}:[a-z:/0-9]{1,12}:[a-z*,]{0,8}") {
            if let Ok(scope) = text.parse::<Scope>() {
                prop_assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = Scope::parse_list(&text);
        }
    }
}
