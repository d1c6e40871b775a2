//! Jobs in columns: their own JSON, which carries its version.

use berth_domain::{Envelope, JOB_VERSION};
use berth_ports::StoreError;
use serde::Deserialize;

use super::error::SqliteResult;

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// The column's text for a job.
pub(super) fn write(envelope: &Envelope) -> SqliteResult<String> {
    serde_json::to_string(envelope).map_err(|error| StoreError::unavailable(error).into())
}

/// The job of a column's text, or what is wrong with it.
pub(super) fn read(text: &str) -> Result<Envelope, String> {
    let Versioned { v } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if v > JOB_VERSION {
        return Err(format!(
            "the job has version {v} and this program knows only {JOB_VERSION}"
        ));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_version_1_is_read() {
        let text =
            r#"{"v":1,"id":"000000000000000000000000000000ab","job":{"kind":"sweep_uploads"}}"#;
        assert_eq!(write(&read(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn a_job_of_a_newer_version_is_refused() {
        let error = read(r#"{"v":2,"id":"?","job":"?"}"#).unwrap_err();
        assert_eq!(error, "the job has version 2 and this program knows only 1");
    }
}
