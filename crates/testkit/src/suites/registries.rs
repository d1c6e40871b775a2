//! Behaviours of [`RegistryStore`](berth_ports::RegistryStore).

use berth_domain::{
    EndpointKind, Project, RegistryEndpoint, RegistryId, Sealed, SealedCredential, Version,
};

use super::fixtures::{number, project, race, walk, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `RegistryStore`.
    registries_suite in registries {
        a_created_endpoint_is_found_by_number,
        a_new_endpoint_has_version_1_whatever_it_says,
        a_taken_endpoint_name_is_refused,
        one_of_many_creators_of_an_endpoint_wins,
        an_update_replaces_an_endpoint_and_raises_its_version,
        an_update_of_an_older_endpoint_conflicts,
        an_update_of_a_gone_endpoint_fails,
        an_endpoint_cannot_take_anothers_name,
        a_renamed_endpoint_frees_its_old_name,
        a_deleted_endpoint_is_gone_and_its_name_free,
        a_deletion_of_a_gone_endpoint_is_not_found,
        an_endpoint_that_a_project_has_is_in_use,
        a_project_of_an_absent_endpoint_is_refused,
        no_project_outlives_the_deletion_of_its_endpoint,
        endpoints_are_listed_by_number_in_pages,
        a_list_of_endpoints_goes_on_behind_one_that_is_gone,
    }
}

fn endpoint(stores: &Stores, name: &str) -> RegistryEndpoint {
    RegistryEndpoint {
        id: RegistryId(number()),
        name: name.to_owned(),
        description: "a note".to_owned(),
        kind: EndpointKind::DockerRegistry,
        url: "https://registry.test".to_owned(),
        credential: Some(SealedCredential {
            username: "robot".to_owned(),
            password: Sealed(vec![0, 1, 255]),
        }),
        insecure: true,
        created_at: stores.now(),
        updated_at: stores.now(),
        version: Version(1),
    }
}

async fn create(stores: &Stores, name: &str) -> RegistryEndpoint {
    let endpoint = endpoint(stores, name);
    stores.registries.create_registry(&endpoint).await.unwrap();
    endpoint
}

async fn get(stores: &Stores, id: RegistryId) -> Option<RegistryEndpoint> {
    stores.registries.registry(id).await.unwrap()
}

/// What was created is read back whole.
pub async fn a_created_endpoint_is_found_by_number(stores: &Stores) {
    let created = create(stores, "one").await;
    let mut open = endpoint(stores, "two");
    open.credential = None;
    open.kind = EndpointKind::DockerHub;
    open.insecure = false;
    stores.registries.create_registry(&open).await.unwrap();
    assert_eq!(get(stores, created.id).await, Some(created));
    assert_eq!(get(stores, open.id).await, Some(open));
    assert_eq!(get(stores, RegistryId(99_999)).await, None);
}

/// The stored version does not come from the argument.
pub async fn a_new_endpoint_has_version_1_whatever_it_says(stores: &Stores) {
    let mut given = endpoint(stores, "one");
    given.version = Version(5);
    stores.registries.create_registry(&given).await.unwrap();
    assert_eq!(get(stores, given.id).await.unwrap().version, Version(1));
}

/// A second endpoint cannot have the name.
pub async fn a_taken_endpoint_name_is_refused(stores: &Stores) {
    let first = create(stores, "one").await;
    let second = endpoint(stores, "one");
    assert_fails!(
        stores.registries.create_registry(&second).await,
        AlreadyExists
    );
    assert_eq!(get(stores, first.id).await, Some(first));
    assert_eq!(get(stores, second.id).await, None);
}

/// Creators at once: one succeeds.
pub async fn one_of_many_creators_of_an_endpoint_wins(stores: &Stores) {
    let results = race(|_| {
        let stores = stores.clone();
        async move {
            stores
                .registries
                .create_registry(&endpoint(&stores, "one"))
                .await
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    assert_eq!(
        stores
            .registries
            .list_registries(None, 100)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

/// Name, note, kind, address, login and flags are the new ones.
pub async fn an_update_replaces_an_endpoint_and_raises_its_version(stores: &Stores) {
    let created = create(stores, "one").await;
    let changed = RegistryEndpoint {
        name: "two".to_owned(),
        description: String::new(),
        url: "http://elsewhere.test:5000".to_owned(),
        credential: None,
        insecure: false,
        updated_at: stores.later(),
        ..created
    };
    stores.registries.update_registry(&changed).await.unwrap();
    let stored = get(stores, changed.id).await;
    assert_eq!(
        stored,
        Some(RegistryEndpoint {
            version: Version(2),
            ..changed
        })
    );
}

/// Who read before the last write may not write.
pub async fn an_update_of_an_older_endpoint_conflicts(stores: &Stores) {
    let created = create(stores, "one").await;
    stores.registries.update_registry(&created).await.unwrap();
    let stale = RegistryEndpoint {
        url: "http://stale.test".to_owned(),
        ..created.clone()
    };
    assert_fails!(stores.registries.update_registry(&stale).await, Conflict);
    let stored = get(stores, created.id).await;
    assert_eq!(
        stored,
        Some(RegistryEndpoint {
            version: Version(2),
            ..created
        })
    );
}

/// No endpoint comes into being by an update.
pub async fn an_update_of_a_gone_endpoint_fails(stores: &Stores) {
    let never = endpoint(stores, "one");
    assert_fails!(
        stores.registries.update_registry(&never).await,
        NotFound | Conflict
    );
    assert_eq!(get(stores, never.id).await, None);
}

/// Both stay as they were.
pub async fn an_endpoint_cannot_take_anothers_name(stores: &Stores) {
    create(stores, "one").await;
    let two = create(stores, "two").await;
    let changed = RegistryEndpoint {
        name: "one".to_owned(),
        ..two.clone()
    };
    assert_fails!(
        stores.registries.update_registry(&changed).await,
        AlreadyExists
    );
    assert_eq!(get(stores, two.id).await, Some(two));
}

/// The old name can be given again, the new one cannot.
pub async fn a_renamed_endpoint_frees_its_old_name(stores: &Stores) {
    let one = create(stores, "one").await;
    let renamed = RegistryEndpoint {
        name: "two".to_owned(),
        ..one
    };
    stores.registries.update_registry(&renamed).await.unwrap();
    create(stores, "one").await;
    let third = endpoint(stores, "two");
    assert_fails!(
        stores.registries.create_registry(&third).await,
        AlreadyExists
    );
}

/// By number and in the list; and its name can be given again.
pub async fn a_deleted_endpoint_is_gone_and_its_name_free(stores: &Stores) {
    let created = create(stores, "one").await;
    stores.registries.delete_registry(created.id).await.unwrap();
    assert_eq!(get(stores, created.id).await, None);
    assert_eq!(
        stores
            .registries
            .list_registries(None, 10)
            .await
            .unwrap()
            .items,
        []
    );
    create(stores, "one").await;
}

/// The second of two deletions says so.
pub async fn a_deletion_of_a_gone_endpoint_is_not_found(stores: &Stores) {
    let created = create(stores, "one").await;
    stores.registries.delete_registry(created.id).await.unwrap();
    assert_fails!(
        stores.registries.delete_registry(created.id).await,
        NotFound
    );
}

/// An endpoint stays while a project has it as its upstream.
pub async fn an_endpoint_that_a_project_has_is_in_use(stores: &Stores) {
    let used = create(stores, "used").await;
    let unused = create(stores, "unused").await;
    let proxy = Project {
        registry: Some(used.id),
        ..project("proxy", stores.now())
    };
    stores.projects.create_project(&proxy).await.unwrap();
    assert_fails!(stores.registries.delete_registry(used.id).await, InUse);
    assert!(get(stores, used.id).await.is_some());
    stores.registries.delete_registry(unused.id).await.unwrap();

    stores
        .projects
        .delete_project(&proxy.name, Version(1))
        .await
        .unwrap();
    stores.registries.delete_registry(used.id).await.unwrap();
}

/// So that none has an upstream that was deleted meanwhile.
pub async fn a_project_of_an_absent_endpoint_is_refused(stores: &Stores) {
    let proxy = Project {
        registry: Some(RegistryId(9)),
        ..project("proxy", stores.now())
    };
    assert_fails!(stores.projects.create_project(&proxy).await, NotFound);
    assert_eq!(stores.projects.project(&proxy.name).await.unwrap(), None);
}

/// A deletion and creations of projects at once: either the endpoint stays, or
/// no project came into being.
pub async fn no_project_outlives_the_deletion_of_its_endpoint(stores: &Stores) {
    for round in 0..4 {
        let endpoint = create(stores, &round.to_string()).await;
        let results = race(|runner| {
            let (stores, id) = (stores.clone(), endpoint.id);
            async move {
                if runner == 0 {
                    return stores.registries.delete_registry(id).await;
                }
                let proxy = Project {
                    registry: Some(id),
                    ..project(&format!("proxy{round}-{runner}"), stores.now())
                };
                stores.projects.create_project(&proxy).await
            }
        })
        .await;
        let gone = get(stores, endpoint.id).await.is_none();
        assert_eq!(gone, results[0].is_ok());
        assert_eq!(gone, winners(&results[1..]) == 0);
    }
}

/// The order is that of the numbers, not of their texts.
pub async fn endpoints_are_listed_by_number_in_pages(stores: &Stores) {
    for id in [10, 9, 100, 1] {
        let created = RegistryEndpoint {
            id: RegistryId(id),
            ..endpoint(stores, &format!("r{id}"))
        };
        stores.registries.create_registry(&created).await.unwrap();
    }
    for limit in [1, 2, 4, 1000] {
        let page =
            |after, limit| async move { stores.registries.list_registries(after, limit).await };
        let endpoints = walk(limit, page, |endpoint| endpoint.id).await;
        let ids: Vec<_> = endpoints.iter().map(|endpoint| endpoint.id.0).collect();
        assert_eq!(ids, [1, 9, 10, 100], "limit {limit}");
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_endpoints_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let created = create(stores, "one").await;
    let before = RegistryId(created.id.0 - 1);
    let page = stores
        .registries
        .list_registries(Some(before), 10)
        .await
        .unwrap();
    assert_eq!(page.items, [created]);
}
