//! The types of Harbor's REST API v2.0, and the grammar of its list parameters.
//!
//! The contract is Harbor's swagger: one file here per tag of it, each type under the name of its
//! definition, each field under the name of its property. What a response leaves out is what
//! Harbor leaves out: an absent object or `null`able value, and a zero, `false` or empty string,
//! unless the swagger says `x-omitempty: false`. Times are always there, and an empty array is
//! `null` where Harbor sends `null`. A test compares each type with the swagger.
//!
//! Requests accept what Harbor accepts: unknown fields are ignored, and `null` is the same as
//! absent. What a value may be is the domain's to say.
//!
//! Responses serialise only and requests deserialise only, so neither can stand in for the other.

pub use artifacts::{Accessory, AdditionLink, Artifact, Platform, Reference, Tag, TagReq};
pub use errors::{Error, ErrorCode, Errors};
pub use form::parameter;
pub use gc::{GCHistory, GCParameters, GCParametersReq, ScheduleObj, ScheduleObjReq, ScheduleReq};
pub use health::{ComponentHealthStatus, OverallHealthStatus};
pub use labels::Label;
pub use link::link;
pub use list::{ListParameters, Page, Sort, SortField};
pub use members::{ProjectMember, ProjectMemberEntity, RoleRequest, UserEntity, UserGroup};
pub use parameter_error::ParameterError;
pub use projects::{
    CVEAllowlist, CVEAllowlistItem, CVEAllowlistReq, InvalidVisibility, Project, ProjectDeletable,
    ProjectMetadata, ProjectReq, ProjectSummary, ProjectSummaryQuota,
};
pub use query::{Pattern, Query, Term, Value};
pub use registries::{
    FilterStyle, Registry, RegistryCredential, RegistryCredentialReq, RegistryEndpoint,
    RegistryInfo, RegistryPing, RegistryProviderCredentialPattern, RegistryProviderEndpointPattern,
    RegistryProviderInfo, RegistryReq, RegistryUpdate,
};
pub use repositories::{Repository, RepositoryReq};
pub use secret::SecretString;
pub use systeminfo::{GeneralInfo, Storage, SystemInfo};
pub use timestamp::Timestamp;
pub use users::{
    PasswordReq, Permission, UserCreationReq, UserProfile, UserResp, UserSearchRespItem,
    UserSysAdminFlag,
};

mod artifacts;
mod errors;
mod form;
mod gc;
mod health;
mod labels;
mod link;
mod list;
mod members;
mod omit;
mod parameter_error;
mod projects;
mod query;
mod registries;
mod repositories;
mod secret;
mod systeminfo;
mod timestamp;
mod users;
