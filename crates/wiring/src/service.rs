//! What of the settings the use cases are told.

use berth_service::ServiceSettings;
use berth_settings::Settings;

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
    }
}
