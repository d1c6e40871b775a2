//! What has no route: the first start, and what is done with the data folder at
//! hand.

use berth_domain::Secret;
use berth_service::NewPassword;
use futures_util::future::LocalBoxFuture;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::walk::Walk;
use crate::world::{World, first_start, small_image};

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    vec![
        Walk::act("no route", "rotation of the signing key", rotate),
        Walk::act("no route", "reset of a password", reset),
        Walk::act("no route", "login at Docker Hub", log_in),
    ]
}

fn first(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async { Answer::of(&berth.service.first_start(first_start()).await) })
}

fn rotate(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async { Answer::of(&berth.service.rotate_signing_key().await) })
}

fn reset(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let new = NewPassword::new(Secret::new("Better12345")).unwrap();
        Answer::of(&berth.service.reset_password("ann", &new).await)
    })
}

fn log_in(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let secret = Secret::new("secret");
        Answer::of(&berth.service.set_dockerhub_login("ann", &secret).await)
    })
}

fn verify(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async { Answer::of(&berth.service.fsck(&mut |_| {}).await) })
}

#[tokio::test]
async fn what_has_no_route_survives_every_fault() {
    let world = World::used().await;
    super::walk("processes", &world, walks(&world)).await;
}

#[tokio::test]
async fn the_first_start_survives_every_fault() {
    let world = World::empty().await;
    let walks = vec![Walk::act("no route", "first start", first).in_steps()];
    super::walk("first start", &world, walks).await;
}

#[tokio::test]
async fn a_verification_survives_every_fault() {
    let berth = Berth::over(World::empty().await);
    berth.service.first_start(first_start()).await.unwrap();
    berth.push("library/app", "v1", &small_image()).await;
    berth.settle().await;
    let walks = vec![Walk::act("no route", "verification", verify)];
    super::walk("verification", &berth.world, walks).await;
}
