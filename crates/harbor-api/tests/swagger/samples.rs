//! One full value of each response, and one empty value.

use std::collections::BTreeMap;

use berth_harbor_api::{
    Accessory, AdditionLink, Artifact, CVEAllowlist, CVEAllowlistItem, ComponentHealthStatus,
    ErrorCode, Errors, FilterStyle, GeneralInfo, Label, OverallHealthStatus, Permission, Platform,
    Project, ProjectDeletable, ProjectMemberEntity, ProjectMetadata, ProjectSummary,
    ProjectSummaryQuota, Reference, Registry, RegistryCredential, RegistryEndpoint, RegistryInfo,
    RegistryProviderCredentialPattern, RegistryProviderEndpointPattern, RegistryProviderInfo,
    Repository, Storage, SystemInfo, Tag, Timestamp, UserResp, UserSearchRespItem,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Each definition with a value of which nothing is left out. Definitions that are only part of
/// others are reached through them.
pub(crate) fn full() -> Vec<(&'static str, Value)> {
    vec![
        ("Artifact", value(&artifact())),
        ("Errors", value(&Errors::one(ErrorCode::NotFound, "gone"))),
        ("GeneralInfo", value(&general_info())),
        ("OverallHealthStatus", value(&health())),
        ("Permission", value(&permission())),
        ("Project", value(&project())),
        ("ProjectDeletable", value(&project_deletable())),
        ("ProjectMemberEntity", value(&member())),
        ("ProjectSummary", value(&project_summary())),
        ("Registry", value(&registry())),
        ("RegistryInfo", value(&registry_info())),
        ("RegistryProviderInfo", value(&registry_provider_info())),
        ("Repository", value(&repository())),
        ("SystemInfo", value(&system_info())),
        ("UserResp", value(&user())),
        ("UserSearchRespItem", value(&found_user())),
    ]
}

/// Each definition with the value of which most is left out.
pub(crate) fn empty() -> Vec<(&'static str, Value)> {
    vec![
        ("Accessory", value(&Accessory::default())),
        ("AdditionLink", value(&AdditionLink::default())),
        ("Artifact", value(&Artifact::default())),
        ("CVEAllowlist", value(&CVEAllowlist::default())),
        ("CVEAllowlistItem", value(&CVEAllowlistItem::default())),
        (
            "ComponentHealthStatus",
            value(&ComponentHealthStatus::default()),
        ),
        ("FilterStyle", value(&FilterStyle::default())),
        ("GeneralInfo", value(&GeneralInfo::default())),
        ("Label", value(&Label::default())),
        (
            "OverallHealthStatus",
            value(&OverallHealthStatus::default()),
        ),
        ("Permission", value(&Permission::default())),
        ("Platform", value(&Platform::default())),
        ("Project", value(&Project::default())),
        ("ProjectDeletable", value(&ProjectDeletable::default())),
        (
            "ProjectMemberEntity",
            value(&ProjectMemberEntity::default()),
        ),
        ("ProjectMetadata", value(&ProjectMetadata::default())),
        ("ProjectSummary", value(&ProjectSummary::default())),
        (
            "ProjectSummaryQuota",
            value(&ProjectSummaryQuota::default()),
        ),
        ("Reference", value(&Reference::default())),
        ("Registry", value(&Registry::default())),
        ("RegistryCredential", value(&RegistryCredential::default())),
        ("RegistryEndpoint", value(&RegistryEndpoint::default())),
        ("RegistryInfo", value(&RegistryInfo::default())),
        (
            "RegistryProviderCredentialPattern",
            value(&RegistryProviderCredentialPattern::default()),
        ),
        (
            "RegistryProviderEndpointPattern",
            value(&RegistryProviderEndpointPattern::default()),
        ),
        (
            "RegistryProviderInfo",
            value(&RegistryProviderInfo::default()),
        ),
        ("Repository", value(&Repository::default())),
        ("Storage", value(&Storage::default())),
        ("SystemInfo", value(&SystemInfo::default())),
        ("Tag", value(&Tag::default())),
        ("UserResp", value(&UserResp::default())),
        ("UserSearchRespItem", value(&UserSearchRespItem::default())),
    ]
}

fn value(response: &impl Serialize) -> Value {
    serde_json::to_value(response).expect("responses serialise")
}

fn text() -> String {
    "text".to_owned()
}

fn texts() -> BTreeMap<String, String> {
    BTreeMap::from([(text(), text())])
}

fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::UNIX_EPOCH)
}

fn artifact() -> Artifact {
    Artifact {
        id: 1,
        kind: text(),
        media_type: text(),
        manifest_media_type: text(),
        artifact_type: text(),
        project_id: 1,
        repository_id: 1,
        repository_name: text(),
        digest: text(),
        size: 1,
        icon: text(),
        push_time: now(),
        pull_time: now(),
        extra_attrs: BTreeMap::from([(text(), json!({"os": "linux"}))]),
        annotations: texts(),
        references: vec![reference()],
        tags: vec![tag()],
        addition_links: BTreeMap::from([(text(), addition_link())]),
        labels: vec![label()],
        accessories: vec![accessory()],
        inherited_accessories: vec![accessory()],
    }
}

fn tag() -> Tag {
    Tag {
        id: 1,
        repository_id: 1,
        artifact_id: 1,
        name: text(),
        push_time: now(),
        pull_time: now(),
        immutable: true,
    }
}

fn addition_link() -> AdditionLink {
    AdditionLink {
        href: text(),
        absolute: true,
    }
}

fn reference() -> Reference {
    Reference {
        parent_id: 1,
        child_id: 1,
        child_digest: text(),
        platform: Some(Platform {
            architecture: text(),
            os: text(),
            os_version: text(),
            os_features: vec![text()],
            variant: text(),
        }),
        annotations: texts(),
        urls: vec![text()],
    }
}

fn label() -> Label {
    Label {
        id: 1,
        name: text(),
        description: text(),
        color: text(),
        scope: text(),
        project_id: 1,
        creation_time: now(),
        update_time: now(),
    }
}

fn accessory() -> Accessory {
    Accessory {
        id: 1,
        artifact_id: 1,
        subject_artifact_id: 1,
        subject_artifact_digest: text(),
        subject_artifact_repo: text(),
        size: 1,
        digest: text(),
        kind: text(),
        icon: text(),
        creation_time: now(),
    }
}

fn general_info() -> GeneralInfo {
    GeneralInfo {
        banner_message: Some(text()),
        current_time: Some(now()),
        registry_url: Some(text()),
        external_url: Some(text()),
        auth_mode: Some(text()),
        primary_auth_mode: Some(false),
        project_creation_restriction: Some(text()),
        self_registration: Some(false),
        has_ca_root: Some(false),
        harbor_version: Some(text()),
        registry_storage_provider_name: Some(text()),
        read_only: Some(false),
        notification_enable: Some(false),
        oidc_provider_name: Some(text()),
    }
}

fn system_info() -> SystemInfo {
    SystemInfo {
        storage: vec![Storage { total: 2, free: 1 }],
    }
}

fn health() -> OverallHealthStatus {
    OverallHealthStatus {
        status: text(),
        components: vec![ComponentHealthStatus {
            name: text(),
            status: text(),
            error: text(),
        }],
    }
}

fn permission() -> Permission {
    Permission {
        resource: text(),
        action: text(),
    }
}

fn project() -> Project {
    Project {
        project_id: 1,
        owner_id: 1,
        name: text(),
        registry_id: 1,
        creation_time: now(),
        update_time: now(),
        deleted: true,
        owner_name: text(),
        togglable: true,
        current_user_role_id: 1,
        current_user_role_ids: vec![1],
        repo_count: 1,
        metadata: Some(project_metadata()),
        cve_allowlist: Some(CVEAllowlist {
            id: 1,
            project_id: 1,
            expires_at: Some(1),
            items: vec![CVEAllowlistItem { cve_id: text() }],
            creation_time: now(),
            update_time: now(),
        }),
    }
}

fn project_metadata() -> ProjectMetadata {
    ProjectMetadata {
        public: Some(text()),
        enable_content_trust: Some(text()),
        enable_content_trust_cosign: Some(text()),
        prevent_vul: Some(text()),
        severity: Some(text()),
        auto_scan: Some(text()),
        auto_sbom_generation: Some(text()),
        reuse_sys_cve_allowlist: Some(text()),
        retention_id: Some(text()),
        proxy_speed_kb: Some(text()),
        max_upstream_conn: Some(text()),
        proxy_cache_local_on_not_found: Some(text()),
        proxy_referrer_api: Some(text()),
        proxy_cache_filter_pattern: Some(text()),
        proxy_cache_filter_kind: Some(text()),
    }
}

fn project_deletable() -> ProjectDeletable {
    ProjectDeletable {
        deletable: true,
        message: text(),
    }
}

fn member() -> ProjectMemberEntity {
    ProjectMemberEntity {
        id: 1,
        project_id: 1,
        entity_name: text(),
        role_name: text(),
        role_id: 1,
        entity_id: 1,
        entity_type: text(),
    }
}

fn project_summary() -> ProjectSummary {
    ProjectSummary {
        repo_count: 1,
        project_admin_count: 1,
        maintainer_count: 1,
        developer_count: 1,
        guest_count: 1,
        limited_guest_count: 1,
        quota: Some(ProjectSummaryQuota {
            hard: BTreeMap::from([("storage".to_owned(), -1)]),
            used: BTreeMap::from([("storage".to_owned(), 1)]),
        }),
        registry: Some(registry()),
    }
}

fn registry() -> Registry {
    Registry {
        id: 1,
        url: text(),
        name: text(),
        credential: Some(RegistryCredential {
            kind: text(),
            access_key: text(),
            has_access_secret: true,
        }),
        kind: text(),
        insecure: true,
        ca_certificate: Some(text()),
        description: text(),
        status: text(),
        creation_time: now(),
        update_time: now(),
    }
}

fn registry_info() -> RegistryInfo {
    RegistryInfo {
        kind: text(),
        description: text(),
        supported_resource_filters: vec![FilterStyle {
            kind: text(),
            style: text(),
            values: vec![text()],
        }],
        supported_triggers: vec![text()],
        supported_copy_by_chunk: true,
    }
}

fn registry_provider_info() -> RegistryProviderInfo {
    RegistryProviderInfo {
        endpoint_pattern: Some(RegistryProviderEndpointPattern {
            endpoint_type: text(),
            endpoints: vec![RegistryEndpoint {
                key: text(),
                value: text(),
            }],
        }),
        credential_pattern: Some(RegistryProviderCredentialPattern {
            access_key_type: text(),
            access_key_data: text(),
            access_secret_type: text(),
            access_secret_data: text(),
        }),
    }
}

fn repository() -> Repository {
    Repository {
        id: 1,
        project_id: 1,
        name: text(),
        description: text(),
        artifact_count: 1,
        pull_count: 1,
        creation_time: Some(now()),
        update_time: now(),
    }
}

fn user() -> UserResp {
    UserResp {
        email: text(),
        realname: text(),
        comment: text(),
        user_id: 1,
        username: text(),
        sysadmin_flag: true,
        admin_role_in_auth: true,
        creation_time: now(),
        update_time: now(),
    }
}

fn found_user() -> UserSearchRespItem {
    UserSearchRespItem {
        user_id: 1,
        username: text(),
    }
}
