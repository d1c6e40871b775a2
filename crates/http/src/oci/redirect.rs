//! Sending clients elsewhere: who follows, and whose login would go along.

use super::Call;
use crate::origin::Origin;

/// The oldest containerd whose pushes follow a redirect. Before, one in six
/// waits for ever to send what it has sent to the first address already.
const FOLLOWS_FROM: [u32; 3] = [1, 7, 20];

impl Call<'_> {
    /// Whether the client can be sent to an address without showing its login
    /// there, by whichever name of ours it came.
    pub(super) fn is_safe(&self, there: &str) -> bool {
        let base = Origin::of(self.parts, &self.app.settings).base;
        let mut names = Origin::names(self.parts);
        !login_goes_along(&base, there)
            && !names.any(|name| login_goes_along(&format!("http://{name}"), there))
    }
}

/// Whether a client that is sent from our address (scheme and host) to another
/// would show its login there. Go's clients do at the same host name, whatever
/// the port, and at names below it.
fn login_goes_along(ours: &str, there: &str) -> bool {
    let (Some(ours), Some(there)) = (host_name(ours), host_name(there)) else {
        return true;
    };
    let (ours, there) = (ours.to_ascii_lowercase(), there.to_ascii_lowercase());
    there == ours
        || there
            .strip_suffix(&ours)
            .is_some_and(|sub| sub.ends_with('.'))
}

/// The host name in an address with a scheme.
fn host_name(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    (!name.is_empty()).then_some(name)
}

/// Whether the client of this `User-Agent` puts a blob at the address that its
/// PUT is redirected to: containerd, and what pushes by its library and says so,
/// as Docker does. Others stop there, or cannot send their bytes again.
pub(super) fn follows_uploads(agent: &str) -> bool {
    agent
        .split_whitespace()
        .filter_map(|product| product.split_once('/'))
        .filter(|(name, _)| matches!(*name, "containerd" | "containerd-client"))
        .filter_map(|(_, version)| version_of(version))
        .any(|version| version >= FOLLOWS_FROM)
}

/// A version's numbers; none of one that was not released.
fn version_of(text: &str) -> Option<[u32; 3]> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit());
    let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
    let mut numbers = numbers.split('.');
    let mut next = || numbers.next()?.parse().ok();
    let version = [next()?, next()?, next()?];
    (!rest.starts_with('-')).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_along_to_the_same_name_and_those_below() {
        for there in [
            "http://r.test:9000/bucket/1?X-Amz-Signature=a",
            "https://R.test",
            "https://s3.r.test/bucket",
            "malformed",
        ] {
            assert!(login_goes_along("https://r.test:5000", there), "{there}");
        }
        for there in [
            "https://s3.test/r.test",
            "https://not-r.test",
            "https://test",
            "https://bucket.s3.amazonaws.com/1?r.test",
        ] {
            assert!(!login_goes_along("https://r.test:5000", there), "{there}");
        }
        assert!(login_goes_along("http://[::1]:5000", "http://[::1]:9000/a"));
        assert!(!login_goes_along(
            "http://127.0.0.1:5000",
            "http://127.0.0.2:9000/a"
        ));
    }

    #[test]
    fn only_clients_that_are_known_to_follow_are_sent_away_with_uploads() {
        for agent in [
            "containerd/1.7.28+unknown",
            "containerd/v2.1.4",
            "docker/28.0.1 go/go1.23.6 os/linux containerd-client/1.7.25+unknown storage-driver/overlayfs",
        ] {
            assert!(follows_uploads(agent), "{agent}");
        }
        for agent in [
            "",
            "containerd/1.6.20~ds1",
            "containerd/1.7.13",
            "containerd/v2.0.0-rc.1",
            "containerd/1.7",
            "containerd/é.7.28",
            "containerd/",
            "containerd/2",
            "docker/20.10.24+dfsg1 go/go1.19.8 os/linux",
            "skopeo/1.9.3",
            "go-containerregistry/v0.20.2",
            "oras/1.2.3",
            "Helm/3.16.4",
        ] {
            assert!(!follows_uploads(agent), "{agent}");
        }
    }
}
