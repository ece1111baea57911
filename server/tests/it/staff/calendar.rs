use serde_json::{Value, json};
use yuyue::clock::HOUR;
use yuyue::staff::Role;

use super::{path, problem};
use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};

both! {
    a_calendar_shows_how_full_each_slot_is,
    charts_count_days_and_hours,
    a_schedule_is_tried_before_it_is_saved,
}

fn slot(hour: i64, minute: i64, capacity: i64, taken: i64, booked: i64, signed_in: i64) -> Value {
    json!({ "hour": hour, "minute": minute, "capacity": capacity, "taken": taken, "booked": booked,
            "signed_in": signed_in })
}

async fn a_calendar_shows_how_full_each_slot_is(app: TestApp) {
    let (admin, auditor) = (app.staff(Role::Admin).await, app.staff(Role::Auditor).await);
    let first = app.booked(booking("o-1", 9, 0)).await;
    let cancelled = app.booked(booking("o-2", 9, 10)).await;
    app.booked(booking_on("2021-10-02", "o-1", 15, 50)).await;
    app.sign_in(first).await.data();
    app.cancel("o-2", cancelled).await.data();
    let days = auditor.get(&path("calendar")).await.expect(200).json();
    let dates: Vec<_> = days.as_array().unwrap().iter().map(|day| day["date"].clone()).collect();
    assert_eq!((dates.len(), &dates[0], &dates[6]), (7, &json!("2021-10-01"), &json!("2021-10-07")));
    assert_eq!(days[0]["slots"].as_array().unwrap().len(), 30);
    assert_eq!(days[0]["slots"][0], slot(9, 0, 1, 1, 1, 1));
    assert_eq!(days[0]["slots"][1], slot(9, 10, 1, 0, 0, 0));
    assert_eq!(days[1]["slots"][29], slot(15, 50, 1, 1, 1, 0));

    // Longer slots: the appointment of 15:50 begins in none and fills one.
    let mut schedule = admin.get(&path("schedule")).await.json();
    (schedule["slot_minutes"], schedule["capacity"]) = (json!(30), json!(2));
    admin.put(&path("schedule"), schedule).await.expect(200);
    let days = auditor.get(&path("calendar?from=2021-10-02&days=1")).await.expect(200).json();
    let slots = days[0]["slots"].as_array().unwrap();
    assert_eq!((days.as_array().unwrap().len(), slots.len()), (1, 11));
    assert_eq!(slots[9..], [slot(15, 30, 2, 1, 0, 0), slot(15, 50, 0, 0, 1, 0)]);

    // A day long past has no slots any more, but its appointments.
    app.clock.advance(10 * 24 * HOUR);
    app.drain_outbox().await;
    let days = auditor.get(&path("calendar?from=2021-10-02&days=2")).await.expect(200).json();
    assert_eq!(
        days,
        json!([{ "date": "2021-10-02", "slots": [slot(15, 50, 0, 0, 1, 0)] },
                            { "date": "2021-10-03", "slots": [] }])
    );
    for (query, field) in [("from=2021-13-01", "from"), ("days=0", "days"), ("days=43", "days")] {
        assert_eq!(problem(&auditor.get(&path(&format!("calendar?{query}"))).await, 400), field);
    }
}

async fn charts_count_days_and_hours(app: TestApp) {
    let auditor = app.staff(Role::Auditor).await;
    let yesterday = app.booked(booking("o-1", 9, 0)).await;
    app.sign_in(yesterday).await.data();
    app.booked(booking("o-2", 9, 10)).await;
    app.clock.advance(24 * HOUR);
    let today = app.booked(booking_on("2021-10-02", "o-1", 10, 0)).await;
    let cancelled = app.booked(booking_on("2021-10-02", "o-2", 10, 10)).await;
    app.sign_in(today).await.data();
    app.cancel("o-2", cancelled).await.data();
    app.booked(booking_on("2021-10-03", "o-1", 10, 0)).await;
    let history = auditor.get(&path("stats/history")).await.expect(200).json();
    let days = history["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["date"]), (30, &json!("2021-09-03")));
    let day = |date: &str, appointments: i64, signed_in: i64| json!({ "date": date, "appointments": appointments, "signed_in": signed_in, "visits": 0 });
    assert_eq!(days[27..], [day("2021-09-30", 0, 0), day("2021-10-01", 2, 1), day("2021-10-02", 1, 1)]);
    let hour = |hour: i64, capacity: i64, appointments: i64, signed_in: i64| json!({ "hour": hour, "capacity": capacity, "appointments": appointments, "signed_in": signed_in });
    let expected =
        json!([hour(9, 6, 0, 0), hour(10, 6, 1, 1), hour(13, 6, 0, 0), hour(14, 6, 0, 0), hour(15, 6, 0, 0)]);
    assert_eq!(history["hours"], expected);
}

async fn a_schedule_is_tried_before_it_is_saved(app: TestApp) {
    let auditor = app.staff(Role::Auditor).await;
    let inside = app.booked(booking("o-1", 9, 50)).await;
    let late = app.booked(booking_on("2021-10-02", "o-1", 15, 0)).await;
    let closed = app.booked(booking_on("2021-10-03", "o-1", 9, 0)).await;
    let gone = app.booked(booking_on("2021-10-03", "o-2", 9, 10)).await;
    app.cancel("o-2", gone).await.data();
    let before = auditor.get(&path("schedule")).await.expect(200).json();
    let mut tried = before.clone();
    tried["slot_minutes"] = json!(30);
    tried["days_ahead"] = json!(2);
    tried["closed_dates"] = json!(["2021-10-03"]);
    tried["periods"] = json!([
        { "weekday": 5, "from": "09:00", "to": "11:00" },
        { "weekday": 6, "from": "09:00", "to": "10:00" },
        { "weekday": 7, "from": "09:00", "to": "10:00" },
    ]);
    let preview = auditor.post(&path("schedule/preview"), tried.clone()).await.expect(200).json();
    assert_eq!(
        preview["days"],
        json!([
            { "date": "2021-10-01", "slots": ["09:00", "09:30", "10:00", "10:30"] },
            { "date": "2021-10-02", "slots": ["09:00", "09:30"] },
            { "date": "2021-10-03", "slots": [] },
        ])
    );
    let outside = preview["outside"].as_array().unwrap();
    let ids: Vec<_> = outside.iter().map(|found| found["appointment_id"].as_i64().unwrap()).collect();
    assert_eq!((ids, &preview["outside_total"]), (vec![late, closed], &json!(2)), "{inside} is covered");
    assert_eq!(auditor.get(&path("schedule")).await.json(), before, "nothing was saved");
    tried["periods"][0]["to"] = json!("08:00");
    assert_eq!(problem(&auditor.post(&path("schedule/preview"), tried).await, 400), "periods");
}
