//! Authentication challenges: the `WWW-Authenticate` header (RFC 9110, section
//! 11.6.1; RFC 6750, section 3; RFC 7617).

use std::fmt;

use crate::media_type::is_token_byte;

/// The longest header that is read, in bytes.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// The most challenges that are read from one header.
const MAX_CHALLENGES: usize = 8;

/// How a server asks a client to authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// By a token from a token service.
    Bearer {
        /// The URL of the token service.
        realm: String,
        /// The service that the token is for.
        service: Option<String>,
        /// What the token must allow; scopes separated by spaces.
        scope: Option<String>,
    },
    /// By name and password.
    Basic {
        /// What the password is for.
        realm: Option<String>,
    },
    /// By anything else, or by a Bearer challenge without a realm.
    Other {
        /// The scheme as written.
        scheme: String,
    },
}

impl Challenge {
    /// Reads all challenges of one header, in order.
    ///
    /// What follows a syntax error is left out, and so is what is over 8
    /// challenges; of a header over 8 KiB nothing is read.
    pub fn parse_all(header: &str) -> Vec<Self> {
        let mut challenges = Vec::new();
        if header.len() > MAX_HEADER_BYTES {
            return challenges;
        }
        let mut cursor = Cursor(header);
        while challenges.len() < MAX_CHALLENGES {
            let Some(challenge) = cursor.challenge() else {
                break;
            };
            challenges.push(challenge);
        }
        challenges
    }

    fn new(scheme: &str, parameters: Vec<(&str, String)>) -> Self {
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters {
            let place = match name.to_ascii_lowercase().as_str() {
                "realm" => &mut realm,
                "service" => &mut service,
                "scope" => &mut scope,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        match (scheme.to_ascii_lowercase().as_str(), realm) {
            ("bearer", Some(realm)) => Self::Bearer {
                realm,
                service,
                scope,
            },
            ("basic", realm) => Self::Basic { realm },
            _ => Self::Other {
                scheme: scheme.to_owned(),
            },
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, parameters) = match self {
            Self::Bearer {
                realm,
                service,
                scope,
            } => {
                let optional = [("service", service.as_ref()), ("scope", scope.as_ref())];
                ("Bearer", [("realm", Some(realm)), optional[0], optional[1]])
            }
            Self::Basic { realm } => ("Basic", [("realm", realm.as_ref()), ("", None), ("", None)]),
            Self::Other { scheme } => return formatter.write_str(scheme),
        };
        formatter.write_str(scheme)?;
        let present = parameters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        for (index, (name, value)) in present.enumerate() {
            let separator = if index == 0 { ' ' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            write!(formatter, "{separator}{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

/// What is left to read of a header.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// The next challenge; `None` at the end and at a syntax error.
    fn challenge(&mut self) -> Option<Challenge> {
        self.skip_separators();
        let scheme = self.token()?;
        if !self.skip_token68() {
            let parameters = self.parameters()?;
            return Some(Challenge::new(scheme, parameters));
        }
        Some(Challenge::new(scheme, Vec::new()))
    }

    /// The parameters up to the next challenge. Commas between them may miss:
    /// a name that no `=` follows is the next scheme anyway.
    fn parameters(&mut self) -> Option<Vec<(&'a str, String)>> {
        let mut parameters = Vec::new();
        loop {
            self.skip_separators();
            let mut ahead = Cursor(self.0);
            let Some(name) = ahead.token() else {
                return Some(parameters);
            };
            ahead.skip_spaces();
            let Some(value) = ahead.0.strip_prefix('=') else {
                return Some(parameters);
            };
            self.0 = value;
            self.skip_spaces();
            parameters.push((name, self.value()?));
        }
    }

    fn value(&mut self) -> Option<String> {
        match self.0.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted),
            None => self.token().map(str::to_owned),
        }
    }

    fn quoted(&mut self, text: &'a str) -> Option<String> {
        let mut value = String::new();
        let mut characters = text.char_indices();
        while let Some((position, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = text.get(position + 1..)?;
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                _ => value.push(character),
            }
        }
        None
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .0
            .bytes()
            .position(|byte| !is_token_byte(byte))
            .unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        if token.is_empty() {
            return None;
        }
        self.0 = rest;
        Some(token)
    }

    /// Skips credentials like `YII=` that stand in place of parameters.
    fn skip_token68(&mut self) -> bool {
        let text = self.0.trim_start_matches([' ', '\t']);
        let rest = text.trim_start_matches(|character: char| {
            character.is_ascii_alphanumeric() || "-._~+/".contains(character)
        });
        let rest = rest.trim_start_matches('=').trim_start_matches([' ', '\t']);
        let found = text.len() != self.0.len()
            && rest.len() != text.len()
            && (rest.is_empty() || rest.starts_with(','));
        if found {
            self.0 = rest;
        }
        found
    }

    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn skip_separators(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    fn basic(realm: &str) -> Challenge {
        Challenge::Basic {
            realm: Some(realm.into()),
        }
    }

    fn other(scheme: &str) -> Challenge {
        Challenge::Other {
            scheme: scheme.into(),
        }
    }

    #[test]
    fn docker_hubs_challenge_is_read() {
        assert_eq!(
            Challenge::parse_all(
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull,push""#
            ),
            [bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:library/alpine:pull,push")
            )]
        );
    }

    #[test]
    fn spellings_that_servers_use_are_read() {
        for (header, challenges) in [
            (
                r#"bearer REALM="r",Service="s""#,
                vec![bearer("r", Some("s"), None)],
            ),
            (
                r#"Bearer realm = "r" , scope=a"#,
                vec![bearer("r", None, Some("a"))],
            ),
            (
                r#"Bearer realm="r" service="s""#,
                vec![bearer("r", Some("s"), None)],
            ),
            (
                r#"Bearer realm="r",error="invalid_token""#,
                vec![bearer("r", None, None)],
            ),
            (
                r#"Bearer realm="first",realm="second""#,
                vec![bearer("first", None, None)],
            ),
            (
                r#"Basic realm="a \"quoted\", b""#,
                vec![basic(r#"a "quoted", b"#)],
            ),
            ("Basic", vec![Challenge::Basic { realm: None }]),
            ("Bearer", vec![other("Bearer")]),
            ("Negotiate YII=", vec![other("Negotiate")]),
            ("", vec![]),
            (" , ,", vec![]),
        ] {
            assert_eq!(Challenge::parse_all(header), challenges, "{header}");
        }
    }

    #[test]
    fn several_challenges_in_one_header_are_told_apart() {
        assert_eq!(
            Challenge::parse_all(
                r#"Negotiate, Basic realm="x", NTLM abc==, Bearer realm="r",service="s, t", Digest qop="auth""#
            ),
            [
                other("Negotiate"),
                basic("x"),
                other("NTLM"),
                bearer("r", Some("s, t"), None),
                other("Digest"),
            ]
        );
    }

    #[test]
    fn a_syntax_error_ends_the_reading() {
        for (header, challenges) in [
            (
                r#"Basic realm="a", Bearer realm="unterminated"#,
                vec![basic("a")],
            ),
            (
                r#"Basic realm="a", Bearer realm="ends in \"#,
                vec![basic("a")],
            ),
            (r#"Basic realm="a", Bearer realm=@, x"#, vec![basic("a")]),
            (r#""quoted""#, vec![]),
        ] {
            assert_eq!(Challenge::parse_all(header), challenges, "{header}");
        }
    }

    #[test]
    fn reading_is_bounded() {
        assert_eq!(
            Challenge::parse_all(&"a,".repeat(100)).len(),
            MAX_CHALLENGES
        );
        assert_eq!(
            Challenge::parse_all(&format!("Basic realm=\"{}\"", "a".repeat(9000))),
            []
        );
    }

    proptest! {
        #[test]
        fn a_challenge_is_read_as_it_is_written(
            realm in "\\PC{0,20}",
            service in proptest::option::of("\\PC{0,20}"),
            scope in proptest::option::of("\\PC{0,20}"),
        ) {
            let challenges =
                [Challenge::Basic { realm: Some(realm.clone()) }, Challenge::Bearer { realm, service, scope }];
            let header = format!("{}, {}", challenges[0], challenges[1]);
            prop_assert_eq!(Challenge::parse_all(&header), challenges);
        }

        #[test]
        fn no_header_makes_the_parser_panic(header in "\\PC*") {
            Challenge::parse_all(&header);
        }

        #[test]
        fn nothing_near_a_header_makes_the_parser_panic(header in "(Bearer|Basic|a|=|,| |\"|\\\\|é|realm){0,12}") {
            Challenge::parse_all(&header);
        }
    }
}
