//! Slots (000): appointments and sign-in, in the words of the document.

use axum::http::Method;
use jiff::civil::date;
use serde_json::{Value, json};
use yuyue::clock::{DAY, HOUR, MINUTE};
use yuyue::config::SignIn;
use yuyue::http::fields::Day;
use yuyue::slots::rules;
use yuyue::slots::schedule::{ExtraDate, Period, TimeOfDay};

use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};

both! {
    days_hours_and_minutes_answer_as_printed,
    every_spelling_of_a_path_works,
    both_spellings_of_an_id_may_be_given_when_they_agree,
    a_client_may_leave_out_what_says_nothing,
    an_hour_is_taken_when_its_last_slot_is_and_a_day_with_its_last_hour,
    what_has_begun_cannot_be_booked,
    closed_days_and_days_outside_the_window_are_empty,
    malformed_days_and_hours_are_errors_that_name_the_field,
    the_window_moves_on_at_midnight,
    a_booking_answers_with_its_place,
    every_field_of_a_booking_is_required_and_checked,
    each_refusal_has_its_own_number,
    refusals_are_the_same_for_a_caller_with_a_key,
    at_most_five_upcoming_appointments,
    the_most_upcoming_appointments_are_a_setting,
    the_list_shows_ones_own_the_latest_first,
    only_the_holder_cancels_and_the_slot_is_free_at_once,
    what_is_over_cannot_be_cancelled,
    the_first_sign_in_counts_and_a_repeat_says_so,
    sign_in_may_be_limited_to_the_day,
    staff_see_everything_of_a_day,
    staff_see_a_month_back_and_all_that_comes,
    the_staff_list_is_whole,
    a_new_schedule_keeps_appointments_which_fill_what_they_overlap,
    periods_exceptions_capacity_and_notice_shape_the_days,
    messages_come_in_the_callers_language,
}

const FREE: i64 = 0;
const TAKEN: i64 = 1;

async fn days_hours_and_minutes_answer_as_printed(app: TestApp) {
    let answer = app.post("/v1/available-days/list", json!({})).await.expect(200);
    let mut body = answer.json();
    assert_eq!(body["request_id"], answer.header("x-request-id"));
    let id = body["request_id"].take();
    assert_eq!(id.as_str().map(str::len), Some(36), "a UUID: {id}");
    let days: Vec<String> =
        date(2021, 10, 1).series(jiff::Span::new().days(1)).take(15).map(|day| day.to_string()).collect();
    let expected =
        json!({ "data": { "days": days }, "error_msg": "success", "error_no": 0, "request_id": null });
    assert_eq!(body, expected, "today and 14 days ahead, the last included");
    assert_eq!(answer.header("content-type"), "application/json");

    let hours = app.post("/v1/avaliable-hours/list", json!({ "day": "2021-10-01" })).await.data();
    let hour = |hour: i64| json!({ "hour": hour, "status": 0 });
    assert_eq!(hours, json!([hour(9), hour(10), hour(13), hour(14), hour(15)]));

    let minutes = app.post("/avaliable-minutes/list", json!({ "day": "2021-10-01", "hour": 10 })).await;
    let minute = |minute: i64| json!({ "minute": minute, "status": 0 });
    let expected = [0, 10, 20, 30, 40, 50].map(minute);
    assert_eq!(minutes.data(), json!({ "minutes": expected }));
}

async fn every_spelling_of_a_path_works(app: TestApp) {
    let day = json!({ "day": "2021-10-01", "hour": 9 });
    for path in ["/v1/avaliable-hours/list", "/v1/available-hours/list"] {
        assert_eq!(app.post(path, day.clone()).await.data().as_array().map(Vec::len), Some(5), "{path}");
    }
    for path in ["/avaliable-minutes/list", "/v1/avaliable-minutes/list", "/v1/available-minutes/list"] {
        let data = app.post(path, day.clone()).await.data();
        assert_eq!(data["minutes"].as_array().map(Vec::len), Some(6), "{path}");
    }
    let id = app.booked(booking("o-1", 9, 0)).await;
    for path in ["/v1/sign-in", "/v1./sign-in"] {
        for field in ["appintment_id", "appointment_id"] {
            let data = app.post(path, json!({ field: id })).await.data();
            assert_eq!(data["appointment_id"], id, "{path} {field}");
        }
    }
    let id = app.booked(booking("o-1", 9, 10)).await;
    app.post("/v1/cancel-appointment", json!({ "open_id": "o-1", "appointment_id": id })).await.data();
}

async fn both_spellings_of_an_id_may_be_given_when_they_agree(app: TestApp) {
    let app = app.with("accept-language", "en");
    let id = app.booked(booking("o-1", 9, 0)).await;
    let sign_in = |body: String| {
        let app = app.clone();
        async move { app.send(Method::POST, "/v1/sign-in", body).await }
    };
    let differs = sign_in(format!(r#"{{"appintment_id":{id},"appointment_id":{}}}"#, id + 1)).await;
    assert_eq!(differs.error_no(), rules::INVALID);
    assert_eq!(differs.error_msg(), "appintment_id: differs from appointment_id");
    let cancel = json!({ "open_id": "o-1", "appintment_id": id + 1, "appointment_id": id });
    let differs = app.post("/v1/cancel-appointment", cancel).await;
    assert_eq!(differs.error_msg(), "appintment_id: differs from appointment_id");
    for (body, message) in [
        (
            format!(r#"{{"appointment_id":{id},"appointment_id":{id}}}"#),
            "appointment_id: is given more than once",
        ),
        (r#"{"appointment_id":0}"#.to_owned(), "appointment_id: expected an integer above 0"),
        (r#"{"appointment_id":""}"#.to_owned(), "appintment_id: is required"),
    ] {
        assert_eq!(sign_in(body).await.error_msg(), message);
    }
    let data = sign_in(format!(r#"{{"appintment_id":{id},"appointment_id":"{id}"}}"#)).await.data();
    assert_eq!(data, json!({ "appointment_id": id, "already": false }));
    let id = app.booked(booking("o-1", 9, 10)).await;
    let cancel = json!({ "open_id": "o-1", "appintment_id": id, "appointment_id": id });
    assert_eq!(app.post("/v1/cancel-appointment", cancel).await.data(), json!({ "appointment_id": id }));
}

async fn a_client_may_leave_out_what_says_nothing(app: TestApp) {
    assert_eq!(app.send(Method::POST, "/v1/available-days/list", "").await.data()["days"][0], "2021-10-01");
    let plain = axum::http::Request::post("/v1/available-days/list");
    assert_eq!(app.call(plain.body("{}".into()).unwrap()).await.data()["days"][0], "2021-10-01");
    let odd = json!({ "day": " 2021-10-01 ", "hour": "10", "unknown": { "is": ["ignored"] } });
    assert_eq!(app.post("/avaliable-minutes/list", odd).await.data()["minutes"][5]["minute"], 50);
    let utf8 = app.with("content-type", "application/json; charset=UTF-8");
    assert_eq!(utf8.hours("2021-10-01").await.len(), 5);
}

async fn an_hour_is_taken_when_its_last_slot_is_and_a_day_with_its_last_hour(app: TestApp) {
    for minute in [0, 10, 20, 30, 40] {
        app.booked(booking(&format!("o-{minute}"), 9, minute)).await;
    }
    assert_eq!(app.hours("2021-10-01").await[0], (9, FREE), "9:50 is free");
    let minutes = app.minutes("2021-10-01", 9).await;
    assert_eq!(minutes, [(0, TAKEN), (10, TAKEN), (20, TAKEN), (30, TAKEN), (40, TAKEN), (50, FREE)]);
    app.booked(booking("o-50", 9, 50)).await;
    assert_eq!(app.hours("2021-10-01").await[0], (9, TAKEN));

    for hour in [10, 13, 14, 15] {
        assert_eq!(app.days().await[0], "2021-10-01");
        for minute in [0, 10, 20, 30, 40, 50] {
            app.booked(booking(&format!("o-{minute}-{hour}"), hour, minute)).await;
        }
    }
    assert_eq!(app.days().await[0], "2021-10-02", "a full day is not offered");
    assert_eq!(app.hours("2021-10-01").await, [9, 10, 13, 14, 15].map(|hour| (hour, TAKEN)));
}

async fn what_has_begun_cannot_be_booked(app: TestApp) {
    app.at(date(2021, 10, 1).at(10, 0, 0, 0));
    assert_eq!(app.hours("2021-10-01").await[..2], [(9, TAKEN), (10, FREE)]);
    let minutes = app.minutes("2021-10-01", 10).await;
    assert_eq!(minutes[..2], [(0, TAKEN), (10, FREE)], "10:00 has begun");
    app.clock.advance(-1);
    assert_eq!(app.minutes("2021-10-01", 10).await[0], (0, FREE), "a millisecond before it had not");
    app.at(date(2021, 10, 1).at(15, 50, 0, 0));
    assert_eq!(app.days().await[0], "2021-10-02", "nothing is left of today");
    assert_eq!(app.hours("2021-10-01").await.len(), 5, "but it is still shown");
    assert_eq!(app.hours("2021-09-30").await, [], "yesterday is not");
}

async fn closed_days_and_days_outside_the_window_are_empty(app: TestApp) {
    app.schedule(|schedule| schedule.closed_dates = vec![Day(date(2021, 10, 2))]).await;
    for day in ["2021-10-02", "2021-09-30", "2021-10-16", "2099-12-31", "0001-01-01", "9999-12-31"] {
        assert_eq!(app.hours(day).await, [], "{day}");
        assert_eq!(app.minutes(day, 10).await, [], "{day}");
    }
    assert_eq!(app.minutes("2021-10-01", 12).await, [], "no slot in this hour");
    assert!(!app.days().await.contains(&"2021-10-02".to_owned()));
}

async fn malformed_days_and_hours_are_errors_that_name_the_field(app: TestApp) {
    let days = [
        json!("2021-02-30"),
        json!("2021/10/01"),
        json!("1-10-2021"),
        json!(20_211_001),
        json!(""),
        json!({}),
    ];
    for day in days {
        for path in ["/v1/avaliable-hours/list", "/avaliable-minutes/list"] {
            let answer = app.post(path, json!({ "day": day, "hour": 10 })).await;
            assert_eq!(answer.error_no(), rules::INVALID, "{answer:?}");
            assert!(answer.error_msg().contains("day: "), "{answer:?}");
        }
    }
    for hour in [json!(24), json!(-1), json!("x"), json!(9.5), json!(null), json!(true), json!("1e1")] {
        let answer = app.post("/avaliable-minutes/list", json!({ "day": "2021-10-01", "hour": hour })).await;
        assert_eq!(answer.error_no(), rules::INVALID, "{answer:?}");
        assert!(answer.error_msg().contains("hour: "), "{answer:?}");
    }
    for body in ["[]", "{", "null", "\"day\"", "{} {}"] {
        let answer = app.send(Method::POST, "/v1/avaliable-hours/list", body).await;
        assert_eq!(answer.error_no(), rules::INVALID, "{answer:?}");
    }
}

async fn the_window_moves_on_at_midnight(app: TestApp) {
    app.at(date(2021, 10, 1).at(23, 59, 59, 999_000_000));
    assert_eq!(app.days().await.last().unwrap(), "2021-10-15");
    assert_eq!(app.book(booking_on("2021-10-16", "o-1", 9, 0)).await.error_no(), rules::TOO_FAR.number);
    app.clock.advance(1);
    app.booked(booking_on("2021-10-16", "o-1", 9, 0)).await;
    assert_eq!(app.days().await.last().unwrap(), "2021-10-16");
    app.clock.advance(40 * DAY);
    let days = app.days().await;
    assert_eq!((days.len(), days[0].as_str(), days[14].as_str()), (15, "2021-11-11", "2021-11-25"));
}

async fn a_booking_answers_with_its_place(app: TestApp) {
    let data = app.book(booking("o-1", 10, 0)).await.data();
    let id = data["appointment_id"].as_i64().unwrap();
    assert!(id > 0);
    let expected = json!({
        "appointment_id": id, "day": "2021-10-01", "hour": 10, "minute": 0, "datetime": "2021-10-01 10:00:00",
        "ends": "2021-10-01 10:10:00",
    });
    assert_eq!(data, expected);
    let texts = json!({
        "day": "2021-10-15", "hour": " 9", "minute": "00", "open_id": "o-1", "name": " 欧阳𠮷 ",
        "phone_num": "13912345678 ",
    });
    assert_eq!(app.book(texts).await.data()["datetime"], "2021-10-15 09:00:00");
    let held = app.texts("SELECT name || ' ' || phone_num AS value FROM appointment ORDER BY id").await;
    assert_eq!(held, ["张三 13800000000", "欧阳𠮷 13912345678"]);
    assert_eq!(app.minutes("2021-10-01", 10).await[0], (0, TAKEN));
}

async fn every_field_of_a_booking_is_required_and_checked(app: TestApp) {
    let refused = |field: &'static str, value: Value| {
        let app = app.clone();
        async move {
            let mut wrong = booking("o-1", 9, 0);
            match value {
                Value::Null => drop(wrong.as_object_mut().unwrap().remove(field)),
                value => wrong[field] = value,
            }
            let answer = app.book(wrong).await;
            assert_eq!(answer.error_no(), rules::INVALID, "{answer:?}");
            assert!(answer.error_msg().contains(&format!("{field}: ")), "{answer:?}");
        }
    };
    for field in ["day", "hour", "minute", "open_id", "name", "phone_num"] {
        refused(field, Value::Null).await;
        refused(field, json!(" \t")).await;
        refused(field, json!([1])).await;
    }
    for field in ["open_id", "name", "phone_num", "day"] {
        refused(field, json!(7)).await;
        refused(field, json!("a\u{0}b")).await;
    }
    refused("minute", json!(60)).await;
    refused("open_id", json!("o".repeat(129))).await;
    refused("name", json!("姓".repeat(65))).await;
    for phone in ["12800000000", "1380000000", "138000000000", "+8613800000000", "１３８００００００００"]
    {
        refused("phone_num", json!(phone)).await;
    }
    let mut longest = booking(&"o".repeat(128), 9, 0);
    longest["name"] = json!("𠮷".repeat(64));
    app.booked(longest).await;
}

/// What can be wrong with a booking of a right form, and the number each is told by.
async fn refused_bookings(app: &TestApp) -> Vec<(Value, i64)> {
    app.schedule(|schedule| {
        schedule.closed_dates = vec![Day(date(2021, 10, 2))];
        schedule.min_notice_minutes = 90;
    })
    .await;
    app.booked(booking("o-2", 10, 0)).await;
    app.booked(booking("o-1", 13, 0)).await;
    vec![
        (booking("o-1", 10, 0), rules::FULL.number),
        (booking_on("2021-10-02", "o-1", 10, 0), rules::CLOSED.number),
        (booking("o-1", 7, 0), rules::PAST.number),
        (booking_on("2021-09-30", "o-1", 10, 0), rules::PAST.number),
        (booking_on("0001-01-01", "o-1", 10, 0), rules::PAST.number),
        (booking_on("2021-10-16", "o-1", 10, 0), rules::TOO_FAR.number),
        (booking_on("9999-12-31", "o-1", 23, 59), rules::TOO_FAR.number),
        (booking("o-1", 10, 5), rules::OFF_GRID.number),
        (booking("o-1", 12, 0), rules::OFF_GRID.number),
        (booking("o-1", 13, 0), rules::ALREADY_MINE.number),
        (booking("o-1", 9, 20), rules::TOO_SOON.number),
    ]
}

async fn each_refusal_has_its_own_number(app: TestApp) {
    let refusals = refused_bookings(&app).await;
    let before = app.checksums().await;
    for (booking, number) in refusals {
        let answer = app.book(booking.clone()).await;
        assert_eq!(answer.error_no(), number, "{booking} {answer:?}");
    }
    assert_eq!(app.checksums().await, before, "a refusal changes nothing");
    app.booked(booking("o-1", 9, 30)).await;
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn refusals_are_the_same_for_a_caller_with_a_key(app: TestApp) {
    let refusals = refused_bookings(&app).await;
    for (index, (booking, number)) in refusals.into_iter().enumerate() {
        let once = app.with("idempotency-key", &format!("key-{index}"));
        assert_eq!(once.book(booking.clone()).await.error_no(), number, "{booking}");
    }
}

async fn at_most_five_upcoming_appointments(app: TestApp) {
    let mut ids = Vec::new();
    for minute in [0, 10, 20, 30, 40] {
        ids.push(app.booked(booking("o-1", 9, minute)).await);
    }
    let sixth = booking("o-1", 10, 0);
    assert_eq!(app.book(sixth.clone()).await.error_no(), rules::TOO_MANY.number);
    assert_eq!(app.minutes("2021-10-01", 10).await[0], (0, FREE), "the refused one took no place");
    app.booked(booking("o-2", 10, 10)).await;

    app.cancel("o-1", ids[0]).await.data();
    let id = app.booked(sixth.clone()).await;
    app.sign_in(id).await.data();
    app.booked(booking("o-1", 10, 20)).await;
    assert_eq!(app.book(booking("o-1", 10, 30)).await.error_no(), rules::TOO_MANY.number);
    app.at(date(2021, 10, 1).at(9, 10, 0, 0));
    app.booked(booking("o-1", 10, 30)).await;
    assert_eq!(
        app.book(booking("o-1", 10, 40)).await.error_no(),
        rules::TOO_MANY.number,
        "9:10 has begun, 9:20 not"
    );
}

async fn the_most_upcoming_appointments_are_a_setting(app: TestApp) {
    let app = app.again(|config| config.slots.max_upcoming = 1).await;
    app.booked(booking("o-1", 9, 0)).await;
    assert_eq!(app.book(booking("o-1", 9, 10)).await.error_no(), rules::TOO_MANY.number);
}

async fn the_list_shows_ones_own_the_latest_first(app: TestApp) {
    let late = app.booked(booking_on("2021-10-03", "o-1", 9, 0)).await;
    let early = app.booked(booking("o-1", 9, 0)).await;
    let cancelled = app.booked(booking("o-1", 10, 0)).await;
    app.booked(booking("o-2", 10, 10)).await;
    app.cancel("o-1", cancelled).await.data();
    app.sign_in(early).await.data();
    app.clock.advance(DAY);
    let data = app.post("/v1/appointment/list", json!({ "open_id": "o-1" })).await.data();
    let expected = json!([
        { "datetime": "2021-10-03 09:00:00", "appointment_id": late, "status": 0, "signed_in": false,
          "ends": "2021-10-03 09:10:00" },
        { "datetime": "2021-10-01 09:00:00", "appointment_id": early, "status": 0, "signed_in": true,
          "ends": "2021-10-01 09:10:00" },
    ]);
    assert_eq!(data, expected, "past ones stay in the list");
    assert_eq!(app.post("/v1/appointment/list", json!({ "open_id": "o-3" })).await.data(), json!([]));
    assert_eq!(app.post("/v1/appointment/list", json!({})).await.error_no(), rules::INVALID);
}

async fn only_the_holder_cancels_and_the_slot_is_free_at_once(app: TestApp) {
    let id = app.booked(booking("o-1", 10, 0)).await;
    assert_eq!(app.cancel("o-2", id).await.error_no(), rules::NOT_FOUND.number, "somebody else's");
    assert_eq!(app.cancel("o-1", id + 1).await.error_no(), rules::NOT_FOUND.number, "nobody's");
    assert_eq!(app.minutes("2021-10-01", 10).await[0], (0, TAKEN));
    assert_eq!(app.cancel("o-1", id).await.data(), json!({ "appointment_id": id }));
    assert_eq!(app.minutes("2021-10-01", 10).await[0], (0, FREE));
    app.booked(booking("o-2", 10, 0)).await;
    let again = booking("o-1", 10, 0);
    assert_eq!(app.book(again.clone()).await.error_no(), rules::FULL.number);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn what_is_over_cannot_be_cancelled(app: TestApp) {
    let id = app.booked(booking("o-1", 10, 0)).await;
    app.cancel("o-1", id).await.data();
    assert_eq!(app.cancel("o-1", id).await.error_no(), rules::CANCELLED.number);
    assert_eq!(app.cancel("o-2", id).await.error_no(), rules::NOT_FOUND.number);
    let again = app.booked(booking("o-1", 10, 0)).await;
    assert_ne!(again, id, "the same slot can be booked again by the same person");
    app.sign_in(again).await.data();
    assert_eq!(app.cancel("o-1", again).await.error_no(), rules::SIGNED_IN.number);
    for wrong in [json!(0), json!(-1), json!("x"), json!(1.5), json!(null), json!("9223372036854775808")] {
        let cancel = json!({ "open_id": "o-1", "appintment_id": wrong });
        let answer = app.post("/v1/cancel-appointment", cancel).await;
        assert_eq!(answer.error_no(), rules::INVALID, "{answer:?}");
        assert!(answer.error_msg().contains("appintment_id: "), "{answer:?}");
    }
}

async fn the_first_sign_in_counts_and_a_repeat_says_so(app: TestApp) {
    let id = app.booked(booking("o-1", 10, 0)).await;
    app.clock.advance(HOUR);
    assert_eq!(app.sign_in(id).await.data(), json!({ "appointment_id": id, "already": false }));
    app.clock.advance(MINUTE);
    assert_eq!(app.sign_in(id).await.data(), json!({ "appointment_id": id, "already": true }));
    assert_eq!(app.number("SELECT count(*) AS value FROM event").await, 1, "a repeat sends none");
    let list = app.post("/admin/signin-appointment/list", json!({})).await.data();
    assert_eq!(list[0]["signed_in_at"], "2021-10-01 09:00:00", "the first time counts");

    let cancelled = app.booked(booking("o-1", 10, 10)).await;
    app.cancel("o-1", cancelled).await.data();
    assert_eq!(app.sign_in(cancelled).await.error_no(), rules::CANCELLED.number);
    assert_eq!(app.sign_in(cancelled + 1).await.error_no(), rules::NOT_FOUND.number);
    let tomorrow = app.booked(booking_on("2021-10-02", "o-1", 10, 0)).await;
    assert_eq!(app.sign_in(tomorrow).await.data()["already"], false, "the demo takes any day");
}

async fn sign_in_may_be_limited_to_the_day(app: TestApp) {
    let app = app.again(|config| config.slots.sign_in = SignIn::SameDay).await;
    let id = app.booked(booking_on("2021-10-02", "o-1", 9, 0)).await;
    app.at(date(2021, 10, 1).at(23, 59, 59, 999_000_000));
    assert_eq!(app.sign_in(id).await.error_no(), rules::NOT_TODAY.number);
    app.at(date(2021, 10, 3).at(0, 0, 0, 0));
    assert_eq!(app.sign_in(id).await.error_no(), rules::NOT_TODAY.number);
    app.clock.advance(-1);
    assert_eq!(app.sign_in(id).await.data()["already"], false);
    app.clock.advance(DAY);
    assert_eq!(app.sign_in(id).await.data()["already"], true, "a repeat succeeds on any day");
}

async fn staff_see_everything_of_a_day(app: TestApp) {
    let first = app.booked(booking("o-1", 9, 0)).await;
    let second = app.booked(booking("o-2", 10, 30)).await;
    let gone = app.booked(booking("o-3", 10, 40)).await;
    app.booked(booking_on("2021-10-02", "o-1", 9, 0)).await;
    app.cancel("o-3", gone).await.data();
    app.sign_in(first).await.data();
    let item = |id: i64, open_id: &str, (hour, minute): (i64, i64), status: i64, signed_in_at: &str| {
        json!({
            "day": "2021-10-01", "hour": hour, "minute": minute, "open_id": open_id, "name": "张三",
            "phone_num": "13800000000", "status": status, "appointment_id": id, "signed_in_at": signed_in_at,
        })
    };
    let signed_in = item(first, "o-1", (9, 0), 0, "2021-10-01 08:00:00");
    let all = json!([item(gone, "o-3", (10, 40), 1, ""), item(second, "o-2", (10, 30), 0, ""), signed_in]);
    let day = json!({ "date": "2021-10-01" });
    assert_eq!(app.post("/admin/appointment/list", day.clone()).await.data(), all);
    assert_eq!(app.post("/admin/signin-appointment/list", day).await.data(), json!([signed_in]));
    for nothing in [json!("2021-09-30"), json!("9999-12-31"), json!("0001-01-01")] {
        assert_eq!(app.post("/admin/appointment/list", json!({ "date": nothing })).await.data(), json!([]));
    }
    let wrong = app.post("/admin/appointment/list", json!({ "date": "10-01" })).await;
    assert_eq!((wrong.error_no(), wrong.error_msg().contains("date: ")), (rules::INVALID, true));
}

async fn staff_see_a_month_back_and_all_that_comes(app: TestApp) {
    let old = app.booked(booking("o-1", 9, 0)).await;
    let far = app.booked(booking_on("2021-10-15", "o-1", 15, 50)).await;
    let ids = |data: Value| -> Vec<i64> {
        data.as_array().unwrap().iter().map(|item| item["appointment_id"].as_i64().unwrap()).collect()
    };
    for nothing in [json!({}), json!({ "date": "" }), json!({ "date": null })] {
        assert_eq!(ids(app.post("/admin/appointment/list", nothing).await.data()), [far, old]);
    }
    app.at(date(2021, 10, 31).at(9, 0, 0, 0));
    assert_eq!(ids(app.post("/admin/appointment/list", json!({})).await.data()), [far, old], "30 days");
    app.clock.advance(1);
    assert_eq!(ids(app.post("/admin/appointment/list", json!({})).await.data()), [far]);
    let date = json!({ "date": "2021-10-01" });
    assert_eq!(ids(app.post("/admin/appointment/list", date).await.data()), [old], "by date: however old");
}

async fn the_staff_list_is_whole(app: TestApp) {
    // Past the slots, so that no slot has to count them.
    app.execute(
        "INSERT INTO appointment (day, hour, minute, starts_at, ends_at, open_id, name, phone_num, created_at)
         WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 10001)
         SELECT '2021-09-30', 9, 0, 1632963600000, 1632964200000, 'o-' || CAST(n AS TEXT), '张三', '13800000000',
                1632900000000 FROM number",
    )
    .await;
    let list = app.post("/admin/appointment/list", json!({})).await.data();
    assert_eq!(list.as_array().map(Vec::len), Some(10_001));
}

async fn a_new_schedule_keeps_appointments_which_fill_what_they_overlap(app: TestApp) {
    let id = app.booked(booking("o-1", 9, 20)).await;
    app.booked(booking("o-2", 9, 30)).await;
    let gone = app.booked(booking("o-3", 9, 40)).await;
    app.cancel("o-3", gone).await.data();

    app.schedule(|schedule| schedule.slot_minutes = 15).await;
    let minutes = app.minutes("2021-10-01", 9).await;
    assert_eq!(minutes, [(0, FREE), (15, TAKEN), (30, TAKEN), (45, FREE)], "9:20–9:30 and 9:30–9:40");
    assert_eq!(app.wrong_slots(false).await, [""; 0]);

    app.schedule(|schedule| schedule.slot_minutes = 60).await;
    assert_eq!(app.minutes("2021-10-01", 9).await, [(0, TAKEN)]);
    assert_eq!(app.wrong_slots(true).await, [""; 0], "overfull by the change, and counted rightly");
    app.cancel("o-1", id).await.data();
    assert_eq!(app.minutes("2021-10-01", 9).await, [(0, TAKEN)], "o-2 is still there");

    app.schedule(|schedule| schedule.periods.clear()).await;
    assert_eq!(app.days().await, [""; 0]);
    let list = app.post("/v1/appointment/list", json!({ "open_id": "o-2" })).await.data();
    assert_eq!(list[0]["datetime"], "2021-10-01 09:30:00", "never dropped");

    app.schedule(|schedule| schedule.capacity = 2).await;
    assert_eq!(app.minutes("2021-10-01", 9).await[3], (30, FREE));
    app.booked(booking("o-3", 9, 30)).await;
    assert_eq!(app.book(booking("o-4", 9, 30)).await.error_no(), rules::FULL.number);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn periods_exceptions_capacity_and_notice_shape_the_days(app: TestApp) {
    let time = |hour: i32, minute: i32| TimeOfDay(hour * 60 + minute);
    app.schedule(|schedule| {
        // Monday is 1, so 5 is the Friday that the story begins on.
        schedule.periods = vec![Period { weekday: 5, from: time(8, 30), to: time(9, 30) }];
        let extra = |from, to| ExtraDate { date: Day(date(2021, 10, 3)), from, to };
        schedule.extra_dates = vec![extra(time(23, 0), time(24, 0)), extra(time(0, 0), time(0, 25))];
        schedule.days_ahead = 7;
        schedule.min_notice_minutes = 60;
    })
    .await;
    assert_eq!(app.days().await, ["2021-10-01", "2021-10-03", "2021-10-08"]);
    assert_eq!(app.minutes("2021-10-01", 8).await, [(30, TAKEN), (40, TAKEN), (50, TAKEN)], "too soon");
    assert_eq!(
        app.minutes("2021-10-01", 9).await,
        [(0, FREE), (10, FREE), (20, FREE)],
        "an hour's notice is enough"
    );
    assert_eq!(app.minutes("2021-10-03", 0).await, [(0, FREE), (10, FREE)], "what does not fit is left out");
    assert_eq!(app.hours("2021-10-03").await, [(0, FREE), (23, FREE)]);
    let last = app.book(booking_on("2021-10-03", "o-1", 23, 50)).await.data();
    assert_eq!(last["datetime"], "2021-10-03 23:50:00");
}

async fn messages_come_in_the_callers_language(app: TestApp) {
    let wrong = || booking("o-1", 9, 5);
    assert_eq!(app.book(wrong()).await.error_msg(), "没有这个时段");
    let english = app.with("accept-language", "en-GB,en;q=0.9");
    assert_eq!(english.book(wrong()).await.error_msg(), "there is no slot at this time");
    assert_eq!(app.with("accept-language", "zh-CN").book(wrong()).await.error_msg(), "没有这个时段");
    assert_eq!(english.hours("2021-10-01").await.len(), 5);
    let missing = english.post("/v1/avaliable-hours/list", json!({})).await;
    assert_eq!(missing.error_msg(), "day: is required");
}
