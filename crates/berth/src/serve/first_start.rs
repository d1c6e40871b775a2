//! What a first start makes: the administrator, a project, a cache.

use anyhow::Result;
use berth_service::Service;
use berth_settings::Settings;

pub(crate) async fn run(_service: &Service, _settings: &Settings) -> Result<()> {
    Ok(())
}
