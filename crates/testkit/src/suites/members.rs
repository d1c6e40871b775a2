//! Behaviours of [`ProjectStore`](berth_ports::ProjectStore): members.

use berth_domain::{Expect, Member, ProjectId, Role, UserId, Version};

use super::fixtures::{race, walk, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ProjectStore` about members.
    members_suite in members {
        a_member_is_found_in_its_project_only,
        a_member_that_is_there_already_is_refused_where_none_is_expected,
        one_of_many_first_memberships_wins,
        a_member_changes_at_the_expected_version,
        a_member_of_another_version_conflicts,
        a_member_that_is_not_there_conflicts_where_a_version_is_expected,
        a_member_is_stored_whatever_is_there_where_anything_is_expected,
        a_deleted_member_is_gone,
        deleting_a_member_that_is_not_there_is_no_error,
        members_go_with_their_project,
        members_are_listed_by_user_number_in_pages,
        memberships_are_listed_by_project_number_in_pages,
        lists_of_members_go_on_behind_one_that_is_gone,
    }
}

fn member(stores: &Stores, project: ProjectId, user: i64, role: Role) -> Member {
    Member {
        project,
        user: UserId(user),
        role,
        created_at: stores.now(),
        version: Version(1),
    }
}

async fn add(stores: &Stores, project: ProjectId, user: i64) -> Member {
    let added = member(stores, project, user, Role::Developer);
    stores
        .projects
        .put_member(&added, Expect::Absent)
        .await
        .unwrap();
    added
}

/// What was stored is read back whole.
pub async fn a_member_is_found_in_its_project_only(stores: &Stores) {
    let a = stores.make_project("a").await.id;
    let b = stores.make_project("b").await.id;
    let added = add(stores, a, 5).await;
    assert_eq!(
        stores.projects.member(a, UserId(5)).await.unwrap(),
        Some(added)
    );
    assert_eq!(stores.projects.member(b, UserId(5)).await.unwrap(), None);
    assert_eq!(stores.projects.member(a, UserId(6)).await.unwrap(), None);
}

/// The first membership stays.
pub async fn a_member_that_is_there_already_is_refused_where_none_is_expected(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let first = add(stores, project, 5).await;
    let second = member(stores, project, 5, Role::Guest);
    assert_fails!(
        stores.projects.put_member(&second, Expect::Absent).await,
        AlreadyExists
    );
    assert_eq!(
        stores.projects.member(project, UserId(5)).await.unwrap(),
        Some(first)
    );
}

/// At most one membership a user and project.
pub async fn one_of_many_first_memberships_wins(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let results = race(|runner| {
        let stores = stores.clone();
        let role = Role::ALL[runner % Role::ALL.len()];
        async move {
            let added = member(&stores, project, 5, role);
            stores
                .projects
                .put_member(&added, Expect::Absent)
                .await
                .map(|()| added)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let winner = results.into_iter().find_map(Result::ok);
    assert_eq!(
        stores.projects.member(project, UserId(5)).await.unwrap(),
        winner
    );
}

/// The role is the new one, the version one higher.
pub async fn a_member_changes_at_the_expected_version(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let added = add(stores, project, 5).await;
    let changed = Member {
        role: Role::Maintainer,
        ..added
    };
    stores
        .projects
        .put_member(&changed, Expect::Version(Version(1)))
        .await
        .unwrap();
    let stored = stores.projects.member(project, UserId(5)).await.unwrap();
    assert_eq!(
        stored,
        Some(Member {
            version: Version(2),
            ..changed
        })
    );
}

/// Who read before the last write may not write.
pub async fn a_member_of_another_version_conflicts(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let added = add(stores, project, 5).await;
    let changed = Member {
        role: Role::Guest,
        ..added.clone()
    };
    let put = stores
        .projects
        .put_member(&changed, Expect::Version(Version(2)))
        .await;
    assert_fails!(put, Conflict);
    assert_eq!(
        stores.projects.member(project, UserId(5)).await.unwrap(),
        Some(added)
    );
}

/// A member that was taken out meanwhile does not come back.
pub async fn a_member_that_is_not_there_conflicts_where_a_version_is_expected(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let never = member(stores, project, 5, Role::Guest);
    let put = stores
        .projects
        .put_member(&never, Expect::Version(Version(1)))
        .await;
    assert_fails!(put, Conflict);
    assert_eq!(
        stores.projects.member(project, UserId(5)).await.unwrap(),
        None
    );
}

/// There or not, it is as given then.
pub async fn a_member_is_stored_whatever_is_there_where_anything_is_expected(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    for (role, version) in [
        (Role::Guest, 1),
        (Role::Developer, 2),
        (Role::ProjectAdmin, 3),
    ] {
        let given = member(stores, project, 5, role);
        stores
            .projects
            .put_member(&given, Expect::Any)
            .await
            .unwrap();
        let stored = stores
            .projects
            .member(project, UserId(5))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((stored.role, stored.version), (role, Version(version)));
    }
}

/// In both lists, too; other memberships stay.
pub async fn a_deleted_member_is_gone(stores: &Stores) {
    let a = stores.make_project("a").await.id;
    let b = stores.make_project("b").await.id;
    add(stores, a, 5).await;
    let kept = [add(stores, a, 6).await, add(stores, b, 5).await];
    stores.projects.delete_member(a, UserId(5)).await.unwrap();
    assert_eq!(stores.projects.member(a, UserId(5)).await.unwrap(), None);
    let members = stores.projects.list_members(a, None, 10).await.unwrap();
    assert_eq!(members.items, kept[..1]);
    let memberships = stores
        .projects
        .list_memberships(UserId(5), None, 10)
        .await
        .unwrap();
    assert_eq!(memberships.items, kept[1..]);
}

/// A repeat says nothing.
pub async fn deleting_a_member_that_is_not_there_is_no_error(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    stores
        .projects
        .delete_member(project, UserId(5))
        .await
        .unwrap();
    stores
        .projects
        .delete_member(ProjectId(99_999), UserId(5))
        .await
        .unwrap();
}

/// A deleted project leaves no membership, in neither list.
pub async fn members_go_with_their_project(stores: &Stores) {
    let gone = stores.make_project("gone").await;
    let kept = stores.make_project("kept").await;
    for user in [5, 6] {
        add(stores, gone.id, user).await;
    }
    let still = add(stores, kept.id, 5).await;
    stores
        .projects
        .delete_project(&gone.name, gone.version)
        .await
        .unwrap();
    assert_eq!(
        stores.projects.member(gone.id, UserId(5)).await.unwrap(),
        None
    );
    assert_eq!(
        stores
            .projects
            .list_members(gone.id, None, 10)
            .await
            .unwrap()
            .items,
        []
    );
    let memberships = stores
        .projects
        .list_memberships(UserId(5), None, 10)
        .await
        .unwrap();
    assert_eq!(memberships.items, [still]);
    assert_eq!(
        stores
            .projects
            .list_memberships(UserId(6), None, 10)
            .await
            .unwrap()
            .items,
        []
    );
}

/// The order is that of the numbers, not of their texts.
pub async fn members_are_listed_by_user_number_in_pages(stores: &Stores) {
    let a = stores.make_project("a").await.id;
    let b = stores.make_project("b").await.id;
    for user in [10, 9, 100, 1, 11] {
        add(stores, a, user).await;
    }
    add(stores, b, 2).await;
    for limit in [1, 2, 5, 100] {
        let page =
            |after, limit| async move { stores.projects.list_members(a, after, limit).await };
        let members = walk(limit, page, |member| member.user).await;
        let users: Vec<_> = members.iter().map(|member| member.user.0).collect();
        assert_eq!(users, [1, 9, 10, 11, 100], "limit {limit}");
    }
}

/// The order is that of the numbers, not of their texts.
pub async fn memberships_are_listed_by_project_number_in_pages(stores: &Stores) {
    let mut projects = Vec::new();
    for name in ["c", "a", "b"] {
        let project = stores.make_project(name).await.id;
        add(stores, project, 5).await;
        add(stores, project, 6).await;
        projects.push(project);
    }
    projects.sort();
    for limit in [1, 2, 3] {
        let page = |after, limit| async move {
            stores
                .projects
                .list_memberships(UserId(5), after, limit)
                .await
        };
        let members = walk(limit, page, |member| member.project).await;
        let found: Vec<_> = members.iter().map(|member| member.project).collect();
        assert_eq!(found, projects, "limit {limit}");
        assert!(members.iter().all(|member| member.user == UserId(5)));
    }
}

/// A cursor is a place, not an item.
pub async fn lists_of_members_go_on_behind_one_that_is_gone(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    add(stores, project, 7).await;
    let members = stores
        .projects
        .list_members(project, Some(UserId(6)), 10)
        .await
        .unwrap();
    assert_eq!(members.items.len(), 1);
    let before = Some(ProjectId(project.0 - 1));
    let members = stores
        .projects
        .list_memberships(UserId(7), before, 10)
        .await
        .unwrap();
    assert_eq!(members.items.len(), 1);
    let members = stores
        .projects
        .list_memberships(UserId(7), Some(project), 10)
        .await
        .unwrap();
    assert_eq!((members.items.len(), members.more), (0, false));
}
