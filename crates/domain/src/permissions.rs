//! Harbor's permission table as data.

use crate::access::{Action, Resource, Role};
use Action::{Create, Delete, List, Operate, Pull, Push, Read, Stop, Update};

/// What everyone may do in a public project, without a login.
const PUBLIC: &[(Resource, &[Action])] = &[
    (Resource::Project, &[Read]),
    (Resource::Label, &[Read, List]),
    (Resource::Repository, &[List, Pull]),
    (Resource::Scan, &[Read]),
    (Resource::Scanner, &[Read]),
    (Resource::Tag, &[List]),
    (Resource::Artifact, &[Read, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::Accessory, &[List]),
];

/// One resource and what each role may do to it, in the order project
/// administrator, maintainer, developer, guest, limited guest.
type Row = (Resource, [&'static [Action]; 5]);

const NONE: &[Action] = &[];
const ALL: &[Action] = &[Create, Read, Update, Delete, List];

const TABLE: &[Row] = &[
    (
        Resource::Project,
        [&[Read, Update, Delete], &[Read], &[Read], &[Read], &[Read]],
    ),
    (
        Resource::Member,
        [ALL, &[Read, List], &[Read, List], &[Read, List], NONE],
    ),
    (
        Resource::Metadata,
        [&[Create, Read, Update, Delete], &[Read], NONE, NONE, NONE],
    ),
    (Resource::Log, [&[List], NONE, NONE, NONE, NONE]),
    (
        Resource::Label,
        [ALL, ALL, &[Read, List], &[Read, List], NONE],
    ),
    (
        Resource::Quota,
        [&[Read], &[Read], &[Read], &[Read], &[Read]],
    ),
    (
        Resource::Repository,
        [
            &[Create, Read, Update, Delete, List, Pull, Push],
            &[Create, Read, Update, Delete, List, Pull, Push],
            &[Create, Read, Update, List, Pull, Push],
            &[Read, List, Pull],
            &[Read, List, Pull],
        ],
    ),
    (
        Resource::TagRetention,
        [
            &[Create, Read, Update, Delete, List, Operate],
            &[Create, Read, Update, Delete, List, Operate],
            &[Create, Read, Update, Delete, List, Operate],
            NONE,
            NONE,
        ],
    ),
    (
        Resource::ImmutableTag,
        [
            &[Create, Update, Delete, List],
            &[Create, Update, Delete, List],
            NONE,
            NONE,
            NONE,
        ],
    ),
    (
        Resource::Configuration,
        [&[Read, Update], &[Read], &[Read], &[Read], &[Read]],
    ),
    (
        Resource::Robot,
        [ALL, &[Read, List], &[Read, List], &[Read, List], NONE],
    ),
    (
        Resource::NotificationPolicy,
        [ALL, &[Read, List], NONE, NONE, NONE],
    ),
    (
        Resource::Scan,
        [
            &[Create, Read, Stop],
            &[Create, Read, Stop],
            &[Read],
            &[Read],
            &[Read],
        ],
    ),
    (
        Resource::Sbom,
        [
            &[Create, Read, Stop],
            &[Create, Read, Stop],
            &[Read],
            &[Read],
            &[Read],
        ],
    ),
    (
        Resource::Scanner,
        [&[Create, Read], &[Read], &[Read], &[Read], &[Read]],
    ),
    (
        Resource::Artifact,
        [
            &[Create, Read, Delete, List],
            &[Create, Read, Delete, List],
            &[Create, Read, List],
            &[Read, List],
            &[Read, List],
        ],
    ),
    (
        Resource::ArtifactAddition,
        [&[Read], &[Read], &[Read], &[Read], &[Read]],
    ),
    (
        Resource::Tag,
        [
            &[List, Create, Delete],
            &[List, Create, Delete],
            &[List, Create],
            &[List],
            &[List],
        ],
    ),
    (
        Resource::Accessory,
        [&[List], &[List], &[List], &[List], &[List]],
    ),
    (
        Resource::ArtifactLabel,
        [
            &[Create, Delete],
            &[Create, Delete],
            &[Create, Delete],
            NONE,
            NONE,
        ],
    ),
    (Resource::PreheatPolicy, [ALL, NONE, NONE, NONE, NONE]),
    (
        Resource::ExportCve,
        [
            &[Create, Read, List],
            &[Create, Read, List],
            &[Create, Read, List],
            NONE,
            NONE,
        ],
    ),
];

const fn column(role: Role) -> usize {
    match role {
        Role::ProjectAdmin => 0,
        Role::Maintainer => 1,
        Role::Developer => 2,
        Role::Guest => 3,
        Role::LimitedGuest => 4,
    }
}

/// Whether `role` may do `action` to `resource` in its project. No other
/// place decides this.
pub fn role_allows(role: Role, resource: Resource, action: Action) -> bool {
    TABLE
        .iter()
        .filter(|(row, _)| *row == resource)
        .any(|(_, columns)| columns[column(role)].contains(&action))
}

/// Whether everyone may do `action` to `resource` in a public project.
pub fn public_allows(resource: Resource, action: Action) -> bool {
    PUBLIC
        .iter()
        .any(|(row, actions)| *row == resource && actions.contains(&action))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(resource: Resource) -> String {
        let cell = |role| {
            let allowed: Vec<_> = Action::ALL
                .iter()
                .filter(|action| role_allows(role, resource, **action))
                .map(|action| action.as_str())
                .collect();
            format!("{}: {}", role.as_str(), allowed.join(" "))
        };
        let cells: Vec<_> = Role::ALL.into_iter().map(cell).collect();
        format!("{resource}\n  {}\n", cells.join("\n  "))
    }

    #[test]
    fn the_table_is_what_was_agreed() {
        let table: String = Resource::ALL
            .iter()
            .map(|resource| row(*resource))
            .collect();
        insta::assert_snapshot!("permissions", table);
    }

    #[test]
    fn everyone_may_only_read_a_public_project() {
        for resource in Resource::ALL {
            for action in Action::ALL {
                let reads = matches!(action, Read | List | Pull);
                assert!(
                    reads || !public_allows(*resource, *action),
                    "{resource}:{action}"
                );
            }
        }
        assert!(public_allows(Resource::Repository, Pull));
        assert!(!public_allows(Resource::Member, List));
    }

    #[test]
    fn a_limited_guest_sees_neither_members_nor_labels_nor_logs() {
        for resource in [Resource::Member, Resource::Label, Resource::Log] {
            assert!(
                !role_allows(Role::LimitedGuest, resource, List),
                "{resource}"
            );
        }
        assert!(role_allows(Role::LimitedGuest, Resource::Repository, Pull));
    }
}
