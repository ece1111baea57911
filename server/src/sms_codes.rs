//! Codes by text message or voice call that prove a phone (验证码): asked for, tried, used up once.
//!
//! Who asks for one decides what a refusal is called; how often codes may be asked for and tried is the
//! same for all.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use yuyue_db::{Tx, params, sql};

use crate::adapters::sms::{Channel, SmsError, SmsMessage};
use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::config::Members;
use crate::error::Error;
use crate::http::limits::{self, ClientAddress};
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{NewJob, enqueue};
use crate::phone;

/// How long a code can be used.
pub const LIFETIME: Millis = 300 * SECOND;
/// The wrong try that locks a code.
pub const TRIES: i64 = 5;
/// How often one code can be sent again.
const RESENDS: i64 = 3;
const DIGITS: usize = 6;
/// How soon a phone may ask for another code.
const PAUSE: Millis = MINUTE;
/// Codes a phone may ask for in a day.
const A_DAY: u32 = 10;
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

    /// Counts of logins keep the names they have always had.
    fn counted(self, what: &str, phone_key: &str) -> String {
        match self {
            Self::Login => format!("code {what} {phone_key}"),
            Self::Binding => format!("code {what} binding {phone_key}"),
        }
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
pub fn send(tx: &mut Tx<'_>, wanted: &Wanted, limits: &Members) -> Result<Result<i64, NotSent>, Error> {
    let (id, expires_at) = match outstanding_or_new(tx, wanted)? {
        Ok(code) => code,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(refusal) = over_budget(tx, wanted, limits)? {
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
fn outstanding_or_new(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Result<(i64, Millis), NotSent>, Error> {
    let Wanted { purpose, phone, at, .. } = wanted;
    let phone_key = phone::key(phone);
    let outstanding = latest(tx, *purpose, &phone_key)?.filter(|code| code.fault(*at).is_none());
    if let Some(code) = outstanding.filter(|_| wanted.is_retry) {
        let may_resend = count_resend(tx, code.id)?;
        return Ok(if may_resend { Ok((code.id, code.expires_at)) } else { Err(NotSent::Phone) });
    }
    let pause = limits::count(tx, &purpose.counted("pause", &phone_key), *at, PAUSE)?;
    let day = limits::count(tx, &purpose.counted("day", &phone_key), *at, DAY)?;
    if pause.count > 1 || day.count > A_DAY {
        return Ok(Err(NotSent::Phone));
    }
    let insert = sql!(
        "INSERT INTO sms_code (mobile, purpose, sealed_code, created_at, expires_at, wrong, resends)
         VALUES ($1, $2, $3, $4, $5, 0, 0) RETURNING id"
    );
    let expires_at = at + LIFETIME;
    let values = params![&phone_key, purpose.word(), &wanted.sealed, *at, expires_at];
    Ok(Ok((tx.query_one(insert, values, |row| row.get("id"))?, expires_at)))
}

/// A message beyond the budget of its address or of the day. What is shared by all callers is counted
/// last, because everybody waits for it until the commit.
fn over_budget(tx: &mut Tx<'_>, wanted: &Wanted, limits: &Members) -> Result<Option<NotSent>, Error> {
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
    Ok(None)
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

/// The newest code of a phone.
#[derive(Clone, Debug)]
struct Sent {
    id: i64,
    sealed: String,
    expires_at: Millis,
    wrong: i64,
    is_used: bool,
}

impl Sent {
    /// Why the code cannot be tried, if so.
    fn fault(&self, at: Millis) -> Option<Fault> {
        if self.is_used {
            Some(Fault::Used)
        } else if self.wrong >= TRIES {
            Some(Fault::Locked)
        } else if at >= self.expires_at {
            Some(Fault::Expired)
        } else {
            None
        }
    }
}

fn latest(tx: &mut Tx<'_>, purpose: Purpose, phone_key: &str) -> Result<Option<Sent>, Error> {
    let find = sql!(
        "SELECT id, sealed_code, expires_at, wrong, used_at FROM sms_code
         WHERE mobile = $1 AND purpose = $2 ORDER BY id DESC LIMIT 1"
    );
    let found = tx.query_opt(find, params![phone_key, purpose.word()], |row| {
        Ok(Sent {
            id: row.get("id")?,
            sealed: row.get("sealed_code")?,
            expires_at: row.get("expires_at")?,
            wrong: row.get("wrong")?,
            is_used: row.get::<Option<i64>>("used_at")?.is_some(),
        })
    });
    Ok(found?)
}

/// Compares a tried code with the newest one and counts a wrong try; gives its id. It stays usable: only
/// what it is for, once done, uses it up by [`take`].
///
/// # Errors
/// When the database refuses.
pub async fn check(
    app: &App,
    purpose: Purpose,
    phone: &str,
    tried: &str,
    at: Millis,
) -> Result<Result<i64, Fault>, Error> {
    let (phone_key, tried, secrets) = (phone::key(phone), tried.to_owned(), app.secrets.clone());
    // A counted try must be kept, so the fault is the closure's value and not its error.
    app.db
        .write("codes.check", move |tx| {
            let Some(code) = latest(tx, purpose, &phone_key)? else { return Ok(Err(Fault::None)) };
            if let Some(fault) = code.fault(at) {
                return Ok(Err(fault));
            }
            let digits = secrets.open(SEAL, &code.sealed);
            let digits = digits.ok_or_else(|| Error::internal("a code cannot be read with this key"))?;
            if bool::from(digits.as_bytes().ct_eq(tried.as_bytes())) {
                return Ok(Ok(code.id));
            }
            let wrong = count_wrong_try(tx, code.id)?;
            let is_last = wrong.is_none_or(|wrong| wrong >= TRIES);
            Ok(Err(if is_last { Fault::Locked } else { Fault::Wrong }))
        })
        .await
}

/// Uses a code up; false when somebody was quicker or it has been locked.
///
/// # Errors
/// When the database refuses.
pub fn take(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<bool, Error> {
    let update = sql!("UPDATE sms_code SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND wrong < $3");
    Ok(tx.execute(update, params![id, at, TRIES])? == 1)
}

/// Why the newest code of a phone could not be taken.
///
/// # Errors
/// When the database refuses.
pub fn why_not(tx: &mut Tx<'_>, purpose: Purpose, phone: &str, at: Millis) -> Result<Fault, Error> {
    let code = latest(tx, purpose, &phone::key(phone))?;
    Ok(code.and_then(|code| code.fault(at)).unwrap_or(Fault::None))
}

/// Counts one more sending of a code; false when it was sent often enough.
fn count_resend(tx: &mut Tx<'_>, id: i64) -> Result<bool, Error> {
    let update = sql!("UPDATE sms_code SET resends = resends + 1 WHERE id = $1 AND resends < $2");
    Ok(tx.execute(update, params![id, RESENDS])? == 1)
}

/// Counts a wrong try and gives how many there are; `None` when the code cannot be tried any more.
fn count_wrong_try(tx: &mut Tx<'_>, id: i64) -> Result<Option<i64>, Error> {
    let update = sql!(
        "UPDATE sms_code SET wrong = wrong + 1 WHERE id = $1 AND used_at IS NULL AND wrong < $2 RETURNING wrong"
    );
    Ok(tx.query_opt(update, params![id, TRIES], |row| row.get("wrong"))?)
}

/// Forgets codes a day after they expired.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis) -> Result<(), Error> {
    tx.execute(sql!("DELETE FROM sms_code WHERE expires_at <= $1"), params![at - DAY])?;
    Ok(())
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
        let code = |wrong, is_used| Sent { id: 1, sealed: String::new(), expires_at: 100, wrong, is_used };
        assert_eq!(code(0, true).fault(200), Some(Fault::Used));
        assert_eq!(code(5, false).fault(50), Some(Fault::Locked));
        assert_eq!(code(0, false).fault(100), Some(Fault::Expired));
        assert_eq!(code(4, false).fault(99), None);
    }
}
