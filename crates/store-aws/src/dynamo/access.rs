//! Users. Signing keys are in `signing_keys`.

use async_trait::async_trait;
use berth_domain::{Page, PasswordHash, SigningKey, User, UserId, UserName, Version};
use berth_ports::{AccessStore, StoreError, StoreResult};

use super::{Condition, DynamoStore, Item, Query, Update, Write, key, signing_keys};

#[async_trait]
impl AccessStore for DynamoStore {
    async fn create_user(&self, user: &User) -> StoreResult<()> {
        let created = describe(Update::of(key::user(&user.name)), user)
            .set("id", user.id.0)
            .set("name", user.name.as_str())
            .set("created_at", user.created_at)
            .set("version", 1_i64);
        let named = |key| Write::create(Item::new(&key).set("name", user.name.as_str()));
        let mut writes = vec![
            Write::update(created).when(Condition::absent()),
            named(key::user_number(user.id)),
            named(key::listed_user(user.id)),
        ];
        let email = writes.len();
        writes.extend(email_of(user).map(|email| named(key::user_email(email))));
        let done = self.table.transact(writes).await?;
        done.map_err(|refusals| {
            if refusals.is_refused(email) && !refusals.is_refused(0) {
                email_taken(user)
            } else {
                StoreError::AlreadyExists(format!("user {}", user.name))
            }
        })
    }

    async fn user(&self, name: &UserName) -> StoreResult<Option<User>> {
        let item = self.table.get(&key::user(name)).await?;
        item.as_ref().map(decode).transpose()
    }

    async fn user_by_id(&self, id: UserId) -> StoreResult<Option<User>> {
        let Some(number) = self.table.get(&key::user_number(id)).await? else {
            return Ok(None);
        };
        let found = self.user(&number.parsed("name")?).await?;
        // The name may have gone to another user since.
        Ok(found.filter(|user| user.id == id))
    }

    async fn update_user(&self, user: &User) -> StoreResult<()> {
        let before = self.user_at(user.id, user.version).await?;
        let update = describe(Update::of(key::user(&before.name)), user).add("version", 1);
        // The address is that of the version, so it is as it was read.
        let write = Write::update(update).when(at(&before));
        if before.email == user.email {
            let done = self.table.write(write).await?;
            return done.map_err(|_| changed(user.id));
        }
        let taken = |email| {
            let item = Item::new(&key::user_email(email));
            Write::create(item.set("name", before.name.as_str()))
        };
        let mut writes = vec![write];
        writes.extend(email_of(user).map(taken));
        writes.extend(email_of(&before).map(|email| Write::delete(key::user_email(email))));
        let done = self.table.transact(writes).await?;
        done.map_err(|refusals| {
            if refusals.is_refused(0) {
                changed(user.id)
            } else {
                email_taken(user)
            }
        })
    }

    async fn delete_user(&self, id: UserId, version: Version) -> StoreResult<()> {
        let user = self.user_at(id, version).await?;
        let mut writes = vec![
            Write::delete(key::user(&user.name)).when(at(&user)),
            Write::delete(key::user_number(id)),
            Write::delete(key::listed_user(id)),
        ];
        writes.extend(email_of(&user).map(|email| Write::delete(key::user_email(email))));
        let done = self.table.transact(writes).await?;
        done.map_err(|_| changed(id))
    }

    async fn list_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User>> {
        let mut query = Query::of(key::USERS);
        if let Some(after) = after {
            query = query.after(&key::number(after.0));
        }
        let listed = self.table.query(&query, limit).await?;
        let keys = listed.items.iter();
        let keys = keys.map(|item| Ok(key::user(&item.parsed("name")?)));
        let keys: Vec<_> = keys.collect::<StoreResult<_>>()?;
        let found = self.table.get_all(&keys, &[]).await?;
        Ok(Page {
            items: found.iter().map(decode).collect::<StoreResult<_>>()?,
            more: listed.more,
        })
    }

    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>> {
        signing_keys::all(&self.table).await
    }

    async fn add_signing_key(&self, key: &SigningKey, after: Option<&str>) -> StoreResult<()> {
        signing_keys::add(&self.table, key, after).await
    }

    async fn delete_signing_key(&self, kid: &str) -> StoreResult<()> {
        signing_keys::delete(&self.table, kid).await
    }
}

impl DynamoStore {
    /// The user of this number as it is stored, if it is at `version`.
    async fn user_at(&self, id: UserId, version: Version) -> StoreResult<User> {
        let user = self.user_by_id(id).await?;
        user.filter(|user| user.version == version)
            .ok_or_else(|| changed(id))
    }
}

/// The user is as it was read.
fn at(user: &User) -> Condition {
    Condition::equal("id", user.id.0).and(Condition::equal("version", user.version.0))
}

/// The address that no other user may have.
fn email_of(user: &User) -> Option<&str> {
    Some(user.email.as_str()).filter(|email| !email.is_empty())
}

/// Sets what an update may change.
fn describe(update: Update, user: &User) -> Update {
    update
        .set("email", &user.email)
        .set("real_name", &user.real_name)
        .set("comment", &user.comment)
        .set("sysadmin", user.sysadmin)
        .set("password", &user.password.0)
        .set("updated_at", user.updated_at)
}

fn decode(item: &Item) -> StoreResult<User> {
    Ok(User {
        id: UserId(item.number("id")?),
        name: item.parsed("name")?,
        email: item.text("email")?.to_owned(),
        real_name: item.text("real_name")?.to_owned(),
        comment: item.text("comment")?.to_owned(),
        sysadmin: item.flag("sysadmin")?,
        password: PasswordHash(item.text("password")?.to_owned()),
        created_at: item.time("created_at")?,
        updated_at: item.time("updated_at")?,
        version: Version(item.number("version")?),
    })
}

fn changed(id: UserId) -> StoreError {
    StoreError::Conflict(format!("user {id}"))
}

fn email_taken(user: &User) -> StoreError {
    StoreError::AlreadyExists(format!("a user with the email address {}", user.email))
}
