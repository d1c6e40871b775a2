//! The next start after a crash, and what must be there then.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use berth_domain::{Secret, UploadId};
use berth_oci::Digest;
use berth_ports::{Finished, Ports, StoreError, StoreResult};
use berth_service::{FirstStart, NewPassword, Service};
use berth_settings::{KEYS, Sources, resolve};
use bytes::Bytes;
use tempfile::TempDir;

use super::acknowledged::{Asked, Deletion, Expected};
use super::crash::State;
use crate::support::server::ADMIN_PASSWORD;

/// A file system in memory, where it is: a start after a crash syncs much.
const MEMORY: &str = "/dev/shm";

/// Writes what a crash left to a folder of its own, in place of `root`.
pub(super) fn write(state: &State, root: &Path) -> TempDir {
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("berth-");
    let folder = if Path::new(MEMORY).is_dir() {
        folder.tempdir_in(MEMORY)
    } else {
        folder.tempdir()
    };
    let folder = folder.unwrap();
    for (path, bytes) in &state.files {
        let path = folder.path().join(path.strip_prefix(root).unwrap());
        match bytes {
            None => DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .unwrap(),
            Some(bytes) => {
                let mut file = OpenOptions::new();
                let file = file.write(true).create_new(true).mode(0o600);
                file.open(path).unwrap().write_all(bytes).unwrap();
            }
        }
    }
    folder
}

/// Starts on what a crash left: it opens, nothing is wrong, and all is there
/// that somebody relies on.
pub(super) async fn check(data: &Path, asked: &Asked, expected: &Expected) -> Result<(), String> {
    let data_key = KEYS.iter().find(|key| key.name == "data").unwrap();
    let sources = Sources {
        flags: vec![(data_key, vec![data.display().to_string()])],
        ..Sources::default()
    };
    let settings = resolve(&sources).unwrap().settings;
    let wired = berth_wiring::serve(&settings)
        .await
        .map_err(|error| format!("start: {error:?}"))?;
    let service = Service::new(
        wired.ports.clone(),
        berth_wiring::service_settings(&settings),
    );
    let fault = |error: berth_service::Error| format!("{error:?}");
    if !service.is_set_up().await.map_err(fault)? {
        if !expected.is_empty() {
            return Err("what the first start made is lost".to_owned());
        }
        let first = FirstStart {
            admin_password: NewPassword::new(Secret::new(ADMIN_PASSWORD)).unwrap(),
            dockerhub: None,
        };
        service.first_start(first).await.map_err(fault)?;
    }
    service.discard_ownerless().await.map_err(fault)?;
    let report = service.fsck(&mut |_| {}).await.map_err(fault)?;
    if let Some(fault) = report.faults.first() {
        return Err(format!("{} faults: {fault}", report.faults.len()));
    }
    let held = Held {
        ports: &wired.ports,
        data,
    };
    held.all(asked, expected).await
}

/// What is held after the start.
struct Held<'a> {
    ports: &'a Ports,
    data: &'a Path,
}

impl Held<'_> {
    async fn all(&self, asked: &Asked, expected: &Expected) -> Result<(), String> {
        let fault = |error: StoreError| format!("{error:?}");
        for (repository, digest) in &expected.blobs {
            // fsck has read the bytes of every link.
            let link = self.ports.links.link(repository, *digest).await;
            let link = link.map_err(fault)?;
            link.ok_or_else(|| format!("blob {repository}@{digest} is lost"))?;
        }
        for (repository, digest) in &expected.manifests {
            let manifest = self.ports.manifests.manifest(repository, *digest).await;
            let manifest = manifest.map_err(fault)?;
            manifest.ok_or_else(|| format!("manifest {repository}@{digest} is lost"))?;
        }
        for deletion in &expected.deleted {
            if !self.is_done(deletion).await.map_err(fault)? {
                return Err(format!("what was deleted is back: {deletion:?}"));
            }
        }
        for ((repository, tag), digests) in &expected.tags {
            let found = self.ports.tags.tag(repository, tag).await.map_err(fault)?;
            let digest = found.map(|tag| tag.digest);
            if digest.is_none_or(|digest| !digests.contains(&digest)) {
                return Err(format!("tag {repository}:{tag} is {digest:?}"));
            }
        }
        for (id, bytes) in &asked.uploads {
            self.upload(*id, bytes).await?;
        }
        Ok(())
    }

    async fn is_done(&self, deletion: &Deletion) -> StoreResult<bool> {
        Ok(match deletion {
            Deletion::Manifest(repository, digest) => {
                let manifests = &self.ports.manifests;
                manifests.manifest(repository, *digest).await?.is_none()
            }
            Deletion::Blob(repository, digest) => {
                let link = self.ports.links.link(repository, *digest).await?;
                link.is_none()
            }
        })
    }

    /// An upload goes on to the bytes that were sent, or is known to be lost.
    async fn upload(&self, id: UploadId, bytes: &Bytes) -> Result<(), String> {
        let fault = |error: StoreError| format!("upload {id}: {error:?}");
        let session = self.ports.uploads.upload(id).await.map_err(fault)?;
        let Some(session) = session else {
            return Ok(());
        };
        let (blobs, key) = (&self.ports.blobs, session.key);
        let offset = usize::try_from(session.state.offset).unwrap();
        let mut writer = match blobs.write(key, session.state).await {
            Err(StoreError::NotFound(_)) => return Ok(()),
            writer => writer.map_err(fault)?,
        };
        let rest = bytes.slice(offset..);
        writer.append(rest).await.map_err(fault)?;
        let finished = writer.finish(Digest::sha256(bytes)).await.map_err(fault)?;
        if !matches!(finished, Finished::Stored { .. }) {
            return Err(format!("upload {id} is {finished:?}"));
        }
        let name = key.to_string();
        let fan = &name[name.len() - 2..];
        let held = fs::read(self.data.join("blobs").join(fan).join(&name));
        if held.is_ok_and(|held| held == *bytes) {
            Ok(())
        } else {
            Err(format!("upload {id} has other bytes than were sent"))
        }
    }
}
