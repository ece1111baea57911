//! What text messages carry: what their provider takes, and nothing that leads elsewhere.

use serde_json::{Map, Value, json};
use yuyue::staff::Role;

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    every_variable_fits_whatever_was_written,
    the_link_in_a_text_message_opens_the_pass,
    a_wechat_template_has_its_own_fields,
}

impl TestApp {
    /// Sends what waits and gives the variables of the text messages one phone has got, newest first.
    async fn variables(&self, phone: &str) -> Vec<Map<String, Value>> {
        self.drain_outbox().await;
        self.world().sms.received_by(phone).into_iter().map(|message| message.params).collect()
    }
}

async fn every_variable_fits_whatever_was_written(app: TestApp) {
    let mut application = app.application_with(&json!({
        "name": "阿卜杜勒·本·穆罕默德·阿勒萨尼·艾哈迈德·本·哈立德", "come_from": "",
    }));
    app.applied(application.clone()).await;
    application["come_from"] = "http://evil.example/a ｗｗｗ．ｅｖｉｌ．ｃｏｍ".into();
    application["name"] = "张三".into();
    app.applied(application).await;
    let told = app.variables(LI_SI).await;
    assert_eq!(told.len(), 2);
    for value in told.iter().flat_map(Map::values) {
        let length = value.as_str().unwrap().chars().count();
        assert!((1..=20).contains(&length), "{value}");
    }
    // They are sent side by side.
    let of =
        |name: &str| told.iter().find(|message| message["name"].as_str().unwrap().starts_with(name)).unwrap();
    let (long, linking) = (of("阿卜杜勒"), of("张三"));
    assert_eq!(long["company"], "无");
    assert_eq!(long["name"], "阿卜杜勒·本·穆罕默德·阿勒萨尼·艾哈…");
    assert_eq!((&long["time"], &long["until"]), (&json!("10-01 08:00"), &json!("10-01 10:00")));
    let company = linking["company"].as_str().unwrap();
    assert!(!company.contains(['/', '.']) && !company.contains("http"), "{company}");
}

async fn the_link_in_a_text_message_opens_the_pass(app: TestApp) {
    app.invited().await;
    app.drain_outbox().await;
    let passes = app.check_in(ZHANG_SAN).await.done();
    for (phone, image) in
        [(ZHANG_SAN, &passes["qrcode_img_url"]), (WANG_MOU, &passes["retinues"][0]["qrcode_img_url"])]
    {
        let link = app.variables(phone).await[0]["link"].as_str().unwrap().to_owned();
        assert!(link.starts_with("/q/") && link.len() <= 35, "{link}");
        let page = app.get(&link).await.expect(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let old = image.as_str().unwrap().strip_prefix("http://yuyue.test").unwrap();
        let html = String::from_utf8(page.body.to_vec()).unwrap();
        assert!(html.contains(&format!("\"..{old}\"")), "{html}");
        assert_eq!(app.get(old).await.expect(200).header("content-type"), "image/jpeg");
        assert!(!html.contains("张三") && !html.contains(phone), "whoever has the link learns no name");
    }
    for wrong in ["/q/x", "/q/AAAAAAAAAAAAAAAAAAAAAA", "/q/%00", "/q/%FF"] {
        let page = app.get(wrong).await;
        assert!(page.status.is_client_error(), "{wrong} {page:?}");
    }
}

async fn a_wechat_template_has_its_own_fields(app: TestApp) {
    // Without a cloud service, so that it is the official account that refuses what does not fit.
    let app = app.again(|config| config.visitors.cloud_url.clear()).await;
    let admin = app.staff(Role::Admin).await;
    let notices = admin.get("/admin/v1/notices").await.expect(200).json();
    let kinds: Vec<_> =
        notices["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
    assert_eq!(kinds.len(), 7, "{notices}");
    assert_eq!(notices["items"][0]["kind"], "approval_reminder_to_employee");
    assert_eq!(notices["items"][0]["sms_template"], "SMS_200000001");
    assert_eq!(notices["items"][0]["wechat_fields"], json!({}));
    let fields = json!({
        "thing1": "name", "time2": "time", "character_string3": "number", "phrase4": "purpose", "name5": "interviewee",
        "date6": "start", "thing7": "company",
    });
    let mut wanted = notices["items"][0].clone();
    wanted["wechat_fields"] = fields.clone();
    let changed = admin.put("/admin/v1/notices", json!({ "items": [wanted] })).await.expect(200).json();
    assert_eq!(changed["items"][0]["wechat_fields"], fields);
    assert_eq!(changed["items"][1], notices["items"][1], "the others stay");
    assert_eq!(app.number("SELECT count(*) AS value FROM audit WHERE action = 'notice.change'").await, 1);

    let binding = json!({ "weixinUserId": "wx-demo-lisi", "name": "李四", "phone": LI_SI });
    app.post("/v1/subject/binding", binding).await.done();
    app.applied(
        app.application_with(
            &json!({ "name": "阿卜杜勒·本·穆罕默德·阿勒萨尼·艾哈迈德·本", "come_from": "" }),
        ),
    )
    .await;
    app.drain_outbox().await;
    let received = app.world().official.received();
    assert_eq!(received.len(), 1, "{received:?}");
    let number = app.number("SELECT max(id) AS value FROM visit").await;
    assert_eq!(
        Value::Object(received[0].params.clone()),
        json!({
            "thing1": "阿卜杜勒·本·穆罕默德·阿勒萨尼·艾哈…", "time2": "2021年10月1日 08:00~10:00",
            "character_string3": number.to_string(), "phrase4": "商务", "name5": "李四",
            "date6": "2021年10月1日 08:00", "thing7": "无",
        })
    );

    for (item, field) in [
        (json!({ "kind": "birthday", "wechat_fields": {} }), "kind"),
        (
            json!({ "kind": "signin_to_visitor", "wechat_fields": { "amount1": "name" } }),
            "wechat_fields.amount1",
        ),
        (
            json!({ "kind": "signin_to_visitor", "wechat_fields": { "thing1": "age" } }),
            "wechat_fields.thing1",
        ),
        (json!({ "kind": "signin_to_visitor", "wechat_fields": { "time1": "name" } }), "wechat_fields.time1"),
        (
            json!({ "kind": "signin_to_visitor", "sms_template": "SMS_9", "wechat_fields": {} }),
            "sms_template",
        ),
    ] {
        let refused = admin.put("/admin/v1/notices", json!({ "items": [item] })).await.expect(400);
        assert_eq!(refused.json()["field"], field, "{refused:?}");
    }
    let auditor = app.staff(Role::Auditor).await;
    auditor.get("/admin/v1/notices").await.expect(200);
    auditor.put("/admin/v1/notices", json!({ "items": [] })).await.expect(403);
}
