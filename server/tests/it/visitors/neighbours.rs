use std::time::Instant;

use serde_json::{Value, json};
use yuyue::adapters::koala_simulator::Fault as KoalaFault;
use yuyue::adapters::wechat_simulator::Fault;
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    a_sign_in_does_not_wait_for_a_koala_that_does_not_answer,
    a_lost_answer_does_not_write_a_visitor_twice,
    koala_forgets_visitors_after_the_visit,
    a_dead_channel_delays_its_message_and_no_other,
    a_bad_number_is_given_up_at_once_and_a_dead_channel_after_a_day,
    templates_decide_when_the_message_is_sent,
    settings_are_sealed_survive_a_restart_and_work_at_once,
    the_account_token_is_shared_and_renewed,
}

async fn a_sign_in_does_not_wait_for_a_koala_that_does_not_answer(app: TestApp) {
    for fault in [KoalaFault::Slow, KoalaFault::Down] {
        let id = app.invited().await;
        let before = app.world().koala.subjects().len();
        app.world().koala.set_fault(fault);
        let start = Instant::now();
        let first = app.check_in(ZHANG_SAN).await.done();
        assert!(start.elapsed().as_millis() < 4_000, "{fault:?}: {:?}", start.elapsed());
        assert_eq!(app.scan(&first["qrcode"]).await, 0, "the gate does not care");
        let own: Vec<i64> = vec![first["subject_id"].as_i64().unwrap()];
        assert!(own[0] < 1000, "our own id: {own:?}");

        app.world().koala.set_fault(KoalaFault::Ok);
        app.clock.advance(10 * SECOND);
        app.drain_outbox().await;
        assert_eq!(app.world().koala.subjects().len(), before + 2, "{fault:?}");
        let again = app.check_in(ZHANG_SAN).await.done();
        assert!(again["subject_id"].as_i64().unwrap() > 1000, "Koala's id by now");
        assert_eq!(again["qrcode"], first["qrcode"]);
        app.delete(&format!("/v1/visit/records/{id}")).await.done();
        app.drain_outbox().await;
    }
}

async fn a_lost_answer_does_not_write_a_visitor_twice(app: TestApp) {
    app.invited().await;
    app.world().koala.set_fault(KoalaFault::LostAnswer);
    app.check_in(ZHANG_SAN).await.done();
    app.world().koala.set_fault(KoalaFault::Ok);
    app.clock.advance(10 * SECOND);
    app.drain_outbox().await;
    let mut names: Vec<String> = app.world().koala.subjects().into_iter().map(|one| one.name).collect();
    names.sort();
    assert_eq!(names, ["张三", "王某"]);
    assert!(app.check_in(ZHANG_SAN).await.done()["subject_id"].as_i64().unwrap() > 1000);
}

async fn koala_forgets_visitors_after_the_visit(app: TestApp) {
    app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 2);
    app.clock.advance(2 * HOUR + 59 * MINUTE);
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 2);
    app.clock.advance(MINUTE);
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 0);

    let id = app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.delete(&format!("/v1/visit/records/{id}")).await.done();
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 0, "a deleted record's people go at once");
}

async fn a_dead_channel_delays_its_message_and_no_other(app: TestApp) {
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN })).await.done();
    app.world().cloud.set_fault(Fault::Down);
    app.invited().await;
    assert_eq!(app.told(ZHANG_SAN).await, ["sms SMS_200000003"]);
    app.world().cloud.set_fault(Fault::Ok);
    app.world().sms.set_fault(Fault::Error);
    app.clock.advance(5 * SECOND);
    assert_eq!(app.told(ZHANG_SAN).await.len(), 2);
    app.invited().await;
    assert_eq!(app.told(ZHANG_SAN).await.len(), 3, "WeChat at once");
    app.world().sms.set_fault(Fault::Ok);
    app.clock.advance(15 * SECOND);
    assert_eq!(app.told(ZHANG_SAN).await.len(), 4);
    assert_eq!(app.told(WANG_MOU).await.len(), 2);
}

async fn a_bad_number_is_given_up_at_once_and_a_dead_channel_after_a_day(app: TestApp) {
    let given_up = async || {
        let staff = app.staff(yuyue::staff::Role::Admin).await;
        staff.get("/admin/v1/messages?state=given_up").await.expect(200).json()["items"].clone()
    };
    let short = json!({ "phone": "12345678", "proposer": LI_SI, "retinues": [] });
    app.applied(app.application_with(&short)).await;
    app.drain_outbox().await;
    let list = given_up().await;
    assert_eq!((&list[0]["to"], list.as_array().unwrap().len()), (&json!("12345678"), 1));
    assert!(list[0]["last_error"].as_str().unwrap().contains("MOBILE_NUMBER_ILLEGAL"), "{list}");

    app.world().sms.set_fault(Fault::Down);
    app.invited().await;
    for _ in 0..40 {
        app.drain_outbox().await;
        app.clock.advance(HOUR);
    }
    app.world().sms.set_fault(Fault::Ok);
    app.drain_outbox().await;
    let list = given_up().await;
    let phones: Vec<&Value> = list.as_array().unwrap().iter().map(|message| &message["to"]).collect();
    assert_eq!(phones, [WANG_MOU, ZHANG_SAN, "12345678"]);
    assert_eq!(app.told(ZHANG_SAN).await, [""; 0]);
    let staff = app.staff(yuyue::staff::Role::Admin).await;
    staff.post(&format!("/admin/v1/messages/{}/resend", list[1]["id"]), json!({})).await.expect(200);
    assert_eq!(app.told(ZHANG_SAN).await, ["sms SMS_200000003"]);
}

async fn templates_decide_when_the_message_is_sent(app: TestApp) {
    app.invited().await;
    let mut templates = app.get("/v1/config/templates").await.done();
    let full = templates.clone();
    templates["approval_pass_to_visitor_sms_id"] = json!("SMS_777");
    for receipt in ["apply_receipt_to_visitor_wechat_id", "apply_receipt_to_visitor_sms_id"] {
        templates.as_object_mut().unwrap().remove(receipt);
    }
    let saved = app.put("/v1/config/templates", templates.clone()).await.done();
    assert_eq!(saved["approval_pass_to_visitor_sms_id"], "SMS_777");
    assert_eq!(saved["apply_receipt_to_visitor_sms_id"], full["apply_receipt_to_visitor_sms_id"], "kept");
    assert_eq!(app.get("/v1/config/templates").await.done(), saved);
    assert_eq!(app.told(ZHANG_SAN).await, ["sms SMS_777"], "the waiting message, too");

    templates["apply_receipt_to_visitor_sms_id"] = json!("");
    app.put("/v1/config/templates", templates.clone()).await.done();
    app.applied(app.application()).await;
    assert_eq!(app.told(ZHANG_SAN).await.len(), 1, "no receipt is wanted");
    for field in ["signin_to_visitor_sms_id", "approval_reminder_to_employee_wechat_id"] {
        let mut wrong = templates.clone();
        wrong.as_object_mut().unwrap().remove(field);
        assert_eq!(app.put("/v1/config/templates", wrong).await.refused(), 400, "{field}");
    }
}

async fn settings_are_sealed_survive_a_restart_and_work_at_once(app: TestApp) {
    let bind = |id: &str| json!({ "weixinUserId": id, "name": "李四", "phone": LI_SI });
    let good = app.get("/v1/config/servers").await.done();
    let mut wrong = good.clone();
    wrong["koala_password"] = json!("not-it");
    assert_eq!(app.put("/v1/config/servers", wrong.clone()).await.done(), wrong, "as saved");
    app.post("/v1/subject/binding", bind("wx-1")).await.expect(503);
    assert_eq!(app.texts("SELECT body AS value FROM visitors_setting").await.len(), 1);
    let body = &app.texts("SELECT body AS value FROM visitors_setting").await[0];
    assert!(!body.contains("not-it"), "{body}");
    let restarted = app.again(|_| {}).await;
    assert_eq!(restarted.get("/v1/config/servers").await.done(), wrong);
    app.put("/v1/config/servers", good.clone()).await.done();
    app.post("/v1/subject/binding", bind("wx-1")).await.done();

    for (field, value) in [
        ("koala_ip", json!("")),
        ("koala_ip", json!("a b")),
        ("koala_username", json!(null)),
        ("koala_password", json!("")),
        ("cloud_url", json!("ftp://x")),
        ("cloud_url", json!("nonsense")),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        assert_eq!(app.put("/v1/config/servers", bad).await.refused(), 400, "{field} {value}");
    }
    let mut missing = good.clone();
    missing.as_object_mut().unwrap().remove("cloud_url");
    assert_eq!(app.put("/v1/config/servers", missing).await.refused(), 400);
    let printed = json!({
        "koala_ip": "192.168.18.53", "koala_username": "test@megvii.com", "koala_password": "admin123456",
        "cloud_url": "http://****.cn",
    });
    assert_eq!(app.put("/v1/config/servers", printed.clone()).await.done(), printed, "the document's own");
    assert_eq!(app.get("/v1/config/servers").await.done(), printed);
}

async fn the_account_token_is_shared_and_renewed(app: TestApp) {
    let mut servers = app.get("/v1/config/servers").await.done();
    servers["cloud_url"] = json!("");
    app.put("/v1/config/servers", servers).await.done();
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN })).await.done();
    let sealed = async || app.texts("SELECT sealed AS value FROM wechat_token").await;
    app.invited().await;
    app.drain_outbox().await;
    let first = sealed().await;
    app.invited().await;
    app.again(|_| {}).await.drain_outbox().await;
    assert_eq!(app.world().official.received().len(), 2);
    assert_eq!(sealed().await, first, "the other node used the same one");
    app.clock.advance(DAY);
    app.applied(app.application_with(&json!({ "proposer": LI_SI }))).await;
    app.drain_outbox().await;
    assert_eq!(app.world().official.received().len(), 3);
    assert_ne!(sealed().await, first, "it had expired");

    app.world().official.set_fault(Fault::Down);
    app.invited().await;
    app.drain_outbox().await;
    app.world().official.set_fault(Fault::Ok);
    app.clock.advance(5 * SECOND);
    app.drain_outbox().await;
    assert_eq!(app.world().official.received().len(), 4);
}
