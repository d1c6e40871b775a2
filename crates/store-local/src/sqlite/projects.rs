//! Projects. Their members are in `members`.

use async_trait::async_trait;
use berth_domain::{
    Expect, Member, Page, Project, ProjectId, ProjectName, RegistryId, UserId, Version,
};
use berth_ports::{ProjectStore, StoreError, StoreResult};
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::error::SqliteResult;
use super::statement::{change, exists, one, overread, rows};
use super::value::{Json, Text, Time};
use super::{members, registries};

#[async_trait]
impl ProjectStore for SqliteStore {
    async fn create_project(&self, project: &Project) -> StoreResult<()> {
        let project = project.clone();
        self.write(move |connection| create(connection, &project))
            .await
    }

    async fn project(&self, name: &ProjectName) -> StoreResult<Option<Project>> {
        let name = name.clone();
        self.read(move |connection| by_name(connection, &name))
            .await
    }

    async fn project_by_id(&self, id: ProjectId) -> StoreResult<Option<Project>> {
        self.read(move |connection| {
            one(
                connection,
                "SELECT *
                   FROM projects
                  WHERE id = ?1",
                [id.0],
                decode,
            )
        })
        .await
    }

    async fn update_project(&self, project: &Project) -> StoreResult<()> {
        let project = project.clone();
        self.write(move |connection| update(connection, &project))
            .await
    }

    async fn delete_project(&self, name: &ProjectName, version: Version) -> StoreResult<()> {
        let name = name.clone();
        self.write(move |connection| delete(connection, &name, version))
            .await
    }

    async fn list_projects(
        &self,
        after: Option<&ProjectName>,
        limit: usize,
    ) -> StoreResult<Page<Project>> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT *
                   FROM projects
                  WHERE name > ?1
                  ORDER BY name
                  LIMIT ?2",
                params![after, overread(limit)],
                decode,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }

    async fn put_member(&self, member: &Member, expect: Expect) -> StoreResult<()> {
        let member = member.clone();
        self.write(move |connection| members::put(connection, &member, expect))
            .await
    }

    async fn member(&self, project: ProjectId, user: UserId) -> StoreResult<Option<Member>> {
        self.read(move |connection| members::get(connection, project, user))
            .await
    }

    async fn delete_member(&self, project: ProjectId, user: UserId) -> StoreResult<()> {
        self.write(move |connection| members::delete(connection, project, user))
            .await
    }

    async fn list_members(
        &self,
        project: ProjectId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Page<Member>> {
        self.read(move |connection| members::of_project(connection, project, after, limit))
            .await
    }

    async fn list_memberships(
        &self,
        user: UserId,
        after: Option<ProjectId>,
        limit: usize,
    ) -> StoreResult<Page<Member>> {
        self.read(move |connection| members::of_user(connection, user, after, limit))
            .await
    }
}

fn create(connection: &Connection, project: &Project) -> SqliteResult<()> {
    if let Some(id) = project.registry
        && registries::by_id(connection, id)?.is_none()
    {
        return Err(StoreError::NotFound(format!("registry {id}")).into());
    }
    let created = change(
        connection,
        "INSERT INTO projects (name, id, owner, registry, metadata, created_at, updated_at, version)
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)
         ON CONFLICT (name) DO NOTHING",
        params![
            project.name.as_str(),
            project.id.0,
            project.owner.0,
            project.registry.map(|registry| registry.0),
            Json(&project.metadata),
            Time(project.created_at),
            Time(project.updated_at),
        ],
    )?;
    match created {
        0 => Err(StoreError::AlreadyExists(label(&project.name)).into()),
        _ => Ok(()),
    }
}

fn by_name(connection: &Connection, name: &ProjectName) -> SqliteResult<Option<Project>> {
    one(
        connection,
        "SELECT *
           FROM projects
          WHERE name = ?1",
        [name.as_str()],
        decode,
    )
}

fn update(connection: &Connection, project: &Project) -> SqliteResult<()> {
    let updated = change(
        connection,
        "UPDATE projects
            SET metadata = ?1, updated_at = ?2, version = version + 1
          WHERE name = ?3 AND id = ?4 AND version = ?5",
        params![
            Json(&project.metadata),
            Time(project.updated_at),
            project.name.as_str(),
            project.id.0,
            project.version.0,
        ],
    )?;
    if updated > 0 {
        return Ok(());
    }
    match by_name(connection, &project.name)? {
        Some(found) if found.id == project.id => Err(changed(&project.name)),
        _ => Err(gone(&project.name)),
    }
}

fn delete(connection: &Connection, name: &ProjectName, version: Version) -> SqliteResult<()> {
    let Some(project) = by_name(connection, name)? else {
        return Err(gone(name));
    };
    if project.version != version {
        return Err(changed(name));
    }
    let used = exists(
        connection,
        "SELECT 1
           FROM repositories
          WHERE project = ?1
          LIMIT 1",
        [name.as_str()],
    )?;
    if used {
        return Err(StoreError::InUse(label(name)).into());
    }
    members::delete_all(connection, project.id)?;
    change(
        connection,
        "DELETE FROM projects
          WHERE name = ?1",
        [name.as_str()],
    )?;
    Ok(())
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: ProjectId(row.get("id")?),
        name: row.get::<_, Text<_>>("name")?.0,
        owner: UserId(row.get("owner")?),
        registry: row.get::<_, Option<i64>>("registry")?.map(RegistryId),
        metadata: row.get::<_, Json<_>>("metadata")?.0,
        created_at: row.get::<_, Time>("created_at")?.0,
        updated_at: row.get::<_, Time>("updated_at")?.0,
        version: Version(row.get("version")?),
    })
}

fn label(name: &ProjectName) -> String {
    format!("project {name}")
}

fn gone(name: &ProjectName) -> super::error::SqliteError {
    StoreError::NotFound(label(name)).into()
}

fn changed(name: &ProjectName) -> super::error::SqliteError {
    StoreError::Conflict(label(name)).into()
}
