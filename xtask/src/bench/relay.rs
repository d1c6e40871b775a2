//! A relay before an upstream that counts what the upstream sends.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};

/// Bytes that a pipe holds.
const PIPE: usize = 1 << 20;

/// A listener whose connections all go to one upstream. Its thread ends with this program.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Relay {
    /// Listens on a free port of loopback.
    pub(crate) fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen for a relay")?;
        let address = listener.local_addr().context("cannot listen for a relay")?;
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client whose upstream is gone is closed.
                let _ = relay(client, upstream, &counter);
            }
        });
        Ok(Self { address, sent })
    }

    /// The URL of the upstream as it is seen through this.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that the upstream has sent since this was last asked, headers among them.
    pub(crate) fn take(&self) -> u64 {
        self.sent.swap(0, Ordering::Relaxed)
    }
}

fn relay(client: TcpStream, upstream: SocketAddr, sent: &Arc<AtomicU64>) -> io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || pass(&from_client, &to_server, |_| ()));
    let sent = Arc::clone(sent);
    thread::spawn(move || {
        pass(&server, &client, |bytes| {
            sent.fetch_add(bytes, Ordering::Relaxed);
        });
    });
    Ok(())
}

/// Moves what comes until one side ends, then ends the other. The bytes stay with the system
/// (splice), so that counting them takes next to nothing from those who are measured.
fn pass(from: &TcpStream, to: &TcpStream, count: impl Fn(u64)) {
    // A side that breaks ends like one that closes.
    let _ = splice_all(from, to, count);
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn splice_all(from: &TcpStream, to: &TcpStream, count: impl Fn(u64)) -> io::Result<()> {
    let (out, into) = pipe()?;
    fcntl_setpipe_size(&into, PIPE)?;
    loop {
        let mut held = splice(from, None, &into, None, PIPE, SpliceFlags::MOVE)?;
        if held == 0 {
            return Ok(());
        }
        count(held as u64);
        while held > 0 {
            held -= splice(&out, None, to, None, held, SpliceFlags::MOVE)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{Shutdown, TcpListener, TcpStream},
        thread,
    };

    use super::Relay;

    #[test]
    fn what_the_upstream_sends_is_counted() {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::start(upstream.local_addr().unwrap()).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = upstream.accept().unwrap();
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).unwrap();
            stream.write_all(&[7; 1000]).unwrap();
        });
        let mut client = TcpStream::connect(relay.address).unwrap();
        client.write_all(b"what?").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [7; 1000]);
        assert_eq!((relay.take(), relay.take()), (1000, 0));
    }
}
