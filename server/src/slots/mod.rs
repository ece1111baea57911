//! Slots (000): appointments in time slots, with live sign-in.
//!
//! The schedule is laid out as one row a slot, with a capacity and how much of it is taken. Booking
//! is one conditional update of that row; availability is a read of it.

pub mod labels;
pub mod routes;
pub mod rules;
pub mod schedule;
pub mod socket;
pub mod store;

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use yuyue_db::{Lock, Tx};

use crate::app::App;
use crate::clock::{Now, instant, local, shown_first};
use crate::error::Error;
use crate::http::choice::{Choice, choice_field};
use crate::staff::record_change_by;
use crate::{homemaking, locks, members};

pub use routes::{StaffListed, cancel_appointment};
pub use rules::NOT_FOUND;
pub use schedule::{Schedule, ScheduleRequest};
pub use store::{
    Appointment, Counted, Search, attendance, calendar, clean_up, counts_between, find,
    schedule as current_schedule, search, upcoming,
};

/// Whose an appointment is.
///
/// An openid changes hands and a person changes openids, so what a member books is kept under the
/// account's own name, `m` and its id, beside the open_id that was sent.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What is booked is kept under this.
    pub key: String,
    /// Another key under which what is the same person's may be kept.
    pub other: Option<String>,
    /// The open_id alone, where nobody proves who they are.
    pub open_id: Option<String>,
}

impl Holder {
    /// The member of this account, to whom `openid` is bound.
    #[must_use]
    pub fn member(account_id: i64, openid: Option<String>) -> Self {
        Self { key: members::own_name(account_id), other: openid, open_id: None }
    }

    /// Whoever goes by this name.
    #[must_use]
    pub fn named(open_id: String) -> Self {
        Self { key: open_id.clone(), other: None, open_id: Some(open_id) }
    }

    #[must_use]
    pub fn holds(&self, appointment: &Appointment) -> bool {
        let kept = Some(&appointment.holder);
        kept == Some(&self.key)
            || kept == self.other.as_ref()
            || self.open_id.as_ref() == Some(&appointment.open_id)
    }
}

/// Makes what was booked under `openid` while nobody's account was known behind it the member's.
///
/// # Errors
/// When the database refuses.
pub fn claim(tx: &mut Tx<'_>, account_id: i64, openid: Option<&str>) -> Result<(), Error> {
    let Some(openid) = openid else { return Ok(()) };
    let key = members::own_name(account_id);
    store::lock_booker(tx, &key)?;
    store::claim(tx, &key, openid)
}

/// Where an appointment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To come (已预约).
    Booked,
    /// 已签到
    SignedIn,
    /// 已取消
    Cancelled,
}

impl Choice for State {
    const ALL: &'static [Self] = &[Self::Booked, Self::SignedIn, Self::Cancelled];

    fn word(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::SignedIn => "signed_in",
            Self::Cancelled => "cancelled",
        }
    }
}
choice_field!(State);

/// The day, from its first instant to the next one's, for which this node knows the slots to be laid out, so that
/// requests need not ask.
#[derive(Default)]
pub struct Readiness {
    from: AtomicI64,
    until: AtomicI64,
}

/// Lays out the days that have come into the booking window since it was last done.
///
/// # Errors
/// When the database refuses.
pub async fn get_ready(app: &App, now: &Now) -> Result<(), Error> {
    let known = &app.slots;
    let is_known = known.from.load(Ordering::Relaxed)..known.until.load(Ordering::Relaxed);
    if is_known.contains(&now.at) {
        return Ok(());
    }
    let judged = now.clone();
    app.db
        .write("slots.get_ready", move |tx| {
            tx.lock(Lock::Exclusive(locks::SCHEDULE))?;
            store::ensure_schedule(tx, &Schedule::default(), zone_name(judged.zone()))?;
            let schedule = store::schedule(tx)?;
            let today = judged.local().date();
            match store::ready_until(tx)? {
                // No schedule lays out so far ahead: a clock that was wrong has, and days before are missing.
                Some(done) if done > schedule.last_day(today) => {
                    tracing::warn!(until = %done, "the slots were laid out by a wrong clock and are laid out anew");
                    store::forget_slots_from(tx, today)?;
                    lay_out(tx, &schedule, today, &judged)
                }
                done => {
                    let first = done.map_or(today, |done| done.tomorrow().unwrap_or(done)).max(today);
                    lay_out(tx, &schedule, first, &judged)
                }
            }
        })
        .await?;
    let midnight = |day: Date| instant(now.zone(), day.at(0, 0, 0, 0));
    let today = now.local().date();
    known.from.store(midnight(today), Ordering::Relaxed);
    known.until.store(midnight(today.tomorrow().unwrap_or(Date::MAX)), Ordering::Relaxed);
    Ok(())
}

fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Keeps what was promised on the wall clock when the server starts in another time zone: upcoming appointments and
/// slots keep day, hour and minute, and services their days.
///
/// # Errors
/// When the database refuses.
pub async fn keep_zone(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    app.db
        .write("slots.keep_zone", move |tx| {
            tx.lock(Lock::Exclusive(locks::SCHEDULE))?;
            let to = zone_name(now.zone());
            store::ensure_schedule(tx, &Schedule::default(), to)?;
            let from = store::zone(tx)?;
            if from == to {
                return Ok(());
            }
            store::set_zone(tx, to)?;
            // Before it was kept, what stands in the database was made in the zone that is set.
            let Ok(old) = TimeZone::get(&from) else { return Ok(()) };
            let moved = move_to_zone(tx, &old, &now)?;
            homemaking::move_to_zone(tx, &old, &now)?;
            tracing::warn!(
                from,
                to,
                appointments = moved,
                "the time zone has changed; appointments keep their wall time"
            );
            let (before, after) =
                (json!({ "timezone": from }), json!({ "timezone": to, "appointments": moved }));
            record_change_by(tx, "server", "timezone.change", "schedule", &before, &after, now.at)
        })
        .await
}

/// Gives the appointments from today on, in either zone, the instants of their wall times and lays out their slots anew.
fn move_to_zone(tx: &mut Tx<'_>, old: &TimeZone, now: &Now) -> Result<u64, Error> {
    let first = now.local().date().min(local(old, now.at).date());
    store::loosen_from(tx, first)?;
    let mut moved = 0;
    for place in store::loosened(tx)? {
        let wall = place.wall();
        // A time that this zone's clock skips stands a moment beside the one it shows instead, for its holder may
        // have that one too.
        let starts_at = shown_first(now.zone(), wall).unwrap_or_else(|| instant(now.zone(), wall) + 1);
        moved += store::fasten(tx, place, starts_at)?;
    }
    store::forget_slots_from(tx, first)?;
    let schedule = store::schedule(tx)?;
    lay_out(tx, &schedule, first, now)?;
    Ok(moved)
}

/// The schedule, with nobody else replacing it until the transaction ends.
///
/// # Errors
/// When the database refuses.
pub fn schedule_to_replace(tx: &mut Tx<'_>) -> Result<Schedule, Error> {
    tx.lock(Lock::Exclusive(locks::SCHEDULE))?;
    store::schedule(tx)
}

/// Replaces the schedule and gives the old one. Appointments stay; each fills every new slot that it
/// overlaps.
///
/// # Errors
/// When the database refuses.
pub fn replace_schedule(tx: &mut Tx<'_>, schedule: &Schedule, now: &Now) -> Result<Schedule, Error> {
    let old = schedule_to_replace(tx)?;
    store::save_schedule(tx, schedule)?;
    let today = now.local().date();
    store::forget_slots_from(tx, today)?;
    lay_out(tx, schedule, today, now)?;
    Ok(old)
}

/// Makes the slots of `first` to the last day of the window, counting what is booked already. The
/// caller holds the schedule's lock.
fn lay_out(tx: &mut Tx<'_>, schedule: &Schedule, first: Date, now: &Now) -> Result<(), Error> {
    let last = schedule.last_day(now.local().date());
    let days: Vec<Date> = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect();
    let slots: Vec<_> = days.iter().flat_map(|day| schedule.slots_of(*day, now.zone())).collect();
    let booked = match (slots.first(), slots.last()) {
        (Some(first), Some(last)) => store::booked_between(tx, first.starts_at, last.ends_at)?,
        _ => Vec::new(),
    };
    let mut taken = vec![0; slots.len()];
    for booking in booked {
        let first = slots.partition_point(|slot| slot.ends_at <= booking.starts_at);
        let after = slots.partition_point(|slot| slot.starts_at < booking.ends_at);
        for count in taken.get_mut(first..after).unwrap_or_default() {
            *count += booking.holders;
        }
    }
    store::insert_slots(tx, &slots, &taken)?;
    store::set_ready_until(tx, last)
}
