//! Toxiproxy between an instance and its store: its toxics slow down, stop, and
//! cut connections.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::daemons::Daemon;
use crate::support::http::Client;
use crate::support::server::free_address;
use crate::support::{programs, store};

/// What an instance keeps its data in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    DynamoDb,
    S3,
    Sqs,
}

impl Service {
    pub(super) const ALL: [Self; 3] = [Self::DynamoDb, Self::S3, Self::Sqs];

    const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
        }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// To the service.
    Up,
    /// From it.
    Down,
}

/// A fault that connections have, as Toxiproxy calls them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Toxic {
    /// Bytes come so many milliseconds later.
    Latency(u64),
    /// So many kilobytes a second.
    Bandwidth(u64),
    /// Nothing goes through. After so many milliseconds the connection is
    /// closed; with 0 it is not.
    Timeout(u64),
    /// The connection is reset after so many milliseconds.
    ResetPeer(u64),
    /// The connection is closed after so many bytes.
    LimitData(u64),
}

impl Toxic {
    fn attributes(self) -> (&'static str, Value) {
        match self {
            Self::Latency(latency) => ("latency", json!({ "latency": latency })),
            Self::Bandwidth(rate) => ("bandwidth", json!({ "rate": rate })),
            Self::Timeout(timeout) => ("timeout", json!({ "timeout": timeout })),
            Self::ResetPeer(timeout) => ("reset_peer", json!({ "timeout": timeout })),
            Self::LimitData(bytes) => ("limit_data", json!({ "bytes": bytes })),
        }
    }
}

/// A running Toxiproxy, with one proxy for each service.
#[derive(Debug)]
pub(super) struct Toxiproxy {
    /// Ended before its folder goes.
    _daemon: Daemon,
    _folder: TempDir,
    api: Client,
    endpoints: Vec<(Service, String)>,
}

impl Toxiproxy {
    /// Puts it before the emulators; `None` where it is not on this machine.
    pub(super) async fn start() -> Option<Self> {
        const PROGRAM: &str = "toxiproxy-server";
        programs::require(PROGRAM)?;
        let folder = TempDir::with_prefix("berth-").unwrap();
        let address = free_address();
        let mut command = std::process::Command::new(PROGRAM);
        command.env("LOG_LEVEL", "error");
        command.args(["-host", &address.ip().to_string()]);
        command.args(["-port", &address.port().to_string()]);
        let mut daemon = Daemon::start(PROGRAM, command, folder.path());
        daemon.listening(address).await;
        let api = Client::new(format!("http://{address}"));
        let mut endpoints = Vec::new();
        for service in Service::ALL {
            let upstream = store::emulator(&service.name().to_uppercase());
            let proxy = json!({
                "name": service.name(),
                "listen": "127.0.0.1:0",
                "upstream": upstream.trim_start_matches("http://"),
                "enabled": true,
            });
            let made = api.post("/proxies").json(&proxy).send().await.expect(201);
            let listen: SocketAddr = made.json()["listen"].as_str().unwrap().parse().unwrap();
            endpoints.push((service, format!("http://{listen}")));
        }
        Some(Self {
            _daemon: daemon,
            _folder: folder,
            api,
            endpoints,
        })
    }

    /// What tells `berth serve` to go through it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let argument = |(service, endpoint): &(Service, String)| {
            format!("--{}-endpoint={endpoint}", service.name())
        };
        self.endpoints.iter().map(argument).collect()
    }

    /// Gives so many percent of the connections to a service a fault, those
    /// that are there and those to come.
    pub(super) async fn add(&self, service: Service, toxic: Toxic, way: Way, percent: u8) {
        let (kind, attributes) = toxic.attributes();
        let stream = match way {
            Way::Up => "upstream",
            Way::Down => "downstream",
        };
        let toxic = json!({
            "name": format!("{kind}_{stream}"),
            "type": kind,
            "stream": stream,
            "toxicity": f32::from(percent) / 100.0,
            "attributes": attributes,
        });
        let path = format!("/proxies/{}/toxics", service.name());
        self.api.post(&path).json(&toxic).send().await.expect(200);
    }

    /// Closes all connections to a service and takes none.
    pub(super) async fn cut(&self, service: Service) {
        let path = format!("/proxies/{}", service.name());
        let body = json!({ "enabled": false });
        self.api.post(&path).json(&body).send().await.expect(200);
    }

    /// Ends all faults.
    pub(super) async fn mend(&self) {
        self.api.post("/reset").send().await.expect(204);
    }
}
