//! Short words for what most stories about appointments do.

use jiff::civil::DateTime;
use serde_json::{Value, json};
use yuyue::clock;
use yuyue::error::Error;
use yuyue::slots::schedule::Schedule;

use super::TestApp;
use super::wire::Answer;

/// The document's request for a slot of 2021-10-01, filled in.
pub fn booking(open_id: &str, hour: i64, minute: i64) -> Value {
    booking_on("2021-10-01", open_id, hour, minute)
}

pub fn booking_on(day: &str, open_id: &str, hour: i64, minute: i64) -> Value {
    json!({
        "day": day,
        "hour": hour,
        "minute": minute,
        "open_id": open_id,
        "name": "张三",
        "phone_num": "13800000000",
    })
}

impl TestApp {
    pub async fn book(&self, booking: Value) -> Answer {
        self.post("/v1/make-appointment", booking).await
    }

    /// Books and gives the appointment's id.
    pub async fn booked(&self, booking: Value) -> i64 {
        self.book(booking).await.data()["appointment_id"].as_i64().unwrap()
    }

    pub async fn cancel(&self, open_id: &str, id: i64) -> Answer {
        self.post("/v1/cancel-appointment", json!({ "open_id": open_id, "appintment_id": id })).await
    }

    pub async fn sign_in(&self, id: i64) -> Answer {
        self.post("/v1/sign-in", json!({ "appintment_id": id })).await
    }

    /// Statuses of the slots of an hour, by minute: 0 can be booked.
    pub async fn minutes(&self, day: &str, hour: i64) -> Vec<(i64, i64)> {
        let data = self.post("/avaliable-minutes/list", json!({ "day": day, "hour": hour })).await.data();
        pairs(&data["minutes"], "minute")
    }

    /// Statuses of the hours of a day.
    pub async fn hours(&self, day: &str) -> Vec<(i64, i64)> {
        pairs(&self.post("/v1/avaliable-hours/list", json!({ "day": day })).await.data(), "hour")
    }

    pub async fn days(&self) -> Vec<String> {
        let mut data = self.post("/v1/available-days/list", json!({})).await.data();
        serde_json::from_value(data["days"].take()).unwrap()
    }

    /// Replaces the schedule, as staff do.
    pub async fn schedule(&self, change: impl FnOnce(&mut Schedule)) {
        let mut schedule = Schedule::default();
        change(&mut schedule);
        schedule.check().unwrap();
        let now = self.clock.now();
        let replace = move |tx: &mut yuyue_db::Tx<'_>| yuyue::slots::replace_schedule(tx, &schedule, &now);
        self.db.write::<_, Error, _>("test", replace).await.unwrap();
    }

    /// Moves the clock to what the wall shows.
    pub fn at(&self, wall: DateTime) {
        let now = self.clock.now().at;
        self.clock.advance(clock::instant(self.clock.zone(), wall) - now);
    }

    /// Every slot counts what overlaps it and is not cancelled; gives those that do not, and those
    /// above their capacity unless `may_be_overfull`.
    pub async fn wrong_slots(&self, may_be_overfull: bool) -> Vec<String> {
        let holders = "(SELECT count(*) FROM appointment a WHERE a.cancelled_at IS NULL
                         AND a.starts_at < s.ends_at AND a.ends_at > s.starts_at)";
        let overfull = if may_be_overfull { "1 = 0" } else { "s.taken > s.capacity" };
        self.texts(&format!(
            "SELECT s.day || ' ' || CAST(s.hour AS TEXT) || ':' || CAST(s.minute AS TEXT) || ' has taken '
                    || CAST(s.taken AS TEXT) || ' of ' || CAST(s.capacity AS TEXT) || ', held by '
                    || CAST({holders} AS TEXT) AS value
             FROM slot s WHERE s.taken <> {holders} OR {overfull} ORDER BY s.starts_at"
        ))
        .await
    }
}

fn pairs(list: &Value, name: &str) -> Vec<(i64, i64)> {
    let number = |item: &Value, name: &str| item[name].as_i64().unwrap();
    list.as_array().unwrap().iter().map(|item| (number(item, name), number(item, "status"))).collect()
}
