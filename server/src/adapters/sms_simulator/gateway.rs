//! What stands in front of the provider's services: it checks who calls, when, and only once.

use std::collections::{BTreeMap, HashMap};

use axum::body::Bytes;
use axum::http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::SimulatedAccount;
use crate::adapters::sms::{ALGORITHM, CanonicalRequest, VERSION, sign_v3};
use crate::clock::{self, MINUTE, Millis};

/// The services' operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    SendSms,
    SingleCallByTts,
    QuerySendDetails,
}

/// A request that passed.
pub(super) struct Call {
    pub action: Action,
    pub parameters: BTreeMap<String, String>,
}

impl Call {
    /// A parameter the operation cannot do without.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        match self.parameters.get(name) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(missing(name)),
        }
    }
}

/// An answer other than "OK": 200 from the services themselves, 4xx and 5xx from the gateway.
#[derive(Debug)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::new(400, &format!("Missing{name}"), &format!("{name} is mandatory for this action."))
}

/// How far a request's date may be off.
const MOST_SKEW: Millis = 15 * MINUTE;

/// The nonces seen, and when. One older than twice the allowed skew belongs to a date that is
/// refused anyway.
#[derive(Default)]
pub(super) struct Nonces(HashMap<String, Millis>);

impl Nonces {
    fn take(&mut self, nonce: &str, now: Millis) -> Result<(), Refusal> {
        self.0.retain(|_, seen| *seen > now - 2 * MOST_SKEW);
        match self.0.insert(nonce.to_owned(), now) {
            None => Ok(()),
            Some(_) => {
                Err(Refusal::new(400, "SignatureNonceUsed", "Specified signature nonce was used already."))
            }
        }
    }
}

/// Checks a request as received.
pub(super) fn admit(
    parts: &Parts,
    body: &Bytes,
    account: &SimulatedAccount,
    nonces: &mut Nonces,
    now: Millis,
) -> Result<Call, Refusal> {
    let action = match required_header(parts, "x-acs-action", "Action")? {
        "SendSms" => Action::SendSms,
        "SingleCallByTts" => Action::SingleCallByTts,
        "QuerySendDetails" => Action::QuerySendDetails,
        _ => return Err(unknown_api()),
    };
    if required_header(parts, "x-acs-version", "Version")? != VERSION || parts.uri.path() != "/" {
        return Err(unknown_api());
    }
    check_date(required_header(parts, "x-acs-date", "Timestamp")?, now)?;
    let nonce = required_header(parts, "x-acs-signature-nonce", "SignatureNonce")?;
    required_header(parts, "x-acs-content-sha256", "ContentSha256")?;
    let query = parts.uri.query().unwrap_or_default();
    let parameters: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    check_signature(parts, body, &parameters, account)?;
    // Last, so that only the account's owner can fill the memory with nonces.
    nonces.take(nonce, now)?;
    Ok(Call { action, parameters })
}

fn unknown_api() -> Refusal {
    Refusal::new(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

fn required_header<'a>(parts: &'a Parts, name: &str, parameter: &str) -> Result<&'a str, Refusal> {
    header(parts, name).filter(|value| !value.is_empty()).ok_or_else(|| missing(parameter))
}

fn check_date(date: &str, now: Millis) -> Result<(), Refusal> {
    let Ok(local) = DateTime::strptime("%Y-%m-%dT%H:%M:%SZ", date) else {
        return Err(Refusal::new(
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp is not well formatted.",
        ));
    };
    match (clock::instant(&TimeZone::UTC, local) - now).abs() > MOST_SKEW {
        true => Err(Refusal::new(
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        )),
        false => Ok(()),
    }
}

fn check_signature(
    parts: &Parts,
    body: &Bytes,
    parameters: &BTreeMap<String, String>,
    account: &SimulatedAccount,
) -> Result<(), Refusal> {
    let incomplete = || Refusal::new(400, "IncompleteSignature", "The request signature is incomplete.");
    let authorization = required_header(parts, "authorization", "AccessKeyId")?;
    let fields: HashMap<&str, &str> = authorization
        .strip_prefix(ALGORITHM)
        .ok_or_else(incomplete)?
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .collect();
    let field = |name| fields.get(name).copied().ok_or_else(incomplete);
    if field("Credential")? != account.access_key_id {
        return Err(Refusal::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."));
    }
    let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    // A header that decides something and is not signed could be changed on the way.
    let decisive = |name: &str| name == "host" || name.starts_with("x-acs-");
    if parts.headers.keys().any(|name| decisive(name.as_str()) && !names.contains(&name.as_str())) {
        return Err(incomplete());
    }
    let mut headers = Vec::new();
    for name in names {
        headers.push((name, header(parts, name).ok_or_else(incomplete)?));
    }
    let query: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let ours = sign_v3(
        &CanonicalRequest { method, path, query: &query, headers: &headers, body },
        &account.access_key_secret,
    );
    if field("Signature")? == ours.signature {
        return Ok(());
    }
    let message = format!(
        "Specified signature is not matched with our calculation. server string to sign is:{}",
        ours.string_to_sign()
    );
    Err(Refusal::new(400, "SignatureDoesNotMatch", &message))
}
