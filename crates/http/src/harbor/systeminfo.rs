//! The swagger's tag `systeminfo`.

use axum::response::Response;
use berth_domain::{Principal, Rule};
use berth_harbor_api::GeneralInfo;

use super::Result;
use super::call::{Call, ok};
use super::route::{Route, route};

/// The Harbor whose API this is, then what answers: clients that look for the
/// version take the part before the dash.
const VERSION: &str = concat!("v2.16.0-berth.", env!("CARGO_PKG_VERSION"));

pub(super) const ROUTES: &[Route] = &[route!(Get "/systeminfo", Rule::Filtered, systeminfo)];

async fn systeminfo(call: Call) -> Result<Response> {
    let open = GeneralInfo {
        banner_message: Some(String::new()),
        auth_mode: Some("db_auth".to_owned()),
        primary_auth_mode: Some(false),
        self_registration: Some(false),
        oidc_provider_name: Some(String::new()),
        ..GeneralInfo::default()
    };
    if call.principal == Principal::Anonymous {
        return Ok(ok(open));
    }
    let base = &call.origin.base;
    let host = base
        .split_once("://")
        .map_or(base.as_str(), |(_, host)| host);
    Ok(ok(GeneralInfo {
        current_time: Some(call.service().ports().clock.now().into()),
        registry_url: Some(host.to_owned()),
        external_url: Some(base.clone()),
        project_creation_restriction: Some("everyone".to_owned()),
        has_ca_root: Some(false),
        harbor_version: Some(VERSION.to_owned()),
        registry_storage_provider_name: Some("filesystem".to_owned()),
        read_only: Some(false),
        notification_enable: Some(false),
        ..open
    }))
}
