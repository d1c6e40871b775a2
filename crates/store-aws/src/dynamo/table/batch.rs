//! Writes of many records, each for itself.

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use berth_ports::{StoreError, StoreResult};
use futures_util::future::try_join_all;

use super::super::backoff::Backoff;
use super::super::error::{failed, is_busy, timed_out};
use super::super::item::Item;
use super::super::key::Key;
use super::Table;

const OPERATION: &str = "BatchWriteItem";

/// How many writes one batch takes.
const BATCH: usize = 25;

impl Table {
    /// Puts and deletes records, 25 a call, the calls beside each other. Each
    /// write is for itself and without condition; if it fails, some may be
    /// done. No record may come twice.
    pub(in super::super) async fn write_all(
        &self,
        puts: Vec<Item>,
        deletes: Vec<Key>,
    ) -> StoreResult<()> {
        let puts = puts.into_iter().map(|item| {
            let put = PutRequest::builder().set_item(Some(item.into_attributes()));
            Ok(WriteRequest::builder().put_request(put.build()?).build())
        });
        let deletes = deletes.into_iter().map(|key| {
            let delete = DeleteRequest::builder().set_key(Some(key.attributes()));
            Ok(WriteRequest::builder()
                .delete_request(delete.build()?)
                .build())
        });
        let writes = puts
            .chain(deletes)
            .collect::<Result<Vec<_>, aws_sdk_dynamodb::error::BuildError>>()
            .map_err(StoreError::unavailable)?;
        let batches = writes.chunks(BATCH);
        try_join_all(batches.map(|batch| self.write_batch(batch.to_vec()))).await?;
        Ok(())
    }

    async fn write_batch(&self, writes: Vec<WriteRequest>) -> StoreResult<()> {
        let mut backoff = Backoff::start();
        let mut rest = writes;
        loop {
            let answer = self
                .client
                .batch_write_item()
                .request_items(self.name(), rest.clone())
                .set_return_consumed_capacity(self.begin(OPERATION))
                .send()
                .await;
            let error = match answer {
                Ok(answer) => {
                    self.end(OPERATION, answer.consumed_capacity());
                    let unprocessed = answer.unprocessed_items;
                    match unprocessed.and_then(|mut items| items.remove(self.name())) {
                        Some(unprocessed) => rest = unprocessed,
                        None => return Ok(()),
                    }
                    timed_out(OPERATION, "some writes stay unprocessed")
                }
                Err(error) if is_busy(&error) => failed(OPERATION, &error),
                Err(error) => return Err(failed(OPERATION, &error)),
            };
            backoff.wait(self.fresh(), error).await?;
        }
    }
}
