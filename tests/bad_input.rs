//! Bad input: each is refused with the right status and code, and leaves
//! nothing behind.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::files;
use crate::support::http::Client;
use crate::support::server::{Server, assert_sound};

mod manifests;
mod requests;
mod tokens;
mod uploads;
mod upstream;

const REPOSITORY: &str = "library/bad";

/// Asserts that a server's stores are as empty as at its start.
async fn assert_no_trace(server: &Server) {
    let client = server.admin();
    let catalog = client.get("/v2/_catalog").send().await.expect(200).json();
    assert_eq!(catalog["repositories"], serde_json::json!([]));
    for folder in ["blobs", "uploads"] {
        files::wait_for(&server.data().join(folder), 0).await;
    }
    assert_sound(server.data());
}

/// Sends bytes as they are, then closes the sending half; answers what came
/// back until the server closed the other.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may answer, and close, before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .expect("it hangs");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of a raw answer; 0 if the connection was closed without one.
fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}

/// A request's head, with the administrator's login.
fn head(method: &str, path: &str, headers: &str) -> String {
    let login = Client::basic("admin", crate::support::server::ADMIN_PASSWORD);
    format!("{method} {path} HTTP/1.1\r\nhost: berth\r\nauthorization: {login}\r\n{headers}\r\n")
}
