//! The swagger's tag `member`.

use axum::response::Response;
use berth_domain::{Action, Resource, Role, Rule, User, UserId};
use berth_harbor_api as api;
use berth_service::{Error, MemberId, ProjectMember};

use super::call::{Call, created_at, done, ok};
use super::list::{Field, Listed};
use super::route::{Route, route};
use super::users::contains;
use super::{HarborError, Result};

const fn rule(action: Action) -> Rule {
    Rule::Project(Resource::Member, action)
}

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/projects/{project_name_or_id}/members", rule(Action::List), list),
    route!(Post "/projects/{project_name_or_id}/members", rule(Action::Create), create),
    route!(Get "/projects/{project_name_or_id}/members/{mid}", rule(Action::Read), get),
    route!(Put "/projects/{project_name_or_id}/members/{mid}", rule(Action::Update), update),
    route!(Delete "/projects/{project_name_or_id}/members/{mid}", rule(Action::Delete), delete),
];

impl Listed for ProjectMember {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "entityname" => self.user.name.as_str().into(),
            "entityid" => Field::Integer(self.user.id.0),
            "role" | "roleid" => Field::Integer(self.member.role.id()),
            "creationtime" => Field::Time(self.member.created_at),
            _ => return None,
        })
    }
}

fn shown(member: &ProjectMember) -> api::ProjectMemberEntity {
    let role = member.member.role;
    api::ProjectMemberEntity {
        id: MemberId::of(member.user.id).number(),
        project_id: member.member.project.0,
        entity_name: member.user.name.to_string(),
        role_name: role.as_str().to_owned(),
        role_id: role.id(),
        entity_id: member.user.id.0,
        entity_type: "u".to_owned(),
    }
}

/// The membership that the path names; no group is a member yet.
fn id(call: &Call) -> Result<MemberId> {
    let number = call.number("mid")?;
    let unknown = || HarborError::not_found(format!("member {number} does not exist"));
    MemberId::from_number(number).ok_or_else(unknown)
}

fn role(id: i64) -> Result<Role> {
    Role::from_id(id).ok_or_else(|| HarborError::bad_request("role_id must be 1 to 5"))
}

async fn list(call: Call) -> Result<Response> {
    let mut members = call.service().all_members(call.project()?).await?;
    members.sort_by(|one, other| one.user.name.cmp(&other.user.name));
    if let Some(part) = call.query("entityname") {
        members.retain(|member| contains(member.user.name.as_str(), &part));
    }
    let selected = call.select(members)?;
    let body: Vec<_> = selected.items.iter().map(shown).collect();
    call.page(&selected, body)
}

async fn create(call: Call) -> Result<Response> {
    let request: api::ProjectMember = call.json()?;
    let user = named_user(&call, &request).await?;
    let role = role(request.role_id)?;
    let project = call.project()?;
    let id = call.service().add_member(project, &user, role).await?;
    let path = format!("/api/v2.0/projects/{}/members/{id}", project.id);
    Ok(created_at(path))
}

/// The user that a new member is to be.
async fn named_user(call: &Call, request: &api::ProjectMember) -> Result<User> {
    let named = request.member_user.clone().unwrap_or_default();
    let group = request.member_group.clone().unwrap_or_default();
    if named.user_id > 0 {
        return match call.service().user(UserId(named.user_id)).await {
            Err(Error::NotFound(message)) => Err(HarborError::bad_request(message)),
            user => Ok(user?),
        };
    }
    if !named.username.is_empty() {
        return Ok(call.service().user_by_name(&named.username).await?);
    }
    if group.id > 0 || !group.group_name.is_empty() || !group.ldap_group_dn.is_empty() {
        return Err(HarborError::bad_request("there are no groups, name a user"));
    }
    Err(HarborError::bad_request(
        "one of member_user and member_group must be given",
    ))
}

async fn get(call: Call) -> Result<Response> {
    let member = call.service().member(call.project()?, id(&call)?).await?;
    Ok(ok(shown(&member)))
}

async fn update(call: Call) -> Result<Response> {
    let role = role(call.json::<api::RoleRequest>()?.role_id)?;
    let (project, id) = (call.project()?, id(&call)?);
    call.service().change_role(project, id, role).await?;
    Ok(done())
}

async fn delete(call: Call) -> Result<Response> {
    let (project, id) = (call.project()?, id(&call)?);
    call.service().remove_member(project, id).await?;
    Ok(done())
}
