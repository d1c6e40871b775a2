//! JSON bodies of requests to Harbor's API: `null` is the same as absent,
//! unknown fields are ignored, and no secret is ever shown.
#![no_main]

use std::fmt::Debug;

use berth_harbor_api::{
    CVEAllowlistReq, PasswordReq, ProjectMember, ProjectMetadata, ProjectReq, RegistryPing,
    RegistryReq, RegistryUpdate, RepositoryReq, RoleRequest, TagReq, UserCreationReq, UserProfile,
    UserSysAdminFlag,
};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, from_slice, from_value};

/// The same without members that are `null`.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name.clone(), without_nulls(member)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

fn with_unknown(members: &Map<String, Value>) -> Value {
    let mut members = members.clone();
    members.insert(
        "a field that nothing has".into(),
        Value::Array(vec![Value::Null]),
    );
    Value::Object(members)
}

fn show<T: Debug>(read: Result<T, serde_json::Error>) -> Option<String> {
    read.ok().map(|value| format!("{value:?}"))
}

fn check<T: DeserializeOwned + Debug>(text: &[u8], plain: &Value) {
    let read = show(from_value::<T>(plain.clone()));
    assert_eq!(
        show(from_value::<T>(without_nulls(plain))),
        read,
        "null is absent"
    );
    if let (Value::Object(members), Some(_)) = (plain, &read) {
        assert_eq!(show(from_value::<T>(with_unknown(members))), read);
    }
    // A field given twice is refused, of which the plain value has one.
    if let Some(direct) = show(from_slice::<T>(text)) {
        assert_eq!(Some(direct), read);
    }
}

fuzz_target!(|text: &[u8]| {
    let Ok(plain) = from_slice::<Value>(text) else {
        return;
    };
    check::<CVEAllowlistReq>(text, &plain);
    check::<PasswordReq>(text, &plain);
    check::<ProjectMember>(text, &plain);
    check::<ProjectMetadata>(text, &plain);
    check::<ProjectReq>(text, &plain);
    check::<RegistryPing>(text, &plain);
    check::<RegistryReq>(text, &plain);
    check::<RegistryUpdate>(text, &plain);
    check::<RepositoryReq>(text, &plain);
    check::<RoleRequest>(text, &plain);
    check::<TagReq>(text, &plain);
    check::<UserCreationReq>(text, &plain);
    check::<UserProfile>(text, &plain);
    check::<UserSysAdminFlag>(text, &plain);
    if let Ok(passwords) = from_slice::<PasswordReq>(text) {
        let shown = "PasswordReq { old_password: *****, new_password: ***** }";
        assert_eq!(format!("{passwords:?}"), shown);
    }
    if let Ok(metadata) = from_slice::<ProjectMetadata>(text) {
        let written = serde_json::to_vec(&metadata).expect("metadata is JSON");
        assert_eq!(from_slice::<ProjectMetadata>(&written).ok(), Some(metadata));
    }
    if let Ok(project) = from_slice::<ProjectReq>(text) {
        let metadata = project
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.public.as_deref());
        let named = matches!(metadata, None | Some("" | "true" | "false"));
        assert_eq!(project.visibility().is_ok(), named);
    }
});
