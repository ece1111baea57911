//! Many callers at once. Each of these fails when the guard it is about is taken out.

use std::collections::BTreeMap;

use serde_json::json;
use yuyue::slots::rules;
use yuyue::slots::schedule::Schedule;

use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};
use crate::support::served::soon;
use crate::support::wire::Answer;

both! {
    a_slot_of_one_is_had_by_one_of_64,
    a_slot_of_five_is_had_by_five_of_64,
    one_person_has_a_slot_once,
    one_person_never_holds_more_than_five,
    an_appointment_is_cancelled_or_signed_in,
    an_appointment_is_cancelled_once,
    an_appointment_is_signed_in_once,
    a_freed_slot_is_had_by_one,
    the_same_schedule_anew_never_oversells,
    a_schedule_changed_under_bookings_counts_rightly,
    a_schedule_changed_under_cancellations_counts_rightly,
    a_code_logs_in_once,
    a_code_is_guessed_at_five_times,
    a_code_is_asked_for_once_and_repeated_three_times,
    a_password_is_guessed_at_ten_times,
    a_password_is_changed_by_one_of_two,
    an_openid_is_bound_by_one_account,
    duplicates_get_one_reply,
}

/// Sends all at once and gives the answers in order.
async fn at_once<F>(calls: impl IntoIterator<Item = F>) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let running: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for call in running {
        answers.push(soon("an answer", call).await.unwrap());
    }
    answers
}

/// How often each `error_no` came.
fn error_nos(answers: &[Answer]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.json()["error_no"].as_i64().unwrap()).or_default() += 1;
    }
    counts
}

/// How often each members code came; 0 is success.
fn codes(answers: &[Answer]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        let code = if answer.status == 200 { 0 } else { answer.code().0 };
        *counts.entry(code).or_default() += 1;
    }
    counts
}

impl TestApp {
    fn books(&self, booking: serde_json::Value) -> impl Future<Output = Answer> + Send + use<> {
        let app = self.clone();
        async move { app.book(booking).await }
    }

    fn posts(
        &self,
        path: &'static str,
        body: serde_json::Value,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let app = self.clone();
        async move { app.post(path, body).await }
    }

    fn cancels(&self, open_id: &str, id: i64) -> impl Future<Output = Answer> + Send + use<> {
        self.posts("/v1/cancel-appointment", json!({ "open_id": open_id, "appintment_id": id }))
    }

    fn signs_in(&self, id: i64) -> impl Future<Output = Answer> + Send + use<> {
        self.posts("/v1/sign-in", json!({ "appintment_id": id }))
    }

    async fn expect_consistent_slots(&self) {
        assert_eq!(self.wrong_slots(false).await, [""; 0]);
    }
}

async fn a_slot_of_one_is_had_by_one_of_64(app: TestApp) {
    let answers = at_once((0..64).map(|racer| app.books(booking(&format!("o-{racer}"), 10, 0)))).await;
    assert_eq!(error_nos(&answers), BTreeMap::from([(0, 1), (rules::FULL.number, 63)]));
    app.expect_consistent_slots().await;
}

async fn a_slot_of_five_is_had_by_five_of_64(app: TestApp) {
    app.schedule(|schedule| schedule.capacity = 5).await;
    let answers = at_once((0..64).map(|racer| app.books(booking(&format!("o-{racer}"), 10, 0)))).await;
    assert_eq!(error_nos(&answers), BTreeMap::from([(0, 5), (rules::FULL.number, 59)]));
    app.expect_consistent_slots().await;
}

async fn one_person_has_a_slot_once(app: TestApp) {
    app.schedule(|schedule| schedule.capacity = 5).await;
    let answers = at_once((0..16).map(|_| app.books(booking("o-1", 10, 0)))).await;
    assert_eq!(error_nos(&answers), BTreeMap::from([(0, 1), (rules::ALREADY_MINE.number, 15)]));
    app.expect_consistent_slots().await;
}

async fn one_person_never_holds_more_than_five(app: TestApp) {
    app.schedule(|schedule| schedule.capacity = 100).await;
    // Many persons, because each of them is one chance for a sixth to slip through.
    let slots = [(9, 0), (9, 10), (9, 20), (10, 0), (10, 10), (13, 0), (14, 0), (15, 0)];
    let persons = (0..20).flat_map(|person| slots.map(|(hour, minute)| (person, hour, minute)));
    let book = |(person, hour, minute)| app.books(booking(&format!("o-{person}"), hour, minute));
    let answers = at_once(persons.map(book)).await;
    for answers in answers.chunks(slots.len()) {
        assert_eq!(error_nos(answers), BTreeMap::from([(0, 5), (rules::TOO_MANY.number, 3)]));
    }
    app.expect_consistent_slots().await;
}

/// 25 appointments of five persons.
async fn a_full_day(app: &TestApp) -> Vec<(String, i64)> {
    let mut held = Vec::new();
    for (person, hour) in [9, 10, 13, 14, 15].into_iter().enumerate() {
        for minute in [0, 10, 20, 30, 40] {
            let open_id = format!("o-{person}");
            let id = app.booked(booking(&open_id, hour, minute)).await;
            held.push((open_id, id));
        }
    }
    held
}

async fn an_appointment_is_cancelled_or_signed_in(app: TestApp) {
    let held = a_full_day(&app).await;
    let mut calls: Vec<std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>> = Vec::new();
    for (number, (open_id, id)) in held.iter().enumerate() {
        let (cancel, sign_in) = (Box::pin(app.cancels(open_id, *id)), Box::pin(app.signs_in(*id)));
        // Who is sent first has the better chance, so they take turns.
        if number % 2 == 0 {
            calls.push(cancel);
            calls.push(sign_in);
        } else {
            calls.push(sign_in);
            calls.push(cancel);
        }
    }
    let answers = at_once(calls).await;
    for pair in answers.chunks(2) {
        let mut numbers = error_nos(pair);
        assert_eq!(numbers.remove(&0), Some(1), "{pair:?}");
        let loser = *numbers.keys().next().unwrap();
        assert!([rules::CANCELLED.number, rules::SIGNED_IN.number].contains(&loser), "{pair:?}");
    }
    let both = "SELECT count(*) AS value FROM appointment WHERE cancelled_at IS NOT NULL AND signed_in_at IS NOT NULL";
    assert_eq!(app.number(both).await, 0);
    let signed_in =
        app.number("SELECT count(*) AS value FROM appointment WHERE signed_in_at IS NOT NULL").await;
    assert_eq!(app.number("SELECT count(*) AS value FROM event").await, signed_in, "one event each");
    app.expect_consistent_slots().await;
}

async fn an_appointment_is_cancelled_once(app: TestApp) {
    app.schedule(|schedule| schedule.capacity = 5).await;
    for other in ["o-2", "o-3", "o-4"] {
        app.booked(booking(other, 10, 0)).await;
    }
    let id = app.booked(booking("o-1", 10, 0)).await;
    let answers = at_once((0..16).map(|_| app.cancels("o-1", id))).await;
    assert_eq!(error_nos(&answers), BTreeMap::from([(0, 1), (rules::CANCELLED.number, 15)]));
    app.expect_consistent_slots().await;
}

async fn an_appointment_is_signed_in_once(app: TestApp) {
    let id = app.booked(booking("o-1", 10, 0)).await;
    let answers = at_once((0..16).map(|_| app.signs_in(id))).await;
    let first = answers.iter().filter(|answer| answer.data()["already"] == false).count();
    assert_eq!(first, 1);
    assert_eq!(app.number("SELECT count(*) AS value FROM event").await, 1);
}

async fn a_freed_slot_is_had_by_one(app: TestApp) {
    for round in 0..5 {
        let id = app.booked(booking("o-holder", 10, 0)).await;
        let cancel = app.cancels("o-holder", id);
        let book = (0..8).map(|racer| app.books(booking(&format!("o-{round}-{racer}"), 10, 0)));
        let running = tokio::spawn(cancel);
        let answers = at_once(book).await;
        running.await.unwrap().data();
        let numbers = error_nos(&answers);
        assert!(numbers.get(&0).is_none_or(|winners| *winners == 1), "{numbers:?}");
        assert!(numbers.keys().all(|number| [0, rules::FULL.number].contains(number)), "{numbers:?}");
        app.expect_consistent_slots().await;
        for (racer, answer) in answers.iter().enumerate() {
            if answer.json()["error_no"] == 0 {
                let id = answer.data()["appointment_id"].as_i64().unwrap();
                app.cancel(&format!("o-{round}-{racer}"), id).await.data();
            }
        }
    }
}

/// Bookings and cancellations of many persons on two days while the schedule is replaced again and
/// again; gives what the bookings were told.
async fn bookings_under_changes(app: &TestApp, change: fn(usize, &mut Schedule)) -> BTreeMap<i64, usize> {
    let mut callers = Vec::new();
    for person in 0..12 {
        let app = app.clone();
        callers.push(tokio::spawn(async move {
            let open_id = format!("o-{person}");
            let mut answers = Vec::new();
            let mut mine = Vec::new();
            for step in 0..20 {
                let day = if step % 2 == 0 { "2021-10-01" } else { "2021-10-02" };
                let (hour, minute) =
                    ([9, 10, 13][(person + step) % 3], i64::try_from((person * 7 + step) % 6).unwrap() * 10);
                let answer = app.book(booking_on(day, &open_id, hour, minute)).await;
                if answer.json()["error_no"] == 0 {
                    mine.push(answer.data()["appointment_id"].as_i64().unwrap());
                }
                answers.push(answer);
                if step % 3 == 2 && !mine.is_empty() {
                    app.cancel(&open_id, mine.remove(0)).await.data();
                }
            }
            answers
        }));
    }
    let changer = app.clone();
    let changes = tokio::spawn(async move {
        for round in 0..12 {
            changer.schedule(|schedule| change(round, schedule)).await;
        }
    });
    let mut answers = Vec::new();
    for caller in callers {
        answers.extend(soon("a caller is done", caller).await.unwrap());
    }
    soon("the changes are done", changes).await.unwrap();
    error_nos(&answers)
}

async fn the_same_schedule_anew_never_oversells(app: TestApp) {
    let told = bookings_under_changes(&app, |_, _| ()).await;
    assert!(told[&0] > 0, "{told:?}");
    app.expect_consistent_slots().await;
}

async fn a_schedule_changed_under_bookings_counts_rightly(app: TestApp) {
    let told = bookings_under_changes(&app, |round, schedule| {
        schedule.slot_minutes = [10, 15, 20, 60][round % 4];
        schedule.capacity = [1, 3, 2][round % 3];
    })
    .await;
    assert!(told[&0] > 0, "{told:?}");
    assert_eq!(app.wrong_slots(true).await, [""; 0], "{told:?}");
}

async fn a_schedule_changed_under_cancellations_counts_rightly(app: TestApp) {
    for _ in 0..4 {
        let held = a_full_day(&app).await;
        let cancels: Vec<_> =
            held.iter().map(|(open_id, id)| tokio::spawn(app.cancels(open_id, *id))).collect();
        for _ in 0..3 {
            app.schedule(|_| ()).await;
        }
        for cancel in cancels {
            soon("the cancellation", cancel).await.unwrap().data();
        }
        app.expect_consistent_slots().await;
    }
}

const MOBILE: &str = "13333333333";
const PASSWORD: &str = "correct horse battery staple";

fn by_password(password: &str) -> serde_json::Value {
    json!({ "grant_type": "password", "mobile": MOBILE, "password": password, "client_id": 44 })
}

fn by_code(mobile: &str, code: &str) -> serde_json::Value {
    json!({ "grant_type": "sms_code", "mobile": mobile, "sms_code": code, "client_id": 44 })
}

async fn a_code_logs_in_once(app: TestApp) {
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    let answers = at_once((0..16).map(|_| app.posts("/v1/login/token", login.clone()))).await;
    assert_eq!(codes(&answers), BTreeMap::from([(0, 1), (1003, 15)]));
    assert_eq!(app.number("SELECT count(*) AS value FROM access_token").await, 1);
    assert_eq!(app.number("SELECT count(*) AS value FROM point_entry").await, 1);
}

async fn a_code_is_guessed_at_five_times(app: TestApp) {
    let right = app.login_code(MOBILE).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let answers = at_once((0..32).map(|_| app.posts("/v1/login/token", by_code(MOBILE, wrong)))).await;
    assert_eq!(codes(&answers), BTreeMap::from([(1005, 4), (1001, 28)]));
    assert_eq!(app.number("SELECT wrong AS value FROM sms_code").await, 5);
}

async fn a_code_is_asked_for_once_and_repeated_three_times(app: TestApp) {
    let first = at_once((0..16).map(|_| app.posts("/v1/login/sms_code", json!({ "mobile": MOBILE })))).await;
    assert_eq!(codes(&first), BTreeMap::from([(0, 1), (1006, 15)]));
    let retry = json!({ "mobile": MOBILE, "is_try": 1 });
    let again = at_once((0..16).map(|_| app.posts("/v1/login/sms_code", retry.clone()))).await;
    assert_eq!(codes(&again), BTreeMap::from([(0, 3), (1006, 13)]));
    assert_eq!(app.drain_outbox().await.len(), 4);
}

impl TestApp {
    async fn has_password(&self) -> Self {
        let code = self.login_code(MOBILE).await;
        let mut login = by_code(MOBILE, &code);
        login["password"] = json!(PASSWORD);
        let answer = self.post("/v1/login/token", login).await.expect(200);
        self.bearer(answer.json()["access_token"].as_str().unwrap())
    }
}

async fn a_password_is_guessed_at_ten_times(app: TestApp) {
    app.has_password().await;
    let guess = |number: usize| {
        let login = by_password(&format!("guess {number}"));
        app.at_address("192.0.2.1").posts("/v1/login/token", login)
    };
    let answers = at_once((0..30).map(guess)).await;
    assert_eq!(codes(&answers), BTreeMap::from([(1011, 10), (1016, 20)]), "ten were looked at");
    let there = app.at_address("192.0.2.1");
    there.post("/v1/login/token", by_password(PASSWORD)).await.expect(429);
    app.post("/v1/login/token", by_password(PASSWORD)).await.expect(200);
}

async fn a_password_is_changed_by_one_of_two(app: TestApp) {
    let member = app.has_password().await;
    let change = |number: usize| {
        let value = format!("new long phrase {number}");
        let body = json!({ "proof_state": "password", "password": PASSWORD, "value": value });
        let member = member.clone();
        async move { member.put("/v1/accounts/me/password", body).await }
    };
    let answers = at_once((0..4).map(change)).await;
    let told = codes(&answers);
    assert_eq!(told.get(&0), Some(&1), "{told:?}");
    assert!(told.keys().all(|code| [0, 1011, 1012].contains(code)), "{told:?}");
}

async fn an_openid_is_bound_by_one_account(app: TestApp) {
    let mut logins = Vec::new();
    for number in 0..8 {
        let mobile = format!("133{number:08}");
        let mut login = by_code(&mobile, &app.login_code(&mobile).await);
        login["openid"] = json!("wx-1");
        logins.push(app.posts("/v1/login/token", login));
    }
    let answers = at_once(logins).await;
    assert_eq!(codes(&answers), BTreeMap::from([(0, 1), (1015, 7)]));
    assert_eq!(app.number("SELECT count(*) AS value FROM account").await, 1);
}

async fn duplicates_get_one_reply(app: TestApp) {
    let once = app.with("idempotency-key", "8f1c");
    let answers = at_once((0..16).map(|_| once.books(booking("o-1", 10, 0)))).await;
    for answer in &answers {
        answer.data();
        assert_eq!(
            (&answer.body, answer.header("x-request-id")),
            (&answers[0].body, answers[0].header("x-request-id"))
        );
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM appointment").await, 1);
    app.expect_consistent_slots().await;
}
