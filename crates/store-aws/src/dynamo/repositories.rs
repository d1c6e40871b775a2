//! Repositories as such.
//!
//! A deletion marks the record, then looks for manifests, then deletes the
//! record while it has the mark. Whoever pushes has made a manifest pending
//! before it reads the record, and a read of a marked record takes the mark
//! away: so either the deletion sees the manifest, or the push sees that the
//! repository is gone, or the deletion is called off and looks again.

use async_trait::async_trait;
use berth_domain::{
    ManifestState, Nonce, Page, ProjectId, ProjectName, Repository, RepositoryId, Version,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{RepositoryStore, StoreError, StoreResult};

use super::projects::{self, REPOSITORIES};
use super::{Condition, DynamoStore, Item, Query, Update, Write, key, manifest_state};

/// The attribute that marks a record that is being deleted.
const DELETION: &str = "deletion";

/// How many projects or manifests are looked at together.
const AT_ONCE: usize = 100;

#[async_trait]
impl RepositoryStore for DynamoStore {
    async fn create_repository(&self, repository: &Repository) -> StoreResult<()> {
        let (project, rest) = repository.name.split_project();
        let no_project = || {
            let project = format!("project {project} with number {}", repository.project);
            StoreError::NotFound(project)
        };
        let (Some(_), Ok(name)) = (rest, project.parse::<ProjectName>()) else {
            return Err(no_project());
        };
        let one_more = Update::of(key::project(&name)).add(REPOSITORIES, 1);
        let in_project = Condition::equal("id", repository.project.0);
        let writes = vec![
            Write::update(one_more).when(in_project),
            Write::create(encode(repository)),
        ];
        let Err(mut refusals) = self.table.transact(writes).await? else {
            return Ok(());
        };
        if refusals.is_refused(0) {
            return Err(no_project());
        }
        if let Some(found) = refusals.found(1) {
            self.call_off(&repository.name, &found).await?;
        }
        Err(StoreError::AlreadyExists(label(&repository.name)))
    }

    async fn repository(&self, name: &RepositoryName) -> StoreResult<Option<Repository>> {
        loop {
            let Some(item) = self.table.get(&key::repository(name)).await? else {
                return Ok(None);
            };
            if self.call_off(name, &item).await? {
                return Ok(Some(decode(&item)?));
            }
        }
    }

    async fn update_repository(&self, repository: &Repository) -> StoreResult<()> {
        let update = Update::of(key::repository(&repository.name))
            .set("description", &repository.description)
            .set("updated_at", repository.updated_at)
            .add("version", 1);
        let expected = Condition::equal("id", repository.id.0)
            .and(Condition::equal("version", repository.version.0));
        let done = self.table.write(Write::update(update).when(expected));
        done.await?.map_err(|_| changed(&repository.name))
    }

    async fn delete_repository(&self, name: &RepositoryName, version: Version) -> StoreResult<()> {
        loop {
            let mark = self.mark(name, version).await?;
            let manifests = Query::of(key::manifests(name));
            if !self.table.query(&manifests, 1).await?.items.is_empty() {
                self.take_mark(name, &mark).await?;
                return Err(StoreError::InUse(label(name)));
            }
            if self.delete_marked(name, version, &mark).await? {
                return Ok(());
            }
        }
    }

    async fn unfinished_manifests(
        &self,
        name: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<(Digest, ManifestState, Nonce)>> {
        let mut found = Vec::new();
        let mut after = after.map(|digest| digest.to_string());
        loop {
            let mut query = Query::of(key::manifests(name));
            if let Some(after) = &after {
                query = query.after(after);
            }
            let page = self.table.query(&query, AT_ONCE).await?;
            found.extend(self.unfinished(name, &page.items).await?);
            if !page.more || found.len() > limit {
                return Ok(Page::from_overread(found, limit));
            }
            let last = page.items.last().map(Item::sort).transpose()?;
            after = last.map(ToOwned::to_owned);
        }
    }

    async fn list_repositories(
        &self,
        project: Option<&ProjectName>,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> StoreResult<Page<Repository>> {
        match (project, after.map(RepositoryName::split_project)) {
            (None, after) => self.all_repositories(after, limit).await,
            (Some(project), Some((behind, _))) if behind > project.as_str() => {
                Ok(Page::from_overread(Vec::new(), limit))
            }
            (Some(project), Some((behind, rest))) => {
                let rest = rest.filter(|_| behind == project.as_str());
                self.repositories_of(project, rest, limit).await
            }
            (Some(project), None) => self.repositories_of(project, None, limit).await,
        }
    }
}

impl DynamoStore {
    /// Takes the mark of a record that is being deleted away; `false` if the
    /// record is another by now.
    async fn call_off(&self, name: &RepositoryName, item: &Item) -> StoreResult<bool> {
        match item.optional(DELETION, Item::bytes)? {
            Some(mark) => self.take_mark(name, mark).await,
            None => Ok(true),
        }
    }

    async fn take_mark(&self, name: &RepositoryName, mark: &[u8]) -> StoreResult<bool> {
        let update = Update::of(key::repository(name)).set(DELETION, None::<&[u8]>);
        let write = Write::update(update).when(Condition::equal(DELETION, mark));
        Ok(self.table.write(write).await?.is_ok())
    }

    /// Marks a record as being deleted.
    async fn mark(&self, name: &RepositoryName, version: Version) -> StoreResult<[u8; 16]> {
        let mark = self.table.fresh().0.to_be_bytes();
        let update = Update::of(key::repository(name)).set(DELETION, mark.as_slice());
        let write = Write::update(update).when(Condition::equal("version", version.0));
        // As a transaction: a repetition that arrives late must not mark a record
        // again whose mark was taken.
        let Err(mut refusals) = self.table.transact(vec![write]).await? else {
            return Ok(mark);
        };
        Err(match refusals.found(0) {
            Some(_) => changed(name),
            None => StoreError::NotFound(label(name)),
        })
    }

    /// Deletes a record while it has the mark and this version; `false` if it
    /// has not.
    async fn delete_marked(
        &self,
        name: &RepositoryName,
        version: Version,
        mark: &[u8],
    ) -> StoreResult<bool> {
        let expected = Condition::equal(DELETION, mark).and(Condition::equal("version", version.0));
        let mut writes = vec![Write::delete(key::repository(name)).when(expected)];
        let project: Option<ProjectName> = name.split_project().0.parse().ok();
        let one_less = |name| Update::of(key::project(&name)).add(REPOSITORIES, -1);
        writes.extend(project.map(one_less).map(Write::update));
        Ok(self.table.transact(writes).await?.is_ok())
    }

    /// Those of a repository's listed manifests that are not live.
    async fn unfinished(
        &self,
        name: &RepositoryName,
        listed: &[Item],
    ) -> StoreResult<Vec<(Digest, ManifestState, Nonce)>> {
        let digests = listed.iter().map(|item| item.parsed(key::SORT));
        let digests: Vec<Digest> = digests.collect::<StoreResult<_>>()?;
        let keys: Vec<_> = digests
            .iter()
            .map(|digest| key::manifest(name, *digest))
            .collect();
        let attributes = [manifest_state::STATE, manifest_state::NONCE];
        let found = self.table.get_all(&keys, &attributes).await?;
        let mut unfinished = Vec::new();
        for item in found {
            let (state, nonce) = manifest_state::read(&item)?;
            if state != ManifestState::Live {
                let partition = item.partition_behind(&format!("M#{name}@"))?.parse();
                let digest = partition.map_err(|error| item.damaged("digest", error))?;
                unfinished.push((digest, state, nonce));
            }
        }
        Ok(unfinished)
    }

    async fn repositories_of(
        &self,
        project: &ProjectName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<Repository>> {
        let partition = key::project_partition(project.as_str());
        let mut query = Query::of(partition).beginning(key::REPOSITORY);
        if let Some(rest) = after {
            query = query.after(&format!("{}{rest}", key::REPOSITORY));
        }
        let page = self.table.query(&query, limit).await?;
        Ok(Page {
            items: page.items.iter().map(decode).collect::<StoreResult<_>>()?,
            more: page.more,
        })
    }

    /// Repositories of all projects behind this project and rest: those of the
    /// project itself, then project by project.
    async fn all_repositories(
        &self,
        after: Option<(&str, Option<&str>)>,
        limit: usize,
    ) -> StoreResult<Page<Repository>> {
        let mut found = Vec::new();
        let wanted = limit.saturating_add(1);
        let mut query = Query::of(key::PROJECTS);
        if let Some((project, rest)) = after {
            if let Ok(project) = project.parse() {
                let page = self.repositories_of(&project, rest, wanted).await?;
                found.extend(page.items);
            }
            query = query.after(project);
        }
        while found.len() < wanted {
            let listed = self.table.query(&query, wanted.min(AT_ONCE)).await?;
            for project in self.with_repositories(&listed.items).await? {
                let rest = wanted - found.len();
                let page = self.repositories_of(&project, None, rest).await?;
                found.extend(page.items);
                if found.len() >= wanted {
                    break;
                }
            }
            match listed.items.last() {
                Some(last) if listed.more => query = query.after(last.sort()?),
                _ => break,
            }
        }
        Ok(Page::from_overread(found, limit))
    }

    /// Those of listed projects that have a repository.
    async fn with_repositories(&self, listed: &[Item]) -> StoreResult<Vec<ProjectName>> {
        let names = listed.iter().map(projects::listed_name);
        let names: Vec<_> = names.collect::<StoreResult<_>>()?;
        let keys: Vec<_> = names.iter().map(key::project).collect();
        let found = self.table.get_all(&keys, &[REPOSITORIES]).await?;
        let mut used = Vec::new();
        for item in &found {
            if item.number::<i64>(REPOSITORIES)? > 0 {
                used.push(projects::name_of(item)?);
            }
        }
        Ok(used)
    }
}

fn encode(repository: &Repository) -> Item {
    Item::new(&key::repository(&repository.name))
        .set("id", repository.id.0)
        .set("project", repository.project.0)
        .set("description", &repository.description)
        .set("created_at", repository.created_at)
        .set("updated_at", repository.updated_at)
        .set("version", 1_i64)
}

fn decode(item: &Item) -> StoreResult<Repository> {
    let project = projects::name_of(item)?;
    let rest = item.sort_behind(key::REPOSITORY)?;
    let name = format!("{project}/{rest}").parse();
    Ok(Repository {
        id: RepositoryId(item.number("id")?),
        name: name.map_err(|error| item.damaged("name", error))?,
        project: ProjectId(item.number("project")?),
        description: item.text("description")?.to_owned(),
        created_at: item.time("created_at")?,
        updated_at: item.time("updated_at")?,
        version: Version(item.number("version")?),
    })
}

fn label(name: &RepositoryName) -> String {
    format!("repository {name}")
}

fn changed(name: &RepositoryName) -> StoreError {
    StoreError::Conflict(label(name))
}
