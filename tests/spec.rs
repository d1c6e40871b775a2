//! The OCI distribution spec against a listening server, section by section.
//! [`table`] says which test shows which requirement.

mod api;
mod chunks;
mod deletion;
mod manifests;
mod mount;
mod pull;
mod push;
mod referrers;
mod subject;
mod table;
mod tags;
