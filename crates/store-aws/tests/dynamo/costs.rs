//! What each access of the stores of access, projects, repositories, runs and
//! leases costs, as `docs/data-model.md` says it.

use std::future::Future;
use std::sync::Arc;

use berth_domain::{
    Expect, FreshId, Lease, LeaseName, Member, PasswordHash, Project, ProjectId, RegistryEndpoint,
    RegistryId, Repository, RepositoryId, Role, Sequence, User, UserId, Version,
};
use berth_oci::{Algorithm, Digest, Reference};
use berth_ports::{
    AccessStore, Clock, LeaseStore, ProjectStore, RegistryStore, RepositoryStore, RunStore,
    Sequences, StoreResult,
};
use berth_store_aws::{CallCounter, DynamoStore};
use berth_testkit::ManualClock;
use jiff::Timestamp;

use super::failures::{project, registry, schedule};
use super::fresh_store;
use super::leases::lease;

/// Calls, read units, write units.
type Cost = (u64, f64, f64);

struct Counted {
    store: DynamoStore,
    counter: Arc<CallCounter>,
}

impl Counted {
    async fn fresh() -> Self {
        let counter = Arc::new(CallCounter::default());
        let store = fresh_store(Arc::new(ManualClock::default())).await;
        Self {
            store: store.counted(counter.clone()),
            counter,
        }
    }

    /// What a call costs that must succeed.
    async fn cost<T>(&self, call: impl Future<Output = StoreResult<T>>) -> Cost {
        self.counter.take();
        call.await.unwrap();
        let counted = self.counter.take();
        counted.values().fold((0, 0.0, 0.0), |sum, calls| {
            (
                sum.0 + calls.calls,
                sum.1 + calls.read_units,
                sum.2 + calls.write_units,
            )
        })
    }
}

fn user(email: &str) -> User {
    User {
        id: UserId(1),
        name: "ann".parse().unwrap(),
        email: email.to_owned(),
        real_name: String::new(),
        comment: String::new(),
        sysadmin: false,
        password: PasswordHash("hash".to_owned()),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: Version(1),
    }
}

fn repository(name: &str) -> Repository {
    Repository {
        id: RepositoryId(1),
        name: name.parse().unwrap(),
        project: project("a").id,
        description: String::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: Version(1),
    }
}

#[tokio::test]
async fn a_hundred_numbers_cost_one_write() {
    let counted = Counted::fresh().await;
    let next = || counted.store.next(Sequence::Artifact);
    assert_eq!(counted.cost(next()).await, (1, 0.0, 1.0));
    for _ in 0..99 {
        assert_eq!(counted.cost(next()).await, (0, 0.0, 0.0));
    }
    assert_eq!(counted.cost(next()).await, (1, 0.0, 1.0));
}

#[tokio::test]
async fn raising_a_sequence_costs_one_write() {
    let counted = Counted::fresh().await;
    let raise = counted.store.raise(Sequence::Artifact, 500);
    assert_eq!(counted.cost(raise).await, (1, 0.0, 1.0));
}

#[tokio::test]
async fn users_cost_what_is_written_down() {
    let counted = Counted::fresh().await;
    let store = &counted.store;
    let ann = user("ann@example.test");
    assert_eq!(counted.cost(store.create_user(&ann)).await, (1, 0.0, 8.0));
    assert_eq!(counted.cost(store.user(&ann.name)).await, (1, 1.0, 0.0));
    assert_eq!(counted.cost(store.user_by_id(ann.id)).await, (2, 2.0, 0.0));
    assert_eq!(
        counted.cost(store.list_users(None, 10)).await,
        (2, 2.0, 0.0)
    );
    assert_eq!(counted.cost(store.update_user(&ann)).await, (3, 2.0, 1.0));
    let moved = User {
        version: Version(2),
        ..user("new@example.test")
    };
    assert_eq!(counted.cost(store.update_user(&moved)).await, (3, 2.0, 6.0));
    let delete = store.delete_user(ann.id, Version(3));
    assert_eq!(counted.cost(delete).await, (3, 2.0, 8.0));
}

#[tokio::test]
async fn projects_and_members_cost_what_is_written_down() {
    let counted = Counted::fresh().await;
    let store = &counted.store;
    let a = project("a");
    assert_eq!(counted.cost(store.create_project(&a)).await, (1, 0.0, 6.0));
    assert_eq!(counted.cost(store.project(&a.name)).await, (1, 1.0, 0.0));
    assert_eq!(counted.cost(store.project_by_id(a.id)).await, (2, 2.0, 0.0));
    assert_eq!(counted.cost(store.update_project(&a)).await, (1, 0.0, 1.0));
    let list = store.list_projects(None, 10);
    assert_eq!(counted.cost(list).await, (2, 2.0, 0.0));
    let member = Member {
        project: a.id,
        user: UserId(1),
        role: Role::Guest,
        created_at: Timestamp::UNIX_EPOCH,
        version: Version(1),
    };
    let put = || store.put_member(&member, Expect::Any);
    assert_eq!(counted.cost(put()).await, (1, 0.0, 4.0));
    let get = store.member(a.id, member.user);
    assert_eq!(counted.cost(get).await, (1, 1.0, 0.0));
    let delete = store.delete_member(a.id, member.user);
    assert_eq!(counted.cost(delete).await, (1, 0.0, 4.0));
    put().await.unwrap();
    // With its one member.
    let delete = store.delete_project(&a.name, Version(2));
    assert_eq!(counted.cost(delete).await, (4, 2.0, 8.0));
}

#[tokio::test]
async fn registries_and_their_projects_cost_what_is_written_down() {
    let counted = Counted::fresh().await;
    let store = &counted.store;
    let hub = registry("hub");
    assert_eq!(
        counted.cost(store.create_registry(&hub)).await,
        (1, 0.0, 4.0)
    );
    assert_eq!(counted.cost(store.registry(hub.id)).await, (1, 1.0, 0.0));
    assert_eq!(
        counted.cost(store.update_registry(&hub)).await,
        (2, 1.0, 1.0)
    );
    let renamed = RegistryEndpoint {
        version: Version(2),
        ..registry("other")
    };
    let rename = store.update_registry(&renamed);
    assert_eq!(counted.cost(rename).await, (2, 1.0, 6.0));
    let proxy = Project {
        id: ProjectId(9),
        registry: Some(RegistryId(1)),
        ..project("proxy")
    };
    assert_eq!(
        counted.cost(store.create_project(&proxy)).await,
        (1, 0.0, 8.0)
    );
    store.delete_project(&proxy.name, Version(1)).await.unwrap();
    let delete = store.delete_registry(hub.id);
    assert_eq!(counted.cost(delete).await, (2, 1.0, 4.0));
}

#[tokio::test]
async fn repositories_cost_what_is_written_down() {
    let counted = Counted::fresh().await;
    let store = &counted.store;
    store.create_project(&project("a")).await.unwrap();
    let ab = repository("a/b");
    let create = store.create_repository(&ab);
    assert_eq!(counted.cost(create).await, (1, 0.0, 4.0));
    assert_eq!(
        counted.cost(store.repository(&ab.name)).await,
        (1, 1.0, 0.0)
    );
    let of_a = "a".parse().unwrap();
    let list = store.list_repositories(Some(&of_a), None, 10);
    assert_eq!(counted.cost(list).await, (1, 1.0, 0.0));
    // The list of projects, the project, its list of repositories.
    let list = store.list_repositories(None, None, 10);
    assert_eq!(counted.cost(list).await, (3, 3.0, 0.0));
    let update = store.update_repository(&ab);
    assert_eq!(counted.cost(update).await, (1, 0.0, 1.0));
    let delete = store.delete_repository(&ab.name, Version(2));
    assert_eq!(counted.cost(delete).await, (3, 1.0, 6.0));
}

#[tokio::test]
async fn schedules_cost_what_is_written_down() {
    let counted = Counted::fresh().await;
    let store = &counted.store;
    let daily = schedule();
    let kind = daily.kind;
    let put = store.put_schedule(&daily);
    assert_eq!(counted.cost(put).await, (1, 0.0, 1.0));
    assert_eq!(counted.cost(store.schedule(kind)).await, (1, 1.0, 0.0));
    let delete = store.delete_schedule(kind, Version(1));
    assert_eq!(counted.cost(delete).await, (1, 0.0, 2.0));
}

/// Also the longest names: a repository's of 255 characters, a digest of 128.
#[tokio::test]
async fn leases_cost_what_is_written_down() {
    let counted = Counted::fresh().await;
    let store = &counted.store;
    let now = ManualClock::default().now();
    let longest = format!("a/{}", "b".repeat(253)).parse().unwrap();
    let digest = Digest::of(Algorithm::Sha512, b"layer");
    let first = Lease {
        name: LeaseName::manifest(&longest, &Reference::Digest(digest)),
        ..lease(now)
    };
    let take = store.take_lease(&first, now, None);
    assert_eq!(counted.cost(take).await, (1, 0.0, 1.0));
    assert_eq!(counted.cost(store.lease(&first.name)).await, (1, 1.0, 0.0));
    let renewed = Lease {
        upload: Some(FreshId(1).into()),
        ..first.clone()
    };
    let renew = store.renew_lease(&renewed);
    assert_eq!(counted.cost(renew).await, (1, 0.0, 1.0));
    let second = Lease {
        id: FreshId(2).into(),
        ..first.clone()
    };
    // DynamoDB does not say what a refused condition costs: 1 w, too.
    let refused = store.take_lease(&second, now, None);
    assert_eq!(counted.cost(refused).await, (1, 0.0, 0.0));
    let take_over = store.take_lease(&second, now, Some(first.id));
    assert_eq!(counted.cost(take_over).await, (1, 0.0, 1.0));
    let end = store.end_lease(&second.name, second.id);
    assert_eq!(counted.cost(end).await, (1, 0.0, 1.0));
}
