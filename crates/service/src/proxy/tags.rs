//! The tags of a proxied repository.

use std::sync::Arc;
use std::time::Duration;

use berth_domain::{Page, RegistryId};
use berth_oci::TagName;
use berth_ports::{UpstreamError, UpstreamResult};
use futures_util::future::{Either, select};

use crate::error::{Error, Result};
use crate::proxy::remote::upstream_name;
use crate::service::{Service, Target};

/// How long an upstream may take for a list.
const PATIENCE: Duration = Duration::from_secs(10);

impl Service {
    /// A page of tags behind `last`: the upstream's, in its order; what is held
    /// if it does not answer.
    pub(crate) async fn proxied_tags(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Page<TagName>> {
        let error = match self.upstream_tags(target, registry, last, limit).await {
            Err(Error::Upstream(error)) => error,
            answer => return answer,
        };
        match self.held_tags(&target.repository, last, limit).await {
            Ok(held) if !held.items.is_empty() || last.is_some() => {
                tracing::warn!(repository = %target.repository, %error, "listing held tags");
                Ok(held)
            }
            Ok(_) | Err(Error::NameUnknown(_)) => Err(error.into()),
            Err(error) => Err(error),
        }
    }

    async fn upstream_tags(
        &self,
        target: &Target,
        registry: RegistryId,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Page<TagName>> {
        let remote = self.remote(registry).await?;
        let name = upstream_name(target)?;
        let list = self.ports.upstream.list_tags(&remote, name, last, limit);
        let (texts, mut more) = self.within(PATIENCE, list).await?;
        let tags = texts.iter().filter_map(|text| text.parse().ok());
        let mut items: Vec<TagName> = tags.collect();
        // Some registries know no pages and send all there is each time.
        if let Some(last) = last
            && items.is_sorted()
        {
            items.retain(|tag| tag.as_str() > last);
        }
        more |= items.len() > limit;
        items.truncate(limit);
        Ok(Page {
            more: more && !items.is_empty(),
            items,
        })
    }

    /// An upstream's answer, if it comes in time.
    pub(super) async fn within<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = UpstreamResult<T>> + Send,
    ) -> UpstreamResult<T> {
        let late = self.ports.clock.sleep(patience);
        match select(std::pin::pin!(answer), late).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(UpstreamError::Timeout),
        }
    }
}
