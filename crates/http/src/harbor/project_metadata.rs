//! The swagger's tag `projectMetadata`, and metadata as the tag `project` has
//! them.
//!
//! All keys that projects are created with are kept and shown; what they stand
//! for comes with the policies themselves.

use std::collections::BTreeMap;

use axum::response::Response;
use berth_domain::{Action, MetadataKey, Project, ProjectMetadata, Resource, Rule};
use berth_harbor_api as api;
use serde_json::Value;

use super::call::{Call, done, ok, truth};
use super::route::{Route, route};
use super::{HarborError, Result};

const fn rule(action: Action) -> Rule {
    Rule::Project(Resource::Metadata, action)
}

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/projects/{project_name_or_id}/metadatas/", rule(Action::Read), list),
    route!(Post "/projects/{project_name_or_id}/metadatas/", rule(Action::Create), add),
    route!(Get "/projects/{project_name_or_id}/metadatas/{meta_name}", rule(Action::Read), get),
    route!(Put "/projects/{project_name_or_id}/metadatas/{meta_name}", rule(Action::Update), update),
    route!(Delete "/projects/{project_name_or_id}/metadatas/{meta_name}", rule(Action::Delete), delete),
];

/// The keys that only a proxy project has.
const PROXY_ONLY: [MetadataKey; 2] = [MetadataKey::ProxySpeedKb, MetadataKey::MaxUpstreamConn];

/// The metadata of a request to create or update a project, checked. Empty
/// values, unknown keys and those that do not belong to this kind of project
/// are left out, as Harbor does.
pub(super) fn stored(metadata: &api::ProjectMetadata, is_proxy: bool) -> Result<ProjectMetadata> {
    let given = serde_json::to_value(metadata).unwrap_or_default();
    let mut stored = ProjectMetadata::new();
    for key in MetadataKey::ALL {
        let value = given.get(key.as_str()).and_then(Value::as_str);
        let belongs = if is_proxy {
            key != MetadataKey::EnableContentTrust
        } else {
            !PROXY_ONLY.contains(&key)
        };
        if let Some(value) = value.filter(|value| belongs && !value.is_empty()) {
            stored.insert(key, checked(key, value)?);
        }
    }
    Ok(stored)
}

/// A project's metadata as the API shows them.
pub(super) fn shown(metadata: &ProjectMetadata) -> api::ProjectMetadata {
    serde_json::to_value(by_name(metadata))
        .and_then(serde_json::from_value)
        .unwrap_or_default()
}

fn by_name(metadata: &ProjectMetadata) -> BTreeMap<&'static str, &str> {
    let each = metadata.iter();
    each.map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

/// A value in the form that is kept.
fn checked(key: MetadataKey, value: &str) -> Result<String> {
    use MetadataKey as Key;
    let normal = match key {
        Key::Public
        | Key::EnableContentTrust
        | Key::EnableContentTrustCosign
        | Key::PreventVul
        | Key::AutoScan
        | Key::AutoSbomGeneration
        | Key::ReuseSysCveAllowlist => truth(value).map(|value| value.to_string()),
        Key::Severity => {
            let lower = value.to_lowercase();
            let known = ["none", "negligible", "low", "medium", "high", "critical"];
            known.contains(&lower.as_str()).then_some(lower)
        }
        Key::ProxySpeedKb | Key::MaxUpstreamConn => {
            value.parse::<i32>().ok().map(|value| value.to_string())
        }
        // Only the retention policy itself sets it.
        Key::RetentionId => None,
    };
    normal.ok_or_else(|| {
        HarborError::bad_request(format!("metadata.{} cannot be {value:?}", key.as_str()))
    })
}

fn key(name: &str) -> Result<MetadataKey> {
    let known = MetadataKey::ALL
        .into_iter()
        .find(|key| key.as_str() == name);
    known.ok_or_else(|| HarborError::bad_request(format!("there is no metadata key {name:?}")))
}

async fn list(call: Call) -> Result<Response> {
    Ok(ok(by_name(&call.project()?.metadata)))
}

async fn get(call: Call) -> Result<Response> {
    let (project, name) = (call.project()?, call.path("meta_name"));
    let mut metadata = by_name(&project.metadata);
    metadata.retain(|known, _| *known == name);
    if metadata.is_empty() {
        return Err(missing(name));
    }
    Ok(ok(metadata))
}

fn missing(name: &str) -> HarborError {
    HarborError::not_found(format!("the project has no metadata {name}"))
}

/// The one key and value of a request.
fn only(given: BTreeMap<String, String>) -> Result<(MetadataKey, String)> {
    let mut given = given.into_iter();
    match (given.next(), given.next()) {
        (Some((name, value)), None) => {
            let key = key(&name)?;
            Ok((key, checked(key, &value)?))
        }
        _ => Err(HarborError::bad_request(
            "give exactly one key with its value",
        )),
    }
}

fn is_set(project: &Project, key: MetadataKey) -> bool {
    project.metadata.contains_key(&key)
}

async fn add(call: Call) -> Result<Response> {
    let (key, value) = only(call.json()?)?;
    let project = call.project()?;
    if is_set(project, key) {
        let message = format!("the project has metadata {} already", key.as_str());
        return Err(HarborError::new(api::ErrorCode::Conflict, message));
    }
    set(&call, key, value).await
}

async fn update(call: Call) -> Result<Response> {
    let name = call.path("meta_name");
    let mut given: BTreeMap<String, String> = call.json()?;
    given.retain(|known, _| known == name);
    let (key, value) = only(given)?;
    if !is_set(call.project()?, key) {
        return Err(missing(name));
    }
    set(&call, key, value).await
}

async fn set(call: &Call, key: MetadataKey, value: String) -> Result<Response> {
    let changes = ProjectMetadata::from([(key, value)]);
    call.service()
        .update_project(call.project()?, changes)
        .await?;
    Ok(done())
}

async fn delete(call: Call) -> Result<Response> {
    let name = call.path("meta_name");
    let (key, project) = (key(name)?, call.project()?);
    if !is_set(project, key) {
        return Err(missing(name));
    }
    call.service().delete_project_metadata(project, key).await?;
    Ok(done())
}
