//! Writes of one record.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use berth_ports::{StoreError, StoreResult};

use super::super::backoff::Backoff;
use super::super::error::{failed, is_busy};
use super::super::expression::{Action, Condition, Placeholders, Update, Write};
use super::super::item::Item;
use super::super::key::Key;
use super::Table;

/// The attribute that names the write that made a record what it is. A call
/// whose answer was lost is repeated, by the SDK or here, and finds its
/// condition broken by itself: then this id tells that it was done.
const WRITE_ID: &str = "w";

/// A condition did not hold.
#[derive(Clone, Debug)]
pub(in super::super) struct Refused {
    /// The record that is there, if there is one.
    pub(in super::super) found: Option<Item>,
}

/// Why one try of a write came to nothing.
enum Failure {
    Refused(Option<Item>),
    Busy(StoreError),
    Failed(StoreError),
}

/// An error that may say that a condition did not hold.
trait Conditional: ProvideErrorMetadata + Error + 'static {
    /// What says so.
    fn refusal(&self) -> Option<&ConditionalCheckFailedException>;
}

impl Conditional for PutItemError {
    fn refusal(&self) -> Option<&ConditionalCheckFailedException> {
        match self {
            Self::ConditionalCheckFailedException(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Conditional for UpdateItemError {
    fn refusal(&self) -> Option<&ConditionalCheckFailedException> {
        match self {
            Self::ConditionalCheckFailedException(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Conditional for DeleteItemError {
    fn refusal(&self) -> Option<&ConditionalCheckFailedException> {
        match self {
            Self::ConditionalCheckFailedException(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Table {
    /// Writes one record, if its condition holds. A repetition after a lost
    /// answer recognises its own success, unless the record was already written
    /// over. A delete with a condition costs as a transaction, by which it
    /// recognises its success; one without a condition needs nothing of it.
    pub(in super::super) async fn write(&self, write: Write) -> StoreResult<Result<(), Refused>> {
        match write {
            Write {
                action: Action::Put(item),
                condition,
            } => self.put_if(item, condition).await,
            Write {
                action: Action::Update(update),
                condition,
            } => {
                let done = self.update_if(update, condition, ReturnValue::None).await?;
                Ok(done.map(|_| ()))
            }
            Write {
                action: Action::Delete(key),
                condition: None,
            } => self.delete(&key).await.map(Ok),
            other => {
                let done = self.transact(vec![other]).await?;
                Ok(done.map_err(|mut refusals| Refused {
                    found: refusals.found(0),
                }))
            }
        }
    }

    /// Puts a record, in place of what is there.
    pub(in super::super) async fn put(&self, item: Item) -> StoreResult<()> {
        // Without a condition nothing is refused.
        self.put_if(item, None).await.map(|_| ())
    }

    /// Changes one record if the condition holds, and returns it whole as it is
    /// then. Otherwise as [`write`](Self::write).
    pub(in super::super) async fn update(
        &self,
        update: Update,
        condition: Condition,
    ) -> StoreResult<Result<Item, Refused>> {
        self.update_if(update, Some(condition), ReturnValue::AllNew)
            .await
    }

    /// Changes one record, whatever there is, and returns it whole as it is
    /// then. A repetition after a lost answer changes it twice.
    pub(in super::super) async fn update_any(&self, update: Update) -> StoreResult<Item> {
        let done = self.update_if(update, None, ReturnValue::AllNew).await?;
        // Without a condition nothing is refused.
        Ok(done.unwrap_or_else(|refused| refused.found.unwrap_or_default()))
    }

    async fn put_if(
        &self,
        item: Item,
        condition: Option<Condition>,
    ) -> StoreResult<Result<(), Refused>> {
        let id = self.write_id();
        let item = if condition.is_some() {
            item.set(WRITE_ID, id.as_slice())
        } else {
            item
        };
        let mut backoff = Backoff::start();
        loop {
            match self.try_put(item.clone(), condition.as_ref()).await {
                Ok(()) => return Ok(Ok(())),
                Err(Failure::Refused(found)) if is_by(found.as_ref(), &id) => return Ok(Ok(())),
                Err(Failure::Refused(found)) => return Ok(Err(Refused { found })),
                Err(Failure::Busy(error)) => backoff.wait(self.fresh(), error).await?,
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
    }

    async fn try_put(&self, item: Item, condition: Option<&Condition>) -> Result<(), Failure> {
        const OPERATION: &str = "PutItem";
        let mut placeholders = Placeholders::default();
        let condition = condition.map(|condition| condition.render(&mut placeholders));
        let (names, values) = placeholders.into_maps();
        let answer = self
            .client
            .put_item()
            .table_name(self.name())
            .set_item(Some(item.into_attributes()))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(self.begin(OPERATION))
            .send()
            .await
            .map_err(|error| classify(OPERATION, &error))?;
        self.end(OPERATION, answer.consumed_capacity());
        Ok(())
    }

    async fn update_if(
        &self,
        update: Update,
        condition: Option<Condition>,
        returned: ReturnValue,
    ) -> StoreResult<Result<Item, Refused>> {
        let id = self.write_id();
        let update = if condition.is_some() {
            update.set(WRITE_ID, id.as_slice())
        } else {
            update
        };
        let mut backoff = Backoff::start();
        loop {
            let tried = self.try_update(&update, condition.as_ref(), &returned);
            match tried.await {
                Ok(item) => return Ok(Ok(item)),
                Err(Failure::Refused(Some(found))) if is_by(Some(&found), &id) => {
                    return Ok(Ok(found));
                }
                Err(Failure::Refused(found)) => return Ok(Err(Refused { found })),
                Err(Failure::Busy(error)) => backoff.wait(self.fresh(), error).await?,
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
    }

    async fn try_update(
        &self,
        update: &Update,
        condition: Option<&Condition>,
        returned: &ReturnValue,
    ) -> Result<Item, Failure> {
        const OPERATION: &str = "UpdateItem";
        let mut placeholders = Placeholders::default();
        let changes = update.render(&mut placeholders);
        let condition = condition.map(|condition| condition.render(&mut placeholders));
        let (names, values) = placeholders.into_maps();
        let answer = self
            .client
            .update_item()
            .table_name(self.name())
            .set_key(Some(update.key.attributes()))
            .update_expression(changes)
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(returned.clone())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(self.begin(OPERATION))
            .send()
            .await
            .map_err(|error| classify(OPERATION, &error))?;
        self.end(OPERATION, answer.consumed_capacity());
        Ok(Item::from(answer.attributes.unwrap_or_default()))
    }

    /// Deletes a record; one that is not there is no error.
    pub(in super::super) async fn delete(&self, key: &Key) -> StoreResult<()> {
        self.delete_any(key, None).await
    }

    /// Deletes a record if the condition holds, else nothing happens. Which of
    /// both it was a repetition after a lost answer could not know, so nobody is
    /// told: who wants to know uses [`write`](Self::write).
    pub(in super::super) async fn delete_if(
        &self,
        key: &Key,
        condition: Condition,
    ) -> StoreResult<()> {
        self.delete_any(key, Some(condition)).await
    }

    async fn delete_any(&self, key: &Key, condition: Option<Condition>) -> StoreResult<()> {
        let mut backoff = Backoff::start();
        loop {
            match self.try_delete(key, condition.as_ref()).await {
                Ok(()) | Err(Failure::Refused(_)) => return Ok(()),
                Err(Failure::Busy(error)) => backoff.wait(self.fresh(), error).await?,
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
    }

    async fn try_delete(&self, key: &Key, condition: Option<&Condition>) -> Result<(), Failure> {
        const OPERATION: &str = "DeleteItem";
        let mut placeholders = Placeholders::default();
        let condition = condition.map(|condition| condition.render(&mut placeholders));
        let (names, values) = placeholders.into_maps();
        let answer = self
            .client
            .delete_item()
            .table_name(self.name())
            .set_key(Some(key.attributes()))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .set_return_consumed_capacity(self.begin(OPERATION))
            .send()
            .await
            .map_err(|error| classify(OPERATION, &error))?;
        self.end(OPERATION, answer.consumed_capacity());
        Ok(())
    }

    fn write_id(&self) -> [u8; 16] {
        self.fresh().0.to_be_bytes()
    }
}

fn is_by(found: Option<&Item>, id: &[u8; 16]) -> bool {
    found.is_some_and(|found| found.bytes(WRITE_ID).is_ok_and(|by| by == id))
}

fn classify<E: Conditional>(operation: &'static str, error: &SdkError<E>) -> Failure {
    let refusal = error.as_service_error().and_then(Conditional::refusal);
    match refusal {
        Some(refusal) => Failure::Refused(refusal.item.clone().map(Item::from)),
        None if is_busy(error) => Failure::Busy(failed(operation, error)),
        None => Failure::Failed(failed(operation, error)),
    }
}
