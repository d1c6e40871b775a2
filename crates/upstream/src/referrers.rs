//! The referrers of a manifest, from all pages.

use berth_domain::Remote;
use berth_oci::{MAX_MANIFEST_BYTES, media_type};
use berth_ports::{UpstreamError, UpstreamResult};
use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use serde_json::{Value, json};

use crate::address::refused;
use crate::client::content_type;
use crate::exchange::Exchange;
use crate::redirect::Ask;
use crate::{body, link};

const MAX_PAGES: usize = 16;

/// Asks for the referrers; `None` where there is no such API.
pub(crate) async fn all(
    exchange: &Exchange,
    remote: &Remote,
    mut ask: Ask,
) -> UpstreamResult<Option<Bytes>> {
    let accept = HeaderValue::from_static(media_type::OCI_INDEX);
    ask.headers.insert(ACCEPT, accept);
    let mut pages = Vec::new();
    let mut left = MAX_MANIFEST_BYTES;
    for _ in 0..MAX_PAGES {
        let response = match exchange.ask(remote, &ask).await {
            Err(UpstreamError::Status {
                status: 404 | 405, ..
            }) => return Ok(None),
            response => response?,
        };
        if content_type(response.headers()).as_deref() != Some(media_type::OCI_INDEX) {
            return Ok(None);
        }
        let next = link::next(response.headers()).map(|next| ask.url.join(next));
        let page = body::whole(response, left).await?;
        left -= page.len();
        pages.push(page);
        match next {
            None => return joined(pages).map(Some),
            Some(Ok(next)) if next.origin() == ask.url.origin() => ask.url = next,
            Some(Ok(next)) => return Err(refused(&next)),
            Some(Err(_)) => return Err(invalid()),
        }
    }
    let what = format!("more than {MAX_PAGES} pages of referrers");
    Err(UpstreamError::Invalid(what))
}

/// One index of all pages; a single page stays as it came.
fn joined(mut pages: Vec<Bytes>) -> UpstreamResult<Bytes> {
    if pages.len() == 1 {
        return pages.pop().ok_or_else(invalid);
    }
    let mut all = Vec::new();
    for page in pages {
        let mut page: Value = serde_json::from_slice(&page).map_err(|_| invalid())?;
        let manifests = page.get_mut("manifests").and_then(Value::as_array_mut);
        all.append(manifests.ok_or_else(invalid)?);
    }
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": all});
    Ok(index.to_string().into())
}

fn invalid() -> UpstreamError {
    UpstreamError::Invalid("its referrers are no index".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_one_index() {
        let pages = [r#"{"manifests":[1,2]}"#, r#"{"manifests":[3]}"#];
        let index = joined(pages.map(Bytes::from).to_vec()).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        assert_eq!(index["manifests"], json!([1, 2, 3]));
    }

    #[test]
    fn a_page_that_is_no_index_is_refused() {
        let pages = [r#"{"manifests":[1]}"#, "{}"];
        assert!(joined(pages.map(Bytes::from).to_vec()).is_err());
    }
}
