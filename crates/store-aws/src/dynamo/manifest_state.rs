//! State and nonce of a manifest's record: what decides.

use berth_domain::{ManifestState, Nonce};
use berth_ports::StoreResult;

use super::Item;

/// The attribute that holds the state.
pub(super) const STATE: &str = "state";
/// The attribute that holds the nonce.
pub(super) const NONCE: &str = "nonce";

/// State and nonce of a record.
pub(super) fn read(item: &Item) -> StoreResult<(ManifestState, Nonce)> {
    let state = match item.text(STATE)? {
        "pending" => ManifestState::Pending,
        "live" => ManifestState::Live,
        "deleting" => ManifestState::Deleting,
        _ => return Err(item.damaged(STATE, "there is no such state")),
    };
    Ok((state, item.parsed(NONCE)?))
}

/// A state as its attribute has it.
pub(super) const fn attribute(state: ManifestState) -> &'static str {
    match state {
        ManifestState::Pending => "pending",
        ManifestState::Live => "live",
        ManifestState::Deleting => "deleting",
    }
}
