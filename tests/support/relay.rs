//! A relay that clients are redirected to instead of the store itself: it
//! passes all on, and keeps what clients sent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::store;

/// What a client sent over each connection.
type Sent = Arc<Mutex<Vec<Vec<u8>>>>;

/// A running relay before the emulator of S3.
#[derive(Debug)]
pub(crate) struct Relay {
    url: String,
    sent: Sent,
    server: JoinHandle<()>,
}

impl Relay {
    /// Starts it at a host of this machine, which is not the registry's.
    pub(crate) async fn start(host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sent = Sent::default();
        let kept = Arc::clone(&sent);
        let server = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass_on(client, Arc::clone(&kept)));
            }
        });
        Self {
            url: format!("http://{host}:{port}"),
            sent,
            server,
        }
    }

    /// Its address as a URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The requests that it passed on, in lower case; none has a body.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).to_lowercase();
        let sent: Vec<_> = sent.iter().map(text).collect();
        let requests = sent
            .iter()
            .flat_map(|text| text.split_terminator("\r\n\r\n"));
        requests.map(str::to_owned).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Passes on a connection until one side ends it.
async fn pass_on(client: TcpStream, sent: Sent) {
    let emulator = store::emulator("S3");
    let store = TcpStream::connect(emulator.trim_start_matches("http://")).await;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_store, to_store) = store.unwrap().into_split();
    tokio::select! {
        () = keep(from_client, to_store, &sent) => {}
        _ = copy(&mut from_store, &mut to_client) => {}
    }
}

async fn keep(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, sent: &Sent) {
    let number = {
        let mut sent = sent.lock().unwrap();
        sent.push(Vec::new());
        sent.len() - 1
    };
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        sent.lock().unwrap()[number].extend(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
