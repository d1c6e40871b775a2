//! Keys that sign tokens: a handful in one record, so that of those who rotate
//! at once one wins.

use berth_domain::{Sealed, SigningKey};
use berth_ports::{StoreError, StoreResult};

use super::{Condition, Item, Table, Write, key};

/// All of them, the youngest first.
pub(super) async fn all(table: &Table) -> StoreResult<Vec<SigningKey>> {
    Ok(read(table).await?.1)
}

pub(super) async fn add(table: &Table, key: &SigningKey, after: Option<&str>) -> StoreResult<()> {
    loop {
        let (version, mut keys) = read(table).await?;
        if keys.first().map(|youngest| youngest.kid.as_str()) != after {
            return Err(StoreError::Conflict("the youngest signing key".to_owned()));
        }
        keys.push(key.clone());
        // Whoever is refused sees what another has done, and looks again.
        if table.write(replace(version, &keys)).await?.is_ok() {
            return Ok(());
        }
    }
}

pub(super) async fn delete(table: &Table, kid: &str) -> StoreResult<()> {
    loop {
        let (version, mut keys) = read(table).await?;
        let Some(place) = keys.iter().position(|key| key.kid == kid) else {
            return Ok(());
        };
        keys.remove(place);
        if table.write(replace(version, &keys)).await?.is_ok() {
            return Ok(());
        }
    }
}

/// The record's version, if there is a record, and its keys, the youngest
/// first.
async fn read(table: &Table) -> StoreResult<(Option<i64>, Vec<SigningKey>)> {
    let Some(item) = table.get(&key::signing_keys()).await? else {
        return Ok((None, Vec::new()));
    };
    let parts = item.parts("keys")?;
    let mut keys: Vec<_> = parts.iter().map(decode).collect::<StoreResult<_>>()?;
    keys.sort_by(|a, b| (b.created_at, &b.kid).cmp(&(a.created_at, &a.kid)));
    Ok((Some(item.number("version")?), keys))
}

/// Puts these keys in place of those of `version`.
fn replace(version: Option<i64>, keys: &[SigningKey]) -> Write {
    let parts: Vec<_> = keys.iter().map(encode).collect();
    let item = Item::new(&key::signing_keys())
        .set("keys", parts)
        .set("version", version.unwrap_or_default() + 1);
    // Without a version there is no record.
    Write::put(item).when(Condition::equal("version", version))
}

fn encode(key: &SigningKey) -> Item {
    Item::default()
        .set("kid", &key.kid)
        .set("private", key.private.0.as_slice())
        .set("created_at", key.created_at)
}

fn decode(part: &Item) -> StoreResult<SigningKey> {
    Ok(SigningKey {
        kid: part.text("kid")?.to_owned(),
        private: Sealed(part.bytes("private")?.to_vec()),
        created_at: part.time("created_at")?,
    })
}
