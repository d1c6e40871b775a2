//! Answers of an upstream, whole ones, through the real client: challenges,
//! tokens, redirects, tag lists, `Link`, `Content-Range`, errors. What comes out
//! is bounded, logins go only where they belong, and no upstream on the public
//! internet sends us into a private network.
//!
//! The first line of the input is `OPERATION PLACE [NUMBER]`, the place being
//! `private` or `public`; each further step is an answer.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use berth_domain::{EndpointKind, RegistryId, Remote, Secret};
use berth_fuzz::script::steps;
use berth_fuzz::upstream::{Seen, Upstream as Answering};
use berth_oci::{Digest, MAX_MANIFEST_BYTES, Reference};
use berth_ports::{Upstream as _, UpstreamError, UpstreamResult};
use berth_upstream::HttpUpstream;
use futures_util::TryStreamExt as _;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use url::{Host, Url};

const PRIVATE: &str = "http://192.168.0.1:5000";
const PUBLIC: &str = "http://1.1.1.1";
/// More than any answer needs that is given at once.
const PATIENCE: Duration = Duration::from_secs(5);

struct World {
    runtime: Runtime,
    answering: Answering,
    client: HttpUpstream,
    /// Raised for each input, so that none knows the logins of another.
    remotes: i64,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let answering = runtime.block_on(Answering::start());
        let client = runtime
            .block_on(async { HttpUpstream::new() })
            .expect("a client");
        Self {
            runtime,
            answering,
            client,
            remotes: 0,
        }
    }

    fn remote(&mut self, home: &str) -> Remote {
        self.remotes += 1;
        let login = Some(("ann".to_owned(), Secret::new("a password")));
        let id = RegistryId(self.remotes);
        Remote::new(id, EndpointKind::DockerRegistry, home, login, false)
    }

    fn play(&mut self, script: &str) {
        let mut steps = steps(script);
        let mut words = steps.next().unwrap_or_default().split(' ');
        let operation = words.next().unwrap_or_default();
        let home = if words.next() == Some("public") {
            PUBLIC
        } else {
            PRIVATE
        };
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let remote = self.remote(home);
        self.answering
            .answer(steps.map(|answer| answer.as_bytes().to_vec()));
        let asked = ask(&self.client, &remote, operation, number);
        let asked = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        if let Err(error) = asked.expect("an answer in time") {
            check_error(&error);
        }
        let home = home.parse().expect("an address");
        for request in self.answering.requests() {
            check_request(&request, &home);
        }
    }
}

async fn ask(
    client: &HttpUpstream,
    remote: &Remote,
    operation: &str,
    number: u64,
) -> UpstreamResult<()> {
    let digest = Digest::sha256(b"{}");
    let tag = || Reference::Tag("latest".parse().expect("a tag"));
    match operation {
        "ping" => client.ping(remote).await?,
        "head" => {
            let head = client
                .head_manifest(remote, "a/b", &tag(), PATIENCE)
                .await?;
            check_media_type(head.media_type.as_deref());
        }
        "manifest" => {
            let manifest = client.get_manifest(remote, "a/b", &tag()).await?;
            assert!(manifest.bytes.len() <= MAX_MANIFEST_BYTES);
            check_media_type(manifest.media_type.as_deref());
        }
        "size" => drop(client.head_blob(remote, "a/b", digest).await?),
        "blob" => {
            let blob = client.get_blob(remote, "a/b", digest, number).await?;
            assert!([0, number].contains(&blob.start));
            blob.stream.try_for_each(|_| async { Ok(()) }).await?;
        }
        "tags" => drop(client.list_tags(remote, "a/b", Some("a"), 10).await?),
        _ => {
            let referrers = client.referrers(remote, "a/b", digest).await?;
            // Pages are joined into one, which writes what was read anew.
            assert!(referrers.is_none_or(|all| all.len() <= 8 * MAX_MANIFEST_BYTES));
        }
    }
    Ok(())
}

fn check_media_type(media_type: Option<&str>) {
    let whole = |text: &str| text.contains('/') && !text.contains([' ', ';']);
    assert!(media_type.is_none_or(whole), "{media_type:?}");
}

fn check_error(error: &UpstreamError) {
    if let UpstreamError::Status {
        status,
        message,
        retry_after,
    } = error
    {
        assert!((400..600).contains(status));
        assert!(message.chars().count() <= 256 && !message.contains(char::is_control));
        assert!(retry_after.as_ref().is_none_or(|text| text.len() <= 64));
    }
    let shown = error.to_string();
    assert!(
        !shown.contains("a password") && shown.len() < 4096,
        "{shown}"
    );
}

fn check_request(request: &Seen, home: &Url) {
    let at_home = request.url.origin() == home.origin();
    let asks_for_token = request.header("accept") == Some("application/json");
    match request.header("authorization") {
        Some(login) if login.starts_with("Bearer ") => assert!(at_home, "{request:?}"),
        Some(_) => assert!(at_home || asks_for_token, "{request:?}"),
        None => {}
    }
    assert_eq!(request.header("proxy-authorization"), None);
    assert!(["GET", "HEAD", "CONNECT"].contains(&request.method.as_str()));
    if let Some(Host::Ipv4(address)) = request.url.host() {
        assert!(
            !address.is_link_local() && !address.is_multicast(),
            "{request:?}"
        );
        let inside = address.is_private() || address.is_loopback() || address.is_unspecified();
        assert!(
            !inside || home.as_str() != format!("{PUBLIC}/"),
            "{request:?}"
        );
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

fuzz_target!(|script: &str| {
    WORLD.with_borrow_mut(|world| world.play(script));
});
