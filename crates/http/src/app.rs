//! What every handler is given.

use std::net::IpAddr;
use std::sync::Arc;

use berth_service::Service;

/// Settings of the HTTP faces.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// The address that clients use, scheme included, without a slash at the
    /// end; `None`: whatever `Host` says.
    pub external_url: Option<String>,
    /// Networks whose `Forwarded` and `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
}

/// An IP network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its address.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address mapped into IPv6 counts as
    /// what it maps.
    pub fn contains(&self, address: IpAddr) -> bool {
        let leading = |bits: u32| bits.saturating_sub(u32::from(self.prefix));
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = leading(32);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = leading(128);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The use cases.
    pub service: Arc<Service>,
    /// The settings.
    pub settings: Arc<HttpSettings>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses() {
        let network = Network {
            address: "10.1.0.0".parse().unwrap(),
            prefix: 16,
        };
        assert!(network.contains("10.1.255.1".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        assert!(!network.contains("::1".parse().unwrap()));
        let all = Network {
            address: "0.0.0.0".parse().unwrap(),
            prefix: 0,
        };
        assert!(all.contains("192.0.2.1".parse().unwrap()));
    }
}
