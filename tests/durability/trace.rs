//! The output of `strace -f -y`, and what it must show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The size of a frame's header in SQLite's log, which is written by itself.
const FRAME_HEADER: &str = ", 24, ";

/// One thing that a process did, by the line of its trace.
#[derive(Debug, PartialEq, Eq)]
enum Event<'a> {
    /// A write to a file began or ended.
    Write(&'a str),
    /// The last frame of a transaction is being written to this log.
    Commit(&'a str),
    /// A file or folder was synced; the line in which that began.
    Synced(&'a str, usize),
    Renamed(&'a str, &'a str),
    /// The client is told that something was made.
    Created,
}

/// What a server did, in order, each with its line.
pub(super) struct Trace<'a> {
    data: &'a Path,
    events: Vec<(usize, Event<'a>)>,
}

/// What a sound trace shows.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Answers with status 201.
    pub(super) answers: usize,
    /// Objects that were published.
    pub(super) objects: usize,
    /// Transactions after the first object was written.
    pub(super) commits: usize,
    /// The lines of the syncs since the first object on which the answers rely.
    pub(super) syncs: BTreeSet<usize>,
}

impl<'a> Trace<'a> {
    pub(super) fn parse(text: &'a str, data: &'a Path) -> Self {
        let mut events = Vec::new();
        // Calls that another thread's line interrupted.
        let mut begun: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some((process, call)) = line.split_once(' ') else {
                continue;
            };
            let call = call.trim_start();
            if let Some(start) = call.strip_suffix("<unfinished ...>") {
                begun.insert(process, (number, start));
                events.extend(beginning(start).map(|event| (number, event)));
            } else if call.starts_with("<...") {
                let Some((start, arguments)) = begun.remove(process) else {
                    continue;
                };
                events.extend(ending(arguments, call, start).map(|event| (number, event)));
            } else {
                events.extend(beginning(call).map(|event| (number, event)));
                events.extend(ending(call, call, number).map(|event| (number, event)));
            }
        }
        Self { data, events }
    }

    /// Holds the trace against the order of a durable push.
    pub(super) fn check(&self) -> Result<Report, String> {
        let mut state = State::new(self.data);
        for (line, event) in &self.events {
            state
                .take(*line, event)
                .map_err(|fault| format!("line {}: {fault}", line + 1))?;
        }
        Ok(state.report)
    }
}

/// What a call does as soon as it begins.
fn beginning(call: &str) -> Option<Event<'_>> {
    let (name, arguments) = call.split_once('(')?;
    match name {
        "write" | "writev" | "sendto" | "sendmsg" | "pwrite64" | "pwritev" => {
            if arguments.contains("\"HTTP/1.1 201") {
                return Some(Event::Created);
            }
            let path = path(arguments)?;
            if path.ends_with("-wal") && is_commit(arguments) {
                return Some(Event::Commit(path));
            }
            Some(Event::Write(path))
        }
        _ => None,
    }
}

/// What a call has done when it ends well: `end` is the text with its result.
fn ending<'a>(call: &'a str, end: &str, start: usize) -> Option<Event<'a>> {
    let (name, arguments) = call.split_once('(')?;
    let (_, result) = end.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    match name {
        "fsync" | "fdatasync" => Some(Event::Synced(path(arguments)?, start)),
        "write" | "pwrite64" | "pwritev" => Some(Event::Write(path(arguments)?)),
        "rename" | "renameat" | "renameat2" => {
            let mut quoted = arguments.split('"').skip(1).step_by(2);
            Some(Event::Renamed(quoted.next()?, quoted.next()?))
        }
        _ => None,
    }
}

/// The path of a call's first argument, `18</path>`.
fn path(arguments: &str) -> Option<&str> {
    let (_, rest) = arguments.split_once('<')?;
    rest.split_once('>')
        .map(|(path, _)| path)
        .filter(|path| path.starts_with('/'))
}

/// Whether a frame's header ends a transaction: bytes 4 to 8 are then the
/// database's size in pages, else zero (SQLite's file format, section 4.1).
fn is_commit(arguments: &str) -> bool {
    let Some((_, quoted)) = arguments.split_once('"') else {
        return false;
    };
    let Some((quoted, rest)) = quoted.rsplit_once('"') else {
        return false;
    };
    let bytes = first_bytes(quoted);
    let is_header = rest.trim_start_matches('.').starts_with(FRAME_HEADER);
    is_header && bytes.len() == 8 && bytes[4..].iter().any(|byte| *byte != 0)
}

/// The first eight bytes of a text as `strace` escapes it.
fn first_bytes(quoted: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = quoted;
    while bytes.len() < 8 && !rest.is_empty() {
        let Some(escape) = rest.strip_prefix('\\') else {
            bytes.push(rest.as_bytes()[0]);
            rest = &rest[1..];
            continue;
        };
        let octal = escape
            .bytes()
            .take(3)
            .take_while(|byte| (b'0'..=b'7').contains(byte))
            .count();
        // Any other escape stands for a byte that is not zero.
        let byte = u8::from_str_radix(&escape[..octal], 8).unwrap_or(1);
        bytes.push(byte);
        rest = &escape[octal.max(1)..];
    }
    bytes
}

/// What is on disk at one moment.
struct State<'a> {
    uploads: String,
    blobs: String,
    log: String,
    /// When each file or folder was last changed.
    changed: BTreeMap<&'a str, usize>,
    /// When the last sync of each began that has ended.
    synced: BTreeMap<&'a str, usize>,
    /// Folders of objects that no transaction after their sync names yet.
    unnamed: BTreeSet<&'a str>,
    /// Whether the log ends with a transaction that is not synced. One that
    /// follows is synced together with it, or not at all.
    committed: bool,
    /// For each unfinished object, when the log was last changed before its
    /// first byte: the session that owns it is in there.
    sessions: BTreeMap<&'a str, usize>,
    /// Syncs since the last answer. Of those of the log, those that no other
    /// repeats before something relies on them.
    syncs: Vec<usize>,
    /// Where in these the log's last sync is, if nothing relies on it yet.
    repeatable: Option<usize>,
    report: Report,
}

impl<'a> State<'a> {
    fn new(data: &Path) -> Self {
        Self {
            uploads: format!("{}/", data.join("uploads").display()),
            blobs: format!("{}/", data.join("blobs").display()),
            log: data.join("metadata.sqlite-wal").display().to_string(),
            changed: BTreeMap::new(),
            synced: BTreeMap::new(),
            unnamed: BTreeSet::new(),
            committed: false,
            sessions: BTreeMap::new(),
            syncs: Vec::new(),
            repeatable: None,
            report: Report::default(),
        }
    }

    /// Whether a file or folder is on disk as it was last changed.
    fn is_durable(&self, path: &str) -> bool {
        let synced = self.synced.get(path);
        self.changed
            .get(path)
            .is_none_or(|changed| synced.is_some_and(|synced| synced > changed))
    }

    fn take(&mut self, line: usize, event: &Event<'a>) -> Result<(), String> {
        match *event {
            Event::Write(path) => {
                if path.starts_with(&self.uploads)
                    && let Some(session) = self.changed.get(self.log.as_str())
                {
                    self.sessions.entry(path).or_insert(*session);
                }
                self.changed.insert(path, line);
            }
            Event::Commit(log) => {
                self.changed.insert(log, line);
                self.commit();
            }
            Event::Synced(path, start) => self.sync(path, start),
            Event::Renamed(from, to) if to.starts_with(&self.blobs) => {
                self.publish(line, from, to)?;
            }
            Event::Renamed(..) => {}
            Event::Created => self.created()?,
        }
        Ok(())
    }

    fn sync(&mut self, path: &'a str, start: usize) {
        let ours = path == self.log
            || [&self.blobs, &self.uploads]
                .iter()
                .any(|f| path.starts_with(*f));
        let begun = self
            .changed
            .keys()
            .any(|path| path.starts_with(&self.uploads));
        if ours && begun && !self.is_durable(path) {
            if path == self.log {
                if let Some(repeated) = self.repeatable.take() {
                    self.syncs.remove(repeated);
                }
                self.repeatable = Some(self.syncs.len());
            }
            self.syncs.push(start);
        }
        self.synced.insert(path, start);
        if path == self.log {
            self.committed &= !self.is_durable(path);
        }
    }

    fn publish(&mut self, line: usize, from: &'a str, to: &'a str) -> Result<(), String> {
        if !self.is_durable(from) {
            return Err(format!("{from} is published before its bytes are synced"));
        }
        let session = self.sessions.get(from);
        let synced = self.synced.get(self.log.as_str());
        if session.is_some_and(|session| synced.is_none_or(|synced| synced <= session)) {
            return Err(format!("{from} is published before its session is synced"));
        }
        self.repeatable = None;
        let (folder, _) = to.rsplit_once('/').ok_or("an object without a folder")?;
        self.changed.insert(folder, line);
        self.unnamed.insert(folder);
        self.report.objects += 1;
        Ok(())
    }

    fn commit(&mut self) {
        self.committed = true;
        self.report.commits += usize::from(self.report.objects > 0);
        let unnamed = std::mem::take(&mut self.unnamed);
        self.unnamed = unnamed
            .into_iter()
            .filter(|folder| !self.is_durable(folder))
            .collect();
    }

    fn created(&mut self) -> Result<(), String> {
        if let Some(folder) = self.unnamed.first() {
            return Err(format!("no transaction follows the sync of {folder}"));
        }
        if self.committed || !self.is_durable(&self.log) {
            return Err("the database's log is not synced".to_owned());
        }
        self.report.answers += 1;
        self.repeatable = None;
        self.report.syncs.extend(self.syncs.drain(..));
        Ok(())
    }
}
