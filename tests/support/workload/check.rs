//! Holds a server that was started again against what its clients know.

use std::sync::Arc;
use std::time::Duration;

use berth_testkit::hub::Hub;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::image::{Image, blob_path};
use super::model::{Chunk, Fate, Known, Loose, Model};
use super::random::Random;
use crate::support::http::{Client, with_query};

/// Images that are pulled at once.
const AT_ONCE: usize = 16;
/// Images of earlier cycles that are pulled again.
const SAMPLE: u64 = 24;

/// A server to be checked, and its upstream.
pub(crate) struct Check<'a> {
    pub(crate) client: &'a Client,
    pub(crate) hub: &'a Hub,
    /// How long a blob without a manifest, or an upload, is sure to be there.
    pub(crate) promise: Duration,
}

type Verdict<T = ()> = Result<T, String>;

impl Check<'_> {
    /// Checks all of the last cycle and some of the earlier ones; the model
    /// then knows what became of what was under way.
    pub(crate) async fn run(&self, model: &mut Model, random: &mut Random) {
        model.interrupted.clear();
        self.chunks(model).await;
        self.loose(model).await;
        let numbers = due(model, random);
        let known = |numbers: &[u64]| -> Vec<_> {
            let of = |number: &u64| (*number, model.images[number].clone());
            numbers.iter().map(of).collect()
        };
        // A pull does not wait until what it fills is on the disk, but later
        // that comes without asking the upstream.
        let cycle = model.cycle;
        let (kept, others): (Vec<_>, Vec<_>) = numbers.into_iter().partition(|number| {
            let known = &model.images[number];
            known.fate == Fate::Kept && (known.upstream.is_none() || known.cycle + 1 < cycle)
        });
        let (kept, others) = (known(&kept), known(&others));
        self.hub.clear_requests();
        self.images(kept, model).await;
        if let Some(request) = self.hub.log().first() {
            model
                .faults
                .push(format!("an earlier fill is not held: {request}"));
        }
        self.images(others, model).await;
    }

    async fn images(&self, images: Vec<(u64, Known)>, model: &mut Model) {
        let seen = images.into_iter().map(|(number, known)| async move {
            let seen = self.image(&known).await;
            (number, known, seen)
        });
        let seen: Vec<_> = stream::iter(seen).buffer_unordered(AT_ONCE).collect().await;
        for (number, known, seen) in seen {
            match seen {
                Ok(seen) => self.learn(number, &known, seen, model),
                Err(fault) => model
                    .faults
                    .push(format!("image {number}, {known:?}: {fault}")),
            }
        }
    }

    fn learn(&self, number: u64, known: &Known, seen: Seen, model: &mut Model) {
        model.totals.unsure += u64::from(known.fate == Fate::Unsure);
        let Seen::There { tagged } = seen else {
            model.totals.gone += 1;
            model.images.remove(&number);
            match &known.upstream {
                Some(upstream) => self.hub.delete_repository(upstream),
                None if known.fate == Fate::Unsure => {
                    let image = Arc::clone(&known.image);
                    model.interrupted.push((number, image));
                }
                None => {}
            }
            return;
        };
        model.totals.pulled += 1;
        if let Some(known) = model.images.get_mut(&number) {
            known.fate = Fate::Kept;
            known.tagged = tagged;
        }
    }

    /// What there is of an image. It is there as a whole or not at all.
    async fn image(&self, known: &Known) -> Verdict<Seen> {
        let image = &known.image;
        if let Some(upstream) = known
            .upstream
            .as_ref()
            .filter(|_| known.fate == Fate::Deleted)
        {
            self.hub.delete_repository(upstream);
        }
        let manifest = image.manifest().bytes;
        let by_digest = image.manifest_path(&image.digest.to_string());
        let by_tag = image.manifest_path(&image.tag);
        let tagged = known.tagged && self.pulls(&by_tag, &manifest).await?;
        let there = self.pulls(&by_digest, &manifest).await?;
        match (there, tagged, known.fate) {
            (true, true, Fate::Kept | Fate::Unsure) | (true, false, Fate::Unsure) => {}
            (true, false, Fate::Kept) if !known.tagged => {}
            (false, false, Fate::Deleted | Fate::Unsure) => return Ok(Seen::Gone),
            _ => return Err(format!("by digest: {there}, by tag: {tagged}")),
        }
        self.blobs(image).await?;
        Ok(Seen::There { tagged })
    }

    async fn blobs(&self, image: &Arc<Image>) -> Verdict {
        for blob in &image.blobs {
            let path = image.blob_path(blob);
            if !self.pulls(&path, &blob.bytes()).await? {
                return Err(format!("{path} is not there"));
            }
        }
        Ok(())
    }

    /// Blobs without a manifest are there for the time that was promised.
    async fn loose(&self, model: &mut Model) {
        for Loose {
            repository,
            blob,
            since,
        } in std::mem::take(&mut model.loose)
        {
            let path = blob_path(&repository, &blob);
            model.totals.loose += 1;
            match self.pulls(&path, &blob.bytes()).await {
                Ok(false) if since.elapsed() < self.promise => {
                    model.faults.push(format!("{path} is not there"));
                }
                Ok(_) => {}
                Err(fault) => model.faults.push(fault),
            }
        }
    }

    /// Uploads go on where their last chunk was acknowledged.
    async fn chunks(&self, model: &mut Model) {
        for chunk in std::mem::take(&mut model.chunks) {
            model.totals.loose += 1;
            match self.continues(&chunk).await {
                Err(fault) if chunk.since.elapsed() < self.promise => {
                    model.faults.push(format!("{chunk:?}: {fault}"));
                }
                _ => {}
            }
        }
    }

    async fn continues(&self, chunk: &Chunk) -> Verdict {
        let status = self.client.get(&chunk.location).send().await;
        let range = format!("0-{}", chunk.offset - 1);
        if status.status != 204 || status.header("range") != range {
            return Err(format!("{status:?}"));
        }
        let offset = usize::try_from(chunk.offset).unwrap();
        let put = with_query(&status.location(), &format!("digest={}", chunk.blob.digest));
        let bytes = chunk.blob.bytes();
        let put = self.client.put(&put).body(bytes.slice(offset..));
        let put = put.send().await;
        if put.status != 201 {
            return Err(format!("{put:?}"));
        }
        let path = blob_path(&chunk.repository, &chunk.blob);
        if self.pulls(&path, &bytes).await? {
            Ok(())
        } else {
            Err(format!("{path} is not there"))
        }
    }

    /// Whether something is there; an error if it is something else.
    async fn pulls(&self, path: &str, expected: &Bytes) -> Verdict<bool> {
        let answer = self.client.get(path).send().await;
        match answer.status {
            404 => Ok(false),
            200 if answer.body == *expected => Ok(true),
            _ => Err(format!(
                "{path} has {} bytes: {answer:?}",
                answer.body.len()
            )),
        }
    }
}

#[derive(Clone, Copy)]
enum Seen {
    There { tagged: bool },
    Gone,
}

/// What is looked at: all that the last cycle touched, and a sample.
fn due(model: &Model, random: &mut Random) -> Vec<u64> {
    let mut due = model.numbers(|known| known.cycle == model.cycle || known.fate != Fate::Kept);
    let earlier = model.numbers(|known| known.cycle != model.cycle && known.fate == Fate::Kept);
    if !earlier.is_empty() {
        due.extend((0..SAMPLE).map(|_| *random.pick(&earlier)));
        due.sort_unstable();
        due.dedup();
    }
    due
}
