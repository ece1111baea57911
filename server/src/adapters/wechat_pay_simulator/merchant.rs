//! The merchant's orders and refunds at WeChat Pay, and the rules for them.

use axum::body::Bytes;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::tz::{self, TimeZone};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::{Host, Url};

use super::{Refusal, Report, SimulatedMerchant};
use crate::clock::{self, Millis};

/// An order, as it was placed, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedOrder {
    pub out_trade_no: String,
    pub app_id: String,
    /// `JSAPI` or `NATIVE`.
    pub trade_type: &'static str,
    /// In fen.
    pub total: i64,
    /// Of a Native order: "".
    pub openid: String,
    pub description: String,
    pub notify_url: String,
    pub time_expire: String,
    /// Of a Native order: what its code holds.
    pub prepay_id: String,
    /// `NOTPAY`, `SUCCESS`, `REFUND` or `CLOSED`.
    pub trade_state: &'static str,
    /// Empty before it is paid.
    pub transaction_id: String,
    paid_at: Millis,
    expires_at: Millis,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedRefund {
    pub out_refund_no: String,
    pub out_trade_no: String,
    pub refund_id: String,
    /// In fen.
    pub refund: i64,
    pub reason: String,
    /// `PROCESSING`, `SUCCESS`, `ABNORMAL` or `CLOSED`.
    pub status: &'static str,
    notify_url: String,
}

/// What becomes of a refund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefundOutcome {
    /// It succeeds as soon as it is taken.
    #[default]
    Success,
    /// It stays under way until `finish_refunds`.
    Later,
    /// The money cannot reach the payer.
    Abnormal,
    /// It is given up.
    Closed,
    /// The merchant's balance does not suffice, so it is not taken.
    NotEnough,
}

#[derive(Default)]
pub(super) struct Books {
    pub orders: Vec<SimulatedOrder>,
    pub refunds: Vec<SimulatedRefund>,
    pub refund_outcome: RefundOutcome,
    /// Apps that are bound to the merchant beside its first.
    pub more_apps: Vec<String>,
}

#[derive(Deserialize)]
struct OrderBody {
    appid: String,
    mchid: String,
    description: String,
    out_trade_no: String,
    time_expire: String,
    notify_url: String,
    amount: OrderAmount,
    #[serde(default)]
    payer: Payer,
}

#[derive(Deserialize)]
struct OrderAmount {
    total: i64,
    currency: String,
}

#[derive(Default, Deserialize)]
struct Payer {
    openid: String,
}

#[derive(Deserialize)]
struct CloseBody {
    mchid: String,
}

#[derive(Deserialize)]
struct RefundBody {
    out_trade_no: String,
    out_refund_no: String,
    reason: String,
    notify_url: String,
    amount: RefundAmount,
}

#[derive(Deserialize)]
struct RefundAmount {
    refund: i64,
    total: i64,
    currency: String,
}

const PARAM_ERROR: Refusal = Refusal(400, "PARAM_ERROR", "参数错误");
const NOT_THE_SAME: Refusal = Refusal(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");
const UNKNOWN_ORDER: Refusal = Refusal(404, "ORDER_NOT_EXIST", "订单不存在");

/// RFC 3339 in China, as WeChat writes times.
pub(super) fn time(at: Millis) -> String {
    let zone = TimeZone::fixed(tz::offset(8));
    clock::local(&zone, at).strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| PARAM_ERROR)
}

fn is_number(text: &str, lengths: std::ops::RangeInclusive<usize>, marks: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    lengths.contains(&text.len()) && text.chars().all(is_allowed)
}

/// https without a query; plain http only where nobody listens in.
fn is_notify_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_here = matches!(url.host(), Some(Host::Ipv4(address)) if address.is_loopback());
    text.len() <= 255 && url.query().is_none() && (url.scheme() == "https" || is_here)
}

impl Books {
    /// Does what is asked; `None` is an answer without a body.
    pub fn serve(
        &mut self,
        parts: &Parts,
        body: &Bytes,
        merchant: &SimulatedMerchant,
        now: Millis,
        reports: &mut Vec<Report>,
    ) -> Result<Option<Value>, Refusal> {
        for order in &mut self.orders {
            if order.trade_state == "NOTPAY" && now >= order.expires_at {
                order.trade_state = "CLOSED";
            }
        }
        let segments: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
        match (parts.method.as_str(), segments.as_slice()) {
            ("POST", ["v3", "pay", "transactions", "jsapi"]) => {
                self.place("JSAPI", body, merchant, now).map(Some)
            }
            ("POST", ["v3", "pay", "transactions", "native"]) => {
                self.place("NATIVE", body, merchant, now).map(Some)
            }
            ("GET", ["v3", "pay", "transactions", "out-trade-no", number]) => {
                let mine = format!("mchid={}", merchant.mch_id);
                if parts.uri.query() != Some(&mine) {
                    return Err(PARAM_ERROR);
                }
                let order = self.order(number).ok_or(UNKNOWN_ORDER)?;
                Ok(Some(order.shown(merchant)))
            }
            ("POST", ["v3", "pay", "transactions", "out-trade-no", number, "close"]) => {
                let CloseBody { mchid } = read(body)?;
                if mchid != merchant.mch_id {
                    return Err(PARAM_ERROR);
                }
                self.close(number).map(|()| None)
            }
            ("POST", ["v3", "refund", "domestic", "refunds"]) => {
                self.refund(body, merchant, reports).map(Some)
            }
            ("GET", ["v3", "refund", "domestic", "refunds", number]) => {
                let refund = self.refunds.iter().find(|refund| refund.out_refund_no == *number);
                let refund = refund.ok_or(Refusal(404, "RESOURCE_NOT_EXISTS", "退款单不存在"))?;
                Ok(Some(self.refund_shown(refund, refund.status)))
            }
            _ => Err(Refusal(404, "NOT_FOUND", "请求的资源不存在")),
        }
    }

    fn order(&self, number: &str) -> Option<&SimulatedOrder> {
        self.orders.iter().find(|order| order.out_trade_no == number)
    }

    fn place(
        &mut self,
        trade_type: &'static str,
        body: &[u8],
        merchant: &SimulatedMerchant,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let order: OrderBody = read(body)?;
        let is_bound = order.appid == merchant.app_id || self.more_apps.contains(&order.appid);
        if !is_bound || order.mchid != merchant.mch_id {
            return Err(Refusal(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配"));
        }
        let expires_at = order.time_expire.parse::<Timestamp>().map_err(|_| PARAM_ERROR)?.as_millisecond();
        let is_valid = (1..=127).contains(&order.description.chars().count())
            && is_number(&order.out_trade_no, 6..=32, "_-*")
            && is_notify_url(&order.notify_url)
            && order.amount.total > 0
            && order.amount.currency == "CNY"
            && (trade_type == "NATIVE") == order.payer.openid.is_empty()
            && is_number(&order.payer.openid, 0..=128, "_-")
            && expires_at > now;
        if !is_valid {
            return Err(PARAM_ERROR);
        }
        if let Some(earlier) = self.order(&order.out_trade_no) {
            let is_same = (earlier.trade_type, &earlier.app_id) == (trade_type, &order.appid)
                && earlier.total == order.amount.total
                && earlier.openid == order.payer.openid
                && earlier.description == order.description
                && earlier.notify_url == order.notify_url
                && earlier.time_expire == order.time_expire;
            return match earlier.trade_state {
                "NOTPAY" if is_same => Ok(earlier.placed()),
                "NOTPAY" => Err(NOT_THE_SAME),
                "CLOSED" => Err(Refusal(400, "ORDER_CLOSED", "订单已关闭")),
                _ => Err(Refusal(400, "ORDERPAID", "该订单已支付")),
            };
        }
        let number = self.orders.len() + 1;
        let prepay_id = match trade_type {
            "NATIVE" => format!("weixin://wxpay/bizpayurl?pr={number:07}"),
            _ => format!("wx{number:034}"),
        };
        self.orders.push(SimulatedOrder {
            out_trade_no: order.out_trade_no,
            app_id: order.appid,
            trade_type,
            total: order.amount.total,
            openid: order.payer.openid,
            description: order.description,
            notify_url: order.notify_url,
            time_expire: order.time_expire,
            prepay_id,
            trade_state: "NOTPAY",
            transaction_id: String::new(),
            paid_at: 0,
            expires_at,
        });
        Ok(self.orders.last().map(SimulatedOrder::placed).unwrap_or_default())
    }

    /// The app that an order was placed under.
    pub fn app_of(&self, prepay_id: &str) -> Option<String> {
        let order = self.orders.iter().find(|order| order.prepay_id == prepay_id);
        order.map(|order| order.app_id.clone())
    }

    /// The payer pays.
    pub fn pay(
        &mut self,
        prepay_id: &str,
        merchant: &SimulatedMerchant,
        now: Millis,
    ) -> Result<Report, &'static str> {
        let count = self.orders.len();
        let order = self.orders.iter_mut().find(|order| order.prepay_id == prepay_id);
        let order = order.ok_or("there is no such order")?;
        match order.trade_state {
            "NOTPAY" if now < order.expires_at => {}
            "SUCCESS" | "REFUND" => return Err("该订单已支付"),
            _ => return Err("该订单已关闭"),
        }
        order.trade_state = "SUCCESS";
        order.transaction_id = format!("42{count:010}{now:016}");
        order.paid_at = now;
        Ok(Report {
            event_type: "TRANSACTION.SUCCESS",
            original_type: "transaction",
            content: order.shown(merchant),
            notify_url: order.notify_url.clone(),
        })
    }

    fn close(&mut self, number: &str) -> Result<(), Refusal> {
        let order = self.orders.iter_mut().find(|order| order.out_trade_no == number);
        let order = order.ok_or(UNKNOWN_ORDER)?;
        match order.trade_state {
            "NOTPAY" => order.trade_state = "CLOSED",
            "CLOSED" => return Err(Refusal(400, "ORDER_CLOSED", "订单已关闭")),
            _ => return Err(Refusal(400, "ORDERPAID", "该订单已支付")),
        }
        Ok(())
    }

    fn refund(
        &mut self,
        body: &[u8],
        merchant: &SimulatedMerchant,
        reports: &mut Vec<Report>,
    ) -> Result<Value, Refusal> {
        let asked: RefundBody = read(body)?;
        let is_valid = is_number(&asked.out_refund_no, 1..=64, "_-|*@")
            && asked.reason.chars().count() <= 80
            && is_notify_url(&asked.notify_url)
            && asked.amount.refund > 0
            && asked.amount.currency == "CNY";
        if !is_valid {
            return Err(PARAM_ERROR);
        }
        if let Some(earlier) = self.refunds.iter().find(|refund| refund.out_refund_no == asked.out_refund_no)
        {
            let is_same = earlier.out_trade_no == asked.out_trade_no && earlier.refund == asked.amount.refund;
            return if is_same { Ok(self.refund_shown(earlier, earlier.status)) } else { Err(NOT_THE_SAME) };
        }
        let order = self.order(&asked.out_trade_no).ok_or(UNKNOWN_ORDER)?;
        let mine = self.refunds.iter().filter(|refund| refund.out_trade_no == asked.out_trade_no);
        let refunded: i64 = mine.map(|refund| refund.refund).sum();
        if !matches!(order.trade_state, "SUCCESS" | "REFUND") {
            return Err(Refusal(400, "INVALID_REQUEST", "订单未支付"));
        }
        if asked.amount.total != order.total || refunded + asked.amount.refund > order.total {
            return Err(Refusal(400, "INVALID_REQUEST", "退款金额大于支付金额"));
        }
        if self.refund_outcome == RefundOutcome::NotEnough {
            return Err(Refusal(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"));
        }
        let refund = SimulatedRefund {
            refund_id: format!("50{:018}", self.refunds.len() + 1),
            out_refund_no: asked.out_refund_no,
            out_trade_no: asked.out_trade_no,
            refund: asked.amount.refund,
            reason: asked.reason,
            status: "PROCESSING",
            notify_url: asked.notify_url,
        };
        self.refunds.push(refund.clone());
        if self.refund_outcome != RefundOutcome::Later {
            reports.append(&mut self.finish_refunds(merchant));
        }
        // The call itself always answers that the refund is under way.
        Ok(self.refund_shown(&refund, "PROCESSING"))
    }

    /// Brings the refunds under way to their end.
    pub fn finish_refunds(&mut self, merchant: &SimulatedMerchant) -> Vec<Report> {
        let (status, event_type) = match self.refund_outcome {
            RefundOutcome::Abnormal => ("ABNORMAL", "REFUND.ABNORMAL"),
            RefundOutcome::Closed => ("CLOSED", "REFUND.CLOSED"),
            _ => ("SUCCESS", "REFUND.SUCCESS"),
        };
        let mut reports = Vec::new();
        for refund in self.refunds.iter_mut().filter(|refund| refund.status == "PROCESSING") {
            refund.status = status;
            let order = self.orders.iter_mut().find(|order| order.out_trade_no == refund.out_trade_no);
            let Some(order) = order else { continue };
            order.trade_state = "REFUND";
            let content = json!({
                "mchid": merchant.mch_id, "out_trade_no": order.out_trade_no,
                "transaction_id": order.transaction_id, "out_refund_no": refund.out_refund_no,
                "refund_id": refund.refund_id, "refund_status": status,
                "user_received_account": "支付用户零钱",
                "amount": {
                    "total": order.total, "refund": refund.refund, "payer_total": order.total,
                    "payer_refund": refund.refund,
                },
            });
            let notify_url = refund.notify_url.clone();
            reports.push(Report { event_type, original_type: "refund", content, notify_url });
        }
        reports
    }

    fn refund_shown(&self, refund: &SimulatedRefund, status: &str) -> Value {
        let order = self.order(&refund.out_trade_no);
        let total = order.map_or(0, |order| order.total);
        json!({
            "refund_id": refund.refund_id, "out_refund_no": refund.out_refund_no,
            "transaction_id": order.map_or("", |order| &order.transaction_id),
            "out_trade_no": refund.out_trade_no, "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱", "status": status, "funds_account": "AVAILABLE",
            "amount": {
                "total": total, "refund": refund.refund, "payer_total": total,
                "payer_refund": refund.refund, "settlement_refund": refund.refund,
                "settlement_total": total, "discount_refund": 0, "currency": "CNY",
            },
        })
    }
}

impl SimulatedOrder {
    /// What the order was placed for.
    fn placed(&self) -> Value {
        let name = if self.trade_type == "NATIVE" { "code_url" } else { "prepay_id" };
        json!({ name: self.prepay_id })
    }

    fn shown(&self, merchant: &SimulatedMerchant) -> Value {
        let mut shown = json!({
            "appid": self.app_id, "mchid": merchant.mch_id, "out_trade_no": self.out_trade_no,
            "trade_state": self.trade_state, "trade_state_desc": "",
            "payer": { "openid": self.openid },
        });
        if !self.transaction_id.is_empty() {
            shown["transaction_id"] = self.transaction_id.as_str().into();
            shown["trade_type"] = self.trade_type.into();
            shown["bank_type"] = "OTHERS".into();
            shown["success_time"] = time(self.paid_at).into();
            shown["amount"] = json!({
                "total": self.total, "payer_total": self.total, "currency": "CNY", "payer_currency": "CNY",
            });
        }
        shown
    }
}
