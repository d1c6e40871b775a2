//! All addresses that are served.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use axum::Router;
use berth_settings::{Listen, Mirror, Settings};

use super::server::{Face, Server};
use super::socket::Socket;

/// Every socket, bound.
#[derive(Debug)]
pub(crate) struct Listeners {
    main: Vec<Socket>,
    mirrors: Vec<(String, Socket)>,
    metrics: Option<Socket>,
}

impl Listeners {
    /// Binds all addresses, or none.
    pub(crate) async fn bind(settings: &Settings) -> Result<Self> {
        let mut main = Vec::new();
        for listen in &settings.listen {
            main.push(Socket::bind(listen).await?);
        }
        let mut mirrors = Vec::new();
        for Mirror { registry, listen } in &settings.mirrors {
            mirrors.push((registry.clone(), Socket::bind(listen).await?));
        }
        let metrics = match &settings.metrics_listen {
            Some(listen) => Some(Socket::bind(listen).await?),
            None => None,
        };
        Ok(Self {
            main,
            mirrors,
            metrics,
        })
    }

    /// Says on standard output where it serves: one line for people.
    pub(crate) fn announce(&self, settings: &Settings) -> Result<()> {
        let address = |socket: &Socket| -> Result<String> {
            let address = socket.address().context("a socket has no address")?;
            Ok(match (&address, &settings.tls) {
                (Listen::Tcp(address), Some(_)) => format!("https://{address}"),
                (Listen::Tcp(address), None) => format!("http://{address}"),
                (Listen::Unix(_), _) => address.to_string(),
            })
        };
        let main = self.main.iter().map(address).collect::<Result<Vec<_>>>()?;
        let mut line = format!("berth serves {}", main.join(", "));
        for (registry, socket) in &self.mirrors {
            write!(line, ", {registry} on {}", address(socket)?)?;
        }
        if let Some(socket) = &self.metrics {
            let address = socket.address().context("a socket has no address")?;
            write!(line, ", metrics on {address}")?;
        }
        tracing::info!(version = env!("CARGO_PKG_VERSION"), data = %settings.data.display(), "{line}");
        // A closed standard output is no reason not to serve.
        let _ = writeln!(io::stdout(), "{line}, data in {}", settings.data.display());
        Ok(())
    }

    /// Serves `routes` on all addresses, and `metrics` on its own.
    pub(crate) fn serve(self, server: &Server, routes: &Router, metrics: Option<Router>) {
        let face = |mirror| Face {
            routes: routes.clone(),
            mirror,
            tls: true,
        };
        for socket in self.main {
            server.listen(socket, face(None));
        }
        for (registry, socket) in self.mirrors {
            server.listen(socket, face(Some(registry)));
        }
        if let (Some(socket), Some(routes)) = (self.metrics, metrics) {
            server.listen(
                socket,
                Face {
                    routes,
                    mirror: None,
                    tls: false,
                },
            );
        }
    }
}
