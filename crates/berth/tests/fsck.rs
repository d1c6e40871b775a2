//! Verification of data that is right, that is being changed, and that is
//! wrong in each way there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use berth_oci::Digest;
use reqwest::Client;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{PASSWORD, Server, client, run, stderr, stdout};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A repository to push to.
struct Repository {
    client: Client,
    url: String,
}

impl Repository {
    fn of(server: &Server, name: &str) -> Self {
        Self {
            client: client(),
            url: format!("{}/v2/{name}", server.url),
        }
    }

    async fn push_blob(&self, bytes: &'static [u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        let request = self
            .client
            .post(format!("{}/blobs/uploads/?digest={digest}", self.url))
            .basic_auth("admin", Some(PASSWORD))
            .header("content-type", "application/octet-stream")
            .body(bytes);
        assert_eq!(request.send().await.unwrap().status(), 201);
        digest
    }

    async fn push_manifest(&self, reference: &str, manifest: &Value) -> Digest {
        let bytes = manifest.to_string();
        let request = self
            .client
            .put(format!("{}/manifests/{reference}", self.url))
            .basic_auth("admin", Some(PASSWORD))
            .header("content-type", manifest["mediaType"].as_str().unwrap())
            .body(bytes.clone());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
        Digest::sha256(bytes.as_bytes())
    }

    async fn delete(&self, path: &str) {
        let request = self.client.delete(format!("{}/{path}", self.url));
        let status = request
            .basic_auth("admin", Some(PASSWORD))
            .send()
            .await
            .unwrap()
            .status();
        assert!(status.is_success(), "{path}: {status}");
    }
}

fn descriptor(media_type: &str, digest: Digest, size: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
}

fn image(config: Digest, note: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config, 2),
        "layers": [],
        "annotations": {"note": note},
    })
}

/// Data with one of everything, which nobody serves any more.
struct Data {
    folder: TempDir,
    config: Digest,
    small: Digest,
    large: Digest,
    index: Digest,
    referrer: Digest,
}

impl Data {
    async fn new() -> Self {
        let mut server = Server::start(&[]);
        let repository = Repository::of(&server, "library/x");
        let config = repository.push_blob(b"{}").await;
        let small = repository
            .push_manifest("small", &image(config, "small"))
            .await;
        let long = "x".repeat(10_000);
        let large = repository
            .push_manifest("large", &image(config, &long))
            .await;
        let children = [descriptor(IMAGE, small, 0)];
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
        let index = repository.push_manifest("index", &index).await;
        let mut signature = image(config, "signature");
        signature["subject"] = descriptor(IMAGE, small, 0);
        let referrer = repository.push_manifest("signature", &signature).await;
        server.signal("TERM");
        assert!(server.wait().0.success());
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new(&server.data()), folder.path());
        Self {
            folder,
            config,
            small,
            large,
            index,
            referrer,
        }
    }

    /// What verification says of a copy that `plant` damaged, less its summary.
    fn with(&self, plant: impl FnOnce(&Path)) -> Vec<String> {
        let damaged = tempfile::tempdir().unwrap();
        copy(self.folder.path(), damaged.path());
        plant(damaged.path());
        let output = run(&["admin", "fsck", "--data", damaged.path().to_str().unwrap()]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}{}",
            stdout(&output),
            stderr(&output)
        );
        let text = stdout(&output);
        text.lines()
            .take_while(|line| !line.starts_with("verified "))
            .map(str::to_owned)
            .collect()
    }

    /// The same after a change to the database.
    fn with_sql(&self, sql: &str) -> Vec<String> {
        self.with(|data| {
            let database = Connection::open(data.join("metadata.sqlite")).unwrap();
            assert_eq!(database.execute(sql, []).unwrap(), 1, "{sql}");
        })
    }

    /// The file of an object that a query names.
    fn object(data: &Path, sql: &str) -> PathBuf {
        let database = Connection::open(data.join("metadata.sqlite")).unwrap();
        let key: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
        data.join("blobs").join(&key[key.len() - 2..]).join(key)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_wrong_with_what_was_pushed() {
    let data = Data::new().await;
    let output = run(&[
        "admin",
        "fsck",
        "--data",
        data.folder.path().to_str().unwrap(),
    ]);
    assert!(output.status.success());
    insta::assert_snapshot!(stdout(&output), @r#"
verified 1 repositories, 4 manifests, 4 tags, 1 links, 1 blobs (2 bytes)
nothing is wrong
"#);
}

#[tokio::test]
async fn every_fault_of_bytes_is_found() {
    let data = Data::new().await;
    let blob = format!("blob {}", data.config);
    let of_blob = |data: &Path| Data::object(data, "SELECT object_key FROM blobs");
    let large = format!("manifest library/x@{}", data.large);
    let of_large = |data: &Path| {
        Data::object(
            data,
            "SELECT object_key FROM manifests WHERE object_key IS NOT NULL",
        )
    };
    let found = data.with(|data| fs::write(of_blob(data), "[]").unwrap());
    let actual = Digest::sha256(b"[]");
    assert!(
        found[0].starts_with(&format!("{blob} has bytes that hash to {actual}")),
        "{found:?}"
    );
    let found = data.with(|data| fs::write(of_blob(data), "{").unwrap());
    assert!(
        found[0].starts_with(&format!("{blob} cannot be read: ")),
        "{found:?}"
    );
    let found = data.with(|data| fs::remove_file(of_blob(data)).unwrap());
    assert!(
        found[0].starts_with(&format!("{blob} has no bytes")),
        "{found:?}"
    );
    let found = data.with(|data| fs::remove_file(of_large(data)).unwrap());
    assert!(
        found[0].starts_with(&format!("{large} has no bytes")),
        "{found:?}"
    );
}

/// A change to the database, and what verification then says; names in
/// brackets stand for digests, the objects' keys are left out.
const FAULTY_RECORDS: &[(&str, &[&str])] = &[
    (
        "DELETE FROM blobs",
        &["link library/x@<config> leads to a blob that is not there"],
    ),
    (
        "UPDATE blobs SET size = 3",
        &[
            "blob <config> cannot be read: stored data is damaged",
            "link library/x@<config> has another object or size than its blob",
        ],
    ),
    (
        "DELETE FROM back_edges",
        &["link library/x@<config> is not counted by its blob"],
    ),
    (
        "UPDATE back_edges SET linked = 0",
        &["link library/x@<config> is not counted by its blob"],
    ),
    (
        "DELETE FROM links",
        &[
            "blob <config> counts a link in library/x that is gone",
            "manifest library/x@<large> needs blob <config>, which is not in the repository",
            "manifest library/x@<referrer> needs blob <config>, which is not in the repository",
            "manifest library/x@<small> needs blob <config>, which is not in the repository",
        ],
    ),
    (
        "DELETE FROM edges WHERE manifest = '<large>'",
        &["manifest library/x@<large> has no edge to blob <config>"],
    ),
    (
        "UPDATE edges SET nonce = '00000000000000000000000000000001' WHERE manifest = '<index>'",
        &["manifest library/x@<index> has no edge to manifest <small>"],
    ),
    (
        "UPDATE edges SET nonce = 'zzz' WHERE manifest = '<index>'",
        &["manifest library/x@<index> leads to a damaged record: "],
    ),
    (
        "UPDATE manifests SET inline = CAST('{}' AS BLOB) WHERE digest = '<small>'",
        &["manifest library/x@<small> has bytes that hash to <config>"],
    ),
    (
        "DELETE FROM manifests WHERE digest = '<small>'",
        &[
            "manifest library/x@<index> needs manifest <small>, which is not in the repository",
            "tag library/x:small names manifest <small>, which is not in the repository",
        ],
    ),
    (
        "DELETE FROM referrers",
        &["manifest library/x@<referrer> is not among the referrers of <small>"],
    ),
    (
        "UPDATE tags SET size = 1 WHERE name = 'large'",
        &["tag library/x:large has another type or size than manifest <large>"],
    ),
];

#[tokio::test]
async fn every_fault_of_records_is_found() {
    let data = Data::new().await;
    let names = [
        ("<config>", data.config.to_string()),
        ("<small>", data.small.to_string()),
        ("<large>", data.large.to_string()),
        ("<index>", data.index.to_string()),
        ("<referrer>", data.referrer.to_string()),
    ];
    for (sql, expected) in FAULTY_RECORDS {
        let sql = names.iter().fold((*sql).to_owned(), |sql, (name, digest)| {
            sql.replace(name, digest)
        });
        let mut found = data.with_sql(&sql);
        for line in &mut found {
            *line = names.iter().fold(line.clone(), |line, (name, digest)| {
                line.replace(digest, name)
            });
        }
        found.sort();
        assert_eq!(found.len(), expected.len(), "{sql}: {found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(
                found.starts_with(expected),
                "{sql}: {found} is not {expected}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_work_gives_no_false_alarm() {
    let server = Server::start(&[]);
    let repository = Repository::of(&server, "library/busy");
    let config = repository.push_blob(b"{}").await;
    let checked = AtomicBool::new(false);
    let work = async {
        while !checked.load(Ordering::Relaxed) {
            let child = repository
                .push_manifest("child", &image(config, "busy"))
                .await;
            let children = [descriptor(IMAGE, child, 0)];
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
            let index = repository.push_manifest("index", &index).await;
            repository.delete(&format!("manifests/{index}")).await;
            repository.delete(&format!("manifests/{child}")).await;
            let layer = repository.push_blob(b"layer").await;
            repository.delete(&format!("blobs/{layer}")).await;
        }
    };
    let data = server.data();
    let check = async {
        for _ in 0..5 {
            let data = data.clone();
            let check = move || run(&["admin", "fsck", "--data", &data]);
            let output = tokio::task::spawn_blocking(check).await.unwrap();
            assert!(
                output.status.success(),
                "{}{}",
                stdout(&output),
                stderr(&output)
            );
        }
        checked.store(true, Ordering::Relaxed);
    };
    tokio::join!(work, check);
}
