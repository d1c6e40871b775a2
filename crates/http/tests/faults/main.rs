//! Every use case with every call of every port failing once: before it is
//! done, and done with its answer lost.
//!
//! Each walk runs on a copy of one world. It is run without a fault first, and
//! then again and again with the first call failing, the second, and so on
//! until there is no such call. After each: the answer is clean, what it says is
//! true, nothing is half done, and the same request once more brings the world
//! to where it is without a fault.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

mod answer;
mod berth;
mod clock;
mod coverage;
mod dump;
mod upstream;
mod walk;
mod walks;
mod world;
