//! Strong reads by key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use berth_ports::{StoreError, StoreResult};
use futures_util::future::try_join_all;

use super::super::backoff::Backoff;
use super::super::error::{failed, timed_out};
use super::super::expression::Placeholders;
use super::super::item::{Attributes, Item};
use super::super::key::{Key, PARTITION, SORT};
use super::Table;

/// How many keys one batch takes.
const BATCH: usize = 100;

impl Table {
    /// Reads a record.
    pub(in super::super) async fn get(&self, key: &Key) -> StoreResult<Option<Item>> {
        self.get_part(key, &[]).await
    }

    /// Reads these attributes of a record; none means all. It costs as much as
    /// the whole.
    pub(in super::super) async fn get_part(
        &self,
        key: &Key,
        attributes: &[&str],
    ) -> StoreResult<Option<Item>> {
        const OPERATION: &str = "GetItem";
        let (projection, names) = project(attributes, Placeholders::default());
        let answer = self
            .client
            .get_item()
            .table_name(self.name())
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .set_projection_expression(projection)
            .set_expression_attribute_names(names.into_maps().0)
            .set_return_consumed_capacity(self.begin(OPERATION))
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        self.end(OPERATION, answer.consumed_capacity());
        Ok(answer.item.map(Item::from))
    }

    /// Reads records, 100 a call, the calls beside each other; what is not
    /// there is left out. The answer has the keys' order. `attributes` as with
    /// [`get_part`](Self::get_part). No key may come twice.
    pub(in super::super) async fn get_all(
        &self,
        keys: &[Key],
        attributes: &[&str],
    ) -> StoreResult<Vec<Item>> {
        let batches = keys
            .chunks(BATCH)
            .map(|batch| self.get_batch(batch, attributes));
        let mut found = HashMap::new();
        for item in try_join_all(batches).await?.into_iter().flatten() {
            found.insert(item.key()?, item);
        }
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    async fn get_batch(&self, keys: &[Key], attributes: &[&str]) -> StoreResult<Vec<Item>> {
        const OPERATION: &str = "BatchGetItem";
        let mut backoff = Backoff::start();
        let mut items = Vec::with_capacity(keys.len());
        let mut asked = Some(all_of(keys, attributes)?);
        while let Some(request) = asked.take() {
            let answer = self
                .client
                .batch_get_item()
                .request_items(self.name(), request)
                .set_return_consumed_capacity(self.begin(OPERATION))
                .send()
                .await
                .map_err(|error| failed(OPERATION, &error))?;
            self.end(OPERATION, answer.consumed_capacity());
            let found = answer.responses.into_iter().flatten();
            items.extend(found.flat_map(|(_, found)| found).map(Item::from));
            asked = answer
                .unprocessed_keys
                .and_then(|mut unprocessed| unprocessed.remove(self.name()));
            if asked.is_some() {
                let error = timed_out(OPERATION, "some keys stay unprocessed");
                backoff.wait(self.fresh(), error).await?;
            }
        }
        Ok(items)
    }
}

/// A request for a batch of keys. The keys are among the attributes, so that
/// the answer tells whose they are.
fn all_of(keys: &[Key], attributes: &[&str]) -> StoreResult<KeysAndAttributes> {
    let mut names = Placeholders::default();
    let mut projection = None;
    if !attributes.is_empty() {
        let with_keys = [&[PARTITION, SORT], attributes].concat();
        (projection, names) = project(&with_keys, names);
    }
    let keys: Vec<Attributes> = keys.iter().map(Key::attributes).collect();
    KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .consistent_read(true)
        .set_projection_expression(projection)
        .set_expression_attribute_names(names.into_maps().0)
        .build()
        .map_err(StoreError::unavailable)
}

/// A projection of these attributes; none means all.
pub(super) fn project(
    attributes: &[&str],
    mut names: Placeholders,
) -> (Option<String>, Placeholders) {
    let placeholders: Vec<_> = attributes.iter().map(|name| names.name(name)).collect();
    let projection = placeholders.join(", ");
    (Some(projection).filter(|text| !text.is_empty()), names)
}
