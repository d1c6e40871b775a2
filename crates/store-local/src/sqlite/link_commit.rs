//! The one transaction that makes a blob visible: all is looked at first, then
//! all is written.

use berth_domain::{LinkCommit, LinkCommitFinds, ObjectKey};
use berth_oci::Digest;
use berth_ports::{CommitLink, LinkSource};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::SqliteResult;
use super::statement::change;
use super::value::{Text, Time};
use super::{back_edges, links, outbox, uploads};

pub(super) fn commit(
    connection: &Connection,
    commit: &CommitLink,
    written_at: Timestamp,
) -> SqliteResult<LinkCommit> {
    let read = match &commit.source {
        LinkSource::NewBlob { .. } => None,
        LinkSource::Blob(blob) => Some(blob.key),
    };
    let outcome = finds(connection, commit)?.outcome(read);
    if outcome != LinkCommit::Done {
        return Ok(outcome);
    }
    let (key, size) = match &commit.source {
        LinkSource::NewBlob { key, size } => {
            put_blob(connection, commit.digest, *key, *size)?;
            (*key, *size)
        }
        LinkSource::Blob(blob) => {
            raise_generation(connection, commit.digest)?;
            (blob.key, blob.size)
        }
    };
    back_edges::set_linked(connection, &commit.repository, commit.digest, commit.id)?;
    put_link(connection, commit, key, size)?;
    if let Some((id, epoch)) = commit.session {
        uploads::end(connection, id, epoch)?;
    }
    outbox::put(connection, &commit.jobs, written_at)?;
    Ok(LinkCommit::Done)
}

fn finds(connection: &Connection, commit: &CommitLink) -> SqliteResult<LinkCommitFinds> {
    let (repository, digest) = (&commit.repository, commit.digest);
    let is_at_epoch = match commit.session {
        Some((id, epoch)) => uploads::epoch(connection, id)? == Some(epoch),
        None => true,
    };
    Ok(LinkCommitFinds {
        blob: links::blob(connection, digest)?.map(|blob| blob.key),
        link: links::link(connection, repository, digest)?.is_some(),
        back_edge: back_edges::linked(connection, repository, digest, commit.id)?,
        is_at_epoch,
    })
}

fn put_blob(
    connection: &Connection,
    digest: Digest,
    key: ObjectKey,
    size: u64,
) -> SqliteResult<()> {
    change(
        connection,
        "INSERT INTO blobs (digest, object_key, size, generation)
              VALUES (?1, ?2, ?3, 1)",
        params![Text(digest), Text(key), size],
    )?;
    Ok(())
}

fn raise_generation(connection: &Connection, digest: Digest) -> SqliteResult<()> {
    change(
        connection,
        "UPDATE blobs
            SET generation = generation + 1
          WHERE digest = ?1",
        [Text(digest)],
    )?;
    Ok(())
}

fn put_link(
    connection: &Connection,
    commit: &CommitLink,
    key: ObjectKey,
    size: u64,
) -> SqliteResult<()> {
    change(
        connection,
        "INSERT INTO links (repository, project, digest, link_id, token, object_key, size, touched_at)
              VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7)",
        params![
            commit.repository.as_str(),
            commit.project.0,
            Text(commit.digest),
            Text(commit.id),
            Text(key),
            size,
            Time(commit.now),
        ],
    )?;
    Ok(())
}
