//! The only source of time. Handlers read it once at the edge and pass the value on, so rules stay
//! pure and tests move the clock instead of sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// An instant, in Unix milliseconds: the unit of every instant in the database.
pub type Millis = i64;

pub const SECOND: Millis = 1_000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// Tells the time, in the operator's zone.
#[derive(Clone)]
pub struct Clock {
    zone: TimeZone,
    source: Source,
}

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system(zone: TimeZone) -> Self {
        Self { zone, source: Source::System }
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(zone: TimeZone, start: Millis) -> Self {
        Self { zone, source: Source::Manual(Arc::new(AtomicI64::new(start))) }
    }

    #[must_use]
    pub fn now(&self) -> Now {
        let at = match &self.source {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            Source::System => Timestamp::now().as_millisecond(),
            Source::Manual(at) => at.load(Ordering::SeqCst),
        };
        Now { at, zone: self.zone.clone() }
    }

    /// Moves a manual clock forward (or back, with a negative value).
    ///
    /// # Panics
    /// On a system clock: moving it is always a mistake of the caller.
    pub fn advance(&self, by: Millis) {
        match &self.source {
            Source::Manual(at) => at.fetch_add(by, Ordering::SeqCst),
            Source::System => panic!("the system clock cannot be moved"),
        };
    }

    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// One reading of the clock: the instant a request or job is judged by.
#[derive(Clone, Debug)]
pub struct Now {
    /// Unix milliseconds.
    pub at: Millis,
    zone: TimeZone,
}

impl Now {
    /// The wall clock in the operator's zone.
    #[must_use]
    pub fn local(&self) -> DateTime {
        local(&self.zone, self.at)
    }

    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// What the wall clock in `zone` shows at `at`.
#[must_use]
pub fn local(zone: &TimeZone, at: Millis) -> DateTime {
    zone.to_datetime(Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX))
}

/// The instant at which the wall clock in `zone` shows `local`; in a gap or overlap of a zone with
/// daylight saving, the one jiff's "compatible" rule picks.
#[must_use]
pub fn instant(zone: &TimeZone, local: DateTime) -> Millis {
    zone.to_ambiguous_timestamp(local).compatible().unwrap_or(Timestamp::MAX).as_millisecond()
}

/// The first instant at which the wall clock in `zone` shows `local`; `None` when it skips that time.
#[must_use]
pub fn shown_first(zone: &TimeZone, local: DateTime) -> Option<Millis> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return None;
    }
    Some(ambiguous.compatible().unwrap_or(Timestamp::MAX).as_millisecond())
}

/// `10-01 10:00`, for where there is room for little.
#[must_use]
pub fn brief(local: DateTime) -> String {
    local.strftime("%m-%d %H:%M").to_string()
}

/// `2021-10-01 10:00:00`, the form the documents show.
#[must_use]
pub fn text(local: DateTime) -> String {
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
