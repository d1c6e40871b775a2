//! Rows that this version did not write.

use std::time::Duration;

use berth_domain::{Envelope, Job, JobId, UploadSession, WriteState};
use berth_ports::{AccessStore, JobQueue, Outbox, UploadStore};

use super::*;

const NEWER: &str = r#"{"v":99,"id":"?","job":"?"}"#;

fn job() -> Envelope {
    Envelope::new(
        "000000000000000000000000000000ab".parse::<JobId>().unwrap(),
        Job::SweepUploads,
    )
}

async fn execute(store: &SqliteStore, sql: &'static str) {
    store
        .write(move |connection| Ok(connection.execute_batch(sql)?))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_buried_and_holds_up_no_other() {
    let Subject { store, .. } = &subject();
    let put = |connection: &Connection| {
        let sql = "INSERT INTO jobs (envelope, visible_at, attempt) VALUES (?1, 0, 0)";
        change(connection, sql, [NEWER])
    };
    store.write(put).await.unwrap();
    store.send(&job(), Duration::ZERO).await.unwrap();
    let received = store.receive(10, Duration::from_secs(1)).await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].envelope, job());
    assert_eq!(store.buried().await.unwrap(), 1);
}

#[tokio::test]
async fn a_job_in_the_outbox_that_cannot_be_read_stays_and_holds_up_no_other() {
    let Subject { store, clock, .. } = &subject();
    let now = berth_ports::Clock::now(&**clock);
    let put = |connection: &Connection| {
        for id in ["newer", "newest"] {
            let sql = "INSERT INTO outbox (id, envelope, written_at) VALUES (?1, ?2, 0)";
            change(connection, sql, [id, NEWER])?;
        }
        Ok(())
    };
    store.write(put).await.unwrap();
    store
        .write(move |connection| super::super::outbox::put(connection, &[job()], now))
        .await
        .unwrap();
    assert_eq!(store.unsent(Timestamp::MAX, 1).await.unwrap(), [job()]);
}

#[tokio::test]
async fn an_idle_session_that_cannot_be_read_stays_and_holds_up_no_other() {
    let Subject { store, .. } = &subject();
    let id = "000000000000000000000000000000ab";
    let session = UploadSession {
        id: id.parse().unwrap(),
        repository: "a/b".parse().unwrap(),
        key: id.parse().unwrap(),
        epoch: 0,
        state: WriteState::new(berth_oci::Algorithm::Sha256),
        created_at: Timestamp::UNIX_EPOCH,
        touched_at: Timestamp::UNIX_EPOCH,
    };
    store.create_upload(&session).await.unwrap();
    execute(
        store,
        "INSERT INTO uploads VALUES ('00', 'a/b', '00', 0, 0, x'63', -2, -2, x''),
                                    ('01', 'a/b', '01', 0, 0, x'63', -1, -1, x'');",
    )
    .await;
    let page = store.idle_uploads(Timestamp::MAX, 1).await.unwrap();
    let found: Vec<_> = page.items.iter().map(|session| session.id).collect();
    assert_eq!((found, page.more), (vec![session.id], false));
}

#[tokio::test]
async fn a_damaged_record_is_told_as_such() {
    let Subject { store, .. } = &subject();
    execute(
        store,
        "INSERT INTO users VALUES (1, 'a:b', '', '', '', 0, '', 0, 0, 1);
         INSERT INTO uploads VALUES ('000000000000000000000000000000ab', 'a/b',
                '000000000000000000000000000000ab', 0, 0, x'63', 0, 0, x'');",
    )
    .await;
    let user = store.user_by_id(berth_domain::UserId(1)).await;
    assert!(matches!(user, Err(StoreError::Corrupt(_))), "{user:?}");
    let upload = store
        .upload("000000000000000000000000000000ab".parse().unwrap())
        .await;
    assert!(matches!(upload, Err(StoreError::Corrupt(_))), "{upload:?}");
}
