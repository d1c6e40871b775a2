//! The folder of a check's own objects.

use std::sync::{Mutex, MutexGuard, PoisonError};

use berth_domain::FreshId;
use berth_ports::StoreResult;

use crate::check::{Doubt, Probed};
use crate::error::call_of;
use crate::s3::Bucket;
use crate::s3::progress::Upload;

/// The folder of a check's own objects, and what it may have made there.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: String,
    made: Mutex<Made>,
}

/// What a check may have made.
#[derive(Clone, Debug, Default)]
struct Made {
    keys: Vec<String>,
    /// Keys and ids.
    uploads: Vec<(String, String)>,
}

impl Scratch {
    pub(super) fn new(id: FreshId) -> Self {
        Self {
            folder: format!("checks/{:032x}/", id.0),
            made: Mutex::default(),
        }
    }

    /// A key for a probe's object.
    pub(super) fn key(&self, name: &str) -> String {
        let key = format!("{}{name}", self.folder);
        self.made().keys.push(key.clone());
        key
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    /// The bucket is there and can be listed.
    pub(super) async fn is_there(&self, scratch: &Scratch) -> Probed {
        match self.beginning_with(&scratch.folder).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match call_of(&error) {
                Some((_, Some("NoSuchBucket"))) => Doubt::fails(format!(
                    "there is no bucket {}, create it with `berth admin create-store`",
                    self.name
                )),
                _ => error.into(),
            }),
        }
    }

    /// Begins a probe's upload.
    pub(super) async fn begin(&self, scratch: &Scratch, key: &str) -> StoreResult<Upload> {
        let upload = self.create_upload(key).await?;
        let made = (key.to_owned(), upload.id.clone());
        scratch.made().uploads.push(made);
        Ok(upload)
    }

    /// Deletes what the check has made, after which nothing is listed.
    pub(super) async fn clear(&self, scratch: &Scratch) -> Probed {
        let made = scratch.made().clone();
        // What is not there is no error.
        for (key, upload) in made.uploads {
            self.abort_upload(&key, &upload).await?;
        }
        self.delete(&made.keys).await?;
        let left = self.beginning_with(&scratch.folder).await?;
        if left.is_empty() {
            return Ok(());
        }
        Err(Doubt::fails(format!(
            "{} objects below {} are listed after they were deleted",
            left.len(),
            scratch.folder
        )))
    }
}
