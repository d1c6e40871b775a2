//! What every test here stands on: a server of its own, a client for it, and
//! the programs of others.

pub(crate) mod bucket;
pub(crate) mod clients;
pub(crate) mod daemons;
pub(crate) mod distribution;
pub(crate) mod files;
pub(crate) mod front;
pub(crate) mod harbor;
pub(crate) mod helm;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod layout;
pub(crate) mod login;
pub(crate) mod moto;
pub(crate) mod nginx;
pub(crate) mod overlay;
pub(crate) mod programs;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod signers;
pub(crate) mod store;
pub(crate) mod token_service;
pub(crate) mod wait;
pub(crate) mod workload;
