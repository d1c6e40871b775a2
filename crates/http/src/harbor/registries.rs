//! The swagger's tag `registry`. Of the types there are `docker-hub` and
//! `docker-registry`.
//!
//! How a registry is, is asked for with a ping and not kept, so `status` is
//! left out.

use axum::response::Response;
use berth_domain::{EndpointKind, RegistryEndpoint, RegistryId, Rule, Secret};
use berth_harbor_api as api;
use berth_service::{EndpointName, EndpointUrl, NewRegistry, RegistryChanges};

use super::call::{Call, done, ok};
use super::list::{Field, Listed};
use super::route::{Route, route};
use super::users::contains;
use super::{HarborError, Result};

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/registries", Rule::Sysadmin, list),
    route!(Post "/registries", Rule::Sysadmin, create),
    route!(Post "/registries/ping", Rule::Sysadmin, ping),
    route!(Get "/registries/{id}", Rule::Sysadmin, get),
    route!(Put "/registries/{id}", Rule::Sysadmin, update),
    route!(Delete "/registries/{id}", Rule::Sysadmin, delete),
];

impl Listed for RegistryEndpoint {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "id" => Field::Integer(self.id.0),
            "name" => self.name.as_str().into(),
            "description" => self.description.as_str().into(),
            "url" => self.url.as_str().into(),
            "type" => self.kind.as_str().into(),
            "insecure" => Field::Flag(self.insecure),
            "creationtime" => Field::Time(self.created_at),
            "updatetime" => Field::Time(self.updated_at),
            _ => return None,
        })
    }
}

pub(super) fn shown(endpoint: &RegistryEndpoint) -> api::Registry {
    let login = endpoint.credential.as_ref();
    api::Registry {
        id: endpoint.id.0,
        url: endpoint.url.clone(),
        name: endpoint.name.clone(),
        credential: login.map(|login| api::RegistryCredential {
            kind: "basic".to_owned(),
            access_key: login.username.clone(),
            has_access_secret: true,
        }),
        kind: endpoint.kind.as_str().to_owned(),
        insecure: endpoint.insecure,
        description: endpoint.description.clone(),
        creation_time: endpoint.created_at.into(),
        update_time: endpoint.updated_at.into(),
        ..api::Registry::default()
    }
}

fn id(call: &Call) -> Result<RegistryId> {
    Ok(RegistryId(call.number("id")?))
}

fn kind(text: &str) -> Result<EndpointKind> {
    EndpointKind::parse(text).ok_or_else(|| {
        HarborError::bad_request(format!(
            "the registry type {text:?} is not offered, use docker-hub or docker-registry"
        ))
    })
}

/// Certificates are taken from the system, not from an endpoint.
fn refuse_certificate(certificate: Option<&str>) -> Result<()> {
    match certificate {
        None | Some("") => Ok(()),
        Some(_) => Err(HarborError::bad_request(
            "ca_certificate is not offered, add the certificate to the system's",
        )),
    }
}

fn secret(text: api::SecretString) -> Secret {
    Secret::new(text.into_exposed())
}

fn login(username: String, password: api::SecretString) -> Option<(String, Secret)> {
    (!username.is_empty()).then(|| (username, secret(password)))
}

async fn list(call: Call) -> Result<Response> {
    let mut registries = call.service().all_registries().await?;
    if let Some(part) = call.query("name") {
        registries.retain(|registry| contains(&registry.name, &part));
    }
    let selected = call.select(registries)?;
    let body: Vec<_> = selected.items.iter().map(shown).collect();
    call.page(&selected, body)
}

async fn create(call: Call) -> Result<Response> {
    let request: api::RegistryReq = call.json()?;
    refuse_certificate(request.ca_certificate.as_deref())?;
    let credential = request.credential.unwrap_or_default();
    let new = NewRegistry {
        name: EndpointName::parse(request.name)?,
        description: request.description,
        kind: kind(&request.kind)?,
        url: EndpointUrl::parse(&request.url)?,
        credential: login(credential.access_key, credential.access_secret),
        insecure: request.insecure,
    };
    let endpoint = call.service().create_registry(new).await?;
    Ok(call.created(endpoint.id))
}

async fn get(call: Call) -> Result<Response> {
    let endpoint = call.service().registry(id(&call)?).await?;
    Ok(ok(shown(&endpoint)))
}

async fn update(call: Call) -> Result<Response> {
    let request: api::RegistryUpdate = call.json()?;
    refuse_certificate(request.ca_certificate.as_deref())?;
    let changes = RegistryChanges {
        name: request.name.map(EndpointName::parse).transpose()?,
        description: request.description,
        kind: None,
        url: request.url.as_deref().map(EndpointUrl::parse).transpose()?,
        username: request.access_key,
        password: request.access_secret.map(secret),
        insecure: request.insecure,
    };
    let id = id(&call)?;
    call.service().update_registry(id, changes).await?;
    Ok(done())
}

async fn delete(call: Call) -> Result<Response> {
    call.service().delete_registry(id(&call)?).await?;
    Ok(done())
}

async fn ping(call: Call) -> Result<Response> {
    let request: api::RegistryPing = call.json()?;
    refuse_certificate(request.ca_certificate.as_deref())?;
    let kind = request.kind.as_deref().map(kind).transpose()?;
    let url = request.url.as_deref().map(EndpointUrl::parse).transpose()?;
    if let Some(id) = request.id {
        let changes = RegistryChanges {
            kind,
            url,
            username: request.access_key,
            password: request.access_secret.map(secret),
            insecure: request.insecure,
            ..RegistryChanges::default()
        };
        call.service()
            .ping_registry(RegistryId(id), changes)
            .await?;
        return Ok(done());
    }
    let (Some(kind), Some(url)) = (kind, url) else {
        return Err(HarborError::bad_request("type and url must be given"));
    };
    let username = request.access_key.unwrap_or_default();
    let credential = login(username, request.access_secret.unwrap_or_default());
    let insecure = request.insecure.unwrap_or_default();
    call.service()
        .ping_unknown_registry(kind, &url, credential, insecure)
        .await?;
    Ok(done())
}
