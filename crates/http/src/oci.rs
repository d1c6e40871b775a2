//! The OCI distribution API under `/v2`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use berth_domain::{Action, Principal, ProjectName, Resource, Rule};
use berth_oci::{OciRequest, OciRoute, Reference, RepositoryAccess, RepositoryName, Scope};
use berth_service::{Error, Target};
use http::request::Parts;

use crate::app::App;
use crate::connection::Connection;
use crate::observe::Pattern;

pub(crate) use blobs::content;
pub(crate) use error::OciError;

mod blobs;
mod challenge;
mod error;
mod lists;
mod manifests;
mod redirect;
mod uploads;

type Result<T> = std::result::Result<T, OciError>;

/// What a handler of this API is given.
struct Call<'a> {
    app: &'a App,
    principal: Principal,
    parts: &'a Parts,
    target: Target,
    /// The repository as the client wrote it, for links back.
    asked: RepositoryName,
    /// The `ns` parameter, to be kept in links back.
    ns: Option<String>,
}

/// Answers any request under `/v2`.
pub(crate) async fn handle(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let parsed = OciRequest::parse(&parts.method, parts.uri.path(), parts.uri.query());
    let (mut response, pattern) = match parsed {
        Ok(request) => {
            let pattern = Pattern(request.route.pattern());
            let response = respond(&app, &parts, body, request).await;
            (response, pattern)
        }
        Err(error) => (
            OciError::from(error).into_response(),
            Pattern("/v2/{unknown}"),
        ),
    };
    response.headers_mut().insert(
        "docker-distribution-api-version",
        http::HeaderValue::from_static("registry/2.0"),
    );
    response.extensions_mut().insert(pattern);
    response
}

async fn respond(app: &App, parts: &Parts, body: Body, request: OciRequest) -> Response {
    let access = request.route.access();
    let repository = match app.repository(parts, &request).await {
        Ok(repository) => repository,
        Err(error) => return OciError::from(error).into_response(),
    };
    match answer(app, parts, body, request, repository.clone()).await {
        Ok(response) => response,
        Err(error) => {
            let scope = repository.and_then(|repository| challenge::scope(&repository, access));
            let challenge = challenge::of(&error, parts, &app.settings, scope);
            error.with_challenge(challenge).into_response()
        }
    }
}

/// The rule of a route.
pub(crate) fn rule(route: &OciRoute) -> Rule {
    match route.access() {
        RepositoryAccess::None => Rule::Login,
        RepositoryAccess::Catalog => Rule::Sysadmin,
        RepositoryAccess::Pull => Rule::Project(Resource::Repository, Action::Pull),
        RepositoryAccess::Push => Rule::Project(Resource::Repository, Action::Push),
        RepositoryAccess::Delete => match route {
            OciRoute::ManifestDelete {
                reference: Reference::Tag(_),
                ..
            } => Rule::Project(Resource::Tag, Action::Delete),
            _ => Rule::Project(Resource::Artifact, Action::Delete),
        },
    }
}

async fn answer(
    app: &App,
    parts: &Parts,
    body: Body,
    request: OciRequest,
    repository: Option<RepositoryName>,
) -> Result<Response> {
    let principal = app.principal(parts).await?;
    let (Some(asked), Some(repository)) = (request.route.name().cloned(), repository) else {
        return Box::pin(top(app, parts, &principal, &request.route)).await;
    };
    let rule = rule(&request.route);
    let target = authorized(app, &principal, &repository, rule).await?;
    if target.project.registry.is_some() && request.route.access() == RepositoryAccess::Push {
        return Err(Error::Forbidden(format!(
            "can not push artifact to a proxy project: {}",
            target.project.name
        ))
        .into());
    }
    let ns = request.ns.clone();
    let call = Call {
        app,
        principal,
        parts,
        target,
        asked,
        ns: request.ns,
    };
    let mut response = dispatch(call, body, request.route).await?;
    if let Some(ns) = ns {
        response
            .headers_mut()
            .insert("oci-namespace", manifests::value(ns));
    }
    Ok(response)
}

/// The project and repository, if the principal may do what the rule says.
/// Who is not logged in is asked to, whether the project exists or not.
async fn authorized(
    app: &App,
    principal: &Principal,
    repository: &RepositoryName,
    rule: Rule,
) -> Result<Target> {
    let located = if rule == Rule::Project(Resource::Repository, Action::Pull) {
        app.service.locate_to_pull(repository).await
    } else {
        app.service.locate(repository).await
    };
    let target = match located {
        Err(Error::NameUnknown(_)) if *principal == Principal::Anonymous => {
            return Err(Error::Unauthorized.into());
        }
        target => target?,
    };
    let Rule::Project(resource, action) = rule else {
        return Err(Error::Forbidden("the operation is not allowed".to_owned()).into());
    };
    if app
        .service
        .allows(principal, &target.project, resource, action)
        .await?
    {
        return Ok(target);
    }
    Err(match principal {
        Principal::Anonymous => Error::Unauthorized,
        // Another token may say more: one is asked for by the challenge.
        Principal::Token(token) if !token.speaks_of(&target.project.name) => Error::Unauthorized,
        _ => Error::Forbidden(format!("no permission to {action} {repository}")),
    }
    .into())
}

/// The routes that name no repository.
async fn top(
    app: &App,
    parts: &Parts,
    principal: &Principal,
    route: &OciRoute,
) -> Result<Response> {
    if let OciRoute::Catalog { page } = route {
        return match principal {
            Principal::Anonymous => Err(Error::Unauthorized.into()),
            principal if may_list_all(principal) => lists::catalog(app, page).await,
            _ => Err(Error::Forbidden("only an administrator may list all".to_owned()).into()),
        };
    }
    // A mirror's clients do not log in where everyone may pull.
    let mirror = parts
        .extensions
        .get::<Connection>()
        .and_then(|c| c.mirror.as_deref());
    let open = match mirror {
        Some(namespace) => app.is_open_mirror(namespace).await?,
        None => false,
    };
    if *principal == Principal::Anonymous && !open {
        return Err(Error::Unauthorized.into());
    }
    Ok(axum::Json(serde_json::json!({})).into_response())
}

fn may_list_all(principal: &Principal) -> bool {
    match principal {
        Principal::Token(token) => token.access.iter().any(|access| {
            access.kind == "registry" && access.name == "catalog" && !access.actions.is_empty()
        }),
        principal => principal.is_sysadmin(),
    }
}

/// Hands a request to its handler. What is not a pull is boxed: a future has
/// room for the largest of those in it, and is moved with all of it.
async fn dispatch(call: Call<'_>, body: Body, route: OciRoute) -> Result<Response> {
    match route {
        OciRoute::Base | OciRoute::Catalog { .. } => {
            Err(Error::NotFound("there is no such route".to_owned()).into())
        }
        OciRoute::TagList { page, .. } => call.tags(&page).await,
        OciRoute::Referrers {
            digest,
            artifact_type,
            page,
            ..
        } => Box::pin(call.referrers(digest, artifact_type.as_deref(), &page)).await,
        OciRoute::Manifest { reference, op, .. } => call.manifest(&reference, op).await,
        OciRoute::ManifestPut {
            reference, tags, ..
        } => Box::pin(call.put_manifest(reference, tags, body)).await,
        OciRoute::ManifestDelete { reference, .. } => {
            Box::pin(call.delete_manifest(&reference)).await
        }
        OciRoute::Blob { digest, op, .. } => call.blob(digest, op).await.map_err(OciError::of_blob),
        OciRoute::BlobDelete { digest, .. } => Box::pin(call.delete_blob(digest)).await,
        OciRoute::UploadStart {
            mount,
            from,
            digest,
            algorithm,
            ..
        } => {
            let start = uploads::Start {
                mount,
                from,
                digest,
                algorithm,
            };
            Box::pin(call.start_upload(start, body)).await
        }
        OciRoute::UploadPatch { id, epoch, .. } => {
            Box::pin(call.append_upload(&id, epoch, body)).await
        }
        OciRoute::UploadPut {
            id, epoch, digest, ..
        } => Box::pin(call.finish_upload(&id, epoch, digest, body)).await,
        OciRoute::UploadStatus { id, .. } => Box::pin(call.upload_status(&id)).await,
        OciRoute::UploadCancel { id, .. } => Box::pin(call.cancel_upload(&id)).await,
    }
}

impl App {
    /// The project that mirrors a registry.
    async fn mirror_project(&self, namespace: &str) -> berth_service::Result<ProjectName> {
        self.service
            .proxy_project_for(namespace)
            .await?
            .ok_or_else(|| {
                Error::NotFound(format!("no proxy project mirrors {namespace}, create one"))
            })
    }

    /// Our name of the repository that a request is about, where it names one:
    /// a mirror's clients use the mirrored registry's names.
    async fn repository(
        &self,
        parts: &Parts,
        request: &OciRequest,
    ) -> berth_service::Result<Option<RepositoryName>> {
        let Some(asked) = request.route.name() else {
            return Ok(None);
        };
        let connection = parts.extensions.get::<Connection>();
        let mirror = connection.and_then(|connection| connection.mirror.as_deref());
        match mirror.or(request.ns.as_deref()) {
            Some(namespace) => Box::pin(self.mirrored(namespace, asked)).await.map(Some),
            None => Ok(Some(asked.clone())),
        }
    }

    /// Our name of a repository of a mirrored registry.
    async fn mirrored(
        &self,
        namespace: &str,
        name: &RepositoryName,
    ) -> berth_service::Result<RepositoryName> {
        let project = self.mirror_project(namespace).await?;
        format!("{project}/{name}")
            .parse()
            .map_err(|_| Error::NameUnknown(name.to_string()))
    }

    /// Scopes that name a mirrored registry's repositories, by our names.
    pub(crate) async fn mirror_scopes(
        &self,
        namespace: &str,
        scopes: &mut [Scope],
    ) -> berth_service::Result<()> {
        let project = self.mirror_project(namespace).await?;
        let prefix = format!("{project}/");
        for scope in scopes
            .iter_mut()
            .filter(|scope| !scope.name.starts_with(&prefix))
        {
            scope.name = format!("{prefix}{}", scope.name);
        }
        Ok(())
    }

    async fn is_open_mirror(&self, namespace: &str) -> berth_service::Result<bool> {
        let project = self.mirror_project(namespace).await?;
        let project = self.service.ports().projects.project(&project).await?;
        Ok(project.is_some_and(|project| project.is_public()))
    }
}
