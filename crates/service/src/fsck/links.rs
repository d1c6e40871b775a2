//! Links: the blob that each makes visible.

use berth_domain::{FreshId, Link, LinkId};
use berth_oci::{Digest, RepositoryName};

use crate::error::Result;
use crate::service::Service;

impl Service {
    pub(super) async fn verify_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Vec<String>> {
        let links = &self.ports.links;
        let Some(link) = links.link(repository, digest).await? else {
            return Ok(Vec::new());
        };
        let mut problems = Vec::new();
        match links.blob(digest).await? {
            None => problems.push("leads to a blob that is not there".to_owned()),
            Some(blob) if (blob.key, blob.size) != (link.key, link.size) => {
                problems.push("has another object or size than its blob".to_owned());
            }
            Some(_) => {}
        }
        if !self.is_counted(&link).await? {
            problems.push("is not counted by its blob".to_owned());
        }
        Ok(problems)
    }

    /// Whether the blob has the link's back-edge.
    async fn is_counted(&self, link: &Link) -> Result<bool> {
        let Some(before) = before(link.id) else {
            return Ok(false);
        };
        let behind = Some((&link.repository, before));
        let page = self.ports.links.back_edges(link.digest, behind, 1).await?;
        Ok(page.items.first().is_some_and(|edge| {
            edge.linked && edge.id == link.id && edge.repository == link.repository
        }))
    }
}

/// The id just before another, as a cursor.
fn before(id: LinkId) -> Option<LinkId> {
    let number = u128::from_str_radix(&id.to_string(), 16).ok()?;
    number.checked_sub(1).map(|number| FreshId(number).into())
}
