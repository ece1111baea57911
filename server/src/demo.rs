//! The demo: simulators of the outside world in this process, data to try, and `/demo` endpoints.

mod adopt;
mod market;
mod samples;

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::adapters::koala_simulator::{
    Fault as KoalaFault, KoalaSimulator, SimulatedEmployee, SimulatedHost,
};
use crate::adapters::payment_simulator::{Fault as PaymentFault, PaymentSimulator};
use crate::adapters::sms::Channel;
use crate::adapters::sms_simulator::{Fault, Received, SimulatedAccount, SmsSimulator};
use crate::adapters::wechat_simulator::{self, CloudSimulator, OfficialSimulator, SimulatedUser};
use crate::app::App;
use crate::clock::{Clock, Millis, local, text};
use crate::config::{Config, Gateway, SignIn, Templates};
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::http::extract::{Input, Query};
use crate::http::fields::{Line, Name, optional};
use crate::staff::{self, Role};
use crate::{members, passwords, visitors};

use adopt::Mark;
pub use adopt::refuse_or_adopt;

const LOGIN_TEMPLATE: &str = "SMS_100000001";
const VOICE_TEMPLATE: &str = "TTS_100000001";
/// Tickets are signed with these as with real ones; no chat service knows them.
const DEMO_IM_APP: u64 = 1_400_000_000;
const DEMO_IM_KEY: &str = "demo-key-of-no-chat-service";

/// The simulators of a demo (or test); they run until the last clone is dropped.
#[derive(Clone)]
pub struct Demo {
    pub sms: Arc<SmsSimulator>,
    pub koala: Arc<KoalaSimulator>,
    pub cloud: Arc<CloudSimulator>,
    pub official: Arc<OfficialSimulator>,
    pub payment: Arc<PaymentSimulator>,
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
            promotion_templates: Vec::new(),
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
        config.storage.unclaimed_per_address = 0;
        config.storage.unclaimed = 0;
        config.storage.free_floor = 0;
        config.im.app_id = DEMO_IM_APP;
        config.im.key = DEMO_IM_KEY.into();
        config.homemaking.payment.gateway = Gateway::Simulator;
        // A gateway does not forget what it was paid because its merchant stopped.
        crate::app::make_data_dir(config).map_err(std::io::Error::other)?;
        let journal = config.data_dir.join("payment-simulator.jsonl");
        let payment = PaymentSimulator::start(clock.clone(), "demo-payment-key", Some(&journal)).await?;
        let (koala, cloud, official) = neighbours(config, clock).await?;
        Ok(Self {
            sms: Arc::new(sms),
            koala: Arc::new(koala),
            cloud: Arc::new(cloud),
            official: Arc::new(official),
            payment: Arc::new(payment),
        })
    }
}

/// Starts the neighbours of visitors and points the settings at them.
async fn neighbours(
    config: &mut Config,
    clock: &Clock,
) -> std::io::Result<(KoalaSimulator, CloudSimulator, OfficialSimulator)> {
    let employees = [
        (13562, "李四", "13811111111", "法务部"),
        (13563, "富贵", "13822222222", "市场部"),
        (13564, "王芳", "13833333333", "行政部"),
    ];
    let employee = |(id, name, phone, department)| SimulatedEmployee::new(id, name, phone, department);
    let host = SimulatedHost::new(employees.map(employee).into());
    let koala = KoalaSimulator::start(clock.clone(), host).await?;
    let cloud = CloudSimulator::start(clock.clone()).await?;
    let user = |open_id: &str, nick: &str| SimulatedUser {
        open_id: open_id.into(),
        nick: nick.into(),
        follows: true,
        is_snapshot: false,
    };
    let users = vec![user("wx-demo-lisi", "李四"), user("wx-demo-zhangsan", "张三")];
    let official = OfficialSimulator::start(clock.clone(), users).await?;
    official.let_anybody_follow();
    let account = koala.account();
    config.visitors.koala_ip = account.address;
    config.visitors.koala_username = account.username;
    config.visitors.koala_password = account.password;
    config.visitors.cloud_url = cloud.base_url();
    config.visitors.templates = templates();
    let simulated = official.config();
    config.wechat.app_id = simulated.app_id;
    config.wechat.app_secret = simulated.app_secret;
    config.wechat.api_base_url = simulated.api_base_url;
    config.wechat.open_base_url = simulated.open_base_url;
    Ok((koala, cloud, official))
}

/// A template of its own for each event and channel; WeChat's ids have 43 characters.
fn templates() -> Templates {
    let wechat = |event: &str| format!("demo-{event:-<38}");
    let sms = |number: u32| format!("SMS_20000000{number}");
    Templates {
        approval_reminder_to_employee_wechat_id: wechat("approval_reminder_to_employee"),
        approval_reminder_to_employee_sms_id: sms(1),
        visitor_signin_to_employee_wechat_id: wechat("visitor_signin_to_employee"),
        visitor_signin_to_employee_sms_id: sms(2),
        approval_pass_to_visitor_wechat_id: wechat("approval_pass_to_visitor"),
        approval_pass_to_visitor_sms_id: sms(3),
        signin_to_visitor_wechat_id: wechat("signin_to_visitor"),
        signin_to_visitor_sms_id: sms(4),
        apply_receipt_to_visitor_wechat_id: wechat("apply_receipt_to_visitor"),
        apply_receipt_to_visitor_sms_id: sms(5),
        approval_refuse_to_visitor_wechat_id: wechat("approval_refuse_to_visitor"),
        approval_refuse_to_visitor_sms_id: sms(6),
        visitor_overdue_to_employee_wechat_id: wechat("visitor_overdue_to_employee"),
        visitor_overdue_to_employee_sms_id: sms(7),
    }
}

/// Of the demo alone, and shown to everybody: no rule on staff passwords would let it through.
const PASSWORD: &str = "demo-admin";

/// Writes the demo's data, unless the database has it already.
///
/// # Errors
/// When the database refuses; and when it has staff but not the demo's, because then it is somebody's
/// real one, which must not be opened to everybody.
pub async fn seed(app: &App) -> Result<(), String> {
    let cause = Error::reason;
    let found = app
        .db
        .read("demo.admin", |tx| Ok::<_, Error>((adopt::mark(tx)?, staff::store::login_of(tx, "admin")?)))
        .await;
    let is_ours = match found.map_err(cause)? {
        (Mark::Demo, _) => true,
        (Mark::Adopted, _) => false,
        // A demo's from before there was a mark.
        (Mark::None, Some(admin)) => {
            passwords::verify(app, PASSWORD.into(), admin.password_hash).await.map_err(cause)?
        }
        (Mark::None, None) => write_data(app).await.map_err(cause)?,
    };
    if !is_ours {
        return Err("this database is not a demo's: choose another --data-dir".into());
    }
    app.db.write("demo.set_mark", adopt::set_mark).await.map_err(cause)?;
    market::write(app).await.map_err(cause)
}

/// Whether it could be written: a database with other staff is left as it is.
async fn write_data(app: &App) -> Result<bool, Error> {
    let hash = passwords::hash(app, PASSWORD.into()).await?;
    let at = app.clock.now().at;
    app.db
        .write("demo.seed", move |tx| {
            if staff::store::has_staff(tx)? {
                return Ok(false);
            }
            // In the same commit as the account that anybody can log in to.
            adopt::set_mark(tx)?;
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
            Ok(true)
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// Only messages to this phone.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
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
    #[schema(value_type = HashMap<String, Value>)]
    params: Map<String, Value>,
    /// `YYYY-MM-DD HH:MM:SS`
    at: String,
}

impl DemoMessage {
    fn of_sms(received: Received) -> (Millis, Self) {
        let channel = match received.channel {
            Channel::Sms => "sms",
            Channel::Voice => "voice",
        };
        Self::new(channel, received.to, received.template, received.params, received.at)
    }

    fn of_wechat(to: String, received: wechat_simulator::Received) -> (Millis, Self) {
        Self::new("wechat", to, received.template, received.params, received.at)
    }

    fn new(
        channel: &str,
        to: String,
        template: String,
        params: Map<String, Value>,
        at: Millis,
    ) -> (Millis, Self) {
        (at, Self { channel: channel.to_owned(), to, template, params, at: String::new() })
    }
}

/// What the cloud service received: a message is one call, however many people it went to.
fn from_cloud(demo: &Demo) -> Vec<(Millis, DemoMessage)> {
    let mut messages: Vec<wechat_simulator::Received> = Vec::new();
    for received in demo.cloud.received() {
        let is_same_call = messages.last().is_some_and(|last| {
            last.open_id != received.open_id
                && (&last.phone, &last.template, last.at)
                    == (&received.phone, &received.template, received.at)
                && last.params == received.params
        });
        if !is_same_call {
            messages.push(received);
        }
    }
    let message =
        |received: wechat_simulator::Received| DemoMessage::of_wechat(received.phone.clone(), received);
    messages.into_iter().map(message).collect()
}

/// What the official account received; it knows openids only, our bindings know their phones.
async fn from_account(
    app: &App,
    demo: &Demo,
    phone: Option<&str>,
) -> Result<Vec<(Millis, DemoMessage)>, Error> {
    let mut messages = Vec::new();
    for received in demo.official.received() {
        let open_id = received.open_id.clone();
        let bound = app.db.point("demo.binding", move |tx| visitors::store::bindings::find(tx, &open_id));
        let bound = bound.await?.map(|kept| kept.binding.phone);
        if phone.is_none_or(|phone| bound.as_deref() == Some(phone)) {
            messages.push(DemoMessage::of_wechat(received.open_id.clone(), received));
        }
    }
    Ok(messages)
}

/// Messages the simulators received, newest first (demo only).
#[utoipa::path(get, path = "/demo/messages", tag = "demo", params(MessagesQuery),
    responses((status = 200, body = Vec<DemoMessage>)))]
pub async fn messages(State(app): State<App>, Query(query): Query<MessagesQuery>) -> Result<Reply, Error> {
    let demo = app.demo.as_ref().ok_or_else(Error::unknown_path)?;
    let phone = query.phone.map(String::from);
    let sms = match &phone {
        Some(phone) => demo.sms.received_by(phone),
        None => demo.sms.received(),
    };
    let mut messages: Vec<_> = sms.into_iter().map(DemoMessage::of_sms).collect();
    let cloud = from_cloud(demo);
    messages.extend(
        cloud.into_iter().filter(|(_, message)| phone.as_ref().is_none_or(|phone| *phone == message.to)),
    );
    messages.extend(from_account(&app, demo, phone.as_deref()).await?);
    // Stable: messages of one instant stay as their simulator has them.
    messages.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let shown = messages
        .into_iter()
        .map(|(at, message)| DemoMessage { at: text(local(app.clock.zone(), at)), ..message });
    Reply::ok(&shown.collect::<Vec<_>>())
}

#[derive(Deserialize, ToSchema)]
pub struct Faults {
    /// The Koala host: `ok`, `down`, `slow` or `error`.
    #[serde(default, deserialize_with = "optional")]
    koala: Option<Name>,
    /// WeChat, the cloud service and the official account: `ok`, `down`, `slow` or `error`.
    #[serde(default, deserialize_with = "optional")]
    wechat: Option<Name>,
    /// The SMS gateway: `ok`, `down`, `slow` or `error`.
    #[serde(default, deserialize_with = "optional")]
    sms: Option<Name>,
    /// The payment gateway: `ok`, `refuse`, `slow` or `lost` (the money moves, but the answer is lost).
    #[serde(default, deserialize_with = "optional")]
    payment: Option<Name>,
}

fn fault(field: &str, word: Option<&Name>) -> Result<Option<Fault>, Error> {
    let Some(word) = word else { return Ok(None) };
    match word.as_str() {
        "ok" => Ok(Some(Fault::Ok)),
        "down" => Ok(Some(Fault::Down)),
        "slow" => Ok(Some(Fault::Slow)),
        "error" => Ok(Some(Fault::Error)),
        _ => Err(Error::invalid(field, "应为 ok、down、slow 或 error", "expected ok, down, slow or error")),
    }
}

fn payment_fault(word: Option<&Name>) -> Result<Option<PaymentFault>, Error> {
    let Some(word) = word else { return Ok(None) };
    match word.as_str() {
        "ok" => Ok(Some(PaymentFault::Ok)),
        "refuse" => Ok(Some(PaymentFault::Refuse)),
        "slow" => Ok(Some(PaymentFault::Slow)),
        "lost" => Ok(Some(PaymentFault::Lost)),
        _ => {
            let (zh, en) = ("应为 ok、refuse、slow 或 lost", "expected ok, refuse, slow or lost");
            Err(Error::invalid("payment", zh, en))
        }
    }
}

/// Make a simulator misbehave (demo only).
#[utoipa::path(post, path = "/demo/faults", tag = "demo", request_body = Faults,
    responses((status = 200, body = Object)))]
pub async fn faults(State(app): State<App>, input: Input<Faults>) -> Result<Reply, Error> {
    let demo = app.demo.as_ref().ok_or_else(Error::unknown_path)?;
    let Faults { koala, wechat, sms, payment } = input.value;
    let (koala, wechat) = (fault("koala", koala.as_ref())?, fault("wechat", wechat.as_ref())?);
    let (sms, payment) = (fault("sms", sms.as_ref())?, payment_fault(payment.as_ref())?);
    if let Some(fault) = koala {
        demo.koala.set_fault(match fault {
            Fault::Down => KoalaFault::Down,
            Fault::Slow => KoalaFault::Slow,
            Fault::Error => KoalaFault::Error,
            Fault::Ok | Fault::LostAnswer => KoalaFault::Ok,
        });
    }
    if let Some(fault) = wechat {
        demo.cloud.set_fault(fault);
        demo.official.set_fault(fault);
    }
    if let Some(fault) = sms {
        demo.sms.set_fault(fault);
    }
    if let Some(fault) = payment {
        demo.payment.set_fault(fault);
    }
    Reply::ok(&serde_json::json!({}))
}

/// What to try first, printed when the demo starts.
#[must_use]
pub fn introduction(address: std::net::SocketAddr) -> String {
    let base = format!("http://{address}");
    format!(
        r#"
Yuyue demo: nothing is kept unless --data-dir is given. Staff: admin / demo-admin.

  console  {base}/console/
  H5       {base}/h5/
  kiosk    {base}/kiosk/
  gate     {base}/gate/

Or try:

  curl -X POST {base}/v1/available-days/list
  curl -X POST {base}/v1/login/sms_code -d '{{"mobile":"13811111111"}}' -H 'Content-Type: application/json'
  curl '{base}/demo/messages?phone=13811111111'
  curl -X POST {base}/v1/subject/binding -d '{{"weixinUserId":"wx-1","name":"李四","phone":"13811111111"}}' -H 'Content-Type: application/json'
  curl '{base}/homemaking/v1/service/list?page=1&count=10'
  curl -X POST {base}/homemaking/v1/token -d '{{"i_code":"demo-1","order_no":1001}}' -H 'Content-Type: application/json'
  open {base}/docs

"#
    )
}
