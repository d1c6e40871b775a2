//! Users and signing keys.

use async_trait::async_trait;
use berth_domain::{Page, SigningKey, User, UserId, UserName, Version};
use berth_ports::{AccessStore, StoreResult};

use super::{MemoryStore, State, conflict, ensure, not_found, page, taken};

impl State {
    fn ensure_free_email(&self, user: &User) -> StoreResult<()> {
        let other = |stored: &User| stored.email == user.email && stored.id != user.id;
        let free = user.email.is_empty() || !self.users.values().any(other);
        ensure(free, || taken("a user of this email address"))
    }
}

#[async_trait]
impl AccessStore for MemoryStore {
    async fn create_user(&self, user: &User) -> StoreResult<()> {
        let mut state = self.state();
        let same_name = state.users.values().any(|stored| stored.name == user.name);
        ensure(!same_name, || taken(&format!("user {}", user.name)))?;
        state.ensure_free_email(user)?;
        state.users.insert(
            user.id,
            User {
                version: Version(1),
                ..user.clone()
            },
        );
        Ok(())
    }

    async fn user(&self, name: &UserName) -> StoreResult<Option<User>> {
        Ok(self
            .state()
            .users
            .values()
            .find(|user| user.name == *name)
            .cloned())
    }

    async fn user_by_id(&self, id: UserId) -> StoreResult<Option<User>> {
        Ok(self.state().users.get(&id).cloned())
    }

    async fn update_user(&self, user: &User) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state
            .users
            .get(&user.id)
            .ok_or_else(|| not_found(&user.name))?;
        ensure(stored.version == user.version, || conflict(&user.name))?;
        let updated = User {
            name: stored.name.clone(),
            version: stored.version.next(),
            ..user.clone()
        };
        state.ensure_free_email(user)?;
        state.users.insert(user.id, updated);
        Ok(())
    }

    async fn delete_user(&self, id: UserId, version: Version) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state.users.get(&id).ok_or_else(|| not_found(&id))?;
        ensure(stored.version == version, || conflict(&id))?;
        state.users.remove(&id);
        Ok(())
    }

    async fn list_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User>> {
        let state = self.state();
        Ok(page(
            state
                .users
                .values()
                .filter(|user| Some(user.id) > after)
                .cloned(),
            limit,
        ))
    }

    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>> {
        Ok(self.state().signing_keys.iter().rev().cloned().collect())
    }

    async fn add_signing_key(&self, key: &SigningKey, after: Option<&str>) -> StoreResult<()> {
        let mut state = self.state();
        let youngest = state.signing_keys.last().map(|key| key.kid.as_str());
        ensure(youngest == after, || conflict("the list of signing keys"))?;
        state.signing_keys.push(key.clone());
        Ok(())
    }

    async fn delete_signing_key(&self, kid: &str) -> StoreResult<()> {
        self.state().signing_keys.retain(|key| key.kid != kid);
        Ok(())
    }
}
