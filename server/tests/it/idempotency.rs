//! `Idempotency-Key`: what is sent twice is done once.

use serde_json::{Value, json};
use yuyue::clock::{DAY, MINUTE};
use yuyue::slots::rules;
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};

both! {
    a_repeat_gets_the_first_reply,
    a_key_is_forgotten_after_a_day,
    a_key_with_another_body_is_refused,
    a_failure_is_not_kept,
    a_key_has_a_form,
    a_repeated_request_for_a_code_sends_one_message,
    a_login_is_never_replayed,
}

both! {
    enforced:
    a_key_belongs_to_its_caller,
}

async fn a_repeat_gets_the_first_reply(app: TestApp) {
    let once = app.with("idempotency-key", "8f1c");
    let first = once.book(booking("o-1", 10, 0)).await;
    first.data();
    app.clock.advance(MINUTE);
    for _ in 0..2 {
        let repeat = once.book(booking("o-1", 10, 0)).await;
        assert_eq!((repeat.status, &repeat.body), (first.status, &first.body));
        assert_eq!(repeat.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM appointment").await, 1);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
    let stored = app.texts("SELECT reply AS value FROM idempotency").await;
    assert!(stored.len() == 1 && !stored[0].contains("2021-10-01"), "sealed: {stored:?}");

    let english = once.with("accept-language", "en").again(|_| ()).await;
    assert_eq!(english.book(booking("o-1", 10, 0)).await.body, first.body, "also after a restart");
}

async fn a_key_is_forgotten_after_a_day(app: TestApp) {
    let once = app.with("idempotency-key", "8f1c");
    let booking = || booking_on("2021-10-05", "o-1", 10, 0);
    let first = once.book(booking()).await;
    app.clock.advance(DAY - 1);
    assert_eq!(once.book(booking()).await.body, first.body);
    app.clock.advance(1);
    assert_eq!(once.book(booking()).await.error_no(), rules::ALREADY_MINE.number, "a fresh try");
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM idempotency").await, 0);
}

async fn a_key_with_another_body_is_refused(app: TestApp) {
    let once = app.with("idempotency-key", "8f1c");
    let first = once.book(booking("o-1", 10, 0)).await;
    let answer = once.book(booking("o-1", 10, 10)).await.expect(422);
    let body = answer.json();
    assert_eq!((&body["error_no"], &body["data"]), (&json!(422), &Value::Null));
    assert!(answer.error_msg().starts_with("Idempotency-Key: "), "{answer:?}");
    assert_eq!(app.number("SELECT count(*) AS value FROM appointment").await, 1);
    assert_eq!(once.book(booking("o-1", 10, 0)).await.body, first.body);
    app.with("idempotency-key", "8f1d").book(booking("o-1", 10, 10)).await.data();
}

async fn a_failure_is_not_kept(app: TestApp) {
    let holder = app.booked(booking("o-2", 10, 0)).await;
    let once = app.with("idempotency-key", "8f1c");
    assert_eq!(once.book(booking("o-1", 10, 0)).await.error_no(), rules::FULL.number);
    assert_eq!(app.number("SELECT count(*) AS value FROM idempotency").await, 0);
    app.cancel("o-2", holder).await.data();
    let id = once.booked(booking("o-1", 10, 0)).await;
    assert_eq!(once.booked(booking("o-1", 10, 0)).await, id);
}

async fn a_key_has_a_form(app: TestApp) {
    for key in ["", "  ", &"k".repeat(129), "键"] {
        let answer = app.with("idempotency-key", key).book(booking("o-1", 10, 0)).await;
        assert_eq!(answer.error_no(), rules::INVALID, "{key}");
        assert!(answer.error_msg().starts_with("Idempotency-Key: "), "{answer:?}");
    }
    app.with("idempotency-key", &"k".repeat(128)).booked(booking("o-1", 10, 0)).await;
}

async fn a_repeated_request_for_a_code_sends_one_message(app: TestApp) {
    let once = app.with("idempotency-key", "8f1c");
    let wanted = json!({ "mobile": "13333333333" });
    let first = once.post("/v1/login/sms_code", wanted.clone()).await.expect(200);
    app.clock.advance(MINUTE - 1);
    let repeat = once.post("/v1/login/sms_code", wanted).await.expect(200);
    assert_eq!(repeat.body, first.body);
    assert_eq!(app.drain_outbox().await.len(), 1);
    let other = json!({ "mobile": "13900000000" });
    assert_eq!(
        once.post("/v1/login/sms_code", other.clone()).await.expect(422).code().1,
        "Request.IdempotencyKeyReused"
    );
    once.at_address("192.0.2.1").post("/v1/login/sms_code", other).await.expect(200);
    assert_eq!(app.drain_outbox().await.len(), 1, "an address is a caller here");
}

async fn a_login_is_never_replayed(app: TestApp) {
    let insert = "INSERT INTO account (mobile, password_is_weak, nickname, avatar, gender, openid, province_id, city_id,
                                       point, is_tested, created_at)
                  VALUES ('13333333333', FALSE, '', '', 0, 'wx-1', 0, 0, 0, FALSE, 0)";
    app.execute(insert).await;
    let once = app.with("idempotency-key", "8f1c");
    let login = json!({ "grant_type": "openid", "openid": "wx-1", "client_id": 44 });
    let first = once.post("/v1/login/token", login.clone()).await.expect(200);
    let second = once.post("/v1/login/token", login).await.expect(200);
    assert_ne!(first.json()["access_token"], second.json()["access_token"]);
    assert_eq!(app.number("SELECT count(*) AS value FROM idempotency").await, 0);
}

async fn a_key_belongs_to_its_caller(app: TestApp) {
    let (one, two) = (app.staff(Role::Admin).await, app.staff(Role::Reception).await);
    let first = one.with("idempotency-key", "8f1c").book(booking("o-1", 10, 0)).await;
    first.data();
    let other = two.with("idempotency-key", "8f1c").book(booking("o-1", 10, 0)).await;
    assert_eq!(other.error_no(), rules::ALREADY_MINE.number, "no look into another's reply");
    two.with("idempotency-key", "8f1c").booked(booking("o-1", 10, 10)).await;
}
