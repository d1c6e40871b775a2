//! What is there otherwise is told and left as it is.

use berth_domain::{ProjectId, RegistryEndpoint, Role};
use berth_testkit::image::Image;

use crate::registry::Registry;

#[tokio::test]
async fn a_tag_that_names_another_manifest_stays() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    target.import(&source.exported().await).await.unwrap();
    let (here, there) = (Image::random(100), Image::random(100));
    for (registry, image) in [(&source, &there), (&target, &here)] {
        let web = registry.target("apps/web").await;
        registry.push(&web, image, &["latest"]).await;
    }

    let imported = target.import(&source.exported().await).await.unwrap();
    let (here, there) = (here.digest(), there.digest());
    assert_eq!(
        imported.conflicts,
        [format!(
            "tag apps/web:latest names {here} here, not {there}"
        )]
    );
    assert_eq!(target.tagged("apps/web", "latest").await, Some(here));
}

#[tokio::test]
async fn what_a_first_start_made_stays_and_the_rest_is_imported() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    target.clock.advance(std::time::Duration::from_hours(1));
    target.start(None).await;
    let admin = target.service.user_by_name("admin").await.unwrap();

    let imported = target.import(&source.exported().await).await.unwrap();
    assert_eq!(
        imported.conflicts,
        [
            "user admin is there and differs",
            "registry endpoint Docker Hub is there and differs",
            "project dockerhub is there and differs",
            "project library is there and differs",
            "member 1 of project 2 is there and differs",
            "member 1 of project 1 is there and differs",
        ]
    );
    assert_eq!(target.service.user_by_name("admin").await.unwrap(), admin);
    let multi = target.tagged("library/multi", "multi").await;
    assert_eq!(multi, source.tagged("library/multi", "multi").await);
    assert!(multi.is_some());
}

#[tokio::test]
async fn nobody_becomes_a_member_in_anothers_place() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    target.start(Some("dckr_pat")).await;
    // Under the numbers that ann, apps and bob have there.
    let eve = target.user("eve").await;
    target.project("hers", &eve).await;
    let mallory = target.user("mallory").await;

    let imported = target.import(&source.exported().await).await.unwrap();
    let refused = [
        format!(
            "user ann cannot have its number {}, which is eve's here",
            eve.id
        ),
        format!(
            "user bob cannot have its number {}, which is mallory's here",
            mallory.id
        ),
        "project apps cannot have its number 3, which is hers's here".to_owned(),
        "repository apps/web is left out with its project, number 3".to_owned(),
    ];
    for refused in refused {
        assert!(
            imported.conflicts.contains(&refused),
            "{:#?}",
            imported.conflicts
        );
    }
    let members = target.ports().projects.list_members(ProjectId(3), None, 10);
    let members = members.await.unwrap().items;
    assert_eq!(members.len(), 1);
    assert_eq!(
        (members[0].user, members[0].role),
        (eve.id, Role::ProjectAdmin)
    );
    assert_eq!(target.tagged("apps/web", "v1").await, None);
}

#[tokio::test]
async fn no_project_gets_another_upstream() {
    let source = Registry::with_some_of_everything().await;
    let target = Registry::in_memory();
    let hub = source.service.all_registries().await.unwrap().remove(0);
    let other = RegistryEndpoint {
        name: "mine".to_owned(),
        url: "https://registry.example".to_owned(),
        ..hub
    };
    let registries = &target.ports().registries;
    registries.create_registry(&other).await.unwrap();

    let imported = target.import(&source.exported().await).await.unwrap();
    assert_eq!(
        imported.conflicts,
        [
            "registry endpoint Docker Hub cannot have its number 1, which is mine's here",
            "project dockerhub has no upstream here",
            "member 1 of project 2 has no place here",
            "repository dockerhub/library/alpine is left out with its project, number 2",
        ]
    );
    assert_eq!(target.tagged("dockerhub/library/alpine", "3").await, None);
    assert!(target.tagged("library/multi", "multi").await.is_some());
}

#[tokio::test]
async fn a_manifest_that_was_pushed_here_stays_as_it_is() {
    let source = Registry::in_memory();
    source.start(None).await;
    let target = Registry::in_memory();
    target.import(&source.exported().await).await.unwrap();
    let image = Image::random(100);
    let manifest = async |registry: &Registry| {
        let manifests = &registry.ports().manifests;
        let name = crate::registry::name("library/app");
        manifests.manifest(&name, image.digest()).await.unwrap()
    };
    target.clock.advance(std::time::Duration::from_secs(9));
    for registry in [&source, &target] {
        let app = registry.target("library/app").await;
        registry.push(&app, &image, &["v1"]).await;
    }
    let held = manifest(&target).await;

    let imported = target.import(&source.exported().await).await.unwrap();
    let digest = image.digest();
    assert_eq!(
        imported.conflicts,
        [
            "repository library/app is there and differs".to_owned(),
            format!("manifest library/app@{digest} is there and differs"),
        ]
    );
    assert_eq!(manifest(&target).await, held);
}
