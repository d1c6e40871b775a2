//! Writes of several records, all or none.

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use berth_domain::FreshId;
use berth_ports::{StoreError, StoreResult};

use super::super::backoff::Backoff;
use super::super::counter::transaction_units;
use super::super::error::{failed, is_busy, timed_out};
use super::super::expression::{Action, Placeholders, Write};
use super::super::item::{Attributes, Item};
use super::{Refused, Table};

const OPERATION: &str = "TransactWriteItems";

/// What did not hold in a transaction, by the place of the write that expected
/// it.
#[derive(Clone, Debug)]
pub(in super::super) struct Refusals(Vec<Option<Refused>>);

impl Refusals {
    /// Whether this write's condition did not hold.
    pub(in super::super) fn is_refused(&self, write: usize) -> bool {
        matches!(self.0.get(write), Some(Some(_)))
    }

    /// The record that this write found where its condition did not hold.
    pub(in super::super) fn found(&mut self, write: usize) -> Option<Item> {
        self.0.get_mut(write)?.as_mut()?.found.take()
    }
}

/// Why one try of a transaction came to nothing.
enum Failure {
    Refused(Refusals),
    Busy(StoreError),
    Failed(StoreError),
}

impl Table {
    /// Does all writes if all their conditions hold, else none. No two may be
    /// of the same record. While another transaction is at one of the records,
    /// it tries again. Repetitions after a lost answer recognise their success
    /// by the transaction's token.
    ///
    /// Others may see the records change one by one.
    pub(in super::super) async fn transact(
        &self,
        writes: Vec<Write>,
    ) -> StoreResult<Result<(), Refusals>> {
        self.transact_as(writes, self.fresh()).await
    }

    /// The same, with this token.
    pub(in super::super) async fn transact_as(
        &self,
        writes: Vec<Write>,
        token: FreshId,
    ) -> StoreResult<Result<(), Refusals>> {
        let units = writes.iter().map(transaction_units).sum();
        let items = writes
            .into_iter()
            .map(|write| self.transacted(write))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::unavailable)?;
        let token = format!("{:032x}", token.0);
        let mut backoff = Backoff::start();
        loop {
            match self.try_transact(&items, &token).await {
                Ok(()) => {
                    self.end_transaction(OPERATION, units);
                    return Ok(Ok(()));
                }
                Err(Failure::Refused(refusals)) => return Ok(Err(refusals)),
                Err(Failure::Busy(error)) => backoff.wait(self.fresh(), error).await?,
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
    }

    async fn try_transact(&self, items: &[TransactWriteItem], token: &str) -> Result<(), Failure> {
        let answer = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items.to_vec()))
            .client_request_token(token)
            .set_return_consumed_capacity(self.begin(OPERATION))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match cancelled(&error) {
                Some(reasons) => Err(classify(reasons)),
                None if is_busy(&error) => Err(Failure::Busy(failed(OPERATION, &error))),
                None => Err(Failure::Failed(failed(OPERATION, &error))),
            },
        }
    }

    fn transacted(&self, write: Write) -> Result<TransactWriteItem, BuildError> {
        const ALL_OLD: ReturnValuesOnConditionCheckFailure =
            ReturnValuesOnConditionCheckFailure::AllOld;
        let mut placeholders = Placeholders::default();
        let condition = write.condition;
        let condition = condition.map(|condition| condition.render(&mut placeholders));
        let changes = match &write.action {
            Action::Update(update) => update.render(&mut placeholders),
            _ => String::new(),
        };
        let (names, values) = placeholders.into_maps();
        let item = TransactWriteItem::builder();
        Ok(match write.action {
            Action::Put(record) => item.put(
                Put::builder()
                    .table_name(self.name())
                    .set_item(Some(record.into_attributes()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .build()?,
            ),
            Action::Update(update) => item.update(
                Update::builder()
                    .table_name(self.name())
                    .set_key(Some(update.key.attributes()))
                    .update_expression(changes)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .build()?,
            ),
            Action::Delete(key) => item.delete(
                Delete::builder()
                    .table_name(self.name())
                    .set_key(Some(key.attributes()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .build()?,
            ),
        }
        .build())
    }
}

/// Why each of a cancelled transaction's writes was not done.
fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

fn classify(reasons: &[CancellationReason]) -> Failure {
    let codes = || reasons.iter().filter_map(CancellationReason::code);
    // What did not hold is known, whatever else is the matter.
    if codes().any(|code| code == "ConditionalCheckFailed") {
        return Failure::Refused(Refusals(reasons.iter().map(refused).collect()));
    }
    let code = codes().find(|code| *code != "None");
    let error = timed_out(OPERATION, code.unwrap_or("cancelled without a reason"));
    match code {
        Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => {
            Failure::Busy(error)
        }
        _ => Failure::Failed(error),
    }
}

fn refused(reason: &CancellationReason) -> Option<Refused> {
    let found = |attributes: &Attributes| Item::from(attributes.clone());
    (reason.code() == Some("ConditionalCheckFailed")).then(|| Refused {
        found: reason.item().filter(|item| !item.is_empty()).map(found),
    })
}
