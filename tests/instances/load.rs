//! Clients that use several instances as if they were one: each request goes to
//! another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::timeout;

use super::fleet::Fleet;
use super::register::Register;
use super::{PROJECT, PROMISE};
use crate::support::http::{Answer, Client, Request};
use crate::support::workload::image::{Blob, Image};
use crate::support::workload::model::{Fate, Model};
use crate::support::workload::push::{self, Ask};
use crate::support::workload::random::Random;

/// Repositories that are pushed to.
const REPOSITORIES: u64 = 6;
/// Tags that many move.
const REGISTERS: u64 = 4;
/// Layers that many images have.
const LAYERS: usize = 12;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why a client does not go on with what it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// It is to begin again: its instance was killed, or refused for now.
    Again,
    /// What came was wrong, and is on record.
    Wrong,
}

type Step<T = ()> = Result<T, Halt>;

/// What a run has done, beside what the model counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) kills: u64,
    pub(super) pulls: u64,
    pub(super) moves: u64,
    /// Requests that a kill, or a store that broke off, cut short.
    pub(super) lost: u64,
    /// Requests that were answered 503.
    pub(super) refused: u64,
}

/// What the clients are, and what they must bear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How many there are.
    pub(super) clients: usize,
    /// Whether some manifests are too large to be kept beside the metadata.
    pub(super) large: bool,
    /// Whether the store breaks off, and so the body of an answer may.
    pub(super) breaks: bool,
}

/// What all clients share.
pub(super) struct Load {
    pub(super) fleet: Fleet,
    plan: Plan,
    model: Mutex<Model>,
    /// Tags that many move.
    pub(super) registers: Vec<Register>,
    layers: Vec<Blob>,
    ending: AtomicBool,
    images: watch::Sender<u64>,
    totals: Mutex<Totals>,
}

impl Load {
    pub(super) fn new(fleet: Fleet, plan: Plan, random: &mut Random) -> Self {
        let register = |number| Register::new(repository(random), format!("shared{number}"));
        Self {
            fleet,
            plan,
            model: Mutex::default(),
            registers: (0..REGISTERS).map(register).collect(),
            layers: (0..LAYERS).map(|_| Blob::random(random)).collect(),
            ending: AtomicBool::new(false),
            images: watch::Sender::new(0),
            totals: Mutex::default(),
        }
    }

    /// Runs all clients until they are told to end.
    pub(super) async fn run(&self, random: &mut Random) {
        let clients = (0..self.plan.clients).map(|_| {
            let mut random = random.fork();
            async move { while !self.ends() && self.step(&mut random).await != Err(Halt::Wrong) {} }
        });
        join_all(clients).await;
    }

    /// Lets all clients end what they do.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Waits until so many more images were acknowledged.
    pub(super) async fn has_acknowledged_more(&self, images: u64) {
        let mut seen = self.images.subscribe();
        let enough = *seen.borrow() + images;
        let _ = seen.wait_for(|seen| *seen >= enough).await;
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }

    pub(super) fn totals(&self) -> MutexGuard<'_, Totals> {
        lock(&self.totals)
    }

    /// Whether that was said, or something was wrong.
    pub(super) fn ends(&self) -> bool {
        self.ending.load(Ordering::SeqCst) || !self.model().faults.is_empty()
    }

    async fn step(&self, random: &mut Random) -> Step {
        match random.within(0..100) {
            0..10 => self.delete(random).await,
            10..25 => self.pull(random).await,
            25..45 => self.move_tag(random).await,
            45..60 => self.read_tag(random.pick(&self.registers)).await,
            60..62 => self.leave_upload(random).await,
            _ => self.push(random).await,
        }
    }

    /// Pushes an image under a tag of its own.
    async fn push(&self, random: &mut Random) -> Step {
        let number = self.model().fresh();
        let image = self.image(repository(random), format!("t{number}"), random);
        self.model().begin(number, Arc::clone(&image), None);
        let mut again = false;
        while let Err(halt) = self.try_push(&image, again, random).await {
            // Some do not try again, and never know what became of it.
            if halt == Halt::Wrong || random.percent(20) {
                return Err(halt);
            }
            again = true;
        }
        self.model().kept(number);
        self.images.send_modify(|images| *images += 1);
        Ok(())
    }

    async fn try_push(&self, image: &Arc<Image>, again: bool, random: &mut Random) -> Step {
        let since = Instant::now();
        for blob in &image.blobs {
            let path = image.blob_path(blob);
            let asks = again || random.percent(25);
            if asks && self.ask(|c| c.head(&path), &[200, 404]).await?.status == 200 {
                continue;
            }
            let from = repository(random);
            push::push_blob(self, &image.repository, blob, &from, random).await?;
            self.model().totals.blobs += 1;
        }
        self.put_manifest(image, since).await
    }

    /// Pushes the manifest of an image whose blobs are there since then.
    async fn put_manifest(&self, image: &Image, since: Instant) -> Step {
        let manifest = image.manifest();
        let path = image.manifest_path(&image.tag);
        let put = |client: &Client| {
            let put = client.put(&path);
            put.header("content-type", &manifest.media_type)
                .body(manifest.bytes)
        };
        let answer = self.ask(put, &[201, 404]).await?;
        if answer.status == 201 {
            Ok(())
        } else if since.elapsed() < PROMISE {
            self.fault(format!("too early: {answer:?}"))
        } else {
            Err(Halt::Again)
        }
    }

    fn image(&self, repository: String, tag: String, random: &mut Random) -> Arc<Image> {
        let count = usize::try_from(random.within(0..3)).unwrap();
        let layers: Vec<_> = (0..count).map(|_| *random.pick(&self.layers)).collect();
        let image = Image::random(repository, tag, &layers, random);
        Arc::new(if self.plan.large {
            image
        } else {
            image.small()
        })
    }

    /// Pulls an image that somebody pushed.
    async fn pull(&self, random: &mut Random) -> Step {
        let kept = self.model().numbers(|known| known.fate == Fate::Kept);
        if kept.is_empty() {
            return self.push(random).await;
        }
        let number = *random.pick(&kept);
        let image = Arc::clone(&self.model().images[&number].image);
        let by_tag = image.manifest_path(&image.tag);
        let manifest = image.manifest().bytes;
        let blobs = image.blobs.iter();
        let blobs = blobs.map(|blob| (image.blob_path(blob), blob.bytes()));
        for (path, bytes) in [(by_tag, manifest)].into_iter().chain(blobs) {
            let answer = self.ask(|client| client.get(&path), &[200, 404]).await?;
            if answer.status == 404 {
                // Somebody deletes it, or else it is lost.
                let kept = self.model().images[&number].fate == Fate::Kept;
                return if kept {
                    self.fault(format!("lost: {answer:?}"))
                } else {
                    Ok(())
                };
            }
            self.compare(&path, &answer.body, &bytes)?;
        }
        self.totals().pulls += 1;
        Ok(())
    }

    async fn delete(&self, random: &mut Random) -> Step {
        let Some((number, image)) = self.model().doom(random) else {
            return self.push(random).await;
        };
        let path = image.manifest_path(&image.digest.to_string());
        // A deletion whose answer is lost may be done.
        let mut statuses: &[u16] = &[202];
        while let Err(halt) = self.ask(|client| client.delete(&path), statuses).await {
            if halt == Halt::Wrong || random.percent(20) {
                return Err(halt);
            }
            statuses = &[202, 404];
        }
        self.model().deleted(number);
        Ok(())
    }

    /// Moves a tag that others move too, to a new image or one of those before,
    /// and looks where it is.
    async fn move_tag(&self, random: &mut Random) -> Step {
        let register = random.pick(&self.registers);
        let former = register.former(random).filter(|_| random.percent(75));
        let is_new = former.is_none();
        let image = former.unwrap_or_else(|| {
            let (repository, tag) = (register.repository.clone(), register.tag.clone());
            self.image(repository, tag, random)
        });
        let mut again = false;
        loop {
            let number = register.begin(&image);
            let pushed = if is_new {
                self.try_push(&image, again, random).await
            } else {
                self.put_manifest(&image, Instant::now()).await
            };
            match pushed {
                Ok(()) => {
                    register.acknowledged(number);
                    self.totals().moves += 1;
                    return self.read_tag(register).await;
                }
                Err(halt) if halt == Halt::Wrong || random.percent(20) => return Err(halt),
                Err(_) => again = true,
            }
        }
    }

    async fn read_tag(&self, register: &Register) -> Step {
        let (path, asked) = (register.path(), Instant::now());
        let answer = self.ask(|client| client.get(&path), &[200, 404]).await?;
        if register.admits(&answer, asked) {
            return Ok(());
        }
        self.fault(format!("the tag was moved on from that: {answer:?}"))
    }

    /// Begins an upload and goes away.
    async fn leave_upload(&self, random: &mut Random) -> Step {
        let (repository, blob) = (repository(random), Blob::random(random));
        push::push_chunk(self, &repository, blob.bytes()).await?;
        Ok(())
    }

    fn compare(&self, path: &str, found: &Bytes, expected: &Bytes) -> Step {
        if found == expected {
            return Ok(());
        }
        let (found, expected) = (found.len(), expected.len());
        self.fault(format!("{path}: {found} other bytes than the {expected}"))
    }

    fn fault<T>(&self, fault: String) -> Step<T> {
        self.model().faults.push(fault);
        Err(Halt::Wrong)
    }
}

impl Ask for Load {
    type Gone = Halt;

    /// Any other status than these is a fault, but for a 503 that says when to
    /// come back, and so is a broken connection to an instance that was not
    /// killed.
    async fn ask(
        &self,
        request: impl FnOnce(&Client) -> Request,
        statuses: &[u16],
    ) -> Step<Answer> {
        let instance = self.fleet.next();
        let life = instance.life();
        let sent = timeout(PATIENCE, request(&life.client).try_send()).await;
        match sent {
            Ok(Ok(answer)) if statuses.contains(&answer.status) => Ok(answer),
            Ok(Ok(answer)) if answer.status == 503 && !answer.header("retry-after").is_empty() => {
                if !self.plan.breaks {
                    println!("instances: refused: {answer:?}");
                }
                self.totals().refused += 1;
                Err(Halt::Again)
            }
            Ok(Ok(answer)) => self.fault(format!("{answer:?}")),
            Ok(Err(error)) if self.plan.breaks && is_cut_short(&error) => {
                self.totals().lost += 1;
                Err(Halt::Again)
            }
            _ if instance.was_killed_in(&life) => {
                self.totals().lost += 1;
                Err(Halt::Again)
            }
            Ok(Err(error)) => self.fault(format!("{error:?}")),
            Err(_) => self.fault(format!("no answer in {PATIENCE:?}")),
        }
    }
}

/// Whether an answer had begun, whose body broke off.
fn is_cut_short(error: &reqwest::Error) -> bool {
    error.is_body() || error.is_decode()
}

fn repository(random: &mut Random) -> String {
    format!("{PROJECT}/r{}", random.within(0..REPOSITORIES))
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
