//! The swagger's tag `user`.

use serde::{Deserialize, Serialize};

use crate::omit::{is_default, null_as_default};
use crate::{SecretString, Timestamp};

/// A user, as lists, `GET /users/{user_id}` and `GET /users/current` show one.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UserResp {
    #[serde(skip_serializing_if = "is_default")]
    pub email: String,
    #[serde(skip_serializing_if = "is_default")]
    pub realname: String,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: String,
    #[serde(skip_serializing_if = "is_default")]
    pub user_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub username: String,
    pub sysadmin_flag: bool,
    /// Whether the authenticator (LDAP, OIDC) makes the user an administrator; told only of the
    /// current user.
    pub admin_role_in_auth: bool,
    pub creation_time: Timestamp,
    pub update_time: Timestamp,
}

/// The body of `POST /users`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UserCreationReq {
    #[serde(deserialize_with = "null_as_default")]
    pub email: String,
    #[serde(deserialize_with = "null_as_default")]
    pub realname: String,
    #[serde(deserialize_with = "null_as_default")]
    pub comment: String,
    #[serde(deserialize_with = "null_as_default")]
    pub password: SecretString,
    #[serde(deserialize_with = "null_as_default")]
    pub username: String,
}

/// The body of `PUT /users/{user_id}`: the whole profile, absent fields becoming empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UserProfile {
    #[serde(deserialize_with = "null_as_default")]
    pub email: String,
    #[serde(deserialize_with = "null_as_default")]
    pub realname: String,
    #[serde(deserialize_with = "null_as_default")]
    pub comment: String,
}

/// The body of `PUT /users/{user_id}/password`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PasswordReq {
    /// Needed of a user who changes their own; an administrator may leave it out.
    #[serde(deserialize_with = "null_as_default")]
    pub old_password: SecretString,
    #[serde(deserialize_with = "null_as_default")]
    pub new_password: SecretString,
}

/// The body of `PUT /users/{user_id}/sysadmin`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UserSysAdminFlag {
    #[serde(deserialize_with = "null_as_default")]
    pub sysadmin_flag: bool,
}

/// A user, as `GET /users/search` shows one.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UserSearchRespItem {
    #[serde(skip_serializing_if = "is_default")]
    pub user_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub username: String,
}

/// One thing that the current user may do, out of `GET /users/current/permissions`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Permission {
    /// Such as `/project/1/repository`, or `repository` when relative to a scope.
    #[serde(skip_serializing_if = "is_default")]
    pub resource: String,
    #[serde(skip_serializing_if = "is_default")]
    pub action: String,
}
