//! The whole application in this process: real router, real database, a clock that tests move, and
//! the demo's simulators as the outside world.

pub mod booking;
pub mod database;
pub mod home;
pub mod people;
pub mod program;
pub mod rows;
pub mod served;
pub mod source;
pub mod wire;

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use jiff::civil::date;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use yuyue::adapters::sms_simulator::Received;
use yuyue::app::{App, Mode, Setup};
use yuyue::clock::{self, Clock};
use yuyue::config::Config;
use yuyue::demo::Demo;
use yuyue::ids::Ids;
use yuyue::outbox;
use yuyue_db::{STATEMENTS, Statement};

use database::Home;

/// Makes two tests of each `async fn name(app: TestApp)`: `name::sqlite` and `name::postgres`.
/// `both!(enforced: name)` tells the story with callers who must prove who they are.
macro_rules! both {
    ($mode:ident: $($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::{self, database::Home};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                support::tell(Home::sqlite(), support::$mode(), super::$name).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(home) = Home::postgres() {
                    support::tell(home, support::$mode(), super::$name).await;
                }
            }
        }
    )*};
    ($($name:ident),* $(,)?) => { both!(documented: $($name),*); };
}

/// As `both!`, for what only the server engine has: several nodes.
macro_rules! only_postgres {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::{self, database::Home};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(home) = Home::postgres() {
                    support::tell(home, support::documented(), super::$name).await;
                }
            }
        }
    )*};
}

/// As `both!`, for what is slow and the same on either engine.
macro_rules! only_sqlite {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::{self, database::Home};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                support::tell(Home::sqlite(), support::documented(), super::$name).await;
            }
        }
    )*};
}

/// Runs one story and checks that it left no message behind that should have gone out.
pub async fn tell<F: Future<Output = ()>>(home: Home, mode: Mode, story: impl FnOnce(TestApp) -> F) {
    let app = TestApp::start(home, mode).await;
    story(app.clone()).await;
    if !app.node.world.may_leave_messages.load(Ordering::SeqCst) {
        assert_eq!(app.due_messages().await, [""; 0], "due messages were left over: drain_outbox()");
    }
    // What others have asked meanwhile cannot be planned without its tables.
    if !app.node.world.lacks_tables.load(Ordering::SeqCst) {
        check_points(&app).await;
    }
}

/// Every point read that a story asked for is planned by an index, also while its tables are all but empty.
async fn check_points(app: &TestApp) {
    static PLANNED: Mutex<BTreeSet<(&str, u32)>> = Mutex::new(BTreeSet::new());
    let new = STATEMENTS.iter().filter(|statement| {
        statement.is_point() && PLANNED.lock().unwrap().insert((statement.file, statement.line))
    });
    let (new, engine) = (new.collect::<Vec<_>>(), app.config.engine().unwrap());
    if new.is_empty() {
        return;
    }
    let slow = tokio::task::spawn_blocking(move || engine.slow_points(&new)).await.unwrap().unwrap();
    let slow =
        slow.iter().map(|(statement, plan)| format!("{}:{}\n{plan}\n", statement.file, statement.line));
    let slow: String = slow.collect();
    assert!(slow.is_empty(), "point reads that read too much:\n{slow}");
}

/// What `both!` calls the modes.
pub fn documented() -> Mode {
    Mode::Documented
}

pub fn enforced() -> Mode {
    Mode::Enforced
}

/// One caller of a running application. Cloning is cheap: it is another hand on the same one.
#[derive(Clone)]
pub struct TestApp {
    node: Arc<Node>,
    router: Router,
    /// Headers that each request of this caller carries.
    headers: Vec<(String, String)>,
    address: std::net::SocketAddr,
}

/// One node: an application over the story's database.
pub struct Node {
    app: App,
    demo: Demo,
    world: Arc<World>,
    /// Gives every row of the database; made when first asked for.
    everything: OnceCell<&'static Statement>,
}

/// What outlives any node.
pub struct World {
    /// Key file and embedded database; removed with the story.
    _data: TempDir,
    home: Home,
    may_leave_messages: AtomicBool,
    lacks_tables: AtomicBool,
}

impl Deref for TestApp {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

/// `app.db`, `app.clock`, `app.config` and so on.
impl Deref for Node {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl TestApp {
    /// Starts at 08:00 in Shanghai on 2021-10-01, a Friday: the day of the document's examples.
    pub async fn start(home: Home, mode: Mode) -> Self {
        let mut config = Config::defaults();
        let start = clock::instant(&config.timezone, date(2021, 10, 1).at(8, 0, 0, 0));
        let clock = Clock::manual(config.timezone.clone(), start);
        let data = tempfile::tempdir().unwrap();
        config.data_dir = data.path().to_owned();
        let demo = Demo::start(&mut config, &clock).await.unwrap();
        // The demo's caller is always the same one; a test's may be anybody.
        config.server.failed_logins_per_address = Config::defaults().server.failed_logins_per_address;
        config.database.url = home.url();
        config.database.connections = 4;
        let (may_leave_messages, lacks_tables) = Default::default();
        let world = Arc::new(World { _data: data, home, may_leave_messages, lacks_tables });
        Self::node(mode, config, clock, demo, world).await
    }

    async fn node(mode: Mode, config: Config, clock: Clock, demo: Demo, world: Arc<World>) -> Self {
        let setup = Setup { mode, config, clock, ids: Ids::default(), demo: Some(demo.clone()) };
        let app = App::build(setup).await.unwrap();
        let router = yuyue::http::router::build(&app);
        let node = Arc::new(Node { app, demo, world, everything: OnceCell::new() });
        Self { node, router, headers: Vec::new(), address: ([127, 0, 0, 1], 40_000).into() }
    }

    /// Another application over the same database, clock and outside world: a second node, or this
    /// one after a restart, with the settings changed. Who calls stays the same.
    pub async fn again(&self, configure: impl FnOnce(&mut Config)) -> Self {
        self.again_in(self.mode, configure).await
    }

    /// As [`TestApp::again`], in another mode.
    pub async fn again_in(&self, mode: Mode, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config.clone();
        configure(&mut config);
        let (demo, world) = (self.demo.clone(), Arc::clone(&self.world));
        let again = Self::node(mode, config, self.clock.clone(), demo, world).await;
        Self { headers: self.headers.clone(), address: self.address, ..again }
    }

    /// As [`TestApp::again`], for a start that is refused; gives the reason.
    pub async fn refused(&self, configure: impl FnOnce(&mut Config)) -> String {
        let mut config = self.config.clone();
        configure(&mut config);
        let (mode, clock, demo) = (self.mode, self.clock.clone(), Some(self.demo.clone()));
        let started = App::build(Setup { mode, config, clock, ids: Ids::default(), demo }).await;
        started.err().expect("the start is refused")
    }

    /// As [`TestApp::again`], with the clock on the wall of another zone; the instant stays the same.
    pub async fn in_zone(&self, zone: &str) -> Self {
        let mut config = self.config.clone();
        config.timezone = jiff::tz::TimeZone::get(zone).unwrap();
        let clock = Clock::manual(config.timezone.clone(), self.clock.now().at);
        let (demo, world) = (self.demo.clone(), Arc::clone(&self.world));
        let there = Self::node(self.mode, config, clock, demo, world).await;
        Self { headers: self.headers.clone(), address: self.address, ..there }
    }

    /// The application itself, for what is called beside the wire.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Does what the outbox holds and is due, until nothing is left; gives the messages that reached
    /// the outside world by it, oldest first.
    pub async fn drain_outbox(&self) -> Vec<Received> {
        let before = self.demo.sms.received().len();
        while outbox::worker::work(&self.app).await.unwrap() > 0 {}
        let mut received = self.demo.sms.received();
        received.truncate(received.len() - before);
        received.reverse();
        received
    }
}

impl Node {
    /// The simulators.
    pub fn world(&self) -> &Demo {
        &self.demo
    }

    /// The story ends with messages that nobody sent, and that is right.
    pub fn leaves_messages(&self) {
        self.world.may_leave_messages.store(true, Ordering::SeqCst);
    }

    /// The story takes tables away and does not bring them back.
    pub fn loses_tables(&self) {
        self.world.lacks_tables.store(true, Ordering::SeqCst);
    }

    /// The setting that names the story's database to a program of its own.
    pub fn database_url(&self) -> String {
        match self.world.home.url().as_str() {
            "" => format!("sqlite://{}", self.config.data_dir.join("yuyue.db").display()),
            url => url.to_owned(),
        }
    }

    /// The story's database, for what is done to it beside the kernel.
    pub fn home(&self) -> &Home {
        &self.world.home
    }
}
