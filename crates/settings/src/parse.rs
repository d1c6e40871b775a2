//! Texts to values. An error goes on after the key's name: what is wrong, and
//! what would be right.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::{LogFormat, Store};

pub(crate) fn text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

pub(crate) fn path(path: &str) -> Result<PathBuf, String> {
    text(path).map(PathBuf::from)
}

pub(crate) fn switch(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("is {text:?}, it can be true or false"))
}

pub(crate) fn number(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!(
            "is {text:?}, it can be a whole number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

pub(crate) fn seconds(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| number(text, &range).map(Duration::from_secs)
}

pub(crate) fn milliseconds(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| number(text, &range).map(Duration::from_millis)
}

pub(crate) fn store(text: &str) -> Result<Store, String> {
    match text {
        "local" => Ok(Store::Local),
        _ => Err(format!("is {text:?}, it can only be local")),
    }
}

pub(crate) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("is {text:?}, it can be human, json or auto")),
    }
}

/// An address of ours as clients know it: scheme and host, without the slash
/// at the end. A path is refused: `/v2/` must be at the root.
pub(crate) fn external_url(text: &str) -> Result<String, String> {
    let error = || format!("is {text:?}, write it as https://registry.example.com, without a path");
    let url = text.strip_suffix('/').unwrap_or(text);
    let (scheme, host) = url.split_once("://").ok_or_else(error)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if !matches!(scheme, "http" | "https") || host.is_empty() || !host.bytes().all(allowed) {
        return Err(error());
    }
    Ok(url.to_owned())
}
