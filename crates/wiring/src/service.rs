//! What of the settings the use cases are told.

use std::time::Duration;

use berth_service::ServiceSettings;
use berth_settings::{Settings, Store};

/// How long a signed address of a blob is good for: long enough to begin, and
/// not so long that it outlives the credentials of a role.
pub(crate) const ADDRESS_LIFETIME: Duration = Duration::from_mins(15);

/// The settings of the use cases.
pub fn service_settings(settings: &Settings) -> ServiceSettings {
    ServiceSettings {
        sparse_indexes: settings.sparse_indexes,
        tag_freshness: settings.tag_freshness,
        upstream_deadline: settings.upstream_deadline,
        absence_freshness: settings.absence_freshness,
        token_lifetime: settings.token_lifetime,
        upload_idle: settings.upload_idle,
        grace: settings.gc_grace,
        addresses: match &settings.store {
            Store::Aws(store) if store.redirect => ADDRESS_LIFETIME,
            _ => Duration::ZERO,
        },
    }
}
