//! A power loss at any moment: the recorded writes and syncs of a server are
//! replayed to what a crash may leave, and the next start finds all that was
//! acknowledged. `docs/testing.md` says what a crash may leave.

use std::collections::HashSet;
use std::env;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tempfile::TempDir;
use tokio::runtime;

use crate::support::programs;
use crate::support::server::Server;
use acknowledged::{Asked, Expected, Told};
use crash::{Crash, Loss, Random, State};
use disk::Disk;
use recording::{CALLS, Call, Moment, Recording};

mod acknowledged;
mod check;
mod crash;
mod disk;
mod escapes;
mod recording;
mod workload;

/// How much is recorded and tried.
struct Effort {
    clients: usize,
    rounds: usize,
    /// Prefixes and random subsets of what is not synced, at each moment.
    prefixes: usize,
    subsets: u64,
    /// How many of the states are tried, chosen at random.
    states: u64,
}

impl Effort {
    fn of_this_run() -> Self {
        if env::var("BERTH_FULL").is_ok_and(|value| value == "1") {
            Self {
                clients: 6,
                rounds: 12,
                prefixes: 6,
                subsets: 6,
                states: 5000,
            }
        } else {
            Self {
                subsets: 3,
                ..Self::TO_FAIL
            }
        }
    }

    /// Enough to find what loses something again and again.
    const TO_FAIL: Self = Self {
        clients: 4,
        rounds: 6,
        prefixes: 3,
        subsets: 0,
        states: 250,
    };
}

/// A server's life, from its first start to its end.
struct Life {
    recording: Recording,
    asked: Asked,
    data: PathBuf,
}

impl Life {
    async fn record(effort: &Effort) -> Option<Self> {
        let strace = programs::require("strace")?;
        let folder = TempDir::with_prefix("berth-").unwrap();
        let output = folder.path().join("trace");
        let wrapper = [
            strace.as_os_str(),
            "-f".as_ref(),
            "-y".as_ref(),
            "--seccomp-bpf".as_ref(),
            "-s".as_ref(),
            "16777216".as_ref(),
            "-e".as_ref(),
            CALLS.as_ref(),
            "-o".as_ref(),
            output.as_os_str(),
        ];
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let server = Server::builder().under(wrapper).start_on(&data).await;
        let asked = workload::run(&server, effort.clients, effort.rounds).await;
        let stopped = server.stop();
        assert!(stopped.status.success(), "{}", stopped.status);
        let text = std::fs::read_to_string(&output).unwrap();
        Some(Self {
            recording: Recording::parse(&text, &data),
            asked,
            data,
        })
    }
}

/// One crash to try: what is left, and what clients were told by then.
struct Trial {
    state: State,
    told: Vec<Told>,
    what: String,
}

/// Replays a recording; hands over each different state that a crash may
/// leave, as long as they are taken.
fn crashes(
    life: &Life,
    recording: &Recording,
    effort: &Effort,
    mut take: impl FnMut(&Crash<'_>, &[Told], String) -> bool,
) -> u64 {
    let mut disk = Disk::with_folder(&life.data);
    let mut told = Vec::new();
    let mut seen = HashSet::new();
    for (place, moment) in recording.moments.iter().enumerate() {
        let (Moment::Begin(index) | Moment::End(index)) = moment;
        let call = &recording.calls[*index];
        let is_sync = matches!(call, Call::Sync { .. });
        let mut look = |disk: &Disk, told: &[Told]| {
            let changes = disk.pending.len();
            Loss::of(changes, effort.prefixes, effort.subsets)
                .into_iter()
                .all(|loss| {
                    let crash = Crash::new(disk, loss);
                    let is_new = seen.insert((crash.fingerprint(), told.len()));
                    !is_new || take(&crash, told, format!("moment {place}, losing {loss:?}"))
                })
        };
        let goes_on = match moment {
            Moment::Begin(_) => {
                disk.begin(*index, call);
                match call {
                    Call::Answer(head) => Told::parse(head).is_none_or(|promise| {
                        told.push(promise);
                        look(&disk, &told)
                    }),
                    _ => true,
                }
            }
            // What the sync is good for may be lost until it ends.
            Moment::End(_) => {
                let before = !is_sync || look(&disk, &told);
                disk.end(*index);
                before && (!is_sync || look(&disk, &told))
            }
        };
        if !goes_on {
            break;
        }
    }
    seen.len() as u64
}

/// What was tried.
#[derive(Debug, Default)]
struct Report {
    /// Calls that change the folder.
    calls: usize,
    /// Answers that promise something.
    answers: usize,
    /// Syncs of the database itself, at the end of a checkpoint.
    checkpoints: usize,
    /// Different states that a crash may leave.
    states: u64,
    /// Those that were started on.
    tried: u64,
}

/// Starts on what crashes leave; the first fault, if there is one.
fn try_crashes(life: &Life, recording: &Recording, effort: &Effort) -> Result<Report, String> {
    let mut answers = 0;
    let states = crashes(life, recording, effort, |_, told, _| {
        answers = told.len();
        true
    });
    let (trials, rest) = mpsc::sync_channel(4);
    let rest = Arc::new(Mutex::new(rest));
    let fault = Mutex::new(None);
    let (mut tried, mut answered) = (0, 0);
    let mut random = Random::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (rest, fault) = (Arc::clone(&rest), &fault);
            scope.spawn(move || {
                let next = || rest.lock().unwrap().recv().ok();
                while let Some(trial) = next() {
                    if let Err(found) = try_one(life, &trial) {
                        fault.lock().unwrap().get_or_insert(found);
                    }
                }
            });
        }
        crashes(life, recording, effort, |crash, told, what| {
            // The first after an answer has only what is durable. A deletion is
            // soon made durable by what others write: it shows only there.
            let is_first = told.len() > mem::replace(&mut answered, told.len());
            let is_due = is_first && told.last() == Some(&Told::Deleted);
            if is_due || random.below(states) < effort.states {
                tried += 1;
                let trial = Trial {
                    state: crash.state(),
                    told: told.to_vec(),
                    what,
                };
                trials.send(trial).unwrap();
            }
            fault.lock().unwrap().is_none()
        });
        drop(trials);
    });
    fault.into_inner().unwrap().map_or(Ok(()), Err)?;
    Ok(Report {
        calls: recording.calls.len(),
        answers,
        checkpoints: recording.syncs(|path| path.ends_with("metadata.sqlite")),
        states,
        tried,
    })
}

fn try_one(life: &Life, trial: &Trial) -> Result<(), String> {
    let folder = check::write(&trial.state, &life.data);
    let expected = Expected::after(&life.asked, &trial.told);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let checked = check::check(folder.path(), &life.asked, &expected);
    let checked = runtime.unwrap().block_on(checked);
    checked.map_err(|fault| format!("{}: {fault}", trial.what))
}

#[tokio::test]
async fn all_that_was_acknowledged_survives_a_power_loss() {
    let effort = Effort::of_this_run();
    let Some(life) = Life::record(&effort).await else {
        return;
    };
    let report = try_crashes(&life, &life.recording, &effort).unwrap();
    println!("{report:?}");
    assert!(report.calls > 1000 && report.answers > 150, "{report:?}");
    assert!(report.checkpoints > 0, "{report:?}");
    assert!(report.states > effort.states, "{report:?}");
    assert!(report.tried > effort.states / 2, "{report:?}");
}

/// A kind of sync, by the path in the data folder.
type Kind = (&'static str, fn(&str) -> bool);

/// Every kind that the server makes.
const KINDS: &[Kind] = &[
    ("the bytes of objects", |path| path.starts_with("uploads/")),
    ("the names of objects", |path| path.starts_with("blobs/")),
    ("the folders of objects", |path| path == "blobs"),
    ("the database's log", |path| path == "metadata.sqlite-wal"),
    ("the database", |path| path == "metadata.sqlite"),
    ("the sealing key", |path| path.starts_with("seal.key")),
    ("the names in the data folder", str::is_empty),
];

#[tokio::test]
async fn any_kind_of_sync_left_out_loses_something() {
    let effort = Effort::TO_FAIL;
    let Some(life) = Life::record(&effort).await else {
        return;
    };
    for (name, is_of) in KINDS {
        let left_out = |path: &Path| {
            let path = path.strip_prefix(&life.data).unwrap();
            is_of(path.to_str().unwrap())
        };
        assert!(life.recording.syncs(left_out) > 0, "{name}");
        let without = life.recording.without_syncs(left_out);
        let fault = try_crashes(&life, &without, &effort);
        let fault = fault.expect_err(&format!("nothing is lost without syncs of {name}"));
        println!("without syncs of {name}: {fault}");
    }
}
