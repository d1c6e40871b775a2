//! nginx with TLS in front of a server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::daemons::Daemon;
use super::programs;
use super::server::free_address;

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Nginx {
    /// Ended before its folder goes.
    _daemon: Daemon,
    address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// Puts it before a server; `None` where it is not on this machine. Its
    /// certificate is its own authority, and names 127.0.0.1.
    pub(crate) async fn before(server: SocketAddr) -> Option<Self> {
        for program in ["nginx", "openssl"] {
            programs::require(program)?;
        }
        let folder = TempDir::with_prefix("berth-").unwrap();
        certify(&folder);
        let address = free_address();
        let configuration = configuration(address, server);
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(file);
        command.args(["-e", "error.log"]);
        let mut daemon = Daemon::start("nginx", command, folder.path());
        daemon.listening(address).await;
        Some(Self {
            _daemon: daemon,
            address,
            folder,
        })
    }

    /// Where it listens, with TLS.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate to trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }
}

fn certify(folder: &TempDir) {
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                   -keyout key.pem -out certificate.pem -subj /CN=localhost \
                   -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
                   -addext basicConstraints=critical,CA:FALSE";
    let arguments = request.split_whitespace();
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder.path())
        .output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// As the documentation on operating has it, beside what lets it run here.
fn configuration(address: SocketAddr, server: SocketAddr) -> String {
    format!(
        "daemon off; pid nginx.pid; error_log error.log; worker_processes 1;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen {address} ssl;
        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        client_max_body_size 0;
        location / {{
            proxy_pass http://{server};
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"
    )
}
