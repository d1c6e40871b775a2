//! How far a paused write has come, as the session's record keeps it.
//!
//! Binary, because a record has 64 KiB for it and an object may have
//! thousands of parts: 20 bytes each.

use berth_domain::ObjectKey;
use berth_ports::{StoreError, StoreResult};

/// The first byte; raised when the bytes change meaning.
const VERSION: u8 = 1;

/// As much as a record takes.
const LONGEST: usize = 64 * 1024;

/// What lies on S3 of an unfinished object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The multipart upload, once there is a part.
    pub(super) upload: Option<Upload>,
    /// What is behind the last part.
    pub(super) tail: Option<Tail>,
    /// The tail before that one, which nobody needs once this was recorded.
    pub(super) outdated: Option<String>,
}

/// A multipart upload and its parts, in the order of their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) parts: Vec<Part>,
    /// Whether numbers were claimed for some of them (`parts`).
    pub(super) claimed: bool,
}

/// A part that S3 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its number; numbers rise, with gaps.
    pub(super) number: u16,
    /// What tells this part from another under its number, without quotes.
    pub(super) etag: String,
}

/// The last bytes, too few for a part, in an object of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// What the object's key has behind the blob's.
    pub(super) name: String,
    /// How many bytes it has.
    pub(super) length: u32,
}

impl Progress {
    /// As bytes; nothing for a write that has nothing on S3.
    pub(super) fn save(&self) -> StoreResult<Vec<u8>> {
        if *self == Self::default() {
            return Ok(Vec::new());
        }
        let mut saved = vec![VERSION];
        let none = Upload {
            id: String::new(),
            parts: Vec::new(),
            claimed: false,
        };
        let upload = self.upload.as_ref().unwrap_or(&none);
        put_text(&mut saved, &upload.id);
        saved.push(upload.claimed.into());
        saved.extend(len_u16(upload.parts.len()).to_be_bytes());
        for part in &upload.parts {
            saved.extend(part.number.to_be_bytes());
            if let Some(hash) = md5(&part.etag) {
                put_text(&mut saved, "");
                saved.extend(hash.to_be_bytes());
            } else {
                put_text(&mut saved, &part.etag);
            }
        }
        let tail = self.tail.as_ref();
        saved.extend(tail.map_or(0, |tail| tail.length).to_be_bytes());
        put_text(&mut saved, tail.map_or("", |tail| &tail.name));
        put_text(&mut saved, self.outdated.as_deref().unwrap_or_default());
        if saved.len() > LONGEST {
            let reason = "an upload of so many parts cannot be paused, send it in one request";
            return Err(StoreError::unavailable(reason));
        }
        Ok(saved)
    }

    /// From bytes; `Corrupt` if they are of an unknown form.
    pub(super) fn restore(key: ObjectKey, saved: &[u8]) -> StoreResult<Self> {
        if saved.is_empty() {
            return Ok(Self::default());
        }
        Self::parse(saved)
            .ok_or_else(|| StoreError::Corrupt(format!("the progress of object {key} is unknown")))
    }

    fn parse(saved: &[u8]) -> Option<Self> {
        let mut rest = saved;
        if take(&mut rest, 1)? != [VERSION] {
            return None;
        }
        let id = take_text(&mut rest)?;
        let claimed = take(&mut rest, 1)? == [1];
        let count = take_u16(&mut rest)?;
        let parts = (0..count)
            .map(|_| {
                let number = take_u16(&mut rest)?;
                let etag = match take_text(&mut rest)? {
                    empty if empty.is_empty() => {
                        let hash = take(&mut rest, size_of::<u128>())?;
                        format!("{:032x}", u128::from_be_bytes(hash.try_into().ok()?))
                    }
                    etag => etag,
                };
                Some(Part { number, etag })
            })
            .collect::<Option<Vec<_>>>()?;
        let length = u32::from_be_bytes(take(&mut rest, size_of::<u32>())?.try_into().ok()?);
        let name = take_text(&mut rest)?;
        let outdated = take_text(&mut rest)?;
        rest.is_empty().then_some(Self {
            upload: (!id.is_empty()).then_some(Upload { id, parts, claimed }),
            tail: (!name.is_empty()).then_some(Tail { name, length }),
            outdated: (!outdated.is_empty()).then_some(outdated),
        })
    }
}

/// The hash that an entity tag is, where it is one.
fn md5(etag: &str) -> Option<u128> {
    let hash = u128::from_str_radix(etag, 16).ok()?;
    (format!("{hash:032x}") == etag).then_some(hash)
}

/// What does not fit makes the whole too long, which is refused.
fn len_u16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(len_u16(text.len()).to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_u16(rest: &mut &[u8]) -> Option<u16> {
    let bytes = take(rest, size_of::<u16>())?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = take_u16(rest)?;
    let text = take(rest, length.into())?;
    Some(str::from_utf8(text).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use berth_domain::FreshId;

    use super::*;

    fn progress(parts: u16) -> Progress {
        let part = |number: u16| Part {
            number,
            etag: match number {
                2 => "of-another-form".to_owned(),
                _ => format!("{:032x}", u128::from(number) << 64),
            },
        };
        Progress {
            upload: Some(Upload {
                id: "an upload".to_owned(),
                parts: (1..=parts).map(part).collect(),
                claimed: parts > 2,
            }),
            tail: Some(Tail {
                name: "t0-abc".to_owned(),
                length: 77,
            }),
            outdated: Some("t0-abb".to_owned()),
        }
    }

    fn restore(saved: &[u8]) -> StoreResult<Progress> {
        Progress::restore(FreshId(1).into(), saved)
    }

    #[test]
    fn what_was_saved_is_restored() {
        for progress in [Progress::default(), progress(3)] {
            assert_eq!(restore(&progress.save().unwrap()).unwrap(), progress);
        }
    }

    #[test]
    fn three_thousand_parts_fit_and_more_than_a_record_takes_are_refused() {
        assert!(progress(3000).save().unwrap().len() <= LONGEST);
        assert!(progress(4000).save().is_err());
    }

    #[test]
    fn what_was_cut_or_is_of_another_version_is_corrupt() {
        let saved = progress(2).save().unwrap();
        for length in 1..saved.len() {
            let result = restore(&saved[..length]);
            assert!(matches!(result, Err(StoreError::Corrupt(_))), "{length}");
        }
        let newer = [&[VERSION + 1], &saved[1..]].concat();
        assert!(matches!(restore(&newer), Err(StoreError::Corrupt(_))));
    }
}
