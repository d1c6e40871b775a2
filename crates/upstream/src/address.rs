//! Addresses that an upstream may not send us to.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use berth_ports::{UpstreamError, UpstreamResult};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// How far a request may reach. Link-local addresses and those of metadata
/// services are out of reach for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Loopback and private networks too: endpoints themselves, and what an
    /// endpoint at such an address sends us to.
    Private,
    /// Public addresses only: what any other endpoint sends us to.
    Public,
}

/// A name led to an address that is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("{0} is at an address that is not allowed here")]
pub(crate) struct RefusedAddress(String);

impl RefusedAddress {
    /// Finds it among the causes of an error.
    pub(crate) fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        causes(error).find_map(|error| error.downcast_ref())
    }
}

/// An error and its causes, the outermost first.
pub(crate) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// Resolves names, and leaves out the addresses that are out of reach: what is
/// checked is what is connected to.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    pub(crate) reach: Reach,
    pub(crate) proxies: Arc<ProxyHosts>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.contains(name.as_str());
        let reach = if is_proxy { Reach::Private } else { self.reach };
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let within = |address: &SocketAddr| is_within(address.ip(), reach);
            let allowed: Vec<_> = found.iter().copied().filter(within).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(RefusedAddress(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The hosts of the proxies that the environment names: they may be anywhere,
/// as the administrator chose them.
#[derive(Debug, Default)]
pub(crate) struct ProxyHosts(Vec<String>);

impl ProxyHosts {
    /// Reads the variables that `reqwest` reads.
    pub(crate) fn from_env() -> Self {
        let variables = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"];
        let values = variables.into_iter().flat_map(|name| {
            [
                std::env::var(name),
                std::env::var(name.to_ascii_lowercase()),
            ]
        });
        Self(
            values
                .filter_map(|value| Self::host(&value.ok()?))
                .collect(),
        )
    }

    fn host(proxy: &str) -> Option<String> {
        let url = if proxy.contains("://") {
            Url::parse(proxy)
        } else {
            Url::parse(&format!("http://{proxy}"))
        };
        Some(url.ok()?.host_str()?.to_ascii_lowercase())
    }

    fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|proxy| proxy.eq_ignore_ascii_case(host))
    }
}

/// Refuses an address of another scheme than HTTP, one that is out of reach as
/// written, and the proxy's own. What a name leads to is checked when it is
/// connected to.
pub(crate) fn check(url: &Url, reach: Reach, proxies: &ProxyHosts) -> UpstreamResult<()> {
    let allowed = matches!(url.scheme(), "http" | "https")
        && match url.host() {
            Some(Host::Ipv4(address)) => is_within(address.into(), reach),
            Some(Host::Ipv6(address)) => is_within(address.into(), reach),
            Some(Host::Domain(name)) => {
                reach == Reach::Private || !(proxies.contains(name) || is_local_name(name))
            }
            None => false,
        };
    if allowed { Ok(()) } else { Err(refused(url)) }
}

/// The refusal of an address, without its path, which may hold secrets.
pub(crate) fn refused(url: &Url) -> UpstreamError {
    UpstreamError::Refused(url.origin().ascii_serialization())
}

/// How far the endpoint at `url` may send us: as far as it is itself.
pub(crate) async fn reach_from(url: &Url) -> Reach {
    let private = |address: IpAddr| !is_within(address, Reach::Public);
    let is_private = match url.host() {
        Some(Host::Ipv4(address)) => private(address.into()),
        Some(Host::Ipv6(address)) => private(address.into()),
        Some(Host::Domain(name)) if is_local_name(name) => true,
        Some(Host::Domain(name)) => match tokio::net::lookup_host((name, 0)).await {
            Ok(mut addresses) => {
                let first = addresses.next();
                first.is_some_and(|first| private(first.ip()))
                    && addresses.all(|address| private(address.ip()))
            }
            // Behind a proxy, names need not lead anywhere from here.
            Err(_) => false,
        },
        None => false,
    };
    if is_private {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

/// Whether `address` is within reach.
fn is_within(address: IpAddr, reach: Reach) -> bool {
    let address = embedded(address);
    !is_never_allowed(address) && (reach == Reach::Private || is_public(address))
}

/// The IPv4 address that an IPv6 address carries (mapped, NAT64, 6to4), as
/// that is where it leads.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let octets = v6.octets();
    let carried = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => octets.last_chunk::<4>(),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => octets.last_chunk(),
        [0x2002, ..] => octets[2..].first_chunk(),
        _ => None,
    };
    carried.map_or(address, |octets| IpAddr::from(*octets))
}

/// Addresses that are not unicast addresses of a network, that are only valid
/// on one link, or where clouds have their metadata services.
fn is_never_allowed(address: IpAddr) -> bool {
    const ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    const AZURE: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    const ORACLE: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 192);
    const AWS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || [ALIBABA, AZURE, ORACLE].contains(&v4)
        }
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6 == AWS,
    }
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            let benchmark = a == 198 && b & 0xfe == 18;
            let protocols = [a, b, c] == [192, 0, 0];
            !(a == 0
                || a >= 240
                || shared
                || benchmark
                || protocols
                || v4.is_loopback()
                || v4.is_private()
                || v4.is_documentation())
        }
        // Global unicast is 2000::/3, without what is for documentation.
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            a & 0xe000 == 0x2000 && (a, b) != (0x2001, 0xdb8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(reach: Reach, host: &str) -> bool {
        let url = format!("https://{host}/path").parse().unwrap();
        check(&url, reach, &ProxyHosts::default()).is_ok()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_out_of_reach_for_all() {
        for host in [
            "169.254.169.254",
            "169.254.1.1",
            "0xa9fea9fe",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!within(Reach::Private, host), "{host}");
            assert!(!within(Reach::Public, host), "{host}");
        }
    }

    #[test]
    fn loopback_and_private_addresses_are_for_private_endpoints() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "127.1",
            "localhost",
            "registry.localhost.",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[fd12::1]",
        ] {
            assert!(within(Reach::Private, host), "{host}");
            assert!(!within(Reach::Public, host), "{host}");
        }
    }

    #[test]
    fn public_addresses_and_names_are_in_reach_of_all() {
        for host in [
            "registry-1.docker.io",
            "1.1.1.1",
            "172.32.0.1",
            "[2606:4700::1111]",
        ] {
            assert!(within(Reach::Private, host), "{host}");
            assert!(within(Reach::Public, host), "{host}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["ftp://example.com/", "file:///etc/passwd", "data:,x"] {
            let url = url.parse().unwrap();
            assert!(
                check(&url, Reach::Private, &ProxyHosts::default()).is_err(),
                "{url}"
            );
        }
    }

    #[test]
    fn an_upstream_does_not_send_us_to_the_proxy() {
        let proxies = ProxyHosts(vec!["proxy.example".to_owned()]);
        let url = "http://Proxy.example:3128/".parse().unwrap();
        assert!(check(&url, Reach::Public, &proxies).is_err());
    }

    #[tokio::test]
    async fn an_endpoint_reaches_as_far_as_it_is_itself() {
        for (url, reach) in [
            ("http://127.0.0.1:5000", Reach::Private),
            ("http://localhost", Reach::Private),
            ("https://[fd12::1]", Reach::Private),
            ("https://1.1.1.1", Reach::Public),
        ] {
            assert_eq!(reach_from(&url.parse().unwrap()).await, reach, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_out_of_reach_is_not_connected_to() {
        let resolver = Resolver {
            reach: Reach::Public,
            proxies: Arc::default(),
        };
        let Err(error) = resolver.resolve("localhost".parse().unwrap()).await else {
            panic!("it resolved");
        };
        assert!(RefusedAddress::cause_of(&*error).is_some());
    }
}
