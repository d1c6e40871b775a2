//! The swagger's tag `artifact`.

use axum::response::Response;
use berth_domain::{Action, ListedManifest, Manifest, Resource, Rule, Tag};
use berth_harbor_api as api;
use berth_harbor_api::{ListParameters, Pattern};
use berth_oci::{Reference, TagName};
use berth_service::Error;

use super::call::{Call, done, ok};
use super::list::{Field, Listed, matches};
use super::route::{Route, route};
use super::{HarborError, Result};

mod shown;

const fn rule(resource: Resource, action: Action) -> Rule {
    Rule::Project(resource, action)
}

pub(super) const ROUTES: &[Route] = &[
    route!(
        Get "/projects/{project_name}/repositories/{repository_name}/artifacts",
        rule(Resource::Artifact, Action::List), list
    ),
    route!(
        Get "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}",
        rule(Resource::Artifact, Action::Read), get
    ),
    route!(
        Delete "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}",
        rule(Resource::Artifact, Action::Delete), delete
    ),
    route!(
        Get "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/accessories",
        rule(Resource::Accessory, Action::List), list_accessories
    ),
    route!(
        Get "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags",
        rule(Resource::Tag, Action::List), list_tags
    ),
    route!(
        Post "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags",
        rule(Resource::Tag, Action::Create), create_tag
    ),
    route!(
        Delete "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags/{tag_name}",
        rule(Resource::Tag, Action::Delete), delete_tag
    ),
];

impl Listed for ListedManifest {
    fn field(&self, name: &str) -> Option<Field> {
        let size = i64::try_from(self.facts.total_size).unwrap_or(i64::MAX);
        Some(match name {
            "id" => Field::Integer(self.id.0),
            "digest" => Field::Text(self.digest.to_string()),
            "type" => Field::Text(shown::kind(self)),
            "mediatype" => shown::media_type(self).into(),
            "manifestmediatype" => self.media_type.as_str().into(),
            "artifacttype" => self
                .facts
                .artifact_type
                .as_deref()
                .unwrap_or_default()
                .into(),
            "size" => Field::Integer(size),
            "pushtime" => Field::Time(self.pushed_at),
            _ => return None,
        })
    }
}

/// What `q` says of `tags`: the field that is not an artifact's own.
enum Tagged {
    Whatever,
    Yes,
    No,
    Matching(Pattern),
}

impl Tagged {
    fn of(parameters: &ListParameters) -> Self {
        match parameters.query.pattern("tags") {
            None => Self::Whatever,
            Some(Pattern::Exact(text)) if text == "*" => Self::Yes,
            Some(Pattern::Exact(text)) if text == "nil" => Self::No,
            Some(pattern) => Self::Matching(pattern.clone()),
        }
    }

    fn allows(&self, tags: &[(TagName, Tag)]) -> bool {
        match self {
            Self::Whatever => true,
            Self::Yes => !tags.is_empty(),
            Self::No => tags.is_empty(),
            Self::Matching(pattern) => tags
                .iter()
                .any(|(name, _)| matches(&name.as_str().into(), pattern)),
        }
    }
}

async fn list(call: Call) -> Result<Response> {
    let parameters = ListParameters::parse(call.query_string())?;
    let (service, name) = (call.service(), call.repository()?);
    service.repository(&name).await?;
    let parts = parameters.query.pattern("base").is_some();
    let mut artifacts = service.artifacts(&name, parts).await?;
    let tagged = Tagged::of(&parameters);
    if !matches!(tagged, Tagged::Whatever) {
        let mut kept = Vec::new();
        for artifact in artifacts {
            if tagged.allows(&service.all_tags_of(&name, artifact.digest).await?) {
                kept.push(artifact);
            }
        }
        artifacts = kept;
    }
    // There are no labels, so nothing has one.
    if parameters.query.pattern("labels").is_some() {
        artifacts.clear();
    }
    artifacts.sort_by_key(|artifact| std::cmp::Reverse(artifact.pushed_at));
    let selected = call.select(artifacts)?;
    let mut body = Vec::with_capacity(selected.items.len());
    for artifact in &selected.items {
        match service
            .artifact(&name, &Reference::Digest(artifact.digest))
            .await
        {
            Ok(manifest) => body.push(shown(&call, manifest).await?),
            // Deleted since the list was read.
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    call.page(&selected, body)
}

/// An artifact with as much as the request asks for.
async fn shown(call: &Call, manifest: Manifest) -> Result<api::Artifact> {
    let service = call.service();
    let repository = service.repository(&manifest.repository).await?;
    let tags = match call.flag("with_tag")? {
        Some(false) => Vec::new(),
        _ => {
            service
                .all_tags_of(&manifest.repository, manifest.digest)
                .await?
        }
    };
    let accessories = match call.flag("with_accessory")? {
        Some(true) => accessories(call, &manifest).await?,
        _ => Vec::new(),
    };
    let artifact = service.inspect(manifest).await?;
    let mut shown = shown::artifact(&artifact, &repository, &tags);
    for (child, reference) in artifact.parsed.children.iter().zip(&mut shown.references) {
        let name = &artifact.manifest.repository;
        let id = service.artifact_id(name, child.digest).await?;
        reference.child_id = id.map_or(0, |id| id.0);
    }
    shown.accessories = accessories;
    Ok(shown)
}

/// The artifact that the path names.
fn reference(call: &Call) -> Result<Reference> {
    let reference = call.path("reference");
    reference
        .parse()
        .map_err(|_| HarborError::bad_request(format!("{reference:?} is no tag or digest")))
}

async fn named(call: &Call) -> Result<Manifest> {
    let (name, reference) = (call.repository()?, reference(call)?);
    Ok(call.service().artifact(&name, &reference).await?)
}

async fn get(call: Call) -> Result<Response> {
    let manifest = named(&call).await?;
    Ok(ok(shown(&call, manifest).await?))
}

async fn delete(call: Call) -> Result<Response> {
    let (name, reference) = (call.repository()?, reference(&call)?);
    call.service().delete_artifact(&name, &reference).await?;
    Ok(done())
}

/// What has the artifact as its subject.
async fn accessories(call: &Call, subject: &Manifest) -> Result<Vec<api::Accessory>> {
    let all = call.service().accessories(subject).await?;
    let shown = |manifest| shown::accessory(manifest, subject);
    Ok(all.iter().map(shown).collect())
}

impl Listed for api::Accessory {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "id" => Field::Integer(self.id),
            "digest" => self.digest.as_str().into(),
            "type" => self.kind.as_str().into(),
            "size" => Field::Integer(self.size),
            _ => return None,
        })
    }
}

async fn list_accessories(call: Call) -> Result<Response> {
    let subject = named(&call).await?;
    let selected = call.select(accessories(&call, &subject).await?)?;
    call.page(&selected, &selected.items)
}

/// A tag with what lists of tags need.
struct NamedTag(TagName, Tag);

impl Listed for NamedTag {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "name" => self.0.as_str().into(),
            "pushtime" => Field::Time(self.1.pushed_at),
            _ => return None,
        })
    }
}

async fn list_tags(call: Call) -> Result<Response> {
    let (service, manifest) = (call.service(), named(&call).await?);
    let repository = service.repository(&manifest.repository).await?;
    let tags = service
        .all_tags_of(&manifest.repository, manifest.digest)
        .await?;
    let mut tags: Vec<_> = tags
        .into_iter()
        .map(|(name, tag)| NamedTag(name, tag))
        .collect();
    tags.sort_by_key(|tag| std::cmp::Reverse(tag.1.pushed_at));
    let selected = call.select(tags)?;
    let shown = |tag: &NamedTag| shown::tag(&tag.0, &tag.1, &manifest, &repository);
    let body: Vec<_> = selected.items.iter().map(shown).collect();
    call.page(&selected, body)
}

fn tag_name(text: &str) -> Result<TagName> {
    text.parse()
        .map_err(|_| HarborError::bad_request(format!("{text:?} is no tag")))
}

async fn create_tag(call: Call) -> Result<Response> {
    let name = tag_name(&call.json::<api::TagReq>()?.name)?;
    if call.project()?.registry.is_some() {
        return Err(HarborError::new(
            api::ErrorCode::MethodNotAllowed,
            "tags of a proxy project are the upstream's",
        ));
    }
    let manifest = named(&call).await?;
    call.service().create_tag(&manifest, name.clone()).await?;
    Ok(call.created(name))
}

async fn delete_tag(call: Call) -> Result<Response> {
    let name = tag_name(call.path("tag_name"))?;
    let manifest = named(&call).await?;
    call.service().delete_tag_of(&manifest, &name).await?;
    Ok(done())
}
