use serde_json::{Value, json};
use tokio::task::JoinSet;
use yuyue::clock::HOUR;
use yuyue::slots::rules;
use yuyue::staff::Role;

use super::{path, problem};
use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};

both! {
    a_new_schedule_is_used_at_once_and_keeps_appointments,
    a_schedule_replaced_in_a_rush_of_bookings_never_oversells,
    a_place_given_back_while_the_schedule_is_replaced_is_free,
    appointments_are_found_by_day_phone_name_and_state,
    staff_cancel_for_the_holder,
    the_numbers_of_the_day,
}

async fn a_new_schedule_is_used_at_once_and_keeps_appointments(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let id = app.booked(booking("o-1", 9, 0)).await;
    let old = admin.get(&path("schedule")).await.expect(200).json();
    assert_eq!(
        (&old["slot_minutes"], &old["capacity"], &old["days_ahead"]),
        (&json!(10), &json!(1), &json!(14))
    );
    assert_eq!(old["periods"][0], json!({ "weekday": 1, "from": "09:00", "to": "11:00" }));
    let mut new = old.clone();
    new["slot_minutes"] = json!(15);
    new["closed_dates"] = json!(["2021-10-02"]);
    new["extra_dates"] = json!([{ "date": "2021-10-03", "from": "20:00", "to": "20:30" }]);
    assert_eq!(admin.put(&path("schedule"), new.clone()).await.expect(200).json(), new);
    assert_eq!(admin.get(&path("schedule")).await.expect(200).json(), new);
    assert_eq!(app.minutes("2021-10-01", 9).await, [(0, 1), (15, 0), (30, 0), (45, 0)]);
    assert_eq!(app.book(booking("o-2", 9, 0)).await.error_no(), rules::FULL.number);
    assert_eq!(app.hours("2021-10-02").await, []);
    assert_eq!(app.hours("2021-10-03").await, [(20, 0)]);
    assert_eq!(admin.found("").await, [id]);

    let audited = &admin.items("audit?action=schedule.replace").await[0];
    assert_eq!((&audited["before"], &audited["after"]), (&old, &new));
    let period = |weekday: Value, from: &str| json!([{ "weekday": weekday, "from": from, "to": "10:00" }]);
    let wrongs = [
        ("capacity", json!(0), "capacity: expected an integer from 1 to 100000"),
        ("capacity", json!(1.0), "capacity: expected an integer from 1 to 100000"),
        ("capacity", json!(null), "capacity: is required"),
        ("slot_minutes", json!("0"), "slot_minutes: expected an integer from 1 to 1440"),
        ("days_ahead", json!(367), "days_ahead: expected an integer from 0 to 366"),
        ("min_notice_minutes", json!("x"), "min_notice_minutes: expected an integer from 0 to 527040"),
        ("periods", period(json!(8), "09:00"), "periods[0].weekday: expected an integer from 1 to 7"),
        ("periods", period(json!(1), "9"), "periods[0].from: expected a time written HH:MM"),
        ("periods", period(json!(1), "10:00"), "periods: to must be later than from"),
    ];
    let english = admin.with("accept-language", "en");
    for (field, value, detail) in wrongs {
        let mut wrong = new.clone();
        wrong[field] = value;
        let answer = english.put(&path("schedule"), wrong).await;
        assert!(problem(&answer, 400).starts_with(field), "{answer:?}");
        assert_eq!(answer.json()["detail"], detail);
    }
    let mut texts = new.clone();
    for field in ["slot_minutes", "capacity", "days_ahead", "min_notice_minutes"] {
        texts[field] = json!(format!(" {} ", new[field]));
    }
    texts["periods"][0]["weekday"] = json!("1");
    assert_eq!(admin.put(&path("schedule"), texts).await.expect(200).json(), new, "numeric text is fine");
    assert_eq!(admin.get(&path("schedule")).await.json(), new);
}

async fn a_schedule_replaced_in_a_rush_of_bookings_never_oversells(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let mut schedule = admin.get(&path("schedule")).await.json();
    let mut rush = JoinSet::new();
    for person in 0..24 {
        let app = app.clone();
        rush.spawn(async move {
            let minute = person % 6 * 10;
            for _ in 0..50 {
                let answer = app.book(booking(&format!("o-{person}"), 9, minute)).await;
                // 503: the slot was laid anew at this very moment.
                if answer.status != 503 {
                    return answer.json()["error_no"].as_i64().unwrap();
                }
            }
            panic!("the slot is never there");
        });
    }
    for days_ahead in [13, 14, 12, 14, 13, 14] {
        schedule["days_ahead"] = json!(days_ahead);
        admin.put(&path("schedule"), schedule.clone()).await.expect(200);
    }
    let numbers = rush.join_all().await;
    assert_eq!(numbers.iter().filter(|number| **number == 0).count(), 6, "{numbers:?}");
    assert_eq!(numbers.iter().filter(|number| **number == rules::FULL.number).count(), 18, "{numbers:?}");
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn a_place_given_back_while_the_schedule_is_replaced_is_free(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let schedule = admin.get(&path("schedule")).await.json();
    let mut holders = JoinSet::new();
    for (hour, minute) in [(9, 0), (9, 10), (9, 20), (9, 30), (13, 0), (13, 10)] {
        let app = app.clone();
        holders.spawn(async move {
            for _ in 0..15 {
                let booked = app.book(booking(&format!("o-{hour}-{minute}"), hour, minute)).await;
                // 503: the slot was laid anew at this very moment.
                if booked.status != 503 {
                    let id = booked.data()["appointment_id"].as_i64().unwrap();
                    app.cancel(&format!("o-{hour}-{minute}"), id).await.data();
                }
            }
        });
    }
    while !holders.is_empty() {
        admin.put(&path("schedule"), schedule.clone()).await.expect(200);
        while let Some(ended) = holders.try_join_next() {
            ended.unwrap();
        }
    }
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
    assert_eq!(app.number("SELECT CAST(sum(taken) AS BIGINT) AS value FROM slot").await, 0);
}

async fn appointments_are_found_by_day_phone_name_and_state(app: TestApp) {
    let auditor = app.staff(Role::Auditor).await;
    let person = |mut booking: Value, name: &str, phone: &str| {
        (booking["name"], booking["phone_num"]) = (json!(name), json!(phone));
        booking
    };
    let first = app.booked(person(booking("o-1", 9, 0), "张三丰", "13811111111")).await;
    let second = app.booked(person(booking("o-2", 9, 10), "李三", "13822222222")).await;
    let third = app.booked(person(booking_on("2021-10-02", "o-1", 9, 0), "Zhang_San%", "13811111111")).await;
    app.sign_in(first).await.data();
    app.cancel("o-2", second).await.data();

    let all = auditor.get(&path("appointments")).await.expect(200).json();
    assert_eq!((&all["total"], &all["page"], &all["size"]), (&json!(3), &json!(1), &json!(20)));
    let expected = json!({ "day": "2021-10-01", "hour": 9, "minute": 0, "open_id": "o-1", "name": "张三丰",
        "phone_num": "13811111111", "status": 0, "appointment_id": first,
        "signed_in_at": "2021-10-01 08:00:00", "created_at": "2021-10-01 08:00:00" });
    assert_eq!(all["items"][2], expected);
    assert_eq!(auditor.found("").await, [third, second, first], "the latest slot first");
    for (query, expected) in [
        ("date=2021-10-01", vec![second, first]),
        ("date=2021-10-03", vec![]),
        ("phone=13811111111", vec![third, first]),
        ("phone=1381111111", vec![]),
        ("phone=13811111111&date=2021-10-02", vec![third]),
        ("name=%E4%B8%89", vec![second, first]),
        ("name=%E5%BC%A0%E4%B8%89&date=2021-10-01", vec![first]),
        ("name=San%25", vec![third]),
        ("name=san", vec![]),
        ("name=_", vec![third]),
        ("status=booked", vec![third]),
        ("status=signed_in", vec![first]),
        ("status=cancelled", vec![second]),
        ("status=cancelled&phone=13811111111", vec![]),
        ("size=1&page=2", vec![second]),
        ("page=9", vec![]),
    ] {
        assert_eq!(auditor.found(query).await, expected, "{query}");
    }
    let one = auditor.get(&path(&format!("appointments/{first}"))).await.expect(200).json();
    assert_eq!(one, expected);
    problem(&auditor.get(&path("appointments/9999")).await, 404);
    app.clock.advance(367 * 24 * HOUR);
    assert_eq!(auditor.found("name=%E4%B8%89").await, [0; 0], "a name alone is looked for a year back");
    assert_eq!(auditor.found("name=%E4%B8%89&date=2021-10-01").await, [second, first]);
    assert_eq!(auditor.found("name=%E4%B8%89&phone=13811111111").await, [first]);
}

async fn staff_cancel_for_the_holder(app: TestApp) {
    let desk = app.staff(Role::Reception).await;
    let id = app.booked(booking("o-1", 9, 0)).await;
    let cancelled =
        desk.post(&path(&format!("appointments/{id}/cancel")), json!({})).await.expect(200).json();
    assert_eq!((&cancelled["appointment_id"], &cancelled["status"]), (&json!(id), &json!(1)));
    assert_eq!(app.minutes("2021-10-01", 9).await[0], (0, 0), "free at once");
    problem(&desk.post(&path(&format!("appointments/{id}/cancel")), json!({})).await, 409);
    let signed_in = app.booked(booking("o-1", 9, 10)).await;
    app.sign_in(signed_in).await.data();
    problem(&desk.post(&path(&format!("appointments/{signed_in}/cancel")), json!({})).await, 409);
    let audited = desk.items("audit").await;
    assert_eq!(audited.len(), 1, "what was refused is no change");
    assert_eq!(audited[0]["target"], format!("appointment {id}"));
    assert_eq!(
        (&audited[0]["before"]["status"], &audited[0]["after"]["status"]),
        (&json!("booked"), &json!("cancelled"))
    );
}

async fn the_numbers_of_the_day(app: TestApp) {
    let auditor = app.staff(Role::Auditor).await;
    let first = app.booked(booking("o-1", 9, 0)).await;
    app.booked(booking("o-2", 9, 10)).await;
    let cancelled = app.booked(booking("o-3", 9, 20)).await;
    let tomorrow = app.booked(booking_on("2021-10-02", "o-1", 9, 0)).await;
    app.cancel("o-3", cancelled).await.data();
    app.sign_in(first).await.data();
    app.sign_in(tomorrow).await.data();
    let stats = auditor.get(&path("stats")).await.expect(200).json();
    let expected = json!({ "date": "2021-10-01", "appointments_today": 2, "sign_ins_today": 2,
        "visits_today": 0, "open_orders": 0, "open_refunds": 0, "appeals_waiting": 0, "messages_waiting": 0, "messages_given_up": 0,
        "message_budget_percent": 0 });
    assert_eq!(stats, expected);
    app.clock.advance(24 * HOUR);
    let stats = auditor.get(&path("stats")).await.expect(200).json();
    assert_eq!((&stats["appointments_today"], &stats["sign_ins_today"]), (&json!(1), &json!(0)));
}
