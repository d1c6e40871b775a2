//! The swagger's tag `member`.
//!
//! Role ids: 1 project admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest.

use serde::{Deserialize, Serialize};

use crate::omit::{is_default, null_as_default};

/// A member of a project.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProjectMemberEntity {
    /// The id of the membership, not of the user.
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: i64,
    /// The name of the user or group.
    #[serde(skip_serializing_if = "is_default")]
    pub entity_name: String,
    /// Such as `projectAdmin`.
    #[serde(skip_serializing_if = "is_default")]
    pub role_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub role_id: i64,
    /// The id of the user or group.
    #[serde(skip_serializing_if = "is_default")]
    pub entity_id: i64,
    /// `u` for a user, `g` for a group.
    #[serde(skip_serializing_if = "is_default")]
    pub entity_type: String,
}

/// The body of `POST /projects/{project_name_or_id}/members`: a role, and a user or a group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProjectMember {
    #[serde(deserialize_with = "null_as_default")]
    pub role_id: i64,
    pub member_user: Option<UserEntity>,
    pub member_group: Option<UserGroup>,
}

/// A user, by id or by name; zero and empty mean that it is not given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UserEntity {
    #[serde(deserialize_with = "null_as_default")]
    pub user_id: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub username: String,
}

/// A group, by id, by name or by its LDAP name; zero and empty mean that it is not given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UserGroup {
    #[serde(deserialize_with = "null_as_default")]
    pub id: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub group_name: String,
    /// 1 LDAP, 2 HTTP authentication proxy, 3 OIDC.
    #[serde(deserialize_with = "null_as_default")]
    pub group_type: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub ldap_group_dn: String,
}

/// The body of `PUT /projects/{project_name_or_id}/members/{mid}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RoleRequest {
    #[serde(deserialize_with = "null_as_default")]
    pub role_id: i64,
}
