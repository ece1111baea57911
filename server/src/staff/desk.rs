//! The schedule, the appointments and the day's numbers.

use axum::extract::State;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::clock::{DAY, Millis, instant, local, text};
use crate::error::Error;
use crate::http::access::{Admin, Auditor, Reception};
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Day, Line, Name, optional};
use crate::http::page::{Items, Page, PageQuery};
use crate::http::version::{IfMatch, version};
use crate::phone;
use crate::slots::{self, Schedule, ScheduleRequest, StaffListed};
use crate::{budgets, homemaking, outbox, staff::audit, visitors};

type Outcome = Result<Reply, Error>;

/// How far back a search by name goes when no date is given; no index helps it.
const NAME_SEARCH_PAST: Millis = 366 * DAY;

/// The schedule of the appointments (排班).
#[utoipa::path(get, path = "/admin/v1/schedule", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = Schedule)))]
pub async fn show_schedule(State(app): State<App>, _: Auditor) -> Outcome {
    let schedule = app.db.point("staff.schedule", slots::current_schedule).await?;
    Ok(Reply::ok(&schedule)?.with_version(version(&app.secrets, &schedule)?))
}

/// Replace the schedule. Appointments stay: each fills every new slot that it overlaps.
#[utoipa::path(put, path = "/admin/v1/schedule", tag = "staff", security(("staff" = [])), request_body = ScheduleRequest,
    responses((status = 200, body = Schedule)))]
pub async fn replace_schedule(
    State(app): State<App>,
    Admin(staff): Admin,
    seen: IfMatch,
    input: Input<ScheduleRequest>,
) -> Outcome {
    let schedule = Schedule::from(input.value);
    schedule.check()?;
    let (saved, now, secrets) = (schedule.clone(), app.clock.now(), app.secrets.clone());
    app.db
        .write("staff.replace_schedule", move |tx| {
            seen.check(&version(&secrets, &slots::schedule_to_replace(tx)?)?)?;
            let old = slots::replace_schedule(tx, &saved, &now)?;
            audit::record(tx, &staff, "schedule.replace", "schedule", &json!(old), &json!(saved), now.at)
        })
        .await?;
    Ok(Reply::ok(&schedule)?.with_version(version(&app.secrets, &schedule)?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AppointmentsQuery {
    /// Day of the appointment (日期), `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    date: Option<Day>,
    /// This mobile number (手机号), however it is written.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    phone: Option<Line<64>>,
    /// Any part of the name (姓名). Without a date or phone, of the last 366 days and all upcoming.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    name: Option<Name>,
    /// Where the appointment stands.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<slots::State>,
}

/// An appointment (预约).
#[derive(Serialize, ToSchema)]
pub struct AppointmentItem {
    #[serde(flatten)]
    appointment: StaffListed,
    /// When it was booked, `YYYY-MM-DD HH:MM:SS`.
    created_at: String,
}

impl AppointmentItem {
    fn new(appointment: slots::Appointment, zone: &jiff::tz::TimeZone) -> Self {
        let created_at = text(local(zone, appointment.created_at));
        Self { appointment: StaffListed::new(appointment, zone), created_at }
    }
}

/// Search the appointments, the latest slot first.
#[utoipa::path(get, path = "/admin/v1/appointments", tag = "staff", security(("staff" = [])),
    params(AppointmentsQuery, PageQuery), responses((status = 200, body = Items<AppointmentItem>)))]
pub async fn search_appointments(
    State(app): State<App>,
    _: Auditor,
    Query(query): Query<AppointmentsQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let (now, page) = (app.clock.now(), Page::from(page));
    let is_bounded = query.phone.is_some() || query.name.is_none();
    let range = match query.date {
        Some(Day(day)) => day_range(day, now.zone()),
        None if is_bounded => (0, Millis::MAX),
        None => (now.at - NAME_SEARCH_PAST, Millis::MAX),
    };
    let search = slots::Search {
        range,
        // Only mobiles in their own form are booked with, and such a one is its own key.
        phone: query.phone.map(|phone| phone::key(&phone)),
        name: query.name.map(String::from),
        state: query.status,
    };
    let found = app.db.read("staff.appointments", move |tx| slots::search(tx, &search, page));
    let (total, found) = found.await?;
    let item = |appointment| AppointmentItem::new(appointment, now.zone());
    Reply::ok(&Items::new(page, total, found.into_iter().map(item).collect()))
}

fn day_range(day: Date, zone: &jiff::tz::TimeZone) -> (Millis, Millis) {
    let midnight = |day: Date| instant(zone, day.at(0, 0, 0, 0));
    (midnight(day), midnight(day.tomorrow().unwrap_or(Date::MAX)))
}

/// One appointment.
#[utoipa::path(get, path = "/admin/v1/appointments/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), responses((status = 200, body = AppointmentItem)))]
pub async fn show_appointment(State(app): State<App>, _: Auditor, PathId(id): PathId) -> Outcome {
    let found = app.db.point("staff.appointment", move |tx| slots::find(tx, id)).await?;
    let found = found.ok_or_else(|| with_status((&slots::NOT_FOUND).into()))?;
    Reply::ok(&AppointmentItem::new(found, app.clock.zone()))
}

/// Cancel an appointment for its holder (代为取消); its slot is free at once.
#[utoipa::path(post, path = "/admin/v1/appointments/{id}/cancel", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), responses((status = 200, body = AppointmentItem)))]
pub async fn cancel_for_holder(
    State(app): State<App>,
    Reception(staff): Reception,
    PathId(id): PathId,
) -> Outcome {
    let now = app.clock.now();
    let cancelled = app.db.write("staff.cancel", move |tx| {
        slots::cancel_appointment(tx, id, None, now.at).map_err(with_status)?;
        let cancelled = slots::find(tx, id)?.ok_or_else(|| with_status((&slots::NOT_FOUND).into()))?;
        let shown = |status: slots::State| {
            json!({ "datetime": cancelled.datetime(), "name": cancelled.name, "phone_num": cancelled.phone_num,
                    "status": status })
        };
        let (before, after) = (shown(slots::State::Booked), shown(slots::State::Cancelled));
        audit::record(tx, &staff, "appointment.cancel", &format!("appointment {id}"), &before, &after, now.at)?;
        Ok::<_, Error>(cancelled)
    });
    Reply::ok(&AppointmentItem::new(cancelled.await?, app.clock.zone()))
}

/// The slots document answers every refusal with 200 and a number; here it has its own status.
fn with_status(error: Error) -> Error {
    match error.code() {
        Some(code) if code == &slots::NOT_FOUND => Error::not_found(code.zh, code.en),
        Some(code) => Error::conflict(code.zh, code.en),
        None => error,
    }
}

/// The numbers of today and of what waits.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    /// The day they are of, `YYYY-MM-DD`.
    date: String,
    /// Appointments today that are not cancelled (今日预约).
    appointments_today: i64,
    /// Sign-ins today (今日签到).
    sign_ins_today: i64,
    /// Visits that begin today (今日来访).
    visits_today: i64,
    /// Orders that are not finished (未完成订单).
    open_orders: i64,
    /// Refunds that are not finished (未完成退款).
    open_refunds: i64,
    /// Appeals against refused refunds that wait for staff (待处理申诉).
    appeals_waiting: i64,
    /// Messages still to be sent.
    messages_waiting: i64,
    /// Messages given up, which staff may send again.
    messages_given_up: i64,
    /// How much of the day's budget for messages that callers cause is used, in percent.
    message_budget_percent: i64,
}

/// The numbers of the day.
#[utoipa::path(get, path = "/admin/v1/stats", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = Stats)))]
pub async fn show_stats(State(app): State<App>, _: Auditor) -> Outcome {
    let now = app.clock.now();
    let today = now.local().date();
    let (from, to) = day_range(today, now.zone());
    let (at, per_day) = (now.at, app.config.messages.per_day);
    let stats = app.db.read("staff.stats", move |tx| {
        let (appointments_today, sign_ins_today) = slots::counts_between(tx, from, to)?;
        let (open_orders, open_refunds, appeals_waiting) = homemaking::open_counts(tx)?;
        Ok::<_, Error>(Stats {
            open_orders,
            open_refunds,
            appeals_waiting,
            date: today.to_string(),
            appointments_today,
            sign_ins_today,
            visits_today: visitors::count_between(tx, from, to)?,
            messages_waiting: outbox::count(tx, outbox::State::Waiting)?,
            messages_given_up: outbox::count(tx, outbox::State::GivenUp)?,
            message_budget_percent: budgets::used_percent(tx, per_day, at)?,
        })
    });
    Reply::ok(&stats.await?)
}
