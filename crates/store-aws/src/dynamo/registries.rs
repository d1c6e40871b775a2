//! Registry endpoints. Each counts the projects that have it as their upstream.

use async_trait::async_trait;
use berth_domain::{
    EndpointKind, Page, RegistryEndpoint, RegistryId, Sealed, SealedCredential, Version,
};
use berth_ports::{RegistryStore, StoreError, StoreResult};

use super::{Condition, DynamoStore, Item, Query, Update, Write, key};

/// How many projects have the endpoint as their upstream.
const USES: &str = "uses";

#[async_trait]
impl RegistryStore for DynamoStore {
    async fn create_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let created = describe(Update::of(key::registry(registry.id)), registry)
            .set("created_at", registry.created_at)
            .set("version", 1_i64)
            .set(USES, 0_i64);
        let writes = vec![
            Write::update(created).when(Condition::absent()),
            Write::create(name(&registry.name, registry.id)),
        ];
        let done = self.table.transact(writes).await?;
        done.map_err(|_| name_taken(registry))
    }

    async fn registry(&self, id: RegistryId) -> StoreResult<Option<RegistryEndpoint>> {
        let item = self.table.get(&key::registry(id)).await?;
        item.as_ref().map(decode).transpose()
    }

    async fn update_registry(&self, registry: &RegistryEndpoint) -> StoreResult<()> {
        let changed = || StoreError::Conflict(label(registry.id));
        let before = self.registry(registry.id).await?.ok_or_else(changed)?;
        let update = describe(Update::of(key::registry(registry.id)), registry).add("version", 1);
        // The name is that of the version, so it is as it was read.
        let write = Write::update(update).when(Condition::equal("version", registry.version.0));
        if before.version != registry.version {
            return Err(changed());
        }
        if before.name == registry.name {
            let done = self.table.write(write).await?;
            return done.map_err(|_| changed());
        }
        let writes = vec![
            write,
            Write::create(name(&registry.name, registry.id)),
            Write::delete(key::registry_name(&before.name)),
        ];
        let done = self.table.transact(writes).await?;
        done.map_err(|refusals| {
            if refusals.is_refused(0) {
                changed()
            } else {
                name_taken(registry)
            }
        })
    }

    async fn delete_registry(&self, id: RegistryId) -> StoreResult<()> {
        let gone = || StoreError::NotFound(label(id));
        let registry = self.registry(id).await?.ok_or_else(gone)?;
        let unused = Condition::equal("name", &registry.name).and(Condition::equal(USES, 0_i64));
        let writes = vec![
            Write::delete(key::registry(id)).when(unused),
            Write::delete(key::registry_name(&registry.name)),
        ];
        let Err(mut refusals) = self.table.transact(writes).await? else {
            return Ok(());
        };
        match refusals.found(0) {
            None => Err(gone()),
            Some(found) if found.number::<u64>(USES)? > 0 => Err(StoreError::InUse(label(id))),
            // It was renamed in this moment.
            Some(_) => Err(StoreError::Conflict(label(id))),
        }
    }

    async fn list_registries(
        &self,
        after: Option<RegistryId>,
        limit: usize,
    ) -> StoreResult<Page<RegistryEndpoint>> {
        let mut query = Query::of(key::REGISTRIES).beginning(key::REGISTRY);
        if let Some(after) = after {
            query = query.after(&key::registry(after).sort);
        }
        let page = self.table.query(&query, limit).await?;
        Ok(Page {
            items: page.items.iter().map(decode).collect::<StoreResult<_>>()?,
            more: page.more,
        })
    }
}

/// One project more has this endpoint, which must be there.
pub(super) fn used_once_more(id: RegistryId) -> Write {
    Write::update(Update::of(key::registry(id)).add(USES, 1)).when(Condition::present())
}

/// One project less has this endpoint.
pub(super) fn used_once_less(id: RegistryId) -> Write {
    Write::update(Update::of(key::registry(id)).add(USES, -1))
}

/// The item that keeps a name.
fn name(name: &str, id: RegistryId) -> Item {
    Item::new(&key::registry_name(name)).set("id", id.0)
}

/// Sets what an update may change.
fn describe(update: Update, registry: &RegistryEndpoint) -> Update {
    let credential = registry.credential.as_ref();
    update
        .set("id", registry.id.0)
        .set("name", &registry.name)
        .set("description", &registry.description)
        .set("kind", registry.kind.as_str())
        .set("url", &registry.url)
        .set(
            "username",
            credential.map(|credential| &credential.username),
        )
        .set(
            "password",
            credential.map(|credential| credential.password.0.as_slice()),
        )
        .set("insecure", registry.insecure)
        .set("updated_at", registry.updated_at)
}

fn decode(item: &Item) -> StoreResult<RegistryEndpoint> {
    let kind = EndpointKind::parse(item.text("kind")?);
    let username = item.optional("username", Item::text)?;
    let password = item.optional("password", Item::bytes)?;
    let credential = username
        .zip(password)
        .map(|(username, password)| SealedCredential {
            username: username.to_owned(),
            password: Sealed(password.to_vec()),
        });
    Ok(RegistryEndpoint {
        id: RegistryId(item.number("id")?),
        name: item.text("name")?.to_owned(),
        description: item.text("description")?.to_owned(),
        kind: kind.ok_or_else(|| item.damaged("kind", "there is no such kind"))?,
        url: item.text("url")?.to_owned(),
        credential,
        insecure: item.flag("insecure")?,
        created_at: item.time("created_at")?,
        updated_at: item.time("updated_at")?,
        version: Version(item.number("version")?),
    })
}

fn label(id: RegistryId) -> String {
    format!("registry {id}")
}

fn name_taken(registry: &RegistryEndpoint) -> StoreError {
    StoreError::AlreadyExists(format!("registry {:?}", registry.name))
}
