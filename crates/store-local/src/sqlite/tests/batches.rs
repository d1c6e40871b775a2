//! Writes that are committed together.

use super::*;

type Work = Box<dyn FnOnce(&Connection) -> SqliteResult<()> + Send>;

/// Keeps the writer busy until it is let go; what is sent meanwhile is one
/// batch.
pub(super) struct Hold {
    let_go: mpsc::Sender<()>,
    held: JoinHandle<StoreResult<()>>,
}

impl Hold {
    pub(super) async fn of(store: &SqliteStore) -> Self {
        let (let_go, wait) = mpsc::channel();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let held = send(store, move |_| {
            begun.send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        });
        has_begun.await.unwrap();
        Self { let_go, held }
    }

    pub(super) async fn let_go(self) {
        self.let_go.send(()).unwrap();
        self.held.await.unwrap().unwrap();
    }
}

/// Starts a write; the order of calls is that of the writes on one thread.
fn send<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&Connection) -> SqliteResult<T> + Send + 'static,
) -> JoinHandle<StoreResult<T>> {
    let store = store.clone();
    tokio::spawn(async move { store.write(work).await })
}

/// Sends writes while the writer is held, and waits until they are waiting.
async fn batch<const N: usize>(store: &SqliteStore, works: [Work; N]) -> [StoreResult<()>; N] {
    let hold = Hold::of(store).await;
    let sent = works.map(|work| send(store, work));
    while store.inner.writer.waiting() < N {
        tokio::task::yield_now().await;
    }
    hold.let_go().await;
    let mut results = Vec::new();
    for answer in sent {
        results.push(answer.await.unwrap());
    }
    results.try_into().unwrap()
}

#[tokio::test]
async fn a_failing_write_does_not_touch_its_batch_mates() {
    let Subject { store, .. } = &subject();
    let [first, failing, last] = batch(
        store,
        [
            Box::new(|connection| put_row(connection, "first")),
            Box::new(|connection| {
                put_row(connection, "failing")?;
                Err(StoreError::Conflict("it".to_owned()).into())
            }),
            Box::new(|connection| put_row(connection, "last")),
        ],
    )
    .await;
    assert!(matches!((first, last), (Ok(()), Ok(()))));
    assert!(
        matches!(failing, Err(StoreError::Conflict(_))),
        "{failing:?}"
    );
    assert!(read_row(store, "first").await);
    assert!(!read_row(store, "failing").await);
    assert!(read_row(store, "last").await);
}

#[tokio::test]
async fn a_panic_in_a_write_fails_that_write_alone() {
    let Subject { store, .. } = &subject();
    let [panicking, next] = batch(
        store,
        [
            Box::new(|connection| {
                put_row(connection, "panicking")?;
                panic!("on purpose");
            }),
            Box::new(|connection| put_row(connection, "next")),
        ],
    )
    .await;
    assert!(
        matches!(panicking, Err(StoreError::Unavailable(_))),
        "{panicking:?}"
    );
    next.unwrap();
    assert!(!read_row(store, "panicking").await);
    assert!(read_row(store, "next").await);
    assert_eq!(store.next(Sequence::User).await.unwrap(), 1);
}

#[tokio::test]
async fn what_waits_is_committed_in_one_transaction() {
    let Subject { store, .. } = &subject();
    let beside = store.clone();
    let [first, second] = batch(
        store,
        [
            Box::new(|connection| put_row(connection, "first")),
            Box::new(move |connection| {
                let sql = "SELECT 1 FROM sequences WHERE name = 'first'";
                assert!(connection.prepare(sql)?.exists([])?);
                let visible = beside
                    .inner
                    .readers
                    .read(|reader| Ok(reader.prepare(sql)?.exists([])?))?;
                assert!(!visible);
                Ok(())
            }),
        ],
    )
    .await;
    first.unwrap();
    second.unwrap();
    assert!(read_row(store, "first").await);
}

#[tokio::test]
async fn a_failed_commit_fails_its_whole_batch_and_leaves_nothing() {
    let Subject { store, .. } = &subject();
    store
        .write(|connection| {
            let sql =
                "CREATE TABLE deferred (row REFERENCES sequences DEFERRABLE INITIALLY DEFERRED)";
            Ok(connection.execute_batch(sql)?)
        })
        .await
        .unwrap();
    let results = batch(
        store,
        [
            Box::new(|connection| put_row(connection, "sound")),
            Box::new(|connection| {
                // Refused not here but by COMMIT.
                change(connection, "INSERT INTO deferred VALUES ('nothing')", [])?;
                Ok(())
            }),
            Box::new(|_| Err(StoreError::Conflict("what may not have happened".to_owned()).into())),
        ],
    )
    .await;
    for result in results {
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
    }
    assert!(!read_row(store, "sound").await);
    store
        .write(|connection| put_row(connection, "later"))
        .await
        .unwrap();
    assert!(read_row(store, "later").await);
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_passes() {
    let Subject { store, .. } = &subject();
    let limit = |pages: i64| {
        move |connection: &Connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok(())
        }
    };
    let fill = |connection: &Connection| {
        change(
            connection,
            "INSERT INTO signing_keys (kid, private, created_at) VALUES ('large', zeroblob(500000), 0)",
            [],
        )?;
        Ok(())
    };
    store.write(limit(1)).await.unwrap();
    let full = store.write(fill).await;
    assert!(matches!(full, Err(StoreError::Full)), "{full:?}");
    store.write(limit(1_000_000)).await.unwrap();
    store.write(fill).await.unwrap();
}

#[tokio::test]
async fn readers_do_not_wait_for_an_open_write_transaction() {
    let Subject { store, .. } = &subject();
    let (let_go, wait) = mpsc::channel();
    let (written, is_written) = tokio::sync::oneshot::channel();
    let writing = send(store, move |connection| {
        put_row(connection, "row")?;
        written.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    });
    is_written.await.unwrap();
    assert!(!read_row(store, "row").await);
    let_go.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert!(read_row(store, "row").await);
}

#[tokio::test]
async fn dropping_the_store_waits_for_the_writes_it_took() {
    let Subject {
        store,
        clock,
        lock,
        _directory,
    } = subject();
    let hold = Hold::of(&store).await;
    let sent = send(&store, |connection| put_row(connection, "last"));
    while store.inner.writer.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    sent.abort();
    hold.let_go().await;
    drop((sent.await, store));
    let again = SqliteStore::open(&lock, clock).unwrap();
    assert!(read_row(&again, "last").await);
}

#[tokio::test]
async fn only_a_write_that_is_acknowledged_as_synced_is_synced() {
    let Subject { store, .. } = &subject();
    let level = |connection: &Connection| -> SqliteResult<i64> {
        Ok(connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?)
    };
    let (normal, full) = (1, 2);
    assert_eq!(store.write_in_order(level).await.unwrap(), normal);
    assert_eq!(store.write(level).await.unwrap(), full);
    assert_eq!(store.write_in_order(level).await.unwrap(), normal);
}

#[tokio::test]
async fn an_ordered_write_is_seen_once_it_is_answered() {
    let Subject { store, .. } = &subject();
    store
        .write_in_order(|connection| put_row(connection, "ordered"))
        .await
        .unwrap();
    assert!(read_row(store, "ordered").await);
}
