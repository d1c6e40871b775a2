//! Small requests by `wrk`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::place::{Place, read};

/// What `wrk` has counted.
#[derive(Debug, PartialEq)]
pub(crate) struct Counted {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Half of the requests took at most so many milliseconds.
    pub(crate) p50: f64,
    /// 99 of 100 requests took at most so many milliseconds.
    pub(crate) p99: f64,
}

/// Asks for one URL over and over, on so many connections.
pub(crate) fn wrk(
    place: &Place,
    url: &str,
    connections: usize,
    time: Duration,
    headers: &[(&str, &str)],
) -> Result<Counted> {
    let threads = connections.min(2).to_string();
    let connections = connections.to_string();
    let mut command = place.command("wrk");
    command.args(["--latency", "-t", &threads, "-c", &connections]);
    command.args(["-d", &format!("{}s", time.as_secs())]);
    for (name, value) in headers {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    counted(&read(command.arg(url))?)
}

fn counted(printed: &str) -> Result<Counted> {
    let line = |start: &str| {
        let mut lines = printed.lines();
        lines.find_map(|line| line.trim().strip_prefix(start))
    };
    for error in ["Non-2xx or 3xx responses:", "Socket errors:"] {
        let found = line(error).unwrap_or_default();
        ensure!(found.is_empty(), "wrk counted `{error}{found}`");
    }
    let rate = line("Requests/sec:").and_then(|rate| rate.trim().parse().ok());
    let latency = |part: &str| {
        line(part)
            .and_then(milliseconds)
            .with_context(|| format!("wrk printed no latency of {part}"))
    };
    Ok(Counted {
        rate: rate.context("wrk printed no rate")?,
        p50: latency("50%")?,
        p99: latency("99%")?,
    })
}

/// A time as `wrk` prints it.
fn milliseconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::{Counted, counted};

    const PRINTED: &str = "\
Running 2s test @ http://127.0.0.1:5000/v2/a/manifests/b
  2 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.09ms  410.09us  11.34ms   90.12%
    Req/Sec    14.70k     1.35k   17.34k    75.00%
  Latency Distribution
     50%    1.02ms
     75%    1.21ms
     90%    1.45ms
     99%  640.50us
  58712 requests in 2.01s, 41.43MB read
Requests/sec:  29243.58
Transfer/sec:     20.64MB
";

    #[test]
    fn what_wrk_prints_is_read() {
        let expected = Counted {
            rate: 29_243.58,
            p50: 1.02,
            p99: 0.6405,
        };
        assert_eq!(counted(PRINTED).unwrap(), expected);
    }

    #[test]
    fn failed_requests_fail_the_measurement() {
        let failed = format!("{PRINTED}  Non-2xx or 3xx responses: 7\n");
        assert!(counted(&failed).is_err());
        let broken = format!("{PRINTED}  Socket errors: connect 0, read 3, write 0, timeout 0\n");
        assert!(counted(&broken).is_err());
    }
}
