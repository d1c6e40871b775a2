//! What a project leaves behind for the next one of its name: nothing.

use std::time::Duration;

use berth_domain::{Action, Principal, Resource, TokenAccess, TokenIdentity};
use berth_oci::Digest;
use berth_service::{Error, Result, Target};
use berth_testkit::image::Image;
use bytes::Bytes;

use crate::{CHUNK, Registry, body, name, user};

const OLD: &str = "old/app";
const BYTES: Bytes = Bytes::from_static(b"a secret of the project that was");

fn digest() -> Digest {
    Digest::sha256(&BYTES)
}

fn is_unknown<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::BlobUnknown(_)))
}

impl Registry {
    async fn recreate(&self) {
        self.delete_project("old").await;
        self.create_project("old", true).await;
    }

    /// The repository in a new project, after a blob was pushed to it in one
    /// that was deleted.
    async fn with_leftover() -> (Self, Target) {
        let registry = Self::start().await;
        registry.create_project("old", true).await;
        let target = registry.target(OLD).await;
        registry.push_blob(&target, &BYTES).await.unwrap();
        registry.recreate().await;
        let target = registry.target(OLD).await;
        (registry, target)
    }
}

#[tokio::test]
async fn a_blob_of_a_deleted_project_is_unknown_in_the_next_of_its_name() {
    let (registry, target) = Registry::with_leftover().await;
    let service = &registry.service;
    assert!(is_unknown(&service.blob(&target, digest()).await));
    for may_push in [false, true] {
        assert!(is_unknown(
            &service.blob_size(&target, digest(), may_push).await
        ));
    }
    assert!(is_unknown(&service.delete_blob(&target, digest()).await));
}

#[tokio::test]
async fn a_blob_of_a_deleted_project_is_not_mounted() {
    let (registry, target) = Registry::with_leftover().await;
    let other = registry.target("library/app").await;
    for to in [&target, &other] {
        for from in [None, Some(&name(OLD))] {
            let mounted = registry
                .service
                .mount_blob(&user(7), to, digest(), from)
                .await
                .unwrap();
            assert!(!mounted, "{from:?} to {}", to.repository);
        }
    }
}

#[tokio::test]
async fn an_upload_that_ended_in_a_deleted_project_has_not_succeeded_in_the_next() {
    let registry = Registry::start().await;
    registry.create_project("old", true).await;
    let target = registry.target(OLD).await;
    let upload = registry
        .service
        .start_upload(&target.repository, digest().algorithm())
        .await
        .unwrap();
    let finish = |target: Target| {
        let service = registry.service.clone();
        async move {
            let body = body(BYTES);
            service
                .finish_upload(&target, upload.id, None, CHUNK, digest(), body)
                .await
        }
    };
    finish(target).await.unwrap();
    registry.recreate().await;
    let repeated = finish(registry.target(OLD).await).await;
    assert!(
        matches!(repeated, Err(Error::UploadUnknown)),
        "{repeated:?}"
    );
}

#[tokio::test]
async fn a_manifest_cannot_name_a_blob_of_a_deleted_project() {
    let registry = Registry::start().await;
    registry.create_project("old", true).await;
    let image = Image::random(10);
    let target = registry.target(OLD).await;
    registry.push_blobs(&target, &image).await;
    registry.recreate().await;
    let target = registry.target(OLD).await;
    let pushed = registry.push_manifest(&target, &image.manifest, &[]).await;
    assert!(
        matches!(pushed, Err(Error::ManifestBlobUnknown(_))),
        "{pushed:?}"
    );
}

#[tokio::test]
async fn a_blob_of_a_deleted_project_can_be_pushed_anew() {
    let (registry, target) = Registry::with_leftover().await;
    registry.push_blob(&target, &BYTES).await.unwrap();
    let size = registry.service.blob_size(&target, digest(), false).await;
    assert_eq!(size.unwrap(), BYTES.len() as u64);
    registry.service.blob(&target, digest()).await.unwrap();
}

#[tokio::test]
async fn a_push_to_a_project_that_was_made_anew_meanwhile_is_refused() {
    let registry = Registry::start().await;
    registry.create_project("old", true).await;
    let authorised = registry.target(OLD).await;
    let image = Image::random(10);
    registry.push_blobs(&authorised, &image).await;
    registry.recreate().await;
    let pushed = registry
        .push_manifest(&authorised, &image.manifest, &["latest"])
        .await;
    assert!(matches!(pushed, Err(Error::NameUnknown(_))), "{pushed:?}");
    assert_eq!(registry.unfinished(OLD).await, []);
    assert_eq!(registry.tagged(OLD, "latest").await, None);
}

#[tokio::test]
async fn a_push_to_a_repository_of_another_project_is_refused() {
    let registry = Registry::start().await;
    registry.create_project("old", true).await;
    let authorised = registry.target(OLD).await;
    registry.recreate().await;
    let target = registry.target(OLD).await;
    let [there, new] = [1, 2].map(Image::random);
    registry.push(&target, &there, &["latest"]).await;
    registry.push_blobs(&target, &new).await;
    for image in [&there, &new] {
        registry.push_blobs(&authorised, image).await;
        let pushed = registry
            .push_manifest(&authorised, &image.manifest, &["stale"])
            .await;
        assert!(matches!(pushed, Err(Error::NameUnknown(_))), "{pushed:?}");
    }
    assert_eq!(registry.unfinished(OLD).await, []);
    assert_eq!(registry.tagged(OLD, "stale").await, None);
}

#[tokio::test]
async fn a_token_does_not_count_in_a_project_that_was_made_after_it() {
    let registry = Registry::start().await;
    let project = registry.create_project("old", false).await;
    let token = TokenIdentity {
        subject: "ann".to_owned(),
        access: vec![TokenAccess {
            kind: "repository".to_owned(),
            name: OLD.to_owned(),
            actions: vec!["pull".to_owned()],
        }],
        issued_at: registry.ports().clock.now(),
    };
    let principal = Principal::Token(token.into());
    let may_pull = async |project| {
        registry
            .service
            .allows(&principal, project, Resource::Repository, Action::Pull)
            .await
            .unwrap()
    };
    assert!(may_pull(&project).await);
    registry.clock.advance(Duration::from_secs(1));
    registry.delete_project("old").await;
    let next = registry.create_project("old", false).await;
    assert!(!may_pull(&next).await);
}
