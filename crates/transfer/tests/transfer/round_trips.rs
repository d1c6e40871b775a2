//! What was exported and imported is what was there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use berth_domain::{Sequence, UserId};
use berth_testkit::image::Image;

use crate::registry::{Folder, Registry, name};

async fn moved(from: &Registry, to: &Registry) -> (Folder, Folder) {
    let exported = from.exported().await;
    let imported = to.import(&exported).await.unwrap();
    assert_eq!(imported.conflicts, [""; 0]);
    assert_eq!(to.faults_of_fsck().await, from.faults_of_fsck().await);
    (exported, to.exported().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_moved_exports_the_same() {
    let source = Registry::with_some_of_everything().await;
    let (first, second) = moved(&source, &Registry::on_disk()).await;
    assert_eq!(first.records(), second.records());
    assert!(first.records().values().all(|records| !records.is_empty()));
    let names = |folder: &Folder| -> Vec<_> {
        let blobs = folder.blobs();
        blobs
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&first), names(&second));
    for (one, other) in first.blobs().iter().zip(second.blobs()) {
        assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap());
    }
}

#[tokio::test]
async fn an_empty_store_is_moved() {
    let (first, second) = moved(&Registry::in_memory(), &Registry::in_memory()).await;
    assert_eq!(first.records(), second.records());
    assert!(first.records().values().all(String::is_empty));
}

#[tokio::test]
async fn counts_say_how_much_was_moved() {
    let source = Registry::with_some_of_everything().await;
    let folder = Folder::new();
    let exported = source.export(&folder).await.unwrap().counts;
    let sizes = folder
        .blobs()
        .into_iter()
        .map(|blob| blob.metadata().unwrap().len());
    assert_eq!(exported.bytes, sizes.sum::<u64>());
    assert_eq!(
        exported.to_string(),
        "3 users, 1 registries, 3 projects, 3 repositories, 6 manifests, 4 tags, 5 blobs"
    );
    let imported = Registry::in_memory().import(&folder).await.unwrap();
    assert_eq!(imported.counts, exported);
}

#[tokio::test]
async fn logins_and_passwords_are_good_afterwards() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    moved(&source, &target).await;
    let hub = target.service.all_registries().await.unwrap().remove(0);
    let login = hub.credential.clone().unwrap();
    assert_eq!(login.username, "ann");
    assert!(target.service.can_log_in(&hub));
    let hash = target.service.user_by_name("ann").await.unwrap().password;
    let secrets = &target.ports().secrets;
    let password = berth_domain::Secret::new("Correct1Horse");
    assert!(secrets.verify_password(&password, &hash).await.unwrap());
}

#[tokio::test]
async fn a_server_finds_an_imported_store_set_up() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    moved(&source, &target).await;
    assert!(target.service.is_set_up().await.unwrap());
}

#[tokio::test]
async fn referrers_are_listed_afterwards() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    moved(&source, &target).await;
    let subject = source.tagged("apps/web", "v1").await.unwrap();
    let list = async |registry: &Registry| {
        let (manifests, web) = (&registry.ports().manifests, name("apps/web"));
        let page = manifests.referrers(&web, subject, None, None, 10);
        page.await.unwrap().items
    };
    assert_eq!(list(&source).await.len(), 1);
    assert_eq!(list(&target).await, list(&source).await);
}

#[tokio::test]
async fn numbers_go_on_where_the_exported_store_was() {
    let source = Registry::with_some_of_everything().await;
    let admin = source.admin().await;
    let gone = source.user("gone").await.id;
    let by = berth_domain::Principal::User(admin);
    source.service.delete_user(&by, gone).await.unwrap();
    let target = Registry::on_disk();
    moved(&source, &target).await;
    assert!(target.user("new").await.id > gone);
    let sequences = (&source.ports().sequences, &target.ports().sequences);
    let artifact = sequences.0.next(Sequence::Artifact).await.unwrap();
    assert!(sequences.1.next(Sequence::Artifact).await.unwrap() >= artifact);
}

#[tokio::test]
async fn members_that_a_deleted_user_left_are_not_moved() {
    let source = Registry::with_some_of_everything().await;
    let bob = source.service.user_by_name("bob").await.unwrap();
    let by = berth_domain::Principal::User(source.admin().await);
    source.service.delete_user(&by, bob.id).await.unwrap();
    let target = Registry::in_memory();
    moved(&source, &target).await;
    let apps = target.target("apps/web").await.project.id;
    let member = async |registry: &Registry, user: UserId| {
        let member = registry.ports().projects.member(apps, user).await.unwrap();
        member.is_some()
    };
    assert!(member(&source, bob.id).await);
    assert!(!member(&target, bob.id).await);
}

#[tokio::test]
async fn what_is_pushed_after_an_import_joins_what_was_moved() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::on_disk();
    moved(&source, &target).await;
    let image = Image::random(100);
    let web = target.target("apps/web").await;
    target.push(&web, &image, &["v2"]).await;
    assert_eq!(target.tagged("apps/web", "v2").await, Some(image.digest()));
    assert!(target.tagged("apps/web", "v1").await.is_some());
}

#[tokio::test]
async fn only_the_owner_may_read_an_export() {
    let folder = Registry::with_some_of_everything().await.exported().await;
    let mode = |path: &str| {
        let metadata = fs::metadata(folder.file(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("records/users.jsonl"), 0o600);
    assert_eq!(mode("berth-export.json"), 0o600);
}
