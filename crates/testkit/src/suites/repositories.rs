//! Behaviours of [`RepositoryStore`](berth_ports::RepositoryStore).

use berth_domain::{
    ManifestState, Nonce, ProjectId, ProjectName, Repository, RepositoryId, Version,
};
use berth_oci::RepositoryName;
use berth_ports::DeleteEnd;

use super::fixtures::{deletion, number, race, walk, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `RepositoryStore`.
    repositories_suite in repositories {
        a_created_repository_is_found_by_name,
        a_new_repository_has_version_1_whatever_it_says,
        a_taken_repository_name_is_refused,
        one_of_many_creators_of_a_repository_wins,
        a_repository_needs_its_project,
        a_repository_needs_the_project_of_its_number,
        an_update_replaces_the_description_and_raises_the_version,
        an_update_of_a_repository_changes_nothing_that_is_fixed,
        an_update_of_an_older_repository_conflicts,
        an_update_of_a_gone_repository_fails,
        a_deleted_repository_is_gone_and_its_name_free,
        a_deletion_of_another_version_of_a_repository_conflicts,
        a_deletion_of_a_gone_repository_fails,
        a_repository_with_a_live_manifest_is_in_use,
        a_repository_with_a_pending_manifest_is_in_use,
        a_repository_with_a_deleting_manifest_is_in_use,
        unfinished_manifests_are_listed_and_live_ones_are_not,
        repositories_of_a_project_are_listed_by_name_in_pages,
        all_repositories_are_listed_by_project_and_name_in_pages,
        a_list_of_repositories_goes_on_behind_one_that_is_gone,
    }
}

async fn get(stores: &Stores, name: &RepositoryName) -> Option<Repository> {
    stores.repositories.repository(name).await.unwrap()
}

fn repository(stores: &Stores, name: &str, project: ProjectId) -> Repository {
    Repository {
        id: RepositoryId(number()),
        name: name.parse().unwrap(),
        project,
        description: "a note".to_owned(),
        created_at: stores.now(),
        updated_at: stores.now(),
        version: Version(1),
    }
}

/// What was created is read back whole.
pub async fn a_created_repository_is_found_by_name(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let created = repository(stores, "a/b/c", project);
    stores
        .repositories
        .create_repository(&created)
        .await
        .unwrap();
    assert_eq!(get(stores, &created.name).await, Some(created));
    assert_eq!(get(stores, &"a/b".parse().unwrap()).await, None);
}

/// The stored version does not come from the argument.
pub async fn a_new_repository_has_version_1_whatever_it_says(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let given = Repository {
        version: Version(5),
        ..repository(stores, "a/b", project)
    };
    stores.repositories.create_repository(&given).await.unwrap();
    assert_eq!(get(stores, &given.name).await.unwrap().version, Version(1));
}

/// The first one stays.
pub async fn a_taken_repository_name_is_refused(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let first = repository(stores, "a/b", project);
    stores.repositories.create_repository(&first).await.unwrap();
    let second = repository(stores, "a/b", project);
    assert_fails!(
        stores.repositories.create_repository(&second).await,
        AlreadyExists
    );
    assert_eq!(get(stores, &first.name).await, Some(first));
}

/// Two first pushes at once make one repository.
pub async fn one_of_many_creators_of_a_repository_wins(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let results = race(|_| {
        let stores = stores.clone();
        async move {
            let created = repository(&stores, "a/b", project);
            stores
                .repositories
                .create_repository(&created)
                .await
                .map(|()| created)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let stored = get(stores, &"a/b".parse().unwrap()).await;
    assert_eq!(stored, results.into_iter().find_map(Result::ok));
}

/// No repository without a project of its first name.
pub async fn a_repository_needs_its_project(stores: &Stores) {
    let other = stores.make_project("a-b").await.id;
    let orphan = repository(stores, "a/b", other);
    assert_fails!(
        stores.repositories.create_repository(&orphan).await,
        NotFound
    );
    assert_eq!(get(stores, &orphan.name).await, None);
}

/// A project that was made anew under the name is another one.
pub async fn a_repository_needs_the_project_of_its_number(stores: &Stores) {
    let old = stores.make_project("a").await;
    stores
        .projects
        .delete_project(&old.name, old.version)
        .await
        .unwrap();
    stores.make_project("a").await;
    let orphan = repository(stores, "a/b", old.id);
    assert_fails!(
        stores.repositories.create_repository(&orphan).await,
        NotFound
    );
    assert_eq!(get(stores, &orphan.name).await, None);
}

/// Description and time of change are the new ones, the version one higher.
pub async fn an_update_replaces_the_description_and_raises_the_version(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let changed = Repository {
        description: "another note".to_owned(),
        updated_at: stores.later(),
        ..get(stores, &name).await.unwrap()
    };
    stores
        .repositories
        .update_repository(&changed)
        .await
        .unwrap();
    let expected = Repository {
        version: Version(2),
        ..changed
    };
    assert_eq!(get(stores, &name).await, Some(expected));
}

/// Number, project and time of creation stay as they were.
pub async fn an_update_of_a_repository_changes_nothing_that_is_fixed(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let before = get(stores, &name).await.unwrap();
    let changed = Repository {
        project: ProjectId(99_999),
        created_at: stores.later(),
        ..before.clone()
    };
    stores
        .repositories
        .update_repository(&changed)
        .await
        .unwrap();
    assert_eq!(
        get(stores, &name).await,
        Some(Repository {
            version: Version(2),
            ..before
        })
    );
}

/// Who read before the last write may not write.
pub async fn an_update_of_an_older_repository_conflicts(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let before = get(stores, &name).await.unwrap();
    stores
        .repositories
        .update_repository(&before)
        .await
        .unwrap();
    let stale = Repository {
        description: "stale".to_owned(),
        ..before.clone()
    };
    assert_fails!(
        stores.repositories.update_repository(&stale).await,
        Conflict
    );
    assert_eq!(
        get(stores, &name).await,
        Some(Repository {
            version: Version(2),
            ..before
        })
    );
}

/// No repository comes into being by an update.
pub async fn an_update_of_a_gone_repository_fails(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let never = repository(stores, "a/b", project);
    assert_fails!(
        stores.repositories.update_repository(&never).await,
        NotFound | Conflict
    );
    assert_eq!(get(stores, &never.name).await, None);
}

/// By name and in the list; and it can be made again.
pub async fn a_deleted_repository_is_gone_and_its_name_free(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    stores
        .repositories
        .delete_repository(&name, Version(1))
        .await
        .unwrap();
    assert_eq!(get(stores, &name).await, None);
    let listed = stores
        .repositories
        .list_repositories(None, None, 10)
        .await
        .unwrap();
    assert_eq!(listed.items, []);
    stores.make_repository("a/b").await;
}

/// Who read before the last write may not delete.
pub async fn a_deletion_of_another_version_of_a_repository_conflicts(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let deleted = stores
        .repositories
        .delete_repository(&name, Version(2))
        .await;
    assert_fails!(deleted, Conflict);
    assert!(get(stores, &name).await.is_some());
}

/// The second of two deletions says so.
pub async fn a_deletion_of_a_gone_repository_fails(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    stores
        .repositories
        .delete_repository(&name, Version(1))
        .await
        .unwrap();
    let deleted = stores
        .repositories
        .delete_repository(&name, Version(1))
        .await;
    assert_fails!(deleted, NotFound | Conflict);
}

async fn assert_in_use(stores: &Stores, name: &RepositoryName) {
    assert_fails!(
        stores
            .repositories
            .delete_repository(name, Version(1))
            .await,
        InUse
    );
    assert!(get(stores, name).await.is_some());
}

/// Until the manifest is gone; another repository's manifest does not count.
pub async fn a_repository_with_a_live_manifest_is_in_use(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    let manifest = stores.push(&other, "manifest", &["latest"]).await;
    stores
        .repositories
        .delete_repository(&name, Version(1))
        .await
        .unwrap();
    assert_in_use(stores, &other).await;

    let (digest, nonce) = (manifest.digest, manifest.nonce);
    stores
        .tags
        .delete_tag(
            &other,
            &"latest".parse().unwrap(),
            berth_domain::Expect::Any,
        )
        .await
        .unwrap();
    stores
        .manifests
        .begin_delete(&other, digest, nonce, &deletion())
        .await
        .unwrap();
    stores
        .manifests
        .end_delete(&other, digest, nonce, &DeleteEnd::Gone(vec![]))
        .await
        .unwrap();
    stores
        .repositories
        .delete_repository(&other, Version(1))
        .await
        .unwrap();
}

/// So that a deletion of the repository can end what a crash left.
pub async fn unfinished_manifests_are_listed_and_live_ones_are_not(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    stores.push(&name, "live", &[]).await;
    let deleting = stores.push(&name, "deleting", &[]).await;
    stores
        .manifests
        .begin_delete(&name, deleting.digest, deleting.nonce, &deletion())
        .await
        .unwrap();
    let pending = stores.manifest(&name, "pending");
    stores.begin(&pending).await;
    stores.begin(&stores.manifest(&other, "elsewhere")).await;

    let mut expected = vec![
        (deleting.digest, ManifestState::Deleting, deleting.nonce),
        (pending.digest, ManifestState::Pending, pending.nonce),
    ];
    expected.sort_by_key(|(digest, ..)| *digest);
    for limit in [1, 2, 1000] {
        let page = |after, limit| {
            let name = name.clone();
            async move {
                stores
                    .repositories
                    .unfinished_manifests(&name, after, limit)
                    .await
            }
        };
        assert_eq!(
            walk(limit, page, |(digest, ..)| *digest).await,
            expected,
            "limit {limit}"
        );
    }
}

/// Until it is withdrawn.
pub async fn a_repository_with_a_pending_manifest_is_in_use(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&name, "manifest");
    stores.begin(&manifest).await;
    assert_in_use(stores, &name).await;
    let nonce: Nonce = manifest.nonce;
    stores
        .manifests
        .abort_manifest(&name, manifest.digest, nonce, &[])
        .await
        .unwrap();
    stores
        .repositories
        .delete_repository(&name, Version(1))
        .await
        .unwrap();
}

/// Until the deletion has ended.
pub async fn a_repository_with_a_deleting_manifest_is_in_use(stores: &Stores) {
    let name = stores.make_repository("a/b").await;
    let manifest = stores.push(&name, "manifest", &[]).await;
    stores
        .manifests
        .begin_delete(&name, manifest.digest, manifest.nonce, &deletion())
        .await
        .unwrap();
    assert_in_use(stores, &name).await;
}

async fn walk_names(stores: &Stores, project: Option<&str>, limit: usize) -> Vec<String> {
    let project: Option<ProjectName> = project.map(|name| name.parse().unwrap());
    let page = |after: Option<RepositoryName>, limit| {
        let project = project.clone();
        async move {
            stores
                .repositories
                .list_repositories(project.as_ref(), after.as_ref(), limit)
                .await
        }
    };
    let found = walk(limit, page, |repository| repository.name.clone()).await;
    found
        .iter()
        .map(|repository| repository.name.to_string())
        .collect()
}

const NAMES: [&str; 7] = ["a/x", "a/x-y", "a/x/y", "a/xy", "a-b/x", "a.b/x", "ab/x"];

/// Those of projects with similar names are not among them.
pub async fn repositories_of_a_project_are_listed_by_name_in_pages(stores: &Stores) {
    for name in NAMES.iter().rev() {
        stores.make_repository(name).await;
    }
    for limit in [1, 2, 4, 1000] {
        assert_eq!(
            walk_names(stores, Some("a"), limit).await,
            NAMES[..4],
            "limit {limit}"
        );
    }
    assert_eq!(walk_names(stores, Some("a-b"), 10).await, NAMES[4..5]);
    assert!(walk_names(stores, Some("b"), 10).await.is_empty());
}

/// All of `a/` comes before `a-b/`.
pub async fn all_repositories_are_listed_by_project_and_name_in_pages(stores: &Stores) {
    for name in NAMES.iter().rev() {
        stores.make_repository(name).await;
    }
    for limit in [1, 2, 3, 7, 1000] {
        assert_eq!(
            walk_names(stores, None, limit).await,
            NAMES,
            "limit {limit}"
        );
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_repositories_goes_on_behind_one_that_is_gone(stores: &Stores) {
    for name in ["a/a", "a/c", "b/a"] {
        stores.make_repository(name).await;
    }
    let project: ProjectName = "a".parse().unwrap();
    let gone: RepositoryName = "a/b".parse().unwrap();
    let of_a = stores
        .repositories
        .list_repositories(Some(&project), Some(&gone), 10)
        .await
        .unwrap();
    let of_all = stores
        .repositories
        .list_repositories(None, Some(&gone), 1)
        .await
        .unwrap();
    assert_eq!((of_a.items.len(), of_a.more), (1, false));
    assert_eq!(of_a.items[0].name.as_str(), "a/c");
    assert_eq!((of_all.items.len(), of_all.more), (1, true));
    assert_eq!(of_all.items[0].name.as_str(), "a/c");
}
