//! The swagger's tag `project`.

use axum::response::Response;
use berth_domain::{
    Action, MetadataKey, Project, ProjectMetadata, ProjectNameError, RegistryId, Resource, Role,
    Rule, UserId,
};
use berth_harbor_api as api;
use berth_service::{Error, NewProject};

use super::call::{Call, done, ok};
use super::list::{Field, Listed};
use super::route::{Route, route};
use super::users::contains;
use super::{HarborError, Result, project_metadata, registries};

const fn rule(action: Action) -> Rule {
    Rule::Project(Resource::Project, action)
}

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/projects", Rule::Filtered, list),
    route!(Head "/projects", rule(Action::Read), head),
    route!(Post "/projects", Rule::Login, create),
    route!(Get "/projects/{project_name_or_id}", rule(Action::Read), get),
    route!(Put "/projects/{project_name_or_id}", rule(Action::Update), update),
    route!(Delete "/projects/{project_name_or_id}", rule(Action::Delete), delete),
    route!(Get "/projects/{project_name_or_id}/_deletable", rule(Action::Delete), deletable),
    route!(Get "/projects/{project_name_or_id}/summary", rule(Action::Read), summary),
];

impl Listed for Project {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "projectid" => Field::Integer(self.id.0),
            "name" => self.name.as_str().into(),
            "ownerid" => Field::Integer(self.owner.0),
            "registryid" => Field::Integer(self.registry.map_or(0, |id| id.0)),
            "public" => Field::Flag(self.is_public()),
            "creationtime" => Field::Time(self.created_at),
            "updatetime" => Field::Time(self.updated_at),
            _ => return None,
        })
    }
}

async fn list(call: Call) -> Result<Response> {
    let mut projects = call.service().visible_projects(&call.principal).await?;
    if let Some(part) = call.query("name") {
        projects.retain(|project| contains(project.name.as_str(), &part));
    }
    if let Some(public) = call.flag("public")? {
        projects.retain(|project| project.is_public() == public);
    }
    if let Some(owner) = call.query("owner") {
        let owner = user_id(&call, &owner).await?;
        projects.retain(|project| Some(project.owner) == owner);
    }
    let selected = call.select(projects)?;
    let mut body = Vec::with_capacity(selected.items.len());
    for project in &selected.items {
        body.push(shown(&call, project).await?);
    }
    call.page(&selected, body)
}

async fn user_id(call: &Call, name: &str) -> Result<Option<UserId>> {
    match call.service().user_by_name(name).await {
        Ok(user) => Ok(Some(user.id)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn shown(call: &Call, project: &Project) -> Result<api::Project> {
    let service = call.service();
    let role = service.role(&call.principal, project).await?.map(Role::id);
    let owner_name = match service.user(project.owner).await {
        Ok(owner) => owner.name.to_string(),
        Err(Error::NotFound(_)) => String::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(api::Project {
        project_id: project.id.0,
        owner_id: project.owner.0,
        name: project.name.to_string(),
        registry_id: project.registry.map_or(0, |id| id.0),
        creation_time: project.created_at.into(),
        update_time: project.updated_at.into(),
        owner_name,
        current_user_role_id: role.unwrap_or_default(),
        current_user_role_ids: role.into_iter().collect(),
        repo_count: count(service.count_repositories(project).await?),
        metadata: Some(project_metadata::shown(&project.metadata)),
        cve_allowlist: Some(api::CVEAllowlist {
            id: project.id.0,
            project_id: project.id.0,
            creation_time: project.created_at.into(),
            update_time: project.created_at.into(),
            ..api::CVEAllowlist::default()
        }),
        ..api::Project::default()
    })
}

pub(super) fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn head(_: Call) -> Result<Response> {
    Ok(done())
}

async fn get(call: Call) -> Result<Response> {
    Ok(ok(shown(&call, call.project()?).await?))
}

async fn create(call: Call) -> Result<Response> {
    let request: api::ProjectReq = call.json()?;
    let name = request
        .project_name
        .parse()
        .map_err(|error: ProjectNameError| HarborError::bad_request(error.to_string()))?;
    let registry = match request.registry_id {
        Some(id) if id <= 0 => {
            return Err(HarborError::bad_request("registry_id must be above 0"));
        }
        id => id.map(RegistryId),
    };
    let mut metadata = metadata(&request, registry.is_some())?;
    metadata
        .entry(MetadataKey::Public)
        .or_insert_with(|| "false".to_owned());
    let new = NewProject {
        name,
        metadata,
        registry,
    };
    let project = call.service().create_project(call.user()?, new).await?;
    if call.header_flag("x-resource-name-in-location") {
        return Ok(call.created(&project.name));
    }
    Ok(call.created(project.id))
}

/// The metadata that a request sets.
fn metadata(request: &api::ProjectReq, is_proxy: bool) -> Result<ProjectMetadata> {
    let public = request
        .visibility()
        .map_err(|error| HarborError::bad_request(error.to_string()))?;
    let allowlist = request.cve_allowlist.as_ref();
    if allowlist.is_some_and(|list| !list.items.is_empty()) {
        return Err(HarborError::bad_request(
            "there is no vulnerability policy, so nothing can be on its allowlist",
        ));
    }
    let given = request.metadata.clone().unwrap_or_default();
    let mut metadata = project_metadata::stored(&given, is_proxy)?;
    if let Some(public) = public {
        metadata.insert(MetadataKey::Public, public.to_string());
    }
    Ok(metadata)
}

async fn update(call: Call) -> Result<Response> {
    let mut request: api::ProjectReq = call.json()?;
    let project = call.project()?;
    let allowlist = request.cve_allowlist.as_ref();
    if allowlist.is_some_and(|list| list.project_id != 0 && list.project_id != project.id.0) {
        return Err(HarborError::bad_request(
            "cve_allowlist.project_id is another project's",
        ));
    }
    // Clients send back what they were shown.
    let held = project.metadata.get(&MetadataKey::RetentionId);
    if let Some(metadata) = &mut request.metadata
        && metadata.retention_id.as_ref() == held
    {
        metadata.retention_id = None;
    }
    let changes = metadata(&request, project.registry.is_some())?;
    call.service().update_project(project, changes).await?;
    Ok(done())
}

async fn delete(call: Call) -> Result<Response> {
    call.service().delete_project(call.project()?).await?;
    Ok(done())
}

async fn deletable(call: Call) -> Result<Response> {
    let repositories = call.service().count_repositories(call.project()?).await?;
    let message = match repositories {
        0 => String::new(),
        _ => "the project has repositories, delete them first".to_owned(),
    };
    Ok(ok(api::ProjectDeletable {
        deletable: repositories == 0,
        message,
    }))
}

async fn summary(call: Call) -> Result<Response> {
    let (service, project) = (call.service(), call.project()?);
    let mut summary = api::ProjectSummary {
        repo_count: count(service.count_repositories(project).await?),
        ..api::ProjectSummary::default()
    };
    if service
        .allows(&call.principal, project, Resource::Member, Action::List)
        .await?
    {
        for member in service.all_members(project).await? {
            let count = match member.member.role {
                Role::ProjectAdmin => &mut summary.project_admin_count,
                Role::Maintainer => &mut summary.maintainer_count,
                Role::Developer => &mut summary.developer_count,
                Role::Guest => &mut summary.guest_count,
                Role::LimitedGuest => &mut summary.limited_guest_count,
            };
            *count += 1;
        }
    }
    if let Some(registry) = project.registry {
        // Whom Berth is there is for administrators only.
        let registry = service.registry(registry).await?;
        summary.registry = Some(api::Registry {
            credential: None,
            ..registries::shown(&registry)
        });
    }
    Ok(ok(summary))
}
