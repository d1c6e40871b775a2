//! The swagger's tag `gc`: garbage collections, their history and their schedule.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::omit::{is_default, null_as_default};

/// A garbage collection, or the schedule of them, as responses show it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GCHistory {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    /// `GARBAGE_COLLECTION`.
    #[serde(skip_serializing_if = "is_default")]
    pub job_name: String,
    /// What started it: `MANUAL` or `SCHEDULE`; of a schedule its cron expression.
    #[serde(skip_serializing_if = "is_default")]
    pub job_kind: String,
    /// JSON in a string.
    #[serde(skip_serializing_if = "is_default")]
    pub job_parameters: String,
    pub schedule: ScheduleObj,
    /// `Pending`, `Running`, `Success`, `Error` or `Stopped`.
    #[serde(skip_serializing_if = "is_default")]
    pub job_status: String,
    #[serde(skip_serializing_if = "is_default")]
    pub deleted: bool,
    pub creation_time: Timestamp,
    pub update_time: Timestamp,
}

/// When something is done, as responses show it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ScheduleObj {
    /// `Hourly`, `Daily`, `Weekly`, `Custom`, `Manual` or `Schedule`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cron: String,
    /// Year 1 where there is none.
    pub next_scheduled_time: Timestamp,
}

/// The body of `POST` and `PUT /system/gc/schedule`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ScheduleReq {
    pub schedule: Option<ScheduleObjReq>,
    #[serde(deserialize_with = "null_as_default")]
    pub parameters: GCParametersReq,
}

/// When something is to be done.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ScheduleObjReq {
    /// `Manual` is now, `None` takes the schedule away.
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    pub kind: String,
    #[serde(deserialize_with = "null_as_default")]
    pub cron: String,
}

/// What a garbage collection is asked to do; what it does not know is left alone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct GCParametersReq {
    pub delete_untagged: Option<bool>,
    pub dry_run: Option<bool>,
    pub workers: Option<i64>,
}

/// The JSON in [`GCHistory::job_parameters`].
#[derive(Debug, Clone, Default, Serialize)]
pub struct GCParameters {
    pub delete_untagged: bool,
    pub dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freed_space: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purged_blobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purged_manifests: Option<u64>,
    /// Hours that what nothing names stays.
    pub time_window: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u8>,
}
