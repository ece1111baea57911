//! Which visit a sign-in is for, and how long a visit may be.

use serde_json::{Value, json};
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};
use yuyue::staff::Role;

use super::{FU_GUI, LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    the_second_visit_under_way_is_signed_in_second_and_its_host_told,
    a_repeat_with_its_key_is_for_the_same_visit,
    ones_own_visit_comes_before_one_where_one_comes_along,
    a_visit_within_half_an_hour_is_todays_over_midnight_too,
    a_visit_that_is_soon_waits_for_the_one_under_way,
    a_visit_is_no_longer_than_it_may_be,
}

const EVENING: [i64; 2] = [-1, 10];
const NOW: [i64; 2] = [0, 2];

impl TestApp {
    /// An authorised visit of Zhang San, alone unless `changes` say otherwise, between two hours from now.
    async fn visit(&self, [from, to]: [i64; 2], changes: &Value) -> i64 {
        let mut visit = self.application_with(&json!({
            "proposer": LI_SI, "retinues": [], "start_time": self.seconds(from), "end_time": self.seconds(to),
        }));
        for (name, value) in changes.as_object().unwrap() {
            visit[name] = value.clone();
        }
        self.applied(visit).await
    }

    /// Signs in with an Idempotency-Key.
    async fn check_in_once(&self, phone: &str, key: &str) -> Answer {
        self.with("idempotency-key", key).check_in(phone).await
    }
}

fn of_fu_gui() -> Value {
    json!({ "proposer": FU_GUI, "interviewee": "富贵", "interviewee_phone": FU_GUI })
}

async fn the_second_visit_under_way_is_signed_in_second_and_its_host_told(app: TestApp) {
    let evening = app.visit(EVENING, &json!({})).await;
    let now = app.visit(NOW, &of_fu_gui()).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], evening);
    assert_eq!((app.told(LI_SI).await.len(), app.told(FU_GUI).await.len()), (1, 0));
    let second = app.check_in(ZHANG_SAN).await.done();
    assert_eq!(second["id"], now);
    assert_eq!(app.told(FU_GUI).await, ["sms SMS_200000002"]);
    assert_eq!(app.scan(&second["qrcode"]).await, 0);
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], evening, "both are signed in");
    assert_eq!((app.told(LI_SI).await.len(), app.told(FU_GUI).await.len()), (1, 1), "nobody is told twice");
}

async fn a_repeat_with_its_key_is_for_the_same_visit(app: TestApp) {
    let evening = app.visit(EVENING, &json!({})).await;
    let now = app.visit(NOW, &of_fu_gui()).await;
    let first = app.check_in_once(ZHANG_SAN, "one").await.done();
    assert_eq!(first["id"], evening);
    app.drain_outbox().await;
    assert_eq!(app.check_in_once(ZHANG_SAN, "one").await.done(), first, "the answer was lost");
    assert_eq!(app.told(FU_GUI).await, [""; 0]);
    app.check_in_once(WANG_MOU, "one").await.expect(422);
    assert_eq!(app.check_in_once(ZHANG_SAN, "two").await.done()["id"], now);
    // A repeat of one that changed nothing stays with its visit, too.
    assert_eq!(app.check_in_once(ZHANG_SAN, "three").await.done()["id"], evening);
    let early = app.visit([-3, 3], &json!({})).await;
    assert_eq!(app.check_in_once(ZHANG_SAN, "three").await.done()["id"], evening);
    assert_eq!(app.check_in_once(ZHANG_SAN, "four").await.done()["id"], early);

    // Two at once with one key are one sign-in.
    let third = app.visit([-2, 3], &json!({})).await;
    let fourth = app.visit([-1, 3], &json!({})).await;
    let (one, other) =
        tokio::join!(app.check_in_once(ZHANG_SAN, "five"), app.check_in_once(ZHANG_SAN, "five"));
    assert_eq!([&one.done()["id"], &other.done()["id"]], [&json!(third), &json!(third)]);
    assert_eq!(app.check_in_once(ZHANG_SAN, "six").await.done()["id"], fourth);
    app.drain_outbox().await;
}

async fn ones_own_visit_comes_before_one_where_one_comes_along(app: TestApp) {
    let along = json!({
        "name": "王某", "phone": WANG_MOU, "retinues": [{ "name": "张三", "phone": ZHANG_SAN }],
    });
    let along = app.visit(EVENING, &along).await;
    let own = app.visit(NOW, &of_fu_gui()).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], own, "though the other began before");
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], along, "the one that is not signed in yet");
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], own);
    app.drain_outbox().await;
}

async fn a_visit_within_half_an_hour_is_todays_over_midnight_too(app: TestApp) {
    // Eight in the morning: at a quarter to twelve at night it is for five past midnight.
    let midnight = app.seconds(16);
    let late = json!({ "start_time": midnight + 300, "end_time": midnight + 3_600 });
    let late = app.visit([0, 0], &late).await;
    app.clock.advance(15 * HOUR + 35 * MINUTE - SECOND);
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206, "more than half an hour before");
    app.clock.advance(SECOND);
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    assert_eq!(signed_in["id"], late);
    assert_eq!(app.scan(&signed_in["qrcode"]).await, 0, "the gate is open, too");
    app.drain_outbox().await;
}

async fn a_visit_that_is_soon_waits_for_the_one_under_way(app: TestApp) {
    let soon = json!({ "start_time": app.seconds(0) + 600, "end_time": app.seconds(3) });
    let soon = app.visit([0, 0], &soon).await;
    let under_way = app.visit(NOW, &json!({})).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], under_way);
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], under_way, "signed in, and still under way");
    app.delete(&format!("/v1/visit/records/{under_way}")).await.done();
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], soon);
    app.drain_outbox().await;
}

async fn a_visit_is_no_longer_than_it_may_be(app: TestApp) {
    let start = app.seconds(0);
    let longest = start + 31 * DAY / SECOND;
    let reception = app.staff(Role::Reception).await;
    for proposer in [ZHANG_SAN, LI_SI] {
        for end in [json!(longest + 1), json!("9999-12-31 23:59:59")] {
            let visit = app.application_with(&json!({ "proposer": proposer, "end_time": end }));
            for caller in [&app, &reception] {
                let answer = caller.post("/v1/subject", visit.clone()).await;
                assert_eq!(answer.refused(), 400, "{visit}");
                let message = answer.json()["err_msg"].as_str().unwrap().to_owned();
                assert!(message.contains("end_time") && message.contains("31 天"), "{message}");
            }
        }
        app.applied(app.application_with(&json!({ "proposer": proposer, "end_time": longest }))).await;
    }
    app.drain_outbox().await;
}
