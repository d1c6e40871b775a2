//! The types of this crate against Harbor's swagger, property by property.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail a test"
)]

use std::collections::BTreeSet;

use berth_harbor_api::{
    CVEAllowlistItem, CVEAllowlistReq, PasswordReq, ProjectMember, ProjectMetadata, ProjectReq,
    RegistryCredentialReq, RegistryPing, RegistryReq, RegistryUpdate, RepositoryReq, RoleRequest,
    TagReq, UserCreationReq, UserEntity, UserGroup, UserProfile, UserSysAdminFlag,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use contract::Contract;

mod contract;
mod field_names;
mod samples;

/// Properties that responses do not have yet, as nothing fills them. The list only shrinks.
const NOT_YET: &[(&str, &str)] = &[
    ("Artifact", "sbom_overview"),
    ("Artifact", "scan_overview"),
    ("GeneralInfo", "authproxy_settings"),
    ("UserResp", "oidc_user_meta"),
];

/// Properties that the swagger has because requests share a definition with responses, and that
/// Harbor ignores in requests.
const IGNORED_IN_REQUESTS: &[(&str, &str)] = &[
    ("CVEAllowlist", "creation_time"),
    ("CVEAllowlist", "id"),
    ("CVEAllowlist", "update_time"),
    ("Registry", "creation_time"),
    ("Registry", "id"),
    ("Registry", "status"),
    ("Registry", "update_time"),
    ("Repository", "artifact_count"),
    ("Repository", "creation_time"),
    ("Repository", "id"),
    ("Repository", "name"),
    ("Repository", "project_id"),
    ("Repository", "pull_count"),
    ("Repository", "update_time"),
    ("Tag", "artifact_id"),
    ("Tag", "id"),
    ("Tag", "immutable"),
    ("Tag", "pull_time"),
    ("Tag", "push_time"),
    ("Tag", "repository_id"),
];

#[test]
fn full_responses_have_the_properties_of_the_swagger_with_its_types_and_no_others() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let differences: Vec<String> = samples::full()
        .iter()
        .flat_map(|(definition, sample)| contract.differences(definition, sample, NOT_YET))
        .collect();
    assert_eq!(differences, Vec::<String>::new());
}

#[test]
fn empty_responses_have_only_what_harbor_never_leaves_out() {
    let Some(contract) = Contract::load() else {
        return;
    };
    for (definition, sample) in samples::empty() {
        let properties: BTreeSet<String> = sample
            .as_object()
            .unwrap_or_else(|| panic!("{definition} is no object"))
            .keys()
            .cloned()
            .collect();
        assert_eq!(
            properties,
            contract.always_sent(definition),
            "{definition} when empty"
        );
    }
}

#[test]
fn every_property_that_is_not_there_yet_is_really_missing() {
    for (definition, property) in NOT_YET {
        let full = samples::full();
        let (_, sample) = full
            .iter()
            .find(|(name, _)| name == definition)
            .unwrap_or_else(|| panic!("no sample of {definition}"));
        assert_eq!(sample.get(property), None, "{definition}.{property}");
    }
}

#[test]
fn requests_have_the_properties_of_the_swagger_with_its_types_and_no_others() {
    let Some(contract) = Contract::load() else {
        return;
    };
    let check = Requests(&contract);
    check.request::<CVEAllowlistItem>("CVEAllowlistItem");
    check.request::<CVEAllowlistReq>("CVEAllowlist");
    check.request::<PasswordReq>("PasswordReq");
    check.request::<ProjectMember>("ProjectMember");
    check.request::<ProjectMetadata>("ProjectMetadata");
    check.request::<ProjectReq>("ProjectReq");
    check.request::<RegistryCredentialReq>("RegistryCredential");
    check.request::<RegistryPing>("RegistryPing");
    check.request::<RegistryReq>("Registry");
    check.request::<RegistryUpdate>("RegistryUpdate");
    check.request::<RepositoryReq>("Repository");
    check.request::<TagReq>("Tag");
    check.request::<RoleRequest>("RoleRequest");
    check.request::<UserCreationReq>("UserCreationReq");
    check.request::<UserEntity>("UserEntity");
    check.request::<UserGroup>("UserGroup");
    check.request::<UserProfile>("UserProfile");
    check.request::<UserSysAdminFlag>("UserSysAdminFlag");
}

struct Requests<'a>(&'a Contract);

impl Requests<'_> {
    /// Each property is read with its type and refused with another, `null` and absence are
    /// accepted, and no field of ours is unknown to the swagger.
    fn request<T: DeserializeOwned>(&self, definition: &str) {
        let properties = self.0.properties(definition);
        let expected: BTreeSet<&str> = properties
            .keys()
            .map(String::as_str)
            .filter(|property| !IGNORED_IN_REQUESTS.contains(&(definition, property)))
            .collect();
        let fields: BTreeSet<&str> = field_names::of::<T>().into_iter().collect();
        assert_eq!(fields, expected, "{definition}");

        assert!(reads::<T>(json!({})), "{definition} refuses to be empty");
        for field in fields {
            let (right, wrong) = self.0.right_and_wrong(&properties[field]);
            assert!(reads::<T>(json!({field: right})), "{definition}.{field}");
            assert!(
                reads::<T>(json!({field: null})),
                "{definition}.{field}: null"
            );
            assert!(
                !reads::<T>(json!({field: wrong})),
                "{definition}.{field} takes a wrong type"
            );
        }
    }
}

fn reads<T: DeserializeOwned>(body: Value) -> bool {
    serde_json::from_value::<T>(body).is_ok()
}
