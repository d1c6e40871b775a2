//! The ports' contracts as tests.
//!
//! Each behaviour is a function over a fresh subject ([`Stores`](crate::Stores),
//! [`Blobs`](crate::Blobs), ..) that panics when the contract is broken. Each
//! module of this one has a macro of its name with `_suite` behind it, which
//! takes an expression for a future of a fresh subject and makes one test of
//! each behaviour; `metadata_suites!` and `blob_suites!` call those of a whole
//! adapter. The crate that calls one needs `tokio` with `macros` and
//! `rt-multi-thread`:
//!
//! ```text
//! fn stores() -> berth_testkit::Stores { .. }
//!
//! berth_testkit::metadata_suites!(std::future::ready(stores()));
//! ```
//!
//! The subject's expression must name something of the surrounding module.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a behaviour is a test: it fails by panicking"
)]
#![expect(clippy::unused_async, reason = "the macros call all behaviours alike")]

/// Names a module's behaviours and makes the macro that makes tests of them.
macro_rules! suite {
    ($(#[$doc:meta])* $suite:ident in $module:ident { $($behaviour:ident,)+ }) => {
        suite!(@emit ($) [$(#[$doc])*] $suite $module [$($behaviour)+]);
    };
    (@emit ($dollar:tt) [$($doc:tt)*] $suite:ident $module:ident [$($behaviour:ident)+]) => {
        $($doc)*
        #[macro_export]
        macro_rules! $suite {
            ($dollar subject:expr) => {
                mod $module {
                    use super::*;

                    $(
                        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                        async fn $behaviour() {
                            let subject = $dollar subject.await;
                            $crate::suites::$module::$behaviour(&subject).await;
                        }
                    )+
                }
            };
        }
    };
}

/// Asserts that a call failed with one of these errors.
macro_rules! assert_fails {
    ($result:expr, $($error:ident)|+) => {
        let result = $result;
        assert!(
            matches!(result, Err($(berth_ports::StoreError::$error(_))|+)),
            "expected {}, got {result:?}",
            stringify!($($error)|+),
        );
    };
}

/// Makes tests of every behaviour of the metadata ports. The argument is an
/// expression for a future of fresh [`Stores`](crate::Stores).
#[macro_export]
macro_rules! metadata_suites {
    ($subject:expr) => {
        $crate::sequences_suite!($subject);
        $crate::projects_suite!($subject);
        $crate::members_suite!($subject);
        $crate::registries_suite!($subject);
        $crate::users_suite!($subject);
        $crate::signing_keys_suite!($subject);
        $crate::repositories_suite!($subject);
        $crate::runs_suite!($subject);
        $crate::manifests_suite!($subject);
        $crate::manifest_commit_suite!($subject);
        $crate::manifest_lists_suite!($subject);
        $crate::manifest_deletion_suite!($subject);
        $crate::manifest_promises_suite!($subject);
        $crate::edges_suite!($subject);
        $crate::referrers_suite!($subject);
        $crate::tags_suite!($subject);
        $crate::link_prepare_suite!($subject);
        $crate::link_commit_suite!($subject);
        $crate::link_races_suite!($subject);
        $crate::link_life_suite!($subject);
        $crate::link_lists_suite!($subject);
        $crate::blob_life_suite!($subject);
        $crate::gc_queue_suite!($subject);
        $crate::histories_suite!($subject);
        $crate::uploads_suite!($subject);
        $crate::leases_suite!($subject);
        $crate::outbox_suite!($subject);
    };
}

/// Makes tests of every behaviour of [`Secrets`](berth_ports::Secrets). The
/// argument is an expression for a future of [`TwoSecrets`](crate::TwoSecrets).
#[macro_export]
macro_rules! secret_suites {
    ($subject:expr) => {
        $crate::passwords_suite!($subject);
        $crate::sealing_suite!($subject);
        $crate::tokens_suite!($subject);
    };
}

/// Makes tests of every behaviour of a store of objects. The argument is an
/// expression for a future of a fresh [`Blobs`](crate::Blobs).
#[macro_export]
macro_rules! blob_suites {
    ($subject:expr) => {
        $crate::blob_writes_suite!($subject);
        $crate::blob_reads_suite!($subject);
        $crate::blob_follow_suite!($subject);
        $crate::blob_checkpoints_suite!($subject);
    };
}

pub mod blob_checkpoints;
pub mod blob_follow;
pub mod blob_life;
pub mod blob_reads;
pub mod blob_writes;
pub mod clock;
pub mod edges;
mod fixtures;
pub mod gc_queue;
pub mod histories;
mod history_calls;
pub mod ids;
pub mod leases;
pub mod link_commit;
pub mod link_life;
pub mod link_lists;
pub mod link_prepare;
pub mod link_races;
pub mod manifest_commit;
pub mod manifest_deletion;
pub mod manifest_lists;
pub mod manifest_promises;
pub mod manifests;
pub mod members;
pub mod outbox;
pub mod passwords;
pub mod projects;
pub mod queue;
pub mod referrers;
pub mod registries;
pub mod repositories;
pub mod runs;
pub mod sealing;
pub mod sequences;
pub mod signing_keys;
pub mod spools;
pub mod tags;
pub mod tasks;
pub mod tokens;
pub mod uploads;
pub mod users;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_behaviour_is_in_its_suite() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/suites");
        let mut behaviours = 0;
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let Some(rest) = line.strip_prefix("pub async fn ") else {
                    continue;
                };
                let name = rest.split('(').next().unwrap();
                let listed = format!("\n        {name},\n");
                assert!(
                    text.contains(&listed),
                    "{} is not in {}",
                    name,
                    path.display()
                );
                behaviours += 1;
            }
        }
        assert!(behaviours > 300, "only {behaviours} were found");
    }
}
