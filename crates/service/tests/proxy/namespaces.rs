//! Which project serves unmodified names.

use super::*;

impl Cache {
    async fn serves(&self, namespace: &str) -> Option<String> {
        let project = self.service.proxy_project_for(namespace).await.unwrap();
        project.map(|project| project.to_string())
    }
}

#[tokio::test]
async fn a_namespace_is_served_by_the_proxy_project_of_that_upstream() {
    let cache = Cache::open().await;
    cache
        .endpoint(2, EndpointKind::DockerRegistry, "https://ghcr.io")
        .await;
    cache.project(3, "github", Some(2), true).await;
    for (namespace, project) in [
        ("docker.io", Some("hub")),
        ("registry-1.docker.io", Some("hub")),
        ("ghcr.io", Some("github")),
        ("GHCR.io", Some("github")),
        ("quay.io", None),
        ("", None),
    ] {
        assert_eq!(
            cache.serves(namespace).await.as_deref(),
            project,
            "{namespace}"
        );
    }
}

#[tokio::test]
async fn of_several_projects_a_public_one_serves_then_the_oldest() {
    let cache = Cache::open().await;
    cache
        .endpoint(2, EndpointKind::DockerRegistry, "https://ghcr.io")
        .await;
    cache.project(3, "closed", Some(2), false).await;
    cache.project(5, "b", Some(2), true).await;
    cache.project(6, "a", Some(2), true).await;
    assert_eq!(cache.serves("ghcr.io").await.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_new_project_serves_within_ten_seconds() {
    let cache = Cache::open().await;
    assert_eq!(cache.serves("ghcr.io").await, None);
    cache
        .endpoint(2, EndpointKind::DockerRegistry, "https://ghcr.io")
        .await;
    cache.project(3, "github", Some(2), true).await;
    cache.clock.advance(Duration::from_secs(10));
    assert_eq!(cache.serves("ghcr.io").await.as_deref(), Some("github"));
}
