//! The swagger's tag `repository`. Pulls are not counted yet.

use axum::response::Response;
use berth_domain::{Action, Repository, Resource, Rule};
use berth_harbor_api as api;

use super::Result;
use super::call::{Call, done, ok};
use super::list::{Field, Listed};
use super::projects::count;
use super::route::{Route, route};

const fn rule(action: Action) -> Rule {
    Rule::Project(Resource::Repository, action)
}

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/repositories", Rule::Filtered, list_all),
    route!(Get "/projects/{project_name}/repositories", rule(Action::List), list),
    route!(Get "/projects/{project_name}/repositories/{repository_name}", rule(Action::List), get),
    route!(Put "/projects/{project_name}/repositories/{repository_name}", rule(Action::Update), update),
    route!(Delete "/projects/{project_name}/repositories/{repository_name}", rule(Action::Delete), delete),
];

impl Listed for Repository {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "id" | "repositoryid" => Field::Integer(self.id.0),
            "projectid" => Field::Integer(self.project.0),
            "name" => self.name.as_str().into(),
            "description" => self.description.as_str().into(),
            "creationtime" => Field::Time(self.created_at),
            "updatetime" => Field::Time(self.updated_at),
            _ => return None,
        })
    }
}

async fn shown(call: &Call, repository: &Repository) -> Result<api::Repository> {
    let artifacts = call.service().artifacts(&repository.name, false).await?;
    Ok(api::Repository {
        id: repository.id.0,
        project_id: repository.project.0,
        name: repository.name.to_string(),
        description: repository.description.clone(),
        artifact_count: count(artifacts.len()),
        pull_count: 0,
        creation_time: Some(repository.created_at.into()),
        update_time: repository.updated_at.into(),
    })
}

async fn page(call: &Call, mut repositories: Vec<Repository>) -> Result<Response> {
    repositories.sort_by_key(|repository| std::cmp::Reverse(repository.created_at));
    let selected = call.select(repositories)?;
    let mut body = Vec::with_capacity(selected.items.len());
    for repository in &selected.items {
        body.push(shown(call, repository).await?);
    }
    call.page(&selected, body)
}

async fn list_all(call: Call) -> Result<Response> {
    let service = call.service();
    if call.principal.is_sysadmin() {
        return page(&call, service.all_repositories(None).await?).await;
    }
    let mut found = Vec::new();
    for project in service.visible_projects(&call.principal).await? {
        found.extend(service.all_repositories(Some(&project.name)).await?);
        if found.len() >= berth_service::WALK_LIMIT {
            found.truncate(berth_service::WALK_LIMIT);
            break;
        }
    }
    page(&call, found).await
}

async fn list(call: Call) -> Result<Response> {
    let project = &call.project()?.name;
    let found = call.service().all_repositories(Some(project)).await?;
    page(&call, found).await
}

async fn get(call: Call) -> Result<Response> {
    let repository = call.service().repository(&call.repository()?).await?;
    Ok(ok(shown(&call, &repository).await?))
}

async fn update(call: Call) -> Result<Response> {
    let request: api::RepositoryReq = call.json()?;
    let name = call.repository()?;
    call.service()
        .describe_repository(&name, request.description)
        .await?;
    Ok(done())
}

async fn delete(call: Call) -> Result<Response> {
    call.service()
        .delete_repository(&call.repository()?)
        .await?;
    Ok(done())
}
