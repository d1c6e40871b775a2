//! Runs of maintenance, and the schedules that start them.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{RunId, Version};

/// The kinds of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunKind {
    /// Garbage collection on demand or by schedule.
    GarbageCollection,
}

impl RunKind {
    /// The name in Harbor's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GarbageCollection => "GARBAGE_COLLECTION",
        }
    }

    /// The kind of this name.
    pub fn parse(text: &str) -> Option<Self> {
        (text == Self::GarbageCollection.as_str()).then_some(Self::GarbageCollection)
    }
}

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunTrigger {
    /// Somebody.
    Manual,
    /// The schedule.
    Schedule,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Its job was not received yet.
    Pending,
    /// It goes on.
    Running,
    /// It came to its end.
    Success,
    /// It failed.
    Error,
    /// Somebody stopped it.
    Stopped,
}

impl RunStatus {
    /// The name in Harbor's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Success => "Success",
            Self::Error => "Error",
            Self::Stopped => "Stopped",
        }
    }

    /// Whether it will not change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Error | Self::Stopped)
    }
}

/// What a garbage collection is asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcOptions {
    /// Untagged artifacts that no index names go too.
    pub delete_untagged: bool,
    /// Nothing is changed.
    pub dry_run: bool,
    /// Harbor's number of workers, kept as it was given; it changes nothing
    /// here.
    pub workers: Option<u8>,
}

/// What a garbage collection has freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcFreed {
    /// Bytes of blobs.
    pub bytes: u64,
    /// Blobs.
    pub blobs: u64,
    /// Manifests.
    pub manifests: u64,
}

/// A run of a garbage collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number; later ones are greater.
    pub id: RunId,
    /// What it does.
    pub kind: RunKind,
    /// What started it.
    pub trigger: RunTrigger,
    /// What it was asked to do.
    pub options: GcOptions,
    /// Where it is.
    pub status: RunStatus,
    /// Whether somebody wants it to stop.
    pub stop_requested: bool,
    /// What it has done so far.
    pub freed: GcFreed,
    /// Its log: lines of text, at most [`MAX_RUN_LOG_BYTES`].
    pub log: String,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}

/// A run's log stays below this, so that it fits its record.
pub const MAX_RUN_LOG_BYTES: usize = 64 * 1024;

impl Run {
    /// Adds a line to the log, unless that is full.
    pub fn note(&mut self, now: Timestamp, line: &str) {
        let line = format!("{now} {line}\n");
        if self.log.len() + line.len() <= MAX_RUN_LOG_BYTES {
            self.log.push_str(&line);
        }
        self.updated_at = now;
    }
}

/// A cron expression of six fields, the first of them seconds, as Harbor has
/// it; times are UTC.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    schedule: jiff_cron::Schedule,
}

/// Why a cron expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no cron expression of six fields: second, minute, hour, day, month, weekday")]
pub struct CronError(String);

/// Longer expressions are refused.
const MAX_CRON_BYTES: usize = 256;

impl Cron {
    /// The expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after `after`, if there is one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(TimeZone::UTC);
        let next = self.schedule.after(after).next();
        next.map(|next| next.timestamp())
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let refused = || CronError(text.chars().take(MAX_CRON_BYTES).collect());
        let fields = text.split_ascii_whitespace().count();
        if text.len() > MAX_CRON_BYTES || fields != 6 {
            return Err(refused());
        }
        let counted_from_1 = with_weekdays_from_1(text).ok_or_else(refused)?;
        let schedule = jiff_cron::Schedule::from_str(&counted_from_1).map_err(|_| refused())?;
        Ok(Self {
            text: text.to_owned(),
            schedule,
        })
    }
}

/// Weekdays are 0 (Sunday) to 6 in Harbor's expressions; the library counts
/// them from 1. `None` if one is greater than 6. A number behind a slash is a
/// step.
fn with_weekdays_from_1(text: &str) -> Option<String> {
    let (rest, weekdays) = text
        .trim_end()
        .rsplit_once(|c: char| c.is_ascii_whitespace())?;
    let mut counted = format!("{rest} ");
    let mut step = false;
    for part in weekdays.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let separator = &part[digits.len()..];
        match digits.parse::<u8>() {
            Ok(day) if !step => counted.push_str(&(day <= 6).then_some(day + 1)?.to_string()),
            _ => counted.push_str(digits),
        }
        counted.push_str(separator);
        step = separator == "/";
    }
    Some(counted)
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

/// When runs of a kind start by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Of what.
    pub kind: RunKind,
    /// The word that Harbor's API has for the cadence: `Hourly`, `Daily`,
    /// `Weekly` or `Custom`.
    pub cadence: Cadence,
    /// When.
    pub cron: Cron,
    /// What each run is asked to do.
    pub options: GcOptions,
    /// When the last run was started by it, or it was made.
    pub last_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}

/// The word for a schedule's cadence; what counts is its cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// `Hourly`
    Hourly,
    /// `Daily`
    Daily,
    /// `Weekly`
    Weekly,
    /// `Custom`
    Custom,
}

impl Cadence {
    /// Every cadence.
    pub const ALL: [Self; 4] = [Self::Hourly, Self::Daily, Self::Weekly, Self::Custom];

    /// The word in Harbor's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "Hourly",
            Self::Daily => "Daily",
            Self::Weekly => "Weekly",
            Self::Custom => "Custom",
        }
    }

    /// The cadence of this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|cadence| cadence.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let cron: Cron = cron.parse().unwrap();
        cron.next(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn the_next_time_comes_after_the_given_one() {
        assert_eq!(
            next("0 0 * * * *", "2026-11-21T12:00:00Z"),
            "2026-11-21T13:00:00Z"
        );
        assert_eq!(
            next("0 30 2 * * *", "2026-11-21T12:00:00Z"),
            "2026-11-22T02:30:00Z"
        );
    }

    #[test]
    fn weekdays_count_from_sunday_as_0_as_harbors_do() {
        assert_eq!(
            next("0 0 0 * * 0", "2026-11-21T12:00:00Z"),
            "2026-11-22T00:00:00Z"
        );
        assert_eq!(
            next("0 0 0 * * 6", "2026-11-21T12:00:00Z"),
            "2026-11-28T00:00:00Z"
        );
        assert_eq!(
            next("0 30 2 * * 1-5", "2026-11-21T12:00:00Z"),
            "2026-11-23T02:30:00Z"
        );
        assert_eq!(
            next("0 0 0 * * */2", "2026-11-21T12:00:00Z"),
            "2026-11-22T00:00:00Z"
        );
        assert_eq!(
            next("0 0 0 * * MON,3", "2026-11-23T12:00:00Z"),
            "2026-11-25T00:00:00Z"
        );
    }

    #[test]
    fn what_is_no_expression_of_six_fields_is_refused() {
        let long = "0 ".repeat(200);
        for text in [
            "",
            "* * * * *",
            "0 0 0 * * * *",
            "0 0 25 * * *",
            "0 0 0 * * 7",
            "a b c d e f",
            &long,
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text}");
        }
    }
}
