//! The ways in which a blob can be pushed.

use bytes::Bytes;

use super::image::Blob;
use super::random::Random;
use crate::support::http::{Answer, Client, Request, with_query};

/// Who sends the requests of a load and judges what comes back.
pub(crate) trait Ask {
    /// Why a client cannot go on.
    type Gone;

    /// Sends a request by a client of a server that lives. The answer has one
    /// of these statuses.
    async fn ask(
        &self,
        request: impl FnOnce(&Client) -> Request,
        statuses: &[u16],
    ) -> Result<Answer, Self::Gone>;
}

/// Where uploads to a repository begin.
pub(crate) fn uploads(repository: &str) -> String {
    format!("/v2/{repository}/blobs/uploads/")
}

/// Pushes a blob in one of the ways that there are; `from` is the repository
/// that it may be mounted from.
pub(crate) async fn push_blob<A: Ask>(
    load: &A,
    repository: &str,
    blob: &Blob,
    from: &str,
    random: &mut Random,
) -> Result<(), A::Gone> {
    let uploads = uploads(repository);
    let digest = format!("digest={}", blob.digest);
    let bytes = blob.bytes();
    match random.within(0..5) {
        0 | 1 => {
            let post = with_query(&uploads, &digest);
            load.ask(|client| client.post(&post).body(bytes), &[201])
                .await?;
        }
        2 => {
            let query = format!("{uploads}?mount={}&from={from}", blob.digest);
            let answer = load.ask(|client| client.post(&query), &[201, 202]).await?;
            if answer.status == 202 {
                let put = with_query(&path(&answer.location()), &digest);
                load.ask(|client| client.put(&put).body(bytes), &[201])
                    .await?;
            }
        }
        3 => {
            let half = bytes.len() / 2;
            let location = push_chunk(load, repository, bytes.slice(..half)).await?;
            let put = with_query(&location, &digest);
            let rest = bytes.slice(half..);
            load.ask(|client| client.put(&put).body(rest), &[201])
                .await?;
        }
        _ => {
            let location = push_chunk(load, repository, bytes).await?;
            let put = with_query(&location, &digest);
            load.ask(|client| client.put(&put), &[201]).await?;
        }
    }
    Ok(())
}

/// Starts an upload with a chunk; answers where it goes on, without scheme and
/// host.
pub(crate) async fn push_chunk<A: Ask>(
    load: &A,
    repository: &str,
    bytes: Bytes,
) -> Result<String, A::Gone> {
    let uploads = uploads(repository);
    let post = load.ask(|client| client.post(&uploads), &[202]).await?;
    let location = path(&post.location());
    let patch = load.ask(|client| client.patch(&location).body(bytes), &[202]);
    Ok(path(&patch.await?.location()))
}

/// A location without scheme and host.
fn path(location: &str) -> String {
    location[location.find("/v2/").unwrap_or_default()..].to_owned()
}
