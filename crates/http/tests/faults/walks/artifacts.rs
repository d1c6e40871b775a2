//! Repositories and artifacts, as Harbor's API has them.

use serde_json::json;

use crate::upstream::image;
use crate::walk::{Sent, Walk};
use crate::world::World;

const LIST: &str = "/api/v2.0/projects/{project_name}/repositories";

/// The walk of `METHOD /rest` under the path of `library/app`.
fn app(route: &str, line: &str) -> Walk {
    Walk::request(&of_repository(route), in_app(line))
}

fn of_repository(route: &str) -> String {
    let (method, rest) = route.split_once(' ').unwrap();
    format!("{method} {LIST}/{{repository_name}}{rest}")
}

fn in_app(line: &str) -> Sent {
    let (method, rest) = line.split_once(' ').unwrap();
    Sent::api(&format!(
        "{method} /projects/library/repositories/app{rest}"
    ))
}

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    let one = "/artifacts/{reference}";
    let tags = "/artifacts/{reference}/tags";
    let described = in_app("PUT ").json(&json!({ "description": "new" }));
    let tagged = in_app("POST /artifacts/v1/tags").json(&json!({ "name": "v3" }));
    let digest = image("one").digest();
    vec![
        Walk::request("GET /api/v2.0/repositories", Sent::api("GET /repositories")),
        Walk::request(
            &format!("GET {LIST}"),
            Sent::api("GET /projects/library/repositories"),
        ),
        app("GET ", "GET "),
        Walk::request(&of_repository("PUT "), described),
        app("DELETE ", "DELETE ").repeats(&[404]).in_steps(),
        app("GET /artifacts", "GET /artifacts"),
        app("GET /artifacts", "GET /artifacts?q=base%3D*"),
        app(&format!("GET {one}"), "GET /artifacts/v1"),
        app(&format!("GET {one}"), "GET /artifacts/multi"),
        app(&format!("DELETE {one}"), "DELETE /artifacts/v2")
            .repeats(&[404])
            .in_steps(),
        app(
            &format!("DELETE {one}"),
            &format!("DELETE /artifacts/{digest}"),
        )
        .repeats(&[404])
        .in_steps(),
        app(
            &format!("GET {one}/accessories"),
            "GET /artifacts/v1/accessories",
        ),
        app(&format!("GET {tags}"), "GET /artifacts/v1/tags"),
        Walk::request(&of_repository(&format!("POST {tags}")), tagged).repeats(&[409]),
        app(
            &format!("DELETE {tags}/{{tag_name}}"),
            "DELETE /artifacts/v1/tags/v1",
        )
        .repeats(&[404]),
    ]
}

#[tokio::test]
async fn artifacts_survive_every_fault() {
    let world = World::used().await;
    super::walk("artifacts", &world, walks(&world)).await;
}
