//! Reading a folder into a store.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use berth_domain::Sequence;
use berth_ports::Ports;
use berth_service::Service;

use crate::counts::{Counts, SeenBlobs};
use crate::error::{Result, TransferError};
use crate::export::SEQUENCES;
use crate::folder::{Folder, Head};
use crate::progress::Progress;
use crate::records::{Malformed, Record, RegistryRecord};

mod accounts;
mod contents;
mod repositories;

/// Numbers up to this are taken from an export: what JSON can hold exactly,
/// and far from where a counter would overflow.
const LARGEST_NUMBER: i64 = 1 << 53;

/// How an import is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Logins at other registries are left out.
    pub without_logins: bool,
}

/// What an import came to.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What of the export is in the store now.
    pub counts: Counts,
    /// Records that were not there before.
    pub new: u64,
    /// What is there otherwise and was left as it is, a line each. Without
    /// one, the store holds all that the export does.
    pub conflicts: Vec<String>,
}

/// What came of a record.
enum Fate {
    /// It was put there.
    New,
    /// It was there.
    Same,
    /// It is there, but otherwise. The text says what differs.
    Differs(String),
    /// Something else is in its place, or what it belongs to is not there. The
    /// text says what.
    Refused(String),
}

impl Fate {
    /// Of a record that was found.
    fn of<R: PartialEq>(subject: &str, found: &R, record: &R) -> Self {
        if found == record {
            Self::Same
        } else {
            Self::Differs(format!("{subject} is there and differs"))
        }
    }

    /// Whether what the record is about is there, if not just so.
    const fn is_there(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// Reads a folder into a store. What is there already stays as it is, so an
/// import that stopped goes on when it is done again.
///
/// Bytes are verified as those of a push are. Nobody else may write to the
/// store meanwhile.
pub async fn import(
    service: &Arc<Service>,
    path: &Path,
    options: ImportOptions,
    progress: &Progress,
) -> Result<Imported> {
    let folder = Folder::open(path)?;
    let head = folder.head().await?;
    progress.set_total(head.counts.bytes);
    let mut importer = Importer {
        to: To {
            service,
            folder: &folder,
            progress,
            options,
        },
        counts: Counts::default(),
        seen: SeenBlobs::default(),
        new: 0,
        conflicts: Vec::new(),
        users: HashSet::new(),
        registries: HashSet::new(),
        projects: HashSet::new(),
    };
    if !options.without_logins {
        importer.check_logins().await?;
    }
    importer.raise_sequences(&head).await?;
    importer.users().await?;
    importer.registries().await?;
    importer.projects().await?;
    importer.members().await?;
    importer.schedules().await?;
    importer.repositories().await?;
    importer.compare(&head);
    let Importer {
        counts,
        new,
        conflicts,
        ..
    } = importer;
    Ok(Imported {
        counts,
        new,
        conflicts,
    })
}

/// Where records go to, and bytes come from.
#[derive(Clone, Copy)]
struct To<'a> {
    service: &'a Arc<Service>,
    folder: &'a Folder,
    progress: &'a Progress,
    options: ImportOptions,
}

impl<'a> To<'a> {
    fn ports(self) -> &'a Ports {
        self.service.ports()
    }
}

/// An import under way.
struct Importer<'a> {
    to: To<'a>,
    counts: Counts,
    seen: SeenBlobs,
    new: u64,
    conflicts: Vec<String>,
    /// Users of the export that are there under their own number.
    users: HashSet<i64>,
    /// Likewise registry endpoints.
    registries: HashSet<i64>,
    /// Likewise projects.
    projects: HashSet<i64>,
}

impl Importer<'_> {
    /// Sees that all logins can be opened, before anything is written.
    async fn check_logins(&self) -> Result<()> {
        let mut records = self.to.folder.read_records::<RegistryRecord>().await?;
        let mut names = Vec::new();
        while let Some(record) = records.next().await? {
            if !self.to.service.can_log_in(&record.registry()) {
                names.push(record.name);
            }
        }
        if names.is_empty() {
            Ok(())
        } else {
            Err(TransferError::Sealed { names })
        }
    }

    /// Numbers of the exported store are not given out again: what was deleted
    /// there must not come to life as something else.
    async fn raise_sequences(&self, head: &Head) -> Result<()> {
        let sequences = &self.to.ports().sequences;
        for sequence in SEQUENCES {
            let last = self.last(head, sequence)?;
            sequences.raise(sequence, last).await?;
        }
        Ok(())
    }

    fn last(&self, head: &Head, sequence: Sequence) -> Result<i64> {
        let last = head.sequences.get(sequence.as_str()).copied();
        last.filter(|last| (0..=LARGEST_NUMBER).contains(last))
            .ok_or_else(|| {
                let what = format!("sequence {} has no number", sequence.as_str());
                self.to.folder.damaged_head(what)
            })
    }

    /// Notes what came of a record; whether it is there.
    fn note(&mut self, fate: Fate, count: impl FnOnce(&mut Counts) -> &mut u64) -> bool {
        let there = fate.is_there();
        match fate {
            Fate::New => self.new += 1,
            Fate::Same => {}
            Fate::Differs(what) | Fate::Refused(what) => self.conflicts.push(what),
        }
        if there {
            *count(&mut self.counts) += 1;
        }
        there
    }

    /// Compares what is there now with what was exported.
    fn compare(&mut self, head: &Head) {
        if self.conflicts.is_empty() && self.counts != head.counts {
            let (expected, actual) = (head.counts, self.counts);
            self.conflicts
                .push(format!("the export says {expected}, but has {actual}"));
        }
    }

    /// Hands each record of a kind to `each`, as a value of ours.
    async fn each<R: Record, T>(
        &mut self,
        value: impl Fn(&R) -> std::result::Result<T, Malformed>,
        mut each: impl AsyncFnMut(&mut Self, R, T) -> Result<()>,
    ) -> Result<()> {
        let mut records = self.to.folder.read_records::<R>().await?;
        while let Some(record) = records.next().await? {
            let value = value(&record).map_err(|what| records.malformed(&what))?;
            each(self, record, value).await?;
        }
        Ok(())
    }
}
