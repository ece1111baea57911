use axum::http::Method;
use serde_json::{Value, json};
use yuyue::clock::{HOUR, SECOND};
use yuyue::config::TimeFormat;
use yuyue::visitors::qr;

use super::{FU_GUI, LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    an_application_answers_with_its_record,
    an_invitation_is_authorised_at_once,
    each_event_tells_exactly_whom_the_documents_name,
    a_phone_with_two_roles_is_written_to_in_the_one_addressed,
    the_proposer_is_one_of_the_two,
    every_field_of_an_application_is_checked,
    times_come_as_seconds_or_text_and_go_out_as_set,
    photos_may_be_large_and_are_not_kept,
    the_same_key_books_once,
    authorising_again_tells_nobody_again,
    an_expired_application_cannot_be_authorised,
    an_application_can_be_refused_with_a_reason,
    deleting_a_record_takes_it_from_every_list,
    the_five_purposes_still_answer,
}

async fn an_application_answers_with_its_record(app: TestApp) {
    let mut application = app.application_with(&json!({ "group_ids": "访客组", "remark": "第一行\n第二行" }));
    application["retinues"][0]["photo"] = json!("aGVsbG8=");
    let data = app.post("/v1/subject", application).await.done();
    let expected = json!({
        "id": 1, "subject_id": 1, "subject_type": 1, "name": "张三", "phone": ZHANG_SAN, "purpose": 2,
        "remark": "第一行\n第二行", "come_from": "ZY", "department": "", "proposer": ZHANG_SAN,
        "interviewee": "李四", "interviewee_phone": LI_SI,
        "start_time": app.seconds(0), "end_time": app.seconds(2), "group_ids": "访客组", "photo": "",
        "is_auth": 0, "refuse_reason": "",
        "retinues": [{ "subject_id": 2, "name": "王某", "phone": WANG_MOU, "photo": "" }],
    });
    assert_eq!(data, expected);
    app.drain_outbox().await;
}

async fn an_invitation_is_authorised_at_once(app: TestApp) {
    let invitation = app.application_with(&json!({ "proposer": LI_SI, "retinues": null }));
    let data = app.post("/v1/subject", invitation).await.done();
    assert_eq!((&data["is_auth"], &data["retinues"]), (&json!(1), &json!([])));
    app.drain_outbox().await;
}

async fn each_event_tells_exactly_whom_the_documents_name(app: TestApp) {
    let employee = json!({ "weixinUserId": "wx-1", "name": "李四", "phone": LI_SI });
    app.post("/v1/subject/binding", employee).await.done();
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN })).await.done();
    let id = app.applied(app.application()).await;
    assert_eq!(app.told(LI_SI).await, ["sms SMS_200000001", "wechat approval_reminder_to_employee"]);
    assert_eq!(app.told(ZHANG_SAN).await, ["sms SMS_200000005", "wechat apply_receipt_to_visitor"]);
    assert_eq!(app.told(WANG_MOU).await, [""; 0], "nothing is decided yet");

    app.send(Method::PUT, &format!("/v1/auth/{id}"), "").await.done();
    assert_eq!(app.told(LI_SI).await.len(), 2, "he knows");
    assert!(app.told(ZHANG_SAN).await.contains(&"wechat approval_pass_to_visitor".to_owned()));
    assert_eq!(app.told(WANG_MOU).await, ["sms SMS_200000003"], "no WeChat is bound to this phone");

    let signed_in = app.check_in(WANG_MOU).await.done();
    let told = app.told(LI_SI).await;
    assert_eq!((told.len(), &*told[3]), (4, "wechat visitor_signin_to_employee"));
    assert_eq!(app.told(ZHANG_SAN).await.len(), 6);
    assert_eq!(app.told(WANG_MOU).await, ["sms SMS_200000003", "sms SMS_200000004"]);
    let messages = app.get(&format!("/demo/messages?phone={WANG_MOU}")).await.json();
    let params = &messages[0]["params"];
    let page = params["link"].as_str().unwrap().strip_prefix("/q/").unwrap();
    let picture = format!("/qrcode/{}.jpg", qr::token_of_page(page).unwrap());
    let pass = signed_in["retinues"][0]["qrcode_img_url"].as_str().unwrap();
    assert!(pass.ends_with(&picture), "each gets their own pass: {pass} {picture}");
    assert_eq!((&params["name"], &params["interviewee"]), (&json!("王某"), &json!("李四")));
    assert_eq!((&params["place"], &params["purpose"]), (&json!("前台"), &json!("商务")));
    assert_eq!((&params["time"], &params["until"]), (&json!("10-01 08:00"), &json!("10-01 10:00")));
}

async fn a_phone_with_two_roles_is_written_to_in_the_one_addressed(app: TestApp) {
    let mut servers = app.get("/v1/config/servers").await.done();
    servers["cloud_url"] = json!("");
    app.put("/v1/config/servers", servers).await.done();
    let employee = json!({ "weixinUserId": "wx-employee", "name": "李四", "phone": LI_SI });
    app.post("/v1/subject/binding", employee).await.done();
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-visitor", "phone": LI_SI })).await.done();
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-fu", "phone": FU_GUI })).await.done();
    app.applied(app.application()).await;
    app.drain_outbox().await;
    let received = app.world().official.received();
    assert_eq!(received.iter().map(|message| &*message.open_id).collect::<Vec<_>>(), ["wx-employee"]);
    let visits = json!({
        "name": "李四", "phone": LI_SI, "proposer": FU_GUI, "interviewee": "富贵", "interviewee_phone": FU_GUI,
        "retinues": [],
    });
    app.applied(app.application_with(&visits)).await;
    app.drain_outbox().await;
    let received = app.world().official.received();
    assert_eq!((received.len(), &*received[0].open_id), (2, "wx-visitor"), "here he is a visitor");
    let applies = json!({ "interviewee": "富贵", "interviewee_phone": FU_GUI });
    app.applied(app.application_with(&applies)).await;
    app.drain_outbox().await;
    assert_eq!(app.world().official.received()[0].open_id, "wx-fu", "bound in the other role only");
}

async fn the_proposer_is_one_of_the_two(app: TestApp) {
    let neither = app.application_with(&json!({ "proposer": FU_GUI }));
    assert_eq!(app.post("/v1/subject", neither).await.refused(), -201);
    let both = app.application_with(&json!({ "phone": LI_SI, "proposer": LI_SI }));
    assert_eq!(app.post("/v1/subject", both).await.refused(), -201);
}

async fn every_field_of_an_application_is_checked(app: TestApp) {
    let before = app.checksums().await;
    let past = app.seconds(-1);
    let many: Vec<Value> =
        (0..21).map(|n| json!({ "name": format!("随{n}"), "phone": "13900000099" })).collect();
    for (field, wrong) in [
        ("subject_type", json!(2)),
        ("subject_type", Value::Null),
        ("name", json!("")),
        ("name", json!("张\n三")),
        ("phone", json!("123")),
        ("purpose", json!(5)),
        ("purpose", json!("x")),
        ("remark", json!("\u{7}")),
        ("remark", json!("x".repeat(2001))),
        ("come_from", json!(7)),
        ("proposer", json!(13_811_111_111_i64)),
        ("interviewee", json!("x".repeat(65))),
        ("interviewee_phone", json!("abc")),
        ("start_time", json!("2021-02-30 00:00:00")),
        ("start_time", json!("tomorrow")),
        ("end_time", json!(-1)),
        ("end_time", json!(past)),
        ("end_time", json!(app.seconds(0))),
        ("retinues", json!(many)),
        ("retinues", json!("x")),
        ("retinues", json!([{ "name": "王某" }])),
        ("group_ids", json!("x".repeat(3000))),
        ("group_ids", (0..200).fold(json!([]), |inside, _| json!([inside]))),
    ] {
        let answer = app.post("/v1/subject", app.application_with(&json!({ field: wrong }))).await;
        assert_eq!(answer.refused(), 400, "{field} {wrong}");
        assert!(answer.json()["err_msg"].as_str().unwrap().contains(field), "{answer:?}");
    }
    assert_eq!(app.checksums().await, before, "a refused request leaves nothing behind");
    let lenient = json!({ "subject_type": "1", "purpose": "", "start_time": app.seconds(0).to_string() });
    app.applied(app.application_with(&lenient)).await;
    app.drain_outbox().await;
}

async fn times_come_as_seconds_or_text_and_go_out_as_set(app: TestApp) {
    let text = json!({ "start_time": "2021-10-01 09:00:00", "end_time": "2021-10-01 10:00:00" });
    let data = app.post("/v1/subject", app.application_with(&text)).await.done();
    assert_eq!((&data["start_time"], &data["end_time"]), (&json!(app.seconds(1)), &json!(app.seconds(2))));
    let texts = app.again(|config| config.visitors.time_format = TimeFormat::Text).await;
    let records = texts.get("/v1/visit/records?type=web").await.done();
    assert_eq!(records[0]["start_time"], "2021-10-01 09:00:00");
    assert_eq!(records[0]["signin_time"], "");
    app.drain_outbox().await;
}

async fn photos_may_be_large_and_are_not_kept(app: TestApp) {
    let photo = "A".repeat(7 << 20);
    let data = app.post("/v1/subject", app.application_with(&json!({ "photo": photo }))).await.done();
    assert_eq!(data["photo"], "");
    let huge = "A".repeat(8 << 20);
    let answer = app.post("/v1/subject", app.application_with(&json!({ "photo": huge }))).await.expect(413);
    assert_eq!(answer.json()["code"], 413);
    let over = json!({ "weixinUserId": "w", "phone": ZHANG_SAN, "x": "A".repeat(1 << 20) });
    app.post("/v1/visitor/binding", over).await.expect(413);
    app.drain_outbox().await;
}

async fn the_same_key_books_once(app: TestApp) {
    let keyed = app.with("idempotency-key", "k-1");
    let first = keyed.post("/v1/subject", app.application()).await;
    let again = keyed.post("/v1/subject", app.application()).await;
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("x-request-id"), again.header("x-request-id"));
    let other = keyed.post("/v1/subject", app.application_with(&json!({ "purpose": 1 }))).await.expect(422);
    assert_eq!(other.json()["code"], 422);
    assert_eq!(app.number("SELECT count(*) AS value FROM visit").await, 1);
    assert_eq!(app.told(LI_SI).await, ["sms SMS_200000001"]);
    app.clock.advance(3 * HOUR);
    assert_eq!(
        keyed
            .post(
                "/v1/subject",
                app.application_with(&json!({
                    "start_time": app.seconds(-3), "end_time": app.seconds(-1),
                }))
            )
            .await
            .body,
        first.body,
        "also when the visit is over"
    );
}

async fn authorising_again_tells_nobody_again(app: TestApp) {
    let id = app.applied(app.application()).await;
    for _ in 0..3 {
        app.put(&format!("/v1/auth/{id}"), json!({})).await.done();
    }
    assert_eq!(app.told(WANG_MOU).await, ["sms SMS_200000003"]);
    app.clock.advance(3 * HOUR);
    app.put(&format!("/v1/auth/{id}"), json!({})).await.done();
    assert_eq!(app.put("/v1/auth/99", json!({})).await.refused(), 404);
    assert_eq!(app.put("/v1/auth/x", json!({})).await.refused(), 400);
    assert_eq!(app.told(WANG_MOU).await.len(), 1);
}

async fn an_expired_application_cannot_be_authorised(app: TestApp) {
    let id = app.applied(app.application()).await;
    app.drain_outbox().await;
    app.clock.advance(2 * HOUR - SECOND);
    let other = app.applied(app.application()).await;
    app.clock.advance(SECOND);
    assert_eq!(app.put(&format!("/v1/auth/{id}"), json!({})).await.refused(), -203);
    app.put(&format!("/v1/auth/{other}"), json!({})).await.done();
    app.drain_outbox().await;
}

async fn an_application_can_be_refused_with_a_reason(app: TestApp) {
    let id = app.applied(app.application()).await;
    let path = format!("/v1/auth/{id}");
    let refuse = json!({ "decision": "refuse", "reason": "时间不合适" });
    assert_eq!(app.put(&path, json!({ "decision": "refuse" })).await.refused(), 400, "needs a reason");
    assert_eq!(app.put(&path, json!({ "decision": "perhaps" })).await.refused(), 400);
    app.put(&path, refuse.clone()).await.done();
    app.put(&path, refuse.clone()).await.done();
    assert_eq!(app.put(&path, json!({})).await.refused(), -204);
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206, "as if nothing were booked");
    let record = &app.get("/v1/visit/records?type=web").await.done()[0];
    assert_eq!((&record["is_auth"], &record["refuse_reason"]), (&json!(0), &json!("时间不合适")));

    let id = app.invited().await;
    assert_eq!(app.put(&format!("/v1/auth/{id}"), refuse).await.refused(), -205);
    app.drain_outbox().await;
}

async fn deleting_a_record_takes_it_from_every_list(app: TestApp) {
    let id = app.invited().await;
    app.get("/v1/visit/records?type=web&name=%E4%B8%89").await.done();
    app.delete(&format!("/v1/visit/records/{id}")).await.done();
    assert_eq!(app.delete(&format!("/v1/visit/records/{id}")).await.refused(), 404);
    for query in [
        "type=web",
        "type=web&name=%E4%B8%89",
        "type=web&interviewee=%E6%9D%8E",
        "type=mobile&proposer=13811111111",
    ] {
        let answer = app.get(&format!("/v1/visit/records?{query}")).await;
        assert_eq!(answer.done(), json!([]), "{query}");
        assert_eq!(
            answer.json()["page"],
            json!({ "count": 0, "current": 1, "size": 5, "total": 0 }),
            "{query}"
        );
    }
    assert_eq!(app.put(&format!("/v1/auth/{id}"), json!({})).await.refused(), 404);
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206);
    app.drain_outbox().await;
}

async fn the_five_purposes_still_answer(app: TestApp) {
    let labels = ["其它", "面试", "商务", "亲友", "快递送货"];
    let expected: Vec<Value> =
        labels.iter().enumerate().map(|(value, label)| json!({ "label": label, "value": value })).collect();
    assert_eq!(app.get("/v1/subject/purpose").await.done(), json!(expected));
}
