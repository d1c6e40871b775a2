//! Lists of links and blobs, for verification alone: they go by an index that
//! lags behind the table, and what it names is read from the table.

use berth_domain::{Blob, Link, Page};
use berth_oci::{Algorithm, Digest, RepositoryName};
use berth_ports::StoreResult;

use super::links::{decode_blob, decode_link};
use super::schema::LISTED_SORT;
use super::{DynamoStore, Item, Query, key};

/// The partition of the index that lists a repository's links.
pub(super) fn link_partition(repository: &RepositoryName) -> String {
    format!("L#{repository}")
}

/// The partition of the index that lists a blob: by the first digit of its
/// hash, so that none has more than its share of all writes.
pub(super) fn list_partition(digest: Digest) -> String {
    partition(digest.algorithm(), digest.hash()[0] >> 4)
}

fn partition(algorithm: Algorithm, digit: u8) -> String {
    format!("B#{}:{digit:x}", algorithm.as_str())
}

/// The partitions of all blobs, in the order of digests.
fn partitions() -> impl Iterator<Item = String> {
    [Algorithm::Sha256, Algorithm::Sha512]
        .into_iter()
        .flat_map(|algorithm| (0..16).map(move |digit| partition(algorithm, digit)))
}

/// The digests of a page of the index.
fn digests(items: &[Item]) -> StoreResult<Vec<Digest>> {
    items.iter().map(|item| item.parsed(LISTED_SORT)).collect()
}

impl DynamoStore {
    pub(super) async fn links_of(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<Link>> {
        let mut query = listed(link_partition(repository), after);
        let mut links = Vec::new();
        loop {
            let rest = limit.saturating_add(1) - links.len();
            let page = self.table.query(&query, rest).await?;
            let digests = digests(&page.items)?;
            let keys: Vec<_> = digests
                .iter()
                .map(|digest| key::link(repository, *digest))
                .collect();
            for item in self.table.get_all(&keys, &[]).await? {
                links.push(decode_link(repository, item.parsed(LISTED_SORT)?, &item)?);
            }
            match digests.last() {
                Some(last) if page.more && links.len() <= limit => {
                    query = query.after(&last.to_string());
                }
                _ => return Ok(Page::from_overread(links, limit)),
            }
        }
    }

    pub(super) async fn all_blobs(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<Blob>> {
        let first = after.map(list_partition);
        let before = |partition: &String| first.as_ref().is_some_and(|first| partition < first);
        let mut blobs = Vec::new();
        for partition in partitions().skip_while(before) {
            let mut query = listed(partition, after);
            let mut more = true;
            while more && blobs.len() <= limit {
                let rest = limit.saturating_add(1) - blobs.len();
                let page = self.table.query(&query, rest).await?;
                let digests = digests(&page.items)?;
                let keys: Vec<_> = digests.iter().map(|digest| key::blob(*digest)).collect();
                for item in self.table.get_all(&keys, &[]).await? {
                    blobs.push(decode_blob(item.parsed(LISTED_SORT)?, &item)?);
                }
                if let Some(last) = digests.last() {
                    query = query.after(&last.to_string());
                }
                more = page.more;
            }
        }
        Ok(Page::from_overread(blobs, limit))
    }
}

/// A partition of the index, behind a digest.
fn listed(partition: String, after: Option<Digest>) -> Query {
    let query = Query::of(partition).listed();
    match after {
        Some(after) => query.after(&after.to_string()),
        None => query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_blobs_are_in_the_order_of_digests() {
        let all: Vec<_> = partitions().collect();
        assert!(all.is_sorted());
        let mut digests: Vec<_> = (0..100_u8)
            .flat_map(|byte| {
                [Algorithm::Sha256, Algorithm::Sha512].map(|of| Digest::of(of, &[byte]))
            })
            .collect();
        digests.sort();
        assert!(
            digests
                .iter()
                .map(|digest| list_partition(*digest))
                .is_sorted()
        );
        let known = |digest: &Digest| all.contains(&list_partition(*digest));
        assert!(digests.iter().all(known));
    }
}
