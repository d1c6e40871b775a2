//! The grammars of the specs as they print them, to check ours against.

use std::sync::LazyLock;

use regex_lite::Regex;

/// A regular expression that is compiled once and matches whole texts.
pub struct Grammar(LazyLock<Regex>);

impl Grammar {
    /// Whether the whole of `text` is of the grammar.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

macro_rules! grammar {
    ($($(#[$doc:meta])* $name:ident = $pattern:expr;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Grammar = Grammar(LazyLock::new(|| {
                Regex::new(concat!(r"\A(?:", $pattern, r")\z")).expect("a valid expression")
            }));
        )*
    };
}

grammar! {
    /// `<name>` (distribution spec, "Pulling manifests").
    REPOSITORY = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*";
    /// `<reference>` as a tag (distribution spec, "Pulling manifests").
    TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}";
    /// The two registered algorithms (image spec, "Digests").
    DIGEST = r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}";
    /// A project's name, as Harbor checks it.
    PROJECT = r"[a-z0-9]+(?:[._-][a-z0-9]+)*";
    /// A media type without parameters (RFC 9110, 8.3.1).
    MEDIA_TYPE = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+";
    /// One range of bytes (RFC 9110, 14.1.2).
    BYTE_RANGE = r"bytes=([0-9]+-[0-9]*|-[0-9]+)";
    /// The `Content-Range` of an upload (distribution spec, "Pushing a blob in
    /// chunks").
    CONTENT_RANGE = r"[0-9]+-[0-9]+";
    /// An upload's id.
    UPLOAD = r"[A-Za-z0-9_.=-]{1,128}";
    /// The parameter `ns`.
    NAMESPACE = r"[!-~]{1,255}";
    /// A scope without empty actions (distribution, "Token Scope").
    SCOPE = r"[!-9;-~]+:[!-~]+:(\*|[A-Za-z0-9_.-]+)?(,(\*|[A-Za-z0-9_.-]+))*";
}
