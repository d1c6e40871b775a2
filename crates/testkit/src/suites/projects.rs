//! Behaviours of [`ProjectStore`](berth_ports::ProjectStore): projects.

use std::collections::BTreeMap;

use berth_domain::{
    MetadataKey, Project, ProjectId, ProjectName, RegistryId, Repository, RepositoryId, UserId,
    Version,
};

use super::fixtures::{number, project, race, walk, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ProjectStore` about projects.
    projects_suite in projects {
        a_created_project_is_found_by_name_and_number,
        a_project_that_is_not_there_is_none,
        a_new_project_has_version_1_whatever_it_says,
        a_taken_project_name_is_refused,
        one_of_many_creators_of_a_project_wins,
        an_update_replaces_metadata_and_raises_the_version,
        an_update_changes_nothing_that_is_fixed,
        an_update_of_an_older_version_conflicts,
        one_of_many_updaters_of_a_project_wins,
        an_update_of_a_gone_project_is_not_found,
        an_update_does_not_touch_another_project_of_the_name,
        a_deleted_project_is_gone_and_its_name_free,
        a_deletion_of_another_version_conflicts,
        a_deletion_of_a_gone_project_fails,
        a_project_with_a_repository_is_in_use,
        no_repository_outlives_the_deletion_of_its_project,
        projects_are_listed_by_name_in_pages,
        a_list_of_projects_goes_on_behind_one_that_is_gone,
        the_last_full_page_of_projects_says_that_there_is_no_more,
    }
}

async fn get(stores: &Stores, name: &str) -> Option<Project> {
    stores
        .projects
        .project(&name.parse().unwrap())
        .await
        .unwrap()
}

/// What was created is read back whole, both ways.
pub async fn a_created_project_is_found_by_name_and_number(stores: &Stores) {
    let mut library = project("library", stores.now());
    library.metadata = BTreeMap::from([
        (MetadataKey::Public, "true".to_owned()),
        (MetadataKey::Severity, "high".to_owned()),
    ]);
    stores.projects.create_project(&library).await.unwrap();
    assert_eq!(get(stores, "library").await, Some(library.clone()));
    let by_id = stores.projects.project_by_id(library.id).await.unwrap();
    assert_eq!(by_id, Some(library));
}

/// Neither by name nor by number.
pub async fn a_project_that_is_not_there_is_none(stores: &Stores) {
    stores.make_project("library").await;
    assert_eq!(get(stores, "librar").await, None);
    assert_eq!(
        stores.projects.project_by_id(ProjectId(99)).await.unwrap(),
        None
    );
}

/// The stored version does not come from the argument.
pub async fn a_new_project_has_version_1_whatever_it_says(stores: &Stores) {
    let mut library = project("library", stores.now());
    library.version = Version(7);
    stores.projects.create_project(&library).await.unwrap();
    assert_eq!(get(stores, "library").await.unwrap().version, Version(1));
}

/// A second project cannot have the name; the first one stays.
pub async fn a_taken_project_name_is_refused(stores: &Stores) {
    let first = stores.make_project("library").await;
    let second = project("library", stores.now());
    assert_fails!(stores.projects.create_project(&second).await, AlreadyExists);
    assert_eq!(get(stores, "library").await, Some(first));
    assert_eq!(
        stores.projects.project_by_id(second.id).await.unwrap(),
        None
    );
}

/// Creators at once: one succeeds, and the project is that one's.
pub async fn one_of_many_creators_of_a_project_wins(stores: &Stores) {
    let results = race(|_| {
        let stores = stores.clone();
        async move {
            let created = project("library", stores.now());
            stores
                .projects
                .create_project(&created)
                .await
                .map(|()| created)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let winner = results.into_iter().find_map(Result::ok);
    assert_eq!(get(stores, "library").await, winner);
}

/// Metadata and time of change are the new ones, the version one higher.
pub async fn an_update_replaces_metadata_and_raises_the_version(stores: &Stores) {
    let mut library = stores.make_project("library").await;
    library
        .metadata
        .insert(MetadataKey::Public, "true".to_owned());
    library.updated_at = stores.later();
    stores.projects.update_project(&library).await.unwrap();
    library.version = Version(2);
    assert_eq!(get(stores, "library").await, Some(library.clone()));
    assert_eq!(
        stores.projects.project_by_id(library.id).await.unwrap(),
        Some(library.clone())
    );

    library.metadata.clear();
    stores.projects.update_project(&library).await.unwrap();
    library.version = Version(3);
    assert_eq!(get(stores, "library").await, Some(library));
}

/// Owner, registry and time of creation stay as they were.
pub async fn an_update_changes_nothing_that_is_fixed(stores: &Stores) {
    let library = stores.make_project("library").await;
    let changed = Project {
        owner: UserId(9),
        registry: Some(RegistryId(9)),
        created_at: stores.later(),
        ..library.clone()
    };
    stores.projects.update_project(&changed).await.unwrap();
    assert_eq!(
        get(stores, "library").await,
        Some(Project {
            version: Version(2),
            ..library
        })
    );
}

/// Who read before the last write may not write.
pub async fn an_update_of_an_older_version_conflicts(stores: &Stores) {
    let library = stores.make_project("library").await;
    stores.projects.update_project(&library).await.unwrap();
    let mut stale = library.clone();
    stale
        .metadata
        .insert(MetadataKey::Public, "true".to_owned());
    assert_fails!(stores.projects.update_project(&stale).await, Conflict);
    assert_eq!(
        get(stores, "library").await,
        Some(Project {
            version: Version(2),
            ..library
        })
    );
}

/// Updaters at once from one version: one succeeds.
pub async fn one_of_many_updaters_of_a_project_wins(stores: &Stores) {
    let library = stores.make_project("library").await;
    let results = race(|number| {
        let (stores, mut library) = (stores.clone(), library.clone());
        library
            .metadata
            .insert(MetadataKey::RetentionId, number.to_string());
        async move {
            stores
                .projects
                .update_project(&library)
                .await
                .map(|()| library.metadata)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let stored = get(stores, "library").await.unwrap();
    assert_eq!(stored.version, Version(2));
    assert_eq!(
        Some(stored.metadata),
        results.into_iter().find_map(Result::ok)
    );
}

/// No project comes into being by an update.
pub async fn an_update_of_a_gone_project_is_not_found(stores: &Stores) {
    let never = project("library", stores.now());
    assert_fails!(stores.projects.update_project(&never).await, NotFound);
    assert_eq!(get(stores, "library").await, None);
}

/// A project that was made anew under the name is another one.
pub async fn an_update_does_not_touch_another_project_of_the_name(stores: &Stores) {
    let mut old = stores.make_project("library").await;
    stores
        .projects
        .delete_project(&old.name, old.version)
        .await
        .unwrap();
    let new = stores.make_project("library").await;
    old.metadata.insert(MetadataKey::Public, "true".to_owned());
    assert_fails!(
        stores.projects.update_project(&old).await,
        NotFound | Conflict
    );
    assert_eq!(get(stores, "library").await, Some(new));
}

/// By name, by number, in the list; and it can be made again.
pub async fn a_deleted_project_is_gone_and_its_name_free(stores: &Stores) {
    let library = stores.make_project("library").await;
    stores
        .projects
        .delete_project(&library.name, library.version)
        .await
        .unwrap();
    assert_eq!(get(stores, "library").await, None);
    assert_eq!(
        stores.projects.project_by_id(library.id).await.unwrap(),
        None
    );
    assert_eq!(
        stores.projects.list_projects(None, 10).await.unwrap().items,
        []
    );
    assert_eq!(stores.make_project("library").await.version, Version(1));
}

/// Who read before the last write may not delete.
pub async fn a_deletion_of_another_version_conflicts(stores: &Stores) {
    let library = stores.make_project("library").await;
    stores.projects.update_project(&library).await.unwrap();
    let deleted = stores
        .projects
        .delete_project(&library.name, library.version)
        .await;
    assert_fails!(deleted, Conflict);
    assert!(get(stores, "library").await.is_some());
}

/// The second of two deletions says so.
pub async fn a_deletion_of_a_gone_project_fails(stores: &Stores) {
    let deleted = stores
        .projects
        .delete_project(&"library".parse().unwrap(), Version(1))
        .await;
    assert_fails!(deleted, NotFound | Conflict);
}

/// A project stays while it has a repository, and only its own count.
pub async fn a_project_with_a_repository_is_in_use(stores: &Stores) {
    stores.make_project("a").await;
    let project = stores.make_project("a-b").await;
    let repository = stores.make_repository("a-b/c").await;
    let deleted = stores
        .projects
        .delete_project(&project.name, project.version)
        .await;
    assert_fails!(deleted, InUse);
    assert!(get(stores, "a-b").await.is_some());
    stores
        .projects
        .delete_project(&"a".parse().unwrap(), Version(1))
        .await
        .unwrap();

    stores
        .repositories
        .delete_repository(&repository, Version(1))
        .await
        .unwrap();
    stores
        .projects
        .delete_project(&project.name, project.version)
        .await
        .unwrap();
}

/// A deletion and creations of repositories at once: either the project stays,
/// or no repository came into being.
pub async fn no_repository_outlives_the_deletion_of_its_project(stores: &Stores) {
    for round in 0..4 {
        let project = stores.make_project(&format!("project{round}")).await;
        let results = race(|runner| {
            let (stores, project) = (stores.clone(), project.clone());
            async move {
                if runner == 0 {
                    return stores
                        .projects
                        .delete_project(&project.name, project.version)
                        .await;
                }
                let repository = Repository {
                    id: RepositoryId(number()),
                    name: format!("{}/{runner}", project.name).parse().unwrap(),
                    project: project.id,
                    description: String::new(),
                    created_at: stores.now(),
                    updated_at: stores.now(),
                    version: Version(1),
                };
                stores.repositories.create_repository(&repository).await
            }
        })
        .await;
        let listed = stores
            .repositories
            .list_repositories(Some(&project.name), None, 100)
            .await
            .unwrap();
        let gone = get(stores, project.name.as_str()).await.is_none();
        assert_eq!(gone, results[0].is_ok());
        assert_eq!(gone, listed.items.is_empty());
        assert_eq!(listed.items.len(), winners(&results[1..]));
    }
}

async fn walk_names(stores: &Stores, limit: usize) -> Vec<String> {
    let page = |after: Option<ProjectName>, limit| async move {
        stores.projects.list_projects(after.as_ref(), limit).await
    };
    let projects = walk(limit, page, |project| project.name.clone()).await;
    projects
        .iter()
        .map(|project| project.name.to_string())
        .collect()
}

/// The order is that of the names' bytes, whatever the page size.
pub async fn projects_are_listed_by_name_in_pages(stores: &Stores) {
    for name in ["ab", "a.b", "a", "a_b", "a-b", "a0", "b"] {
        stores.make_project(name).await;
    }
    for limit in [1, 2, 3, 7, 1000] {
        let names = walk_names(stores, limit).await;
        assert_eq!(
            names,
            ["a", "a-b", "a.b", "a0", "a_b", "ab", "b"],
            "limit {limit}"
        );
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_projects_goes_on_behind_one_that_is_gone(stores: &Stores) {
    for name in ["a", "b", "c"] {
        stores.make_project(name).await;
    }
    let gone: ProjectName = "b".parse().unwrap();
    stores
        .projects
        .delete_project(&gone, Version(1))
        .await
        .unwrap();
    let page = stores
        .projects
        .list_projects(Some(&gone), 10)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].name.as_str(), "c");
}

/// `more` is about what is behind the page, not about whether it is full.
pub async fn the_last_full_page_of_projects_says_that_there_is_no_more(stores: &Stores) {
    for name in ["a", "b", "c"] {
        stores.make_project(name).await;
    }
    let page = stores.projects.list_projects(None, 2).await.unwrap();
    assert_eq!((page.items.len(), page.more), (2, true));
    let page = stores.projects.list_projects(None, 3).await.unwrap();
    assert_eq!((page.items.len(), page.more), (3, false));
}
