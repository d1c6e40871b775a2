//! Files of records: one a line.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use berth_oci::RepositoryName;
use berth_oci::{Algorithm, Digest, Hasher};
use tokio::fs::File;
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter,
};

use super::{Folder, RECORDS, at, new_file};
use crate::error::{Result, TransferError};
use crate::records::{InRepository, Malformed, Record};

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

impl Folder {
    /// Begins the file of a kind of records anew.
    pub(crate) async fn write_records<R: Record>(&self) -> Result<LineWriter<R>> {
        let path = self.records(R::FILE);
        let file = new_file(&path).await.map_err(at(&path))?;
        Ok(LineWriter {
            path,
            file: BufWriter::new(file),
            hasher: Hasher::new(Algorithm::Sha256),
            kind: PhantomData,
        })
    }

    /// Reads the records of a kind.
    pub(crate) async fn read_records<R: Record>(&self) -> Result<LineReader<R>> {
        let path = self.records(R::FILE);
        let file = File::open(&path).await.map_err(at(&path))?;
        Ok(LineReader {
            path,
            file: BufReader::new(file),
            line: 0,
            held: None,
        })
    }

    pub(super) async fn verify_records(&self, kind: &str, digest: Digest) -> Result<()> {
        let path = self.records(kind);
        let mut file = File::open(&path).await.map_err(at(&path))?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = file.read(&mut buffer).await.map_err(at(&path))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        let actual = hasher.finish();
        if actual == digest {
            return Ok(());
        }
        Err(TransferError::Damaged {
            path,
            what: format!("it hashes to {actual}, not to {digest}"),
        })
    }

    fn records(&self, kind: &str) -> PathBuf {
        Path::new(&self.path)
            .join(RECORDS)
            .join(format!("{kind}.jsonl"))
    }
}

/// Writes the records of a kind.
pub(crate) struct LineWriter<R> {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Hasher,
    kind: PhantomData<R>,
}

impl<R: Record> LineWriter<R> {
    pub(crate) async fn write(&mut self, record: &R) -> Result<()> {
        let line = serde_json::to_vec(record);
        let mut line = line.map_err(|error| at(&self.path)(error.into()))?;
        line.push(b'\n');
        self.hasher.update(&line);
        self.file.write_all(&line).await.map_err(at(&self.path))
    }

    /// Makes the file durable; its kind and digest.
    pub(crate) async fn finish(mut self) -> Result<(String, Digest)> {
        self.file.flush().await.map_err(at(&self.path))?;
        let file = self.file.get_ref();
        file.sync_all().await.map_err(at(&self.path))?;
        Ok((R::FILE.to_owned(), self.hasher.finish()))
    }
}

/// Reads the records of a kind, in the order in which they were written.
pub(crate) struct LineReader<R> {
    path: PathBuf,
    file: BufReader<File>,
    line: u64,
    /// A record that was read and not taken.
    held: Option<R>,
}

impl<R: Record> LineReader<R> {
    /// The next record.
    pub(crate) async fn next(&mut self) -> Result<Option<R>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let mut line = Vec::new();
        let read = self.file.read_until(b'\n', &mut line).await;
        if read.map_err(at(&self.path))? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let record = serde_json::from_slice(&line);
        record
            .map(Some)
            .map_err(|error| self.malformed(&Malformed::new(error)))
    }

    /// The error for the record that was read last.
    pub(crate) fn malformed(&self, what: &Malformed) -> TransferError {
        TransferError::Damaged {
            path: self.path.clone(),
            what: format!("line {}: {what}", self.line),
        }
    }

    /// Asserts that all records were taken.
    pub(crate) async fn end(mut self) -> Result<()> {
        match self.next().await? {
            None => Ok(()),
            Some(_) => Err(self.malformed(&Malformed::new("the record is out of order"))),
        }
    }
}

impl<R: InRepository> LineReader<R> {
    /// The next record, if it lies in this repository.
    pub(crate) async fn next_in(&mut self, repository: &RepositoryName) -> Result<Option<R>> {
        match self.next().await? {
            Some(record) if record.repository() == repository => Ok(Some(record)),
            other => {
                self.held = other;
                Ok(None)
            }
        }
    }
}
