//! Time goes wrong: clocks that were wrong and are set right, zones that change, hours that are skipped and repeated.

use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::json;
use yuyue::clock::{self, DAY, HOUR, MINUTE, SECOND};
use yuyue::slots::rules;
use yuyue::slots::schedule::{ExtraDate, TimeOfDay};
use yuyue::staff::Role;
use yuyue::timing;

use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};

both! {
    slots_of_a_clock_that_was_ahead_are_laid_out_anew,
    a_restart_sets_right_what_a_wrong_clock_has_left,
    the_server_is_not_ready_until_it_is_set_right,
    codes_and_passwords_wait_no_longer_than_they_say,
    nothing_is_erased_by_a_clock_that_has_just_jumped,
    a_start_with_a_clock_far_ahead_erases_nothing_yet,
    an_order_made_by_a_wrong_clock_is_cancelled_in_its_own_time,
    another_zone_keeps_day_hour_and_minute,
    appointments_of_one_person_may_change_places_with_the_zone,
    a_skipped_hour_is_not_offered_and_a_repeated_one_once,
    what_has_begun_only_staff_cancel,
    an_appointment_says_when_it_ends,
}

const MOBILE: &str = "13333333333";

impl TestApp {
    async fn late_jobs(&self, by: i64) -> Vec<String> {
        let limit = self.clock.now().at + by;
        self.texts(&format!(
            "SELECT kind AS value FROM outbox WHERE unique_name IS NOT NULL AND state = 'waiting' AND due_at > {limit}"
        ))
        .await
    }
}

async fn slots_of_a_clock_that_was_ahead_are_laid_out_anew(app: TestApp) {
    app.booked(booking("o-1", 10, 0)).await;
    app.clock.advance(20 * DAY);
    assert_eq!(app.days().await[0], "2021-10-21");
    app.clock.advance(-20 * DAY);
    let days = app.days().await;
    assert_eq!((days.len(), days[0].as_str(), days[14].as_str()), (15, "2021-10-01", "2021-10-15"));
    assert_eq!(app.minutes("2021-10-01", 10).await[0], (0, 1), "what was booked stays booked");
    app.booked(booking("o-2", 10, 10)).await;
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn a_restart_sets_right_what_a_wrong_clock_has_left(app: TestApp) {
    app.clock.advance(20 * DAY);
    let ahead = app.again(|_| {}).await;
    ahead.clock.advance(11 * MINUTE);
    ahead.days().await;
    ahead.drain_outbox().await;
    ahead.clock.advance(-20 * DAY);
    assert_ne!(app.late_jobs(DAY + 3 * HOUR).await, [""; 0], "the wrong clock's jobs are weeks away");
    let again = app.again(|_| {}).await;
    assert_eq!(again.late_jobs(DAY + 3 * HOUR).await, [""; 0]);
    again.get("/readyz").await.expect(200);
    assert_eq!(again.days().await[0], "2021-10-01");
    again.booked(booking("o-1", 10, 0)).await;
}

async fn the_server_is_not_ready_until_it_is_set_right(app: TestApp) {
    app.clock.advance(59 * SECOND);
    app.get("/readyz").await.expect(200);
    app.clock.advance(-59 * SECOND);
    app.get("/readyz").await.expect(200);
    app.clock.advance(20 * HOUR);
    app.drain_outbox().await;
    app.get("/readyz").await.expect(200);
    app.clock.advance(-20 * HOUR);
    app.get("/readyz").await.expect(503);
    app.get("/readyz").await.expect(503);
    app.get("/healthz").await.expect(200);
    timing::watch(app.app()).await.unwrap();
    app.get("/readyz").await.expect(200);
    let hour = app.clock.now().at + 2 * HOUR;
    let clean_up = "SELECT due_at AS value FROM outbox WHERE unique_name = 'core.clean_up'";
    assert!(app.number(clean_up).await < hour);
    app.clock.advance(2 * HOUR);
    app.get("/readyz").await.expect(200);
    app.clock.advance(-2 * HOUR);
    app.days().await;
    app.get("/readyz").await.expect(200);
}

async fn codes_and_passwords_wait_no_longer_than_they_say(app: TestApp) {
    let ask = || app.post("/v1/login/sms_code", json!({ "mobile": MOBILE }));
    let guess = || {
        let login =
            json!({ "grant_type": "password", "mobile": MOBILE, "password": "wrong-1", "client_id": 44 });
        app.post("/v1/login/token", login)
    };
    let code = app.login_code(MOBILE).await;
    let with_password = json!({
        "grant_type": "sms_code", "mobile": MOBILE, "sms_code": code, "client_id": 44, "password": "correct horse 7",
    });
    app.post("/v1/login/token", with_password).await.expect(200);
    app.clock.advance(400 * DAY);
    ask().await.expect(200);
    for _ in 0..10 {
        guess().await;
    }
    guess().await.expect(429);
    app.drain_outbox().await;
    app.clock.advance(-400 * DAY + 2 * MINUTE);
    ask().await.expect(200);
    assert_eq!(guess().await.status, 400, "a new window");
    app.drain_outbox().await;
    let furthest = "SELECT max(expires_at) AS value FROM rate";
    assert!(app.number(furthest).await <= app.clock.now().at + DAY);
    let code = app.newest_code(MOBILE);
    let login = json!({ "grant_type": "sms_code", "mobile": MOBILE, "sms_code": code, "client_id": 44 });
    app.post("/v1/login/token", login).await.expect(200);
}

async fn nothing_is_erased_by_a_clock_that_has_just_jumped(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let order = consumer.ordered(service).await;
    app.drain_outbox().await;
    timing::watch(app.app()).await.unwrap();
    let rows = "SELECT count(*) AS value FROM home_token";
    let before = app.number(rows).await;
    app.clock.advance(365 * DAY);
    timing::watch(app.app()).await.unwrap();
    app.drain_outbox().await;
    assert_eq!((app.order_status(order).await, app.number(rows).await), (0, before), "it may be wrong");
    app.clock.advance(-365 * DAY);
    timing::watch(app.app()).await.unwrap();
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 0, "it was");
    assert_eq!(app.late_jobs(DAY + 3 * HOUR).await, [""; 0]);
    app.clock.advance(365 * DAY);
    timing::watch(app.app()).await.unwrap();
    app.drain_outbox().await;
    app.clock.advance(10 * MINUTE - 1);
    timing::watch(app.app()).await.unwrap();
    app.drain_outbox().await;
    assert_eq!((app.order_status(order).await, app.number(rows).await), (0, before));
    app.clock.advance(1);
    timing::watch(app.app()).await.unwrap();
    app.drain_outbox().await;
    assert_ne!(app.order_status(order).await, 0, "it has stood for ten minutes");
    assert_eq!(app.number(rows).await, 0);
}

async fn a_start_with_a_clock_far_ahead_erases_nothing_yet(app: TestApp) {
    app.user(1).await;
    app.drain_outbox().await;
    let rows = "SELECT count(*) AS value FROM home_token";
    assert_eq!(app.number(rows).await, 1);
    app.clock.advance(365 * DAY);
    let ahead = app.again(|_| {}).await;
    ahead.drain_outbox().await;
    assert_eq!(ahead.number(rows).await, 1);
    ahead.clock.advance(10 * MINUTE);
    ahead.drain_outbox().await;
    assert_eq!(ahead.number(rows).await, 0);
}

async fn an_order_made_by_a_wrong_clock_is_cancelled_in_its_own_time(app: TestApp) {
    let publisher = app.user(1).await;
    let service = publisher.published(&json!({ "end_date": "2022-10-07" })).await;
    app.clock.advance(20 * DAY);
    let consumer = app.user(2).await;
    let order = consumer.ordered(service).await;
    app.clock.advance(-20 * DAY);
    app.days().await;
    let timeout = app.config.homemaking.order_timeout;
    let due = app.number(&format!("SELECT due_at AS value FROM service_order WHERE id = {order}")).await;
    assert_eq!(due, app.clock.now().at + timeout);
    app.clock.advance(timeout);
    app.drain_outbox().await;
    assert_ne!(app.order_status(order).await, 0);
}

async fn another_zone_keeps_day_hour_and_minute(app: TestApp) {
    let id = app.booked(booking("o-1", 9, 0)).await;
    let tokyo_app = app.in_zone("Asia/Tokyo").await;
    let list = tokyo_app.post("/v1/appointment/list", json!({ "open_id": "o-1" })).await.data();
    assert_eq!(
        (&list[0]["datetime"], &list[0]["ends"]),
        (&json!("2021-10-01 09:00:00"), &json!("2021-10-01 09:10:00"))
    );
    let minutes = tokyo_app.minutes("2021-10-02", 9).await;
    assert_eq!(minutes[0], (0, 0));
    let starts_at =
        tokyo_app.number(&format!("SELECT starts_at AS value FROM appointment WHERE id = {id}")).await;
    let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
    assert_eq!(starts_at, clock::instant(&tokyo, date(2021, 10, 1).at(9, 0, 0, 0)));
    assert_eq!(tokyo_app.wrong_slots(false).await, [""; 0]);
    let audit = tokyo_app.texts("SELECT action || ' ' || before || ' ' || after AS value FROM audit").await;
    assert_eq!(audit.len(), 1);
    assert!(audit[0].starts_with("timezone.change") && audit[0].contains("Asia/Tokyo"), "{audit:?}");

    let west = tokyo_app.in_zone("Asia/Urumqi").await;
    west.schedule(|_| {}).await;
    assert_eq!(west.minutes("2021-10-01", 9).await[0], (0, 1), "taken");
    assert_eq!(west.book(booking("o-2", 9, 0)).await.error_no(), rules::FULL.number);
    assert_eq!(west.wrong_slots(false).await, [""; 0]);
    let same = west.in_zone("Asia/Urumqi").await;
    assert_eq!(same.number("SELECT count(*) AS value FROM audit WHERE action = 'timezone.change'").await, 2);
}

async fn appointments_of_one_person_may_change_places_with_the_zone(app: TestApp) {
    app.schedule(|schedule| schedule.slot_minutes = 60).await;
    for hour in [9, 10] {
        app.booked(booking_on("2021-10-04", "o-1", hour, 0)).await;
    }
    for zone in ["Asia/Tokyo", "Asia/Shanghai", "America/Santiago", "Africa/Cairo"] {
        let moved = app.in_zone(zone).await;
        assert_eq!(moved.wrong_slots(false).await, [""; 0], "{zone}");
        let taken =
            moved.texts("SELECT CAST(hour AS TEXT) AS value FROM slot WHERE taken = 1 ORDER BY hour").await;
        assert_eq!(taken, ["9", "10"], "{zone}");
    }
}

async fn a_skipped_hour_is_not_offered_and_a_repeated_one_once(app: TestApp) {
    // The day, an hour that the clock skips or repeats, and whether it is skipped.
    let changes = [
        ("Europe/Berlin", date(2027, 3, 28), 2, true),
        ("Europe/Berlin", date(2027, 10, 31), 2, false),
        ("Africa/Cairo", date(2027, 4, 30), 0, true),
        ("Africa/Cairo", date(2027, 10, 28), 23, false),
        ("America/Santiago", date(2027, 9, 5), 0, true),
        ("America/Santiago", date(2027, 4, 3), 23, false),
    ];
    for (zone, day, hour, is_skipped) in changes {
        let there = app.in_zone(zone).await;
        there.at(day.yesterday().unwrap().at(8, 0, 0, 0));
        let period = |from, to| ExtraDate {
            date: yuyue::http::fields::Day(day),
            from: TimeOfDay(from),
            to: TimeOfDay(to),
        };
        there
            .schedule(|schedule| {
                schedule.slot_minutes = 60;
                schedule.extra_dates = vec![period(0, 240), period(1320, 1440)];
            })
            .await;
        let text = day.to_string();
        let offered: Vec<_> = there.hours(&text).await.into_iter().map(|(hour, _)| hour).collect();
        let expected: Vec<_> =
            [0, 1, 2, 3, 22, 23].into_iter().filter(|other| !is_skipped || *other != hour).collect();
        assert_eq!(offered, expected, "{zone} {day}");
        let answer = there.book(booking_on(&text, "o-1", hour, 0)).await;
        if is_skipped {
            assert_eq!(answer.error_no(), rules::OFF_GRID.number, "{zone} {day}");
            assert_eq!(there.minutes(&text, hour).await, [], "{zone} {day}");
            continue;
        }
        answer.data();
        assert_eq!(there.minutes(&text, hour).await, [(0, 1)], "{zone} {day}");
        let lengths =
            format!("SELECT CAST(ends_at - starts_at AS TEXT) AS value FROM slot WHERE day = '{text}'");
        assert_eq!(
            there.texts(&lengths).await,
            [
                HOUR.to_string(),
                HOUR.to_string(),
                HOUR.to_string(),
                HOUR.to_string(),
                HOUR.to_string(),
                HOUR.to_string()
            ],
            "{zone} {day}"
        );
        there.cancel("o-1", there.number("SELECT max(id) AS value FROM appointment").await).await.data();
    }
}

async fn what_has_begun_only_staff_cancel(app: TestApp) {
    let app = app.with("accept-language", "zh");
    let id = app.booked(booking("o-1", 10, 0)).await;
    let other = app.booked(booking("o-1", 10, 10)).await;
    app.at(date(2021, 10, 1).at(10, 0, 0, 0));
    for field in ["appintment_id", "appointment_id"] {
        let answer = app.post("/v1/cancel-appointment", json!({ "open_id": "o-1", field: id })).await;
        assert_eq!((answer.error_no(), answer.error_msg()), (3005, "预约已开始，不能取消或改期".to_owned()));
    }
    assert_eq!(app.cancel("o-2", id).await.error_no(), rules::NOT_FOUND.number, "not told to others");
    assert_eq!(app.number("SELECT count(*) AS value FROM appointment WHERE cancelled_at IS NULL").await, 2);
    app.cancel("o-1", other).await.data();
    let staff = app.staff(Role::Reception).await;
    staff.post(&format!("/admin/v1/appointments/{id}/cancel"), json!({})).await.expect(200);
    assert_eq!(app.cancel("o-1", id).await.error_no(), rules::CANCELLED.number);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn an_appointment_says_when_it_ends(app: TestApp) {
    app.schedule(|schedule| schedule.slot_minutes = 60).await;
    assert_eq!(app.book(booking("o-1", 9, 0)).await.data()["ends"], "2021-10-01 10:00:00");
    let list = app.post("/v1/appointment/list", json!({ "open_id": "o-1" })).await.data();
    assert_eq!(list[0]["ends"], "2021-10-01 10:00:00");
}
