//! Moving all that a registry holds from one store to another, by a folder.
//!
//! [`export()`] writes the folder from any store, [`import()`] reads it into any.
//! Both go on where an earlier run stopped. What only a running registry needs
//! (upload sessions, jobs, the garbage queue, keys that sign tokens, runs of
//! maintenance) stays behind.
//!
//! # The folder
//!
//! | file | what |
//! |---|---|
//! | `berth-export.json` | format, counts, digests of the records; written last |
//! | `records/*.jsonl` | one record a line, a file for each kind |
//! | `blobs/<algorithm>/<hex>` | the bytes of blobs |
//! | `lock` | held while somebody reads or writes the folder |
//!
//! It holds hashes of passwords, and logins at other registries under the
//! sealing key of the store that was exported: only its owner may read it.

pub use counts::Counts;
pub use error::{Result, TransferError};
pub use export::{Exported, export};
pub use import::{ImportOptions, Imported, import};
pub use progress::Progress;

mod counts;
mod error;
mod export;
mod folder;
mod import;
mod pages;
mod progress;
mod records;
