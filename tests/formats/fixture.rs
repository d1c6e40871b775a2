//! The data folder of an older version, and what is known to be in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use berth_oci::Digest;
use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::support::http::Client;
use crate::support::login::Login;

/// A member of the private projects.
pub(super) const MEMBER: Login<'_> = Login {
    user: "alice",
    password: "Member-12345",
};
/// A user without a project.
pub(super) const STRANGER: Login<'_> = Login {
    user: "bob",
    password: "Stranger-12345",
};
/// The account that the proxy project's registry endpoint has at its upstream.
pub(super) const UPSTREAM: Login<'_> = Login {
    user: "reader",
    password: "Upstream-12345",
};
/// What is sent of the upload that was begun.
pub(super) const FIRST_HALF: &str = "the first half, ";
/// What is left to send.
pub(super) const SECOND_HALF: &str = "the second half";

/// What a fixture holds, beside its data folder in the archive.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    /// Manifests that were acknowledged, tags with what they pointed to.
    pub(super) manifests: Vec<HeldManifest>,
    /// Blobs that manifests name.
    pub(super) blobs: Vec<HeldBlob>,
    /// The location of an upload that has the first half.
    pub(super) upload: String,
    /// The location of an upload without bytes.
    pub(super) empty_upload: String,
    /// A manifest whose push was not finished: its file says how it reads.
    pub(super) pending: HeldManifest,
}

/// A manifest and one of its references.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct HeldManifest {
    pub(super) repository: String,
    pub(super) reference: String,
    pub(super) media_type: String,
    /// The manifest itself.
    pub(super) text: String,
}

/// A blob in a repository.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HeldBlob {
    pub(super) repository: String,
    pub(super) digest: Digest,
}

/// A copy of a fixture.
pub(super) struct Fixture {
    folder: TempDir,
    pub(super) contents: Contents,
}

impl Fixture {
    /// Unpacks the data folder of this format.
    pub(super) fn unpack(format: u32) -> Self {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("fixtures/data-folder-{format}.tar.gz"));
        let folder = TempDir::with_prefix("berth-").unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(archive).arg("-C").arg(folder.path());
        assert!(tar.status().unwrap().success());
        let contents = fs::read(folder.path().join("contents.json")).unwrap();
        Self {
            contents: serde_json::from_slice(&contents).unwrap(),
            folder,
        }
    }

    /// The data folder.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The database, as the older version left it or as it is now.
    pub(super) fn database(&self) -> Connection {
        Connection::open(self.data().join("metadata.sqlite")).unwrap()
    }

    /// Makes the uploads as if somebody had just continued them.
    pub(super) fn touch_uploads(&self) {
        self.touch("UPDATE uploads SET touched_at = ?1");
    }

    /// Makes the blobs as if they had just been pushed: those that no manifest
    /// names stay for a while.
    pub(super) fn touch_blobs(&self) {
        self.touch("UPDATE links SET touched_at = ?1");
    }

    fn touch(&self, sql: &str) {
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap();
        assert!(self.database().execute(sql, [now]).unwrap() > 0);
    }

    /// A number that a query answers.
    pub(super) fn count(&self, sql: &str) -> u64 {
        let answer = self.database().query_row(sql, [], |row| row.get(0));
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

impl HeldManifest {
    /// Asserts that it is pulled as it was pushed.
    pub(super) async fn assert_pulls(&self, client: &Client) {
        let path = format!("/v2/{}/manifests/{}", self.repository, self.reference);
        let request = client.get(&path).header("accept", &self.media_type);
        let answer = request.send().await.expect(200);
        assert_eq!(answer.body, self.text, "{path}");
        assert_eq!(answer.header("content-type"), self.media_type, "{path}");
        let request = client.head(&path).header("accept", &self.media_type);
        let head = request.send().await.expect(200);
        let digest = "docker-content-digest";
        assert_eq!(head.header(digest), answer.header(digest), "{path}");
    }
}

impl HeldBlob {
    /// Asserts that its bytes are those of its digest.
    pub(super) async fn assert_pulls(&self, client: &Client) {
        let path = format!("/v2/{}/blobs/{}", self.repository, self.digest);
        let answer = client.get(&path).send().await.expect(200);
        let found = Digest::of(self.digest.algorithm(), &answer.body);
        assert_eq!(found, self.digest, "{path}");
    }
}
