//! Registry endpoints: the upstreams of proxy projects.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RegistryId, Secret, Version};

/// What kind of registry an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointKind {
    /// Docker Hub. The address `https://hub.docker.com` means its registry,
    /// and names of one part get `library/` before them.
    DockerHub,
    /// Any registry of the distribution spec.
    DockerRegistry,
}

impl EndpointKind {
    /// The `type` in Harbor's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DockerHub => "docker-hub",
            Self::DockerRegistry => "docker-registry",
        }
    }

    /// The kind that Harbor's API calls `text`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::DockerHub, Self::DockerRegistry]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A secret encrypted under the instance's sealing key, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sealed(..)")
    }
}

/// A login at an upstream, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCredential {
    /// The account.
    pub username: String,
    /// Its password or token.
    pub password: Sealed,
}

/// A registry endpoint as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryEndpoint {
    /// Its number.
    pub id: RegistryId,
    /// Its name, unique.
    pub name: String,
    /// A note.
    pub description: String,
    /// Its kind.
    pub kind: EndpointKind,
    /// Its address, as given.
    pub url: String,
    /// Its login.
    pub credential: Option<SealedCredential>,
    /// Whether its certificate goes unchecked.
    pub insecure: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}

/// A registry endpoint ready to be talked to: address resolved, login opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    /// Which endpoint this is, for caches; 0 for one that is being tried.
    pub id: RegistryId,
    /// The base address of the registry API, without a path `/v2`.
    pub url: String,
    /// Whether names of one part mean `library/` names.
    pub implied_library: bool,
    /// Its login.
    pub credential: Option<(String, Secret)>,
    /// Whether its certificate goes unchecked.
    pub insecure: bool,
}

/// The host by which container tools call Docker Hub.
pub const DOCKER_HUB_NAMESPACE: &str = "docker.io";

const DOCKER_HUB_REGISTRY: &str = "https://registry-1.docker.io";

impl RegistryEndpoint {
    /// What to talk to, with this login.
    pub fn remote(&self, credential: Option<(String, Secret)>) -> Remote {
        Remote::new(self.id, self.kind, &self.url, credential, self.insecure)
    }

    /// The hosts by which image names mean this registry, as in
    /// `docker.io/library/alpine`: its own, and Docker Hub's for an endpoint
    /// of that kind.
    pub fn namespaces(&self) -> Vec<String> {
        let host = namespace(authority(&self.url));
        let hub = self.kind == EndpointKind::DockerHub && host != DOCKER_HUB_NAMESPACE;
        hub.then(|| DOCKER_HUB_NAMESPACE.to_owned())
            .into_iter()
            .chain([host])
            .collect()
    }
}

impl Remote {
    /// Resolves an endpoint's address: `https://hub.docker.com` of a Docker Hub
    /// means its registry, any other address means itself. Slashes at the end
    /// and a path `/v2` do not count.
    pub fn new(
        id: RegistryId,
        kind: EndpointKind,
        url: &str,
        credential: Option<(String, Secret)>,
        insecure: bool,
    ) -> Self {
        let url = url.trim_end_matches('/');
        let url = url.strip_suffix("/v2").unwrap_or(url).trim_end_matches('/');
        let hub = kind == EndpointKind::DockerHub;
        let is_website = authority(url).eq_ignore_ascii_case("hub.docker.com");
        let url = if hub && is_website {
            DOCKER_HUB_REGISTRY
        } else {
            url
        };
        Self {
            id,
            url: url.to_owned(),
            implied_library: hub,
            credential,
            insecure,
        }
    }
}

/// The host by which image names mean the registry at `authority`
/// (`host[:port]`): in lower case, and one for all of Docker Hub's.
pub fn namespace(authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    match authority.as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" => {
            DOCKER_HUB_NAMESPACE.to_owned()
        }
        _ => authority,
    }
}

/// The `host[:port]` of an address, without the scheme's own port.
fn authority(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let own_port = if scheme.eq_ignore_ascii_case("http") {
        ":80"
    } else {
        ":443"
    };
    authority.strip_suffix(own_port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(kind: EndpointKind, url: &str) -> (String, bool) {
        let remote = Remote::new(RegistryId(1), kind, url, None, false);
        (remote.url, remote.implied_library)
    }

    #[test]
    fn the_website_of_docker_hub_means_its_registry() {
        for url in [
            "https://hub.docker.com",
            "https://hub.docker.com/",
            "https://HUB.docker.com//",
        ] {
            let registry = ("https://registry-1.docker.io".to_owned(), true);
            assert_eq!(resolved(EndpointKind::DockerHub, url), registry, "{url}");
        }
        assert_eq!(
            resolved(EndpointKind::DockerRegistry, "https://hub.docker.com"),
            ("https://hub.docker.com".to_owned(), false)
        );
    }

    #[test]
    fn any_other_address_means_itself() {
        for (url, base) in [
            ("https://ghcr.io", "https://ghcr.io"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
            ("https://r.test/v2/", "https://r.test"),
            ("https://r.test/docker/hub", "https://r.test/docker/hub"),
        ] {
            assert_eq!(
                resolved(EndpointKind::DockerRegistry, url),
                (base.to_owned(), false),
                "{url}"
            );
        }
    }

    #[test]
    fn an_endpoint_serves_the_names_of_its_host() {
        let namespaces = |kind, url: &str| {
            let endpoint = RegistryEndpoint {
                id: RegistryId(1),
                name: "upstream".to_owned(),
                description: String::new(),
                kind,
                url: url.to_owned(),
                credential: None,
                insecure: false,
                created_at: Timestamp::UNIX_EPOCH,
                updated_at: Timestamp::UNIX_EPOCH,
                version: Version(1),
            };
            endpoint.namespaces()
        };
        let hub = EndpointKind::DockerHub;
        let registry = EndpointKind::DockerRegistry;
        assert_eq!(namespaces(hub, "https://hub.docker.com"), ["docker.io"]);
        assert_eq!(
            namespaces(registry, "https://registry-1.docker.io/"),
            ["docker.io"]
        );
        assert_eq!(
            namespaces(hub, "http://127.0.0.1:80"),
            ["docker.io", "127.0.0.1"]
        );
        assert_eq!(namespaces(registry, "https://GHCR.io:443/x"), ["ghcr.io"]);
        assert_eq!(
            namespaces(registry, "http://localhost:5000"),
            ["localhost:5000"]
        );
    }
}
