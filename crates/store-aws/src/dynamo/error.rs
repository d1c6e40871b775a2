//! What a failure of DynamoDB means to the caller of a port.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::code;

pub(super) use crate::error::{failed, unavailable as timed_out};

/// Codes by which the service says that another request is at the same record.
const BUSY: [&str; 3] = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "ReplicatedWriteConflictException",
];

/// Whether the same call may succeed as soon as another request is done.
pub(super) fn is_busy<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    code(error).is_some_and(|code| BUSY.contains(&code))
}
