//! Registry endpoints.

use async_trait::async_trait;
use berth_domain::{
    EndpointKind, Page, RegistryEndpoint, RegistryId, Sealed, SealedCredential, Version,
};
use berth_ports::{RegistryStore, StoreError, StoreResult};
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::error::SqliteResult;
use super::statement::{change, exists, one, overread, rows};
use super::value::{Time, column_error};

#[async_trait]
impl RegistryStore for SqliteStore {
    async fn create_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let registry = registry.clone();
        self.write(move |connection| create(connection, &registry))
            .await
    }

    async fn registry(&self, id: RegistryId) -> StoreResult<Option<RegistryEndpoint>> {
        self.read(move |connection| by_id(connection, id)).await
    }

    async fn update_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let registry = registry.clone();
        self.write(move |connection| update(connection, &registry))
            .await
    }

    async fn delete_registry(&self, id: RegistryId) -> StoreResult<()> {
        self.write(move |connection| delete(connection, id)).await
    }

    async fn list_registries(
        &self,
        after: Option<RegistryId>,
        limit: usize,
    ) -> StoreResult<Page<RegistryEndpoint>> {
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT *
                   FROM registries
                  WHERE id > ?1
                  ORDER BY id
                  LIMIT ?2",
                params![after.map_or(i64::MIN, |id| id.0), overread(limit)],
                decode,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }
}

pub(super) fn by_id(
    connection: &Connection,
    id: RegistryId,
) -> SqliteResult<Option<RegistryEndpoint>> {
    one(
        connection,
        "SELECT *
           FROM registries
          WHERE id = ?1",
        [id.0],
        decode,
    )
}

fn create(connection: &Connection, registry: &RegistryEndpoint) -> SqliteResult<()> {
    let credential = registry.credential.as_ref();
    let created = change(
        connection,
        "INSERT INTO registries (id, name, description, kind, url, username, password, insecure,
                                 created_at, updated_at, version)
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)
         ON CONFLICT (name) DO NOTHING",
        params![
            registry.id.0,
            registry.name,
            registry.description,
            registry.kind.as_str(),
            registry.url,
            credential.map(|credential| &credential.username),
            credential.map(|credential| &credential.password.0),
            registry.insecure,
            Time(registry.created_at),
            Time(registry.updated_at),
        ],
    )?;
    if created == 0 {
        Err(name_taken(registry))
    } else {
        Ok(())
    }
}

fn update(connection: &Connection, registry: &RegistryEndpoint) -> SqliteResult<()> {
    let taken = exists(
        connection,
        "SELECT 1
           FROM registries
          WHERE name = ?1 AND id <> ?2",
        params![registry.name, registry.id.0],
    )?;
    if taken {
        return Err(name_taken(registry));
    }
    let credential = registry.credential.as_ref();
    let updated = change(
        connection,
        "UPDATE registries
            SET name = ?1, description = ?2, kind = ?3, url = ?4, username = ?5, password = ?6,
                insecure = ?7, updated_at = ?8, version = version + 1
          WHERE id = ?9 AND version = ?10",
        params![
            registry.name,
            registry.description,
            registry.kind.as_str(),
            registry.url,
            credential.map(|credential| &credential.username),
            credential.map(|credential| &credential.password.0),
            registry.insecure,
            Time(registry.updated_at),
            registry.id.0,
            registry.version.0,
        ],
    )?;
    match updated {
        0 => Err(StoreError::Conflict(format!("registry {}", registry.id)).into()),
        _ => Ok(()),
    }
}

fn delete(connection: &Connection, id: RegistryId) -> SqliteResult<()> {
    let used = exists(
        connection,
        "SELECT 1
           FROM projects
          WHERE registry = ?1
          LIMIT 1",
        [id.0],
    )?;
    if used {
        return Err(StoreError::InUse(format!("registry {id}")).into());
    }
    let deleted = change(
        connection,
        "DELETE FROM registries
          WHERE id = ?1",
        [id.0],
    )?;
    match deleted {
        0 => Err(StoreError::NotFound(format!("registry {id}")).into()),
        _ => Ok(()),
    }
}

fn decode(row: &Row<'_>) -> rusqlite::Result<RegistryEndpoint> {
    let kind = EndpointKind::parse(&row.get::<_, String>("kind")?)
        .ok_or_else(|| column_error("no such kind of registry"))?;
    let username: Option<String> = row.get("username")?;
    let password: Option<Vec<u8>> = row.get("password")?;
    let credential = username
        .zip(password)
        .map(|(username, password)| SealedCredential {
            username,
            password: Sealed(password),
        });
    Ok(RegistryEndpoint {
        id: RegistryId(row.get("id")?),
        name: row.get("name")?,
        description: row.get("description")?,
        kind,
        url: row.get("url")?,
        credential,
        insecure: row.get("insecure")?,
        created_at: row.get::<_, Time>("created_at")?.0,
        updated_at: row.get::<_, Time>("updated_at")?.0,
        version: Version(row.get("version")?),
    })
}

fn name_taken(registry: &RegistryEndpoint) -> super::error::SqliteError {
    StoreError::AlreadyExists(format!("registry {:?}", registry.name)).into()
}
