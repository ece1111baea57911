//! A database of its own for every story, on either engine.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::sync::{OnceLock, mpsc};

use yuyue_db::{Db, Engine, Options};

const SKIPPED: &str =
    "##### SKIPPED on PostgreSQL: YUYUE_TEST_POSTGRES is not set; use scripts/with-postgres #####";

/// Where a story's rows live; gone when it ends.
pub enum Home {
    /// A file in the story's data folder.
    Sqlite,
    Postgres {
        server: String,
        name: String,
    },
}

impl Home {
    pub fn sqlite() -> Self {
        Self::Sqlite
    }

    /// `None` (and a loud line) without a server, except in CI, where half the tests must not vanish.
    pub fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("YUYUE_TEST_POSTGRES") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "YUYUE_TEST_POSTGRES is not set; use scripts/with-postgres"
            );
            eprintln!("{SKIPPED}");
            return None;
        };
        let template = template(&server);
        let name = format!("story_{:016x}", RandomState::new().hash_one(0));
        administer(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Some(Self::Postgres { server, name })
    }

    /// The setting `database.url`.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite => String::new(),
            Self::Postgres { server, name } => with_database(server, name),
        }
    }

    /// The server's address and the name of the story's database there.
    pub fn server(&self) -> (&str, &str) {
        match self {
            Self::Sqlite => panic!("there is no server"),
            Self::Postgres { server, name } => (server, name),
        }
    }

    pub fn is_server(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::Postgres { server, name } = self {
            administer(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// The address of another database on the same server.
fn with_database(server: &str, name: &str) -> String {
    let (address, query) = server.find('?').map_or((server, ""), |at| server.split_at(at));
    let (host, _) = address.rsplit_once('/').expect("YUYUE_TEST_POSTGRES ends with /DATABASE");
    format!("{host}/{name}{query}")
}

/// A migrated database to copy, which is faster than to migrate: made by whoever comes first, and
/// named after the migrations, so that a change of them makes another one.
fn template(server: &str) -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let mut hash = std::hash::DefaultHasher::new();
        for migration in yuyue::migrations::ALL {
            migration.postgres.hash(&mut hash);
        }
        let name = format!("template_{:016x}", hash.finish());
        let made = format!("making_{:016x}", RandomState::new().hash_one(0));
        administer(server, &format!("CREATE DATABASE {made}"));
        let engine = Engine::parse(&with_database(server, &made)).unwrap();
        drop(Db::open(&Options { engine, queue: 1, connections: 2 }, yuyue::migrations::ALL).unwrap());
        // Another run may have been quicker; its template is as good.
        let adopt = format!("ALTER DATABASE {made} RENAME TO {name}");
        if try_administer(server, &adopt).is_err() {
            administer(server, &format!("DROP DATABASE {made} WITH (FORCE)"));
        }
        name
    })
}

/// Runs SQL as the server's administrator.
pub fn administer(server: &str, sql: &str) {
    try_administer(server, sql).unwrap();
}

/// On a thread of its own, because stories are async and this blocks.
fn try_administer(server: &str, sql: &str) -> Result<(), postgres::Error> {
    let run = || postgres::Client::connect(server, postgres::NoTls)?.batch_execute(sql);
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// Somebody else's session that holds a lock.
pub struct Holder {
    release: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Holder {
    /// Runs `set_up`, and `lock` in a transaction that lasts until the release.
    pub async fn start(server: &str, name: &str, set_up: &str, lock: &str) -> Self {
        let (release, released) = mpsc::channel();
        let (hold, holds) = tokio::sync::oneshot::channel();
        let (url, set_up, lock) = (with_database(server, name), set_up.to_owned(), lock.to_owned());
        let thread = std::thread::spawn(move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client.batch_execute(&set_up).unwrap();
            let mut tx = client.transaction().unwrap();
            tx.batch_execute(&lock).unwrap();
            hold.send(()).unwrap();
            released.recv().unwrap();
        });
        holds.await.unwrap();
        Self { release, thread }
    }

    pub async fn release(self) {
        self.release.send(()).unwrap();
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
    }
}
