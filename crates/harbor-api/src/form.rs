//! URL-encoded parameters.

use percent_encoding::percent_decode_str;

/// The pairs of a query string as they were sent, with the decoded name of each.
pub(crate) fn pairs(query_string: &str) -> impl Iterator<Item = (String, &str)> {
    query_string
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            (
                decode(pair.split_once('=').map_or(pair, |(name, _)| name)),
                pair,
            )
        })
}

/// The decoded value of a parameter; of several the last, as Harbor takes it. Empty is absent.
pub fn parameter(query_string: &str, name: &str) -> Option<String> {
    pairs(query_string)
        .filter(|(pair_name, _)| pair_name == name)
        .last()
        .and_then(|(_, pair)| pair.split_once('='))
        .map(|(_, value)| decode(value))
        .filter(|value| !value.is_empty())
}

/// Decodes `%41` and `+`; what is not encoded properly, or not text, is left as it is.
pub(crate) fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    if is_encoded(text)
        && let Ok(decoded) = percent_decode_str(&spaced).decode_utf8()
    {
        return decoded.into_owned();
    }
    text.to_owned()
}

/// Whether two hexadecimal digits follow each `%`.
fn is_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let rest = rest.as_bytes();
        rest.len() >= 2 && rest.iter().take(2).all(u8::is_ascii_hexdigit)
    })
}
