//! Explores what pushers, deleters, sweepers and crashes can do to each other,
//! over the transitions that the stores perform.
//!
//! Each actor is the use case of `berth_service` step by step, written as an
//! `async fn` whose every `.await` is one call of a port. What a transaction
//! changes becomes visible to the others item by item. After each step all may
//! crash: what is left must then be whole, and a sweep must free all of it that
//! nothing needs.

#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a scenario that breaks a rule fails its test"
)]
#![expect(clippy::match_same_arms, reason = "a table of what sees what")]

mod actors;
mod broken;
mod checks;
mod exploration;
mod holds;
mod mutants;
mod replay;
mod scenarios;
mod world;
