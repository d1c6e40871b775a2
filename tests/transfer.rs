//! Moving everything between stores: from the one that tests are run over into
//! a data folder, and from there into another of the first kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use berth_testkit::image::{Format, Image, Index, random_bytes};
use bytes::Bytes;
use tempfile::TempDir;

use crate::support::http::Client;
use crate::support::server::{
    Server, admin, admin_command, assert_sound, local_admin, local_admin_command,
};
use crate::support::store;
use crate::support::wait::until;

const PASSWORD: &str = "Ann-12345";
const GUEST: u32 = 3;

/// Stores and folders of a test.
struct Places(TempDir);

impl Places {
    fn new() -> Self {
        Self(TempDir::with_prefix("berth-").unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// What a test pushes.
struct Pushed {
    image: Image,
    index: Index,
    signature: Image,
    blob: Bytes,
}

impl Pushed {
    async fn to(server: &Server) -> Self {
        let client = server.admin();
        client.create_project("secret", false).await;
        client.create_user("ann", PASSWORD).await;
        client.add_member("secret", "ann", GUEST).await;
        let image = Image::builder().layer(3_000_000).build();
        let signature = Image::builder()
            .subject(&image.manifest)
            .artifact_type("application/vnd.example.signature")
            .annotation("long", "x".repeat(20_000))
            .build();
        let index = Index::random(&["linux/amd64", "linux/arm64"], 500_000);
        let index = Index::of(Format::Docker, [index.images, vec![image.clone()]].concat());
        client.push_image("secret/app", "v1", &image).await;
        client
            .push_image("secret/app", "signature", &signature)
            .await;
        client.push_index("library/multi", "latest", &index).await;
        let blob = random_bytes(9_000_000);
        client.push_blob("library/multi", blob.clone()).await;
        Self {
            image,
            index,
            signature,
            blob,
        }
    }

    /// Asserts that a server has all of it, byte by byte, for those who may
    /// have it.
    async fn assert_pulls(&self, server: &Server) {
        let ann = server.anonymous().login("ann", PASSWORD);
        for (client, repository, tag, image) in [
            (&ann, "secret/app", "v1", &self.image),
            (&ann, "secret/app", "signature", &self.signature),
        ] {
            let manifest = &image.manifest;
            pulls(client, repository, "manifests", tag, &manifest.bytes).await;
            self.assert_blobs(client, repository, image).await;
        }
        let anyone = server.anonymous();
        let refused = anyone.get("/v2/secret/app/manifests/v1").send().await;
        refused.expect(401);
        let (multi, index) = ("library/multi", &self.index);
        pulls(&anyone, multi, "manifests", "latest", &index.manifest.bytes).await;
        for image in &index.images {
            let digest = image.digest().to_string();
            pulls(&anyone, multi, "manifests", &digest, &image.manifest.bytes).await;
            self.assert_blobs(&anyone, multi, image).await;
        }
        let digest = berth_oci::Digest::sha256(&self.blob).to_string();
        pulls(&anyone, multi, "blobs", &digest, &self.blob).await;
        let path = format!("/v2/secret/app/referrers/{}", self.image.digest());
        let referrers = ann.get(&path).send().await.expect(200).json();
        assert_eq!(
            referrers["manifests"][0]["digest"],
            self.signature.digest().to_string()
        );
    }

    async fn assert_blobs(&self, client: &Client, repository: &str, image: &Image) {
        for blob in image.blobs() {
            let digest = blob.digest.to_string();
            pulls(client, repository, "blobs", &digest, &blob.bytes).await;
        }
    }
}

async fn pulls(client: &Client, repository: &str, kind: &str, reference: &str, bytes: &Bytes) {
    let path = format!("/v2/{repository}/{kind}/{reference}");
    let accept = "*/*, application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.docker.distribution.manifest.list.v2+json";
    let pulled = client.get(&path).header("accept", accept).send().await;
    assert_eq!(pulled.expect(200).body, bytes, "{path}");
}

/// What a command says that has succeeded.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    out
}

/// The records of an export, by file.
fn records(export: &Path) -> Vec<(String, String)> {
    let mut records: Vec<_> = fs::read_dir(export.join("records"))
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    records.sort();
    records
}

/// Where the sealing key of a store is.
fn sealing_key(data: &Path, local: bool) -> PathBuf {
    if local {
        data.join("seal.key")
    } else {
        data.with_extension("key")
    }
}

/// Gives a store that is not there yet the sealing key of another.
fn share_key(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn everything_goes_from_store_to_store_and_back() {
    let places = Places::new();
    let (first, second, third) = (places.at("first"), places.at("second"), places.at("third"));
    let (out, back) = (places.at("out"), places.at("back"));
    let server = Server::builder().start_on(&first).await;
    let pushed = Pushed::to(&server).await;
    // Beside a server that runs.
    let exported = said(&admin(&first, &["export", text(&out)]));
    assert!(server.stop().status.success());

    let here = !store::is_aws();
    let key = sealing_key(&first, here);
    share_key(&key, &sealing_key(&second, true));
    let imported = said(&local_admin(&second, &["import", text(&out)]));
    let counts = exported.trim().trim_start_matches("exported ");
    let has = format!("the store has {counts} of the export; ");
    assert!(imported.starts_with(&has), "{imported} after {exported}");
    said(&local_admin(&second, &["fsck"]));
    let again = said(&local_admin(&second, &["import", text(&out)]));
    assert!(again.ends_with("; 0 records are new\n"), "{again}");

    said(&local_admin(&second, &["export", text(&back)]));
    assert!(records(&back) == records(&out), "records differ");
    share_key(&key, &sealing_key(&third, here));
    if !here {
        said(&admin(&third, &["create-store"]));
    }
    said(&admin(&third, &["import", text(&back)]));
    assert_sound(&third);
    let server = Server::builder().start_on(&third).await;
    pushed.assert_pulls(&server).await;
    // It goes on as any other.
    let image = Image::random(1000);
    server.admin().push_image("library/new", "v1", &image).await;
    assert!(server.stop().status.success());
    assert_sound(&third);
}

#[tokio::test]
async fn an_import_that_was_killed_goes_on() {
    let places = Places::new();
    let (first, second, out) = (places.at("first"), places.at("second"), places.at("out"));
    let server = Server::builder().start_on(&first).await;
    let client = server.admin();
    for tag in ["1", "2", "3", "4", "5", "6"] {
        let image = Image::builder().layer(2_000_000).build();
        client.push_image("library/app", tag, &image).await;
    }
    said(&admin(&first, &["export", text(&out)]));
    share_key(
        &sealing_key(&first, !store::is_aws()),
        &sealing_key(&second, true),
    );

    let mut import = local_admin_command(&second, &["import", text(&out)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let blobs = second.join("blobs");
    until("the first blob", async || {
        let folders = fs::read_dir(&blobs).into_iter().flatten();
        let filled = |folder: fs::DirEntry| {
            let files = fs::read_dir(folder.path());
            files.is_ok_and(|mut files| files.next().is_some())
        };
        folders.map(Result::unwrap).any(filled) || import.try_wait().unwrap().is_some()
    })
    .await;
    import.kill().unwrap();
    import.wait().unwrap();

    said(&local_admin(&second, &["import", text(&out)]));
    said(&local_admin(&second, &["fsck"]));
    let back = places.at("back");
    said(&local_admin(&second, &["export", text(&back)]));
    assert!(records(&back) == records(&out), "records differ");
}

#[tokio::test]
async fn an_import_wants_the_data_folder_for_itself() {
    if store::is_aws() {
        // Nothing there says who serves.
        return;
    }
    let places = Places::new();
    let (data, out) = (places.at("data"), places.at("out"));
    let server = Server::builder().start_on(&data).await;
    said(&admin(&data, &["export", text(&out)]));
    let refused = admin_command(&data, &["import", text(&out)])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("is in use by process "), "{errors}");
    drop(server);
}
