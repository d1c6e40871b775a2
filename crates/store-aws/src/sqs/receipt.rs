//! A delivery's receipt: SQS's handle, and the message, which a dead letter
//! and a large job's end need again.

use std::fmt;

use berth_ports::{StoreError, StoreResult};

use super::message::Message;

/// What ends a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// Has no white space.
    pub(super) handle: String,
    pub(super) message: Message,
}

impl fmt::Display for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.handle, self.message.as_str())
    }
}

impl Receipt {
    /// Reads what it was written as.
    pub(super) fn parse(receipt: &str) -> StoreResult<Self> {
        let (handle, message) = receipt
            .split_once(' ')
            .ok_or_else(|| StoreError::Conflict("a receipt of another queue".to_owned()))?;
        Ok(Self {
            handle: handle.to_owned(),
            message: Message::from(message.to_owned()),
        })
    }
}
