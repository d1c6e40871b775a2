//! `Range` and `Content-Range`, in both directions. The first line is the size
//! of the content.
#![no_main]

use berth_fuzz::grammar::{BYTE_RANGE, CONTENT_RANGE};
use berth_oci::{ByteRange, ContentRange, RangeOutcome, content_range};
use libfuzzer_sys::fuzz_target;

/// What RFC 9110 (14.1.2) says of a well-formed range.
fn expected(header: &str, size: u64) -> RangeOutcome {
    let size = u128::from(size);
    let (start, end) = header["bytes=".len()..].split_once('-').expect("one dash");
    let number = |digits: &str| digits.parse::<u128>().unwrap_or(u128::MAX);
    let (start, end) = match (start, end) {
        ("", suffix) if number(suffix) == 0 => return RangeOutcome::Unsatisfiable,
        ("", _) if size == 0 => return RangeOutcome::Whole,
        ("", suffix) => (size.saturating_sub(number(suffix)), size - 1),
        (start, "") => (number(start), size.saturating_sub(1)),
        (start, end) => (number(start), number(end).min(size.saturating_sub(1))),
    };
    if start >= size || start > end {
        return RangeOutcome::Unsatisfiable;
    }
    let position = |at| u64::try_from(at).expect("it is below the size");
    RangeOutcome::Part(ByteRange {
        start: position(start),
        end_inclusive: position(end),
    })
}

fuzz_target!(|text: &str| {
    let (size, header) = text.split_once('\n').unwrap_or(("1024", text));
    let size = size.parse().unwrap_or(1024);

    let outcome = ByteRange::parse(header, size);
    if BYTE_RANGE.matches(header) {
        assert_eq!(outcome, expected(header, size), "{header:?} of {size}");
    }
    if let RangeOutcome::Part(part) = outcome {
        assert!(part.start <= part.end_inclusive && part.end_inclusive < size);
        assert_eq!(part.len(), part.end_inclusive - part.start + 1);
        let written = content_range(part.start, part.end_inclusive, size);
        let read = ContentRange::parse(&written).expect("what we write is read");
        assert_eq!(
            (read.start(), read.end_inclusive()),
            (part.start, part.end_inclusive)
        );
    }

    let chunk = ContentRange::parse(header);
    if let Ok(chunk) = chunk {
        assert!(chunk.start() <= chunk.end_inclusive());
        assert!(
            chunk.start().checked_add(chunk.len()).is_some(),
            "its end can be counted"
        );
        let written = format!("{}-{}", chunk.start(), chunk.end_inclusive());
        assert_eq!(ContentRange::parse(&written), Ok(chunk));
    } else if CONTENT_RANGE.matches(header) {
        let (start, end) = header.split_once('-').expect("one dash");
        let number = |digits: &str| digits.parse::<u64>().unwrap_or(u64::MAX);
        let (start, end) = (number(start), number(end));
        assert!(start > end || end == u64::MAX, "{header:?} was refused");
    }
});
