//! How each server is set up: as its documentation shows it, with its data on the disk, nobody
//! to be asked, and errors alone in the log.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::bench::{
    results::Who,
    server::{PASSWORD, Role},
};

/// A server that is to be started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) who: Who,
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) data: &'a Path,
    pub(crate) address: SocketAddr,
    pub(crate) role: Role<'a>,
}

impl<'a> Wanted<'a> {
    fn upstream(&self) -> Option<&'a str> {
        match self.role {
            Role::CacheOf(url) => Some(url),
            Role::Registry | Role::WithoutGrace => None,
        }
    }
}

/// Writes its configuration and gives the command that starts it.
pub(crate) fn command(wanted: &Wanted<'_>) -> Result<Command> {
    let mut command = Command::new(wanted.program);
    // Loopback needs no proxy, and nobody's settings count.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_lowercase();
        if text.starts_with("berth_") || text.starts_with("registry_") || text.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    match wanted.who {
        Who::Berth => {
            command
                .env("BERTH_ADMIN_PASSWORD", PASSWORD)
                .args(["serve", "--log", "error", "--data"])
                .arg(wanted.data)
                .args(["--listen", &wanted.address.to_string()]);
            if matches!(wanted.role, Role::WithoutGrace) {
                command.args(["--gc-grace-seconds", "0"]);
            }
        }
        Who::Distribution => {
            command
                .env("OTEL_TRACES_EXPORTER", "none")
                .arg("serve")
                .arg(write(wanted, "registry.yml", &distribution(wanted))?);
        }
        Who::Zot | Who::ZotSynced => {
            command
                .arg("serve")
                .arg(write(wanted, "zot.json", &zot(wanted))?);
        }
        Who::Nginx => {
            let file = write(wanted, "nginx.conf", &nginx(wanted))?;
            command.arg("-p").arg(wanted.folder).arg("-c").arg(file);
            command.args(["-e", "stderr"]);
        }
        Who::Direct | Who::Machine => bail!("{} is no server", wanted.who.name()),
    }
    Ok(command)
}

fn write(wanted: &Wanted<'_>, name: &str, text: &str) -> Result<std::path::PathBuf> {
    let file = wanted.folder.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {name}"))?;
    Ok(file)
}

fn distribution(wanted: &Wanted<'_>) -> String {
    let proxy = wanted
        .upstream()
        .map(|url| format!("proxy: {{remoteurl: {url}}}\n"))
        .unwrap_or_default();
    format!(
        "version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {data}}}
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: true}}
http: {{addr: {address}}}
{proxy}",
        data = wanted.data.display(),
        address = wanted.address,
    )
}

fn zot(wanted: &Wanted<'_>) -> String {
    let extensions = wanted.upstream().map(|url| {
        format!(
            r#",
  "extensions": {{"sync": {{"enable": true, "registries": [{{
    "urls": ["{url}"], "onDemand": true, "tlsVerify": false, "content": [{{"prefix": "**"}}]
  }}]}}}}"#
        )
    });
    format!(
        r#"{{
  "distSpecVersion": "1.1.1",
  "storage": {{"rootDirectory": "{data}", "commit": {commit}}},
  "http": {{"address": "{ip}", "port": "{port}"}},
  "log": {{"level": "error"}}{extensions}
}}"#,
        data = wanted.data.display(),
        commit = wanted.who == Who::ZotSynced,
        ip = wanted.address.ip(),
        port = wanted.address.port(),
        extensions = extensions.unwrap_or_default(),
    )
}

/// Static files with all that nginx has to serve them fast.
fn nginx(wanted: &Wanted<'_>) -> String {
    format!(
        "daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=1000;
    default_type application/octet-stream;
    server {{
        listen {address} reuseport;
        root {data};
        location = /v2/ {{ return 200; }}
        location ~ /manifests/ {{ default_type {manifest}; }}
    }}
}}
",
        address = wanted.address,
        data = wanted.data.display(),
        manifest = crate::bench::content::MANIFEST,
    )
}
