//! What tests set up by Harbor's API, beside what a [`Client`] has itself.

use serde_json::{Value, json};

use super::http::Client;
use super::login::Login;

/// A login at an upstream, as a credential.
fn credential(login: Login<'_>) -> Value {
    json!({ "type": "basic", "access_key": login.user, "access_secret": login.password })
}

impl Client {
    /// Makes a user a member of a project, in a role of Harbor's.
    pub(crate) async fn add_member(&self, project: &str, user: &str, role: u32) {
        let body = json!({ "role_id": role, "member_user": { "username": user } });
        let path = format!("/api/v2.0/projects/{project}/members");
        self.post(&path).json(&body).send().await.expect(201);
    }

    /// Makes a registry endpoint of type docker-registry; answers its number.
    pub(crate) async fn create_registry(
        &self,
        name: &str,
        url: &str,
        login: Option<Login<'_>>,
    ) -> u64 {
        let body = json!({
            "name": name,
            "type": "docker-registry",
            "url": url,
            "credential": login.map(credential),
        });
        let answer = self.post("/api/v2.0/registries").json(&body).send().await;
        let location = answer.expect(201).location();
        let number = location.rsplit('/').next().unwrap().parse();
        number.unwrap_or_else(|error| panic!("{location}: {error}"))
    }

    /// Makes a proxy project of a registry endpoint.
    pub(crate) async fn create_proxy_project(&self, name: &str, registry: u64, public: bool) {
        let body = json!({
            "project_name": name,
            "registry_id": registry,
            "metadata": { "public": public.to_string() },
        });
        let answer = self.post("/api/v2.0/projects").json(&body).send().await;
        answer.expect(201);
    }

    /// Points the endpoint of the first start's project `dockerhub` at another
    /// registry.
    pub(crate) async fn move_docker_hub(&self, url: &str, login: Option<Login<'_>>) {
        let project = self.get("/api/v2.0/projects/dockerhub").send().await;
        let registry = project.expect(200).json()["registry_id"].as_u64().unwrap();
        let mut body = json!({ "url": url });
        if let Some(login) = login {
            body["credential_type"] = "basic".into();
            body["access_key"] = login.user.into();
            body["access_secret"] = login.password.into();
        }
        let path = format!("/api/v2.0/registries/{registry}");
        self.put(&path).json(&body).send().await.expect(200);
    }
}
