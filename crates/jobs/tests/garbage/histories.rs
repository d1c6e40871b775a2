//! Pushes, mounts, deletions and sweeps in random order, beside each other,
//! cut off at random calls; and what is left once sweeps have ended.

use std::sync::Arc;

use berth_testkit::image::seeded_bytes;
use berth_testkit::image::{Format, Image, Index, Layer};
use bytes::{Buf as _, Bytes};

use crate::left::{assert_nothing_left, drain};
use crate::registry::{Process, World};

/// Decides what happens.
struct Chance(Bytes);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(seeded_bytes(seed, 0..4096))
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.0.get_u8()) % end
    }
}

/// Where images are pushed to.
pub(crate) const REPOSITORIES: [&str; 2] = ["library/a", "library/b"];

/// Images that share layers, one of them with a manifest that does not fit its
/// record.
fn images() -> Vec<Image> {
    let layers: Vec<_> = (0..3)
        .map(|number| Layer::of_file(&format!("file{number}"), &[number; 100]))
        .collect();
    let with = |one: usize, two: usize| {
        let image = Image::builder().with_layer(layers[one].clone());
        image.with_layer(layers[two].clone())
    };
    let note = "x".repeat(berth_domain::INLINE_MANIFEST_BYTES);
    vec![
        with(0, 1).build(),
        with(1, 2).annotation("n", "1").build(),
        with(0, 2).annotation("note", note).build(),
    ]
}

/// One thing that a client or a sweep does; its outcome does not matter here.
async fn act(process: Arc<Process>, images: Arc<Vec<Image>>, choice: [usize; 3]) {
    let [kind, repository, number] = choice;
    let name = REPOSITORIES[repository % 2];
    let image = &images[number % images.len()];
    match kind {
        0..=3 => {
            let tag = (number % 2 == 0).then_some("latest");
            process.push(name, image, tag).await;
        }
        4 => process.push_index(name, &images[..2]).await,
        5 => process.delete(name, image.digest()).await,
        6 => {
            let index = Index::of(Format::Oci, images[..2].to_vec());
            process.delete(name, index.digest()).await;
        }
        7 => process.delete_blob(name, image.layers[0].digest).await,
        8 | 9 => process.sweep().await,
        _ => process.work().await,
    }
}

/// Some rounds of several actors at once, by two processes; each round ends
/// with a crash of one, of both, or with the end of all.
pub(crate) async fn history(world: &World, seed: u64) {
    let mut chance = Chance::of(seed);
    let images = Arc::new(images());
    world.faults.interleave(seed);
    for _ in 0..4 {
        let processes = [world.start(), world.start()];
        let mut actors = Vec::new();
        for _ in 0..8 {
            let process = processes[chance.below(2)].clone();
            let choice = [chance.below(12), chance.below(2), chance.below(6)];
            let actor = act(process.clone(), images.clone(), choice);
            actors.push(process.run(actor));
        }
        let crashes = [chance.below(2) == 0, chance.below(3) == 0];
        if crashes.contains(&true) {
            for _ in 0..chance.below(200) {
                tokio::task::yield_now().await;
            }
        }
        for (process, crashes) in processes.iter().zip(crashes) {
            if crashes {
                process.crash().await;
            }
        }
        for actor in actors {
            // It was cut off, or came to its end.
            drop(actor.await);
        }
        for process in processes {
            process.idle().await;
        }
        world.clock.advance(std::time::Duration::from_secs(1));
    }
    drain(world).await;
    assert_nothing_left(world, &format!("history {seed}")).await;
}

/// How many histories a run tries.
pub(crate) fn seeds(few: u64) -> std::ops::Range<u64> {
    let full = std::env::var_os("BERTH_FULL").is_some();
    0..if full { few * 50 } else { few }
}
