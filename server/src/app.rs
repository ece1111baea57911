//! Every part of the server, built once and cloned cheaply.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use yuyue_db::{Db, Engine, Options};

use crate::adapters::http::{Http, HttpLimits};
use crate::adapters::im::UserSigner;
use crate::adapters::payment::PaymentGateway;
use crate::adapters::sms::{SmsAccount, SmsClient};
use crate::adapters::storage::{Bucket, Storage};
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::demo::Demo;
use crate::error::Error;
use crate::http::body_memory::BodyMemory;
use crate::http::idempotency::unnamed::Doubts;
use crate::http::ready::Readiness;
use crate::ids::Ids;
use crate::live::Live;
use crate::logins::Watch;
use crate::passwords::Hashing;
use crate::secrets::Secrets;

/// How callers are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Exactly as the documents say: no credential where they show none. Loopback only.
    Documented,
    /// Callers prove who they are.
    Enforced,
}

/// The application. Dereferences to its [`Parts`].
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub mode: Mode,
    pub config: Config,
    pub db: Db,
    pub clock: Clock,
    pub ids: Ids,
    pub secrets: Secrets,
    /// `None` without an SMS account.
    pub sms: Option<SmsClient>,
    pub storage: Storage,
    pub body_memory: BodyMemory,
    /// `None` without an IM application.
    pub im: Option<UserSigner>,
    pub live: Live,
    pub doubts: Doubts,
    pub ready: Readiness,
    /// Turns true when the server stops; what lasts longer than a request listens to it.
    pub stopping: tokio::sync::watch::Sender<bool>,
    pub hashing: Hashing,
    /// Who was refused a login or a session.
    pub logins: Watch,
    pub slots: crate::slots::Readiness,
    pub timing: crate::timing::Timing,
    pub visitors: crate::visitors::Parts,
    /// Who moves the money of orders; `None`: nobody, so they cannot be paid.
    pub gateway: Option<PaymentGateway>,
    pub metrics: PrometheusHandle,
    /// Simulators, in the demo and in tests.
    pub demo: Option<Demo>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What differs between `serve`, `serve --demo` and a test.
pub struct Setup {
    pub mode: Mode,
    pub config: Config,
    pub clock: Clock,
    pub ids: Ids,
    pub demo: Option<Demo>,
}

impl App {
    /// Opens the database (migrating it), the key and the adapters.
    ///
    /// # Errors
    /// A text that says which part cannot start and what to do about it.
    pub async fn build(setup: Setup) -> Result<Self, String> {
        let Setup { mode, config, clock, ids, demo } = setup;
        make_data_dir(&config)?;
        let db = open_database(&config, clock.now().at).await?;
        let secrets = crate::secrets_key::load(&db, &config, &ids).await?;
        let sms = sms_client(&config, &ids)?;
        let storage = storage(&config)?;
        let im = (config.im.app_id != 0).then(|| UserSigner::new(config.im.app_id, &config.im.key));
        let visitors = crate::visitors::Parts::new(&config, &clock)?;
        let gateway = crate::homemaking::payments::gateway(&config, &ids, demo.as_ref())?;
        let parts = Parts {
            mode,
            db,
            clock,
            ids,
            secrets,
            sms,
            storage,
            body_memory: BodyMemory::default(),
            im,
            live: Live::default(),
            doubts: Doubts::default(),
            ready: Readiness::default(),
            stopping: tokio::sync::watch::Sender::new(false),
            hashing: Hashing::default(),
            logins: Watch::default(),
            slots: crate::slots::Readiness::default(),
            timing: crate::timing::Timing::default(),
            visitors,
            gateway,
            metrics: metrics_recorder()?,
            demo,
            config,
        };
        let app = Self(Arc::new(parts));
        app.begin().await.map_err(Error::reason)?;
        Ok(app)
    }

    /// Brings what stands in the database up to this start's clock, zone and schedule.
    async fn begin(&self) -> Result<(), Error> {
        crate::jobs::schedule(self).await?;
        crate::timing::start(self).await?;
        crate::slots::keep_zone(self).await?;
        crate::slots::get_ready(self, &self.clock.now()).await
    }
}

/// Makes `data_dir` on first start, closed to other users.
///
/// # Errors
/// A text naming the setting and the folder.
pub fn make_data_dir(config: &Config) -> Result<(), String> {
    make_dir("data_dir", &config.data_dir)
}

fn make_dir(setting: &str, dir: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| format!("{setting}: {}: {error}", dir.display()))
}

/// Opens and migrates the configured database, and makes what keys are missing in it.
///
/// # Errors
/// A text that says what is wrong.
pub async fn open_database(config: &Config, at: Millis) -> Result<Db, String> {
    let options = database_options(config)?;
    let opened = tokio::task::spawn_blocking(move || Db::open(&options, crate::migrations::ALL)).await;
    let db = opened.map_err(|error| error.to_string())?.map_err(|error| format!("database: {error}"))?;
    let filled = crate::missing_keys::fill(&db, at).await;
    filled.map_err(|error| format!("database: {}", error.cause.unwrap_or_default()))?;
    Ok(db)
}

/// Opens the configured database as it is.
///
/// # Errors
/// A text that says what is wrong, such as that there is none.
pub fn open_existing_database(config: &Config) -> Result<Db, String> {
    let options = database_options(config)?;
    if let Engine::Sqlite(path) = &options.engine
        && !path.exists()
    {
        return Err(format!("database: there is none at {}", path.display()));
    }
    Db::open_migrated(&options).map_err(|error| format!("database: {error}"))
}

fn database_options(config: &Config) -> Result<Options, String> {
    let database = &config.database;
    Ok(Options { engine: config.engine()?, queue: database.queue, connections: database.connections })
}

fn sms_client(config: &Config, ids: &Ids) -> Result<Option<SmsClient>, String> {
    let sms = &config.sms;
    if !sms.is_configured() {
        return Ok(None);
    }
    let account = SmsAccount {
        base_url: sms.base_url.clone(),
        voice_base_url: sms.voice_base_url.clone(),
        access_key_id: sms.access_key_id.clone(),
        access_key_secret: sms.access_key_secret.clone(),
        sign_name: sms.sign_name.clone(),
    };
    let http = Http::new(HttpLimits::default()).map_err(|error| error.reason)?;
    let client = SmsClient::new(http, ids.clone(), account);
    client.map(Some).map_err(|error| format!("sms.base_url or sms.voice_base_url: {}", error.0))
}

fn storage(config: &Config) -> Result<Storage, String> {
    let settings = &config.storage;
    if settings.bucket.is_empty() {
        let is_default = settings.folder.as_os_str().is_empty();
        let folder = if is_default { config.data_dir.join("files") } else { settings.folder.clone() };
        make_dir("storage.folder", &folder)?;
        return Storage::folder(&folder).map_err(|error| format!("storage.folder: {error}"));
    }
    let bucket = Bucket {
        name: settings.bucket.clone(),
        endpoint: settings.endpoint.clone(),
        region: settings.region.clone(),
        in_path: settings.bucket_in_path,
        access_key_id: settings.access_key_id.clone(),
        secret_access_key: settings.secret_access_key.clone(),
    };
    Storage::bucket(&bucket).map_err(|error| format!("storage.bucket or storage.endpoint: {error}"))
}

/// Upper bounds of the times: from a read in memory to a request that is cut off.
const SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];
/// Upper bounds of how many writes share a commit.
const CALLERS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0];

/// The process's metrics. A second application in one process (as tests have) gets a recorder that
/// renders nothing, because metrics are global to a process.
fn metrics_recorder() -> Result<PrometheusHandle, String> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full("yuyue_db_batch_size".into()), &CALLERS)
        })
        .map_err(|error| error.to_string())?
        .build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    metrics::gauge!(crate::homemaking::ledger::jobs::DIFFERENCES).set(0.0);
    crate::logins::describe_metrics();
    crate::budgets::describe_metrics();
    Ok(handle)
}
