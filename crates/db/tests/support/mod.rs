//! A database of its own for every test, on either engine, with the tables of `slots.rs`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each binary uses its own part; a broken set-up should panic"
)]

pub mod slots;

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Deref;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::Config;
use yuyue_db::{Db, Engine, Error, Options};

/// Makes two tests of each `async fn name(db: TestDb)`: `name::sqlite` and `name::postgres`.
#[allow(unused_macros, reason = "each binary uses its own part")]
macro_rules! both {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::TestDb;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                crate::support::in_time(super::$name(TestDb::sqlite())).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                if let Some(db) = TestDb::postgres() {
                    crate::support::in_time(super::$name(db)).await;
                }
            }
        }
    )*};
}

/// As `both!`, for what only the server engine has.
#[allow(unused_macros, reason = "each binary uses its own part")]
macro_rules! postgres_only {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                if let Some(db) = crate::support::TestDb::postgres() {
                    crate::support::in_time(super::$name(db)).await;
                }
            }
        }
    )*};
}

/// As `both!`, for what only the embedded engine has.
#[allow(unused_macros, reason = "each binary uses its own part")]
macro_rules! sqlite_only {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                crate::support::in_time(super::$name(crate::support::TestDb::sqlite())).await;
            }
        }
    )*};
}

/// A broken kernel tends to leave its caller waiting; a test says so instead of doing the same.
pub async fn in_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), test).await.expect("the test hangs");
}

/// An open database with one slot table and one booking table, gone when the test ends.
pub struct TestDb {
    db: Db,
    pub engine: Engine,
    home: Home,
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl TestDb {
    pub fn sqlite() -> Self {
        Self::at(Home::Directory(tempfile::tempdir().unwrap()))
    }

    /// `None` (and a loud line) without a server, except in CI, where half the tests must not vanish.
    pub fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("YUYUE_TEST_POSTGRES") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "YUYUE_TEST_POSTGRES is not set; use scripts/with-postgres"
            );
            eprintln!(
                "##### SKIPPED on PostgreSQL: YUYUE_TEST_POSTGRES is not set; use scripts/with-postgres #####"
            );
            return None;
        };
        let admin = url.parse().expect("YUYUE_TEST_POSTGRES is an address");
        Some(Self::at(Home::Server { admin: Box::new(admin), made: Mutex::default() }))
    }

    fn at(home: Home) -> Self {
        let engine = home.blank();
        let db = Db::open(&options(&engine, 1024, 4), slots::SCHEMA).unwrap();
        Self { db, engine, home }
    }

    /// Another `Db` on the same data, as a second node or program would have it.
    pub fn second(&self) -> Db {
        self.second_with(1024, 4)
    }

    pub fn second_with(&self, queue: usize, connections: usize) -> Db {
        Db::open(&options(&self.engine, queue, connections), slots::SCHEMA).unwrap()
    }

    /// A database without any table, gone when the test ends.
    pub fn blank(&self) -> Engine {
        self.home.blank()
    }

    /// A path in an empty folder of the test.
    pub fn scratch(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        (folder, path)
    }

    pub fn is_server(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Runs SQL beside the kernel, as an administrator would.
    pub fn administer(&self, sql: &str) {
        administer(&self.engine, sql);
    }

    /// Closes this `Db`; the data stay until the returned home is dropped.
    pub fn close(self) -> (Engine, Home) {
        (self.engine, self.home)
    }
}

pub fn options(engine: &Engine, queue: usize, connections: usize) -> Options {
    Options { engine: engine.clone(), queue, connections }
}

/// Where a test's databases live.
pub enum Home {
    Directory(TempDir),
    Server { admin: Box<Config>, made: Mutex<Vec<String>> },
}

impl Home {
    fn blank(&self) -> Engine {
        let name = format!("test_{:016x}", RandomState::new().hash_one(0));
        match self {
            Self::Directory(folder) => Engine::Sqlite(folder.path().join(name)),
            Self::Server { admin, made } => {
                administer(&Engine::Postgres(admin.clone()), &format!("CREATE DATABASE {name}"));
                let mut config = admin.clone();
                config.dbname(&name);
                made.lock().unwrap().push(name);
                Engine::Postgres(config)
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::Server { admin, made } = self {
            for name in made.get_mut().unwrap().drain(..) {
                administer(&Engine::Postgres(admin.clone()), &format!("DROP DATABASE {name} WITH (FORCE)"));
            }
        }
    }
}

/// On a thread of its own, because tests are async and this blocks.
pub fn administer(engine: &Engine, sql: &str) {
    let run = || match engine {
        Engine::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
        Engine::Postgres(config) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap();
            });
        }
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap());
}

/// Another program that has the database to itself: on the embedded engine its file, on the other what `lock`
/// takes.
pub struct Held {
    release: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Held {
    pub async fn start(db: &TestDb, lock: &str) -> Self {
        let (release, released) = mpsc::channel();
        let (hold, mut holds) = unbounded_channel();
        let (engine, lock) = (db.engine.clone(), lock.to_owned());
        let thread = std::thread::spawn(move || match engine {
            Engine::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                hold.send(()).unwrap();
                released.recv().unwrap();
            }
            Engine::Postgres(config) => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                    tokio::spawn(connection);
                    client.batch_execute(&format!("BEGIN; {lock}")).await.unwrap();
                    hold.send(()).unwrap();
                    released.recv().unwrap();
                    client.batch_execute("ROLLBACK").await.unwrap();
                });
            }
        });
        holds.recv().await.unwrap();
        Self { release, thread }
    }

    pub async fn release(self) {
        self.release.send(()).unwrap();
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
    }
}

type Call<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A write that, once it runs, does not end before it is told to.
pub struct Blocker {
    entered: UnboundedReceiver<()>,
    release: mpsc::Sender<()>,
    job: Queued<Call<()>>,
}

impl Blocker {
    pub async fn queue(db: &Db) -> Self {
        let (enter, entered) = unbounded_channel();
        let (release, released) = mpsc::channel();
        let db = db.clone();
        let job = Queued::new(Box::pin(async move {
            db.write("blocker", move |_| {
                enter.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            })
            .await
        }) as Call<()>);
        Self { entered, release, job: job.await }
    }

    /// Until this job runs. On the embedded engine, everything written from then on waits behind it and
    /// shares its commit; on the other, one connection is busy.
    pub async fn is_running(&mut self) {
        self.entered.recv().await.unwrap();
    }

    pub async fn start(db: &Db) -> Self {
        let mut blocker = Self::queue(db).await;
        blocker.is_running().await;
        blocker
    }

    pub fn release(&self) {
        self.release.send(()).unwrap();
    }

    pub async fn answer(self) -> Result<(), Error> {
        self.job.answer().await
    }
}

/// A call whose job stands in its queue, in the order of the calls, and whose answer is awaited later.
pub struct Queued<F: Future> {
    call: Pin<Box<F>>,
    answer: Option<F::Output>,
}

impl<F: Future> Queued<F> {
    pub async fn new(call: F) -> Self {
        let mut queued = Self { call: Box::pin(call), answer: None };
        queued.is_answered().await;
        queued
    }

    pub async fn is_answered(&mut self) -> bool {
        std::future::poll_fn(|context| {
            if self.answer.is_none()
                && let Poll::Ready(answer) = self.call.as_mut().poll(context)
            {
                self.answer = Some(answer);
            }
            Poll::Ready(self.answer.is_some())
        })
        .await
    }

    pub async fn answer(self) -> F::Output {
        match self.answer {
            Some(answer) => answer,
            None => self.call.await,
        }
    }
}
