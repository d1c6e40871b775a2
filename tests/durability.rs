//! What was acknowledged survives a power loss: seen by `strace`, bytes, folder
//! and the database's log are synced, in this order, before each 201; and no
//! object has its final name before the session that owns it is synced.

use std::path::{Path, PathBuf};

use berth_oci::Digest;
use berth_testkit::image::{Image, random_bytes};
use tempfile::TempDir;

use crate::support::http::{Client, with_query};
use crate::support::programs;
use crate::support::server::Server;
use trace::Trace;

mod trace;

const REPOSITORY: &str = "library/durable";
const CALLS: &str = "trace=fsync,fdatasync,sync_file_range,rename,renameat,renameat2,\
                     write,writev,pwrite64,pwritev,sendto,sendmsg";

/// A server that is traced from its start.
struct Traced {
    server: Server,
    output: PathBuf,
    _folder: TempDir,
}

impl Traced {
    async fn start() -> Option<Self> {
        let strace = programs::require("strace")?;
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("trace");
        let wrapper = [
            strace.as_os_str(),
            "-f".as_ref(),
            "-y".as_ref(),
            "--seccomp-bpf".as_ref(),
            "-e".as_ref(),
            CALLS.as_ref(),
            "-o".as_ref(),
            output.as_os_str(),
        ];
        let server = Server::builder().under(wrapper).start().await;
        Some(Self {
            server,
            output,
            _folder: folder,
        })
    }

    /// Ends the server; answers what it did.
    fn stop(self) -> (String, PathBuf) {
        let stopped = self.server.stop();
        assert!(stopped.status.success(), "{}", stopped.status);
        (
            std::fs::read_to_string(&self.output).unwrap(),
            stopped.data.clone(),
        )
    }
}

/// Pushes blobs and manifests in every way but by PATCH, one at a time;
/// answers how many there were.
async fn push_all(client: &Client) -> usize {
    let image = Image::random(200_000);
    client
        .push_blob(REPOSITORY, image.config.bytes.clone())
        .await;
    let layer = &image.layers[0];
    let location = client.start_upload(REPOSITORY).await;
    let put = client.put(&with_query(&location, &format!("digest={}", layer.digest)));
    put.body(layer.bytes.clone()).send().await.expect(201);
    let path = format!(
        "/v2/library/mounted/blobs/uploads/?mount={}&from={REPOSITORY}",
        layer.digest
    );
    client.post(&path).send().await.expect(201);
    client
        .push_manifest(REPOSITORY, "small", &image.manifest)
        .await
        .expect(201);
    // Kept beside the blobs.
    let large = Image::builder()
        .layer(10)
        .annotation("a", "a".repeat(100_000))
        .build();
    client.push_image(REPOSITORY, "large", &large).await;
    7
}

fn check(text: &str, data: &Path) -> Result<trace::Report, String> {
    Trace::parse(text, data).check()
}

#[tokio::test]
async fn everything_is_synced_before_each_201() {
    let Some(traced) = Traced::start().await else {
        return;
    };
    let client = traced.server.admin();
    let pushes = push_all(&client).await;
    let bytes = random_bytes(300_000);
    let digest = Digest::sha256(&bytes);
    let mut location = client.start_upload(REPOSITORY).await;
    for part in [bytes.slice(..100_000), bytes.slice(100_000..)] {
        location = client
            .patch(&location)
            .body(part)
            .send()
            .await
            .expect(202)
            .location();
    }
    let put = client.put(&with_query(&location, &format!("digest={digest}")));
    put.send().await.expect(201);
    let (text, data) = traced.stop();
    let report = check(&text, &data).unwrap();
    println!("{report:?}");
    assert_eq!(report.answers, pushes + 1);
    assert_eq!(report.objects, 6);
    assert!(report.commits > report.answers);
}

#[tokio::test]
async fn any_sync_left_out_is_noticed() {
    let Some(traced) = Traced::start().await else {
        return;
    };
    let pushes = push_all(&traced.server.admin()).await;
    let (text, data) = traced.stop();
    let report = check(&text, &data).unwrap();
    assert_eq!(report.answers, pushes);
    assert!(
        report.syncs.len() >= pushes + 2 * report.objects,
        "{report:?}"
    );
    let lines: Vec<_> = text.lines().collect();
    for sync in &report.syncs {
        let mut without = lines.clone();
        let left_out = without.remove(*sync);
        assert!(
            check(&without.join("\n"), &data).is_err(),
            "unnoticed without {left_out}"
        );
    }
}

/// A push as `strace` shows it, cut to what counts.
const PUSH: &str = r#"
6 pwrite64(18</d/uploads/0a>, "abc"..., 3, 0 <unfinished ...>
6 <... pwrite64 resumed>)           = 3
7 fdatasync(18</d/uploads/0a> <unfinished ...>
8 write(4<anon_inode:[eventfd]>, "\1\0\0\0\0\0\0\0", 8) = 8
7 <... fdatasync resumed>)          = 0
7 rename("/d/uploads/0a", "/d/blobs/0a/0a") = 0
7 fsync(19</d/blobs/0a>) = 0
9 pwrite64(12</d/metadata.sqlite-wal>, "\0\0\0\35\0\0\0&\n\17\364"..., 24, 32) = 24
9 pwrite64(12</d/metadata.sqlite-wal>, "\r\0\0\0\1\17/"..., 4096, 56) = 4096
9 fsync(12</d/metadata.sqlite-wal>) = 0
8 writev(17<socket:[1]>, [{iov_base="HTTP/1.1 201 Created\r\nlocation"..., iov_len=374}], 1) = 374"#;

/// The lines of [`PUSH`] with those that begin or hold these texts swapped.
fn swapped(one: &str, other: &str) -> String {
    let mut lines: Vec<_> = PUSH.lines().collect();
    let place = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    let (one, other) = (place(one), place(other));
    lines.swap(one, other);
    lines.join("\n")
}

#[test]
fn a_push_that_is_synced_in_order_passes() {
    let report = check(PUSH, Path::new("/d")).unwrap();
    assert_eq!((report.answers, report.objects, report.commits), (1, 1, 1));
    assert_eq!(report.syncs.len(), 3);
}

#[test]
fn a_push_without_one_of_its_syncs_fails() {
    for call in ["fdatasync(18", "<... fdatasync", "fsync(19", "fsync(12"] {
        let lines: Vec<_> = PUSH.lines().filter(|line| !line.contains(call)).collect();
        assert!(check(&lines.join("\n"), Path::new("/d")).is_err(), "{call}");
    }
    let failed = PUSH.replace(
        "fsync(19</d/blobs/0a>) = 0",
        "fsync(19</d/blobs/0a>) = -1 EIO",
    );
    assert!(check(&failed, Path::new("/d")).is_err());
}

#[test]
fn an_object_that_is_published_before_its_session_is_synced_fails() {
    let session = r#"
9 pwrite64(12</d/metadata.sqlite-wal>, "\0\0\0\35\0\0\0&\n\17\364"..., 24, 32) = 24
9 pwrite64(12</d/metadata.sqlite-wal>, "\r\0\0\0\1\17/"..., 4096, 56) = 4096"#;
    let unsynced = format!("{session}{PUSH}");
    assert!(check(&unsynced, Path::new("/d")).is_err());
    let synced = format!("{session}\n9 fsync(12</d/metadata.sqlite-wal>) = 0{PUSH}");
    check(&synced, Path::new("/d")).unwrap();
}

#[test]
fn a_push_that_is_synced_out_of_order_fails() {
    for (one, other) in [
        ("<... pwrite64", "fdatasync(18"),
        ("<... fdatasync", "rename("),
        ("rename(", "fsync(19"),
        ("fsync(19", "24, 32"),
        ("fsync(19", "fsync(12"),
        ("4096, 56", "fsync(12"),
        ("fsync(12", "HTTP/1.1 201"),
    ] {
        assert!(
            check(&swapped(one, other), Path::new("/d")).is_err(),
            "{one} and {other}"
        );
    }
}
