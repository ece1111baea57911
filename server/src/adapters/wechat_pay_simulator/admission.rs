//! What stands in front of WeChat Pay: it checks who calls, when, and only once.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::request::Parts;

use super::{Refusal, SimulatedMerchant};
use crate::adapters::wechat_pay::{SCHEME, lines};
use crate::clock::{MINUTE, Millis, SECOND};

/// How far a request's time may be off.
const MOST_SKEW: Millis = 5 * MINUTE;

/// The nonces seen, and when.
#[derive(Default)]
pub(super) struct Nonces(HashMap<String, Millis>);

impl Nonces {
    /// False when it was seen before, within the time its signature could pass.
    fn take(&mut self, nonce: &str, now: Millis) -> bool {
        self.0.retain(|_, seen| *seen > now - 2 * MOST_SKEW);
        self.0.insert(nonce.to_owned(), now).is_none()
    }
}

const WRONG: Refusal = Refusal(401, "SIGN_ERROR", "错误的签名，验签失败");

/// Checks a request as received.
pub(super) fn admit(
    parts: &Parts,
    body: &Bytes,
    merchant: &SimulatedMerchant,
    nonces: &mut Nonces,
    now: Millis,
) -> Result<(), Refusal> {
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("accept") != "application/json" || header("user-agent").is_empty() {
        return Err(Refusal(406, "PARAM_ERROR", "Http头Accept或User-Agent缺失"));
    }
    let fields = header("authorization").strip_prefix(SCHEME).ok_or(WRONG)?;
    let fields: HashMap<&str, &str> = fields
        .trim()
        .split(',')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    let field = |name: &str| fields.get(name).copied().ok_or(WRONG);
    let (time, nonce, signature) = (field("timestamp")?, field("nonce_str")?, field("signature")?);
    if field("mchid")? != merchant.mch_id || field("serial_no")? != merchant.serial {
        return Err(WRONG);
    }
    let at = time.parse::<i64>().ok().and_then(|time| time.checked_mul(SECOND)).ok_or(WRONG)?;
    if now.abs_diff(at) > MOST_SKEW.unsigned_abs() {
        return Err(Refusal(
            401,
            "SIGN_ERROR",
            "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
        ));
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let text = std::str::from_utf8(body).map_err(|_| WRONG)?;
    let signed = lines(&[parts.method.as_str(), target, time, nonce, text]);
    if !merchant.merchant_public_key.verifies(&signed, signature) {
        return Err(WRONG);
    }
    // Last, so that only the merchant can fill the memory with nonces.
    match nonces.take(nonce, now) {
        true => Ok(()),
        false => Err(Refusal(401, "SIGN_ERROR", "重复的请求随机串")),
    }
}
