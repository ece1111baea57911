//! Codes by text message or voice call that prove a phone (验证码): asked for, tried, used up once.
//!
//! Who asks for one decides what a refusal is called; how often codes may be asked for and tried is the
//! same for all.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use yuyue_db::{Tx, params, sql};

use crate::adapters::sms::{Channel, SmsError, SmsMessage};
use crate::app::{App, Mode};
use crate::budgets::{self, For};
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::error::Error;
use crate::http::limits::{self, ClientAddress};
use crate::logins::{self, Kind};
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{NewJob, enqueue};
use crate::secrets::Secrets;
use crate::{members, phone};

/// How long a code can be used.
pub const LIFETIME: Millis = 300 * SECOND;
/// The wrong try that locks a code for the address it came from.
const TRIES: u32 = 5;
/// How often one code can be sent again.
const RESENDS: i64 = 3;
const DIGITS: usize = 6;
/// How soon an address may ask for another code for a phone.
const PAUSE: Millis = MINUTE;
/// Codes an address may ask for in a day for a phone.
const A_DAY: u32 = 10;
/// Codes that all addresses may ask for together in a day for a phone whose person never came from them; no
/// single one may use them up.
const STRANGERS_A_DAY: u32 = 10;
const STRANGER_A_DAY: u32 = STRANGERS_A_DAY - 1;
/// The most codes of one phone that are compared with a try.
const MOST_CODES: i64 = 100;
/// What seals the digits.
const SEAL: &str = "sms_code";
/// The outbox's kind of message.
pub const CODE: &str = "members.login_code";

/// What a code proves the phone for. A code for one thing is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Login,
    Binding,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Binding => "binding",
        }
    }

    fn counted(self, what: &str, phone_key: &str, address: IpAddr) -> String {
        format!("code {what} {} {phone_key} {address}", self.word())
    }
}

/// A request for a code.
pub struct Wanted {
    pub purpose: Purpose,
    /// Whom it is sent to.
    pub phone: String,
    pub is_voice: bool,
    /// Send the outstanding code again.
    pub is_retry: bool,
    pub address: ClientAddress,
    /// The digits of a code, should a new one be needed.
    sealed: String,
    at: Millis,
}

impl Wanted {
    /// # Errors
    /// 503 when there is nothing to send with.
    pub fn new(
        app: &App,
        (purpose, phone): (Purpose, String),
        (is_voice, is_retry): (bool, bool),
        address: ClientAddress,
        at: Millis,
    ) -> Result<Self, Error> {
        let sms = &app.config.sms;
        let template = if is_voice { &sms.voice_template } else { &sms.login_template };
        if app.sms.is_none() || template.is_empty() {
            return Err(Error::unavailable("no SMS account or template is set"));
        }
        let sealed = app.secrets.seal(SEAL, &app.ids.digits(DIGITS));
        Ok(Self { purpose, phone, is_voice, is_retry, address, sealed, at })
    }
}

/// Why no code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// This phone asks too often.
    Phone,
    /// The address, or everybody together, does; seconds until it may again.
    Budget(u32),
}

/// Writes the message with a code; gives the seconds for which it can be used.
///
/// # Errors
/// When the database refuses. A [`NotSent`] must end the transaction: what was counted is then undone.
pub fn send(app: &App, tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Result<i64, NotSent>, Error> {
    let (id, expires_at) = match outstanding_or_new(app, tx, wanted)? {
        Ok(code) => code,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(refusal) = over_budget(app, tx, wanted)? {
        return Ok(Err(refusal));
    }
    let payload = serde_json::to_string(&Sending { sms_code_id: id, is_voice: wanted.is_voice });
    let payload = payload.map_err(|error| Error::internal(error.to_string()))?;
    let (due_at, recipient) = (wanted.at, wanted.phone.as_str());
    let job = NewJob { kind: CODE, recipient, payload: &payload, due_at, deadline: expires_at };
    enqueue(tx, &job, wanted.at)?;
    Ok(Ok((expires_at - wanted.at) / SECOND))
}

/// The code to send and when it expires.
fn outstanding_or_new(
    app: &App,
    tx: &mut Tx<'_>,
    wanted: &Wanted,
) -> Result<Result<(i64, Millis), NotSent>, Error> {
    let Wanted { purpose, phone, at, address: ClientAddress(address), .. } = wanted;
    let phone_key = phone::key(phone);
    let sent = newest(tx, *purpose, &phone_key)?.into_iter();
    let outstanding = sent.filter(|code| code.is_asked_from(*address)).find(|code| code.fault(*at).is_none());
    let outstanding = match outstanding {
        Some(code) if is_locked(tx, code.id, *address, *at)? => None,
        outstanding => outstanding,
    };
    if let Some(code) = outstanding.filter(|_| wanted.is_retry) {
        let may_resend = count_resend(tx, code.id)?;
        return Ok(if may_resend { Ok((code.id, code.expires_at)) } else { Err(NotSent::Phone) });
    }
    let pause = limits::count(tx, &purpose.counted("pause", &phone_key, *address), *at, PAUSE)?;
    let day = limits::count(tx, &purpose.counted("day", &phone_key, *address), *at, DAY)?;
    if pause.count > 1 || day.count > A_DAY || has_many_strangers(app, tx, wanted, day.count)? {
        return Ok(Err(NotSent::Phone));
    }
    let insert = sql!(
        "INSERT INTO sms_code (mobile, purpose, sealed_code, created_at, expires_at, wrong, resends, address)
         VALUES ($1, $2, $3, $4, $5, 0, 0, $6) RETURNING id"
    );
    let (expires_at, address) = (at + LIFETIME, address.to_string());
    let values = params![&phone_key, purpose.word(), &wanted.sealed, *at, expires_at, &address];
    Ok(Ok((tx.query_one(insert, values, |row| row.get("id"))?, expires_at)))
}

/// Counts the codes of a phone that addresses ask for from which its person never came.
fn strangers_for(phone_key: &str) -> String {
    format!("code strangers {phone_key}")
}

/// Whether a phone gets no more codes that addresses ask for from which its person never came; `from_here` were
/// asked for by this one.
fn has_many_strangers(app: &App, tx: &mut Tx<'_>, wanted: &Wanted, from_here: u32) -> Result<bool, Error> {
    let phone_key = phone::key(&wanted.phone);
    let is_known = logins::is_known(tx, &logins::person(&phone_key), wanted.address.0, wanted.at)?;
    if app.mode == Mode::Documented || is_known {
        return Ok(false);
    }
    let all = limits::count(tx, &strangers_for(&phone_key), wanted.at, DAY)?;
    Ok(all.count > STRANGERS_A_DAY || from_here > STRANGER_A_DAY)
}

/// A message beyond the budget of its address or of the day. What is shared by all callers is counted
/// last, because everybody waits for it until the commit.
fn over_budget(app: &App, tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Option<NotSent>, Error> {
    let limits = &app.config.members;
    let budgets = [
        (format!("code address {}", wanted.address.0), HOUR, limits.codes_per_address_per_hour),
        ("code all".to_owned(), DAY, limits.codes_per_day),
    ];
    for (name, window, most) in budgets {
        if most == 0 {
            continue;
        }
        let counted = limits::count(tx, &name, wanted.at, window)?;
        if counted.count > most {
            return Ok(Some(NotSent::Budget(counted.retry_after(wanted.at))));
        }
    }
    let has_account = members::has_account(tx, &phone::key(&wanted.phone))?;
    let spent = budgets::spend(app, tx, if has_account { For::Account } else { For::Stranger }, wanted.at)?;
    Ok(spent.err().map(NotSent::Budget))
}

/// Why a code does not prove the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None was asked for.
    None,
    Used,
    /// Tried wrongly too often.
    Locked,
    Expired,
    Wrong,
}

/// The newest code of a phone that one address asked for.
#[derive(Clone, Debug)]
struct Sent {
    id: i64,
    sealed: String,
    address: String,
    expires_at: Millis,
    is_used: bool,
}

impl Sent {
    /// Why the code cannot be tried, if so.
    fn fault(&self, at: Millis) -> Option<Fault> {
        if self.is_used {
            Some(Fault::Used)
        } else if at >= self.expires_at {
            Some(Fault::Expired)
        } else {
            None
        }
    }

    fn is_asked_from(&self, address: IpAddr) -> bool {
        self.address == address.to_string()
    }
}

/// Of each address that asked for codes of a phone the newest, newest first: a code that somebody else asks for
/// does not end one's own.
fn newest(tx: &mut Tx<'_>, purpose: Purpose, phone_key: &str) -> Result<Vec<Sent>, Error> {
    let list = sql!(
        "SELECT s.id, s.sealed_code, s.address, s.expires_at, s.used_at FROM sms_code s
         WHERE s.mobile = $1 AND s.purpose = $2
           AND NOT EXISTS (SELECT 1 FROM sms_code n WHERE n.mobile = s.mobile AND n.purpose = s.purpose
                                                      AND n.address = s.address AND n.id > s.id)
         ORDER BY s.id DESC LIMIT $3"
    );
    let found = tx.query(list, params![phone_key, purpose.word(), MOST_CODES], |row| {
        Ok(Sent {
            id: row.get("id")?,
            sealed: row.get("sealed_code")?,
            address: row.get("address")?,
            expires_at: row.get("expires_at")?,
            is_used: row.get::<Option<i64>>("used_at")?.is_some(),
        })
    });
    Ok(found?)
}

/// Compares a tried code with those that can be used; gives the id of the right one. It stays usable: only what
/// it is for, once done, uses it up by [`take`].
///
/// # Errors
/// When the database refuses.
pub async fn check(
    app: &App,
    purpose: Purpose,
    phone: &str,
    tried: &str,
    address: ClientAddress,
    at: Millis,
) -> Result<Result<i64, Fault>, Error> {
    let guess =
        Guess { purpose, phone_key: phone::key(phone), tried: tried.to_owned(), address: address.0, at };
    let secrets = app.secrets.clone();
    // A counted try must be kept, so the fault is the closure's value and not its error.
    let checked = app.db.write("codes.check", move |tx| guess.compare(tx, &secrets)).await?;
    let kind = match purpose {
        Purpose::Login => Kind::MemberCode,
        Purpose::Binding => Kind::Binding,
    };
    match checked {
        Ok(_) => {}
        Err(Fault::Locked) => logins::locked(app, kind, address, phone).await,
        Err(_) => logins::refused(app, kind, address, phone).await,
    }
    Ok(checked)
}

/// A code that is tried.
struct Guess {
    purpose: Purpose,
    phone_key: String,
    tried: String,
    address: IpAddr,
    at: Millis,
}

impl Guess {
    fn compare(&self, tx: &mut Tx<'_>, secrets: &Secrets) -> Result<Result<i64, Fault>, Error> {
        let Self { purpose, phone_key, tried, address, at } = self;
        let sent = newest(tx, *purpose, phone_key)?;
        let own = sent.iter().find(|code| code.is_asked_from(*address)).or(sent.first());
        let Some(own) = own else { return Ok(Err(Fault::None)) };
        if sent.iter().all(|code| code.fault(*at).is_some()) {
            let is_locked = !own.is_used && is_locked(tx, own.id, *address, *at)?;
            let fault = own.fault(*at).filter(|_| !is_locked);
            return Ok(Err(fault.unwrap_or(Fault::Locked)));
        }
        let Some(tries) = self.count(tx, own.id)? else { return Ok(Err(Fault::Locked)) };
        let (mut right, mut over) = (None, None);
        for code in &sent {
            let digits = secrets.open(SEAL, &code.sealed);
            let digits = digits.ok_or_else(|| Error::internal("a code cannot be read with this key"))?;
            if bool::from(digits.as_bytes().ct_eq(tried.as_bytes())) {
                match code.fault(*at) {
                    None => right = Some(code.id),
                    fault => over = fault,
                }
            }
        }
        if let Some(id) = right {
            self.give_back(tx, own.id)?;
            return Ok(Ok(id));
        }
        if let Some(fault) = over {
            return Ok(Err(fault));
        }
        tx.execute(sql!("UPDATE sms_code SET wrong = wrong + 1 WHERE id = $1"), params![own.id])?;
        Ok(Err(if tries >= TRIES { Fault::Locked } else { Fault::Wrong }))
    }

    /// Counts a try before it is known to be wrong; `None` when there were too many from this address, or from
    /// all that are not known.
    fn count(&self, tx: &mut Tx<'_>, code_id: i64) -> Result<Option<u32>, Error> {
        let tries = limits::count(tx, &self.tries_at(code_id), self.at, DAY)?;
        if tries.count > TRIES {
            return Ok(None);
        }
        let who = logins::person(&self.phone_key);
        if logins::is_known(tx, &who, self.address, self.at)? {
            return Ok(Some(tries.count));
        }
        let strangers = limits::count(tx, &logins::strangers(&who), self.at, DAY)?;
        Ok((strangers.count <= logins::STRANGERS_FAILURES).then_some(tries.count))
    }

    fn give_back(&self, tx: &mut Tx<'_>, code_id: i64) -> Result<(), Error> {
        limits::give_back(tx, &self.tries_at(code_id), self.at)?;
        let who = logins::person(&self.phone_key);
        if logins::is_known(tx, &who, self.address, self.at)? {
            return Ok(());
        }
        limits::give_back(tx, &logins::strangers(&who), self.at)
    }

    fn tries_at(&self, code_id: i64) -> String {
        tries_at(code_id, self.address)
    }
}

fn tries_at(code_id: i64, address: IpAddr) -> String {
    format!("code tries {code_id} {address}")
}

/// Whether an address has tried a code too often.
fn is_locked(tx: &mut Tx<'_>, code_id: i64, address: IpAddr, at: Millis) -> Result<bool, Error> {
    let tries = limits::so_far(tx, &tries_at(code_id, address), at)?;
    Ok(tries.is_some_and(|tries| tries.count >= TRIES))
}

/// Uses a code up; false when somebody was quicker.
///
/// # Errors
/// When the database refuses.
pub fn take(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<bool, Error> {
    let update =
        sql!("UPDATE sms_code SET used_at = $2 WHERE id = $1 AND used_at IS NULL RETURNING mobile, address");
    let taken: Option<(String, String)> =
        tx.query_opt(update, params![id, at], |row| Ok((row.get("mobile")?, row.get("address")?)))?;
    let Some((phone_key, address)) = taken else { return Ok(false) };
    // It was no stranger who asked for it.
    let address = address.parse().ok();
    if let Some(address) = address
        && !logins::is_known(tx, &logins::person(&phone_key), address, at)?
    {
        limits::give_back(tx, &strangers_for(&phone_key), at)?;
    }
    Ok(true)
}

/// Counts one more sending of a code; false when it was sent often enough.
fn count_resend(tx: &mut Tx<'_>, id: i64) -> Result<bool, Error> {
    let update = sql!("UPDATE sms_code SET resends = resends + 1 WHERE id = $1 AND resends < $2");
    Ok(tx.execute(update, params![id, RESENDS])? == 1)
}

/// Forgets codes a day after they expired.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM sms_code WHERE id IN
             (SELECT id FROM sms_code WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - DAY, most])?)
}

/// What lies in the outbox; the code itself stays sealed in its own table.
#[derive(Serialize, Deserialize)]
struct Sending {
    sms_code_id: i64,
    is_voice: bool,
}

/// # Errors
/// As the SMS provider answers; gives up once the code is used or expired.
pub async fn deliver(app: &App, job: &Job) -> Result<Done, Failed> {
    let give_up = |reason: &str| Failed::GiveUp { reason: reason.into() };
    let code: Sending = serde_json::from_str(&job.payload).map_err(|error| give_up(&error.to_string()))?;
    let sms = app
        .sms
        .as_ref()
        .ok_or_else(|| Failed::Retry { reason: "no SMS account is set".into(), after: None })?;
    let at = app.clock.now().at;
    let id = code.sms_code_id;
    let sealed = app.db.point("codes.usable", move |tx| usable(tx, id, at)).await?;
    let sealed = sealed.ok_or_else(|| give_up("the code was used or has expired"))?;
    let digits = app.secrets.open(SEAL, &sealed);
    let digits =
        digits.ok_or_else(|| Failed::NotHere { reason: "the code cannot be read with this key".into() })?;
    let settings = &app.config.sms;
    let (channel, template) = if code.is_voice {
        (Channel::Voice, &settings.voice_template)
    } else {
        (Channel::Sms, &settings.login_template)
    };
    let message = SmsMessage {
        channel,
        to: job.recipient.clone(),
        template: template.clone(),
        params: Map::from_iter([("code".to_owned(), Value::from(digits))]),
        out_id: job.id.to_string(),
    };
    match sms.send_once(&message, job.attempts > 0, at).await {
        Ok(_) => Ok(Done::Finished),
        Err(SmsError::GiveUp { reason }) => Err(Failed::GiveUp { reason }),
        Err(SmsError::Retry { reason, after }) => Err(Failed::Retry { reason, after }),
        Err(SmsError::Account { reason, after }) => Err(Failed::Retry { reason, after: Some(after) }),
    }
}

/// The sealed digits of a code that can still be used.
fn usable(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<Option<String>, Error> {
    let find = sql!("SELECT sealed_code FROM sms_code WHERE id = $1 AND used_at IS NULL AND expires_at > $2");
    Ok(tx.query_opt(find, params![id, at], |row| row.get("sealed_code"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_code_is_used_even_when_it_has_expired() {
        let code =
            |is_used| Sent { id: 1, sealed: String::new(), address: String::new(), expires_at: 100, is_used };
        assert_eq!(code(true).fault(200), Some(Fault::Used));
        assert_eq!(code(false).fault(100), Some(Fault::Expired));
        assert_eq!(code(false).fault(99), None);
    }
}
