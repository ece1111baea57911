use serde_json::json;
use yuyue::adapters::sms::Channel;
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};

use super::{MOBILE, PASSWORD, by_code, by_password, code, with};
use crate::support::TestApp;

both! {
    a_code_of_six_digits_reaches_the_phone,
    a_code_can_be_read_out_by_a_call,
    codes_are_not_sent_too_often,
    a_retry_sends_the_same_code_at_most_three_times,
    an_address_may_ask_for_so_many_codes_an_hour,
    all_codes_of_a_day_have_a_budget,
    without_an_sms_account_no_code_can_be_sent,
    a_malformed_mobile_has_its_own_code,
    each_fault_of_a_code_has_its_own_number,
    a_code_expires_and_a_used_one_stays_used,
    a_newer_code_replaces_the_older,
}

fn another(digits: &str) -> String {
    digits.chars().map(|digit| if digit == '9' { '0' } else { char::from(digit as u8 + 1) }).collect()
}

async fn a_code_of_six_digits_reaches_the_phone(app: TestApp) {
    let answer = app.ask_for_code(MOBILE).await.expect(200);
    assert_eq!(answer.json(), json!({ "expires_in": 300 }));
    assert_eq!(app.world().sms.received(), [], "nothing is sent before the commit");
    let sent = app.drain_outbox().await;
    assert_eq!((sent.len(), sent[0].channel, sent[0].to.as_str()), (1, Channel::Sms, MOBILE));
    let digits = sent[0].params["code"].as_str().unwrap();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");

    let shown = app.get(&format!("/demo/messages?phone={MOBILE}")).await.expect(200).json();
    assert_eq!(shown[0]["params"]["code"], digits);
    assert_eq!((&shown[0]["channel"], &shown[0]["to"]), (&json!("sms"), &json!(MOBILE)));
    assert_eq!(shown[0]["at"], "2021-10-01 08:00:00");
    assert_eq!(app.get("/demo/messages?phone=13900000000").await.json(), json!([]));
    let stored = app.texts("SELECT sealed_code || payload AS value FROM sms_code, outbox").await.join(" ");
    assert!(!stored.contains(digits), "the code stands nowhere in the clear");
}

async fn a_code_can_be_read_out_by_a_call(app: TestApp) {
    let wanted = json!({ "mobile": MOBILE, "is_voice": "1", "is_try": 0 });
    app.post("/v1/login/sms_code", wanted).await.expect(200);
    let sent = app.drain_outbox().await;
    assert_eq!((sent.len(), sent[0].channel), (1, Channel::Voice));
    let login = by_code(MOBILE, &app.newest_code(MOBILE));
    app.log_in(login).await.expect(200);
    for wrong in [json!(2), json!(-1), json!("yes"), json!([])] {
        let answer = app.post("/v1/login/sms_code", json!({ "mobile": MOBILE, "is_voice": wrong })).await;
        assert_eq!(answer.code(), code(1000, "Request.Invalid"));
    }
}

async fn codes_are_not_sent_too_often(app: TestApp) {
    let too_often = code(1006, "SMS.TooOften");
    app.ask_for_code(MOBILE).await.expect(200);
    app.clock.advance(MINUTE - 1);
    assert_eq!(app.ask_for_code(MOBILE).await.code(), too_often, "within 60 s");
    app.ask_for_code("13900000000").await.expect(200);
    app.clock.advance(1);
    app.ask_for_code(MOBILE).await.expect(200);
    for _ in 0..8 {
        app.clock.advance(MINUTE);
        app.ask_for_code(MOBILE).await.expect(200);
    }
    app.clock.advance(HOUR);
    assert_eq!(app.ask_for_code(MOBILE).await.code(), too_often, "the eleventh of the day");
    app.clock.advance(DAY);
    app.ask_for_code(MOBILE).await.expect(200);
    app.leaves_messages();
}

async fn a_retry_sends_the_same_code_at_most_three_times(app: TestApp) {
    let retry = json!({ "mobile": MOBILE, "is_try": 1 });
    app.post("/v1/login/sms_code", retry.clone()).await.expect(200);
    app.drain_outbox().await;
    let first = app.newest_code(MOBILE);
    app.clock.advance(SECOND);
    for _ in 0..3 {
        let answer = app.post("/v1/login/sms_code", retry.clone()).await.expect(200);
        assert_eq!(answer.json(), json!({ "expires_in": 299 }), "it lives no longer for being sent again");
        assert_eq!(app.drain_outbox().await.len(), 1);
        assert_eq!(app.newest_code(MOBILE), first);
    }
    let answer = app.post("/v1/login/sms_code", retry.clone()).await;
    assert_eq!(answer.code(), code(1006, "SMS.TooOften"));
    app.log_in(by_code(MOBILE, &first)).await.expect(200);
    let answer = app.post("/v1/login/sms_code", retry.clone()).await;
    assert_eq!(answer.code(), code(1006, "SMS.TooOften"), "none is outstanding: a first request, too soon");
    app.clock.advance(MINUTE);
    app.post("/v1/login/sms_code", retry).await.expect(200);
    app.drain_outbox().await;
    assert_ne!(app.newest_code(MOBILE), first);
}

async fn an_address_may_ask_for_so_many_codes_an_hour(app: TestApp) {
    let app = app.again(|config| config.members.codes_per_address_per_hour = 2).await;
    let (here, there) = (app.at_address("192.0.2.1"), app.at_address("192.0.2.2"));
    here.ask_for_code("13300000001").await.expect(200);
    here.ask_for_code("13300000002").await.expect(200);
    assert_eq!(here.ask_for_code("13300000003").await.code(), code(1006, "SMS.TooOften"));
    there.ask_for_code("13300000003").await.expect(200);
    app.clock.advance(HOUR);
    here.ask_for_code("13300000004").await.expect(200);
    app.drain_outbox().await;
}

async fn all_codes_of_a_day_have_a_budget(app: TestApp) {
    let app = app.again(|config| config.members.codes_per_day = 2).await;
    app.ask_for_code("13300000001").await.expect(200);
    app.ask_for_code("13300000002").await.expect(200);
    assert_eq!(app.ask_for_code("13300000003").await.code(), code(1006, "SMS.TooOften"));
    app.clock.advance(DAY);
    app.ask_for_code("13300000003").await.expect(200);
    app.drain_outbox().await;
}

async fn without_an_sms_account_no_code_can_be_sent(app: TestApp) {
    let app = app.again(|config| config.sms.access_key_id.clear()).await;
    let answer = app.ask_for_code(MOBILE).await.expect(503);
    assert_eq!(answer.json()["error"], "Server.Unavailable");
    assert_eq!(app.number("SELECT count(*) AS value FROM sms_code").await, 0);
}

async fn a_malformed_mobile_has_its_own_code(app: TestApp) {
    let malformed = code(1013, "Mobile.Incorrect");
    for wrong in [
        json!("12333333333"),
        json!("1333333333"),
        json!("+8613333333333"),
        json!(""),
        json!(null),
        json!(MOBILE.parse::<i64>().unwrap()),
    ] {
        let answer = app.post("/v1/login/sms_code", json!({ "mobile": wrong })).await.expect(400);
        assert_eq!(answer.code(), malformed, "{wrong}");
        let answer = app.log_in(with(by_password("", PASSWORD), &json!({ "mobile": wrong }))).await;
        assert_eq!(answer.code(), malformed, "{wrong}");
    }
    assert_eq!(app.post("/v1/login/sms_code", json!({})).await.code(), malformed);
    app.post("/v1/login/sms_code", json!({ "mobile": format!(" {MOBILE} ") })).await.expect(200);
    app.drain_outbox().await;
}

async fn each_fault_of_a_code_has_its_own_number(app: TestApp) {
    let answer = app.log_in(by_code(MOBILE, "123456")).await.expect(400);
    assert_eq!(answer.code(), code(1004, "SMS.Invalid"), "none was asked for");
    assert_eq!(answer.json()["message"], "无效验证码");
    let right = app.login_code(MOBILE).await;
    let wrong = by_code(MOBILE, &another(&right));
    for _ in 0..4 {
        assert_eq!(app.log_in(wrong.clone()).await.code(), code(1005, "SMS.Incorrect"));
    }
    assert_eq!(app.log_in(wrong).await.code(), code(1001, "SMS.ErrorCountLimited"), "the fifth");
    let answer = app.log_in(by_code(MOBILE, &right)).await;
    assert_eq!(answer.code(), code(1001, "SMS.ErrorCountLimited"), "and after");
    app.clock.advance(MINUTE);
    let fresh = app.login_code(MOBILE).await;
    app.log_in(by_code(MOBILE, &fresh)).await.expect(200);
    assert_eq!(app.log_in(by_code(MOBILE, &fresh)).await.code(), code(1003, "SMS.Checked"));
    assert_eq!(app.number("SELECT count(*) AS value FROM account").await, 1);
}

async fn a_code_expires_and_a_used_one_stays_used(app: TestApp) {
    let digits = app.login_code(MOBILE).await;
    app.clock.advance(300 * SECOND - 1);
    app.log_in(by_code(MOBILE, &digits)).await.expect(200);
    app.clock.advance(HOUR);
    assert_eq!(
        app.log_in(by_code(MOBILE, &digits)).await.code(),
        code(1003, "SMS.Checked"),
        "1003 wins over 1002"
    );
    let digits = app.login_code(MOBILE).await;
    app.clock.advance(300 * SECOND);
    assert_eq!(app.log_in(by_code(MOBILE, &digits)).await.code(), code(1002, "SMS.Timeout"));
}

async fn a_newer_code_replaces_the_older(app: TestApp) {
    let older = app.login_code(MOBILE).await;
    app.clock.advance(MINUTE);
    let newer = app.login_code(MOBILE).await;
    if older != newer {
        assert_eq!(app.log_in(by_code(MOBILE, &older)).await.code(), code(1005, "SMS.Incorrect"));
    }
    app.log_in(by_code(MOBILE, &newer)).await.expect(200);
}
