//! A file system that remembers what is synced and what is not: file contents
//! are durable by a sync of the file, names by a sync of their folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::recording::Call;

/// A file or folder, whatever it is called.
pub(super) type Inode = usize;

/// A change that a crash may leave undone.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// The order in which changes began.
    pub(super) order: usize,
    /// Whether its call has ended, so that the next sync is good for it.
    ended: bool,
    pub(super) change: Change,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Data(Inode, Data),
    Name(Naming),
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Write { offset: usize, bytes: Arc<[u8]> },
    Cut(usize),
}

/// A name stands for something else, or for nothing.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) path: PathBuf,
    pub(super) inode: Option<Inode>,
    /// Of the old name of a renamed file: the change that made the new one.
    pub(super) only_after: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) is_folder: bool,
    /// What is durable.
    pub(super) bytes: Arc<Vec<u8>>,
    /// As the server sees it.
    length: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) files: Vec<File>,
    /// Names that are durable.
    pub(super) durable: BTreeMap<PathBuf, Inode>,
    /// How often something became durable.
    pub(super) version: usize,
    /// Changes that are not durable, as they began.
    pub(super) pending: Vec<Pending>,
    /// Names as the server sees them.
    names: BTreeMap<PathBuf, Inode>,
    /// What each name stood for last: a call may name a file that another
    /// thread is renaming or removing.
    last: BTreeMap<PathBuf, Inode>,
    order: usize,
    /// Syncs under way, with the changes that they are good for.
    syncs: BTreeMap<usize, Vec<usize>>,
    /// The changes of calls under way.
    begun: BTreeMap<usize, std::ops::Range<usize>>,
}

impl Disk {
    /// A disk with a durable, empty folder.
    pub(super) fn with_folder(path: &Path) -> Self {
        let mut disk = Self::default();
        let inode = disk.add(true);
        disk.names.insert(path.to_owned(), inode);
        disk.durable.insert(path.to_owned(), inode);
        disk
    }

    /// A call begins: from now on, what it does may be on disk.
    pub(super) fn begin(&mut self, call: usize, what: &Call) {
        let first = self.order;
        match what {
            Call::Open { path, cut } => match self.names.get(path) {
                None => {
                    let inode = self.add(false);
                    self.name(path, Some(inode), None);
                }
                Some(inode) if *cut => self.write(*inode, Data::Cut(0)),
                Some(_) => {}
            },
            Call::Write {
                path,
                offset,
                bytes,
            } => {
                let inode = self.known(path);
                let offset = offset.unwrap_or(self.files[inode].length);
                let bytes = bytes.as_slice().into();
                self.write(inode, Data::Write { offset, bytes });
            }
            Call::Cut { path, length } => self.write(self.known(path), Data::Cut(*length)),
            Call::Sync { path } => {
                let covered = self.covered(path);
                self.syncs.insert(call, covered);
            }
            Call::Rename { from, to } => {
                let inode = self.known(from);
                let added = self.name(to, Some(inode), None);
                self.name(from, None, Some(added));
            }
            Call::Link { from, to } => {
                self.name(to, Some(self.known(from)), None);
            }
            Call::Remove { path } => {
                self.name(path, None, None);
            }
            Call::MakeFolder { path } => {
                let inode = self.add(true);
                self.name(path, Some(inode), None);
            }
            Call::Answer(_) => {}
        }
        self.begun.insert(call, first..self.order);
    }

    /// A call ends; of a sync, what it was good for is durable.
    pub(super) fn end(&mut self, call: usize) {
        let begun = self.begun.remove(&call).unwrap_or_default();
        let ended = self.pending.iter_mut();
        for change in ended.filter(|change| begun.contains(&change.order)) {
            change.ended = true;
        }
        if let Some(covered) = self.syncs.remove(&call) {
            let (durable, pending) = std::mem::take(&mut self.pending)
                .into_iter()
                .partition(|change: &Pending| covered.contains(&change.order));
            self.pending = pending;
            for Pending { change, .. } in durable {
                self.make_durable(change);
            }
        }
    }

    fn make_durable(&mut self, change: Change) {
        self.version += 1;
        match change {
            Change::Data(inode, data) => {
                apply(&data, Arc::make_mut(&mut self.files[inode].bytes));
            }
            Change::Name(Naming { path, inode, .. }) => {
                match inode {
                    Some(inode) => self.durable.insert(path, inode),
                    None => self.durable.remove(&path),
                };
            }
        }
    }

    /// The changes of a file, or of the names in a folder, that a sync which
    /// begins now is good for.
    fn covered(&self, path: &Path) -> Vec<usize> {
        let inode = self.known(path);
        let ours = |change: &&Pending| {
            change.ended
                && match &change.change {
                    Change::Data(other, _) => *other == inode,
                    Change::Name(naming) => naming.path.parent() == Some(path),
                }
        };
        let covered: Vec<_> = self.pending.iter().filter(ours).collect();
        let orders: Vec<_> = covered.iter().map(|change| change.order).collect();
        // The old name of a renamed file stays until the new one is there.
        let is_pending = |order: usize| self.pending.iter().any(|c| c.order == order);
        let goes = |change: &&&Pending| match &change.change {
            Change::Name(Naming {
                only_after: Some(added),
                ..
            }) => orders.contains(added) || !is_pending(*added),
            _ => true,
        };
        let covered = covered.iter().filter(goes);
        covered.map(|change| change.order).collect()
    }

    fn known(&self, path: &Path) -> Inode {
        let found = self.names.get(path).or_else(|| self.last.get(path));
        *found.unwrap_or_else(|| panic!("{} was never made", path.display()))
    }

    fn add(&mut self, is_folder: bool) -> Inode {
        self.files.push(File {
            is_folder,
            bytes: Arc::default(),
            length: 0,
        });
        self.files.len() - 1
    }

    fn name(&mut self, path: &Path, inode: Option<Inode>, only_after: Option<usize>) -> usize {
        match inode {
            Some(inode) => {
                self.last.insert(path.to_owned(), inode);
                self.names.insert(path.to_owned(), inode)
            }
            None => self.names.remove(path),
        };
        self.change(Change::Name(Naming {
            path: path.to_owned(),
            inode,
            only_after,
        }))
    }

    fn write(&mut self, inode: Inode, data: Data) {
        let length = &mut self.files[inode].length;
        *length = match &data {
            Data::Write { offset, bytes } => (*length).max(offset + bytes.len()),
            Data::Cut(length) => *length,
        };
        self.change(Change::Data(inode, data));
    }

    fn change(&mut self, change: Change) -> usize {
        self.pending.push(Pending {
            order: self.order,
            ended: false,
            change,
        });
        self.order += 1;
        self.order - 1
    }
}

/// Applies a change to a file's bytes.
pub(super) fn apply(change: &Data, file: &mut Vec<u8>) {
    match change {
        Data::Write { offset, bytes } => {
            let end = offset + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[*offset..end].copy_from_slice(bytes);
        }
        Data::Cut(length) => file.resize(*length, 0),
    }
}
