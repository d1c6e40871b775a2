//! Clients that push, delete and pull through until their server dies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use berth_testkit::hub::Hub;
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::watch;

use super::{CACHE, PROJECT, PROMISE};
use crate::support::http::{Answer, Client, Request};
use crate::support::workload::image::{Blob, Image};
use crate::support::workload::model::{Chunk, Loose, Model};
use crate::support::workload::push::{self, Ask};
use crate::support::workload::random::Random;

/// Clients at once.
const CLIENTS: usize = 200;
/// Repositories that are pushed to.
const REPOSITORIES: u64 = 6;
/// With more images than this, deletions are as frequent as pushes.
const ENOUGH: usize = 300;

/// The connection broke, or what came was wrong and is on record: the client
/// does no more.
pub(super) struct Gone;

type Step<T = ()> = Result<T, Gone>;

/// What all clients share.
pub(super) struct Load {
    client: Client,
    model: Arc<Mutex<Model>>,
    hub: Arc<Hub>,
    /// Layers that many images have.
    shared: Vec<Blob>,
    /// Set before the server is killed: broken connections are no fault then.
    dying: AtomicBool,
    /// Images that were acknowledged.
    images: watch::Sender<u64>,
}

impl Load {
    pub(super) fn new(
        client: Client,
        model: &Arc<Mutex<Model>>,
        hub: &Arc<Hub>,
        shared: Vec<Blob>,
    ) -> Self {
        Self {
            client,
            model: Arc::clone(model),
            hub: Arc::clone(hub),
            shared,
            dying: AtomicBool::new(false),
            images: watch::Sender::new(0),
        }
    }

    /// Says that the server is about to die.
    pub(super) fn is_about_to_end(&self) {
        self.dying.store(true, Ordering::SeqCst);
    }

    /// Waits until so many images were acknowledged.
    pub(super) async fn has_acknowledged(&self, images: u64) {
        let mut seen = self.images.subscribe();
        let _ = seen.wait_for(|seen| *seen >= images).await;
    }

    /// Whether that was said.
    pub(super) fn ends(&self) -> bool {
        self.dying.load(Ordering::SeqCst)
    }

    /// Runs all clients until the server is gone.
    pub(super) async fn run(&self, random: &mut Random) {
        let clients = (0..CLIENTS).map(|_| {
            let mut random = random.fork();
            async move { while !self.ends() && self.step(&mut random).await.is_ok() {} }
        });
        join_all(clients).await;
    }

    async fn step(&self, random: &mut Random) -> Step {
        let deletions = if self.model().kept_count() > ENOUGH {
            45
        } else {
            15
        };
        match random.within(0..100) {
            choice if choice < deletions => self.delete(random).await,
            choice if choice < deletions + 15 => self.fill(random).await,
            choice if choice < deletions + 22 => self.push_loose(random).await,
            choice if choice < deletions + 27 => self.push_chunk(random).await,
            _ => self.push(random).await,
        }
    }

    /// Pushes an image: one whose push was cut short, or a new one.
    async fn push(&self, random: &mut Random) -> Step {
        let interrupted = self.model().interrupted.pop();
        let again = interrupted.is_some();
        let (number, image) = interrupted.unwrap_or_else(|| self.new_image(random));
        self.model().begin(number, Arc::clone(&image), None);
        let since = Instant::now();
        for blob in &image.blobs {
            let trusts_head = again || random.percent(25);
            let path = image.blob_path(blob);
            if trusts_head && self.ask(self.client.head(&path), &[200, 404]).await?.status == 200 {
                continue;
            }
            self.push_blob(&image.repository, blob, random).await?;
        }
        let manifest = image.manifest();
        let put = self.client.put(&image.manifest_path(&image.tag));
        let put = put.header("content-type", &manifest.media_type);
        let answer = self.ask(put.body(manifest.bytes), &[201, 404]).await?;
        if answer.status == 201 {
            self.acknowledged(number);
        } else if since.elapsed() < PROMISE {
            return self.fault(format!("too early: {answer:?}"));
        }
        Ok(())
    }

    fn new_image(&self, random: &mut Random) -> (u64, Arc<Image>) {
        let number = self.model().fresh();
        let count = usize::try_from(random.within(0..4)).unwrap();
        let shared: Vec<_> = (0..count).map(|_| *random.pick(&self.shared)).collect();
        let image = Image::random(repository(random), format!("t{number}"), &shared, random);
        (number, Arc::new(image))
    }

    async fn push_blob(&self, repository: &str, blob: &Blob, random: &mut Random) -> Step {
        let from = self::repository(random);
        push::push_blob(self, repository, blob, &from, random).await?;
        self.model().totals.blobs += 1;
        Ok(())
    }

    async fn push_loose(&self, random: &mut Random) -> Step {
        let (repository, blob) = (repository(random), Blob::random(random));
        let since = Instant::now();
        self.push_blob(&repository, &blob, random).await?;
        let loose = Loose {
            repository,
            blob,
            since,
        };
        self.model().loose.push(loose);
        Ok(())
    }

    async fn push_chunk(&self, random: &mut Random) -> Step {
        let (repository, blob) = (repository(random), Blob::random(random));
        let since = Instant::now();
        let bytes = blob.bytes().slice(..500);
        let location = push::push_chunk(self, &repository, bytes).await?;
        let chunk = Chunk {
            repository,
            blob,
            location,
            offset: 500,
            since,
        };
        self.model().chunks.push(chunk);
        Ok(())
    }

    async fn delete(&self, random: &mut Random) -> Step {
        let Some((number, image)) = self.model().doom(random) else {
            return self.push(random).await;
        };
        let path = image.manifest_path(&image.digest.to_string());
        self.ask(self.client.delete(&path), &[202]).await?;
        self.model().deleted(number);
        Ok(())
    }

    /// Pulls a new image of the upstream, as a client does: the manifest, then
    /// what it names.
    async fn fill(&self, random: &mut Random) -> Step {
        let number = self.model().fresh();
        let upstream = format!("up/i{number}");
        let shared = [*random.pick(&self.shared)];
        let image = Image::random(format!("{CACHE}/{upstream}"), "t".into(), &shared, random);
        let image = Arc::new(image);
        for blob in &image.blobs {
            self.hub.push_seeded_blob(&upstream, blob.seed, blob.size);
        }
        let manifest = image.manifest();
        self.hub.push_manifest(&upstream, &manifest);
        self.hub.tag(&upstream, &image.tag, image.digest);
        self.model()
            .begin(number, Arc::clone(&image), Some(upstream));
        let get = self.client.get(&image.manifest_path(&image.tag));
        self.compare(get, &manifest.bytes).await?;
        for blob in &image.blobs {
            let get = self.client.get(&image.blob_path(blob));
            self.compare(get, &blob.bytes()).await?;
        }
        self.acknowledged(number);
        Ok(())
    }

    fn acknowledged(&self, number: u64) {
        self.model().kept(number);
        self.images.send_modify(|images| *images += 1);
    }

    async fn compare(&self, get: Request, expected: &Bytes) -> Step {
        let answer = self.ask(get, &[200]).await?;
        if answer.body != *expected {
            let fault = format!("other bytes than the upstream's: {}", answer.text());
            return self.fault(fault);
        }
        Ok(())
    }

    /// Sends a request. Any other status than these is a fault, and so is a
    /// broken connection while the server lives.
    async fn ask(&self, request: Request, statuses: &[u16]) -> Step<Answer> {
        match request.try_send().await {
            Ok(answer) if statuses.contains(&answer.status) => Ok(answer),
            Ok(answer) => self.fault(format!("{answer:?}")),
            Err(_) if self.ends() => Err(Gone),
            Err(error) => self.fault(format!("{error:?}")),
        }
    }

    fn fault<T>(&self, fault: String) -> Step<T> {
        self.model().faults.push(fault);
        Err(Gone)
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ask for Load {
    type Gone = Gone;

    async fn ask(
        &self,
        request: impl FnOnce(&Client) -> Request,
        statuses: &[u16],
    ) -> Step<Answer> {
        Self::ask(self, request(&self.client), statuses).await
    }
}

fn repository(random: &mut Random) -> String {
    format!("{PROJECT}/r{}", random.within(0..REPOSITORIES))
}
