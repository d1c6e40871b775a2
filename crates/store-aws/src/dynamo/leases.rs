//! Leases: a record each, a single write for each step.
//!
//! A late try of one does no harm: that of a take may bring back a lease that
//! was ended, whose holder others ask for nothing and then know to be gone; that
//! of a renewal is written over by the next one.

use async_trait::async_trait;
use berth_domain::{Lease, LeaseId, LeaseName};
use berth_ports::{LeaseStore, StoreError, StoreResult};
use jiff::Timestamp;

use super::schema::EXPIRES;
use super::{Condition, DynamoStore, Item, Refused, Update, Write, key};

const ID: &str = "id";
const ADDRESS: &str = "address";
const UPLOAD: &str = "upload";
const EXPIRES_AT: &str = "expires_at";

#[async_trait]
impl LeaseStore for DynamoStore {
    async fn take_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
        gone: Option<LeaseId>,
    ) -> StoreResult<Lease> {
        let take = hold(lease).set(ID, lease.id.to_string());
        let mut free = vec![
            Condition::absent(),
            Condition::at_most(EXPIRES_AT, now),
            is(lease.id),
        ];
        free.extend(gone.map(is));
        match self.table.update(take, Condition::Any(free)).await? {
            Ok(item) | Err(Refused { found: Some(item) }) => decode(&lease.name, &item),
            // Who was refused without another's lease meets none next time.
            Err(Refused { found: None }) => Err(conflict(&lease.name)),
        }
    }

    async fn lease(&self, name: &LeaseName) -> StoreResult<Option<Lease>> {
        let item = self.table.get(&key::lease(name)).await?;
        item.map(|item| decode(name, &item)).transpose()
    }

    async fn renew_lease(&self, lease: &Lease) -> StoreResult<()> {
        let renew = hold(lease).set(UPLOAD, lease.upload.map(|id| id.to_string()));
        let renew = Write::update(renew).when(is(lease.id));
        let done = self.table.write(renew).await?;
        done.map_err(|_| conflict(&lease.name))
    }

    async fn end_lease(&self, name: &LeaseName, id: LeaseId) -> StoreResult<()> {
        self.table.delete_if(&key::lease(name), is(id)).await
    }
}

/// What a taking and a renewal write alike.
fn hold(lease: &Lease) -> Update {
    Update::of(key::lease(&lease.name))
        .set(ADDRESS, lease.address.as_deref())
        .set(EXPIRES_AT, lease.expires_at)
        .set(EXPIRES, lease.forgotten_at().as_second())
}

fn is(id: LeaseId) -> Condition {
    Condition::equal(ID, id.to_string())
}

fn conflict(name: &LeaseName) -> StoreError {
    StoreError::Conflict(format!("lease {name}"))
}

fn decode(name: &LeaseName, item: &Item) -> StoreResult<Lease> {
    let address = item.optional(ADDRESS, Item::text)?;
    Ok(Lease {
        name: name.clone(),
        id: item.parsed(ID)?,
        address: address.map(ToOwned::to_owned),
        upload: item.optional(UPLOAD, Item::parsed)?,
        expires_at: item.time(EXPIRES_AT)?,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use berth_domain::FreshId;
    use berth_oci::{Digest, RepositoryName};

    use super::super::expression::Placeholders;
    use super::*;

    #[test]
    fn dynamodb_is_told_in_seconds_when_a_lease_may_be_forgotten() {
        let repository: RepositoryName = "a/b".parse().unwrap();
        let lease = Lease {
            name: LeaseName::blob(&repository, Digest::sha256(b"layer")),
            id: FreshId(1).into(),
            address: None,
            upload: None,
            expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        let mut placeholders = Placeholders::default();
        hold(&lease).render(&mut placeholders);
        let seconds = AttributeValue::N((1_800_000_000 + 6 * 60 * 60).to_string());
        let (names, values) = placeholders.into_maps();
        assert!(names.unwrap().values().any(|name| name == EXPIRES));
        assert!(values.unwrap().values().any(|value| value == &seconds));
    }
}
