//! Inputs of several steps, as text: steps are separated by lines that hold
//! `%%`, and each is written as HTTP/1.1 has it, with plain line ends.

/// A message: its first line, headers, and what follows the first empty line.
#[derive(Debug)]
pub struct Message<'a> {
    pub first_line: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Reads any text; lines that are no header are passed over.
    pub fn parse(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let (first_line, lines) = head.split_once('\n').unwrap_or((head, ""));
        let header = |line: &'a str| {
            let (name, value) = line.split_once(':')?;
            Some((name, value.trim()))
        };
        Self {
            first_line,
            headers: lines.split('\n').filter_map(header).collect(),
            body,
        }
    }
}

/// The steps of a script, at most 16.
pub fn steps(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n%%\n").take(16)
}
