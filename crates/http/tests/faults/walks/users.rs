//! Users.

use serde_json::json;

use crate::walk::{Sent, Walk};
use crate::world::{PASSWORD, World};

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    let walk = |route: &str, sent| Walk::request(&route.replacen(' ', " /api/v2.0", 1), sent);
    let get = |route: &str, line: &str| walk(&format!("GET {route}"), Sent::api(line));
    let user = json!({
        "username": "dan", "email": "dan@berth.test", "realname": "Dan", "password": PASSWORD,
    });
    let profile = json!({ "email": "new@berth.test", "realname": "Ann L.", "comment": "new" });
    let given = json!({ "new_password": "Better12345" });
    let own = json!({ "old_password": PASSWORD, "new_password": "Better12345" });
    let flag = json!({ "sysadmin_flag": true });
    let password = "PUT /users/{user_id}/password";
    vec![
        get("/users", "GET /users"),
        get("/users/current", "GET /users/current"),
        get(
            "/users/current/permissions",
            "GET /users/current/permissions?scope=/project/3",
        ),
        get("/users/search", "GET /users/search?username=a"),
        get("/users/{user_id}", "GET /users/2"),
        walk("POST /users", Sent::api("POST /users").json(&user)).repeats(&[409]),
        walk(
            "PUT /users/{user_id}",
            Sent::api("PUT /users/2").json(&profile),
        ),
        walk(password, Sent::api("PUT /users/2/password").json(&given)),
        walk(
            password,
            Sent::api("PUT /users/3/password").by("ben").json(&own),
        )
        .repeats(&[401]),
        walk(
            "PUT /users/{user_id}/sysadmin",
            Sent::api("PUT /users/2/sysadmin").json(&flag),
        ),
        walk("DELETE /users/{user_id}", Sent::api("DELETE /users/4")).repeats(&[404]),
        walk("DELETE /users/{user_id}", Sent::api("DELETE /users/3")).repeats(&[404]),
    ]
}

#[tokio::test]
async fn users_survive_every_fault() {
    let world = World::used().await;
    super::walk("users", &world, walks(&world)).await;
}
