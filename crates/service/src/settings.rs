//! What the use cases can be told.

use std::time::Duration;

/// The settings of the use cases.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Whether an index may name children that are not there. A proxy project
    /// always allows it.
    pub sparse_indexes: bool,
    /// How long a proxied tag is served without asking the upstream again.
    pub tag_freshness: Duration,
    /// How long the upstream may take to confirm a tag before what is held is
    /// served instead.
    pub upstream_deadline: Duration,
    /// How long an upstream's 404 is remembered.
    pub absence_freshness: Duration,
    /// How long a token is good for.
    pub token_lifetime: Duration,
    /// How long an upload session may be idle before it is ended.
    pub upload_idle: Duration,
    /// What nothing names stays this long after a pusher was last told that it
    /// is there; for half of it any 2xx that a pusher got for a blob or
    /// manifest holds.
    pub grace: Duration,
    /// How long a client can read an object at an address of the store that it
    /// was given: the object stays as long, though its blob is deleted.
    pub addresses: Duration,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            sparse_indexes: false,
            tag_freshness: Duration::from_mins(1),
            upstream_deadline: Duration::from_secs(2),
            absence_freshness: Duration::from_secs(10),
            token_lifetime: Duration::from_mins(30),
            upload_idle: Duration::from_hours(24),
            grace: Duration::from_hours(2),
            addresses: Duration::ZERO,
        }
    }
}
