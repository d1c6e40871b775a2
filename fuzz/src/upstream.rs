//! An upstream that answers what it is told, at every address there is: it is
//! the HTTP proxy of this process, so nothing else is ever connected to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// The answers still to be given, and the requests that came.
#[derive(Debug, Default)]
struct Wire {
    answers: VecDeque<Vec<u8>>,
    requests: Vec<Seen>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub url: Url,
    headers: Vec<(String, String)>,
}

impl Seen {
    fn parse(head: &[u8]) -> Self {
        let head = str::from_utf8(head).expect("a request is ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let url = if method == "CONNECT" {
            format!("https://{target}")
        } else {
            target.to_owned()
        };
        Self {
            method,
            url: url.parse().expect("a proxy is told whole addresses"),
            headers: lines
                .map(|line| line.split_once(": ").expect("a header"))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        }
    }

    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The other end of every connection of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Upstream(Arc<Mutex<Wire>>);

impl Upstream {
    /// Listens, in the background of this runtime, and becomes the proxy that
    /// clients made from now on go through.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = format!("http://{}", listener.local_addr().expect("an address"));
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            let value = if name == "NO_PROXY" { "" } else { &proxy };
            for name in [name.to_owned(), name.to_ascii_lowercase()] {
                // SAFETY: a target starts this before it has a second thread.
                unsafe { std::env::set_var(name, value) };
            }
        }
        let upstream = Self::default();
        let wire = upstream.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(wire.clone().serve(connection));
            }
        });
        upstream
    }

    /// What to answer from now on, one answer for each connection.
    pub fn answer(&self, answers: impl Iterator<Item = Vec<u8>>) {
        self.with(|wire| {
            wire.answers = answers.collect();
            wire.requests.clear();
        });
    }

    /// The requests that came since.
    pub fn requests(&self) -> Vec<Seen> {
        self.with(|wire| wire.requests.clone())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Wire) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn serve(self, mut connection: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match connection.read_buf(&mut head).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let answer = self.with(|wire| {
            wire.requests.push(Seen::parse(&head));
            wire.answers.pop_front()
        });
        // Without an answer the connection is closed all the same.
        let _ = connection.write_all(&answer.unwrap_or_default()).await;
        let _ = connection.shutdown().await;
    }
}
