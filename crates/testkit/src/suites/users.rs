//! Behaviours of [`AccessStore`](berth_ports::AccessStore): users.

use berth_domain::{Expect, Member, PasswordHash, Role, User, UserId, UserName, Version};
use berth_ports::StoreError;

use super::fixtures::{number, race, walk, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `AccessStore` about users.
    users_suite in users {
        a_created_user_is_found_by_name_and_number,
        user_names_are_told_apart_by_case,
        a_new_user_has_version_1_whatever_it_says,
        a_taken_user_name_is_refused_and_named,
        a_taken_email_address_is_refused_and_named,
        any_number_of_users_has_no_email_address,
        one_of_many_creators_of_a_user_wins,
        one_of_many_takers_of_an_email_address_wins,
        an_update_replaces_a_user_and_raises_its_version,
        an_update_of_a_user_keeps_its_name,
        an_update_of_an_older_user_conflicts,
        an_update_of_a_gone_user_fails,
        one_of_many_updaters_of_a_user_wins,
        a_user_cannot_take_anothers_email_address,
        a_changed_email_address_frees_the_old_one,
        a_deleted_user_is_gone_and_name_and_address_are_free,
        a_deletion_of_another_version_of_a_user_conflicts,
        a_deletion_of_a_gone_user_fails,
        memberships_of_a_deleted_user_stay,
        users_are_listed_by_number_in_pages,
        a_list_of_users_goes_on_behind_one_that_is_gone,
    }
}

fn user(stores: &Stores, name: &str, email: &str) -> User {
    User {
        id: UserId(number()),
        name: name.parse().unwrap(),
        email: email.to_owned(),
        real_name: "Real Name".to_owned(),
        comment: "a note".to_owned(),
        sysadmin: false,
        password: PasswordHash("$argon2id$hash".to_owned()),
        created_at: stores.now(),
        updated_at: stores.now(),
        version: Version(1),
    }
}

async fn create(stores: &Stores, name: &str, email: &str) -> User {
    let created = user(stores, name, email);
    stores.access.create_user(&created).await.unwrap();
    created
}

async fn by_name(stores: &Stores, name: &str) -> Option<User> {
    stores
        .access
        .user(&name.parse::<UserName>().unwrap())
        .await
        .unwrap()
}

async fn by_id(stores: &Stores, id: UserId) -> Option<User> {
    stores.access.user_by_id(id).await.unwrap()
}

/// What was created is read back whole, both ways.
pub async fn a_created_user_is_found_by_name_and_number(stores: &Stores) {
    let mut ann = user(stores, "Ann Lee", "ann@example.test");
    ann.sysadmin = true;
    stores.access.create_user(&ann).await.unwrap();
    assert_eq!(by_name(stores, "Ann Lee").await, Some(ann.clone()));
    assert_eq!(by_id(stores, ann.id).await, Some(ann));
    assert_eq!(by_name(stores, "bob").await, None);
    assert_eq!(by_id(stores, UserId(99_999)).await, None);
}

/// `ann` is not `Ann`.
pub async fn user_names_are_told_apart_by_case(stores: &Stores) {
    let lower = create(stores, "ann", "").await;
    let upper = create(stores, "Ann", "").await;
    assert_eq!(by_name(stores, "ann").await, Some(lower));
    assert_eq!(by_name(stores, "Ann").await, Some(upper));
}

/// The stored version does not come from the argument.
pub async fn a_new_user_has_version_1_whatever_it_says(stores: &Stores) {
    let mut given = user(stores, "ann", "");
    given.version = Version(9);
    stores.access.create_user(&given).await.unwrap();
    assert_eq!(by_id(stores, given.id).await.unwrap().version, Version(1));
}

/// The error speaks of the user, not of the address.
pub async fn a_taken_user_name_is_refused_and_named(stores: &Stores) {
    let first = create(stores, "ann", "ann@example.test").await;
    let second = user(stores, "ann", "other@example.test");
    let created = stores.access.create_user(&second).await;
    assert!(
        matches!(&created, Err(StoreError::AlreadyExists(what)) if !what.contains("email")),
        "{created:?}"
    );
    assert_eq!(by_name(stores, "ann").await, Some(first));
    assert_eq!(by_id(stores, second.id).await, None);
    create(stores, "bob", "other@example.test").await;
}

/// The error speaks of the email address.
pub async fn a_taken_email_address_is_refused_and_named(stores: &Stores) {
    create(stores, "ann", "ann@example.test").await;
    let created = stores
        .access
        .create_user(&user(stores, "bob", "ann@example.test"))
        .await;
    assert!(
        matches!(&created, Err(StoreError::AlreadyExists(what)) if what.contains("email")),
        "{created:?}"
    );
    assert_eq!(by_name(stores, "bob").await, None);
    create(stores, "bob", "bob@example.test").await;
}

/// The empty address is nobody's.
pub async fn any_number_of_users_has_no_email_address(stores: &Stores) {
    let ann = create(stores, "ann", "").await;
    create(stores, "bob", "").await;
    let cyd = create(stores, "cyd", "cyd@example.test").await;
    stores
        .access
        .update_user(&User {
            email: String::new(),
            ..cyd
        })
        .await
        .unwrap();
    stores.access.update_user(&ann).await.unwrap();
}

/// Creators at once: one succeeds.
pub async fn one_of_many_creators_of_a_user_wins(stores: &Stores) {
    let results = race(|runner| {
        let stores = stores.clone();
        async move {
            let created = user(&stores, "ann", &format!("{runner}@example.test"));
            stores.access.create_user(&created).await.map(|()| created)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    assert_eq!(
        by_name(stores, "ann").await,
        results.into_iter().find_map(Result::ok)
    );
    assert_eq!(
        stores
            .access
            .list_users(None, 100)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

/// By creation or by update.
pub async fn one_of_many_takers_of_an_email_address_wins(stores: &Stores) {
    let mut users = Vec::new();
    for runner in 0..super::fixtures::RUNNERS {
        users.push(create(stores, &format!("user{runner}"), "").await);
    }
    let results = race(|runner| {
        let stores = stores.clone();
        let changed = User {
            email: "ann@example.test".to_owned(),
            ..users[runner].clone()
        };
        async move {
            if runner == 0 {
                let ann = user(&stores, "ann", "ann@example.test");
                return stores.access.create_user(&ann).await;
            }
            stores.access.update_user(&changed).await
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let users = stores.access.list_users(None, 100).await.unwrap().items;
    assert_eq!(
        users
            .iter()
            .filter(|user| user.email == "ann@example.test")
            .count(),
        1
    );
}

/// Address, names, note, rights and password are the new ones.
pub async fn an_update_replaces_a_user_and_raises_its_version(stores: &Stores) {
    let ann = create(stores, "ann", "ann@example.test").await;
    let changed = User {
        email: "new@example.test".to_owned(),
        real_name: "New Name".to_owned(),
        comment: String::new(),
        sysadmin: true,
        password: PasswordHash("$argon2id$other".to_owned()),
        updated_at: stores.later(),
        ..ann
    };
    stores.access.update_user(&changed).await.unwrap();
    let expected = User {
        version: Version(2),
        ..changed
    };
    assert_eq!(by_name(stores, "ann").await, Some(expected.clone()));
    assert_eq!(by_id(stores, expected.id).await, Some(expected));
}

/// Even if the argument has another.
pub async fn an_update_of_a_user_keeps_its_name(stores: &Stores) {
    let ann = create(stores, "ann", "").await;
    let renamed = User {
        name: "bob".parse().unwrap(),
        comment: "new".to_owned(),
        ..ann.clone()
    };
    stores.access.update_user(&renamed).await.unwrap();
    let expected = User {
        version: Version(2),
        comment: "new".to_owned(),
        ..ann
    };
    assert_eq!(by_id(stores, expected.id).await, Some(expected.clone()));
    assert_eq!(by_name(stores, "ann").await, Some(expected));
    assert_eq!(by_name(stores, "bob").await, None);
}

/// Who read before the last write may not write.
pub async fn an_update_of_an_older_user_conflicts(stores: &Stores) {
    let ann = create(stores, "ann", "").await;
    stores.access.update_user(&ann).await.unwrap();
    let stale = User {
        sysadmin: true,
        ..ann.clone()
    };
    assert_fails!(stores.access.update_user(&stale).await, Conflict);
    assert_eq!(
        by_name(stores, "ann").await,
        Some(User {
            version: Version(2),
            ..ann
        })
    );
}

/// No user comes into being by an update.
pub async fn an_update_of_a_gone_user_fails(stores: &Stores) {
    let never = user(stores, "ann", "");
    assert_fails!(stores.access.update_user(&never).await, NotFound | Conflict);
    assert_eq!(by_name(stores, "ann").await, None);
}

/// Updaters at once from one version: one succeeds.
pub async fn one_of_many_updaters_of_a_user_wins(stores: &Stores) {
    let ann = create(stores, "ann", "").await;
    let results = race(|runner| {
        let stores = stores.clone();
        let changed = User {
            comment: runner.to_string(),
            ..ann.clone()
        };
        async move {
            stores
                .access
                .update_user(&changed)
                .await
                .map(|()| changed.comment)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let stored = by_name(stores, "ann").await.unwrap();
    assert_eq!(stored.version, Version(2));
    assert_eq!(
        Some(stored.comment),
        results.into_iter().find_map(Result::ok)
    );
}

/// Both stay as they were; its own address is no obstacle.
pub async fn a_user_cannot_take_anothers_email_address(stores: &Stores) {
    create(stores, "ann", "ann@example.test").await;
    let bob = create(stores, "bob", "bob@example.test").await;
    let changed = User {
        email: "ann@example.test".to_owned(),
        ..bob.clone()
    };
    assert_fails!(stores.access.update_user(&changed).await, AlreadyExists);
    assert_eq!(by_name(stores, "bob").await, Some(bob.clone()));
    stores.access.update_user(&bob).await.unwrap();
}

/// The old address can be given again, the new one cannot.
pub async fn a_changed_email_address_frees_the_old_one(stores: &Stores) {
    let ann = create(stores, "ann", "old@example.test").await;
    let changed = User {
        email: "new@example.test".to_owned(),
        ..ann
    };
    stores.access.update_user(&changed).await.unwrap();
    create(stores, "bob", "old@example.test").await;
    let third = user(stores, "cyd", "new@example.test");
    assert_fails!(stores.access.create_user(&third).await, AlreadyExists);
}

/// By name, by number, in the list; and both can be given again.
pub async fn a_deleted_user_is_gone_and_name_and_address_are_free(stores: &Stores) {
    let ann = create(stores, "ann", "ann@example.test").await;
    stores
        .access
        .delete_user(ann.id, ann.version)
        .await
        .unwrap();
    assert_eq!(by_name(stores, "ann").await, None);
    assert_eq!(by_id(stores, ann.id).await, None);
    assert_eq!(stores.access.list_users(None, 10).await.unwrap().items, []);
    let again = create(stores, "ann", "ann@example.test").await;
    assert_eq!(by_name(stores, "ann").await, Some(again));
    assert_eq!(by_id(stores, ann.id).await, None);
}

/// Who read before the last write may not delete.
pub async fn a_deletion_of_another_version_of_a_user_conflicts(stores: &Stores) {
    let ann = create(stores, "ann", "").await;
    stores.access.update_user(&ann).await.unwrap();
    assert_fails!(
        stores.access.delete_user(ann.id, ann.version).await,
        Conflict
    );
    assert!(by_name(stores, "ann").await.is_some());
}

/// The second of two deletions says so.
pub async fn a_deletion_of_a_gone_user_fails(stores: &Stores) {
    let ann = create(stores, "ann", "").await;
    stores
        .access
        .delete_user(ann.id, ann.version)
        .await
        .unwrap();
    assert_fails!(
        stores.access.delete_user(ann.id, ann.version).await,
        NotFound | Conflict
    );
}

/// They lead nowhere.
pub async fn memberships_of_a_deleted_user_stay(stores: &Stores) {
    let project = stores.make_project("a").await.id;
    let ann = create(stores, "ann", "").await;
    let member = Member {
        project,
        user: ann.id,
        role: Role::Guest,
        created_at: stores.now(),
        version: Version(1),
    };
    stores
        .projects
        .put_member(&member, Expect::Absent)
        .await
        .unwrap();
    stores
        .access
        .delete_user(ann.id, ann.version)
        .await
        .unwrap();
    assert_eq!(
        stores
            .projects
            .list_members(project, None, 10)
            .await
            .unwrap()
            .items,
        [member]
    );
}

/// The order is that of the numbers, not of their texts.
pub async fn users_are_listed_by_number_in_pages(stores: &Stores) {
    for id in [10, 9, 100, 1] {
        let created = User {
            id: UserId(id),
            ..user(stores, &format!("user{id}"), "")
        };
        stores.access.create_user(&created).await.unwrap();
    }
    for limit in [1, 2, 4, 1000] {
        let page = |after, limit| async move { stores.access.list_users(after, limit).await };
        let users = walk(limit, page, |user| user.id).await;
        let ids: Vec<_> = users.iter().map(|user| user.id.0).collect();
        assert_eq!(ids, [1, 9, 10, 100], "limit {limit}");
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_users_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let gone = create(stores, "ann", "").await;
    let bob = create(stores, "bob", "").await;
    stores
        .access
        .delete_user(gone.id, gone.version)
        .await
        .unwrap();
    let page = stores.access.list_users(Some(gone.id), 10).await.unwrap();
    assert_eq!(page.items, [bob]);
}
