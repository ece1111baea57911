//! HTTP of slots.

use axum::extract::State;
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use yuyue_db::{Lock, Tx};

use crate::app::App;
use crate::clock::{DAY, Millis, Now, instant, local, text};
use crate::config::SignIn;
use crate::error::{Code, Error};
use crate::http::access::Caller;
use crate::http::envelope::{Reply, SlotsReply};
use crate::http::extract::{Input, InputOnce};
use crate::http::fields::{Day, Id, IntIn, Mobile, Name, OpenId, REQUIRED, optional};
use crate::http::idempotency::{self, unnamed::is_doubtful};
use crate::slots::store::{Appointment, NewAppointment, Place};
use crate::slots::{Holder, get_ready, rules, store};
use crate::staff::record_if_staff;
use crate::{live, locks, members};

type Outcome = Result<Reply, Error>;

/// The document has no paging; these bound a reply.
const LONGEST_LIST: i64 = 1_000;
const LONGEST_STAFF_LIST: usize = 100_000;
/// How often a booking looks again at a slot that changed under it.
const ATTEMPTS: u32 = 3;
/// How far back the staff lists go without a date (最近一个月).
const STAFF_LIST_PAST: Millis = 30 * DAY;
/// The event kind of a sign-in.
pub const SIGN_IN: &str = "slots.sign_in";

#[derive(Serialize, ToSchema)]
pub struct Days {
    /// Days with at least one free slot, `YYYY-MM-DD`, ascending (可预约的日期).
    days: Vec<String>,
}

/// Days that can be booked (获取可预约的days).
#[utoipa::path(post, path = "/v1/available-days/list", tag = "slots", operation_id = "available_days",
    responses((status = 200, body = SlotsReply<Days>)))]
pub async fn days(State(app): State<App>, _: Caller, _: Input<NoFields>) -> Outcome {
    let now = ready(&app).await?;
    let (today, at) = (now.local().date(), now.at);
    let days = app.db.point("slots.days", move |tx| store::free_days(tx, today, at)).await?;
    Reply::ok(&Days { days })
}

#[derive(Deserialize, ToSchema)]
pub struct NoFields {}

/// Reads the clock and makes sure that today's window has its slots.
async fn ready(app: &App) -> Result<Now, Error> {
    let now = app.clock.now();
    get_ready(app, &now).await?;
    Ok(now)
}

#[derive(Deserialize, ToSchema)]
pub struct DayRequest {
    /// Day (日期).
    day: Day,
}

#[derive(Serialize, ToSchema)]
pub struct Hour {
    /// Hour of the day (小时).
    hour: i64,
    /// 0: can be booked (可预约), 1: cannot (不可预约).
    status: i64,
}

/// The hours of a day (获取可预约的小时).
#[utoipa::path(post, path = "/v1/avaliable-hours/list", tag = "slots", operation_id = "available_hours",
    request_body = DayRequest, responses((status = 200, body = SlotsReply<Vec<Hour>>)))]
pub async fn hours(State(app): State<App>, _: Caller, input: Input<DayRequest>) -> Outcome {
    let (now, day) = (ready(&app).await?, input.value.day.0);
    if day < now.local().date() {
        return Reply::ok(&Vec::<Hour>::new());
    }
    let hours = app.db.point("slots.hours", move |tx| store::hours(tx, day, now.at)).await?;
    let hour = |found: store::Availability| Hour { hour: found.number, status: status(found.is_free) };
    Reply::ok(&hours.into_iter().map(hour).collect::<Vec<_>>())
}

fn status(is_free: bool) -> i64 {
    i64::from(!is_free)
}

#[derive(Deserialize, ToSchema)]
pub struct HourRequest {
    /// Day (日期).
    day: Day,
    /// Hour of the day (小时).
    hour: IntIn<0, 23>,
}

#[derive(Serialize, ToSchema)]
pub struct Minutes {
    /// The slots that begin in this hour (可预约的分钟).
    minutes: Vec<Minute>,
}

#[derive(Serialize, ToSchema)]
pub struct Minute {
    /// Minute of the hour (分钟).
    minute: i64,
    /// 0: can be booked (可预约), 1: cannot (不可预约).
    status: i64,
}

/// The slots of an hour (获取可预约的分钟).
#[utoipa::path(post, path = "/avaliable-minutes/list", tag = "slots", operation_id = "available_minutes",
    request_body = HourRequest, responses((status = 200, body = SlotsReply<Minutes>)))]
pub async fn minutes(State(app): State<App>, _: Caller, input: Input<HourRequest>) -> Outcome {
    let (now, day, hour) = (ready(&app).await?, input.value.day.0, input.value.hour.0);
    if day < now.local().date() {
        return Reply::ok(&Minutes { minutes: Vec::new() });
    }
    let minutes = app.db.point("slots.minutes", move |tx| store::minutes(tx, day, hour, now.at)).await?;
    let minute = |found: store::Availability| Minute { minute: found.number, status: status(found.is_free) };
    Reply::ok(&Minutes { minutes: minutes.into_iter().map(minute).collect() })
}

#[derive(Deserialize, ToSchema)]
pub struct BookRequest {
    /// Day (日期).
    day: Day,
    /// Hour (小时).
    hour: IntIn<0, 23>,
    /// Minute (分钟).
    minute: IntIn<0, 59>,
    /// Who books (微信 openid).
    open_id: OpenId,
    /// Name of the person who comes (姓名).
    name: Name,
    /// Mobile number (手机号).
    phone_num: Mobile,
}

#[derive(Serialize, ToSchema)]
pub struct Booked {
    /// Appointment id (预约编号).
    appointment_id: i64,
    /// Day (日期).
    day: String,
    /// Hour (小时).
    hour: i64,
    /// Minute (分钟).
    minute: i64,
    /// When it is, `YYYY-MM-DD HH:MM:SS` (预约时间).
    datetime: String,
    /// When it ends, `YYYY-MM-DD HH:MM:SS` (结束时间).
    ends: String,
}

/// Book a slot (进行预约).
#[utoipa::path(post, path = "/v1/make-appointment", tag = "slots", operation_id = "make_appointment",
    request_body = BookRequest, responses((status = 200, body = SlotsReply<Booked>)))]
pub async fn book(State(app): State<App>, caller: Caller, input: InputOnce<BookRequest>) -> Outcome {
    let request = input.value;
    caller.may_act_for(&request.open_id)?;
    let now = ready(&app).await?;
    let place = Place { day: request.day.0, hour: request.hour.0, minute: request.minute.0 };
    let new = NewAppointment {
        place,
        holder: holder(&app, &caller, request.open_id.to_string()).await?,
        open_id: request.open_id.into(),
        name: request.name.into(),
        phone_num: request.phone_num.into(),
    };
    // Most refusals need no place in the writer's queue. What may be a repeat must find its reply first.
    let once = input.once;
    if !once.is_named() && !is_doubtful(&app, &once, &caller.name(), now.at) {
        let (holder, judged) = (new.holder.clone(), now.clone());
        app.db.point("slots.judge", move |tx| judge(tx, place, &holder, &judged)).await?;
    }
    let most = app.config.slots.max_upcoming;
    let (judged, staff) = (now.clone(), caller.staff());
    let once = (Some(once), caller.name(), &now);
    idempotency::write(&app, "slots.book", once, StatusCode::OK, move |tx| {
        let booked = make_appointment(tx, &new, most, &judged)?;
        let target = format!("appointment {}", booked.appointment_id);
        let after = json!({ "datetime": booked.datetime });
        record_if_staff(tx, staff.as_ref(), "appointment.book", &target, &after, judged.at)?;
        Ok(booked)
    })
    .await
}

/// Whose appointments an open_id stands for.
async fn holder(app: &App, caller: &Caller, open_id: String) -> Result<Holder, Error> {
    match caller {
        Caller::Anyone => Ok(Holder::named(open_id)),
        Caller::Member(member) => Ok(Holder::member(member.id, member.openid.clone())),
        Caller::Staff(_) | Caller::Device(_) => {
            let account = members::account_called(app, open_id.clone()).await?;
            Ok(account.map_or_else(|| Holder::named(open_id), |(id, openid)| Holder::member(id, openid)))
        }
    }
}

/// Refuses a place that cannot be booked.
fn judge(tx: &mut Tx<'_>, place: Place, holder: &Holder, now: &Now) -> Result<(), Error> {
    let view = store::view(tx, place, holder, now.local().date())?;
    let wanted = view.slot.as_ref().map_or_else(|| instant(now.zone(), place.wall()), |slot| slot.starts_at);
    rules::refusal(&view, place.day, wanted, now.at).map_or(Ok(()), |code| Err(code.into()))
}

fn make_appointment(tx: &mut Tx<'_>, new: &NewAppointment, most: u32, now: &Now) -> Result<Booked, Error> {
    store::lock_booker(tx, &new.holder.key)?;
    let times = take_place(tx, new, now)?;
    let Some(id) = store::insert_appointment(tx, new, times, most, now.at)? else {
        let held = store::view(tx, new.place, &new.holder, now.local().date())?.slot;
        let is_mine = held.is_some_and(|slot| slot.is_mine);
        return Err(if is_mine { &rules::ALREADY_MINE } else { &rules::TOO_MANY }.into());
    };
    let Place { day, hour, minute } = new.place;
    let datetime = text(new.place.wall());
    let ends = text(local(now.zone(), times.1));
    Ok(Booked { appointment_id: id, day: day.to_string(), hour, minute, datetime, ends })
}

/// Takes a place, or says why there is none.
fn take_place(tx: &mut Tx<'_>, new: &NewAppointment, now: &Now) -> Result<(Millis, Millis), Error> {
    for _ in 0..ATTEMPTS {
        if let Some(times) = store::take_place(tx, new.place, now.at)? {
            return Ok(times);
        }
        judge(tx, new.place, &new.holder, now)?;
        // Free by the time it was looked at: somebody cancelled, or the slots were laid anew.
    }
    Err(Error::unavailable("a slot kept changing while it was being booked"))
}

#[derive(Deserialize, ToSchema)]
pub struct ListRequest {
    /// Whose appointments (微信 openid).
    open_id: OpenId,
}

/// One of the caller's appointments.
#[derive(Serialize, ToSchema)]
pub struct Listed {
    /// When it is, `YYYY-MM-DD HH:MM:SS` (预约时间).
    datetime: String,
    /// Appointment id (预约编号).
    appointment_id: i64,
    /// 0: normal (正常).
    status: i64,
    /// Whether it is signed in (是否已签到).
    signed_in: bool,
    /// When it ends, `YYYY-MM-DD HH:MM:SS` (结束时间).
    ends: String,
}

/// The caller's appointments (预约列表), the latest slot first.
#[utoipa::path(post, path = "/v1/appointment/list", tag = "slots", operation_id = "list_appointments",
    request_body = ListRequest, responses((status = 200, body = SlotsReply<Vec<Listed>>)))]
pub async fn list(State(app): State<App>, caller: Caller, input: Input<ListRequest>) -> Outcome {
    let open_id = String::from(input.value.open_id);
    caller.may_read_of(&open_id)?;
    let holder = holder(&app, &caller, open_id).await?;
    let list = app.db.point("slots.list", move |tx| store::list_of(tx, &holder, LONGEST_LIST)).await?;
    let listed = |appointment: Appointment| Listed {
        datetime: appointment.datetime(),
        appointment_id: appointment.id,
        status: 0,
        signed_in: appointment.signed_in_at.is_some(),
        ends: text(local(app.clock.zone(), appointment.ends_at)),
    };
    Reply::ok(&list.into_iter().map(listed).collect::<Vec<_>>())
}

#[derive(Deserialize, ToSchema)]
pub struct CancelRequest {
    /// Who holds it (微信 openid).
    open_id: OpenId,
    /// As the document spells it.
    #[serde(default, deserialize_with = "optional")]
    #[schema(ignore)]
    appintment_id: Option<Id>,
    /// Appointment id (预约编号). The document's own spelling, `appintment_id`, works too; when both are
    /// given they must be equal.
    #[serde(default, deserialize_with = "optional")]
    #[schema(value_type = Id, required = true)]
    appointment_id: Option<Id>,
}

/// The id under either of its spellings.
fn either(appintment_id: Option<Id>, appointment_id: Option<Id>) -> Result<i64, Error> {
    const FIELD: &str = "appintment_id";
    match (appintment_id, appointment_id) {
        (Some(one), Some(other)) if one != other => {
            Err(Error::invalid(FIELD, "与 appointment_id 不一致", "differs from appointment_id"))
        }
        (Some(id), _) | (None, Some(id)) => Ok(id.0),
        (None, None) => Err(Error::invalid(FIELD, &REQUIRED.zh, &REQUIRED.en)),
    }
}

/// The appointment that was changed.
#[derive(Serialize, ToSchema)]
pub struct Changed {
    /// Appointment id (预约编号).
    appointment_id: i64,
}

/// Cancel an appointment (取消预约) that has not begun; its slot is free at once.
#[utoipa::path(post, path = "/v1/cancel-appointment", tag = "slots", operation_id = "cancel_appointment",
    request_body = CancelRequest, responses((status = 200, body = SlotsReply<Changed>)))]
pub async fn cancel(State(app): State<App>, caller: Caller, input: Input<CancelRequest>) -> Outcome {
    let request = input.value;
    let id = either(request.appintment_id, request.appointment_id)?;
    let open_id = String::from(request.open_id);
    caller.may_act_for(&open_id)?;
    let holder = holder(&app, &caller, open_id).await?;
    let (at, staff) = (app.clock.now().at, caller.staff());
    app.db
        .write("slots.cancel", move |tx| {
            cancel_appointment(tx, id, Some(&holder), at)?;
            let (action, target) = ("appointment.cancel", format!("appointment {id}"));
            record_if_staff(tx, staff.as_ref(), action, &target, &json!({ "status": "cancelled" }), at)
        })
        .await?;
    Reply::ok(&Changed { appointment_id: id })
}

/// Cancels and frees the slot; `holder` is who must hold it, anybody if `None`. What has begun only staff cancel.
///
/// # Errors
/// [`rules::NOT_FOUND`], [`rules::CANCELLED`], [`rules::SIGNED_IN`], [`rules::TOO_LATE`].
pub fn cancel_appointment(
    tx: &mut Tx<'_>,
    id: i64,
    holder: Option<&Holder>,
    at: Millis,
) -> Result<(), Error> {
    // Slots laid anew meanwhile would count this appointment and miss its giving back.
    tx.lock(Lock::Shared(locks::SCHEDULE))?;
    if let Some((starts_at, ends_at)) = store::cancel(tx, id, holder, at)? {
        return store::give_back(tx, starts_at, ends_at);
    }
    let found = store::find(tx, id)?.filter(|found| holder.is_none_or(|holder| holder.holds(found)));
    let code: &'static Code = match found {
        None => &rules::NOT_FOUND,
        Some(found) if found.cancelled_at.is_some() => &rules::CANCELLED,
        Some(found) if found.signed_in_at.is_some() => &rules::SIGNED_IN,
        Some(_) => &rules::TOO_LATE,
    };
    Err(code.into())
}

#[derive(Deserialize, ToSchema)]
pub struct SignInRequest {
    /// As the document spells it.
    #[serde(default, deserialize_with = "optional")]
    #[schema(ignore)]
    appintment_id: Option<Id>,
    /// Appointment id (预约编号). The document's own spelling, `appintment_id`, works too; when both are
    /// given they must be equal.
    #[serde(default, deserialize_with = "optional")]
    #[schema(value_type = Id, required = true)]
    appointment_id: Option<Id>,
}

#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// Appointment id (预约编号).
    appointment_id: i64,
    /// Whether it was signed in before (是否已签到过).
    already: bool,
}

/// Sign in (签到); the first time tells every connected screen.
#[utoipa::path(post, path = "/v1/sign-in", tag = "slots", request_body = SignInRequest,
    responses((status = 200, body = SlotsReply<SignedIn>)))]
pub async fn sign_in(State(app): State<App>, caller: Caller, input: Input<SignInRequest>) -> Outcome {
    caller.may_run_desk()?;
    let (id, now) = (either(input.value.appintment_id, input.value.appointment_id)?, app.clock.now());
    let today = now.local().date().to_string();
    let only_on = (app.config.slots.sign_in == SignIn::SameDay).then_some(today);
    let staff = caller.staff();
    let already = app.db.write("slots.sign_in", move |tx| {
        if store::sign_in(tx, id, only_on.as_deref(), now.at)? {
            let event = json!({ "appointment_id": id, "event_type": "1" });
            live::publish(tx, SIGN_IN, &event.to_string(), now.at)?;
            let (action, target) = ("appointment.sign_in", format!("appointment {id}"));
            record_if_staff(tx, staff.as_ref(), action, &target, &json!({ "status": "signed_in" }), now.at)?;
            return Ok(false);
        }
        let found = store::find(tx, id)?.ok_or(&rules::NOT_FOUND)?;
        if found.cancelled_at.is_some() {
            return Err(Error::from(&rules::CANCELLED));
        }
        if found.signed_in_at.is_some() { Ok(true) } else { Err((&rules::NOT_TODAY).into()) }
    });
    Reply::ok(&SignedIn { appointment_id: id, already: already.await? })
}

#[derive(Deserialize, ToSchema)]
pub struct StaffListRequest {
    /// Day of the appointments (日期，非必填); without it the last 30 days and all upcoming.
    #[serde(default, deserialize_with = "optional")]
    date: Option<Day>,
}

/// An appointment as staff see it.
#[derive(Serialize, ToSchema)]
pub struct StaffListed {
    /// Day (日期).
    pub day: String,
    /// Hour (小时).
    pub hour: i64,
    /// Minute (分钟).
    pub minute: i64,
    /// Who booked (微信 openid).
    pub open_id: String,
    /// Name (姓名).
    pub name: String,
    /// Mobile number (手机号).
    pub phone_num: String,
    /// 0: normal (正常), 1: cancelled (已经取消).
    pub status: i64,
    /// Appointment id (预约编号).
    pub appointment_id: i64,
    /// When it was signed in, `YYYY-MM-DD HH:MM:SS`; "" before (签到时间).
    pub signed_in_at: String,
}

impl StaffListed {
    #[must_use]
    pub fn new(appointment: Appointment, zone: &jiff::tz::TimeZone) -> Self {
        Self {
            day: appointment.day,
            hour: appointment.hour,
            minute: appointment.minute,
            open_id: appointment.open_id,
            name: appointment.name,
            phone_num: appointment.phone_num,
            status: i64::from(appointment.cancelled_at.is_some()),
            appointment_id: appointment.id,
            signed_in_at: appointment.signed_in_at.map(|at| text(local(zone, at))).unwrap_or_default(),
        }
    }
}

/// All appointments (管理系统预约列表), the latest slot first.
#[utoipa::path(post, path = "/admin/appointment/list", tag = "slots", request_body = StaffListRequest,
    responses((status = 200, body = SlotsReply<Vec<StaffListed>>)))]
pub async fn staff_list(State(app): State<App>, caller: Caller, input: Input<StaffListRequest>) -> Outcome {
    list_for_staff(&app, &caller, input.value.date, false).await
}

/// The signed-in appointments (管理系统签到列表), the latest slot first.
#[utoipa::path(post, path = "/admin/signin-appointment/list", tag = "slots", request_body = StaffListRequest,
    responses((status = 200, body = SlotsReply<Vec<StaffListed>>)))]
pub async fn staff_sign_in_list(
    State(app): State<App>,
    caller: Caller,
    input: Input<StaffListRequest>,
) -> Outcome {
    list_for_staff(&app, &caller, input.value.date, true).await
}

async fn list_for_staff(app: &App, caller: &Caller, date: Option<Day>, only_signed_in: bool) -> Outcome {
    caller.may_see_all()?;
    let now = app.clock.now();
    let midnight = |day: Date| instant(now.zone(), day.at(0, 0, 0, 0));
    let range = match date {
        Some(Day(day)) => (midnight(day), midnight(day.tomorrow().unwrap_or(Date::MAX))),
        None => (now.at - STAFF_LIST_PAST, Millis::MAX),
    };
    let list = app.db.read("slots.staff_list", move |tx| {
        // One more than is shown tells whether there is more.
        let most = i64::try_from(LONGEST_STAFF_LIST).unwrap_or(i64::MAX).saturating_add(1);
        store::list_between(tx, range, only_signed_in, most)
    });
    let mut list = list.await?;
    if list.len() > LONGEST_STAFF_LIST {
        list.truncate(LONGEST_STAFF_LIST);
        tracing::warn!(shown = LONGEST_STAFF_LIST, "a staff list was cut; ask for a date");
    }
    let zone = app.clock.zone();
    Reply::ok(&list.into_iter().map(|found| StaffListed::new(found, zone)).collect::<Vec<_>>())
}
