//! Manifests of proxy projects.
//!
//! By digest: what is held is served, and the upstream is not asked. By tag:
//! what was confirmed a moment ago is served; else the upstream is asked by
//! HEAD, which it does not count, and whatever goes wrong with that, what is
//! held is served.

use std::sync::Arc;
use std::time::Duration;

use berth_domain::{LeaseName, Manifest, RegistryId, Tag};
use berth_oci::{Digest, ParsedManifest, Reference, RepositoryName, TagName, media_type};
use berth_ports::{FetchedManifest, ManifestDescription, StoreError, UpstreamError};

use crate::error::{Error, Result};
use crate::manifests::{Absent, NewManifest};
use crate::proxy::absence::Asked;
use crate::proxy::lease::Taken;
use crate::proxy::remote::upstream_name;
use crate::served::ServedManifest;
use crate::service::{Service, Target};

/// How long the upstream may take to describe a manifest when there is nothing
/// else to answer with.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is fetched: a manifest, and the tag to set to it.
pub(super) type FetchKey = (RepositoryName, Reference, Option<TagName>);

/// What is confirmed.
pub(super) type CheckKey = (RepositoryName, TagName);

/// What an upstream said of a held tag.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It has the same digest.
    Confirmed,
    /// It has another, or does not say which.
    Moved(ManifestDescription),
    /// It said nothing that can be used.
    Unknown,
}

impl Service {
    /// A manifest of a proxy project.
    pub(crate) async fn proxied_manifest(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        reference: &Reference,
        head: bool,
    ) -> Result<ServedManifest> {
        let held = match reference {
            Reference::Digest(_) => {
                self.held_manifest(&target.repository, reference, head)
                    .await
            }
            Reference::Tag(tag) => self.proxied_tag(target, registry, tag, head).await,
        };
        match held {
            Err(Error::ManifestUnknown(_)) if head => {
                self.missed_head(target, registry, reference).await
            }
            Err(Error::ManifestUnknown(_)) => {
                self.recall_absence(target, Asked::Manifest(reference.clone()))?;
                let tag = match reference {
                    Reference::Tag(tag) => Some(tag),
                    Reference::Digest(_) => None,
                };
                self.fetched(target, registry, reference, tag).await
            }
            held => held,
        }
    }

    /// What a tag means; [`Error::ManifestUnknown`] if nothing is held.
    async fn proxied_tag(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        name: &TagName,
        head: bool,
    ) -> Result<ServedManifest> {
        let repository = &target.repository;
        let Some(tag) = self.ports.tags.tag(repository, name).await? else {
            return Err(Error::ManifestUnknown(name.to_string()));
        };
        if self.is_fresh(&tag) {
            return self.held_by_tag(repository, name, &tag, head).await;
        }
        let moved = match self.checked(target, registry, name, tag.clone()).await {
            Ok(Verdict::Confirmed) => {
                return self.held_by_tag(repository, name, &tag, head).await;
            }
            Ok(Verdict::Moved(description)) => {
                self.moved_tag(target, registry, name, &description, head)
                    .await
            }
            Ok(Verdict::Unknown) => Err(Error::ManifestUnknown(name.to_string())),
            Err(error) => Err(error),
        };
        match moved {
            Ok(manifest) => Ok(manifest),
            Err(error) => {
                tracing::warn!(%repository, tag = %name, %error, "serving what is held");
                let held = self.held_by_tag(repository, name, &tag, head).await?;
                Ok(ServedManifest {
                    stale: true,
                    ..held
                })
            }
        }
    }

    fn is_fresh(&self, tag: &Tag) -> bool {
        let age = self.now().duration_since(tag.checked_at).unsigned_abs();
        age < self.settings.tag_freshness
    }

    /// Asks the upstream whether a tag is still what is held; once for all who
    /// want to know at the same time.
    async fn checked(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        name: &TagName,
        tag: Tag,
    ) -> Result<Verdict> {
        let key = (target.repository.clone(), name.clone());
        let (service, target, name) = (Arc::clone(self), target.clone(), name.clone());
        let check = || async move { service.check(&target, registry, &name, &tag).await };
        self.proxy.checks.join(&*self.ports.tasks, key, check).await
    }

    async fn check(
        &self,
        target: &Target,
        registry: RegistryId,
        name: &TagName,
        tag: &Tag,
    ) -> Result<Verdict> {
        let reference = Reference::Tag(name.clone());
        let deadline = self.settings.upstream_deadline;
        let answer = self.describe(target, registry, &reference, deadline).await;
        let description = match answer {
            Ok(description) => description,
            Err(error) => {
                tracing::info!(
                    repository = %target.repository, tag = %name, %error,
                    "upstream did not confirm the tag"
                );
                return Ok(Verdict::Unknown);
            }
        };
        if description.digest != Some(tag.digest) {
            return Ok(Verdict::Moved(description));
        }
        let (repository, version) = (&target.repository, tag.version);
        self.proxy.announced.forget(repository, name);
        let tags = &self.ports.tags;
        if let Err(error) = tags
            .confirm_tag(repository, name, version, self.now())
            .await
        {
            tracing::warn!(%repository, tag = %name, %error, "confirmation not stored");
        }
        Ok(Verdict::Confirmed)
    }

    async fn describe(
        &self,
        target: &Target,
        registry: RegistryId,
        reference: &Reference,
        deadline: Duration,
    ) -> Result<ManifestDescription> {
        let remote = self.remote(registry).await?;
        let name = upstream_name(target)?;
        Ok(self
            .ports
            .upstream
            .head_manifest(&remote, name, reference, deadline)
            .await?)
    }

    /// A tag that the upstream has at another digest than the held one.
    async fn moved_tag(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        name: &TagName,
        description: &ManifestDescription,
        head: bool,
    ) -> Result<ServedManifest> {
        if head && let Some(served) = self.described(target, name, description).await? {
            return Ok(served);
        }
        let Some(digest) = description.digest else {
            return self
                .fetched(target, registry, &Reference::Tag(name.clone()), Some(name))
                .await;
        };
        let reference = Reference::Digest(digest);
        if self.attach(target, digest, name).await? {
            return self
                .held_manifest(&target.repository, &reference, head)
                .await;
        }
        self.fetched(target, registry, &reference, Some(name)).await
    }

    /// The answer to a HEAD of what is not held: the upstream's, without
    /// fetching anything if it says all that is needed.
    async fn missed_head(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        reference: &Reference,
    ) -> Result<ServedManifest> {
        let asked = Asked::Manifest(reference.clone());
        self.recall_absence(target, asked.clone())?;
        let description = match self.describe(target, registry, reference, PATIENCE).await {
            Err(Error::Upstream(error)) => {
                self.note_absence(target, asked, &error);
                return Err(error.into());
            }
            description => description?,
        };
        match reference {
            Reference::Tag(name) => {
                self.moved_tag(target, registry, name, &description, true)
                    .await
            }
            Reference::Digest(digest) => {
                if description.digest.is_some_and(|said| said != *digest) {
                    return Err(invalid("it describes another manifest than was asked for"));
                }
                let description = ManifestDescription {
                    digest: Some(*digest),
                    ..description
                };
                match head_of(&description) {
                    Some(served) => Ok(served),
                    None => self.fetched(target, registry, reference, None).await,
                }
            }
        }
    }

    /// The answer to a HEAD by tag from what the upstream said, if that is
    /// enough. The tag is set as soon as its manifest is here.
    async fn described(
        &self,
        target: &Target,
        name: &TagName,
        description: &ManifestDescription,
    ) -> Result<Option<ServedManifest>> {
        let Some(served) = head_of(description) else {
            return Ok(None);
        };
        if !self.attach(target, served.digest, name).await? {
            let (repository, now) = (&target.repository, self.now());
            self.proxy
                .announced
                .note(repository, served.digest, name, now);
        }
        Ok(Some(served))
    }

    /// Sets a tag to a manifest if that is held; `false` if not. A held one is
    /// served though its tag cannot be set.
    async fn attach(&self, target: &Target, digest: Digest, name: &TagName) -> Result<bool> {
        let held = self
            .ports
            .manifests
            .manifest(&target.repository, digest)
            .await?;
        let Some(manifest) = held else {
            return Ok(false);
        };
        let tags = std::slice::from_ref(name);
        match self.ports.tags.put_tags(&manifest, tags, self.now()).await {
            Ok(()) => self.proxy.announced.forget(&target.repository, name),
            Err(StoreError::Conflict(_)) => return Ok(false),
            Err(error) => {
                tracing::warn!(repository = %target.repository, tag = %name, %error, "tag not set");
            }
        }
        Ok(true)
    }

    /// Fetches a manifest, once for all who ask for it at the same time.
    async fn fetched(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        asked: &Reference,
        tag: Option<&TagName>,
    ) -> Result<ServedManifest> {
        let key = (target.repository.clone(), asked.clone(), tag.cloned());
        let (service, target) = (Arc::clone(self), target.clone());
        let (asked, tag) = (asked.clone(), tag.cloned());
        let fetch = || async move { service.fetch(&target, registry, &asked, tag).await };
        self.proxy
            .fetches
            .join(&*self.ports.tasks, key, fetch)
            .await
    }

    /// Fetches a manifest unless another instance does: then it waits for that.
    async fn fetch(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        asked: &Reference,
        tag: Option<TagName>,
    ) -> Result<ServedManifest> {
        let name = LeaseName::manifest(&target.repository, asked);
        loop {
            match self.take_lease(&name, None).await? {
                Taken::Ours(tenure) => {
                    let fetch = self.fetch_alone(target, registry, asked, tag.clone());
                    let fetched = tenure.during(fetch).await;
                    tenure.end().await;
                    if let Some(served) = fetched? {
                        return Ok(served);
                    }
                }
                Taken::Theirs(lease) => {
                    self.outlast(&lease).await?;
                    if let Some(held) = self.held_meanwhile(target, asked, tag.as_ref()).await? {
                        return Ok(held);
                    }
                }
            }
        }
    }

    async fn fetch_alone(
        &self,
        target: &Target,
        registry: RegistryId,
        asked: &Reference,
        tag: Option<TagName>,
    ) -> Result<ServedManifest> {
        // An earlier fetch may have ended since the caller looked.
        if let Some(held) = self.held_meanwhile(target, asked, tag.as_ref()).await? {
            return Ok(held);
        }
        let remote = self.remote(registry).await?;
        let name = upstream_name(target)?;
        let fetched = match self.ports.upstream.get_manifest(&remote, name, asked).await {
            Ok(fetched) => fetched,
            Err(error) => {
                self.note_absence(target, Asked::Manifest(asked.clone()), &error);
                return Err(error.into());
            }
        };
        self.keep(target, asked, tag, fetched).await
    }

    async fn held_meanwhile(
        &self,
        target: &Target,
        asked: &Reference,
        tag: Option<&TagName>,
    ) -> Result<Option<ServedManifest>> {
        if let Some(name) = tag {
            let held = self.ports.tags.tag(&target.repository, name).await?;
            let wanted = |tag: &Tag| match asked {
                Reference::Digest(digest) => tag.digest == *digest,
                Reference::Tag(_) => self.is_fresh(tag),
            };
            let is_set = held.as_ref().is_some_and(wanted);
            // What was fetched by digest meanwhile only wants its tag.
            let is_set = is_set
                || match asked {
                    Reference::Digest(digest) => self.attach(target, *digest, name).await?,
                    Reference::Tag(_) => false,
                };
            if !is_set {
                return Ok(None);
            }
        }
        match self.held_manifest(&target.repository, asked, false).await {
            Ok(held) => Ok(Some(held)),
            Err(Error::ManifestUnknown(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores a manifest as it came, after a look at its digest.
    async fn keep(
        &self,
        target: &Target,
        asked: &Reference,
        tag: Option<TagName>,
        fetched: FetchedManifest,
    ) -> Result<ServedManifest> {
        let digest = verified_digest(asked, &fetched)?;
        let parsed = parse(&fetched)?;
        let bytes = fetched.bytes;
        let (repository, now) = (&target.repository, self.now());
        if let Some(tag) = &tag {
            self.proxy.announced.forget(repository, tag);
        }
        let announced = self.proxy.announced.take(repository, digest, now);
        let mut tags: Vec<_> = tag.into_iter().chain(announced).collect();
        tags.sort_unstable();
        tags.dedup();
        let new = NewManifest {
            parsed,
            digest,
            bytes,
            tags,
            absent: Absent::AllowAll,
            kept: None,
        };
        let bytes = new.bytes.clone();
        let manifest = match self.store_manifest(target, new).await {
            Err(Error::Store(error)) => self.held_despite(target, digest, error).await?,
            stored => stored?,
        };
        self.bodies.put(digest, &bytes);
        Ok(ServedManifest {
            digest,
            media_type: manifest.media_type,
            size: manifest.size,
            bytes: Some(bytes),
            stale: false,
        })
    }

    /// A manifest that was held before, although storing it or its tags failed.
    async fn held_despite(
        &self,
        target: &Target,
        digest: Digest,
        error: StoreError,
    ) -> Result<Manifest> {
        let manifests = &self.ports.manifests;
        match manifests.manifest(&target.repository, digest).await? {
            Some(manifest) => {
                tracing::warn!(repository = %target.repository, %digest, %error, "tags not set");
                Ok(manifest)
            }
            None => Err(error.into()),
        }
    }
}

/// A HEAD's answer, if the upstream said all that a GET will say.
fn head_of(description: &ManifestDescription) -> Option<ServedManifest> {
    let media_type = description
        .media_type
        .as_deref()
        .filter(|one| media_type::is_manifest(one))?;
    Some(ServedManifest {
        digest: description.digest?,
        media_type: media_type.to_owned(),
        size: description.size?,
        bytes: None,
        stale: false,
    })
}

/// The digest of what came: the one asked for, else the one that the upstream
/// says; bytes of another are refused.
fn verified_digest(asked: &Reference, fetched: &FetchedManifest) -> Result<Digest> {
    let expected = match asked {
        Reference::Digest(digest) => Some(*digest),
        Reference::Tag(_) => fetched.digest,
    };
    let algorithm = expected.map_or_else(Default::default, |digest| digest.algorithm());
    let actual = Digest::of(algorithm, &fetched.bytes);
    if expected.is_some_and(|expected| expected != actual) {
        return Err(invalid(&format!(
            "the bytes of manifest {asked} hash to {actual}"
        )));
    }
    Ok(actual)
}

/// Reads a manifest. A media type that is none of a manifest, such as
/// `application/json`, gives way to what the manifest itself says.
fn parse(fetched: &FetchedManifest) -> Result<ParsedManifest> {
    let content_type = fetched.media_type.as_deref();
    let parsed = match content_type {
        Some(known) if media_type::is_manifest(known) => {
            ParsedManifest::parse(content_type, &fetched.bytes)
        }
        _ => ParsedManifest::parse(None, &fetched.bytes)
            .or_else(|_| ParsedManifest::parse(content_type, &fetched.bytes)),
    };
    parsed.map_err(|error| invalid(&error.to_string()))
}

fn invalid(what: &str) -> Error {
    UpstreamError::Invalid(what.to_owned()).into()
}
