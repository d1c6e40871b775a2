//! Blobs: their bytes, and the links that they know of.

use berth_oci::Digest;

use super::PAGE;
use crate::error::Result;
use crate::service::Service;

impl Service {
    pub(super) async fn verify_blob(
        &self,
        digest: Digest,
        read: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Vec<String>> {
        let Some(blob) = self.ports.links.blob(digest).await? else {
            return Ok(Vec::new());
        };
        let mut problems = self.verify_back_edges(digest).await?;
        problems.extend(self.verify_object(blob.key, blob.size, digest, read).await);
        Ok(problems)
    }

    /// A link that a blob counts must be there, or the blob is never collected.
    async fn verify_back_edges(&self, digest: Digest) -> Result<Vec<String>> {
        let links = &self.ports.links;
        let mut problems = Vec::new();
        let mut after = None;
        loop {
            let behind = after.as_ref().map(|(repository, id)| (repository, *id));
            let page = links.back_edges(digest, behind, PAGE).await?;
            for edge in page.items.iter().filter(|edge| edge.linked) {
                let link = links.link(&edge.repository, digest).await?;
                if link.is_none_or(|link| link.id != edge.id) {
                    let (repository, id) = (&edge.repository, edge.id);
                    problems.push(format!(
                        "counts a link in {repository} that is gone (link {id})"
                    ));
                }
            }
            after = page
                .items
                .last()
                .map(|edge| (edge.repository.clone(), edge.id));
            if !page.more || after.is_none() {
                return Ok(problems);
            }
        }
    }
}
