//! What the slots document decides, without database or clock.

use jiff::civil::Date;

use crate::clock::{MINUTE, Millis};
use crate::error::Code;

const fn code(number: i64, zh: &'static str, en: &'static str) -> Code {
    Code { number, name: "", status: 200, zh, en }
}

/// error_no of a parameter that is missing or wrong.
pub const INVALID: i64 = 1001;

pub static FULL: Code = code(2001, "该时段已约满", "this slot is fully booked");
pub static CLOSED: Code = code(2002, "当天不开放预约", "this day is closed");
pub static PAST: Code = code(2003, "该时段已过", "this slot has passed");
pub static TOO_FAR: Code = code(2004, "还未开放该日期的预约", "this day cannot be booked yet");
pub static OFF_GRID: Code = code(2005, "没有这个时段", "there is no slot at this time");
pub static ALREADY_MINE: Code = code(2006, "您已预约该时段", "you have booked this slot already");
pub static TOO_SOON: Code = code(2007, "距离该时段开始太近，不能预约", "it is too late to book this slot");
pub static TOO_MANY: Code =
    code(2008, "未完成的预约已达上限", "you hold as many upcoming appointments as allowed");
pub static NOT_FOUND: Code = code(3001, "预约不存在", "no such appointment");
pub static CANCELLED: Code = code(3002, "预约已取消", "the appointment is cancelled");
pub static SIGNED_IN: Code =
    code(3003, "已签到的预约不能取消", "the appointment is signed in and cannot be cancelled");
pub static NOT_TODAY: Code =
    code(3004, "只能在预约当天签到", "sign-in is possible on the appointment's day only");

pub static TOO_LATE: Code = code(
    3005,
    "预约已开始，不能取消或改期",
    "the appointment has begun: it is too late to cancel or move it",
);

/// Every code of the product, for the documentation and its test.
pub static CODES: [&Code; 13] = [
    &FULL,
    &CLOSED,
    &PAST,
    &TOO_FAR,
    &OFF_GRID,
    &ALREADY_MINE,
    &TOO_SOON,
    &TOO_MANY,
    &NOT_FOUND,
    &CANCELLED,
    &SIGNED_IN,
    &NOT_TODAY,
    &TOO_LATE,
];

/// What a booking looks at.
#[derive(Clone, Debug)]
pub struct View {
    pub last_day: Date,
    pub min_notice_minutes: i64,
    pub day_is_open: bool,
    pub slot: Option<SlotView>,
}

#[derive(Clone, Debug)]
pub struct SlotView {
    pub starts_at: Millis,
    pub is_full: bool,
    /// Whether the caller holds it already.
    pub is_mine: bool,
}

/// Whether a slot that starts at `starts_at` can still be booked: 提前量.
#[must_use]
pub fn is_soon_enough(starts_at: Millis, min_notice_minutes: i64, at: Millis) -> bool {
    starts_at > at && starts_at >= at + min_notice_minutes * MINUTE
}

/// Why a slot on `day` (asked for at `wanted_at`) cannot be booked, if so.
#[must_use]
pub fn refusal(view: &View, day: Date, wanted_at: Millis, at: Millis) -> Option<&'static Code> {
    if wanted_at <= at {
        return Some(&PAST);
    }
    if day > view.last_day {
        return Some(&TOO_FAR);
    }
    if !view.day_is_open {
        return Some(&CLOSED);
    }
    let Some(slot) = &view.slot else { return Some(&OFF_GRID) };
    if !is_soon_enough(slot.starts_at, view.min_notice_minutes, at) {
        Some(&TOO_SOON)
    } else if slot.is_mine {
        Some(&ALREADY_MINE)
    } else if slot.is_full {
        Some(&FULL)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn each_reason_has_its_code_and_the_first_one_is_told() {
        let today = date(2021, 10, 1);
        let (nine, at) = (9 * 60 * MINUTE, 8 * 60 * MINUTE);
        let free = SlotView { starts_at: nine, is_full: false, is_mine: false };
        let view =
            |slot| View { last_day: date(2021, 10, 15), min_notice_minutes: 0, day_is_open: true, slot };
        let judge = |view: &View, day| refusal(view, day, nine, at);
        assert_eq!(judge(&view(Some(free.clone())), today), None);
        assert_eq!(judge(&view(Some(SlotView { is_full: true, ..free.clone() })), today), Some(&FULL));
        let mine = SlotView { is_full: true, is_mine: true, ..free.clone() };
        assert_eq!(judge(&view(Some(mine)), today), Some(&ALREADY_MINE));
        assert_eq!(judge(&view(None), today), Some(&OFF_GRID));
        assert_eq!(judge(&View { day_is_open: false, ..view(None) }, today), Some(&CLOSED));
        assert_eq!(judge(&view(None), date(2021, 10, 16)), Some(&TOO_FAR));
        assert_eq!(refusal(&view(Some(free.clone())), today, nine, nine), Some(&PAST));
        let noticed = View { min_notice_minutes: 61, ..view(Some(free)) };
        assert_eq!(judge(&noticed, today), Some(&TOO_SOON));
        assert_eq!(judge(&View { min_notice_minutes: 60, ..noticed }, today), None);
    }

    #[test]
    fn codes_are_told_apart() {
        let mut numbers: Vec<_> = CODES.iter().map(|code| code.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len());
    }
}
