//! Addresses to serve on.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// An address to serve on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 takes any free one.
    Tcp(SocketAddr),
    /// A Unix socket at this path.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("is unix: without a path behind it".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!("is {text:?}, write it as 127.0.0.1:5000, [::1]:5000 or unix:/path")
            }),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// An address that serves another registry's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The host by which image names mean that registry, such as `docker.io`.
    pub registry: String,
    /// Where to serve them.
    pub listen: Listen,
}

impl FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = |host: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
            !host.is_empty() && host.bytes().all(allowed)
        };
        match text.split_once('=') {
            Some((registry, listen)) if host(registry) => Ok(Self {
                registry: registry.to_ascii_lowercase(),
                listen: listen.parse()?,
            }),
            _ => Err(format!("is {text:?}, write it as docker.io=127.0.0.1:5001")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_and_print_alike() {
        for text in [
            "127.0.0.1:5000",
            "[::1]:5000",
            "0.0.0.0:0",
            "unix:/run/berth.sock",
            "unix:a",
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "5000",
            ":5000",
            "localhost",
            "127.0.0.1",
            "unix:",
            "127.0.0.1:70000",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_mirror_is_a_registry_and_an_address() {
        let mirror: Mirror = "Docker.io=127.0.0.1:5001".parse().unwrap();
        assert_eq!(mirror.registry, "docker.io");
        assert_eq!(mirror.listen.to_string(), "127.0.0.1:5001");
        for text in [
            "",
            "docker.io",
            "=127.0.0.1:1",
            "docker.io=",
            "docker.io=5001",
            "https://a=[::]:1",
        ] {
            assert!(text.parse::<Mirror>().is_err(), "{text}");
        }
    }
}
