//! The swagger's tag `user`.

use axum::response::Response;
use berth_domain::{
    Action, ProjectId, Resource, Rule, Secret, User, UserId, UserName, UserNameError,
};
use berth_harbor_api::{
    PasswordReq, Permission, UserCreationReq, UserProfile, UserResp, UserSearchRespItem,
    UserSysAdminFlag,
};
use berth_service::{Error, NewPassword, Profile, ProjectReference};

use super::call::{Call, done, ok};
use super::list::{Field, Listed};
use super::route::{Route, route};
use super::{HarborError, Result};

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/users", Rule::Sysadmin, list),
    route!(Post "/users", Rule::Sysadmin, create),
    route!(Get "/users/current", Rule::Login, current),
    route!(Get "/users/current/permissions", Rule::Login, permissions),
    route!(Get "/users/search", Rule::Login, search),
    route!(Get "/users/{user_id}", Rule::SelfOrSysadmin, get),
    route!(Put "/users/{user_id}", Rule::SelfOrSysadmin, update),
    route!(Delete "/users/{user_id}", Rule::Sysadmin, delete),
    route!(Put "/users/{user_id}/password", Rule::SelfOrSysadmin, change_password),
    route!(Put "/users/{user_id}/sysadmin", Rule::Sysadmin, set_sysadmin),
];

impl Listed for User {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "userid" => Field::Integer(self.id.0),
            "username" => self.name.as_str().into(),
            "email" => self.email.as_str().into(),
            "realname" => self.real_name.as_str().into(),
            "comment" => self.comment.as_str().into(),
            "sysadminflag" => Field::Flag(self.sysadmin),
            "creationtime" => Field::Time(self.created_at),
            "updatetime" => Field::Time(self.updated_at),
            _ => return None,
        })
    }
}

fn shown(user: &User) -> UserResp {
    UserResp {
        email: user.email.clone(),
        realname: user.real_name.clone(),
        comment: user.comment.clone(),
        user_id: user.id.0,
        username: user.name.to_string(),
        sysadmin_flag: user.sysadmin,
        admin_role_in_auth: false,
        creation_time: user.created_at.into(),
        update_time: user.updated_at.into(),
    }
}

fn id(call: &Call) -> Result<UserId> {
    Ok(UserId(call.number("user_id")?))
}

async fn by_name(call: &Call) -> Result<Vec<User>> {
    let mut users = call.service().all_users().await?;
    users.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(users)
}

async fn list(call: Call) -> Result<Response> {
    let mut users = by_name(&call).await?;
    if let Some(part) = call.query("username") {
        users.retain(|user| contains(user.name.as_str(), &part));
    }
    if let Some(part) = call.query("email") {
        users.retain(|user| contains(&user.email, &part));
    }
    let selected = call.select(users)?;
    let body: Vec<_> = selected.items.iter().map(shown).collect();
    call.page(&selected, body)
}

pub(super) fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

async fn search(call: Call) -> Result<Response> {
    let Some(part) = call.query("username") else {
        return Err(HarborError::unprocessable("username in query is required"));
    };
    let mut users = by_name(&call).await?;
    users.retain(|user| contains(user.name.as_str(), &part));
    let selected = call.select(users)?;
    let shown = |user: &User| UserSearchRespItem {
        user_id: user.id.0,
        username: user.name.to_string(),
    };
    let body: Vec<_> = selected.items.iter().map(shown).collect();
    call.page(&selected, body)
}

async fn create(call: Call) -> Result<Response> {
    let request: UserCreationReq = call.json()?;
    let password = new_password(request.password)?;
    let profile = Profile::new(request.email, request.realname, request.comment)?;
    let name: UserName = request
        .username
        .parse()
        .map_err(|error: UserNameError| HarborError::bad_request(error.to_string()))?;
    let user = call.service().create_user(name, profile, password).await?;
    Ok(call.created(user.id))
}

fn new_password(text: berth_harbor_api::SecretString) -> Result<NewPassword> {
    Ok(NewPassword::new(Secret::new(text.into_exposed()))?)
}

async fn current(call: Call) -> Result<Response> {
    let user = call.service().user(call.user()?.id).await?;
    Ok(ok(shown(&user)))
}

async fn get(call: Call) -> Result<Response> {
    let user = call.service().user(id(&call)?).await?;
    Ok(ok(shown(&user)))
}

async fn update(call: Call) -> Result<Response> {
    let request: UserProfile = call.json()?;
    let profile = Profile::new(request.email, request.realname, request.comment)?;
    call.service().update_profile(id(&call)?, profile).await?;
    Ok(done())
}

async fn delete(call: Call) -> Result<Response> {
    let id = id(&call)?;
    call.service().delete_user(&call.principal, id).await?;
    Ok(done())
}

async fn change_password(call: Call) -> Result<Response> {
    let request: PasswordReq = call.json()?;
    let old = Secret::new(request.old_password.into_exposed());
    let new = new_password(request.new_password)?;
    let (by, id) = (call.user()?, id(&call)?);
    call.service().change_password(by, id, &old, &new).await?;
    Ok(done())
}

async fn set_sysadmin(call: Call) -> Result<Response> {
    let request: UserSysAdminFlag = call.json()?;
    let id = id(&call)?;
    call.service()
        .set_sysadmin(id, request.sysadmin_flag)
        .await?;
    Ok(done())
}

/// What the caller may do in the project that `scope` names (`/project/1`);
/// nothing for any other scope, and for a project that is not there.
async fn permissions(call: Call) -> Result<Response> {
    let scope = call.query("scope").unwrap_or_default();
    let relative = call.flag("relative")?.unwrap_or_default();
    let scope = scope.trim_end_matches('/');
    let id = scope
        .strip_prefix("/project/")
        .and_then(|id| id.parse().ok());
    let Some(id) = id else {
        return Ok(ok(Vec::<Permission>::new()));
    };
    let project = match call
        .service()
        .project(&ProjectReference::Id(ProjectId(id)))
        .await
    {
        Err(Error::NotFound(_)) => return Ok(ok(Vec::<Permission>::new())),
        project => project?,
    };
    let mut allowed = Vec::new();
    for (resource, action) in rights() {
        if call
            .service()
            .allows(&call.principal, &project, resource, action)
            .await?
        {
            allowed.push(Permission {
                resource: path(scope, resource, relative),
                action: action.as_str().to_owned(),
            });
        }
    }
    Ok(ok(allowed))
}

/// Every right that some role has.
fn rights() -> impl Iterator<Item = (Resource, Action)> {
    let all = Resource::ALL
        .iter()
        .flat_map(|resource| Action::ALL.iter().map(|action| (*resource, *action)));
    all.filter(|(resource, action)| {
        berth_domain::Role::ALL
            .into_iter()
            .any(|role| berth_domain::role_allows(role, *resource, *action))
    })
}

/// A resource as Harbor writes it: the project itself has no name of its own.
fn path(scope: &str, resource: Resource, relative: bool) -> String {
    match (resource, relative) {
        (Resource::Project, true) => ".".to_owned(),
        (Resource::Project, false) => scope.to_owned(),
        (resource, true) => resource.as_str().to_owned(),
        (resource, false) => format!("{scope}/{resource}"),
    }
}
