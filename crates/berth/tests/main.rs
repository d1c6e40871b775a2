//! The command as its users meet it: a process of its own.

mod admin;
mod fsck;
mod help;
mod limits;
mod serve;
mod settings;
mod support;
mod tls;
