//! What is told of those who may not come, and of those who have not gone.

use serde_json::{Value, json};
use yuyue::clock::{HOUR, MINUTE, SECOND};
use yuyue::staff::Role;

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    who_is_refused_is_told_why,
    a_refusal_needs_a_template_and_a_visitor_who_may_be_told,
    the_host_is_told_of_who_has_not_left,
    nobody_is_told_of_a_visit_that_is_over,
    a_clock_that_was_wrong_at_the_sign_in_changes_nothing,
}

const REFUSED: &str = "sms SMS_200000006";
const OVERDUE: &str = "sms SMS_200000007";

impl TestApp {
    async fn refuse_visit(&self, id: i64, reason: &str) {
        let refusal = json!({ "decision": "refuse", "reason": reason });
        self.put(&format!("/v1/auth/{id}"), refusal).await.done();
    }

    async fn newest_params(&self, phone: &str, channel: &str) -> Value {
        let messages = self.get(&format!("/demo/messages?phone={phone}")).await.expect(200).json();
        let of_channel = |message: &&Value| message["channel"] == channel;
        messages.as_array().unwrap().iter().find(of_channel).unwrap()["params"].clone()
    }
}

async fn who_is_refused_is_told_why(app: TestApp) {
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN })).await.done();
    let reception = app.staff(Role::Reception).await;
    for (number, door) in [&app, &reception].into_iter().enumerate() {
        let id = app.applied(app.application()).await;
        app.drain_outbox().await;
        door.refuse_visit(id, "时间不合适").await;
        let told = app.told(ZHANG_SAN).await;
        let count = |line: &str| told.iter().filter(|one| *one == line).count();
        assert_eq!(count(REFUSED), number + 1, "{told:?}");
        assert_eq!(count("wechat approval_refuse_to_visitor"), number + 1, "{told:?}");
        let params = app.newest_params(ZHANG_SAN, "sms").await;
        assert_eq!((&params["reason"], &params["interviewee"]), (&json!("时间不合适"), &json!("李四")));
        assert!(app.newest_params(ZHANG_SAN, "wechat").await.to_string().contains("时间不合适"));
        // A repeat tells nobody again, nor does another reason.
        door.refuse_visit(id, "时间不合适").await;
        assert_eq!(app.told(ZHANG_SAN).await, told);
    }
    assert_eq!(app.told(WANG_MOU).await, [""; 0], "companions never heard of it");
    assert!(!app.told(LI_SI).await.contains(&REFUSED.to_owned()));
}

async fn a_refusal_needs_a_template_and_a_visitor_who_may_be_told(app: TestApp) {
    let mut templates = app.get("/v1/config/templates").await.done();
    for channel in ["wechat", "sms"] {
        templates[format!("approval_refuse_to_visitor_{channel}_id")] = json!("");
    }
    let saved = app.put("/v1/config/templates", templates.clone()).await.done();
    assert_eq!(saved, templates);
    let id = app.applied(app.application()).await;
    app.refuse_visit(id, "客满").await;
    assert_eq!(app.told(ZHANG_SAN).await, ["sms SMS_200000005"], "the receipt only");

    // Who set the templates before there was this one leaves it out: it stays as it is.
    templates["approval_refuse_to_visitor_sms_id"] = json!("SMS_777");
    app.put("/v1/config/templates", templates.clone()).await.done();
    templates
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.contains("refuse") && !name.contains("overdue"));
    let saved = app.put("/v1/config/templates", templates).await.done();
    assert_eq!(saved["approval_refuse_to_visitor_sms_id"], "SMS_777");

    let id = app.applied(app.application()).await;
    app.drain_outbox().await;
    let staff = app.staff(Role::Reception).await;
    staff.post("/admin/v1/blocklist", json!({ "phone": ZHANG_SAN, "reason": "" })).await.expect(201);
    let told = app.told(ZHANG_SAN).await;
    app.refuse_visit(id, "客满").await;
    assert_eq!(app.told(ZHANG_SAN).await, told, "who is blocked is told nothing");
}

async fn the_host_is_told_of_who_has_not_left(app: TestApp) {
    app.post("/v1/subject/binding", json!({ "weixinUserId": "wx-1", "name": "李四", "phone": LI_SI }))
        .await
        .done();
    app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.clock.advance(2 * HOUR + 15 * MINUTE - SECOND);
    let before = app.told(LI_SI).await;
    app.clock.advance(SECOND);
    let told = app.told(LI_SI).await;
    assert_eq!(told.len(), before.len() + 2, "{told:?}");
    assert!(told.contains(&OVERDUE.to_owned()), "{told:?}");
    assert!(told.contains(&"wechat visitor_overdue_to_employee".to_owned()), "{told:?}");
    assert_eq!(app.newest_params(LI_SI, "sms").await["name"], "张三 等 2 人");
    app.clock.advance(2 * HOUR);
    assert_eq!(app.told(LI_SI).await, told, "once");

    app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.post("/v1/visit/signout", json!({ "phone": ZHANG_SAN })).await.done();
    app.clock.advance(2 * HOUR + 15 * MINUTE);
    app.drain_outbox().await;
    assert_eq!(app.newest_params(LI_SI, "sms").await["name"], "王某", "who is left, and nobody else");
}

async fn nobody_is_told_of_a_visit_that_is_over(app: TestApp) {
    let all = json!({ "phone": ZHANG_SAN, "all": true });
    app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.post("/v1/visit/signout", all).await.done();
    let deleted = app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.delete(&format!("/v1/visit/records/{deleted}")).await.done();
    app.invited().await;
    let told = app.told(LI_SI).await;
    app.clock.advance(3 * HOUR);
    assert_eq!(app.told(LI_SI).await, told, "all have left, a record is deleted, nobody came");
}

async fn a_clock_that_was_wrong_at_the_sign_in_changes_nothing(app: TestApp) {
    app.invited().await;
    app.clock.advance(HOUR + 30 * MINUTE);
    app.check_in(ZHANG_SAN).await.done();
    app.clock.advance(-HOUR - 30 * MINUTE);
    app.clock.advance(2 * HOUR + 15 * MINUTE - SECOND);
    let told = app.told(LI_SI).await;
    assert!(!told.contains(&OVERDUE.to_owned()), "{told:?}");
    app.clock.advance(SECOND);
    let told = app.told(LI_SI).await;
    assert!(told.contains(&OVERDUE.to_owned()), "{told:?}");
}
