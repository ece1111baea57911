//! The appointments as a calendar and as charts, and what a schedule would make of them.

use axum::extract::State;
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::clock::{MINUTE, Millis, Now, instant};
use crate::error::Error;
use crate::http::access::Auditor;
use crate::http::envelope::Reply;
use crate::http::extract::{Input, Query};
use crate::http::fields::{Day, IntIn, optional};
use crate::slots::{self, Schedule, ScheduleRequest, StaffListed};
use crate::visitors;

type Outcome = Result<Reply, Error>;

/// Days of a calendar when none are asked for: a week.
const DAYS: i64 = 7;
/// Days of the charts, today included.
const CHARTED: i64 = 30;
/// Of appointments outside a schedule's hours, how many are shown, and looked at to find them.
const SHOWN: usize = 200;
const LOOKED_AT: i64 = 100_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CalendarQuery {
    /// First day (日期), `YYYY-MM-DD`; today unless given.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    from: Option<Day>,
    /// How many days, 7 unless given.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    days: Option<IntIn<1, 42>>,
}

/// A day of the calendar.
#[derive(Serialize, ToSchema)]
pub struct CalendarDay {
    /// The day (日期), `YYYY-MM-DD`.
    date: String,
    /// Its slots, and other times at which appointments stand, in order.
    slots: Vec<CalendarSlot>,
}

/// A slot (时段) with how full it is.
#[derive(Serialize, ToSchema)]
pub struct CalendarSlot {
    /// Hour (小时).
    hour: i64,
    /// Minute (分钟).
    minute: i64,
    /// Appointments it takes (容量); 0 where there is no slot, or none any more.
    capacity: i64,
    /// Places taken, also by appointments that begin before it.
    taken: i64,
    /// Appointments that begin here and are not cancelled.
    booked: i64,
    /// Those of them that are signed in (已签到).
    signed_in: i64,
}

impl From<slots::Counted> for CalendarSlot {
    fn from(slot: slots::Counted) -> Self {
        let slots::Counted { day: _, hour, minute, capacity, taken, booked, signed_in } = slot;
        Self { hour, minute, capacity, taken, booked, signed_in }
    }
}

/// `count` days from `first` on.
fn days_from(first: Date, count: i64) -> Vec<Date> {
    first.series(1.days()).take(usize::try_from(count).unwrap_or(0)).collect()
}

fn midnight(now: &Now, day: Date) -> Millis {
    instant(now.zone(), day.at(0, 0, 0, 0))
}

/// From the beginning of `first` to the end of `last`.
fn range(now: &Now, first: Date, last: Date) -> (Millis, Millis) {
    (midnight(now, first), midnight(now, last.tomorrow().unwrap_or(Date::MAX)))
}

/// The appointments as a calendar: each day's slots, and how full they are. Slots that passed some days ago are
/// forgotten; their appointments still stand there.
#[utoipa::path(get, path = "/admin/v1/calendar", tag = "staff", security(("staff" = [])), params(CalendarQuery),
    responses((status = 200, body = Vec<CalendarDay>)))]
pub async fn show_calendar(
    State(app): State<App>,
    _: Auditor,
    Query(query): Query<CalendarQuery>,
) -> Outcome {
    let now = app.clock.now();
    slots::get_ready(&app, &now).await?;
    let first = query.from.map_or(now.local().date(), |day| day.0);
    let days = days_from(first, query.days.map_or(DAYS, |days| days.0));
    let last = days.last().copied().unwrap_or(first);
    let within = range(&now, first, last);
    let found = app.db.read("staff.calendar", move |tx| {
        slots::calendar(tx, (&first.to_string(), &last.to_string()), within)
    });
    let mut found = found.await?.into_iter().peekable();
    let mut calendar = Vec::with_capacity(days.len());
    for day in days {
        let date = day.to_string();
        let mut slots = Vec::new();
        while let Some(slot) = found.next_if(|slot| slot.day == date) {
            slots.push(CalendarSlot::from(slot));
        }
        calendar.push(CalendarDay { date, slots });
    }
    Reply::ok(&calendar)
}

/// The last 30 days, and today by the hour.
#[derive(Serialize, ToSchema)]
pub struct History {
    /// The last 30 days, today the last.
    days: Vec<HistoryDay>,
    /// The hours of today with slots or appointments.
    hours: Vec<HistoryHour>,
}

/// A day's numbers.
#[derive(Serialize, ToSchema)]
pub struct HistoryDay {
    /// The day (日期), `YYYY-MM-DD`.
    date: String,
    /// Its appointments that are not cancelled (预约).
    appointments: i64,
    /// Those of them that are signed in (签到).
    signed_in: i64,
    /// Visits that begin on it (来访).
    visits: i64,
}

/// An hour's numbers.
#[derive(Serialize, ToSchema)]
pub struct HistoryHour {
    /// Hour (小时).
    hour: i64,
    /// Places of its slots (容量).
    capacity: i64,
    /// Its appointments that are not cancelled (预约).
    appointments: i64,
    /// Those of them that are signed in (签到).
    signed_in: i64,
}

/// The numbers that charts show.
#[utoipa::path(get, path = "/admin/v1/stats/history", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = History)))]
pub async fn show_history(State(app): State<App>, _: Auditor) -> Outcome {
    let now = app.clock.now();
    slots::get_ready(&app, &now).await?;
    let history = app.db.read("staff.history", move |tx| {
        let today = now.local().date();
        let first = today.checked_sub(Span::new().days(CHARTED - 1)).unwrap_or(Date::MIN);
        let (from, to) = range(&now, first, today);
        let attended = slots::attendance(tx, from, to)?;
        let mut days = Vec::new();
        for day in days_from(first, CHARTED) {
            let date = day.to_string();
            let of_day = attended.iter().find(|(day, ..)| *day == date);
            let (appointments, signed_in) =
                of_day.map_or((0, 0), |(_, booked, signed_in)| (*booked, *signed_in));
            let (from, to) = range(&now, day, day);
            let visits = visitors::count_between(tx, from, to)?;
            days.push(HistoryDay { date, appointments, signed_in, visits });
        }
        let date = today.to_string();
        let slots = slots::calendar(tx, (&date, &date), range(&now, today, today))?;
        Ok::<_, Error>(History { days, hours: by_hour(&slots) })
    });
    Reply::ok(&history.await?)
}

fn by_hour(slots: &[slots::Counted]) -> Vec<HistoryHour> {
    let hours = slots.chunk_by(|one, other| one.hour == other.hour);
    let sum = |slots: &[slots::Counted], of: fn(&slots::Counted) -> i64| slots.iter().map(of).sum();
    hours
        .map(|slots| HistoryHour {
            hour: slots[0].hour,
            capacity: sum(slots, |slot| slot.capacity),
            appointments: sum(slots, |slot| slot.booked),
            signed_in: sum(slots, |slot| slot.signed_in),
        })
        .collect()
}

/// What a schedule would make of the days ahead.
#[derive(Serialize, ToSchema)]
pub struct SchedulePreview {
    /// Every day that could be booked, and its slots.
    days: Vec<PreviewDay>,
    /// Upcoming appointments that its opening hours would not cover, the next first; at most 200.
    outside: Vec<StaffListed>,
    /// How many of them there are.
    outside_total: i64,
}

/// A day and its slots.
#[derive(Serialize, ToSchema)]
pub struct PreviewDay {
    /// The day (日期), `YYYY-MM-DD`.
    date: String,
    /// When its slots begin, `HH:MM`.
    slots: Vec<String>,
}

/// Show what a schedule (排班) would make of the days ahead, and of the appointments there are. Changes nothing.
#[utoipa::path(post, path = "/admin/v1/schedule/preview", tag = "staff", security(("staff" = [])),
    request_body = ScheduleRequest, responses((status = 200, body = SchedulePreview)))]
pub async fn preview_schedule(State(app): State<App>, _: Auditor, input: Input<ScheduleRequest>) -> Outcome {
    let schedule = Schedule::from(input.value);
    schedule.check()?;
    let (now, zone) = (app.clock.now(), app.clock.zone().clone());
    let (at, today) = (now.at, now.local().date());
    let upcoming = app.db.read("staff.upcoming", move |tx| slots::upcoming(tx, at, LOOKED_AT)).await?;
    let mut outside: Vec<_> = upcoming.into_iter().filter(|found| !is_covered(&schedule, found)).collect();
    let outside_total = i64::try_from(outside.len()).unwrap_or(i64::MAX);
    outside.truncate(SHOWN);
    let days = days_from(today, schedule.days_ahead + 1).into_iter();
    let day = |day: Date| PreviewDay {
        date: day.to_string(),
        slots: schedule
            .slots_of(day, &zone)
            .iter()
            .map(|slot| format!("{:02}:{:02}", slot.hour, slot.minute))
            .collect(),
    };
    Reply::ok(&SchedulePreview {
        days: days.map(day).collect(),
        outside: outside.into_iter().map(|found| StaffListed::new(found, &zone)).collect(),
        outside_total,
    })
}

fn is_covered(schedule: &Schedule, appointment: &slots::Appointment) -> bool {
    let from = appointment.hour * 60 + appointment.minute;
    let to = from + (appointment.ends_at - appointment.starts_at) / MINUTE;
    appointment.day.parse().is_ok_and(|day| schedule.covers(day, from, to))
}
