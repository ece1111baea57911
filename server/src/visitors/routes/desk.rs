//! The sign-in desk and the gates.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use yuyue_db::Tx;

use super::Outcome;
use crate::app::App;
use crate::clock::{Millis, Now};
use crate::error::{Code, Error};
use crate::http::access::BaseUrl;
use crate::http::envelope::{Reply, VisitorsAnswer, VisitorsReply};
use crate::http::extract::{Input, InputOnce};
use crate::http::fields::{Phone, REQUIRED, Raw, optional};
use crate::http::idempotency::{self, Once};
use crate::phone;
use crate::staff::{self, StaffMember};
use crate::visitors::caller::Caller;
use crate::visitors::hosts;
use crate::visitors::messages::{Event, Teller};
use crate::visitors::overdue;
use crate::visitors::qr::{self, Scanned};
use crate::visitors::rules::{self, Validity};
use crate::visitors::scans::{self, Scan};
use crate::visitors::store::blocklist;
use crate::visitors::store::desk::{self, Inside, NewPass};
use crate::visitors::store::visits::{self, Person, Visit};
use crate::visitors::view::Form;

#[derive(Deserialize, ToSchema)]
pub struct VisitSignInRequest {
    /// 访客（或随行人员）的手机号码
    phone: Phone,
}

/// A companion with their pass.
#[derive(Serialize, ToSchema)]
pub struct SignedInRetinue {
    /// Koala's id of the person; our own until Koala has answered.
    subject_id: i64,
    /// 随行人员姓名
    name: String,
    /// 随行人员手机号码
    phone: String,
    /// 随行人员访客二维码内容
    qrcode: String,
    /// 随行人员访客二维码图片url
    qrcode_img_url: String,
}

#[derive(Serialize, ToSchema)]
pub struct VisitSignedIn {
    /// 访客申请记录id
    id: i64,
    /// Koala's id of the visitor; our own until Koala has answered.
    subject_id: i64,
    /// 访客姓名
    name: String,
    /// 访客手机号码
    phone: String,
    /// 访客二维码内容
    qrcode: String,
    /// 访客二维码图片url
    qrcode_img_url: String,
    /// 随行人员数组
    retinues: Vec<SignedInRetinue>,
}

impl VisitSignedIn {
    fn new(form: &Form, visit_id: i64, people: Vec<Person>) -> Self {
        let mut people = people.into_iter().map(|person| {
            let (qrcode, qrcode_img_url) = form.code(visit_id, &person);
            let subject_id = person.subject_id();
            SignedInRetinue { subject_id, name: person.name, phone: person.phone, qrcode, qrcode_img_url }
        });
        let visitor = people.next();
        let retinues = people.collect();
        let visitor = visitor.unwrap_or_else(|| SignedInRetinue {
            subject_id: 0,
            name: String::new(),
            phone: String::new(),
            qrcode: String::new(),
            qrcode_img_url: String::new(),
        });
        let SignedInRetinue { subject_id, name, phone, qrcode, qrcode_img_url } = visitor;
        Self { id: visit_id, subject_id, name, phone, qrcode, qrcode_img_url, retinues }
    }
}

/// A pass that has been drawn but not stored.
struct Drawn {
    token: String,
    /// Base64.
    picture: String,
}

/// How often a sign-in looks again when others change the visit under its hands.
const TRIES: usize = 3;

/// Sign in (访客签到确认，生成访客二维码): of several visits under way the first that is not signed in yet. With
/// all of them signed in it gives the same codes and tells nobody; so does a repeat with its Idempotency-Key.
#[utoipa::path(post, path = "/v1/visit/signin", tag = "visitors", request_body = VisitSignInRequest,
    responses((status = 200, body = VisitorsReply<VisitSignedIn>)))]
pub async fn sign_in(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    input: InputOnce<VisitSignInRequest>,
) -> Outcome {
    caller.may_run_desk()?;
    let phone_key = phone::key(&input.value.phone);
    let now = app.clock.now();
    let asked = Asked {
        app: &app,
        now: &now,
        base: &base,
        once: &input.once,
        caller: &caller.name(),
        staff: caller.staff(),
    };
    if let Some(id) = idempotency::recall(&app, asked.once, asked.caller, now.at).await? {
        let people = asked.people(id).await?;
        return if people.is_empty() {
            Err((&rules::NOTHING_TODAY).into())
        } else {
            asked.answer(id, people)
        };
    }
    for _ in 0..TRIES {
        let (visit, people) = chosen(&app, &phone_key, &now).await?;
        let lacking: Vec<i64> =
            people.iter().filter(|person| person.lacks_pass()).map(|person| person.id).collect();
        let signed_in = if visit.signed_in_at.is_some() && lacking.is_empty() {
            asked.repeat(visit.id, &people, &phone_key).await?
        } else {
            asked.admit(&visit, lacking.len()).await?
        };
        if let Some(id) = signed_in {
            // The visit of an earlier request with the same key may be another one.
            let is_admitted = id == visit.id && !lacking.is_empty();
            if is_admitted && let Some(account) = hosts::account(&app).await? {
                hosts::try_now(&app, &account, &lacking).await;
            }
            let people = asked.people(id).await?;
            // A pass that ended since then, or whose visit was deleted, is not given out.
            if !people.is_empty() && !people.iter().any(Person::lacks_pass) {
                return asked.answer(id, people);
            }
        }
        // Somebody else signed it in, deleted it, or blocked one of its people, between our look and our try,
        // or right after.
    }
    Err(Error::unavailable("a visit kept changing while it was being signed in"))
}

/// What staff did at the desk with a visit.
fn record(
    tx: &mut Tx<'_>,
    staff: Option<&StaffMember>,
    action: &str,
    visit_id: i64,
    at: Millis,
) -> Result<(), Error> {
    staff::record_if_staff(tx, staff, action, &format!("visit {visit_id}"), &json!({ "id": visit_id }), at)
}

/// The visit that a sign-in by this phone is for, with its people.
async fn chosen(app: &App, phone_key: &str, now: &Now) -> Result<(Visit, Vec<Person>), Error> {
    let (phone_key, at) = (phone_key.to_owned(), now.at);
    let before = rules::end_of_today(now);
    app.db
        .read("visitors.choose", move |tx| {
            if blocklist::has(tx, &phone_key)? {
                return Err(Error::from(&rules::ASK_RECEPTION));
            }
            let id = rules::choose(&desk::candidates(tx, &phone_key, before, at)?, at)?;
            let visit = visits::find(tx, id)?.ok_or(&rules::NOTHING_TODAY)?;
            let people = visits::people(tx, id)?;
            Ok((visit, people))
        })
        .await
}

/// A sign-in that is asked for.
struct Asked<'a> {
    app: &'a App,
    now: &'a Now,
    base: &'a str,
    once: &'a Once,
    caller: &'a str,
    staff: Option<StaffMember>,
}

impl Asked<'_> {
    async fn people(&self, visit_id: i64) -> Result<Vec<Person>, Error> {
        self.app.db.point("visitors.people", move |tx| visits::people(tx, visit_id)).await
    }

    /// The visit with everybody's codes as they are now.
    fn answer(&self, visit_id: i64, people: Vec<Person>) -> Outcome {
        Reply::ok(&VisitSignedIn::new(&Form::new(self.app, self.base), visit_id, people))
    }

    /// Signs in again where everybody has their pass: brings back who had left. Gives the visit.
    async fn repeat(&self, id: i64, people: &[Person], phone_key: &str) -> Result<Option<i64>, Error> {
        let is_back =
            |person: &Person| phone::key(&person.phone) == phone_key && person.signed_out_at.is_some();
        if !self.once.is_named() && !people.iter().any(is_back) {
            return Ok(Some(id));
        }
        let (once, caller, at) = (self.once.clone(), self.caller.to_owned(), self.now.at);
        let (secrets, phone_key) = (self.app.secrets.clone(), phone_key.to_owned());
        let staff = self.staff.clone();
        self.app
            .db
            .write("visitors.come_back", move |tx| {
                idempotency::once(tx, (&once, &caller, at), &secrets, |tx| {
                    desk::come_back(tx, id, &phone_key)?;
                    record(tx, staff.as_ref(), "visit.come_back", id, at)?;
                    Ok(Some(id))
                })
            })
            .await
    }

    /// Gives a pass to the people of a visit who lack one, `count` of them, and the visit, if nobody has changed
    /// that meanwhile; the messages come with it. The first time signs the visit in.
    async fn admit(&self, seen: &Visit, count: usize) -> Result<Option<i64>, Error> {
        let (visit_id, is_first) = (seen.id, seen.signed_in_at.is_none());
        let drawn = Arc::new(draw(self.app, visit_id, count).await?);
        let goes_to_koala = hosts::account(self.app).await?.is_some();
        let (app, now, base) = (self.app.clone(), self.now.clone(), self.base.to_owned());
        let (once, caller) = (self.once.clone(), self.caller.to_owned());
        let staff = self.staff.clone();
        self.app
            .db
            .write("visitors.sign_in", move |tx| {
                idempotency::once(tx, (&once, &caller, now.at), &app.secrets, |tx| {
                    let admission = Admission { app: &app, now: &now, base: &base, is_first, goes_to_koala };
                    if !admission.write(tx, visit_id, &drawn)? {
                        return Ok(None);
                    }
                    record(tx, staff.as_ref(), "visit.sign_in", visit_id, now.at)?;
                    Ok(Some(visit_id))
                })
            })
            .await
    }
}

/// What a sign-in does to the database.
struct Admission<'a> {
    app: &'a App,
    now: &'a Now,
    base: &'a str,
    is_first: bool,
    goes_to_koala: bool,
}

impl Admission<'_> {
    /// Whether the visit was still as it was seen.
    fn write(&self, tx: &mut Tx<'_>, visit_id: i64, drawn: &[Drawn]) -> Result<bool, Error> {
        blocklist::hold_still(tx)?;
        if !visits::lock(tx, visit_id)? {
            return Ok(false);
        }
        let at = self.now.at;
        let people = visits::people(tx, visit_id)?;
        let lacking: Vec<i64> =
            people.iter().filter(|person| person.lacks_pass()).map(|person| person.id).collect();
        if lacking.len() != drawn.len() || (self.is_first && !desk::sign_in(tx, visit_id, at)?) {
            return Ok(false);
        }
        let visit = visits::find(tx, visit_id)?.ok_or(&rules::NO_RECORD)?;
        issue_passes(tx, &visit, &lacking, drawn)?;
        let people = visits::people(tx, visit_id)?;
        if self.goes_to_koala {
            for person_id in &lacking {
                hosts::enqueue_create(tx, *person_id, visit.ends_at, at)?;
            }
        }
        let teller = Teller {
            app: self.app,
            visit: &visit,
            people: &people,
            now: self.now,
            base: self.base,
            is_budgeted: false,
        };
        if self.is_first {
            teller.tell_employee(tx, Event::VisitorSignIn)?;
            overdue::watch(tx, &visit, at)?;
        }
        teller.tell_people(tx, Event::SignIn, |person| lacking.contains(&person.id))?;
        Ok(true)
    }
}

/// Makes each person's token and picture: beside the database, whose threads are for others.
async fn draw(app: &App, visit_id: i64, count: usize) -> Result<Vec<Drawn>, Error> {
    let ids = app.ids.clone();
    let drawing = tokio::task::spawn_blocking(move || {
        (0..count)
            .map(|_| {
                let token = hex::encode(ids.bytes::<16>());
                let picture = qr::jpeg(&qr::content(visit_id, &token))?;
                let picture = base64::engine::general_purpose::STANDARD.encode(picture);
                Ok(Drawn { token, picture })
            })
            .collect()
    });
    drawing.await.map_err(|error| Error::internal(error.to_string()))?
}

fn issue_passes(tx: &mut Tx<'_>, visit: &Visit, people: &[i64], drawn: &[Drawn]) -> Result<(), Error> {
    let validity = Validity::of_visit(visit.starts_at, visit.ends_at);
    for (person_id, drawn) in people.iter().zip(drawn) {
        let pass = NewPass {
            token: &drawn.token,
            visit_id: visit.id,
            person_id: *person_id,
            validity,
            picture: &drawn.picture,
        };
        desk::insert_pass(tx, &pass)?;
    }
    Ok(())
}

#[derive(Deserialize, ToSchema)]
pub struct PassRequest {
    /// What the reader read: the JSON text, the object, or the 32 digits alone (二维码数据).
    #[serde(default)]
    #[schema(value_type = Value)]
    qrcode: Raw<LONGEST_READING>,
}

/// The longest text or object of a reader that is looked at; what is longer is no code of ours.
const LONGEST_READING: usize = 4 << 10;

/// What a reader sent; `None` inside for what is no code of ours.
fn scanned(reading: &Raw<LONGEST_READING>) -> Result<Option<Scanned>, Error> {
    let value = match reading {
        Raw::Absent => Value::Null,
        Raw::Text(text) => match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) => return Ok(None),
        },
        Raw::TooLong => return Ok(None),
    };
    match &value {
        Value::Null => Err(Error::invalid("qrcode", &REQUIRED.zh, &REQUIRED.en)),
        Value::String(text) if qr::bare(text).is_empty() => {
            Err(Error::invalid("qrcode", &REQUIRED.zh, &REQUIRED.en))
        }
        Value::String(text) => Ok(qr::read(text)),
        Value::Object(_) => Ok(qr::read_value(&value)),
        _ => Err(Error::invalid("qrcode", "应为文本或对象", "expected text or an object")),
    }
}

/// What the gate does, and whose code it was.
async fn judge(
    app: &App,
    scanned: Option<Scanned>,
    at: Millis,
) -> Result<(Option<&'static Code>, Option<desk::Pass>), Error> {
    let Some(Scanned { visit_id, token }) = scanned else { return Ok((Some(&rules::PASS_UNKNOWN), None)) };
    let pass = app.db.point("visitors.pass", move |tx| desk::pass(tx, &token)).await?;
    let refusal = match &pass {
        None => Some(&rules::PASS_UNKNOWN),
        Some(pass) if visit_id.is_some_and(|id| id != pass.visit_id) => Some(&rules::PASS_UNKNOWN),
        Some(pass) if pass.is_blocked => Some(&rules::ASK_RECEPTION),
        Some(pass) => pass.validity.refusal(at),
    };
    Ok((refusal, pass))
}

/// Check a code at a gate (访客二维码验证): one row is read, and nobody outside is asked.
#[utoipa::path(post, path = "/v1/visit/qrcode", tag = "visitors", request_body = PassRequest,
    responses((status = 200, body = VisitorsAnswer)))]
pub async fn check_code(State(app): State<App>, caller: Caller, input: Input<PassRequest>) -> Outcome {
    caller.may_run_desk()?;
    let at = app.clock.now().at;
    let (refusal, pass) = judge(&app, scanned(&input.value.qrcode)?, at).await?;
    let (device_id, device) = match caller {
        Caller::Device(device) => (Some(device.id), device.name),
        Caller::Staff(staff) => (None, staff.name()),
        _ => (None, String::new()),
    };
    let (visit_id, person_id) = pass.map(|pass| (pass.visit_id, pass.person_id)).unzip();
    let verdict = refusal.map_or(0, |code| code.number);
    scans::log(&app, Scan { at, device_id, device, visit_id, person_id, verdict }).await?;
    match refusal {
        None => Ok(Reply::no_content()),
        Some(code) => Err(code.into()),
    }
}

#[derive(Deserialize, ToSchema)]
pub struct SignOutRequest {
    /// Signs out whoever has this phone (手机号码); this or `qrcode`.
    #[serde(default, deserialize_with = "optional")]
    phone: Option<Phone>,
    /// Signs out the person of this code (二维码数据).
    #[serde(default)]
    #[schema(value_type = Value)]
    qrcode: Raw<LONGEST_READING>,
    /// Signs out everybody who came along, too. Default false: nobody leaves the list of those in the
    /// building because somebody else went home.
    #[serde(default)]
    all: bool,
}

#[derive(Serialize, ToSchema)]
pub struct SignedOut {
    /// How many people were signed out (签退人数).
    signed_out: usize,
    /// How many of those who came along are still in the building (仍在场人数).
    remaining: usize,
}

/// Sign out (签退) by phone or code; ours.
#[utoipa::path(post, path = "/v1/visit/signout", tag = "visitors", request_body = SignOutRequest,
    responses((status = 200, body = VisitorsReply<SignedOut>)))]
pub async fn sign_out(State(app): State<App>, caller: Caller, input: Input<SignOutRequest>) -> Outcome {
    caller.may_run_desk()?;
    let SignOutRequest { phone, qrcode, all } = input.value;
    let at = app.clock.now().at;
    let person_id = match &phone {
        Some(_) => None,
        None => {
            let (refusal, pass) = judge(&app, scanned(&qrcode)?, at).await?;
            if refusal == Some(&rules::PASS_UNKNOWN) {
                return Err((&rules::PASS_UNKNOWN).into());
            }
            pass.map(|pass| pass.person_id)
        }
    };
    let (phone_key, staff) = (phone.map(|phone| phone::key(&phone)), caller.staff());
    let since = at - app.config.visitors.overdue_limit;
    let signed_out = app.db.write("visitors.sign_out", move |tx| {
        let party = match (&phone_key, person_id) {
            (Some(key), _) => desk::inside_by_phone(tx, key, since)?,
            (None, Some(person_id)) => desk::inside_by_person(tx, person_id, since)?,
            (None, None) => Vec::new(),
        };
        let goes = |one: &Inside| {
            all || phone_key.as_ref().map_or(Some(one.person_id) == person_id, |key| *key == one.phone_key)
        };
        let mut signed_out = 0_usize;
        for one in party.iter().filter(|one| goes(one)) {
            if desk::sign_out(tx, one.person_id, at)? {
                signed_out += 1;
                record(tx, staff.as_ref(), "visit.sign_out", one.visit_id, at)?;
            }
        }
        if signed_out == 0 {
            return Err(Error::from(&rules::NOT_HERE));
        }
        Ok(SignedOut { signed_out, remaining: party.len() - signed_out })
    });
    Reply::ok(&signed_out.await?)
}
