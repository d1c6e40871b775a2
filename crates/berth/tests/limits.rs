//! What a client may not leave undone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{PASSWORD, PATIENCE, Server, client};

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

/// A push that is refused, with a header, of so many bytes.
fn refused_push(header: &str, length: usize) -> String {
    format!(
        "POST /v2/library/x/blobs/uploads/?digest=sha256:0 HTTP/1.1\r\nhost: x\r\n{header}\
         content-length: {length}\r\n\r\n"
    )
}

/// The answer's headers.
fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
    String::from_utf8(bytes).unwrap().to_lowercase()
}

#[test]
fn who_was_refused_before_all_was_sent_can_send_the_rest_and_go_on() {
    let server = Server::start(&[]);
    let mut stream = connect(&server);
    let push = refused_push("", 200_000);
    stream.write_all(push.as_bytes()).unwrap();
    stream.write_all(&vec![7; 200_000]).unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let said = rest(&mut stream);
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    assert!(said.contains("HTTP/1.1 200 OK\r\n"), "{said}");
}

#[test]
fn who_was_refused_and_sends_much_more_is_told_that_the_connection_ends() {
    let server = Server::start(&[]);
    for header in ["", "expect: 100-continue\r\n"] {
        let mut stream = connect(&server);
        let push = refused_push(header, 100_000_000);
        stream.write_all(push.as_bytes()).unwrap();
        let said = head(&mut stream);
        assert!(said.starts_with("http/1.1 4"), "{said}");
        assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
    }
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

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()];
    [&head.concat(), payload].concat()
}

/// A GET in HPACK (RFC 7541), all names and values literal.
fn get_frame(stream: u32, path: &str) -> Vec<u8> {
    let headers = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", path),
        // admin:Correct1Horse
        ("authorization", "Basic YWRtaW46Q29ycmVjdDFIb3JzZQ=="),
    ];
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let fields = headers.map(|(name, value)| [vec![0], text(name), text(value)].concat());
    // HEADERS with END_HEADERS and END_STREAM.
    frame(1, 0x05, stream, &fields.concat())
}

#[tokio::test]
async fn answers_that_nobody_takes_end_the_connection() {
    let server = Server::start(&["--idle-body-seconds", "1"]);
    let bytes = vec![7; 1024 * 1024];
    let digest = berth_oci::Digest::sha256(&bytes);
    let path = "/v2/library/x/blobs";
    let pushed = client()
        .post(format!("{}{path}/uploads/?digest={digest}", server.url))
        .basic_auth("admin", Some(PASSWORD))
        .header("content-type", "application/octet-stream")
        .body(bytes)
        .send();
    assert_eq!(pushed.await.unwrap().status(), 201);

    let mut stream = connect(&server);
    let window_of_one_byte = frame(4, 0, 0, &[0, 4, 0, 0, 0, 1]);
    let mut said = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &window_of_one_byte,
    ]
    .concat();
    for number in 0..20 {
        let path = format!("{path}/{digest}");
        said.extend(get_frame(2 * number + 1, &path));
    }
    stream.write_all(&said).unwrap();
    let mut answers = Vec::new();
    // It ends: the read's own time limit is an error.
    stream.read_to_end(&mut answers).unwrap();
    let data = answers
        .windows(9)
        .filter(|head| head[..5] == [0, 0, 1, 0, 0]);
    assert_eq!(data.count(), 20, "a byte of each");
}
