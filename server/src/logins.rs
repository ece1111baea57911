//! Who is let in and who is not: addresses that are known, and what operators see of the refusals.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::extract::FromRequestParts as _;
use axum::http::request::Parts;
use serde_json::{Value, json};
use yuyue_db::{Tx, params, sql};

use crate::app::App;
use crate::clock::{DAY, HOUR, Millis};
use crate::error::Error;
use crate::http::limits::ClientAddress;
use crate::phone;
use crate::staff::audit;
use crate::text::mask_phone;

/// How long an address stays known after a login.
const KNOWN_FOR: Millis = 90 * DAY;
/// Failures within a day, of all addresses that are not known, after which those wait.
pub const STRANGERS_FAILURES: u32 = 100;
/// Refusals of one kind from one address that are logged in an hour, and of one kind from anywhere.
const LOGGED_OF_ADDRESS: u32 = 20;
const LOGGED_OF_KIND: u32 = 200;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    MemberCode,
    MemberPassword,
    MemberWechat,
    MemberSession,
    Staff,
    StaffSession,
    Market,
    MarketSession,
    Binding,
    VisitorSession,
    Device,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::MemberCode,
        Self::MemberPassword,
        Self::MemberWechat,
        Self::MemberSession,
        Self::Staff,
        Self::StaffSession,
        Self::Market,
        Self::MarketSession,
        Self::Binding,
        Self::VisitorSession,
        Self::Device,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::MemberCode => "member_code",
            Self::MemberPassword => "member_password",
            Self::MemberWechat => "member_wechat",
            Self::MemberSession => "member_session",
            Self::Staff => "staff",
            Self::StaffSession => "staff_session",
            Self::Market => "market",
            Self::MarketSession => "market_session",
            Self::Binding => "binding",
            Self::VisitorSession => "visitor_session",
            Self::Device => "device",
        }
    }
}

/// Makes every series of the metrics exist before anything happens.
pub fn describe_metrics() {
    for kind in Kind::ALL {
        metrics::counter!("yuyue_login_failures_total", "kind" => kind.word()).increment(0);
    }
}

/// Names the person with this number among the known addresses and the counts of failures.
#[must_use]
pub fn person(phone_key: &str) -> String {
    format!("phone {phone_key}")
}

/// The count of failures of all addresses that are not known to `who`.
#[must_use]
pub fn strangers(who: &str) -> String {
    format!("login strangers {who}")
}

/// Whether `who` was let in from this address lately.
///
/// # Errors
/// When the database refuses.
pub fn is_known(tx: &mut Tx<'_>, who: &str, address: IpAddr, at: Millis) -> Result<bool, Error> {
    let find = sql!("SELECT at FROM known_address WHERE who = $1 AND address = $2 AND at > $3");
    let address = address.to_string();
    Ok(tx.query_opt(find, params![who, &address, at - KNOWN_FOR], |_| Ok(()))?.is_some())
}

/// Notes that `who` was let in from this address.
///
/// # Errors
/// When the database refuses.
pub fn remember(tx: &mut Tx<'_>, who: &str, address: IpAddr, at: Millis) -> Result<(), Error> {
    let upsert = sql!(
        "INSERT INTO known_address (who, address, at) VALUES ($1, $2, $3)
         ON CONFLICT (who, address) DO UPDATE SET at = excluded.at"
    );
    let address = address.to_string();
    tx.execute(upsert, params![who, &address, at])?;
    Ok(())
}

/// Forgets from where `who` was let in.
///
/// # Errors
/// When the database refuses.
pub fn forget(tx: &mut Tx<'_>, who: &str) -> Result<(), Error> {
    tx.execute(sql!("DELETE FROM known_address WHERE who = $1"), params![who])?;
    Ok(())
}

/// Forgets addresses from which nobody came for long.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM known_address WHERE (who, address) IN
             (SELECT who, address FROM known_address WHERE at <= $1 ORDER BY at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - KNOWN_FOR, most])?)
}

/// What is told of refusals: as much as a person can read, however many there are.
#[derive(Default)]
pub struct Watch {
    told: Mutex<HashMap<(Kind, Option<IpAddr>), Told>>,
    has_warned_of_forwarding: AtomicBool,
}

#[derive(Default)]
struct Told {
    since: Millis,
    count: u32,
}

impl Told {
    fn takes_one(&mut self, most: u32, at: Millis) -> bool {
        // A window that begins later than now is one of a clock that was wrong.
        if !(0..HOUR).contains(&(at - self.since)) {
            *self = Self { since: at, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= most
    }
}

impl Watch {
    fn is_told(&self, kind: Kind, address: IpAddr, at: Millis) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let here = told.get(&(kind, Some(address)));
        let is_full_here = here
            .is_some_and(|here| (0..HOUR).contains(&(at - here.since)) && here.count >= LOGGED_OF_ADDRESS);
        if is_full_here || !told.entry((kind, None)).or_default().takes_one(LOGGED_OF_KIND, at) {
            return false;
        }
        // No more addresses than lines, so the memory is bounded, too.
        told.retain(|_, told| (0..HOUR).contains(&(at - told.since)));
        told.entry((kind, Some(address))).or_default().takes_one(LOGGED_OF_ADDRESS, at)
    }

    /// Says once that a peer that nobody trusts tells whom it forwards.
    pub fn warn_of_forwarding(&self, peer: IpAddr) {
        if !self.has_warned_of_forwarding.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "X-Forwarded-For of a peer that is not in server.trusted_proxies is ignored; if it is your proxy, add it"
            );
        }
    }
}

/// A login or session of `name` (may be empty) was refused.
pub async fn refused(app: &App, kind: Kind, address: ClientAddress, name: &str) {
    tell(app, ("session.refused", kind), address, name).await;
}

/// Another try is not even looked at.
pub async fn locked(app: &App, kind: Kind, address: ClientAddress, name: &str) {
    tell(app, ("session.locked", kind), address, name).await;
}

async fn tell(
    app: &App,
    (action, kind): (&'static str, Kind),
    ClientAddress(address): ClientAddress,
    name: &str,
) {
    metrics::counter!("yuyue_login_failures_total", "kind" => kind.word()).increment(1);
    let at = app.clock.now().at;
    if !app.logins.is_told(kind, address, at) {
        return;
    }
    let name = masked(name);
    tracing::warn!(%address, kind = kind.word(), name, action, "a login or session was refused");
    let write = move |tx: &mut Tx<'_>| {
        let who = format!("address {address}");
        let after = json!({ "address": address.to_string(), "kind": kind.word(), "name": name });
        audit::record_by(tx, &who, action, kind.word(), &Value::Null, &after, at)
    };
    if let Err(error) = app.db.write("logins.tell", write).await {
        // The answer is right all the same.
        tracing::warn!(cause = error.cause, "a refused login could not be written to the audit log");
    }
}

/// Enough of a name to recognise it.
fn masked(name: &str) -> String {
    let digits = phone::key(name).bytes().filter(u8::is_ascii_digit).count();
    let mut letters = name.chars();
    match letters.next() {
        Some(_) if digits >= 7 => mask_phone(name),
        Some(first) => format!("{first}***"),
        None => String::new(),
    }
}

/// Tells of a session or key that is not good (any more) and gives what to answer.
pub async fn refuse_session(app: &App, parts: &mut Parts, kind: Kind) -> Error {
    if let Ok(address) = ClientAddress::from_request_parts(parts, app).await {
        refused(app, kind, address, "").await;
    }
    Error::unauthenticated()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised_and_not_readable() {
        assert_eq!(masked("13811111111"), "138****1111");
        assert_eq!(masked("admin"), "a***");
        assert_eq!(masked("张三"), "张***");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn what_is_told_is_bounded_by_address_and_in_all() {
        let watch = Watch::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let told = |from: std::ops::Range<u32>, times: u32, at| {
            let tries = from.flat_map(|n| (0..times).map(move |_| n));
            tries.filter(|n| watch.is_told(Kind::Staff, address(*n), at)).count()
        };
        assert_eq!(told(0..1, 1_000, 0), 20);
        assert_eq!(told(1..1_000, 3, 0), 180, "200 with those before");
        assert!(watch.is_told(Kind::Market, address(0), 0), "another kind");
        assert_eq!(told(0..1, 1_000, HOUR), 20, "the next hour");
        assert_eq!(told(0..1, 1_000, 0), 20, "a clock set back");
        assert!(watch.told.lock().unwrap().len() < 500);
    }
}
