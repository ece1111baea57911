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
use yuyue_db::{Lock, Tx};

use crate::app::App;
use crate::clock::Now;
use crate::error::Error;
use crate::http::choice::{Choice, choice_field};
use crate::locks;

pub use routes::{StaffListed, cancel_appointment};
pub use rules::NOT_FOUND;
pub use schedule::{Schedule, ScheduleRequest};
pub use store::{
    Appointment, Counted, Search, attendance, calendar, clean_up, counts_between, find,
    schedule as current_schedule, search, upcoming,
};

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

/// The instant until which this node knows the slots to be laid out, so that requests need not ask.
#[derive(Default)]
pub struct Readiness(AtomicI64);

/// Lays out the days that have come into the booking window since it was last done.
///
/// # Errors
/// When the database refuses.
pub async fn get_ready(app: &App, now: &Now) -> Result<(), Error> {
    if now.at < app.slots.0.load(Ordering::Relaxed) {
        return Ok(());
    }
    let judged = now.clone();
    app.db
        .write("slots.get_ready", move |tx| {
            tx.lock(Lock::Exclusive(locks::SCHEDULE))?;
            store::ensure_schedule(tx, &Schedule::default())?;
            let schedule = store::schedule(tx)?;
            let today = judged.local().date();
            let first =
                store::ready_until(tx)?.map_or(today, |done| done.tomorrow().unwrap_or(done)).max(today);
            lay_out(tx, &schedule, first, &judged)
        })
        .await?;
    let tomorrow = now.local().date().tomorrow().unwrap_or(Date::MAX);
    app.slots.0.store(crate::clock::instant(now.zone(), tomorrow.at(0, 0, 0, 0)), Ordering::Relaxed);
    Ok(())
}

/// Replaces the schedule and gives the old one. Appointments stay; each fills every new slot that it
/// overlaps.
///
/// # Errors
/// When the database refuses.
pub fn replace_schedule(tx: &mut Tx<'_>, schedule: &Schedule, now: &Now) -> Result<Schedule, Error> {
    tx.lock(Lock::Exclusive(locks::SCHEDULE))?;
    let old = store::schedule(tx)?;
    store::save_schedule(tx, schedule)?;
    let today = now.local().date();
    store::delete_slots_from(tx, today)?;
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
