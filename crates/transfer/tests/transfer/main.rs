//! Exports of stores into folders, and imports of folders into stores: in
//! memory, and on SQLite.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod conflicts;
mod damage;
mod registry;
mod resumed;
mod round_trips;
