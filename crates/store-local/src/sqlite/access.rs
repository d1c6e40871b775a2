//! Users and signing keys.

use async_trait::async_trait;
use berth_domain::{Page, PasswordHash, Sealed, SigningKey, User, UserId, UserName, Version};
use berth_ports::{AccessStore, StoreError, StoreResult};
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::error::SqliteResult;
use super::statement::{change, exists, one, overread, rows};
use super::value::{Text, Time};

#[async_trait]
impl AccessStore for SqliteStore {
    async fn create_user(&self, user: &User) -> StoreResult<()> {
        let user = user.clone();
        self.write(move |connection| create(connection, &user))
            .await
    }

    async fn user(&self, name: &UserName) -> StoreResult<Option<User>> {
        let name = name.clone();
        self.read(move |connection| {
            one(
                connection,
                "SELECT *
                   FROM users
                  WHERE name = ?1",
                [name.as_str()],
                decode,
            )
        })
        .await
    }

    async fn user_by_id(&self, id: UserId) -> StoreResult<Option<User>> {
        self.read(move |connection| {
            one(
                connection,
                "SELECT *
                   FROM users
                  WHERE id = ?1",
                [id.0],
                decode,
            )
        })
        .await
    }

    async fn update_user(&self, user: &User) -> StoreResult<()> {
        let user = user.clone();
        self.write(move |connection| update(connection, &user))
            .await
    }

    async fn delete_user(&self, id: UserId, version: Version) -> StoreResult<()> {
        self.write(move |connection| {
            let deleted = change(
                connection,
                "DELETE FROM users
                  WHERE id = ?1 AND version = ?2",
                params![id.0, version.0],
            )?;
            if deleted == 0 {
                Err(changed(id))
            } else {
                Ok(())
            }
        })
        .await
    }

    async fn list_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User>> {
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT *
                   FROM users
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

    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>> {
        self.read(signing_keys).await
    }

    async fn add_signing_key(&self, key: &SigningKey, after: Option<&str>) -> StoreResult<()> {
        let key = key.clone();
        let after = after.map(ToOwned::to_owned);
        self.write(move |connection| add_signing_key(connection, &key, after.as_deref()))
            .await
    }

    async fn delete_signing_key(&self, kid: &str) -> StoreResult<()> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            change(
                connection,
                "DELETE FROM signing_keys
                  WHERE kid = ?1",
                [kid],
            )?;
            Ok(())
        })
        .await
    }
}

fn create(connection: &Connection, user: &User) -> SqliteResult<()> {
    let name_taken = exists(
        connection,
        "SELECT 1
           FROM users
          WHERE name = ?1",
        [user.name.as_str()],
    )?;
    if name_taken {
        return Err(StoreError::AlreadyExists(format!("user {}", user.name)).into());
    }
    refuse_taken_email(connection, user)?;
    change(
        connection,
        "INSERT INTO users (id, name, email, real_name, comment, sysadmin, password,
                            created_at, updated_at, version)
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1)",
        params![
            user.id.0,
            user.name.as_str(),
            user.email,
            user.real_name,
            user.comment,
            user.sysadmin,
            user.password.0,
            Time(user.created_at),
            Time(user.updated_at),
        ],
    )?;
    Ok(())
}

fn update(connection: &Connection, user: &User) -> SqliteResult<()> {
    refuse_taken_email(connection, user)?;
    let updated = change(
        connection,
        "UPDATE users
            SET email = ?1, real_name = ?2, comment = ?3, sysadmin = ?4, password = ?5,
                updated_at = ?6, version = version + 1
          WHERE id = ?7 AND version = ?8",
        params![
            user.email,
            user.real_name,
            user.comment,
            user.sysadmin,
            user.password.0,
            Time(user.updated_at),
            user.id.0,
            user.version.0,
        ],
    )?;
    if updated == 0 {
        Err(changed(user.id))
    } else {
        Ok(())
    }
}

fn refuse_taken_email(connection: &Connection, user: &User) -> SqliteResult<()> {
    let taken = exists(
        connection,
        "SELECT 1
           FROM users
          WHERE email = ?1 AND email <> '' AND id <> ?2",
        params![user.email, user.id.0],
    )?;
    if taken {
        let label = format!("a user with the email address {}", user.email);
        return Err(StoreError::AlreadyExists(label).into());
    }
    Ok(())
}

fn decode(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(row.get("id")?),
        name: row.get::<_, Text<_>>("name")?.0,
        email: row.get("email")?,
        real_name: row.get("real_name")?,
        comment: row.get("comment")?,
        sysadmin: row.get("sysadmin")?,
        password: PasswordHash(row.get("password")?),
        created_at: row.get::<_, Time>("created_at")?.0,
        updated_at: row.get::<_, Time>("updated_at")?.0,
        version: Version(row.get("version")?),
    })
}

fn changed(id: UserId) -> super::error::SqliteError {
    StoreError::Conflict(format!("user {id}")).into()
}

/// All keys, a handful: the one statement that reads a whole table.
fn signing_keys(connection: &Connection) -> SqliteResult<Vec<SigningKey>> {
    rows(
        connection,
        "SELECT *
           FROM signing_keys
          ORDER BY created_at DESC, kid DESC",
        [],
        |row| {
            Ok(SigningKey {
                kid: row.get("kid")?,
                private: Sealed(row.get("private")?),
                created_at: row.get::<_, Time>("created_at")?.0,
            })
        },
    )
}

fn add_signing_key(
    connection: &Connection,
    key: &SigningKey,
    after: Option<&str>,
) -> SqliteResult<()> {
    let keys = signing_keys(connection)?;
    if keys.first().map(|youngest| youngest.kid.as_str()) != after {
        return Err(StoreError::Conflict("the youngest signing key".to_owned()).into());
    }
    change(
        connection,
        "INSERT INTO signing_keys (kid, private, created_at)
              VALUES (?1, ?2, ?3)",
        params![key.kid, key.private.0, Time(key.created_at)],
    )?;
    Ok(())
}
