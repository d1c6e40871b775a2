//! Bodies of answers: unencoded, bounded, never silent for long.

use std::time::Duration;

use berth_ports::{UpstreamError, UpstreamResult, UpstreamStream};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::CONTENT_ENCODING;
use reqwest::Response;

use crate::error;

/// How long a body may be silent.
const IDLE: Duration = Duration::from_secs(30);
/// How long a bounded body may take as a whole.
const WHOLE: Duration = Duration::from_mins(2);

/// Refuses an encoded body: what is stored and hashed are the bytes themselves.
pub(crate) fn check_encoding(response: &Response) -> UpstreamResult<()> {
    let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(UpstreamError::Invalid(
        "a body is encoded although that was not asked for".to_owned(),
    ))
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn whole(response: Response, limit: usize) -> UpstreamResult<Bytes> {
    check_encoding(&response)?;
    let read = tokio::time::timeout(WHOLE, read(response, limit)).await;
    read.unwrap_or(Err(UpstreamError::Timeout))
}

async fn read(mut response: Response, limit: usize) -> UpstreamResult<Bytes> {
    let too_large = || UpstreamError::Invalid(format!("a body is larger than {limit} bytes"));
    if response
        .content_length()
        .is_some_and(|length| length > limit as u64)
    {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = next(&mut response).await? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The body as it comes.
pub(crate) fn stream(response: Response) -> UpstreamResult<UpstreamStream> {
    check_encoding(&response)?;
    Ok(Box::pin(stream::try_unfold(
        response,
        |mut response| async move {
            let chunk = next(&mut response).await?;
            Ok(chunk.map(|chunk| (chunk, response)))
        },
    )))
}

async fn next(response: &mut Response) -> UpstreamResult<Option<Bytes>> {
    match tokio::time::timeout(IDLE, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(error::unanswered(&error)),
        Err(_) => Err(UpstreamError::Timeout),
    }
}
