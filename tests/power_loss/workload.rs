//! What clients do while a server is recorded.

use std::sync::{Arc, Mutex};

use berth_oci::Digest;
use berth_testkit::image::{Content, Image, Index, Layer, random_bytes};
use bytes::Bytes;
use rusqlite::{Connection, OpenFlags};

use super::acknowledged::{Asked, Deletion, upload_of};
use crate::support::http::{Client, with_query};
use crate::support::server::Server;
use crate::support::wait::until;

/// Pushes, tags, mounts, deletes and uploads by several clients at once, until
/// the jobs of it are done.
pub(super) async fn run(server: &Server, clients: usize, rounds: usize) -> Asked {
    let asked = Arc::new(Mutex::new(Asked::default()));
    let workers = (0..clients).map(|number| {
        let worker = Worker {
            client: server.admin(),
            repository: format!("library/w{number}"),
            asked: Arc::clone(&asked),
            // Only one deletes: an answer does not say what was deleted.
            deletes: number == 0,
        };
        tokio::spawn(worker.work(rounds))
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    until("all jobs are done", async || jobs(server) == 0).await;
    Arc::into_inner(asked).unwrap().into_inner().unwrap()
}

fn jobs(server: &Server) -> i64 {
    let database = server.data().join("metadata.sqlite");
    let read = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(database, read).unwrap();
    let sql = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM outbox)";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

struct Worker {
    client: Client,
    repository: String,
    asked: Arc<Mutex<Asked>>,
    deletes: bool,
}

impl Worker {
    async fn work(self, rounds: usize) {
        let mut last: Option<Image> = None;
        for round in 0..rounds {
            let image = self.image(round, last.as_ref());
            self.push_blobs(&image).await;
            let tag = format!("t{round}");
            self.push_manifest(&tag, &image.manifest).await;
            self.push_manifest("latest", &image.manifest).await;
            match round % 4 {
                0 => self.leave_upload().await,
                1 => self.cancel_upload().await,
                2 => self.mount(&image).await,
                _ => self.push_index(round).await,
            }
            if self.deletes {
                self.delete_blob().await;
            }
            if let Some(last) = last.filter(|_| self.deletes) {
                self.delete_manifest(last.digest()).await;
            }
            last = Some(image);
        }
    }

    /// An image that shares a layer with the last one; some have manifests
    /// that are kept beside the blobs, some refer to another.
    fn image(&self, round: usize, last: Option<&Image>) -> Image {
        let mut image = Image::builder().layer(400).layer(6000);
        if round % 3 == 1 {
            image = image.annotation("a", "a".repeat(12_000));
        }
        if round % 3 == 2 {
            let last = last.unwrap();
            image = image.subject(&last.manifest);
        }
        if self.deletes && round > 0 {
            return image.build();
        }
        let shared = Layer::of_file("shared", self.repository.as_bytes());
        image.with_layer(shared).build()
    }

    async fn push_blobs(&self, image: &Image) {
        let (last, others) = image.layers.split_last().unwrap();
        for blob in others.iter().chain([&image.config]) {
            let bytes = blob.bytes.clone();
            self.client.push_blob(&self.repository, bytes).await;
        }
        let location = self.upload(&last.bytes, last.bytes.len()).await;
        let put = with_query(&location, &format!("digest={}", last.digest));
        self.client.put(&put).send().await.expect(201);
    }

    /// Starts an upload and sends the first `length` bytes in two parts;
    /// answers where it goes on.
    async fn upload(&self, bytes: &Bytes, length: usize) -> String {
        let mut location = self.client.start_upload(&self.repository).await;
        let id = upload_of(&location).unwrap();
        self.asked.lock().unwrap().uploads.insert(id, bytes.clone());
        let half = length / 2;
        for part in [bytes.slice(..half), bytes.slice(half..length)] {
            let patch = self.client.patch(&location).body(part);
            location = patch.send().await.expect(202).location();
        }
        location
    }

    async fn leave_upload(&self) {
        self.upload(&random_bytes(9000), 7000).await;
    }

    async fn cancel_upload(&self) {
        let location = self.upload(&random_bytes(3000), 2000).await;
        self.client.delete(&location).send().await.expect(204);
    }

    async fn mount(&self, image: &Image) {
        let path = format!(
            "/v2/{}/mounted/blobs/uploads/?mount={}&from={}",
            self.repository, image.layers[0].digest, self.repository
        );
        self.client.post(&path).send().await.expect(201);
    }

    async fn push_index(&self, round: usize) {
        let index = Index::random(&["linux/amd64", "linux/arm64"], 300);
        for image in &index.images {
            self.push_blobs(image).await;
            let digest = image.digest().to_string();
            self.push_manifest(&digest, &image.manifest).await;
        }
        let tag = format!("i{round}");
        self.push_manifest(&tag, &index.manifest).await;
    }

    /// Pushes a manifest with a tag or by its digest.
    async fn push_manifest(&self, reference: &str, manifest: &Content) {
        let repository = self.repository.parse().unwrap();
        let key = (repository, manifest.digest);
        {
            let mut asked = self.asked.lock().unwrap();
            let tags = asked.tags.entry(key.clone()).or_default();
            if let Ok(tag) = reference.parse() {
                tags.push(tag);
                let tag = (key.0, reference.parse().unwrap());
                let history = asked.history.entry(tag).or_default();
                history.push(manifest.digest);
            }
        }
        self.client
            .push_manifest(&self.repository, reference, manifest)
            .await
            .expect(201);
    }

    /// Pushes a blob that no manifest names, and deletes it.
    async fn delete_blob(&self) {
        let bytes = random_bytes(500);
        let digest = self.client.push_blob(&self.repository, bytes).await;
        let repository = self.repository.parse().unwrap();
        self.delete(Deletion::Blob(repository, digest)).await;
    }

    async fn delete_manifest(&self, digest: Digest) {
        let repository = self.repository.parse().unwrap();
        self.delete(Deletion::Manifest(repository, digest)).await;
    }

    async fn delete(&self, deletion: Deletion) {
        let path = match &deletion {
            Deletion::Manifest(name, digest) => format!("/v2/{name}/manifests/{digest}"),
            Deletion::Blob(name, digest) => format!("/v2/{name}/blobs/{digest}"),
        };
        self.asked.lock().unwrap().deleted.push(deletion);
        self.client.delete(&path).send().await.expect(202);
    }
}
