//! Where a request really came from, and by which address it reached us.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{FORWARDED, HOST};
use http::request::Parts;

use crate::app::HttpSettings;
use crate::connection::Connection;

/// A request's origin, as far as it can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address, for logs and for slowing down failed logins.
    pub(crate) client: String,
    /// Our address as the client sees it: scheme and host.
    pub(crate) base: String,
}

impl Origin {
    /// Reads it from a request. Forwarding headers count only where the peer
    /// is a trusted proxy.
    pub(crate) fn of(parts: &Parts, settings: &HttpSettings) -> Self {
        let connection = parts
            .extensions
            .get::<Connection>()
            .cloned()
            .unwrap_or_default();
        let trusted =
            |address: IpAddr| settings.trusted_proxies.iter().any(|n| n.contains(address));
        let forwarded = match connection.peer {
            Some(peer) if trusted(peer) => Forwarded::of(&parts.headers, trusted),
            _ => Forwarded::default(),
        };
        let client = forwarded
            .client
            .or_else(|| connection.peer.map(|peer| peer.to_canonical().to_string()))
            .unwrap_or_else(|| "local".to_owned());
        let base = settings.external_url.clone().unwrap_or_else(|| {
            let scheme = match forwarded.scheme.as_deref() {
                Some("https") => "https",
                None if connection.tls => "https",
                _ => "http",
            };
            let host = forwarded.host.or_else(|| host(parts)).unwrap_or_default();
            format!("{scheme}://{host}")
        });
        Self { client, base }
    }

    /// Every name that the request gives us, by whomever: what is not to be
    /// done under one of them is not to be done.
    pub(crate) fn names(parts: &Parts) -> impl Iterator<Item = &str> {
        let headers = [HOST.as_str(), "x-forwarded-host"];
        let headers = headers
            .into_iter()
            .filter_map(|name| text(&parts.headers, name));
        headers.chain(parts.uri.authority().map(http::uri::Authority::as_str))
    }
}

/// The host that the client asked for: `Host`, or `:authority` in HTTP/2.
fn host(parts: &Parts) -> Option<String> {
    let named = text(&parts.headers, HOST.as_str());
    let host = named.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))?;
    is_host(host).then(|| host.to_owned())
}

/// Whether a text can stand in an address as host and port. It ends up in
/// headers of ours, so nothing else may pass.
fn is_host(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(allowed)
}

/// All lines of a header as one list, as RFC 9110 (5.3) joins them: a proxy may
/// add a line of its own behind the client's.
fn list(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a trusted proxy says (RFC 7239, or the older `X-Forwarded-*`).
#[derive(Debug, Default)]
struct Forwarded {
    client: Option<String>,
    scheme: Option<String>,
    host: Option<String>,
}

impl Forwarded {
    fn of(headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Self {
        match list(headers, FORWARDED.as_str()) {
            Some(header) => Self::standard(&header, trusted),
            None => Self::older(headers, trusted),
        }
    }

    fn standard(header: &str, trusted: impl Fn(IpAddr) -> bool) -> Self {
        let elements: Vec<_> = header.split(',').map(element).collect();
        let client = last_untrusted(elements.iter().filter_map(|e| e.client.clone()), trusted);
        // The nearest proxy says how it was reached.
        let nearest = elements.into_iter().next_back().unwrap_or_default();
        Self {
            client,
            scheme: nearest.scheme,
            host: nearest.host.filter(|host| is_host(host)),
        }
    }

    fn older(headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Self {
        let listed = list(headers, "x-forwarded-for").unwrap_or_default();
        let first = |name| {
            text(headers, name)
                .and_then(|v| v.split(',').next())
                .map(|v| v.trim().to_owned())
        };
        Self {
            client: last_untrusted(listed.split(',').map(|v| v.trim().to_owned()), trusted),
            scheme: first("x-forwarded-proto").map(|scheme| scheme.to_ascii_lowercase()),
            host: first("x-forwarded-host").filter(|host| is_host(host)),
        }
    }
}

/// One element of a `Forwarded` header.
fn element(text: &str) -> Forwarded {
    let mut element = Forwarded::default();
    for pair in text.split(';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"').to_owned();
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => element.client = Some(value),
            "proto" => element.scheme = Some(value.to_ascii_lowercase()),
            "host" => element.host = Some(value),
            _ => {}
        }
    }
    element
}

/// The address nearest to us that is no proxy of ours: those before it may be
/// made up.
fn last_untrusted(
    addresses: impl Iterator<Item = String>,
    trusted: impl Fn(IpAddr) -> bool,
) -> Option<String> {
    let parsed: Vec<IpAddr> = addresses.filter_map(|text| address(&text)).collect();
    let found = parsed
        .iter()
        .rev()
        .find(|address| !trusted(**address))
        .or_else(|| parsed.first());
    found.map(|address| address.to_canonical().to_string())
}

/// An address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    text.rsplit_once(':')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Network;

    fn origin(peer: &str, tls: bool, headers: &[(&str, &str)]) -> Origin {
        let mut request = http::Request::builder().uri("/v2/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = peer.parse().ok();
        let request = request
            .extension(Connection {
                peer,
                tls,
                mirror: None,
            })
            .body(())
            .unwrap();
        let settings = HttpSettings {
            external_url: None,
            trusted_proxies: vec![Network {
                address: "10.0.0.0".parse().unwrap(),
                prefix: 8,
            }],
        };
        Origin::of(&request.into_parts().0, &settings)
    }

    #[test]
    fn without_a_proxy_the_host_header_and_the_peer_count() {
        let forged = [
            ("host", "r.test:5000"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
        ];
        let found = origin("192.0.2.7", false, &forged);
        assert_eq!(
            found,
            Origin {
                client: "192.0.2.7".into(),
                base: "http://r.test:5000".into()
            }
        );
        assert_eq!(
            origin("192.0.2.7", true, &forged).base,
            "https://r.test:5000"
        );
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        let found = origin(
            "10.0.0.1",
            false,
            &[
                ("host", "inner"),
                ("x-forwarded-for", "6.6.6.6, 192.0.2.9, 10.0.0.2"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "r.test"),
            ],
        );
        assert_eq!(
            found,
            Origin {
                client: "192.0.2.9".into(),
                base: "https://r.test".into()
            }
        );
        let found = origin(
            "10.0.0.1",
            false,
            &[
                ("host", "inner"),
                (
                    "forwarded",
                    "for=\"[2001:db8::1]:99\";proto=https;host=r.test",
                ),
            ],
        );
        assert_eq!(
            found,
            Origin {
                client: "2001:db8::1".into(),
                base: "https://r.test".into()
            }
        );
    }

    #[test]
    fn a_proxys_own_header_line_counts_more_than_the_clients() {
        let found = origin(
            "10.0.0.1",
            false,
            &[
                ("host", "r.test"),
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "192.0.2.9"),
            ],
        );
        assert_eq!(found.client, "192.0.2.9");
    }

    #[test]
    fn a_host_that_is_none_is_not_repeated() {
        assert_eq!(
            origin("192.0.2.7", false, &[("host", "a\" b")]).base,
            "http://"
        );
    }
}
