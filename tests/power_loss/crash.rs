//! What a crash may leave of a disk.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{Change, Data, Disk, Inode, Naming, Pending, apply};

/// The unit that a disk writes as a whole, and that a file system does.
const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// Which of the changes that are not synced a crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// None of them.
    All,
    /// All of them.
    Nothing,
    /// The names of files without what was written to them.
    Data,
    /// What was written without the names.
    Names,
    /// The first so many.
    After(usize),
    /// All but the end of the last write, from a multiple of this many bytes.
    Torn(usize),
    /// Any of them, some torn and some only as room that was made for them.
    Random(u64),
}

impl Loss {
    /// Each kind for so many changes: so many prefixes and random subsets.
    pub(super) fn of(changes: usize, prefixes: usize, subsets: u64) -> Vec<Self> {
        let mut losses = vec![Self::All, Self::Nothing];
        if changes > 1 {
            losses.extend([Self::Data, Self::Names]);
            losses.extend([Self::Torn(SECTOR), Self::Torn(PAGE)]);
            let step = changes.div_ceil(prefixes + 1);
            losses.extend((1..changes).step_by(step).map(Self::After));
            losses.extend((0..subsets).map(Self::Random));
        }
        losses
    }
}

/// What becomes of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    Whole,
    Lost,
    /// The first so many bytes of a write.
    Torn(usize),
    /// Zeros instead of what was written.
    Zeros,
}

/// What is on the disk after a crash.
#[derive(Debug)]
pub(super) struct State {
    /// Folders have no bytes.
    pub(super) files: BTreeMap<PathBuf, Option<Arc<Vec<u8>>>>,
}

/// What becomes of each change of a disk.
pub(super) struct Crash<'a> {
    disk: &'a Disk,
    fates: Vec<Fate>,
}

impl<'a> Crash<'a> {
    pub(super) fn new(disk: &'a Disk, loss: Loss) -> Self {
        let changes = disk.pending.iter();
        let is_name = |change: &Pending| matches!(change.change, Change::Name(_));
        let fates = match loss {
            Loss::All => changes.map(|_| Fate::Lost).collect(),
            Loss::Nothing => changes.map(|_| Fate::Whole).collect(),
            Loss::Data => changes.map(|change| kept(is_name(change))).collect(),
            Loss::Names => changes.map(|change| kept(!is_name(change))).collect(),
            Loss::After(count) => (0..changes.len())
                .map(|place| kept(place < count))
                .collect(),
            Loss::Torn(unit) => {
                let last = disk.pending.iter().rposition(|change| !is_name(change));
                let fate = |(place, change): (usize, &Pending)| match &change.change {
                    Change::Data(_, data) if Some(place) == last => torn(data, unit),
                    _ => Fate::Whole,
                };
                changes.enumerate().map(fate).collect()
            }
            Loss::Random(seed) => random(&disk.pending, seed),
        };
        Self { disk, fates }
    }

    /// The changes with what becomes of them.
    fn changes(&self) -> impl Iterator<Item = (&'a Pending, Fate)> {
        self.disk.pending.iter().zip(self.fates.iter().copied())
    }

    /// The same for two crashes that leave the same.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.disk.version.hash(&mut hasher);
        for (change, fate) in self.changes().filter(|(_, fate)| *fate != Fate::Lost) {
            (change.order, fate).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// What is left.
    pub(super) fn state(&self) -> State {
        let names = self.names().into_iter();
        let files = names.map(|(path, inode)| {
            let is_folder = self.disk.files[inode].is_folder;
            (path, (!is_folder).then(|| self.bytes(inode)))
        });
        State {
            files: files.collect(),
        }
    }

    /// Names in folders that have names. Of changes of one name, none is left
    /// behind one that is lost.
    fn names(&self) -> BTreeMap<PathBuf, Inode> {
        let mut names = self.disk.durable.clone();
        let mut lost: Vec<(usize, &Naming)> = Vec::new();
        for (change, fate) in self.changes() {
            let Change::Name(naming) = &change.change else {
                continue;
            };
            let in_vain = lost.iter().any(|(order, other)| {
                naming.only_after == Some(*order) || naming.path == other.path
            });
            if in_vain || fate == Fate::Lost {
                lost.push((change.order, naming));
                continue;
            }
            match naming.inode {
                Some(inode) => names.insert(naming.path.clone(), inode),
                None => names.remove(&naming.path),
            };
        }
        let mut reachable = BTreeMap::new();
        for (path, inode) in names {
            let parent = path.parent();
            if reachable.is_empty() || parent.is_some_and(|parent| reachable.contains_key(parent)) {
                reachable.insert(path, inode);
            }
        }
        reachable
    }

    fn bytes(&self, inode: Inode) -> Arc<Vec<u8>> {
        let mut left = Arc::clone(&self.disk.files[inode].bytes);
        for (change, fate) in self.changes() {
            let Change::Data(other, data) = &change.change else {
                continue;
            };
            if *other != inode {
                continue;
            }
            let data = match (fate, data) {
                (Fate::Lost, _) => continue,
                (Fate::Torn(length), Data::Write { offset, bytes }) => Data::Write {
                    offset: *offset,
                    bytes: bytes[..length].into(),
                },
                // Room at the end; what was there before stays.
                (Fate::Zeros, Data::Write { offset, bytes }) => {
                    Data::Cut(left.len().max(offset + bytes.len()))
                }
                (_, data) => data.clone(),
            };
            apply(&data, Arc::make_mut(&mut left));
        }
        left
    }
}

fn kept(is: bool) -> Fate {
    if is { Fate::Whole } else { Fate::Lost }
}

/// A write up to the last multiple of `unit` in the file.
fn torn(change: &Data, unit: usize) -> Fate {
    let Data::Write { offset, bytes } = change else {
        return Fate::Lost;
    };
    let end = offset + bytes.len();
    let cut = (end - 1) / unit * unit;
    if cut > *offset {
        Fate::Torn(cut - offset)
    } else {
        Fate::Lost
    }
}

fn random(changes: &[Pending], seed: u64) -> Vec<Fate> {
    let first = changes.first().map_or(0, |change| change.order as u64);
    let mut random = Random::new(seed ^ (first << 20));
    // Some crashes lose much and some little.
    let share = 1 + random.below(9);
    let fate = |change: &Pending| {
        let left = random.below(10) < share;
        match &change.change {
            _ if left => Fate::Whole,
            Change::Name(_) => Fate::Lost,
            Change::Data(_, data) => match random.below(4) {
                0 => torn(data, SECTOR << random.below(4)),
                1 => Fate::Zeros,
                _ => Fate::Lost,
            },
        }
    };
    changes.iter().map(fate).collect()
}

/// Random numbers that are the same for the same seed (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}
