//! Serving: from the first start to the last request.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::support::{PASSWORD, PATIENCE, Server, berth, client, get, mode, run, stderr};

#[tokio::test]
async fn a_first_start_needs_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = berth();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::of(command, folder);
    assert_eq!(get(&format!("{}/v2/", server.url), None).await.0, 401);
    assert_eq!(
        get(&format!("{}/livez", server.url), None).await,
        (200, "ok\n".to_owned())
    );
    assert_eq!(
        get(&format!("{}/readyz", server.url), None).await,
        (200, "ok\n".to_owned())
    );

    let file = Path::new(&server.data()).join("initial-admin-password");
    assert_eq!((mode(server.data()), mode(&file)), (0o700, 0o600));
    let password = fs::read_to_string(file).unwrap();
    assert_eq!(
        get(&format!("{}/v2/", server.url), Some(password.trim()))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_generated_password_is_named_by_its_file_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = berth();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut server = Server::of(command, folder);
    let password = fs::read_to_string(Path::new(&server.data()).join("initial-admin-password"));
    server.signal("TERM");
    let (_, out, log) = server.wait();
    let said = [out, log].concat().join("\n");
    assert!(said.contains("initial-admin-password"), "{said}");
    assert!(!said.contains(password.unwrap().trim()));
}

#[tokio::test]
async fn a_given_password_is_used_and_not_kept() {
    let mut server = Server::start(&[]);
    assert_eq!(
        get(&format!("{}/v2/", server.url), Some(PASSWORD)).await.0,
        200
    );
    assert!(
        !Path::new(&server.data())
            .join("initial-admin-password")
            .exists()
    );
    server.signal("TERM");
    assert!(!server.wait().2.join("\n").contains(PASSWORD));
}

#[tokio::test]
async fn a_password_can_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    let mut command = berth();
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-password-file",
        "password",
    ]);
    let server = Server::of(command, folder);
    assert_eq!(
        get(&format!("{}/v2/", server.url), Some(PASSWORD)).await.0,
        200
    );
}

#[test]
fn a_weak_password_ends_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let output = berth()
        .current_dir(&folder)
        .env("BERTH_ADMIN_PASSWORD", "weak")
        .args(["serve", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("berth: the password of user admin cannot be used: "));
}

#[test]
fn a_login_at_docker_hub_comes_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "dckr_pat_secret\n").unwrap();
    let mut command = berth();
    command
        .env("BERTH_DOCKERHUB_USERNAME", "ann")
        .env("BERTH_DOCKERHUB_TOKEN_FILE", "token")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::of(command, folder);
    let warning = server.logged("everyone can pull");
    assert!(
        warning.contains("WARN") && warning.contains("ann"),
        "{warning}"
    );
    assert!(!warning.contains("dckr_pat_secret"));
}

#[test]
fn a_lost_sealing_key_is_asked_for_and_not_made_anew() {
    let mut server = Server::start(&[]);
    server.signal("TERM");
    server.wait();
    let key = Path::new(&server.data()).join("seal.key");
    fs::remove_file(&key).unwrap();
    let listen = "127.0.0.1:0";
    let output = run(&["serve", "--data", &server.data(), "--listen", listen]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("seal.key is missing, restore it from your backup"),
        "{said}"
    );
    assert!(!key.exists());
}

#[test]
fn a_second_server_on_the_same_data_says_who_holds_it() {
    let server = Server::start(&[]);
    let output = run(&["serve", "--data", &server.data(), "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("is in use by process ") && said.contains("127.0.0.1:0"),
        "{said}"
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Server::start(&[]);
    let address = server.url.trim_start_matches("http://");
    let folder = tempfile::tempdir().unwrap();
    let output = berth()
        .current_dir(&folder)
        .args(["serve", "--listen", address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains(&format!(
            "cannot listen on {address}, free it or name another"
        )),
        "{said}"
    );
}

#[tokio::test]
async fn every_address_serves() {
    let server = Server::start(&[
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "[::1]:0",
        "--listen",
        "unix:berth.sock",
        "--mirror",
        "docker.io=127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
    ]);
    let urls: Vec<_> = server
        .line
        .split([' ', ','])
        .filter(|w| w.starts_with("http://"))
        .collect();
    assert_eq!(urls.len(), 3, "{}", server.line);
    for url in urls {
        let status = get(&format!("{url}/v2/"), Some(PASSWORD)).await.0;
        assert_eq!(status, 200, "{url}");
    }
    let socket = server.folder.path().join("berth.sock");
    assert_eq!(mode(&socket), 0o660);
    let mut stream = UnixStream::connect(socket).unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn a_unix_socket_that_nobody_listens_on_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("berth.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let listen = format!("unix:{}", socket.display());
    let mut server = Server::start(&["--listen", &listen]);

    let elsewhere = tempfile::tempdir().unwrap();
    let second = berth()
        .current_dir(&elsewhere)
        .args(["serve", "--listen", &listen])
        .output()
        .unwrap();
    assert!(
        stderr(&second).contains("is in use by another process"),
        "{}",
        stderr(&second)
    );

    server.signal("TERM");
    assert!(server.wait().0.success());
    assert!(!socket.exists());
}

#[tokio::test]
async fn metrics_are_served_on_their_own_address_only() {
    let server = Server::start(&["--metrics-listen", "127.0.0.1:0"]);
    assert_eq!(get(&format!("{}/metrics", server.url), None).await.0, 404);
    assert_eq!(get(&format!("{}/v2/", server.url), None).await.0, 401);
    let address = server
        .line
        .split("metrics on ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let (status, text) = get(&format!("http://{address}/metrics"), None).await;
    assert_eq!(status, 200);
    for expected in [
        "# TYPE http_requests_total counter",
        "# TYPE http_request_duration_seconds histogram",
        "berth_build_info{version=",
        "process_resident_memory_bytes ",
        "jobs_dead 0",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(
        text.lines()
            .any(|l| l.starts_with("http_requests_total{") && l.contains("\"401\""))
    );
    assert_eq!(get(&format!("http://{address}/v2/"), None).await.0, 404);
}

#[tokio::test]
async fn no_client_can_make_labels_of_metrics() {
    let server = Server::start(&["--metrics-listen", "127.0.0.1:0"]);
    for path in ["/v2/", "/service/token", "/livez", "/grown/path"] {
        let method = reqwest::Method::from_bytes(b"GROWN").unwrap();
        let request = client().request(method, format!("{}{path}", server.url));
        request.send().await.unwrap();
    }
    let address = server.line.split("metrics on ").nth(1).unwrap();
    let address = address.split(',').next().unwrap();
    let text = get(&format!("http://{address}/metrics"), None).await.1;
    assert!(!text.to_lowercase().contains("grown"), "{text}");
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_too() {
    let server = Server::start(&[]);
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let response = client
        .get(format!("{}/v2/", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_request_is_logged_in_one_line_with_its_id() {
    let server = Server::start(&["--log-format", "json"]);
    let request = client()
        .get(format!("{}/v2/", server.url))
        .header("x-request-id", "my-id");
    assert_eq!(
        request.send().await.unwrap().headers()["x-request-id"],
        "my-id"
    );
    let line: serde_json::Value = serde_json::from_str(&server.logged("my-id")).unwrap();
    assert_eq!(
        (&line["id"], &line["path"], &line["status"]),
        (&"my-id".into(), &"/v2/".into(), &401.into())
    );
}

/// A push of a blob of five bytes that has sent its headers and two bytes, once
/// the server has taken them.
fn begin_push(server: &Server) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let digest = berth_oci::Digest::sha256(b"hello");
    // admin:Correct1Horse
    let head = format!(
        "POST /v2/library/x/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: {address}\r\n\
         authorization: Basic YWRtaW46Q29ycmVjdDFIb3JzZQ==\r\nexpect: 100-continue\r\n\
         content-type: application/octet-stream\r\ncontent-length: 5\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"he").unwrap();
    stream
}

#[test]
fn sigterm_lets_requests_under_way_end() {
    let mut server = Server::start(&[]);
    let mut push = begin_push(&server);
    server.signal("TERM");
    server.logged("stopping");
    let address = server.url.trim_start_matches("http://").to_owned();
    // The listener is closed at some moment after the log says so.
    while TcpStream::connect(&address).is_ok() {}

    push.write_all(b"llo").unwrap();
    let mut answer = String::new();
    push.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    let (status, _, log) = server.wait();
    assert!(status.success());
    assert!(
        log.iter().any(|line| line.contains("\"stopped\"")),
        "{log:#?}"
    );
}

#[test]
fn a_second_sigterm_ends_the_server_at_once() {
    let mut server = Server::start(&[]);
    let _push = begin_push(&server);
    server.signal("TERM");
    server.logged("stopping");
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(1));
}

#[test]
fn what_does_not_end_is_cut_off_at_the_deadline() {
    let mut server = Server::start(&["--shutdown-seconds", "0"]);
    let _push = begin_push(&server);
    server.signal("INT");
    let (status, _, log) = server.wait();
    assert!(status.success());
    assert!(
        log.iter().any(|line| line.contains("before all requests")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn what_was_there_is_there_after_a_restart() {
    let mut server = Server::start(&[]);
    let digest = berth_oci::Digest::sha256(b"hello");
    let push = client()
        .post(format!(
            "{}/v2/library/x/blobs/uploads/?digest={digest}",
            server.url
        ))
        .basic_auth("admin", Some(PASSWORD))
        .header("content-type", "application/octet-stream")
        .body("hello");
    assert_eq!(push.send().await.unwrap().status(), 201);
    server.signal("TERM");
    assert!(server.wait().0.success());

    let folder = tempfile::tempdir().unwrap();
    let mut command = berth();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", &server.data()]);
    let second = Server::of(command, folder);
    let url = format!("{}/v2/library/x/blobs/{digest}", second.url);
    assert_eq!(get(&url, Some(PASSWORD)).await, (200, "hello".to_owned()));
}
