//! What a server wrote, synced and answered, as `strace -f -y` recorded it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::escapes::{quoted_bytes, quoted_texts};

/// The calls that are recorded: all that change files, and answers.
pub(super) const CALLS: &str = "trace=openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,\
    fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,\
    mkdir,mkdirat,truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,sendto,sendmsg";

/// SQLite's file in shared memory. It is made anew after a crash.
const SHARED_MEMORY: &str = "-shm";

/// One call that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A file was opened; it may have been made, or cut.
    Open {
        path: PathBuf,
        cut: bool,
    },
    /// At its end where no offset is given.
    Write {
        path: PathBuf,
        offset: Option<usize>,
        bytes: Vec<u8>,
    },
    Cut {
        path: PathBuf,
        length: usize,
    },
    Sync {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// A second name.
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    /// A client is answered; the beginning of the answer.
    Answer(String),
}

/// The begin or the end of a call. What a call does may be on disk as soon as
/// it has begun; only a call that has ended is under a sync that begins later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Begin(usize),
    End(usize),
}

/// A recording, limited to one folder.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) calls: Vec<Call>,
    pub(super) moments: Vec<Moment>,
}

impl Recording {
    /// # Panics
    ///
    /// If the folder is changed by a call that is not understood.
    pub(super) fn parse(text: &str, folder: &Path) -> Self {
        let mut recording = Self {
            calls: Vec::new(),
            moments: Vec::new(),
        };
        let mut moments = Vec::new();
        let mut begun: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some((process, call)) = line.split_once(' ') else {
                continue;
            };
            let call = call.trim_start();
            let (start, whole) = if let Some(call) = call.strip_suffix(" <unfinished ...>") {
                begun.insert(process, (number, call));
                continue;
            } else if call.starts_with("<... ") {
                let Some((start, beginning)) = begun.remove(process) else {
                    continue;
                };
                let (_, end) = call.split_once("resumed>").unwrap();
                (start, format!("{beginning}{end}"))
            } else {
                (number, call.to_owned())
            };
            if let Some(call) = parse(&whole, folder) {
                let index = recording.calls.len();
                moments.push(((start, 0), Moment::Begin(index)));
                moments.push(((number, 1), Moment::End(index)));
                recording.calls.push(call);
            }
        }
        moments.sort_by_key(|(place, _)| *place);
        recording.moments = moments.into_iter().map(|(_, moment)| moment).collect();
        recording
    }

    /// How many syncs there are of some paths.
    pub(super) fn syncs(&self, of: impl Fn(&Path) -> bool) -> usize {
        let synced = |call: &&Call| matches!(call, Call::Sync { path } if of(path));
        self.calls.iter().filter(synced).count()
    }

    /// The recording without the syncs of some paths.
    pub(super) fn without_syncs(&self, of: impl Fn(&Path) -> bool) -> Self {
        let left_out = |moment: &Moment| {
            let (Moment::Begin(index) | Moment::End(index)) = moment;
            matches!(&self.calls[*index], Call::Sync { path } if of(path))
        };
        let moments = self.moments.iter().filter(|moment| !left_out(moment));
        Self {
            calls: self.calls.clone(),
            moments: moments.copied().collect(),
        }
    }
}

fn parse(text: &str, folder: &Path) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let (arguments, result) = arguments.rsplit_once(" = ")?;
    // Of a file that was opened, `18</path>`.
    let result = result.split(['<', ' ']).next()?;
    let result: usize = result.parse().ok()?;
    let within = |path: &PathBuf| {
        path.starts_with(folder) && !path.to_string_lossy().ends_with(SHARED_MEMORY)
    };
    let named = || quoted_texts(arguments).into_iter().map(PathBuf::from);
    match name {
        "openat" | "open" | "creat" => {
            let path = named().next().filter(within)?;
            let makes = arguments.contains("O_CREAT") || name == "creat";
            let cut = arguments.contains("O_TRUNC") || name == "creat";
            (makes || cut).then_some(Call::Open { path, cut })
        }
        "write" | "writev" | "sendto" | "sendmsg" | "pwrite64" | "pwritev" | "pwritev2" => {
            write(name, arguments, result, within)
        }
        "fsync" | "fdatasync" => {
            let path = opened(arguments).filter(within)?;
            Some(Call::Sync { path })
        }
        "ftruncate" => {
            let path = opened(arguments).filter(within)?;
            let length = last_number(arguments);
            Some(Call::Cut { path, length })
        }
        "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
            let mut paths = named();
            let (from, to) = (paths.next()?, paths.next()?);
            (within(&from) || within(&to)).then_some(())?;
            Some(if name.starts_with("link") {
                Call::Link { from, to }
            } else {
                Call::Rename { from, to }
            })
        }
        "unlink" | "unlinkat" => {
            let path = named().next().filter(within)?;
            Some(Call::Remove { path })
        }
        "mkdir" | "mkdirat" => {
            let path = named().next().filter(within)?;
            Some(Call::MakeFolder { path })
        }
        _ => {
            let touched = opened(arguments).into_iter().chain(named());
            let touched: Vec<_> = touched.filter(within).collect();
            assert!(
                touched.is_empty(),
                "{name} on {touched:?} is not understood"
            );
            None
        }
    }
}

fn write(
    name: &str,
    arguments: &str,
    result: usize,
    within: impl Fn(&PathBuf) -> bool,
) -> Option<Call> {
    if arguments.contains("<socket:") {
        let start = arguments.find("\"HTTP/1.1 ")?;
        let mut bytes = quoted_bytes(&arguments[start..]);
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        bytes.truncate(head?);
        return Some(Call::Answer(String::from_utf8(bytes).ok()?));
    }
    let path = opened(arguments).filter(within)?;
    let mut bytes = quoted_bytes(arguments.split_once(", ")?.1);
    assert!(
        bytes.len() >= result,
        "a write is cut short: {name} {path:?}"
    );
    bytes.truncate(result);
    let offset = name.starts_with('p').then(|| last_number(arguments));
    Some(Call::Write {
        path,
        offset,
        bytes,
    })
}

/// The path of the first argument, `18</path>`.
fn opened(arguments: &str) -> Option<PathBuf> {
    let (first, rest) = arguments.split_once('<')?;
    first
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(())?;
    let (path, rest) = rest.split_once('>')?;
    let there = path.starts_with('/') && !rest.starts_with("(deleted)");
    there.then(|| path.into())
}

fn last_number(arguments: &str) -> usize {
    let (_, last) = arguments.rsplit_once(", ").unwrap();
    let last = last.trim_end_matches([')', ' ']);
    last.parse().unwrap_or_else(|_| panic!("no number: {last}"))
}
