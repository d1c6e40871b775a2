//! Several instances on one store, each killed and started again at its
//! address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use crate::support::http::Client;
use crate::support::server::{Builder, Server, free_address_of};

/// The first instance's host. Each has one of its own: what connects to them
/// comes from another, and so cannot be at the port of one that is to start
/// again.
const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 10);

/// The instances.
pub(super) struct Fleet {
    instances: Vec<Instance>,
    turn: AtomicUsize,
}

/// An instance, in whichever of its lives.
pub(super) struct Instance {
    address: SocketAddr,
    life: Mutex<Life>,
    server: Mutex<Option<Server>>,
}

/// One life of an instance, as its clients see it.
#[derive(Clone)]
pub(super) struct Life {
    /// Logged in as `admin`. It has no connections to an earlier life.
    pub(super) client: Client,
    number: u64,
    ends: bool,
}

impl Instance {
    fn new(server: Server) -> Self {
        let life = Life {
            client: server.admin(),
            number: 0,
            ends: false,
        };
        Self {
            address: server.address(),
            life: Mutex::new(life),
            server: Mutex::new(Some(server)),
        }
    }

    /// Its life now, or its last one.
    pub(super) fn life(&self) -> Life {
        self.lock().clone()
    }

    /// Whether it was killed in this life, or will be at once.
    pub(super) fn was_killed_in(&self, life: &Life) -> bool {
        let now = self.lock();
        now.number != life.number || now.ends
    }

    /// Ends it by SIGKILL.
    pub(super) fn kill(&self) {
        self.lock().ends = true;
        let server = lock(&self.server).take().unwrap();
        assert_no_panic(&server);
        server.kill();
    }

    /// Starts it again.
    pub(super) async fn start(&self, builder: &Builder, data: &Path) {
        let server = builder.start_at(self.address, data).await;
        let mut life = self.lock();
        *life = Life {
            client: server.admin(),
            number: life.number + 1,
            ends: false,
        };
        *lock(&self.server) = Some(server);
    }

    /// Ends it by SIGTERM.
    pub(super) fn stop(&self) {
        self.lock().ends = true;
        let server = lock(&self.server).take().unwrap();
        assert_no_panic(&server);
        let status = server.stop().status;
        assert!(status.success(), "{}: {status}", self.address);
    }

    fn lock(&self) -> MutexGuard<'_, Life> {
        lock(&self.life)
    }
}

impl Fleet {
    /// Starts so many at once, on a store that is there.
    pub(super) async fn start(count: u8, builder: &Builder, data: &Path) -> Self {
        let [a, b, c, first] = HOST.octets();
        let hosts = (0..count).map(|number| Ipv4Addr::new(a, b, c, first + number));
        let servers = hosts.map(|host| builder.start_at(free_address_of(host), data));
        let instances = join_all(servers).await.into_iter().map(Instance::new);
        Self {
            instances: instances.collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// All of them.
    pub(super) fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Clients of all of them.
    pub(super) fn clients(&self) -> Vec<Client> {
        let instances = self.instances.iter();
        instances.map(|instance| instance.life().client).collect()
    }

    /// Each in turn of those that live.
    pub(super) fn next(&self) -> &Instance {
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let instance = &self.instances[turn % self.instances.len()];
            if !instance.lock().ends {
                return instance;
            }
        }
    }

    /// Ends all and starts them with other settings.
    pub(super) async fn restart(&self, builder: &Builder, data: &Path) {
        for instance in &self.instances {
            instance.stop();
        }
        let starts = self.instances.iter();
        join_all(starts.map(|instance| instance.start(builder, data))).await;
    }
}

fn assert_no_panic(server: &Server) {
    let log = server.log();
    assert!(!log.contains("panicked"), "{log}");
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
