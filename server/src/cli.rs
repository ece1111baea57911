//! What `yuyue` can be told to do.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use yuyue::app::{App, Mode, Setup};
use yuyue::clock::Clock;
use yuyue::config::{Config, DEFAULTS, Flags, LogFormat};
use yuyue::demo::{self, Demo};
use yuyue::error::Error;
use yuyue::homemaking::ledger::check;
use yuyue::homemaking::payments;
use yuyue::ids::Ids;
use yuyue::staff::{self, DeviceKind, Role};
use yuyue_db::Db;

/// Appointments, visitors, home services and members in one server (预约).
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(Serve),
    /// Bring the database's schema up to date and stop.
    Migrate(Settings),
    /// Print the OpenAPI document.
    Openapi,
    /// Print every setting with its default and meaning.
    Config,
    /// Copy the running database to FILE, which must not exist yet.
    Backup {
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Manage staff accounts.
    #[command(subcommand)]
    Staff(StaffCommand),
    /// Manage kiosks and gates.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Look after the marketplace's money.
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

#[derive(Args)]
struct Settings {
    /// Configuration file (TOML); `yuyue config` prints all settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the embedded database and the encryption key.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Try it out: no credentials where the documents show none, demo data, simulated SMS; loopback only.
    #[arg(long)]
    demo: bool,
    /// Take over the data of a demo: closes its accounts, keys, devices and pairs.
    #[arg(long, conflicts_with = "demo")]
    adopt_demo: bool,
}

#[derive(Subcommand)]
enum StaffCommand {
    /// Add a staff account.
    Add {
        #[arg(long)]
        username: String,
        #[arg(long, value_enum)]
        role: Role,
        /// Read the password from standard input (its first line).
        #[arg(long, required = true)]
        password_stdin: bool,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Subcommand)]
enum LedgerCommand {
    /// Compare every entry of the ledger with the payments and the orders; fails where they differ. The server may
    /// be running.
    Verify(Settings),
}

#[derive(Subcommand)]
enum DeviceCommand {
    /// Add a device and print its key, which is shown only this once.
    Add {
        #[arg(long)]
        name: String,
        #[arg(long, value_enum)]
        kind: DeviceKind,
        #[command(flatten)]
        settings: Settings,
    },
}

impl Settings {
    fn load(self, listen: Option<SocketAddr>) -> Result<Config, String> {
        let Self { config: file, data_dir, database_url } = self;
        Config::load(&Flags { file, listen, data_dir, database_url })
    }

    /// The same settings for another command; an address is left to be filled in, for it may hold a password.
    fn as_flags(&self) -> String {
        let path = |name: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!(" {name} {}", path.display())).unwrap_or_default()
        };
        let url = if self.database_url.is_some() { " --database-url URL" } else { "" };
        path("--config", &self.config) + &path("--data-dir", &self.data_dir) + url
    }
}

type Outcome = Result<(), String>;

/// Does what the command line says.
///
/// # Errors
/// One line for the person who typed it.
pub fn run(cli: Cli) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let outcome = do_as_told(cli.command, &runtime);
    // A thread that waits for a database which stands still must not keep the program from ending.
    runtime.shutdown_timeout(LAST_WAIT);
    outcome
}

/// What is still running when all is done gets this long to end by itself.
const LAST_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

fn do_as_told(command: Command, runtime: &tokio::runtime::Runtime) -> Outcome {
    match command {
        Command::Serve(serve) => runtime.block_on(run_server(serve)),
        Command::Migrate(settings) => runtime.block_on(migrate(settings.load(None)?)),
        Command::Openapi => print_openapi(),
        Command::Config => print(DEFAULTS),
        Command::Backup { file, settings } => runtime.block_on(back_up(settings.load(None)?, file)),
        Command::Staff(StaffCommand::Add { username, role, password_stdin: _, settings }) => {
            runtime.block_on(add_staff(settings.load(None)?, username, role))
        }
        Command::Device(DeviceCommand::Add { name, kind, settings }) => {
            runtime.block_on(add_device(settings.load(None)?, name, kind))
        }
        Command::Ledger(LedgerCommand::Verify(settings)) => {
            runtime.block_on(verify_ledger(settings.load(None)?))
        }
    }
}

/// To standard output; a reader that has gone away is no mistake of ours.
fn print(text: &str) -> Outcome {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn print_openapi() -> Outcome {
    let document = yuyue::http::openapi::api().to_pretty_json().map_err(|error| error.to_string())?;
    print(&(document + "\n"))
}

/// Their lines hold the parameters of statements: phone numbers, names, hashes. What goes wrong in them reaches
/// the log through us.
const DRIVERS: [&str; 2] = ["tokio_postgres", "postgres"];

fn start_log(config: &Config) -> Outcome {
    use std::io::IsTerminal as _;
    use tracing_subscriber::filter::{EnvFilter, filter_fn};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = EnvFilter::try_new(&config.log.level).map_err(|error| format!("log.level: {error}"))?;
    let is_text = match config.log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let tells_no_parameters =
        filter_fn(|line| !DRIVERS.iter().any(|driver| line.target().starts_with(driver)));
    if is_text {
        log.finish().with(tells_no_parameters).init();
    } else {
        log.json().flatten_event(true).finish().with(tells_no_parameters).init();
    }
    Ok(())
}

async fn run_server(serve: Serve) -> Outcome {
    let (is_demo, adopts_demo) = (serve.demo, serve.adopt_demo);
    let has_data_dir = serve.settings.data_dir.is_some();
    let has_database_url = serve.settings.database_url.is_some();
    let same_settings = serve.settings.as_flags();
    let mut config = serve.settings.load(serve.listen)?;
    start_log(&config)?;
    // A stop that comes as soon as we say that we listen must find somebody who hears it.
    let stop = stop_signal()?;
    // Dropped, and with it the folder removed, when the demo ends.
    let mut temporary = None;
    if is_demo {
        if !config.server.listen.ip().is_loopback() {
            return Err(format!("server.listen: the demo binds loopback only, not {}", config.server.listen));
        }
        if !config.database.url.is_empty() && !has_database_url {
            return Err(
                "database.url: the demo uses a database of its own; name another by --database-url".into()
            );
        }
        if !has_data_dir {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            config.data_dir = folder.path().to_owned();
            temporary = Some(folder);
        }
    }
    let listen = config.server.listen;
    let listener =
        TcpListener::bind(listen).await.map_err(|error| format!("server.listen: {listen}: {error}"))?;
    if is_demo && config.homemaking.payment.notify_url.is_empty() {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        config.homemaking.payment.notify_url = format!("http://{address}{}", payments::NOTIFY_PATH);
    }
    let app = build(config, is_demo).await?;
    if !is_demo {
        demo::refuse_or_adopt(&app, adopts_demo).await?;
    }
    say_what_to_do_first(&app, &same_settings).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    if is_demo {
        print(&demo::introduction(address))?;
    }
    print(&format!("listening on http://{address}\n"))?;
    let result = yuyue::serve::run(app, listener, stop).await;
    drop(temporary);
    result
}

async fn build(mut config: Config, is_demo: bool) -> Result<App, String> {
    let clock = Clock::system(config.timezone.clone());
    let (mode, demo) = if is_demo {
        let demo = Demo::start(&mut config, &clock).await.map_err(|error| error.to_string())?;
        (Mode::Documented, Some(demo))
    } else {
        (Mode::Enforced, None)
    };
    let app = App::build(Setup { mode, config, clock, ids: Ids::default(), demo }).await?;
    if is_demo {
        demo::seed(&app).await?;
    }
    Ok(app)
}

/// What a new operator would otherwise have to find out.
async fn say_what_to_do_first(app: &App, same_settings: &str) -> Outcome {
    if app.sms.is_none() {
        tracing::warn!("sms.access_key_id is not set: login codes cannot be sent");
    }
    let has_admin = app.db.read("staff.any_admin", staff::store::has_admin).await;
    if !has_admin.map_err(Error::reason)? {
        tracing::warn!(
            "there is no administrator yet; make the first with: \
             yuyue staff add --username NAME --role admin --password-stdin{same_settings}"
        );
    }
    Ok(())
}

/// Resolves on SIGTERM or Ctrl-C; both are heard from the moment this returns.
fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let hear = |kind| signal(kind).map_err(|error| format!("signals cannot be heard: {error}"));
    let (mut terminate, mut interrupt) = (hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn migrate(config: Config) -> Outcome {
    yuyue::app::make_data_dir(&config)?;
    let at = Clock::system(config.timezone.clone()).now().at;
    let db = yuyue::app::open_database(&config, at).await?;
    yuyue::secrets_key::check(&db, &config, &Ids::default()).await?;
    print("the schema is up to date\n")
}

async fn back_up(config: Config, file: PathBuf) -> Outcome {
    let shown = file.display().to_string();
    // Not migrated: a copy from before an upgrade is what a newer program is often asked for.
    let db = open_existing(config).await?;
    let done = tokio::task::spawn_blocking(move || db.backup(&file).map_err(|error| error.to_string()));
    done.await.map_err(|error| error.to_string())??;
    print(&format!("wrote {shown}\n"))
}

/// The database as it is, for a tool that needs no key; a wrong one would mean the wrong database.
async fn open_existing(config: Config) -> Result<Db, String> {
    let settings = config.clone();
    let db = tokio::task::spawn_blocking(move || yuyue::app::open_existing_database(&settings));
    let db = db.await.map_err(|error| error.to_string())??;
    yuyue::secrets_key::check(&db, &config, &Ids::default()).await?;
    Ok(db)
}

async fn verify_ledger(config: Config) -> Outcome {
    let at = Clock::system(config.timezone.clone()).now().at;
    let db = open_existing(config).await?;
    let report = check::verify(&db, at).await.map_err(Error::reason)?;
    let check::Report { orders, entries, differences } = report;
    for difference in &differences {
        print(&format!("{difference}\n"))?;
    }
    match differences.len() {
        0 => print(&format!("the ledger is right: {entries} entries of {orders} orders\n")),
        count => Err(format!("the ledger differs in {count} places")),
    }
}

async fn tool(config: Config) -> Result<App, String> {
    let clock = Clock::system(config.timezone.clone());
    App::build(Setup { mode: Mode::Enforced, config, clock, ids: Ids::default(), demo: None }).await
}

async fn add_staff(config: Config, username: String, role: Role) -> Outcome {
    let mut input = String::new();
    std::io::stdin().lock().take(1024).read_to_string(&mut input).map_err(|error| error.to_string())?;
    let password = input.lines().next().unwrap_or_default().to_owned();
    let app = tool(config).await?;
    let added = staff::add(&app, username, password, role).await;
    let id = added.map_err(Error::reason)?;
    print(&format!("added staff {id}\n"))
}

async fn add_device(config: Config, name: String, kind: DeviceKind) -> Outcome {
    let app = tool(config).await?;
    let added = staff::add_device(&app, name, kind).await;
    let (id, key) = added.map_err(Error::reason)?;
    print(&format!("added device {id}; its key, shown only now:\n{key}\n"))
}
