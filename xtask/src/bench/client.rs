//! A small HTTP/1.1 client that streams: a thread a connection, and little work of its own, so
//! that what is measured is the server.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

/// How much is read from a socket at once.
const BUFFER: usize = 256 << 10;
/// A server that sends or takes nothing for so long has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request without a body.
    pub(crate) fn new(method: &'a str, path: &'a str, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            method,
            path,
            headers,
            body: &[],
        }
    }
}

/// What was answered; the body went elsewhere.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// Bytes of the body.
    pub(crate) length: u64,
    /// From the start of the request to the first byte of the body.
    pub(crate) first_byte: Duration,
}

impl Answer {
    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The path and query of `Location`.
    pub(crate) fn location(&self) -> Result<&str> {
        let location = self
            .header("location")
            .context("an answer without Location")?;
        Ok(path_of(location))
    }
}

/// The path and query of a URL that may have a scheme and an authority.
pub(crate) fn path_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    }
}

/// One connection that is kept open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            address,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
        })
    }

    /// Sends a request and throws the body of its answer away.
    pub(crate) fn send(&mut self, request: Request<'_>) -> Result<Answer> {
        self.stream(request, |_| ())
    }

    /// Sends a request and gives the body of its answer.
    pub(crate) fn read(&mut self, request: Request<'_>) -> Result<(Answer, Vec<u8>)> {
        let mut body = Vec::new();
        let answer = self.stream(request, |piece| body.extend_from_slice(piece))?;
        Ok((answer, body))
    }

    fn stream(&mut self, request: Request<'_>, mut sink: impl FnMut(&[u8])) -> Result<Answer> {
        let what = || format!("{} {} at {}", request.method, request.path, self.address);
        let what = what();
        self.exchange(request, &mut sink).context(what)
    }

    fn exchange(&mut self, request: Request<'_>, sink: &mut impl FnMut(&[u8])) -> Result<Answer> {
        let begin = Instant::now();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            request.method, request.path, self.address
        );
        for (name, value) in request.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !matches!(request.method, "GET" | "HEAD") {
            head.extend(["Content-Length: ", &request.body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes())?;
        let sent = self.stream.write_all(request.body);
        // A server that refuses may close before it has read everything: its answer says why.
        let mut answer = match (self.head(), sent) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) => return Err(error.into()),
            (Err(error), Ok(())) => return Err(error),
        };
        if request.method != "HEAD" && !matches!(answer.status, 204 | 304) {
            self.body(&mut answer, begin, sink)?;
        }
        if answer.first_byte.is_zero() {
            answer.first_byte = begin.elapsed();
        }
        Ok(answer)
    }

    fn head(&mut self) -> Result<Answer> {
        let line = self.line()?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .with_context(|| format!("no HTTP status: `{line}`"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer {
            status,
            headers,
            length: 0,
            first_byte: Duration::ZERO,
        })
    }

    fn body(
        &mut self,
        answer: &mut Answer,
        begin: Instant,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<()> {
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line()?;
                let size = line.split(';').next().unwrap_or_default();
                let size = u64::from_str_radix(size, 16)
                    .with_context(|| format!("no size of a chunk: `{line}`"))?;
                self.take(size, answer, begin, sink)?;
                self.line()?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
        let length = answer
            .header("content-length")
            .context("an answer without a length")?
            .parse()
            .context("an answer whose length is no number")?;
        self.take(length, answer, begin, sink)
    }

    fn take(
        &mut self,
        mut length: u64,
        answer: &mut Answer,
        begin: Instant,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<()> {
        while length > 0 {
            self.fill()?;
            if answer.first_byte.is_zero() {
                answer.first_byte = begin.elapsed();
            }
            let here = self.end - self.start;
            let piece = usize::try_from(length).unwrap_or(here).min(here);
            sink(&self.buffer[self.start..self.start + piece]);
            self.start += piece;
            answer.length += piece as u64;
            length -= piece as u64;
        }
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            self.fill()?;
            let here = &self.buffer[self.start..self.end];
            let Some(at) = here.iter().position(|byte| *byte == b'\n') else {
                line.extend_from_slice(here);
                self.start = self.end;
                ensure!(line.len() < BUFFER, "a line of a header without an end");
                continue;
            };
            line.extend_from_slice(&here[..at]);
            self.start += at + 1;
            let line = String::from_utf8(line).context("a header that is no text")?;
            return Ok(line.trim_end().to_owned());
        }
    }

    /// Waits for bytes if there are none.
    fn fill(&mut self) -> Result<()> {
        if self.start < self.end {
            return Ok(());
        }
        let read = self.stream.read(&mut self.buffer)?;
        if read == 0 {
            bail!("the connection was closed");
        }
        (self.start, self.end) = (0, read);
        Ok(())
    }
}

/// Opens connections, then gives each to `work` in a thread of its own, all at once; how long all
/// of them took together, and what they gave.
pub(crate) fn at_once<T: Send>(
    address: SocketAddr,
    connections: usize,
    work: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
) -> Result<(Duration, Vec<T>)> {
    let opened = (0..connections)
        .map(|_| Connection::open(address))
        .collect::<Result<Vec<_>>>()?;
    let start = Barrier::new(connections + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = opened
            .into_iter()
            .enumerate()
            .map(|(index, mut connection)| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(index, &mut connection)
                })
            })
            .collect();
        start.wait();
        let begin = Instant::now();
        let mut given = Vec::with_capacity(connections);
        for thread in threads {
            match thread.join() {
                Ok(result) => given.push(result?),
                Err(_) => bail!("a client's thread panicked"),
            }
        }
        Ok((begin.elapsed(), given))
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::{Connection, Request, path_of};

    /// Answers one request with fixed bytes.
    fn answered(answer: &'static [u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(answer).unwrap();
        });
        Connection::open(address).unwrap()
    }

    #[test]
    fn a_body_with_a_length_is_read() {
        let mut connection = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        let (answer, body) = connection.read(Request::new("GET", "/", &[])).unwrap();
        assert_eq!(
            (answer.status, answer.length, &*body),
            (200, 3, &b"abc"[..])
        );
    }

    #[test]
    fn a_chunked_body_is_read() {
        let mut connection = answered(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
        );
        let (answer, body) = connection.read(Request::new("GET", "/", &[])).unwrap();
        assert_eq!((answer.length, &*body), (3, &b"abc"[..]));
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let mut connection = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc");
        assert!(connection.send(Request::new("GET", "/", &[])).is_err());
    }

    #[test]
    fn a_location_may_be_a_url_or_a_path() {
        assert_eq!(path_of("http://127.0.0.1:5000/v2/a?b=c"), "/v2/a?b=c");
        assert_eq!(path_of("/v2/a?b=c"), "/v2/a?b=c");
    }
}
