//! Upload sessions. The epoch is the fence: each write names the one it holds.
//!
//! A session's own writes wait for no sync: what relies on one (its finished
//! object, the link) is written after a later write was synced.

use async_trait::async_trait;
use berth_domain::{Envelope, Page, UploadId, UploadSession, WriteState};
use berth_oci::Hasher;
use berth_ports::{StoreError, StoreResult, UploadStore};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::{SqliteError, SqliteResult};
use super::statement::{change, one, overread, readable_rows};
use super::value::{Text, Time, column_error};
use super::{SqliteStore, outbox};
use crate::space;

#[async_trait]
impl UploadStore for SqliteStore {
    async fn create_upload(&self, session: &UploadSession) -> StoreResult<()> {
        let session = session.clone();
        self.write_in_order(move |connection| create(connection, &session))
            .await
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<UploadSession>> {
        self.read(move |connection| {
            one(
                connection,
                "SELECT *
                   FROM uploads
                  WHERE id = ?1",
                [Text(id)],
                decode,
            )
        })
        .await
    }

    async fn claim_upload(
        &self,
        id: UploadId,
        epoch: u64,
        now: Timestamp,
    ) -> StoreResult<UploadSession> {
        self.write_in_order(move |connection| {
            let claimed = one(
                connection,
                "UPDATE uploads
                    SET epoch = epoch + 1, touched_at = ?1
                  WHERE id = ?2 AND epoch = ?3
              RETURNING *",
                params![Time(now), Text(id), epoch],
                decode,
            )?;
            match claimed {
                Some(session) => Ok(session),
                None => Err(fenced(connection, id)?),
            }
        })
        .await
    }

    async fn checkpoint_upload(
        &self,
        id: UploadId,
        epoch: u64,
        state: &WriteState,
        now: Timestamp,
    ) -> StoreResult<()> {
        let state = state.clone();
        self.write_in_order(move |connection| {
            let stored = change(
                connection,
                "UPDATE uploads
                    SET position = ?1, hash = ?2, progress = ?3, touched_at = ?4
                  WHERE id = ?5 AND epoch = ?6",
                params![
                    state.offset,
                    state.hash.save(),
                    state.progress,
                    Time(now),
                    Text(id),
                    epoch
                ],
            )?;
            if stored == 0 {
                Err(fenced(connection, id)?)
            } else {
                Ok(())
            }
        })
        .await
    }

    async fn touch_upload(&self, id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            let touched = change(
                connection,
                "UPDATE uploads
                    SET touched_at = ?1
                  WHERE id = ?2 AND epoch = ?3",
                params![Time(now), Text(id), epoch],
            )?;
            if touched == 0 {
                Err(fenced(connection, id)?)
            } else {
                Ok(())
            }
        })
        .await
    }

    async fn delete_upload(&self, id: UploadId, epoch: u64, jobs: &[Envelope]) -> StoreResult<()> {
        let (jobs, written_at) = (jobs.to_vec(), self.now());
        self.write(move |connection| {
            if !end(connection, id, epoch)? {
                return Err(fenced(connection, id)?);
            }
            outbox::put(connection, &jobs, written_at)
        })
        .await
    }

    async fn idle_uploads(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Page<UploadSession>> {
        self.read(move |connection| {
            let items = readable_rows(
                connection,
                "SELECT *
                   FROM uploads
                  WHERE touched_at < ?1
                  ORDER BY touched_at, id",
                [Time(before)],
                overread(limit),
                decode,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }
}

/// The epoch of a session that is there.
pub(super) fn epoch(connection: &Connection, id: UploadId) -> SqliteResult<Option<u64>> {
    one(
        connection,
        "SELECT epoch
           FROM uploads
          WHERE id = ?1",
        [Text(id)],
        |row| row.get(0),
    )
}

/// Deletes a session that is still at this epoch; whether it was.
pub(super) fn end(connection: &Connection, id: UploadId, epoch: u64) -> SqliteResult<bool> {
    let ended = change(
        connection,
        "DELETE FROM uploads
          WHERE id = ?1 AND epoch = ?2",
        params![Text(id), epoch],
    )?;
    Ok(ended > 0)
}

/// Why a write that named an epoch changed nothing.
fn fenced(connection: &Connection, id: UploadId) -> SqliteResult<SqliteError> {
    let label = format!("upload session {id}");
    Ok(match epoch(connection, id)? {
        Some(_) => StoreError::Conflict(label),
        None => StoreError::NotFound(label),
    }
    .into())
}

fn create(connection: &Connection, session: &UploadSession) -> SqliteResult<()> {
    space::check_database(connection)?;
    let created = change(
        connection,
        "INSERT INTO uploads (id, repository, object_key, epoch, position, hash,
                              created_at, touched_at, progress)
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO NOTHING",
        params![
            Text(session.id),
            session.repository.as_str(),
            Text(session.key),
            session.epoch,
            session.state.offset,
            session.state.hash.save(),
            Time(session.created_at),
            Time(session.touched_at),
            session.state.progress,
        ],
    )?;
    match created {
        0 => Err(StoreError::AlreadyExists(format!("upload session {}", session.id)).into()),
        _ => Ok(()),
    }
}

fn decode(row: &Row<'_>) -> rusqlite::Result<UploadSession> {
    let hash = Hasher::restore(row.get_ref("hash")?.as_blob()?)
        .ok_or_else(|| column_error("a hash state is damaged or of a newer version"))?;
    Ok(UploadSession {
        id: row.get::<_, Text<_>>("id")?.0,
        repository: row.get::<_, Text<_>>("repository")?.0,
        key: row.get::<_, Text<_>>("object_key")?.0,
        epoch: row.get("epoch")?,
        state: WriteState {
            offset: row.get("position")?,
            hash,
            progress: row.get("progress")?,
        },
        created_at: row.get::<_, Time>("created_at")?.0,
        touched_at: row.get::<_, Time>("touched_at")?.0,
    })
}
