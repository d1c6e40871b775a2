//! Writing a fixture with the program of the version whose format it keeps.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use berth_oci::{Algorithm, Digest};
use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::{Content, Format, Image, Index, random_bytes};
use rusqlite::Connection;

use super::fixture::{Contents, FIRST_HALF, HeldBlob, HeldManifest, MEMBER, STRANGER, UPSTREAM};
use crate::support::http::{Client, with_query};
use crate::support::server::Server;
use crate::support::wait::until;

const DEVELOPER: u32 = 2;
const GUEST: u32 = 3;

#[tokio::test]
#[ignore = "writes a fixture, see tests/fixtures/README.md"]
async fn a_fixture_is_written() {
    let archive = PathBuf::from(env::var_os("BERTH_FIXTURE").unwrap());
    let upstream = Hub::start_with(HubSettings::basic(UPSTREAM.user, UPSTREAM.password)).await;
    let server = Server::start().await;
    let mut writing = Writing {
        admin: server.admin(),
        database: Connection::open(server.data().join("metadata.sqlite")).unwrap(),
        contents: Contents::default(),
    };
    writing.people().await;
    writing.images().await;
    writing.cache(&upstream).await;
    writing.garbage().await;
    writing.uploads().await;
    writing.half_done().await;
    let Writing {
        contents, database, ..
    } = writing;
    // Not the last connection: the log is not put into the database.
    drop(database);
    let pid = server.pid().to_string();
    let killed = Command::new("kill").args(["-KILL", &pid]).status();
    assert!(killed.unwrap().success());
    let stopped = server.stop();
    pack(&stopped.data, &contents, &archive);
}

/// Packs a data folder and what is in it, the same way each time.
fn pack(data: &Path, contents: &Contents, archive: &Path) {
    let folder = data.parent().unwrap();
    let contents = serde_json::to_vec_pretty(contents).unwrap();
    fs::write(folder.join("contents.json"), contents).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .arg("-czf")
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .args(["contents.json", "data"]);
    assert!(tar.status().unwrap().success());
}

/// A server that is being filled.
struct Writing {
    admin: Client,
    database: Connection,
    contents: Contents,
}

impl Writing {
    async fn people(&self) {
        let admin = &self.admin;
        admin.create_user(MEMBER.user, MEMBER.password).await;
        admin.create_user(STRANGER.user, STRANGER.password).await;
        admin.create_project("open", true).await;
        admin.create_project("secret", false).await;
        admin.add_member("secret", MEMBER.user, DEVELOPER).await;
    }

    async fn images(&mut self) {
        let image = Image::builder().layer(3000).layer(4000).build();
        self.push("open/app", &["1.0", "1", "latest"], &image).await;
        let moved = Image::builder().layer(500).build();
        self.push("open/app", &["2.0"], &moved).await;
        self.tag("open/app", "latest", &moved.manifest).await;
        let docker = Image::builder().format(Format::Docker).layer(500).build();
        self.push("open/docker", &["latest"], &docker).await;
        let large = Image::builder().annotation("a", "a".repeat(20_000));
        self.push("open/large", &["latest"], &large.layer(100).build())
            .await;
        let signature = Image::builder()
            .subject(&image.manifest)
            .artifact_type("application/vnd.example.signature")
            .annotation("by", "nobody");
        self.push("open/app", &[], &signature.build()).await;
        let index = Index::random(&["linux/amd64", "linux/arm64"], 400);
        for image in &index.images {
            self.push("open/index", &[], image).await;
        }
        self.tag("open/index", "latest", &index.manifest).await;
        // Its blobs are mounted.
        for blob in image.blobs() {
            let path = format!(
                "/v2/secret/app/blobs/uploads/?mount={}&from=open/app",
                blob.digest
            );
            self.admin.post(&path).send().await.expect(201);
            self.holds_blob("secret/app", blob.digest);
        }
        self.tag("secret/app", "1.0", &image.manifest).await;
        self.sha512().await;
    }

    /// A blob and a manifest under SHA-512.
    async fn sha512(&mut self) {
        let repository = "open/sha512";
        let mut image = Image::builder().layer(300).build();
        for blob in image.blobs() {
            let digest = Digest::of(Algorithm::Sha512, &blob.bytes);
            let location = self.admin.start_upload(repository).await;
            let put = with_query(&location, &format!("digest={digest}"));
            let put = self.admin.put(&put).body(blob.bytes.clone());
            put.send().await.expect(201);
            self.holds_blob(repository, digest);
        }
        let text = String::from_utf8(image.manifest.bytes.to_vec()).unwrap();
        let text = image.blobs().fold(text, |text, blob| {
            let digest = Digest::of(Algorithm::Sha512, &blob.bytes);
            text.replace(&blob.digest.to_string(), &digest.to_string())
        });
        image.manifest = Content::new(image.manifest.media_type.clone(), text);
        image.manifest.digest = Digest::of(Algorithm::Sha512, &image.manifest.bytes);
        let reference = image.manifest.digest.to_string();
        self.tag(repository, &reference, &image.manifest).await;
    }

    async fn cache(&mut self, upstream: &Hub) {
        let image = Image::builder().layer(600).build();
        upstream.push_image("team/tool", "1", &image);
        let (admin, url) = (&self.admin, upstream.url());
        let registry = admin.create_registry("upstream", &url, Some(UPSTREAM));
        let registry = registry.await;
        admin.create_proxy_project("cache", registry, false).await;
        admin.add_member("cache", MEMBER.user, GUEST).await;
        let repository = "cache/team/tool";
        self.holds_manifest(repository, "1", &image.manifest);
        let digest = image.digest().to_string();
        self.holds_manifest(repository, &digest, &image.manifest);
        for manifest in &self.contents.manifests {
            if manifest.repository == repository {
                manifest.assert_pulls(&self.admin).await;
            }
        }
        for blob in image.blobs() {
            self.holds_blob(repository, blob.digest);
            let blob = self.contents.blobs.last().unwrap();
            blob.assert_pulls(&self.admin).await;
        }
        // What was fetched becomes visible after the answer.
        let links = "SELECT count(*) = 2 FROM links WHERE repository = 'cache/team/tool'";
        until("the blobs are held", async || self.is(links)).await;
        let tag = "SELECT count(*) = 1 FROM tags WHERE repository = 'cache/team/tool'";
        until("the tag is held", async || self.is(tag)).await;
    }

    /// What nothing names any more, with its entries in the GC queue.
    async fn garbage(&mut self) {
        let repository = "open/garbage";
        self.admin.push_blob(repository, random_bytes(700)).await;
        let image = Image::random(200);
        self.admin.push_image(repository, "gone", &image).await;
        let path = format!("/v2/{repository}/manifests/");
        for reference in ["gone", &image.digest().to_string()] {
            let delete = self.admin.delete(&format!("{path}{reference}"));
            delete.send().await.expect(202);
        }
        self.nothing_to_do().await;
    }

    async fn uploads(&mut self) {
        let location = self.admin.start_upload("open/app").await;
        let patch = self.admin.patch(&location).body(FIRST_HALF);
        self.contents.upload = relative(&patch.send().await.expect(202).location());
        let location = self.admin.start_upload("open/app").await;
        self.contents.empty_upload = relative(&location);
    }

    /// What a crash leaves: triggers make the transactions fail after which
    /// the crash would come.
    async fn half_done(&mut self) {
        self.execute(
            r#"INSERT INTO jobs (envelope, visible_at, attempt)
               VALUES ('{"v":99,"id":"00000000000000000000000000000001",
                         "job":{"kind":"sweep_uploads"}}', 0, 0)"#,
        );
        let dead = "SELECT count(*) = 1 FROM dead_letters";
        until("the dead letter", async || self.is(dead)).await;
        self.job_in_queue().await;
        self.job_in_outbox().await;
        self.pending_manifest().await;
    }

    /// A job that was done, but is still in the queue.
    async fn job_in_queue(&self) {
        self.refuse("DELETE ON jobs");
        self.delete_new_image("open/queue").await;
        let done = "SELECT NOT EXISTS (SELECT 1 FROM edges WHERE repository = 'open/queue')";
        until("the job is done", async || self.is(done)).await;
        let left = "SELECT count(*) = 1 FROM jobs";
        assert!(self.is(left));
        self.execute("DROP TRIGGER refused");
    }

    /// A job that was not sent.
    async fn job_in_outbox(&self) {
        self.refuse("INSERT ON jobs");
        self.delete_new_image("open/outbox").await;
        assert!(self.is("SELECT count(*) = 1 FROM outbox"));
        self.execute("DROP TRIGGER refused");
    }

    /// A manifest with edges and bytes that was neither committed nor given up.
    async fn pending_manifest(&mut self) {
        let repository = "open/pending";
        let image = Image::builder().annotation("b", "b".repeat(20_000));
        let image = image.layer(250).build();
        self.admin.push_blobs(repository, &image).await;
        self.refuse("UPDATE ON manifests");
        self.execute(
            "CREATE TRIGGER refused_too BEFORE DELETE ON manifests
             BEGIN SELECT json('refused'); END",
        );
        let answer = self
            .admin
            .push_manifest(repository, "latest", &image.manifest);
        assert!(answer.await.status >= 500);
        assert!(self.is("SELECT count(*) = 1 FROM manifests WHERE state = 'pending'"));
        self.execute("DROP TRIGGER refused");
        self.execute("DROP TRIGGER refused_too");
        self.contents.pending = held(repository, "latest", &image.manifest);
    }

    async fn delete_new_image(&self, repository: &str) {
        let image = Image::random(100);
        self.admin.push_image(repository, "gone", &image).await;
        let path = format!("/v2/{repository}/manifests/{}", image.digest());
        self.admin.delete(&path).send().await.expect(202);
    }

    /// Pushes an image with tags; what was pushed and its digest are held.
    async fn push(&mut self, repository: &str, tags: &[&str], image: &Image) {
        self.admin.push_blobs(repository, image).await;
        for blob in image.blobs() {
            self.holds_blob(repository, blob.digest);
        }
        let digest = image.digest().to_string();
        for reference in tags.iter().copied().chain([digest.as_str()]) {
            self.tag(repository, reference, &image.manifest).await;
        }
    }

    /// Pushes a manifest as a reference, whose older meaning is forgotten.
    async fn tag(&mut self, repository: &str, reference: &str, manifest: &Content) {
        self.admin
            .push_manifest(repository, reference, manifest)
            .await
            .expect(201);
        self.contents
            .manifests
            .retain(|held| held.repository != repository || held.reference != reference);
        self.holds_manifest(repository, reference, manifest);
    }

    fn holds_manifest(&mut self, repository: &str, reference: &str, manifest: &Content) {
        self.contents
            .manifests
            .push(held(repository, reference, manifest));
    }

    fn holds_blob(&mut self, repository: &str, digest: Digest) {
        self.contents.blobs.push(HeldBlob {
            repository: repository.to_owned(),
            digest,
        });
    }

    async fn nothing_to_do(&self) {
        let idle = "SELECT NOT EXISTS (SELECT 1 FROM jobs) AND NOT EXISTS (SELECT 1 FROM outbox)";
        until("all jobs are done", async || self.is(idle)).await;
    }

    fn refuse(&self, what: &str) {
        self.execute(&format!(
            "CREATE TRIGGER refused BEFORE {what} BEGIN SELECT json('refused'); END"
        ));
    }

    fn execute(&self, sql: &str) {
        self.database.execute_batch(sql).unwrap();
    }

    fn is(&self, sql: &str) -> bool {
        self.database.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn held(repository: &str, reference: &str, manifest: &Content) -> HeldManifest {
    HeldManifest {
        repository: repository.to_owned(),
        reference: reference.to_owned(),
        media_type: manifest.media_type.clone(),
        text: String::from_utf8(manifest.bytes.to_vec()).unwrap(),
    }
}

/// A location without the server's address.
fn relative(location: &str) -> String {
    let place = location.find("/v2/").unwrap();
    location[place..].to_owned()
}
