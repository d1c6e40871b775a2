//! Users and the keys that sign tokens.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{Page, SigningKey, User, UserId, UserName, Version};

use crate::StoreResult;

/// Users and signing keys.
///
/// # Contract
/// Each method is one atomic transition; reads are strong; versions as in
/// [`ProjectStore`](crate::ProjectStore).
#[async_trait]
pub trait AccessStore: Debug + Send + Sync + 'static {
    /// Stores a new user; `AlreadyExists`, naming which, if its name or its
    /// non-empty email address is taken.
    async fn create_user(&self, user: &User) -> StoreResult<()>;

    /// The user of this name.
    async fn user(&self, name: &UserName) -> StoreResult<Option<User>>;

    /// The user of this number.
    async fn user_by_id(&self, id: UserId) -> StoreResult<Option<User>>;

    /// Replaces a user if it is still at `user.version`, else `Conflict`.
    /// Id and name never change; `AlreadyExists` if its new email address is
    /// another's.
    async fn update_user(&self, user: &User) -> StoreResult<()>;

    /// Deletes a user if it is still at `version`, else `Conflict`. Name and
    /// email address are free again, the number is not; memberships stay and
    /// lead nowhere.
    async fn delete_user(&self, id: UserId, version: Version) -> StoreResult<()>;

    /// Users by number, behind `after`, at most `limit` (up to 1,000).
    async fn list_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User>>;

    /// All signing keys, the youngest first; a handful.
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKey>>;

    /// Adds a signing key if the youngest there is `after` (`None`: if there
    /// is none at all), else `Conflict`: any number of instances may race to
    /// rotate, and one wins.
    async fn add_signing_key(&self, key: &SigningKey, after: Option<&str>) -> StoreResult<()>;

    /// Deletes a signing key; one that is not there is no error.
    async fn delete_signing_key(&self, kid: &str) -> StoreResult<()>;
}
