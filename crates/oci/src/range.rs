//! Byte ranges: `Range` on downloads (RFC 9110, section 14) and `Content-Range`
//! on uploads (distribution spec, "Pushing a blob in chunks").

/// What a `Range` header asks of content whose size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// Everything: answer 200. So it is for several ranges at once and for
    /// what is no byte range, which RFC 9110 lets a server ignore.
    Whole,
    /// One part: answer 206.
    Part(ByteRange),
    /// Nothing of the content: answer 416.
    Unsatisfiable,
}

/// Bytes of some content, both ends included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Position of the first byte.
    pub start: u64,
    /// Position of the last byte, at least `start`.
    pub end_inclusive: u64,
}

impl ByteRange {
    /// Reads a `Range` header on content of `size` bytes. The end is cut to
    /// the size.
    pub fn parse(header: &str, size: u64) -> RangeOutcome {
        match Self::parse_single(header) {
            Some((start, end)) => Self::resolve(start, end, size),
            None => RangeOutcome::Whole,
        }
    }

    /// The ends as written; `None` unless the header is one range of bytes.
    fn parse_single(header: &str) -> Option<(Option<u64>, Option<u64>)> {
        let (unit, range) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (start, end) = range.trim().split_once('-')?;
        match (start.trim(), end.trim()) {
            ("", "") => None,
            ("", suffix) => Some((None, Some(position(suffix)?))),
            (start, "") => Some((Some(position(start)?), None)),
            (start, end) => Some((Some(position(start)?), Some(position(end)?))),
        }
    }

    fn resolve(start: Option<u64>, end: Option<u64>, size: u64) -> RangeOutcome {
        let Some(last) = size.checked_sub(1) else {
            // A suffix of nothing is all of it, and no part can be written for it.
            return if start.is_none() && end != Some(0) {
                RangeOutcome::Whole
            } else {
                RangeOutcome::Unsatisfiable
            };
        };
        let (start, end_inclusive) = match (start, end) {
            (Some(start), end) => (start, end.map_or(last, |end| end.min(last))),
            (None, Some(0)) => return RangeOutcome::Unsatisfiable,
            (None, suffix) => (size.saturating_sub(suffix.unwrap_or(size)), last),
        };
        // A range that ends before it starts is invalid, and may be refused
        // (RFC 9110, 14.2): a client that sends one wants no full download.
        if start > end_inclusive {
            return RangeOutcome::Unsatisfiable;
        }
        RangeOutcome::Part(Self {
            start,
            end_inclusive,
        })
    }

    /// Number of bytes.
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(&self) -> u64 {
        (self.end_inclusive - self.start).saturating_add(1)
    }
}

/// The `Content-Range` of a 206: `bytes 0-1023/4096`.
pub fn content_range(start: u64, end_inclusive: u64, size: u64) -> String {
    format!("bytes {start}-{end_inclusive}/{size}")
}

/// The `Content-Range` of a 416 on a download: `bytes */4096`.
pub fn unsatisfied_range(size: u64) -> String {
    format!("bytes */{size}")
}

/// The `Range` of an upload that holds `received` bytes: `0-1023`.
///
/// An upload without a byte says `0-0` like one with a single byte, since the
/// grammar has nothing for it; clients expect that from CNCF distribution.
pub fn upload_range(received: u64) -> String {
    format!("0-{}", received.saturating_sub(1))
}

/// A `Content-Range` on an upload that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chunk's content-range is start-end, both in bytes and included")]
pub struct ContentRangeError;

/// Which bytes of the blob a chunk holds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange(ByteRange);

impl ContentRange {
    /// Reads `0-1023`, as the spec has it, or `bytes 0-1023/*` and
    /// `bytes 0-1023/4096`, as RFC 9110 has it; a total is not looked at.
    pub fn parse(header: &str) -> Result<Self, ContentRangeError> {
        let header = header.trim();
        let range = match header.split_once(' ') {
            Some((unit, range)) if unit.eq_ignore_ascii_case("bytes") => {
                range.split_once('/').map_or(range, |(range, _)| range)
            }
            _ => header,
        };
        let (start, end) = range.split_once('-').ok_or(ContentRangeError)?;
        let start = position(start).ok_or(ContentRangeError)?;
        let end_inclusive = position(end).ok_or(ContentRangeError)?;
        if start > end_inclusive || end_inclusive == u64::MAX {
            return Err(ContentRangeError);
        }
        Ok(Self(ByteRange {
            start,
            end_inclusive,
        }))
    }

    /// Position of the chunk's first byte in the blob.
    pub const fn start(&self) -> u64 {
        self.0.start
    }

    /// Position of the chunk's last byte in the blob.
    pub const fn end_inclusive(&self) -> u64 {
        self.0.end_inclusive
    }

    /// Number of bytes in the chunk.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a chunk with a range is never empty"
    )]
    pub const fn len(&self) -> u64 {
        self.0.len()
    }
}

/// A position; one too large to count is as good as the largest.
fn position(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn part(start: u64, end_inclusive: u64) -> RangeOutcome {
        RangeOutcome::Part(ByteRange {
            start,
            end_inclusive,
        })
    }

    #[test]
    fn a_download_range_is_cut_to_the_content() {
        for (header, outcome) in [
            ("bytes=500-1499", part(500, 1499)),
            ("bytes=500-", part(500, 2047)),
            ("bytes=-500", part(1548, 2047)),
            ("bytes=-5000", part(0, 2047)),
            ("bytes=2000-5000", part(2000, 2047)),
            ("bytes=0-0", part(0, 0)),
            ("Bytes= 0 - 1", part(0, 1)),
            ("bytes=0-99999999999999999999999", part(0, 2047)),
        ] {
            assert_eq!(ByteRange::parse(header, 2048), outcome, "{header}");
        }
    }

    #[test]
    fn a_download_range_outside_the_content_is_unsatisfiable() {
        for header in [
            "bytes=500-0",
            "bytes=5000-10000",
            "bytes=2048-",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(
                ByteRange::parse(header, 2048),
                RangeOutcome::Unsatisfiable,
                "{header}"
            );
        }
    }

    #[test]
    fn several_ranges_and_no_ranges_ask_for_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1,4-5",
            "items=0-1",
            "bytes=+1-2",
            "bytes=1--2",
        ] {
            assert_eq!(
                ByteRange::parse(header, 2048),
                RangeOutcome::Whole,
                "{header}"
            );
        }
    }

    #[test]
    fn empty_content_has_no_parts() {
        for (header, outcome) in [
            ("bytes=0-", RangeOutcome::Unsatisfiable),
            ("bytes=0-0", RangeOutcome::Unsatisfiable),
            ("bytes=-0", RangeOutcome::Unsatisfiable),
            ("bytes=-5", RangeOutcome::Whole),
        ] {
            assert_eq!(ByteRange::parse(header, 0), outcome, "{header}");
        }
    }

    #[test]
    fn ranges_are_written_as_headers_have_them() {
        assert_eq!(content_range(500, 1499, 2048), "bytes 500-1499/2048");
        assert_eq!(unsatisfied_range(2048), "bytes */2048");
        assert_eq!(upload_range(1024), "0-1023");
        assert_eq!(upload_range(0), "0-0");
    }

    #[test]
    fn a_chunks_range_is_read_in_both_spellings() {
        for header in [
            "10-1033",
            "bytes 10-1033/*",
            "bytes 10-1033/4096",
            "bytes 10-1033",
        ] {
            let range = ContentRange::parse(header).unwrap();
            assert_eq!(
                (range.start(), range.end_inclusive(), range.len()),
                (10, 1033, 1024),
                "{header}"
            );
        }
    }

    #[test]
    fn a_malformed_chunk_range_is_refused() {
        for header in [
            "",
            "-",
            "10",
            "10-",
            "-10",
            "5-4",
            "a-b",
            "+1-2",
            "0-1-2",
            "bytes=0-1",
            "0 - 1",
            "0-18446744073709551615",
            "0-99999999999999999999999",
        ] {
            assert_eq!(
                ContentRange::parse(header),
                Err(ContentRangeError),
                "{header}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_content(header in "bytes=[0-9]{0,4}-[0-9]{0,4}", size in 0_u64..3000) {
            if let RangeOutcome::Part(range) = ByteRange::parse(&header, size) {
                prop_assert!(range.start <= range.end_inclusive && range.end_inclusive < size);
                prop_assert_eq!(range.len(), range.end_inclusive - range.start + 1);
            }
        }

        #[test]
        fn no_header_makes_the_parsers_panic(header in "\\PC*", size in any::<u64>()) {
            ByteRange::parse(&header, size);
            let _ = ContentRange::parse(&header);
        }

        #[test]
        fn positions_of_any_size_do_not_overflow(start in any::<u128>(), end in any::<u128>(), size in any::<u64>()) {
            if let RangeOutcome::Part(range) = ByteRange::parse(&format!("bytes={start}-{end}"), size) {
                prop_assert!(range.len() <= size);
            }
            let _ = ContentRange::parse(&format!("{start}-{end}")).map(|range| range.len());
        }
    }
}
