//! Links without edges, and blobs without links.

use berth_domain::{EdgeTarget, LinkId, LinkStep, LinkToken, Need, first_step, promised_until};
use berth_oci::{Digest, RepositoryName};
use berth_ports::StoreError;
use jiff::Timestamp;

use super::{Look, Swept};
use crate::error::Result;
use crate::service::Service;

/// Back-edges that are read at once.
const BACK_EDGES: usize = 100;

impl Service {
    pub(super) async fn look_at_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Look> {
        let has_back_edge = self.withdraw_pending(repository, digest).await?;
        let target = EdgeTarget::Blob(digest);
        let Some(link) = self.ports.links.link(repository, digest).await? else {
            // Its transaction may be seen in part: back-edge first, link later.
            return Ok(if has_back_edge {
                self.soon()
            } else {
                Look::KEPT
            });
        };
        let need = self.need(repository, target).await?;
        let step = first_step(link.state, link.touched_at, need, self.now(), self.grace());
        let token = match step {
            LinkStep::Decided => return Ok(Look::KEPT),
            LinkStep::Wait => return Ok(self.soon()),
            LinkStep::Later(due) => return Ok(Look::Later(due)),
            LinkStep::Examine(token) => token,
            LinkStep::Condemn => match self.condemn(&link).await? {
                Some(token) => token,
                None => return Ok(self.soon()),
            },
        };
        // Only what is read under the condemnation says that nothing needs it,
        // and that no pusher was promised it since it was read before.
        let link = self.ports.links.link(repository, digest).await?;
        let Some(link) = link else {
            return Ok(Look::KEPT);
        };
        let promised = promised_until(link.touched_at, self.now(), self.grace());
        let need = self.need(repository, target).await?;
        if need.keeps() || promised.is_some() {
            return self.acquit(repository, digest, token, need).await;
        }
        if self.delete_condemned(&link, token).await? {
            return Ok(Look::Decided(Swept {
                links: 1,
                ..Swept::default()
            }));
        }
        Ok(self.soon())
    }

    /// Makes a condemned link live again, unless others did something about it
    /// meanwhile.
    async fn acquit(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        token: LinkToken,
        need: Need,
    ) -> Result<Look> {
        let links = &self.ports.links;
        match links
            .revive_link(repository, digest, Some(token), self.now())
            .await
        {
            Ok(()) if need == Need::Needed => Ok(Look::KEPT),
            Ok(()) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(self.soon()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes back the back-edges of this repository whose push died. One that
    /// is still about to commit notices, and begins anew. Returns whether there
    /// was any back-edge.
    async fn withdraw_pending(&self, repository: &RepositoryName, digest: Digest) -> Result<bool> {
        let links = &self.ports.links;
        let (mut after, mut found) = (LinkId::SMALLEST, false);
        loop {
            let page = links
                .back_edges(digest, Some((repository, after)), BACK_EDGES)
                .await?;
            for edge in &page.items {
                if edge.repository != *repository {
                    return Ok(found);
                }
                found = true;
                if !edge.linked {
                    links.withdraw_link(repository, digest, edge.id).await?;
                }
                after = edge.id;
            }
            if !page.more {
                return Ok(found);
            }
        }
    }

    pub(super) async fn look_at_blob(&self, digest: Digest) -> Result<Look> {
        let links = &self.ports.links;
        // The blob is read first: whoever links it later changes it.
        let Some(blob) = links.blob(digest).await? else {
            return Ok(Look::KEPT);
        };
        match self.need_of_blob(digest).await? {
            Need::Needed => return Ok(Look::KEPT),
            Need::Undecided => return Ok(self.soon()),
            Need::Not => {}
        }
        let due = self.now().checked_add(self.settings.addresses);
        let due = due.unwrap_or(Timestamp::MAX);
        match links.delete_blob(&blob, due).await {
            Ok(()) => Ok(Look::Decided(Swept {
                blobs: 1,
                bytes: blob.size,
                ..Swept::default()
            })),
            Err(StoreError::Conflict(_)) => Ok(self.soon()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn need_of_blob(&self, digest: Digest) -> Result<Need> {
        let links = &self.ports.links;
        let mut need = Need::Not;
        let mut after: Option<(RepositoryName, LinkId)> = None;
        loop {
            let behind = after.as_ref().map(|(repository, id)| (repository, *id));
            let page = links.back_edges(digest, behind, BACK_EDGES).await?;
            for edge in &page.items {
                need = need.max(Need::by_back_edge(edge.linked));
            }
            if need == Need::Needed || !page.more {
                return Ok(need);
            }
            after = page
                .items
                .into_iter()
                .last()
                .map(|edge| (edge.repository, edge.id));
        }
    }
}
