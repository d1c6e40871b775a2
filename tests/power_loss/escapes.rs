//! Texts as `strace` quotes them.

/// All quoted texts of some arguments, one after the other: the buffers of a
/// vectored write.
pub(super) fn quoted_bytes(arguments: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = arguments;
    while let Some(start) = rest.find('"') {
        rest = unquote(&rest[start + 1..], &mut bytes);
    }
    bytes
}

/// The quoted texts of some arguments, such as paths.
pub(super) fn quoted_texts(arguments: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = arguments;
    while let Some(start) = rest.find('"') {
        let mut bytes = Vec::new();
        rest = unquote(&rest[start + 1..], &mut bytes);
        texts.push(String::from_utf8(bytes).unwrap());
    }
    texts
}

/// Decodes up to the closing quote; answers what is behind it.
fn unquote<'a>(text: &'a str, bytes: &mut Vec<u8>) -> &'a str {
    let source = text.as_bytes();
    let mut place = 0;
    while source[place] != b'"' {
        if source[place] == b'\\' {
            place += 1 + escaped(&source[place + 1..], bytes);
        } else {
            bytes.push(source[place]);
            place += 1;
        }
    }
    &text[place + 1..]
}

/// Decodes what follows a backslash; answers how long that was.
fn escaped(source: &[u8], bytes: &mut Vec<u8>) -> usize {
    let digits = source.iter().take(3);
    let digits = digits.take_while(|digit| (b'0'..=b'7').contains(digit));
    let octal = digits.count();
    if octal > 0 {
        let value = source[..octal]
            .iter()
            .fold(0, |value, digit| value * 8 + u32::from(digit - b'0'));
        bytes.push(u8::try_from(value).unwrap());
        return octal;
    }
    bytes.push(match source[0] {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'v' => 0x0b,
        b'f' => 0x0c,
        other => other,
    });
    1
}

#[test]
fn every_byte_is_read_as_it_was_written() {
    let quoted = r#"17<socket:[1]>, [{iov_base="a\n\t\r\v\f\"\\", iov_len=8}, {iov_base="\0\1\3779\0009", iov_len=6}], 2"#;
    let expected = b"a\n\t\r\x0b\x0c\"\\\0\x01\xff9\x009";
    assert_eq!(quoted_bytes(quoted), expected);
    assert_eq!(quoted_texts(r#""/a", "/b""#), ["/a", "/b"]);
}
