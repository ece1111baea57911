//! What text messages carry: what their provider takes, and nothing that leads elsewhere.

use serde_json::{Map, Value, json};

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    every_variable_fits_whatever_was_written,
    the_link_in_a_text_message_opens_the_pass,
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
    assert_eq!(told[1]["company"], "无");
    assert_eq!(told[1]["name"], "阿卜杜勒·本·穆罕默德·阿勒萨尼·艾…");
    assert_eq!((&told[1]["time"], &told[1]["until"]), (&json!("10-01 08:00"), &json!("10-01 10:00")));
    let company = told[0]["company"].as_str().unwrap();
    assert!(!company.contains(['/', '.']) && !company.contains("http"), "{company}");
}

async fn the_link_in_a_text_message_opens_the_pass(app: TestApp) {
    app.invited().await;
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
