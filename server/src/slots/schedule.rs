//! When appointments can be made (排班): periods of the week, exceptions, slot length, capacity.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{MINUTE, Millis, instant, shown_first};
use crate::error::Error;
use crate::http::fields::{Day, IntIn};

/// The longest look ahead: every day of it has rows.
const MOST_DAYS_AHEAD: i64 = 366;
const MOST_EXCEPTIONS: usize = 1_000;
/// Slots a day: a minute each would make an hour's list unusable long before.
const MOST_SLOTS_A_DAY: i64 = 720;
/// Slots in the whole window: all of them are laid out in one transaction.
const MOST_SLOTS: i64 = 50_000;

/// A time of day, `HH:MM`, in the server's zone; `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub i32);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl crate::http::fields::Field for TimeOfDay {
    fn parse(value: crate::http::fields::Scalar) -> Result<Self, crate::http::fields::Expected> {
        use crate::http::fields::{Expected, REQUIRED, Scalar};
        let text = match value {
            Scalar::Absent => return Err(REQUIRED),
            Scalar::Text(text) => text,
            _ => String::new(),
        };
        let expected = || Expected {
            zh: "应为 HH:MM 格式的时间".into(),
            en: "expected a time written HH:MM".into(),
        };
        let (hour, minute) = text.trim().split_once(':').ok_or_else(expected)?;
        let number = |text: &str| {
            let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_two_digits.then(|| text.parse::<i32>().ok()).flatten()
        };
        let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(expected)?;
        let is_time = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
        if is_time { Ok(Self(hour * 60 + minute)) } else { Err(expected()) }
    }

    fn describe() -> utoipa::openapi::schema::ObjectBuilder {
        let pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$";
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(pattern))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use crate::http::fields::{Field as _, Scalar};
        Self::parse(Scalar::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for TimeOfDay {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <Self as crate::http::fields::Field>::describe().into()
    }
}

impl ToSchema for TimeOfDay {}

/// A day of the week: 1 is Monday, 7 is Sunday.
type Weekday = IntIn<1, 7>;
type SlotMinutes = IntIn<1, 1_440>;
type Capacity = IntIn<1, 100_000>;
type DaysAhead = IntIn<0, MOST_DAYS_AHEAD>;
type NoticeMinutes = IntIn<0, { 60 * 24 * MOST_DAYS_AHEAD }>;

/// A schedule as staff give it.
#[derive(Deserialize, ToSchema)]
pub struct ScheduleRequest {
    /// Opening periods (开放时段).
    periods: Vec<PeriodRequest>,
    /// Length of a slot in minutes (时段长度).
    slot_minutes: SlotMinutes,
    /// Appointments a slot takes (容量).
    capacity: Capacity,
    /// How many days ahead can be booked, the last included (可提前预约的天数).
    days_ahead: DaysAhead,
    /// How long before its start a slot can still be booked, in minutes (提前量).
    min_notice_minutes: NoticeMinutes,
    /// Closed whatever the weekday or an extra date says (休息日).
    closed_dates: Vec<Day>,
    /// Open on these dates, instead of what the weekday says (加开日).
    extra_dates: Vec<ExtraDate>,
}

/// An opening period as staff give it.
#[derive(Deserialize, ToSchema)]
pub struct PeriodRequest {
    /// 1 is Monday, 7 is Sunday (星期).
    weekday: Weekday,
    /// When it begins (开始时间).
    from: TimeOfDay,
    /// When it ends; not itself part of the period (结束时间).
    to: TimeOfDay,
}

impl From<ScheduleRequest> for Schedule {
    fn from(request: ScheduleRequest) -> Self {
        let period =
            |period: PeriodRequest| Period { weekday: period.weekday.0, from: period.from, to: period.to };
        Self {
            periods: request.periods.into_iter().map(period).collect(),
            slot_minutes: request.slot_minutes.0,
            capacity: request.capacity.0,
            days_ahead: request.days_ahead.0,
            min_notice_minutes: request.min_notice_minutes.0,
            closed_dates: request.closed_dates,
            extra_dates: request.extra_dates,
        }
    }
}

/// Open on one day of every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Period {
    /// 1 is Monday, 7 is Sunday (星期).
    pub weekday: i64,
    /// When it begins (开始时间).
    pub from: TimeOfDay,
    /// When it ends; not itself part of the period (结束时间).
    pub to: TimeOfDay,
}

/// Open on one date, instead of what the weekday says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtraDate {
    /// The date (日期).
    pub date: Day,
    /// When it opens (开始时间).
    pub from: TimeOfDay,
    /// When it closes (结束时间).
    pub to: TimeOfDay,
}

/// The whole schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Opening periods (开放时段).
    pub periods: Vec<Period>,
    /// Length of a slot in minutes (时段长度).
    pub slot_minutes: i64,
    /// Appointments a slot takes (容量).
    pub capacity: i64,
    /// How many days ahead can be booked, the last included (可提前预约的天数).
    pub days_ahead: i64,
    /// How long before its start a slot can still be booked, in minutes (提前量).
    pub min_notice_minutes: i64,
    /// Closed whatever the weekday or an extra date says (休息日).
    pub closed_dates: Vec<Day>,
    /// Open on these dates, instead of what the weekday says (加开日).
    pub extra_dates: Vec<ExtraDate>,
}

impl Default for Schedule {
    /// Every day, 09:00–11:00 and 13:00–16:00, ten minutes each, one person a slot.
    fn default() -> Self {
        let hours =
            |weekday, from, to| Period { weekday, from: TimeOfDay(from * 60), to: TimeOfDay(to * 60) };
        let day = |weekday| [hours(weekday, 9, 11), hours(weekday, 13, 16)];
        Self {
            periods: (1..=7).flat_map(day).collect(),
            slot_minutes: 10,
            capacity: 1,
            days_ahead: 14,
            min_notice_minutes: 0,
            closed_dates: Vec::new(),
            extra_dates: Vec::new(),
        }
    }
}

/// A slot as the schedule lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSlot {
    pub day: Date,
    pub hour: i64,
    pub minute: i64,
    pub starts_at: Millis,
    pub ends_at: Millis,
    pub capacity: i64,
}

impl Schedule {
    /// Checks what types alone do not.
    ///
    /// # Errors
    /// Names the field and what is expected.
    pub fn check(&self) -> Result<(), Error> {
        let exceptions = self.closed_dates.len().max(self.extra_dates.len());
        if exceptions > MOST_EXCEPTIONS || self.periods.len() > MOST_EXCEPTIONS {
            let en = "at most 1000 entries in each list";
            return Err(Error::invalid("periods", "每个列表最多 1000 项", en));
        }
        for weekday in 1..=7 {
            let hours = self.periods.iter().filter(|period| period.weekday == weekday);
            self.check_day("periods", hours.map(|period| (period.from, period.to)))?;
        }
        for extra in &self.extra_dates {
            let hours = self.extra_dates.iter().filter(|other| other.date == extra.date);
            self.check_day("extra_dates", hours.map(|extra| (extra.from, extra.to)))?;
        }
        Ok(())
    }

    /// One day's periods must run forward, not overlap, and not make more slots than a day can show.
    fn check_day(
        &self,
        field: &str,
        hours: impl Iterator<Item = (TimeOfDay, TimeOfDay)>,
    ) -> Result<(), Error> {
        let mut hours: Vec<_> = hours.collect();
        hours.sort();
        if hours.iter().any(|(from, to)| from >= to) {
            return Err(Error::invalid(field, "to 应晚于 from", "to must be later than from"));
        }
        if hours.windows(2).any(|pair| pair[1].0 < pair[0].1) {
            return Err(Error::invalid(field, "同一天的时段不能重叠", "periods of one day must not overlap"));
        }
        let slots: i64 = hours.iter().map(|(from, to)| i64::from(to.0 - from.0) / self.slot_minutes).sum();
        if slots > MOST_SLOTS_A_DAY {
            let (zh, en) = ("每天最多 720 个时段", "at most 720 slots a day");
            return Err(Error::invalid("slot_minutes", zh, en));
        }
        if slots * (self.days_ahead + 1) > MOST_SLOTS {
            let (zh, en) = ("可预约天数内最多 50000 个时段", "at most 50000 slots in all days ahead");
            return Err(Error::invalid("days_ahead", zh, en));
        }
        Ok(())
    }

    /// The last day that can be booked when it is `today`.
    #[must_use]
    pub fn last_day(&self, today: Date) -> Date {
        today.checked_add(Span::new().days(self.days_ahead)).unwrap_or(Date::MAX)
    }

    /// The slots of `day`, in order. Only slots that fit wholly into a period count, and a time that the clock skips
    /// has none; one that it shows twice has one, the first.
    #[must_use]
    pub fn slots_of(&self, day: Date, zone: &TimeZone) -> Vec<NewSlot> {
        let mut starts: Vec<i32> = Vec::new();
        let length = i32::try_from(self.slot_minutes).unwrap_or(i32::MAX);
        for (from, to) in self.hours_of(day) {
            let mut start = from.0;
            while start.checked_add(length).is_some_and(|end| end <= to.0) {
                starts.push(start);
                start += length;
            }
        }
        starts.sort_unstable();
        let wall = |minutes: i32| day.to_datetime(Time::midnight()).saturating_add(minutes.minutes());
        let slot = |start: i32| {
            let starts_at = shown_first(zone, wall(start))?;
            // As long as it is on the wall, but no longer than it is promised where the clock is put back.
            let ends_at = instant(zone, wall(start + length)).min(starts_at + self.slot_minutes * MINUTE);
            Some(NewSlot {
                day,
                hour: i64::from(start / 60),
                minute: i64::from(start % 60),
                starts_at,
                ends_at,
                capacity: self.capacity,
            })
        };
        starts.into_iter().filter_map(slot).collect()
    }

    /// Whether the opening hours of its day cover the minutes from `from` to `to`; periods that touch are one.
    #[must_use]
    pub fn covers(&self, day: Date, from: i64, to: i64) -> bool {
        let mut hours = self.hours_of(day);
        hours.sort();
        let mut covered_to = from;
        for (open, close) in hours {
            if i64::from(open.0) <= covered_to && i64::from(close.0) > covered_to {
                covered_to = i64::from(close.0);
            }
        }
        covered_to >= to
    }

    fn hours_of(&self, day: Date) -> Vec<(TimeOfDay, TimeOfDay)> {
        if self.closed_dates.contains(&Day(day)) {
            return Vec::new();
        }
        let extra: Vec<_> = self
            .extra_dates
            .iter()
            .filter(|extra| extra.date.0 == day)
            .map(|extra| (extra.from, extra.to))
            .collect();
        if !extra.is_empty() {
            return extra;
        }
        let weekday = i64::from(day.weekday().to_monday_one_offset());
        let of_weekday = self.periods.iter().filter(|period| period.weekday == weekday);
        of_weekday.map(|period| (period.from, period.to)).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    fn places(schedule: &Schedule, day: Date) -> Vec<(i64, i64)> {
        schedule.slots_of(day, &shanghai()).iter().map(|slot| (slot.hour, slot.minute)).collect()
    }

    #[test]
    fn hours_cover_what_lies_within_them() {
        let hours = |weekday, from, to| Period { weekday, from: TimeOfDay(from), to: TimeOfDay(to) };
        let schedule = Schedule {
            periods: vec![hours(5, 600, 660), hours(5, 540, 600), hours(5, 800, 900)],
            closed_dates: vec![Day(date(2021, 10, 8))],
            ..Schedule::default()
        };
        let friday = date(2021, 10, 1);
        for (from, to, is_covered) in [
            (540, 660, true),
            (595, 605, true),
            (530, 550, false),
            (655, 665, false),
            (650, 810, false),
            (800, 900, true),
            (700, 710, false),
        ] {
            assert_eq!(schedule.covers(friday, from, to), is_covered, "{from}-{to}");
        }
        assert!(!schedule.covers(date(2021, 10, 8), 540, 550), "closed");
        assert!(!schedule.covers(date(2021, 10, 2), 540, 550), "a Saturday");
    }

    #[test]
    fn the_default_day_has_the_hours_of_the_document() {
        let places = places(&Schedule::default(), date(2021, 10, 1));
        let mut hours: Vec<_> = places.iter().map(|(hour, _)| *hour).collect();
        hours.dedup();
        assert_eq!(hours, [9, 10, 13, 14, 15]);
        assert_eq!(places.len(), 30);
        let first = &Schedule::default().slots_of(date(2021, 10, 1), &shanghai())[0];
        assert_eq!(first.starts_at, 1_633_050_000_000, "09:00 in Shanghai is 01:00 UTC");
        assert_eq!(first.ends_at - first.starts_at, 600_000);
    }

    #[test]
    fn exceptions_replace_the_weekday_and_closing_wins() {
        let friday = date(2021, 10, 1);
        let extra = ExtraDate { date: Day(friday), from: TimeOfDay(23 * 60 + 30), to: TimeOfDay(24 * 60) };
        let mut schedule = Schedule { extra_dates: vec![extra], slot_minutes: 15, ..Schedule::default() };
        assert_eq!(places(&schedule, friday), [(23, 30), (23, 45)]);
        schedule.closed_dates.push(Day(friday));
        assert_eq!(places(&schedule, friday), []);
    }

    #[test]
    fn a_slot_that_does_not_fit_is_left_out() {
        let schedule = Schedule { slot_minutes: 50, ..Schedule::default() };
        assert_eq!(places(&schedule, date(2021, 10, 1)), [(9, 0), (9, 50), (13, 0), (13, 50), (14, 40)]);
    }

    #[test]
    fn wrong_schedules_name_their_field() {
        let fault = |schedule: Schedule| schedule.check().unwrap_err().field.unwrap();
        let period = |weekday, from, to| Period { weekday, from: TimeOfDay(from), to: TimeOfDay(to) };
        let with = |periods| Schedule { periods, ..Schedule::default() };
        assert_eq!(fault(with(vec![period(1, 60, 60)])), "periods");
        assert_eq!(fault(with(vec![period(1, 0, 60), period(1, 59, 90)])), "periods");
        assert!(with(vec![period(1, 0, 60), period(1, 60, 90)]).check().is_ok());
        let minutes = Schedule { slot_minutes: 1, ..with(vec![period(1, 0, 1_440)]) };
        assert_eq!(fault(minutes), "slot_minutes");
    }
}
