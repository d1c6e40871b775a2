//! The sealing key as KMS gave it out: a record that is written once.

use berth_ports::{StoreError, StoreResult};

use super::{DynamoStore, Item, Refused, Write, key};

const TABLE: &str = "table";
const CIPHERTEXT: &str = "ciphertext";

/// A key that only KMS can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// The table that it was made for, without whose name KMS does not open it.
    /// A table that was restored under another name keeps this one.
    pub table: String,
    /// The key, encrypted by KMS.
    pub ciphertext: Vec<u8>,
}

impl DynamoStore {
    /// The table's name.
    pub fn table_name(&self) -> &str {
        self.table.name()
    }

    /// The sealing key, if it is one of KMS and was made. A strong read.
    pub async fn sealing_key(&self) -> StoreResult<Option<DataKey>> {
        let item = self.table.get(&key::sealing_key()).await?;
        item.as_ref().map(decode).transpose()
    }

    /// Keeps this sealing key unless there is one by now; returns the one that
    /// is kept, the same to any number of callers at once.
    pub async fn keep_sealing_key(&self, made: DataKey) -> StoreResult<DataKey> {
        let item = Item::new(&key::sealing_key())
            .set(TABLE, &made.table)
            .set(CIPHERTEXT, made.ciphertext.as_slice());
        match self.table.write(Write::create(item)).await? {
            Ok(()) => Ok(made),
            Err(Refused { found: Some(item) }) => decode(&item),
            // Nothing deletes it: who is refused finds it next time.
            Err(Refused { found: None }) => Err(StoreError::Conflict("sealing key".to_owned())),
        }
    }
}

fn decode(item: &Item) -> StoreResult<DataKey> {
    Ok(DataKey {
        table: item.text(TABLE)?.to_owned(),
        ciphertext: item.bytes(CIPHERTEXT)?.to_vec(),
    })
}
