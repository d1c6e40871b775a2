//! Repositories. The name is kept in two columns, so that all of `a/` comes
//! before `a-b/`.

use async_trait::async_trait;
use berth_domain::{
    ManifestState, Nonce, Page, ProjectId, ProjectName, Repository, RepositoryId, Version,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{RepositoryStore, StoreError, StoreResult};
use rusqlite::{Connection, Row, params};

use super::error::SqliteResult;
use super::statement::{change, exists, one, overread, rows};
use super::value::{Time, column_error};
use super::{SqliteStore, manifest_record};

#[async_trait]
impl RepositoryStore for SqliteStore {
    async fn create_repository(&self, repository: &Repository) -> StoreResult<()> {
        let repository = repository.clone();
        self.write(move |connection| create(connection, &repository))
            .await
    }

    async fn repository(&self, name: &RepositoryName) -> StoreResult<Option<Repository>> {
        let name = name.clone();
        self.read(move |connection| get(connection, &name)).await
    }

    async fn update_repository(&self, repository: &Repository) -> StoreResult<()> {
        let repository = repository.clone();
        self.write(move |connection| update(connection, &repository))
            .await
    }

    async fn delete_repository(&self, name: &RepositoryName, version: Version) -> StoreResult<()> {
        let name = name.clone();
        self.write(move |connection| delete(connection, &name, version))
            .await
    }

    async fn unfinished_manifests(
        &self,
        name: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<(Digest, ManifestState, Nonce)>> {
        let name = name.clone();
        self.read(move |connection| manifest_record::unfinished(connection, &name, after, limit))
            .await
    }

    async fn list_repositories(
        &self,
        project: Option<&ProjectName>,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> StoreResult<Page<Repository>> {
        let project = project.cloned();
        let after = after.cloned();
        self.read(move |connection| {
            let after = after.as_ref().map_or(("", ""), parts);
            let items = match &project {
                Some(project) => of_project(connection, project.as_str(), after, limit)?,
                None => of_all(connection, after, limit)?,
            };
            Ok(Page::from_overread(items, limit))
        })
        .await
    }
}

/// The two columns of a name. One of a single part is in no project and never
/// stored.
fn parts(name: &RepositoryName) -> (&str, &str) {
    let (project, rest) = name.split_project();
    (project, rest.unwrap_or_default())
}

fn create(connection: &Connection, repository: &Repository) -> SqliteResult<()> {
    let (project, rest) = parts(&repository.name);
    let in_project = exists(
        connection,
        "SELECT 1
           FROM projects
          WHERE name = ?1 AND id = ?2",
        params![project, repository.project.0],
    )?;
    if !in_project || rest.is_empty() {
        let project = format!("project {project} with number {}", repository.project);
        return Err(StoreError::NotFound(project).into());
    }
    let created = change(
        connection,
        "INSERT INTO repositories (project, rest, id, project_id, description,
                                   created_at, updated_at, version)
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)
         ON CONFLICT (project, rest) DO NOTHING",
        params![
            project,
            rest,
            repository.id.0,
            repository.project.0,
            repository.description,
            Time(repository.created_at),
            Time(repository.updated_at),
        ],
    )?;
    match created {
        0 => Err(StoreError::AlreadyExists(label(&repository.name)).into()),
        _ => Ok(()),
    }
}

fn get(connection: &Connection, name: &RepositoryName) -> SqliteResult<Option<Repository>> {
    one(
        connection,
        "SELECT *
           FROM repositories
          WHERE project = ?1 AND rest = ?2",
        parts(name),
        decode,
    )
}

fn update(connection: &Connection, repository: &Repository) -> SqliteResult<()> {
    let (project, rest) = parts(&repository.name);
    let updated = change(
        connection,
        "UPDATE repositories
            SET description = ?1, updated_at = ?2, version = version + 1
          WHERE project = ?3 AND rest = ?4 AND id = ?5 AND version = ?6",
        params![
            repository.description,
            Time(repository.updated_at),
            project,
            rest,
            repository.id.0,
            repository.version.0,
        ],
    )?;
    match updated {
        0 => Err(StoreError::Conflict(label(&repository.name)).into()),
        _ => Ok(()),
    }
}

fn delete(connection: &Connection, name: &RepositoryName, version: Version) -> SqliteResult<()> {
    let used = exists(
        connection,
        "SELECT 1
           FROM manifests
          WHERE repository = ?1
          LIMIT 1",
        [name.as_str()],
    )?;
    if used {
        return Err(StoreError::InUse(label(name)).into());
    }
    let (project, rest) = parts(name);
    let deleted = change(
        connection,
        "DELETE FROM repositories
          WHERE project = ?1 AND rest = ?2 AND version = ?3",
        params![project, rest, version.0],
    )?;
    match deleted {
        0 => Err(StoreError::Conflict(label(name)).into()),
        _ => Ok(()),
    }
}

fn of_project(
    connection: &Connection,
    project: &str,
    after: (&str, &str),
    limit: usize,
) -> SqliteResult<Vec<Repository>> {
    let after = match after.0.cmp(project) {
        std::cmp::Ordering::Less => "",
        std::cmp::Ordering::Equal => after.1,
        std::cmp::Ordering::Greater => return Ok(Vec::new()),
    };
    rows(
        connection,
        "SELECT *
           FROM repositories
          WHERE project = ?1 AND rest > ?2
          ORDER BY rest
          LIMIT ?3",
        params![project, after, overread(limit)],
        decode,
    )
}

fn of_all(
    connection: &Connection,
    after: (&str, &str),
    limit: usize,
) -> SqliteResult<Vec<Repository>> {
    rows(
        connection,
        "SELECT *
           FROM repositories
          WHERE (project, rest) > (?1, ?2)
          ORDER BY project, rest
          LIMIT ?3",
        params![after.0, after.1, overread(limit)],
        decode,
    )
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Repository> {
    let project: String = row.get("project")?;
    let rest: String = row.get("rest")?;
    let name = format!("{project}/{rest}")
        .parse()
        .map_err(|_| column_error("a repository's name is malformed"))?;
    Ok(Repository {
        id: RepositoryId(row.get("id")?),
        name,
        project: ProjectId(row.get("project_id")?),
        description: row.get("description")?,
        created_at: row.get::<_, Time>("created_at")?.0,
        updated_at: row.get::<_, Time>("updated_at")?.0,
        version: Version(row.get("version")?),
    })
}

fn label(name: &RepositoryName) -> String {
    format!("repository {name}")
}
