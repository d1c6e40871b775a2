//! What a client may not leave undone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{PATIENCE, Server};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that the server says until it closes the connection; a reset closes too.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let server = Server::start(&["--header-seconds", "1"]);
    for begin in [&b""[..], b"PRI * HT", b"GET /v2/ HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = connect(&server);
        stream.write_all(begin).unwrap();
        let said = rest(&mut stream);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
    }
}

#[test]
fn an_idle_connection_is_closed_after_its_requests() {
    let server = Server::start(&["--header-seconds", "1"]);
    let mut stream = connect(&server);
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_body_that_stops_is_cut_off() {
    let server = Server::start(&["--idle-body-seconds", "1"]);
    let mut stream = connect(&server);
    let digest = berth_oci::Digest::sha256(b"hello");
    // admin:Correct1Horse
    let request = format!(
        "POST /v2/library/x/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\n\
         authorization: Basic YWRtaW46Q29ycmVjdDFIb3JzZQ==\r\n\
         content-type: application/octet-stream\r\ncontent-length: 5\r\n\r\nhe"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let said = rest(&mut stream);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
}

#[test]
fn too_many_bytes_of_headers_are_refused() {
    let server = Server::start(&[]);
    let mut stream = connect(&server);
    let header = format!("x-long: {}\r\n", "a".repeat(128 * 1024));
    let request = format!("GET /v2/ HTTP/1.1\r\nhost: x\r\n{header}\r\n");
    // The server need not read all of it.
    let _ = stream.write_all(request.as_bytes());
    let said = rest(&mut stream);
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 431"),
        "{said}"
    );
}

#[test]
fn connections_beyond_the_limit_wait() {
    let server = Server::start(&["--max-connections", "1"]);
    let first = connect(&server);
    let mut second = connect(&server);
    second
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    second.set_nonblocking(true).unwrap();
    assert!(second.read(&mut [0]).is_err(), "nothing is answered yet");
    drop(first);
    second.set_nonblocking(false).unwrap();
    assert!(rest(&mut second).starts_with("HTTP/1.1 200 OK\r\n"));
}
