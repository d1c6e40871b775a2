//! Pushes and pulls as clients make them, at any of the servers.

use std::{fs, net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::bench::{
    client::{Answer, Connection, Request, at_once, path_of},
    content::{Blob, Image, MANIFEST, digest},
    results::Who,
    server::{ADMIN, Server},
};

/// How many blobs of an image a client moves at once.
pub(crate) const LAYERS_AT_ONCE: usize = 3;

/// A repository at a server, with the right to write there.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) address: SocketAddr,
    pub(crate) name: String,
    /// The value of `Authorization`; empty where nobody is asked.
    authorization: String,
    /// Where files are put that nginx serves.
    files: Option<PathBuf>,
}

impl Repository {
    /// A repository that may be written.
    pub(crate) fn writable(server: &Server, name: &str) -> Result<Self> {
        let authorization = match server.who {
            Who::Berth => format!("Bearer {}", token(server, name, "pull,push,delete")?),
            _ => String::new(),
        };
        Ok(Self {
            authorization,
            files: (server.who == Who::Nginx).then(|| server.data.join("v2").join(name)),
            ..Self::readable(server.address, name)
        })
    }

    /// A repository that anyone may read.
    pub(crate) fn readable(address: SocketAddr, name: &str) -> Self {
        Self {
            address,
            name: name.to_owned(),
            authorization: String::new(),
            files: None,
        }
    }

    /// The path of a manifest.
    pub(crate) fn manifest_path(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.name)
    }

    /// The path of a blob.
    pub(crate) fn blob_path(&self, digest: &str) -> String {
        format!("/v2/{}/blobs/{digest}", self.name)
    }

    /// Sends a request with the right to write.
    pub(crate) fn send(
        &self,
        connection: &mut Connection,
        method: &str,
        path: &str,
        body: (&str, &[u8]),
    ) -> Result<Answer> {
        let mut headers = Vec::new();
        if !self.authorization.is_empty() {
            headers.push(("Authorization", self.authorization.as_str()));
        }
        if !body.0.is_empty() {
            headers.push(("Content-Type", body.0));
        }
        connection.send(Request {
            method,
            path,
            headers: &headers,
            body: body.1,
        })
    }

    /// Pushes a blob in two requests, as containerd does: POST opens an upload, PUT has the bytes.
    pub(crate) fn push_blob(&self, connection: &mut Connection, blob: &Blob) -> Result<()> {
        let uploads = format!("/v2/{}/blobs/uploads/", self.name);
        let opened = self.send(connection, "POST", &uploads, ("", &[]))?;
        expect(&opened, 202, "POST of an upload")?;
        let location = opened.location()?;
        let mark = if location.contains('?') { '&' } else { '?' };
        let location = format!("{location}{mark}digest={}", blob.digest);
        let body = ("application/octet-stream", blob.bytes.as_slice());
        let put = self.send(connection, "PUT", &location, body)?;
        expect(&put, 201, "PUT of a blob")
    }

    /// Pushes a manifest under a reference.
    pub(crate) fn push_manifest(
        &self,
        connection: &mut Connection,
        reference: &str,
        manifest: &[u8],
    ) -> Result<()> {
        let path = self.manifest_path(reference);
        let put = self.send(connection, "PUT", &path, (MANIFEST, manifest))?;
        expect(&put, 201, "PUT of a manifest")
    }

    /// Puts a blob there before something is measured.
    pub(crate) fn place_blob(&self, blob: &Blob) -> Result<()> {
        match &self.files {
            Some(_) => self.write(&format!("blobs/{}", blob.digest), &blob.bytes),
            None => self.push_blob(&mut Connection::open(self.address)?, blob),
        }
    }

    /// Puts a whole image there before something is measured, and checks that it comes back.
    pub(crate) fn place_image(&self, tag: &str, image: &Image) -> Result<()> {
        for blob in image.blobs() {
            self.place_blob(blob)?;
        }
        let manifest = &image.manifest;
        if self.files.is_some() {
            self.write(&format!("manifests/{tag}"), &manifest.bytes)?;
            self.write(&format!("manifests/{}", manifest.digest), &manifest.bytes)?;
        } else {
            let mut connection = Connection::open(self.address)?;
            self.push_manifest(&mut connection, tag, &manifest.bytes)?;
        }
        self.verify(&self.manifest_path(tag), manifest)?;
        image
            .blobs()
            .try_for_each(|blob| self.verify(&self.blob_path(&blob.digest), blob))
    }

    /// Checks that a blob comes back as it was.
    fn verify(&self, path: &str, blob: &Blob) -> Result<()> {
        let mut connection = Connection::open(self.address)?;
        let headers = [("Accept", MANIFEST)];
        let (answer, body) = connection.read(Request::new("GET", path, &headers))?;
        expect(&answer, 200, "GET of what was pushed")?;
        ensure!(digest(&body) == blob.digest, "other bytes came back");
        Ok(())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = self
            .files
            .as_ref()
            .context("no folder of files")?
            .join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).context("cannot make a folder for nginx")?;
        }
        fs::write(file, bytes).context("cannot write a file for nginx")
    }

    /// Pushes an image as a client does: each blob is asked for first, several are sent at once,
    /// the manifest is last.
    pub(crate) fn push_image(&self, tag: &str, image: &Image) -> Result<()> {
        let blobs: Vec<_> = image.blobs().collect();
        at_once(self.address, LAYERS_AT_ONCE, |index, connection| {
            for blob in blobs.iter().skip(index).step_by(LAYERS_AT_ONCE) {
                let path = self.blob_path(&blob.digest);
                let head = self.send(connection, "HEAD", &path, ("", &[]))?;
                expect(&head, 404, "HEAD of a blob that is not there")?;
                self.push_blob(connection, blob)?;
            }
            Ok(())
        })?;
        let mut connection = Connection::open(self.address)?;
        self.push_manifest(&mut connection, tag, &image.manifest.bytes)
    }

    /// Pulls an image as a client does: its manifest, then several blobs at once.
    pub(crate) fn pull_image(&self, tag: &str, image: &Image) -> Result<()> {
        self.pull_manifest(&mut Connection::open(self.address)?, tag)?;
        let blobs: Vec<_> = image.blobs().collect();
        at_once(self.address, LAYERS_AT_ONCE, |index, connection| {
            for blob in blobs.iter().skip(index).step_by(LAYERS_AT_ONCE) {
                self.pull_blob(connection, blob)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Pulls a manifest and throws it away.
    pub(crate) fn pull_manifest(
        &self,
        connection: &mut Connection,
        reference: &str,
    ) -> Result<Answer> {
        let path = self.manifest_path(reference);
        let answer = connection.send(Request::new("GET", &path, &[("Accept", MANIFEST)]))?;
        expect(&answer, 200, "GET of a manifest")?;
        Ok(answer)
    }

    /// Pulls a blob and throws it away.
    pub(crate) fn pull_blob(&self, connection: &mut Connection, blob: &Blob) -> Result<Answer> {
        let path = self.blob_path(&blob.digest);
        let answer = connection.send(Request::new("GET", &path, &[]))?;
        expect(&answer, 200, "GET of a blob")?;
        ensure!(
            answer.length == blob.bytes.len() as u64,
            "a blob of {} bytes came with {}",
            blob.bytes.len(),
            answer.length
        );
        Ok(answer)
    }
}

/// A token of Berth's for a repository.
pub(crate) fn token(server: &Server, repository: &str, actions: &str) -> Result<String> {
    let mut connection = Connection::open(server.address)?;
    let uploads = format!("/v2/{repository}/blobs/uploads/");
    let asked = connection.send(Request::new("POST", &uploads, &[]))?;
    let challenge = asked
        .header("www-authenticate")
        .context("no challenge for a push")?;
    let part = |name: &str| {
        challenge
            .split_once(&format!("{name}=\""))
            .and_then(|(_, rest)| rest.split('"').next())
            .with_context(|| format!("no {name} in the challenge"))
    };
    let path = format!(
        "{}?service={}&scope=repository:{repository}:{actions}",
        path_of(part("realm")?),
        part("service")?
    );
    let headers = [("Authorization", ADMIN)];
    let (answer, body) = connection.read(Request::new("GET", &path, &headers))?;
    expect(&answer, 200, "GET of a token")?;
    let body: serde_json::Value = serde_json::from_slice(&body).context("no JSON")?;
    let token = body["token"].as_str().context("no token in the answer")?;
    Ok(token.to_owned())
}

/// Fails unless the status is this one.
pub(crate) fn expect(answer: &Answer, status: u16, what: &str) -> Result<()> {
    ensure!(
        answer.status == status,
        "{what} was answered with {} instead of {status}",
        answer.status
    );
    Ok(())
}
