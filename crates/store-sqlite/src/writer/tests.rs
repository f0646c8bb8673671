use std::sync::mpsc;

use rusqlite::params;
use tempfile::TempDir;

use super::*;

struct Bench {
    writer: Writer,
    path: PathBuf,
    message_put: Arc<Notify>,
    _keep: TempDir,
}

impl Bench {
    fn new(options: Options) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = keep.path().join("t.db");
        connection::create_private(&path).unwrap();
        let connection = connection::writing(&path, options.busy_timeout).unwrap();
        let tables = "CREATE TABLE t (n INTEGER PRIMARY KEY, filling BLOB);
                      CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED);";
        connection.execute_batch(tables).unwrap();
        let message_put = Arc::new(Notify::new());
        let writer = Writer::start(connection, &path, options, Arc::clone(&message_put));
        Self {
            writer: writer.unwrap(),
            path,
            message_put,
            _keep: keep,
        }
    }

    fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> oneshot::Receiver<Stored<T>> {
        self.writer.submit(Guard::Savepoint, work).unwrap()
    }

    fn insert(&self, n: i64) -> oneshot::Receiver<Stored<()>> {
        self.submit(move |tx| insert(tx, n))
    }

    /// Keeps the thread busy until the sender is used: what is submitted meanwhile is one batch.
    fn hold(&self) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let (began, begun) = mpsc::channel();
        drop(self.submit(move |_| {
            began.send(()).unwrap();
            released.recv().unwrap();
            Ok(())
        }));
        begun.recv().unwrap();
        release
    }

    fn rows(&self) -> Vec<i64> {
        let connection = connection::reading(&self.path, Duration::from_secs(5)).unwrap();
        let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }
}

fn insert(tx: &Tx<'_>, n: i64) -> Result<(), Fault> {
    execute(tx.connection, "INSERT INTO t (n) VALUES (?1)", [n]).map(drop)
}

fn wait<T>(answer: oneshot::Receiver<Stored<T>>) -> Stored<T> {
    answer.blocking_recv().unwrap()
}

fn unavailable<T>(answer: oneshot::Receiver<Stored<T>>) -> String {
    match wait(answer) {
        Err(StoreError::Unavailable(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was done"),
    }
}

#[test]
fn an_operation_that_fails_fails_alone() {
    let bench = Bench::new(Options::default());
    let release = bench.hold();
    let first = bench.insert(1);
    let failing = bench.submit(|tx| {
        insert(tx, 2)?;
        insert(tx, 3)?;
        insert(tx, 1)
    });
    let corrupt = bench.submit(|tx| {
        insert(tx, 4)?;
        Err::<(), _>(Fault::Corrupt("t.n of row 4".into()))
    });
    let last = bench.insert(5);
    release.send(()).unwrap();
    wait(first).unwrap();
    assert!(unavailable(failing).contains("UNIQUE"));
    assert!(matches!(wait(corrupt), Err(StoreError::Corrupt(_))));
    wait(last).unwrap();
    assert_eq!(bench.rows(), [1, 5]);
}

#[test]
fn when_the_commit_fails_every_operation_has_failed() {
    let bench = Bench::new(Options::default());
    let release = bench.hold();
    let first = bench.insert(1);
    let orphan =
        bench.submit(|tx| execute(tx.connection, "INSERT INTO child VALUES (4711)", ()).map(drop));
    let last = bench.insert(2);
    release.send(()).unwrap();
    for answer in [first, orphan, last] {
        assert!(unavailable(answer).contains("FOREIGN KEY"));
    }
    assert_eq!(bench.rows(), [0; 0]);
    wait(bench.insert(3)).unwrap();
    assert_eq!(bench.rows(), [3], "it goes on");
}

#[test]
fn a_transaction_that_is_lost_fails_every_operation() {
    let bench = Bench::new(Options::default());
    let release = bench.hold();
    let first = bench.insert(1);
    let loses = bench.submit(|tx| execute(tx.connection, "ROLLBACK", ()).map(drop));
    let last = bench.insert(2);
    release.send(()).unwrap();
    for answer in [first, loses, last] {
        unavailable(answer);
    }
    wait(bench.insert(3)).unwrap();
    assert_eq!(bench.rows(), [3]);
}

#[test]
fn an_operation_that_panics_does_not_end_the_writer() {
    let bench = Bench::new(Options::default());
    let release = bench.hold();
    let first = bench.insert(1);
    let panics = bench.submit(|_| -> Result<(), Fault> { panic!("on purpose") });
    release.send(()).unwrap();
    unavailable(first);
    unavailable(panics);
    wait(bench.insert(2)).unwrap();
    assert_eq!(bench.rows(), [2]);
}

/// SECURITY S9: SQLite gives up the whole transaction when the disk is full, so all of its
/// operations are refused, and nothing of them is there.
#[test]
fn f09_a_full_disk_is_unavailable_and_passes() {
    let bench = Bench::new(Options::default());
    let limit = bench.submit(|tx| {
        // Of this connection alone; the one that takes its place has none.
        let sql = "PRAGMA max_page_count = 1";
        let limit = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        Ok(tx.connection.query_row(sql, (), limit)?)
    });
    wait(limit).unwrap();
    let fill = || {
        bench.submit(|tx| {
            let sql = "INSERT INTO t (filling) VALUES (?1)";
            execute(tx.connection, sql, params![vec![7_u8; 1_000_000]]).map(drop)
        })
    };
    let release = bench.hold();
    let (before, full, after) = (bench.insert(7), fill(), bench.insert(8));
    release.send(()).unwrap();
    unavailable(before);
    assert!(unavailable(full).contains("full"));
    unavailable(after);
    assert_eq!(bench.rows(), [0; 0]);
    wait(fill()).unwrap();
    assert_eq!(bench.rows(), [1]);
}

#[test]
fn while_another_process_writes_too_long_it_is_unavailable() {
    let bench = Bench::new(Options {
        busy_timeout: Duration::from_millis(50),
        ..Options::default()
    });
    let other = Connection::open(&bench.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(unavailable(bench.insert(1)).contains("locked"));
    other.execute_batch("COMMIT").unwrap();
    wait(bench.insert(2)).unwrap();
    assert_eq!(bench.rows(), [2]);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let bench = Bench::new(Options {
        queue: 2,
        ..Options::default()
    });
    let release = bench.hold();
    let accepted = [bench.insert(1), bench.insert(2)];
    let refused = bench.writer.submit(Guard::Savepoint, |_| Ok(()));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    release.send(()).unwrap();
    for answer in accepted {
        wait(answer).unwrap();
    }
}

#[test]
fn what_was_accepted_is_done_though_nobody_waits_and_the_store_closes() {
    let bench = Bench::new(Options::default());
    let release = bench.hold();
    for n in 0..500 {
        drop(bench.insert(n));
    }
    release.send(()).unwrap();
    let Bench {
        writer,
        path,
        message_put: _,
        _keep,
    } = bench;
    drop(writer);
    let rows: i64 = Connection::open(path)
        .unwrap()
        .query_row("SELECT count(*) FROM t", (), |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 500);
}

#[tokio::test]
async fn a_message_rings_once_it_is_committed() {
    let bench = Bench::new(Options::default());
    let release = bench.hold();
    let put = bench.submit(|tx| {
        tx.message_was_put();
        Ok(())
    });
    let rung = bench.message_put.notified();
    tokio::pin!(rung);
    assert!(
        tokio::time::timeout(Duration::from_millis(20), &mut rung)
            .await
            .is_err(),
        "not before"
    );
    release.send(()).unwrap();
    rung.await;
    put.await.unwrap().unwrap();
}
