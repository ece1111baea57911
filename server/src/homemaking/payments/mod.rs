//! Payments: money comes in for an order and goes back for a refund, through a gateway that may
//! refuse, be slow, or never answer.
//!
//! What is asked of the gateway stands in a row first, with an id that stays the same however often
//! it is asked; then the gateway is called with no transaction open; then one transaction moves the
//! payment, the order and the ledger together. A job written with the row asks the gateway until the
//! outcome is known, so a lost answer, a crash or a late payment ends the same way. Money that
//! arrives for an order that no longer wants it goes back by itself.

pub mod jobs;
pub mod outside;
pub mod pay;
pub mod routes;
pub mod settle;
pub mod staff;
pub mod store;

use std::path::Path;

use serde_json::json;
use yuyue_db::Tx;

use crate::adapters::http::{Http, HttpLimits};
use crate::adapters::payment::{PaymentGateway, SimulatedGateway};
use crate::adapters::wechat::{MiniProgram, MiniProgramConfig};
use crate::adapters::wechat_pay::{ApiKey, MerchantKey, NamedKey, PlatformKey, WechatPay, WechatPayAccount};
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::config::{Config, Gateway};
use crate::demo::Demo;
use crate::error::{Error, Text};
use crate::homemaking::{Fen, codes};
use crate::http::choice::{Choice, choice_field};
use crate::ids::Ids;
use crate::staff::record_change_by;

pub use crate::adapters::payment::Way;

use self::store::NewPayment;

/// Where gateways report.
pub const NOTIFY_PATH: &str = "/homemaking/v1/payment/notify";

/// Longer than a call of the gateway with the question that may follow: whoever has not come back by
/// then never will.
pub(super) const LEASE: Millis = 15 * SECOND;
/// How long a payer has, unless the order ends before; WeChat's `prepay_id` lasts as long.
const TIME_TO_PAY: Millis = 2 * HOUR;
/// The least a gateway wants to be given.
const LEAST_TIME_TO_PAY: Millis = 2 * MINUTE;

impl Choice for Way {
    const ALL: &'static [Self] = &[Self::MiniProgram, Self::OfficialAccount, Self::Native];

    fn word(self) -> &'static str {
        match self {
            Self::MiniProgram => "mini_program",
            Self::OfficialAccount => "official_account",
            Self::Native => "native",
        }
    }
}
choice_field!(Way);

/// Starts to pay back what an order was charged, in the transaction of the step that decided it. The
/// gateway is asked by a job; when it has paid, the refund becomes 已退款 (2) and the order 已取消 (5).
///
/// # Errors
/// [`codes::REFUND_FAILED`] when there is nothing to pay back: the order is not paid, or the money is
/// on its way already, or is less than `amount`.
pub fn start_refund(
    tx: &mut Tx<'_>,
    order_id: i64,
    refund_id: i64,
    amount: Fen,
    at: Millis,
) -> Result<(), Error> {
    let charge = store::paying_charge(tx, order_id)?.filter(|charge| amount.0 > 0 && amount <= charge.amount);
    let charge = charge.ok_or(&codes::REFUND_FAILED)?;
    let id = store::insert(tx, &NewPayment::refund(&charge, Some(refund_id), amount), at)?;
    jobs::pay_back(tx, id.ok_or(&codes::REFUND_FAILED)?, at)
}

/// An order stopped waiting for its payment: whatever was begun at the gateway is to be closed.
///
/// # Errors
/// When the database refuses.
pub fn withdraw(tx: &mut Tx<'_>, order_id: i64, at: Millis) -> Result<(), Error> {
    match store::open_charge(tx, order_id)? {
        Some(charge) => jobs::resolve(tx, charge.id, at, at),
        None => Ok(()),
    }
}

/// Leaves word for staff, in the log and in the audit log, of what a person has to look at.
fn alert(tx: &mut Tx<'_>, action: &str, target: &str, reason: &str, at: Millis) -> Result<(), Error> {
    tracing::error!(action, target, reason, "a payment needs a person");
    let (nothing, found) = (serde_json::Value::Null, json!({ "reason": reason }));
    record_change_by(tx, "payment gateway", action, target, &nothing, &found, at)
}

/// 10017 in other words: the step failed because of the payment.
fn failed(zh: &'static str, en: &'static str) -> Error {
    Error { message: Text::fixed(zh, en), ..Error::from(&codes::ORDER_FAILED) }
}

/// The gateway that the settings name; `None` when orders cannot be paid.
///
/// # Errors
/// A text that names the setting at fault, and repeats no secret.
pub fn gateway(config: &Config, ids: &Ids, demo: Option<&Demo>) -> Result<Option<PaymentGateway>, String> {
    let settings = &config.homemaking.payment;
    let http = || Http::new(limits()).map_err(|error| error.reason);
    let gateway = match settings.gateway {
        Gateway::None => return Ok(None),
        Gateway::Simulator => {
            let demo = demo.ok_or_else(|| named("gateway", "\"simulator\" is for the demo"))?;
            let mut account = demo.payment.account();
            account.notify_url = notify_url(config);
            let client = SimulatedGateway::new(http()?, account);
            PaymentGateway::Simulated(client.map_err(|error| error.to_string())?)
        }
        Gateway::WechatPay => {
            let pay = WechatPay::new(http()?, ids.clone(), wechat_account(config)?);
            let pay = Box::new(pay.map_err(|error| named("base_url", error))?);
            let payers = MiniProgram::new(http()?, mini_program(config)?);
            let payers = payers.map_err(|error| format!("wechat.api_base_url: {error}"))?;
            PaymentGateway::WechatPay { pay, payers }
        }
    };
    Ok(Some(gateway))
}

/// Shorter than usual: a call, its repeat and the question after them must fit into one request.
fn limits() -> HttpLimits {
    let seconds = std::time::Duration::from_secs;
    HttpLimits { connect: seconds(2), total: seconds(3), ..HttpLimits::default() }
}

fn notify_url(config: &Config) -> String {
    let settings = &config.homemaking.payment;
    match (settings.notify_url.as_str(), config.server.public_url.as_str()) {
        ("", "") => String::new(),
        ("", public_url) => format!("{public_url}{NOTIFY_PATH}"),
        (url, _) => url.to_owned(),
    }
}

/// A fault of one of the gateway's settings.
fn named(name: &str, reason: impl std::fmt::Display) -> String {
    format!("homemaking.payment.{name}: {reason}")
}

fn given(name: &str, value: &str) -> Result<String, String> {
    match value.trim() {
        "" => Err(named(name, "is needed for \"wechat-pay\"")),
        value => Ok(value.to_owned()),
    }
}

fn mini_program(config: &Config) -> Result<MiniProgramConfig, String> {
    let settings = &config.homemaking.payment;
    Ok(MiniProgramConfig {
        app_id: given("app_id", &settings.app_id)?,
        app_secret: given("app_secret", &settings.app_secret)?,
        api_base_url: config.wechat.api_base_url.clone(),
    })
}

/// Where WeChat Pay reports; it takes no other addresses than these.
fn wechat_notify_url(config: &Config) -> Result<String, String> {
    let url = given("notify_url", &notify_url(config))?;
    let is_taken = url.len() <= 255
        && url::Url::parse(&url)
            .is_ok_and(|url| url.scheme() == "https" && url.query().is_none() && url.fragment().is_none());
    match is_taken {
        true => Ok(url),
        false => Err(named(
            "notify_url",
            "WeChat Pay takes an https address without a query, of at most 255 characters; without notify_url \
             it begins with server.public_url",
        )),
    }
}

/// A key in PEM, from the setting itself or from its file.
fn pem(name: &str, value: &str, file: &Path) -> Result<String, String> {
    if file.as_os_str().is_empty() {
        return given(name, value);
    }
    std::fs::read_to_string(file)
        .map_err(|error| named(&format!("{name}_file"), format!("{}: {error}", file.display())))
}

fn platform_key(name: &str, id: &str, (value, file): (&str, &Path)) -> Result<NamedKey, String> {
    let key = PlatformKey::from_pem(&pem(name, value, file)?).map_err(|error| named(name, error))?;
    Ok(NamedKey { id: given(&format!("{name}_id"), id)?, key })
}

fn wechat_account(config: &Config) -> Result<WechatPayAccount, String> {
    let settings = &config.homemaking.payment;
    let private_key = pem("private_key", &settings.private_key, &settings.private_key_file)?;
    let first = (settings.platform_key.as_str(), settings.platform_key_file.as_path());
    let second = (settings.second_platform_key.as_str(), settings.second_platform_key_file.as_path());
    let has_second = !settings.second_platform_key_id.is_empty()
        || !second.0.is_empty()
        || !second.1.as_os_str().is_empty();
    let second_platform_key = match has_second {
        true => Some(platform_key("second_platform_key", &settings.second_platform_key_id, second)?),
        false => None,
    };
    Ok(WechatPayAccount {
        base_url: settings.base_url.clone(),
        app_id: given("app_id", &settings.app_id)?,
        official_app_id: config.wechat.app_id.clone(),
        mch_id: given("mch_id", &settings.mch_id)?,
        serial: given("serial", &settings.serial)?,
        merchant_key: MerchantKey::from_pem(&private_key).map_err(|error| named("private_key", error))?,
        api_key: ApiKey::new(&settings.api_v3_key).map_err(|error| named("api_v3_key", error))?,
        platform_key: platform_key("platform_key", &settings.platform_key_id, first)?,
        second_platform_key,
        notify_url: wechat_notify_url(config)?,
    })
}
