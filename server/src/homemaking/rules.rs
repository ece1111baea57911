//! What the homemaking document decides, without database or clock.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::{DAY, Millis, instant};
use crate::error::{Code, Error};
use crate::homemaking::states::{By, OrderState, ServiceState};
use crate::homemaking::{WANTED, codes};

/// When a service may be ordered: from the first instant of its first day, before the end of its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub begins_at: Millis,
    pub ends_at: Millis,
}

impl Period {
    /// # Errors
    /// Names the field when the end is before the begin.
    pub fn of_days(begin: Date, end: Date, zone: &TimeZone) -> Result<Self, Error> {
        if end < begin {
            let (zh, en) = ("不能早于 begin_date", "must not be before begin_date");
            return Err(Error::invalid("end_date", zh, en));
        }
        let midnight = |day: Date| instant(zone, day.at(0, 0, 0, 0));
        Ok(Self { begins_at: midnight(begin), ends_at: midnight(end.tomorrow().unwrap_or(Date::MAX)) })
    }

    #[must_use]
    pub fn holds(self, at: Millis) -> bool {
        self.begins_at <= at && at < self.ends_at
    }
}

/// Whether a service stands on the public list at `at`, and when that next changes by itself.
#[must_use]
pub fn listing(status: ServiceState, period: Period, at: Millis) -> (bool, Option<Millis>) {
    if status != ServiceState::Published || at >= period.ends_at {
        (false, None)
    } else if at < period.begins_at {
        (false, Some(period.begins_at))
    } else {
        (true, Some(period.ends_at))
    }
}

/// What an order looks at in the service.
#[derive(Clone, Copy, Debug)]
pub struct Orderable {
    pub kind: i64,
    pub publisher_id: i64,
    pub status: ServiceState,
    pub period: Period,
    pub needs_address: bool,
}

/// Whether `consumer_id` may order the service.
///
/// # Errors
/// Says why not: one's own and wanted services first, then its state, then the address.
pub fn check_order(
    service: &Orderable,
    consumer_id: i64,
    has_address: bool,
    at: Millis,
) -> Result<(), Error> {
    if service.publisher_id == consumer_id || service.kind == WANTED {
        return Err((&codes::FAILED).into());
    }
    if service.status != ServiceState::Published || !service.period.holds(at) {
        return Err((&codes::NOT_PUBLISHED).into());
    }
    if service.needs_address && !has_address {
        let (zh, en) = ("该服务需要指定服务地点", "this service needs an address");
        return Err(Error::invalid("address", zh, en));
    }
    Ok(())
}

/// Who a user is to an order, refund or rating of these two.
#[must_use]
pub fn party(user_id: i64, publisher_id: i64, consumer_id: i64) -> By {
    if user_id == publisher_id {
        By::Publisher
    } else if user_id == consumer_id {
        By::Consumer
    } else {
        By::Stranger
    }
}

/// Who a user is to a service: its publisher, or a stranger. To strangers only published ones exist.
///
/// # Errors
/// [`codes::NOT_FOUND`] when it is hidden from them.
pub fn party_to_service(user_id: i64, publisher_id: i64, status: ServiceState) -> Result<By, &'static Code> {
    match user_id == publisher_id {
        true => Ok(By::Publisher),
        false if status == ServiceState::Published => Ok(By::Stranger),
        false => Err(&codes::NOT_FOUND),
    }
}

/// Time limits of orders.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the publisher's answer, and again for the payment.
    pub order_timeout: Millis,
    /// For the consumer's confirmation, after the service's last day.
    pub confirm_after: Millis,
    /// For the publisher's answer to a refund.
    pub refund_timeout: Millis,
}

/// The longest that a publisher waits for money that is paid: services are listed for years.
const MOST_TO_CONFIRM: Millis = 30 * DAY;

/// When the system moves an order that has come to `status` at `at` on by itself.
#[must_use]
pub fn due_at(status: OrderState, service_ends_at: Millis, at: Millis, limits: Limits) -> Option<Millis> {
    match status {
        OrderState::Unapproved | OrderState::Unpaid => Some(at.saturating_add(limits.order_timeout)),
        OrderState::Unconfirmed => {
            let after_service = service_ends_at.max(at).saturating_add(limits.confirm_after);
            Some(after_service.min(at.saturating_add(MOST_TO_CONFIRM)))
        }
        _ => None,
    }
}

/// Whether an order may still be agreed to and paid: as long as the service it was of.
///
/// # Errors
/// [`codes::NOT_PUBLISHED`] when that is over.
pub fn check_lasts(service_ends_at: Millis, at: Millis) -> Result<(), Error> {
    if at < service_ends_at { Ok(()) } else { Err((&codes::NOT_PUBLISHED).into()) }
}

/// What has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbered {
    Order,
    Refund,
}

/// Orders and refunds share the eight digits behind the day.
const SERIALS: i64 = 50_000_000;

/// The number of an order or refund (订单号): its day, then a serial number from its id. Two are equal
/// only when fifty million of a kind are made on one day. Below 2^53 until the year 9007.
#[must_use]
pub fn number(day: Date, of: Numbered, id: i64) -> i64 {
    let (year, month, date) = (i64::from(day.year()), i64::from(day.month()), i64::from(day.day()));
    let serial = id.rem_euclid(SERIALS) + if of == Numbered::Refund { SERIALS } else { 0 };
    (year * 10_000 + month * 100 + date) * 2 * SERIALS + serial
}

/// The mean of `count` scores that add up to `sum`, in tenths, rounded half up; 0 for none.
#[must_use]
pub fn score(sum: i64, count: i64) -> i64 {
    if count == 0 { 0 } else { (sum * 20 + count) / (count * 2) }
}

/// Tenths as the document writes a score: `4.5`, `5`, `0`.
#[must_use]
pub fn score_text(tenths: i64) -> String {
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_services_last_day_counts() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let day = date(2021, 10, 1);
        let period = Period::of_days(day, day, &zone).unwrap();
        let at = |hour: i8, minute: i8| instant(&zone, day.at(hour, minute, 0, 0));
        assert!(period.holds(at(0, 0)) && period.holds(at(23, 59)));
        assert!(!period.holds(at(0, 0) - 1) && !period.holds(period.ends_at));
        let error = Period::of_days(day, date(2021, 9, 30), &zone).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("end_date"));
    }

    #[test]
    fn only_published_services_within_their_dates_are_listed() {
        let period = Period { begins_at: 10, ends_at: 20 };
        let cases =
            [(9, (false, Some(10))), (10, (true, Some(20))), (19, (true, Some(20))), (20, (false, None))];
        for (at, expected) in cases {
            assert_eq!(listing(ServiceState::Published, period, at), expected, "{at}");
        }
        assert_eq!(listing(ServiceState::Pending, period, 15), (false, None));
    }

    #[test]
    fn scores_are_rounded_half_up_to_one_decimal() {
        let cases = [
            (0, 0, "0"),
            (5, 1, "5"),
            (9, 2, "4.5"),
            (13, 3, "4.3"),
            (14, 3, "4.7"),
            (1, 1, "1"),
            // 3.25 and 4.35, which is not a binary fraction.
            (13, 4, "3.3"),
            (87, 20, "4.4"),
        ];
        for (sum, count, text) in cases {
            assert_eq!(score_text(score(sum, count)), text, "{sum}/{count}");
        }
    }

    #[test]
    fn numbers_begin_with_the_day_and_fit_a_browser() {
        assert_eq!(number(date(2021, 3, 8), Numbered::Order, 225), 2_021_030_800_000_225);
        assert_eq!(number(date(2021, 3, 8), Numbered::Refund, 225), 2_021_030_850_000_225);
        assert!(number(date(9006, 12, 31), Numbered::Refund, 49_999_999) < 1 << 53);
    }

    proptest! {
        #[test]
        fn a_mean_lies_between_its_scores(scores in proptest::collection::vec(1..=5_i64, 1..50)) {
            let (sum, count) = (scores.iter().sum(), i64::try_from(scores.len()).unwrap());
            let mean = score(sum, count);
            prop_assert!(mean >= scores.iter().min().unwrap() * 10 && mean <= scores.iter().max().unwrap() * 10);
            // Within half a tenth of the exact mean.
            prop_assert!((mean * count - sum * 10).abs() * 2 <= count);
        }

        #[test]
        fn orders_of_one_day_have_their_own_numbers(one in 1..i64::MAX / 2, apart in 1..SERIALS) {
            let day = date(2026, 1, 1);
            prop_assert_ne!(number(day, Numbered::Order, one), number(day, Numbered::Order, one + apart));
            prop_assert_ne!(number(day, Numbered::Order, one), number(day, Numbered::Refund, one));
        }
    }

    #[test]
    fn a_paid_order_waits_a_week_after_the_service_and_a_month_at_most() {
        let limits = Limits { order_timeout: DAY, confirm_after: 7 * DAY, refund_timeout: DAY };
        let due = |ends_at, paid_at| due_at(OrderState::Unconfirmed, ends_at, paid_at, limits);
        assert_eq!(due(10 * DAY, 0), Some(17 * DAY));
        assert_eq!(due(23 * DAY, 0), Some(30 * DAY));
        assert_eq!(due(24 * DAY, 0), Some(30 * DAY));
        assert_eq!(due(365 * DAY, 5 * DAY), Some(35 * DAY));
        assert_eq!(due(10 * DAY, 10 * DAY + 1), Some(17 * DAY + 1), "the money came a moment late");
        assert!(check_lasts(10, 9).is_ok() && check_lasts(10, 10).is_err());
    }

    #[test]
    fn one_orders_what_others_offer_and_publish() {
        let service = Orderable {
            kind: 1,
            publisher_id: 1,
            status: ServiceState::Published,
            period: Period { begins_at: 10, ends_at: 20 },
            needs_address: true,
        };
        let code = |service: &Orderable, consumer, has_address, at| {
            check_order(service, consumer, has_address, at)
                .map_err(|error| error.code().map(|code| code.number))
        };
        assert_eq!(code(&service, 2, true, 10), Ok(()));
        assert_eq!(code(&service, 1, true, 10), Err(Some(10009)), "one's own");
        assert_eq!(code(&service, 2, true, 20), Err(Some(10011)), "over");
        assert_eq!(code(&service, 2, false, 10), Err(None), "where?");
        let wanted = Orderable { kind: WANTED, ..service };
        assert_eq!(code(&wanted, 2, true, 10), Err(Some(10009)));
        let paused = Orderable { status: ServiceState::Unpublished, ..service };
        assert_eq!(code(&paused, 2, true, 10), Err(Some(10011)));
    }
}
