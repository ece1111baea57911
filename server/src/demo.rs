//! The demo: simulators of the outside world in this process, data to try, and `/demo` endpoints.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::adapters::sms::Channel;
use crate::adapters::sms_simulator::{Fault, Received, SimulatedAccount, SmsSimulator};
use crate::app::App;
use crate::clock::{Clock, local, text};
use crate::config::{Config, SignIn};
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::http::extract::{Input, Query};
use crate::http::fields::{Line, Name, optional};
use crate::members;
use crate::passwords;
use crate::staff::{self, Role};

const LOGIN_TEMPLATE: &str = "SMS_100000001";
const VOICE_TEMPLATE: &str = "TTS_100000001";

/// The simulators of a demo (or test); they run until the last clone is dropped.
#[derive(Clone)]
pub struct Demo {
    pub sms: Arc<SmsSimulator>,
}

impl Demo {
    /// Starts the simulators and points the settings at them.
    ///
    /// # Errors
    /// When loopback cannot be listened on.
    pub async fn start(config: &mut Config, clock: &Clock) -> std::io::Result<Self> {
        let account = SimulatedAccount {
            access_key_id: "demo-key".into(),
            access_key_secret: "demo-secret".into(),
            sign_name: "预约演示".into(),
            verification_templates: vec![LOGIN_TEMPLATE.into(), VOICE_TEMPLATE.into()],
            // The server's own limits are there to be tried; the provider's would get in the way.
            flow_limits: false,
        };
        let sms = SmsSimulator::start(clock.clone(), account).await?;
        let simulated = sms.account();
        config.sms.base_url = simulated.base_url;
        config.sms.voice_base_url = simulated.voice_base_url;
        config.sms.access_key_id = simulated.access_key_id;
        config.sms.access_key_secret = simulated.access_key_secret;
        config.sms.sign_name = simulated.sign_name;
        config.sms.login_template = LOGIN_TEMPLATE.into();
        config.sms.voice_template = VOICE_TEMPLATE.into();
        config.members.codes_per_address_per_hour = 0;
        config.server.failed_logins_per_address = 0;
        config.slots.sign_in = SignIn::Any;
        Ok(Self { sms: Arc::new(sms) })
    }
}

const PASSWORD: &str = "demo-admin";

/// Writes the demo's data, unless the database has it already.
///
/// # Errors
/// When the database refuses; and when it has staff but not the demo's, because then it is somebody's
/// real one, which must not be opened to everybody.
pub async fn seed(app: &App) -> Result<(), String> {
    let cause = |error: Error| error.cause.unwrap_or_default();
    write_data(app).await.map_err(cause)?;
    let admin = app.db.point("demo.admin", |tx| staff::store::login_of(tx, "admin")).await.map_err(cause)?;
    let is_ours = match admin {
        Some(admin) => passwords::verify(app, PASSWORD.into(), admin.password_hash).await.map_err(cause)?,
        None => false,
    };
    if is_ours { Ok(()) } else { Err("this database is not a demo's: choose another --data-dir".into()) }
}

async fn write_data(app: &App) -> Result<(), Error> {
    let hash = passwords::hash(app, PASSWORD.into()).await?;
    let at = app.clock.now().at;
    app.db
        .write("demo.seed", move |tx| {
            if staff::store::has_staff(tx)? {
                return Ok(());
            }
            staff::store::insert_staff(tx, "admin", &hash, Role::Admin, at)?;
            let brand = members::store::insert_brand(tx, "爱美兔", "王美丽", at)?;
            members::store::insert_shop(
                tx,
                brand,
                ("爱美兔国贸店", "北京市朝阳区建国路 88 号", "010-88880001"),
                true,
                at,
            )?;
            members::store::insert_shop(
                tx,
                brand,
                ("爱美兔南山店", "深圳市南山区科技路 1 号", "0755-88880002"),
                false,
                at,
            )?;
            Ok(())
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// Only messages to this phone.
    #[serde(default, deserialize_with = "optional")]
    #[param(value_type = Option<String>)]
    phone: Option<Line<32>>,
}

/// A message that a simulator received.
#[derive(Serialize, ToSchema)]
pub struct DemoMessage {
    /// `sms`, `voice` or `wechat`.
    channel: String,
    to: String,
    template: String,
    /// The template's variables; a login code is `params.code`.
    #[schema(value_type = Object)]
    params: Map<String, Value>,
    /// `YYYY-MM-DD HH:MM:SS`
    at: String,
}

impl DemoMessage {
    fn new(received: Received, app: &App) -> Self {
        let channel = match received.channel {
            Channel::Sms => "sms",
            Channel::Voice => "voice",
        };
        Self {
            channel: channel.into(),
            to: received.to,
            template: received.template,
            params: received.params,
            at: text(local(app.clock.zone(), received.at)),
        }
    }
}

/// Messages the simulators received, newest first (demo only).
#[utoipa::path(get, path = "/demo/messages", tag = "demo", params(MessagesQuery),
    responses((status = 200, body = Vec<DemoMessage>)))]
pub async fn messages(State(app): State<App>, Query(query): Query<MessagesQuery>) -> Result<Reply, Error> {
    let demo = app.demo.as_ref().ok_or_else(Error::unknown_path)?;
    let received = match &query.phone {
        Some(phone) => demo.sms.received_by(phone),
        None => demo.sms.received(),
    };
    Reply::ok(&received.into_iter().map(|received| DemoMessage::new(received, &app)).collect::<Vec<_>>())
}

#[derive(Deserialize, ToSchema)]
pub struct Faults {
    /// The SMS gateway: `ok`, `down`, `slow` or `error`.
    #[serde(default, deserialize_with = "optional")]
    sms: Option<Name>,
}

/// Make a simulator misbehave (demo only).
#[utoipa::path(post, path = "/demo/faults", tag = "demo", request_body = Faults,
    responses((status = 200, body = Object)))]
pub async fn faults(State(app): State<App>, input: Input<Faults>) -> Result<Reply, Error> {
    let demo = app.demo.as_ref().ok_or_else(Error::unknown_path)?;
    if let Some(fault) = &input.value.sms {
        let fault = match fault.as_str() {
            "ok" => Fault::Ok,
            "down" => Fault::Down,
            "slow" => Fault::Slow,
            "error" => Fault::Error,
            _ => {
                return Err(Error::invalid(
                    "sms",
                    "应为 ok、down、slow 或 error",
                    "expected ok, down, slow or error",
                ));
            }
        };
        demo.sms.set_fault(fault);
    }
    Reply::ok(&serde_json::json!({}))
}

/// What to try first, printed when the demo starts.
#[must_use]
pub fn introduction(address: std::net::SocketAddr) -> String {
    let base = format!("http://{address}");
    format!(
        r#"
Yuyue demo: nothing is kept unless --data-dir is given. Staff: admin / demo-admin. Try:

  curl -X POST {base}/v1/available-days/list
  curl -X POST {base}/v1/login/sms_code -d '{{"mobile":"13811111111"}}' -H 'Content-Type: application/json'
  curl '{base}/demo/messages?phone=13811111111'
  open {base}/docs

"#
    )
}
