//! What a server's processes take, from `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// Parts of a second in which Linux counts CPU time for programs, on every processor.
const TICKS: f64 = 100.0;

/// What a server has taken while it was watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// The most memory at one time (`VmHWM`), in MiB.
    pub(crate) peak: f64,
    /// CPU time of user and kernel, in seconds.
    pub(crate) cpu: f64,
}

/// Watches a process with its children, as nginx has them.
#[derive(Debug)]
pub(crate) struct Watch {
    processes: Vec<u32>,
    cpu: f64,
}

impl Watch {
    /// Starts to watch: the peak counts from now.
    pub(crate) fn start(process: u32) -> Result<Self> {
        let children = format!("/proc/{process}/task/{process}/children");
        let children = fs::read_to_string(children).context("the server has ended")?;
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        let processes: Vec<u32> = std::iter::once(process).chain(children).collect();
        for process in &processes {
            // 5 sets the peak to what is taken now.
            fs::write(format!("/proc/{process}/clear_refs"), "5")
                .context("cannot reset the peak memory of the server")?;
        }
        let cpu = cpu(&processes)?;
        Ok(Self { processes, cpu })
    }

    /// What was taken since.
    pub(crate) fn stop(self) -> Result<Usage> {
        let mut kilobytes = 0;
        for process in &self.processes {
            kilobytes += peak(*process)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
        let peak = kilobytes as f64 / 1024.0;
        Ok(Usage {
            peak,
            cpu: cpu(&self.processes)? - self.cpu,
        })
    }
}

/// The peak of one process in KiB.
fn peak(process: u32) -> Result<u64> {
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).context("the server has ended")?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .context("no VmHWM in /proc")
}

/// CPU seconds of all of them.
fn cpu(processes: &[u32]) -> Result<f64> {
    let mut seconds = 0.0;
    for process in processes {
        let stat =
            fs::read_to_string(format!("/proc/{process}/stat")).context("the server has ended")?;
        seconds += ticks(&stat).context("no CPU time in /proc")? / TICKS;
    }
    Ok(seconds)
}

/// utime and stime of a line of `stat`, whose second field may have spaces.
fn ticks(stat: &str) -> Option<f64> {
    let fields = stat.rsplit_once(") ")?.1;
    let mut fields = fields.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let kernel: f64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::{Watch, ticks};

    #[test]
    fn a_name_with_spaces_does_not_shift_the_fields() {
        let stat = "7 (a) b c) S 1 7 7 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 1";
        assert_eq!(ticks(stat), Some(75.0));
    }

    #[test]
    fn this_process_has_memory() {
        let usage = Watch::start(std::process::id()).unwrap().stop().unwrap();
        assert!(usage.peak > 0.0);
    }
}
