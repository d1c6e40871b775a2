//! Texts to values. An error goes on after the key's name: what is wrong, and
//! what would be right.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::LogFormat;

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

/// A kind of store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Local,
    Aws,
}

pub(crate) fn shape(text: &str) -> Result<Shape, String> {
    match text {
        "local" => Ok(Shape::Local),
        "aws" => Ok(Shape::Aws),
        _ => Err(format!("is {text:?}, it can be local or aws")),
    }
}

/// A folder of keys: it ends in a slash and does not begin with one.
pub(crate) fn folder(text: &str) -> Result<String, String> {
    if text.is_empty() || (text.ends_with('/') && !text.starts_with('/')) {
        Ok(text.to_owned())
    } else {
        Err(format!("is {text:?}, write it as registry/"))
    }
}

/// The address of a service.
pub(crate) fn endpoint(text: &str) -> Result<String, String> {
    let url = text.strip_suffix('/').unwrap_or(text);
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['@', '?', '#']) => Ok(url.to_owned()),
        _ => Err(format!(
            "is {text:?}, write it as https://s3.example.com, without a login"
        )),
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
