//! Real clients against a listening server. They run one at a time.

use berth_testkit::image::Image;

use crate::support::clients::ImageClient;
use crate::support::layout::Layout;
use crate::support::login::{ADMIN, Login};
use crate::support::server::{Server, assert_sound};

mod artifacts;
mod images;
mod redirect;
mod tls;
mod uploads;

/// The developer of the private project `team`.
const MEMBER: Login<'_> = Login {
    user: "member",
    password: "Quay-side-1",
};

/// The role of a project's developer in Harbor's API.
const DEVELOPER: u32 = 2;

/// Pulls, pushes and pulls again the image of Debian's packages as `admin`.
async fn moves_an_image<C: ImageClient>(client: &mut C, server: &Server, image: &Layout) {
    let registry = server.address().to_string();
    let admin = server.admin();
    image.push("multi", &admin, "library/debian", "multi").await;
    client.log_in(&registry, ADMIN).await.succeeded();

    let pushed = format!("{registry}/library/debian:multi");
    let copy = format!("{registry}/library/a/copy:multi");
    let config = image.tagged("deb").config();
    assert_eq!(client.pull(&pushed).await, config);
    client.push(&pushed, &copy).await.succeeded();
    client.forget().await;
    assert_eq!(client.pull(&copy).await, config);

    if C::KEEPS_INDEXES {
        image
            .assert_held("multi", &admin, "library/a/copy", "multi")
            .await;
    }
    let pulled = if C::KEEPS_INDEXES { &copy } else { &pushed };
    for (platform, image) in image.platforms("multi") {
        let config = client.pull_platform(pulled, &platform).await;
        assert_eq!(config, image.config(), "{platform}");
    }
    assert_sound(server.data());
}

/// Moves an image of a private project as its member, and neither with a wrong
/// password nor as somebody else.
async fn needs_to_be_a_developer<C: ImageClient>() {
    let Some(mut client) = C::start().await else {
        return;
    };
    let server = Server::start().await;
    let registry = server.address().to_string();
    let admin = server.admin();
    admin.create_project("team", false).await;
    let stranger = Login {
        user: "stranger",
        ..MEMBER
    };
    for login in [MEMBER, stranger] {
        admin.create_user(login.user, login.password).await;
    }
    admin.add_member("team", MEMBER.user, DEVELOPER).await;
    let image = Image::random(100_000);
    admin.push_image("team/tool", "1", &image).await;
    let pushed = format!("{registry}/team/tool:1");
    let copy = format!("{registry}/team/copy:2");

    let outcome = client.log_in(&registry, MEMBER.wrong()).await;
    if C::LOGS_IN {
        outcome.refused();
    }
    client.try_pull(&pushed, None).await.refused();

    client.log_in(&registry, stranger).await.succeeded();
    client.try_pull(&pushed, None).await.refused();

    client.log_in(&registry, MEMBER).await.succeeded();
    assert_eq!(client.pull(&pushed).await, image.config.digest);
    client.push(&pushed, &copy).await.succeeded();
    client.forget().await;
    assert_eq!(client.pull(&copy).await, image.config.digest);
}
