//! Which emulators there are, and how each is started.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::place::Place;

/// One emulator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Emulator {
    /// Its folder in `tests/emulators`.
    pub(crate) name: &'static str,
    /// Where tests look for its address.
    pub(crate) variable: &'static str,
    /// The path of a request that it answers once it is ready.
    pub(crate) ready: &'static str,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    DynamoDb,
    ElasticMq,
    Minio,
    Moto,
}

/// As what a program comes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Go,
    Jars,
    Python,
}

/// All of them.
pub(crate) const EMULATORS: [Emulator; 4] = [
    Emulator {
        name: "dynamodb",
        variable: "BERTH_TEST_DYNAMODB",
        ready: "/",
        kind: Kind::DynamoDb,
    },
    Emulator {
        name: "elasticmq",
        variable: "BERTH_TEST_SQS",
        ready: "/",
        kind: Kind::ElasticMq,
    },
    Emulator {
        name: "minio",
        variable: "BERTH_TEST_S3",
        ready: "/minio/health/ready",
        kind: Kind::Minio,
    },
    // KMS and Secrets Manager.
    Emulator {
        name: "moto",
        variable: "BERTH_TEST_MOTO",
        ready: "/",
        kind: Kind::Moto,
    },
];

impl Emulator {
    /// Its pins.
    pub(crate) fn pins(&self, place: &Place) -> std::path::PathBuf {
        place.root.join("tests/emulators").join(self.name)
    }

    /// As what it comes.
    pub(crate) fn form(&self) -> Form {
        match self.kind {
            Kind::DynamoDb | Kind::ElasticMq => Form::Jars,
            Kind::Minio => Form::Go,
            Kind::Moto => Form::Python,
        }
    }

    /// What starts it on this port, with its files in `folder`.
    pub(crate) fn command(&self, place: &Place, folder: &Path, port: u16) -> Result<Command> {
        let jars = super::jars::folder(place, self.name);
        let all = jars.join("*");
        Ok(match self.kind {
            Kind::DynamoDb => {
                let mut command = place.command("java");
                command
                    .arg("-Xmx512m")
                    .arg(format!("-Djava.library.path={}", jars.display()))
                    .arg("-cp")
                    .arg(all)
                    .arg("com.amazonaws.services.dynamodbv2.local.main.ServerRunner")
                    .args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port"])
                    .arg(port.to_string());
                command
            }
            Kind::ElasticMq => {
                let file = folder.join("elasticmq.conf");
                fs::write(&file, configuration(port))
                    .context("cannot write the configuration of elasticmq")?;
                let mut command = place.command("java");
                command
                    .arg("-Xmx256m")
                    .arg(format!("-Dconfig.file={}", file.display()))
                    .arg("-cp")
                    .arg(all)
                    .arg("org.elasticmq.server.Main");
                command
            }
            Kind::Minio => {
                let mut command = place.command("minio");
                command
                    .args(["server", "--address", &format!("127.0.0.1:{port}")])
                    .args(["--console-address", "127.0.0.1:0"])
                    .arg(folder.join("s3"))
                    .env("MINIO_ROOT_USER", "berth")
                    .env("MINIO_ROOT_PASSWORD", "berth-secret")
                    .env("MINIO_BROWSER", "off")
                    .env("MINIO_UPDATE", "off");
                command
            }
            Kind::Moto => {
                let program = super::python::folder(place, self.name).join("bin/moto_server");
                let mut command = place.command(&program.to_string_lossy());
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            }
        })
    }
}

fn configuration(port: u16) -> String {
    format!(
        r#"include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = "127.0.0.1", sqs-limits = strict }}
rest-stats {{ enabled = false }}
"#
    )
}
