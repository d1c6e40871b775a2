//! Projects, their metadata and members.

use serde_json::json;

use crate::walk::{Sent, Walk};
use crate::world::World;

const PROJECT: &str = "/api/v2.0/projects/{project_name_or_id}";

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    [projects(), metadata(), members()].concat()
}

/// The walk of `METHOD /rest` under a project's path, on `team`.
fn team(route: &str, line: &str) -> Walk {
    Walk::request(&of_project(route), Sent::api(&in_team(line)))
}

fn team_with(route: &str, line: &str, body: &serde_json::Value) -> Walk {
    Walk::request(&of_project(route), Sent::api(&in_team(line)).json(body))
}

fn of_project(route: &str) -> String {
    let (method, rest) = route.split_once(' ').unwrap();
    format!("{method} {PROJECT}{rest}")
}

fn in_team(line: &str) -> String {
    let (method, rest) = line.split_once(' ').unwrap();
    format!("{method} /projects/team{rest}")
}

fn projects() -> Vec<Walk> {
    let all = |method: &str| format!("{method} /api/v2.0/projects");
    let new = json!({ "project_name": "new", "public": true });
    let proxy = json!({ "project_name": "new", "registry_id": 3 });
    let create = |body| Walk::request(&all("POST"), Sent::api("POST /projects").json(body));
    vec![
        Walk::request(&all("GET"), Sent::api("GET /projects")),
        Walk::request(&all("GET"), Sent::api("GET /projects").by("ben")),
        Walk::request(&all("HEAD"), Sent::api("HEAD /projects?project_name=team")),
        create(&new).repeats(&[409]),
        create(&proxy).repeats(&[409]),
        team("GET ", "GET "),
        team("GET /_deletable", "GET /_deletable"),
        team("GET /summary", "GET /summary"),
        Walk::request(
            &of_project("GET /summary"),
            Sent::api("GET /projects/cache/summary"),
        ),
        team_with("PUT ", "PUT ", &json!({ "metadata": { "public": "true" } })),
        Walk::request(&of_project("DELETE "), Sent::api("DELETE /projects/empty")).repeats(&[404]),
    ]
}

fn metadata() -> Vec<Walk> {
    let one = "/metadatas/{meta_name}";
    let post = json!({ "prevent_vul": "true" });
    let put = json!({ "auto_scan": "true" });
    vec![
        team("GET /metadatas/", "GET /metadatas/"),
        team_with("POST /metadatas/", "POST /metadatas/", &post).repeats(&[409]),
        team(&format!("GET {one}"), "GET /metadatas/auto_scan"),
        team_with(&format!("PUT {one}"), "PUT /metadatas/auto_scan", &put),
        team(&format!("DELETE {one}"), "DELETE /metadatas/auto_scan").repeats(&[404]),
    ]
}

fn members() -> Vec<Walk> {
    let one = "/members/{mid}";
    let new = json!({ "role_id": 2, "member_user": { "username": "cat" } });
    vec![
        team("GET /members", "GET /members"),
        team_with("POST /members", "POST /members", &new).repeats(&[409]),
        team(&format!("GET {one}"), "GET /members/6"),
        team_with(
            &format!("PUT {one}"),
            "PUT /members/6",
            &json!({ "role_id": 1 }),
        ),
        team(&format!("DELETE {one}"), "DELETE /members/6").repeats(&[404]),
    ]
}

#[tokio::test]
async fn projects_survive_every_fault() {
    let world = World::used().await;
    super::walk("projects", &world, walks(&world)).await;
}
