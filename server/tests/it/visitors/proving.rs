//! A phone is believed when it was proved, and an employee while the directory has them.

use futures_util::future::join;
use serde_json::{Value, json};
use yuyue::adapters::koala_simulator::SimulatedEmployee;
use yuyue::clock::{DAY, MINUTE, SECOND};
use yuyue::staff::Role;

use super::{FU_GUI, LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! { enforced:
    a_binding_needs_the_code_that_was_sent,
    a_code_is_good_once_for_one_phone_and_one_thing,
    codes_are_not_sent_too_often,
    who_proves_a_number_has_it,
    a_binding_from_before_is_proved_by_binding_again,
    an_employees_number_needs_the_employees_binding,
    staff_see_and_end_bindings,
    without_the_setting_nobody_is_asked,
    an_employee_who_left_is_nobody,
    an_employee_who_left_may_come_as_a_visitor,
}
both! {
    as_documented_nobody_is_asked,
    a_number_is_free_when_its_employee_has_left,
    an_unbinding_is_done_by_one_of_two,
    two_bindings_of_one_wechat_at_once_are_one,
    a_binding_that_nobody_finished_is_settled,
}

fn visitor(id: &str, phone: &str, code: &str) -> Value {
    json!({ "weixinUserId": id, "phone": phone, "sms_code": code })
}

fn employee(id: &str, name: &str, phone: &str) -> Value {
    json!({ "weixinUserId": id, "name": name, "phone": phone })
}

impl TestApp {
    /// Koala's directory is this from now on, and ours is read anew.
    async fn employs(&self, people: &[(&str, &str)]) {
        let all =
            (1..).zip(people).map(|(id, (name, phone))| SimulatedEmployee::new(id, name, phone, "部门"));
        self.world().koala.set_employees(all.collect());
        self.clock.advance(5 * MINUTE);
    }
}

async fn a_binding_needs_the_code_that_was_sent(app: TestApp) {
    let user = app.wechat("wx-demo-zhangsan").await;
    let bare = json!({ "weixinUserId": "wx-demo-zhangsan", "phone": ZHANG_SAN });
    assert_eq!(user.post("/v1/visitor/binding", bare.clone()).await.refused(), -105);
    let nobody = employee("wx-demo-zhangsan", "李四", LI_SI);
    assert_eq!(user.post("/v1/subject/binding", nobody).await.refused(), -105);
    let none = visitor("wx-demo-zhangsan", ZHANG_SAN, "000000");
    assert_eq!(user.post("/v1/visitor/binding", none).await.refused(), -106, "none was asked for");
    let sent = user.post("/v1/binding/sms_code", json!({ "phone": ZHANG_SAN })).await.done();
    assert_eq!(sent, json!({ "expires_in": 300 }));
    app.drain_outbox().await;
    let code = app.newest_code(ZHANG_SAN);
    let wrong = if code == "123456" { "654321" } else { "123456" };
    let tried = visitor("wx-demo-zhangsan", ZHANG_SAN, wrong);
    assert_eq!(user.post("/v1/visitor/binding", tried).await.refused(), -106);
    assert!(app.texts("SELECT phone AS value FROM wechat_binding").await.is_empty());
    let right = visitor("wx-demo-zhangsan", ZHANG_SAN, &code);
    let bound = user.post("/v1/visitor/binding", right).await.done();
    assert_eq!(bound["phone"], ZHANG_SAN);
    assert_eq!(user.post("/v1/visitor/binding", bare).await.done(), bound, "it is proved already");
    let dressed = visitor("wx-demo-zhangsan", &format!("+86{ZHANG_SAN}"), "");
    assert_eq!(user.post("/v1/visitor/binding", dressed).await.done(), bound, "the same data");
    let any = user.get("/v1/wechat/is_binding?weixinUserId=wx-demo-zhangsan").await.done();
    assert_eq!(any["proved"], true);
    user.get(&format!("/v1/visit/records?type=mobile&proposer=%2B86{ZHANG_SAN}")).await.done();
}

async fn a_code_is_good_once_for_one_phone_and_one_thing(app: TestApp) {
    let user = app.wechat("wx-demo-zhangsan").await;
    let bind =
        |phone: &str, code: &str| user.post("/v1/visitor/binding", visitor("wx-demo-zhangsan", phone, code));
    let login = app.login_code(ZHANG_SAN).await;
    assert_eq!(bind(ZHANG_SAN, &login).await.refused(), -106, "that one was for logging in");
    let code = app.binding_code(&format!("+86{ZHANG_SAN}")).await;
    let log_in = json!({ "grant_type": "sms_code", "mobile": ZHANG_SAN, "sms_code": code, "client_id": 44 });
    if code != login {
        assert_eq!(app.post("/v1/login/token", log_in).await.code().0, 1005, "this one is for binding");
    }
    assert_eq!(bind(WANG_MOU, &code).await.refused(), -106, "another phone");
    bind(ZHANG_SAN, &code).await.done();
    user.delete("/v1/subject/binding/wx-demo-zhangsan").await.done();
    assert_eq!(bind(ZHANG_SAN, &code).await.refused(), -106, "used up");
    app.clock.advance(MINUTE);
    let code = app.binding_code(ZHANG_SAN).await;
    app.clock.advance(300 * SECOND);
    assert_eq!(bind(ZHANG_SAN, &code).await.refused(), -106, "expired");
    let code = app.binding_code(ZHANG_SAN).await;
    let wrong = if code == "123456" { "654321" } else { "123456" };
    for _ in 0..5 {
        assert_eq!(bind(ZHANG_SAN, wrong).await.refused(), -106);
    }
    assert_eq!(bind(ZHANG_SAN, &code).await.refused(), -106, "locked");
}

async fn codes_are_not_sent_too_often(app: TestApp) {
    let ask = |app: TestApp, phone: String| async move {
        app.post("/v1/binding/sms_code", json!({ "phone": phone })).await
    };
    ask(app.clone(), ZHANG_SAN.to_owned()).await.done();
    for spelling in [ZHANG_SAN.to_owned(), format!("+86{ZHANG_SAN}"), format!("0086{ZHANG_SAN}")] {
        assert_eq!(ask(app.clone(), spelling).await.refused(), -107);
    }
    app.clock.advance(MINUTE);
    ask(app.clone(), ZHANG_SAN.to_owned()).await.done();
    let limited = app.again(|config| config.members.codes_per_address_per_hour = 3).await;
    let limited = limited.at_address("192.0.2.1");
    ask(limited.clone(), WANG_MOU.to_owned()).await.done();
    for other in 0..3 {
        let answer = ask(limited.clone(), format!("1390000001{other}")).await;
        if other > 1 {
            assert_eq!(answer.json()["code"], 429, "{answer:?}");
            assert_ne!(answer.header("retry-after"), "");
        }
    }
    app.drain_outbox().await;
    assert_eq!(app.post("/v1/binding/sms_code", json!({ "phone": "139 0000" })).await.refused(), 400);

    let app = app.again(|config| config.server.failed_logins_per_address = 5).await;
    let user = app.wechat("wx-demo-zhangsan").await;
    for _ in 0..5 {
        let guess = user.post("/v1/visitor/binding", visitor("wx-demo-zhangsan", FU_GUI, "1")).await;
        assert_eq!(guess.refused(), -106);
    }
    let guessed = user.post("/v1/visitor/binding", visitor("wx-demo-zhangsan", FU_GUI, "1")).await;
    assert_eq!(guessed.json()["code"], 429, "an address does not guess for ever");
}

async fn who_proves_a_number_has_it(app: TestApp) {
    // Somebody named the number before numbers were proved.
    app.execute(&format!(
        "INSERT INTO wechat_binding (weixin_user_id, role, phone, phone_key, name, name_key, avatar, created_at, bound_at)
         VALUES ('wx-squatter', 'visitor', '{ZHANG_SAN}', '{ZHANG_SAN}', '', '', '', 0, 0)"
    ))
    .await;
    let staff = app.staff(Role::Reception).await;
    staff.applied(app.application()).await;
    app.drain_outbox().await;
    assert_eq!(app.world().cloud.received().len(), 0, "who proved nothing is told nothing");
    app.visitor(ZHANG_SAN).await;
    let bound = app.texts("SELECT weixin_user_id AS value FROM wechat_binding").await;
    assert_eq!(bound, ["wx-demo-zhangsan"]);
    let late = app.wechat("wx-late").await;
    app.clock.advance(MINUTE);
    let code = app.binding_code(ZHANG_SAN).await;
    let again = late.post("/v1/visitor/binding", visitor("wx-late", ZHANG_SAN, &code)).await;
    assert_eq!(again.refused(), -102, "a proved one stays until it is ended");
    staff.applied(app.application()).await;
    app.drain_outbox().await;
    assert_eq!(app.world().cloud.received().len(), 1, "the receipt");
}

async fn a_binding_from_before_is_proved_by_binding_again(app: TestApp) {
    let user = app.visitor(ZHANG_SAN).await;
    app.execute("UPDATE wechat_binding SET proved_at = NULL").await;
    let records = format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}");
    user.get(&records).await.expect(403);
    user.post("/v1/subject", app.application()).await.expect(403);
    let any = user.get("/v1/wechat/is_binding?weixinUserId=wx-demo-zhangsan").await.done();
    assert_eq!((&any["proved"], &any["phone"]), (&json!(false), &json!(ZHANG_SAN)));
    let bare = json!({ "weixinUserId": "wx-demo-zhangsan", "phone": ZHANG_SAN });
    assert_eq!(user.post("/v1/visitor/binding", bare).await.refused(), -105);
    app.clock.advance(MINUTE);
    let code = app.binding_code(ZHANG_SAN).await;
    user.post("/v1/visitor/binding", visitor("wx-demo-zhangsan", ZHANG_SAN, &code)).await.done();
    user.get(&records).await.done();
    user.applied(app.application()).await;
    app.drain_outbox().await;
}

async fn an_employees_number_needs_the_employees_binding(app: TestApp) {
    let boss = app.employee().await;
    app.clock.advance(MINUTE);
    let user = app.visitor(LI_SI).await;
    let records = format!("/v1/visit/records?type=mobile&proposer={LI_SI}");
    user.get(&records).await.expect(403);
    user.get(&format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}&phone={LI_SI}")).await.expect(403);
    boss.get(&records).await.done();
}

async fn staff_see_and_end_bindings(app: TestApp) {
    let user = app.visitor(ZHANG_SAN).await;
    let auditor = app.staff(Role::Auditor).await;
    app.get("/admin/v1/bindings").await.expect(401);
    let list = auditor.get("/admin/v1/bindings?phone=139-0000-0001").await.expect(200).json();
    let item = &list["items"][0];
    assert_eq!(
        (&list["total"], &item["proved"], &item["type"]),
        (&json!(1), &json!(true), &json!("visitor"))
    );
    assert_eq!((&item["phone"], &item["weixinUserId"]), (&json!(ZHANG_SAN), &json!("wx-demo-zhangsan")));
    assert_eq!(auditor.get(&format!("/admin/v1/bindings?phone={WANG_MOU}")).await.json()["total"], 0);
    let path = format!("/admin/v1/bindings/{}", item["id"]);
    auditor.delete(&path).await.expect(403);
    let reception = app.staff(Role::Reception).await;
    reception.delete(&path).await.expect(204);
    reception.delete(&path).await.expect(404);
    assert!(app.world().cloud.bindings().is_empty());
    user.get(&format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}")).await.expect(403);
    let audit = auditor.get("/admin/v1/audit?action=binding.end").await.expect(200).json();
    assert_eq!(audit["total"], 1);
    assert!(!audit.to_string().contains(ZHANG_SAN), "{audit}");

    let admin = app.staff(Role::Admin).await;
    admin
        .post("/v1/visitor/binding", json!({ "weixinUserId": "wx-demo-zhangsan", "phone": ZHANG_SAN }))
        .await
        .done();
    user.get(&format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}")).await.done();
}

async fn without_the_setting_nobody_is_asked(app: TestApp) {
    let app = app.again(|config| config.visitors.prove_phone = false).await;
    let user = app.wechat("wx-demo-zhangsan").await;
    let bare = json!({ "weixinUserId": "wx-demo-zhangsan", "phone": ZHANG_SAN });
    user.post("/v1/visitor/binding", bare).await.done();
    user.get(&format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}")).await.done();
}

async fn as_documented_nobody_is_asked(app: TestApp) {
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx", "phone": ZHANG_SAN })).await.done();
    let any = app.get("/v1/wechat/is_binding?weixinUserId=wx").await.done();
    assert_eq!(any["proved"], true);
    app.post("/v1/subject/binding", employee("wx-1", "李四", LI_SI)).await.done();
}

async fn an_employee_who_left_is_nobody(app: TestApp) {
    let boss = app.employee().await;
    let staff = app.staff(Role::Reception).await;
    let id = staff.applied(app.application()).await;
    let authorised = staff.applied(app.application()).await;
    app.drain_outbox().await;
    boss.get("/v1/auth/records").await.done();
    let told = app.told(LI_SI).await.len();
    // The reminder of this one waits while Koala loses him.
    let waiting = staff.applied(app.application()).await;
    app.employs(&[("富贵", FU_GUI)]).await;
    let path = format!("/v1/auth/{id}");
    boss.put(&path, json!({})).await.expect(403);
    boss.put(&path, json!({ "decision": "refuse", "reason": "x" })).await.expect(403);
    boss.get("/v1/auth/records").await.expect(403);
    boss.get(&format!("/v1/auth/records?phone={LI_SI}")).await.expect(403);
    boss.get(&format!("/v1/visit/records?type=mobile&proposer={LI_SI}")).await.expect(403);
    let visited = format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}&interviewee_phone={LI_SI}");
    boss.get(&visited).await.expect(403);
    boss.post("/v1/subject", app.application_with(&json!({ "proposer": LI_SI }))).await.expect(403);
    assert_eq!(staff.post("/v1/subject", app.application()).await.refused(), -202);
    let is_bound = "/v1/subject/binding?weixinUserId=wx-demo-lisi";
    assert_eq!(boss.get(is_bound).await.done(), json!({}));

    assert_eq!(app.told(LI_SI).await.len(), told, "a reminder that waits does not go out");
    staff.put(&format!("/v1/auth/{authorised}"), json!({})).await.done();
    staff.check_in(ZHANG_SAN).await.done();
    assert_eq!(app.told(LI_SI).await.len(), told, "nobody came to see him");
    let _ = waiting;

    // A colleague has the number now.
    app.employs(&[("富贵", FU_GUI), ("王五", LI_SI)]).await;
    let next = app.wechat("wx-wangwu").await;
    let code = app.binding_code(LI_SI).await;
    let mut bind = employee("wx-wangwu", "王五", LI_SI);
    bind["sms_code"] = json!(code);
    assert_eq!(next.post("/v1/subject/binding", bind).await.done()["name"], "王五");
    next.get("/v1/auth/records").await.done();
    boss.get("/v1/auth/records").await.expect(403);
    app.drain_outbox().await;
    let at_cloud: Vec<String> =
        app.world().cloud.bindings().into_iter().map(|binding| binding.weixin_user_id).collect();
    assert_eq!(at_cloud, ["wx-wangwu"]);
}

async fn an_employee_who_left_may_come_as_a_visitor(app: TestApp) {
    let former = app.employee().await;
    app.employs(&[("富贵", FU_GUI)]).await;
    let code = app.binding_code(LI_SI).await;
    former.post("/v1/visitor/binding", visitor("wx-demo-lisi", LI_SI, &code)).await.done();
    let changes = json!({ "name": "李四", "phone": LI_SI, "proposer": LI_SI,
                          "interviewee": "富贵", "interviewee_phone": FU_GUI });
    former.applied(app.application_with(&changes)).await;
    former.get("/v1/auth/records").await.expect(403);
    app.drain_outbox().await;
}

async fn a_number_is_free_when_its_employee_has_left(app: TestApp) {
    app.post("/v1/subject/binding", employee("wx-1", "李四", LI_SI)).await.done();
    app.invited().await;
    let told = app.told(LI_SI).await.len();
    app.employs(&[("王五", LI_SI), ("富贵", FU_GUI)]).await;
    // The timer reads the directory, of which documented callers know nothing.
    app.drain_outbox().await;
    app.check_in(ZHANG_SAN).await.done();
    assert_eq!(app.told(LI_SI).await.len(), told, "he has left, and it was not for the next one");
    let bound = app.post("/v1/subject/binding", employee("wx-2", "王五", LI_SI)).await.done();
    assert_eq!(bound["name"], "王五");
    assert_eq!(app.post("/v1/subject/binding", employee("wx-3", "王五", LI_SI)).await.refused(), -102);
    app.drain_outbox().await;
}

async fn an_unbinding_is_done_by_one_of_two(app: TestApp) {
    for round in 0..100 {
        let id = format!("wx-{round}");
        app.post("/v1/visitor/binding", json!({ "weixinUserId": id, "phone": ZHANG_SAN })).await.done();
        let path = format!("/v1/subject/binding/{id}");
        let (one, other) = join(app.delete(&path), app.delete(&path)).await;
        let mut codes = [&one, &other].map(|answer| answer.json()["code"].as_i64().unwrap());
        codes.sort_unstable();
        assert_eq!(codes, [0, 404], "round {round}");
    }
}

/// An employee's binding against a visitor's of the same WeChat, while its page looks.
async fn two_bindings_of_one_wechat_at_once_are_one(app: TestApp) {
    app.post("/v1/subject/binding", employee("wx-warm", "富贵", FU_GUI)).await.done();
    for round in 0..1_000 {
        let id = format!("wx-{round}");
        let path = format!("/v1/wechat/is_binding?weixinUserId={id}");
        let as_visitor = json!({ "weixinUserId": id, "phone": ZHANG_SAN });
        let (employed, (visiting, _)) = join(
            app.post("/v1/subject/binding", employee(&id, "李四", LI_SI)),
            join(app.post("/v1/visitor/binding", as_visitor), app.get(&path)),
        )
        .await;
        let codes = [&employed, &visiting].map(|answer| answer.json()["code"].as_i64().unwrap());
        assert!(matches!(codes, [0, -101] | [-101, 0]), "round {round}: {codes:?}");
        let expected = if codes[0] == 0 { ("employee", LI_SI) } else { ("visitor", ZHANG_SAN) };
        let any = app.get(&path).await.done();
        assert_eq!(
            (any["type"].as_str(), any["phone"].as_str()),
            (Some(expected.0), Some(expected.1)),
            "round {round}"
        );
        let at_cloud = app.world().cloud.bindings().into_iter().find(|one| one.weixin_user_id == id);
        assert_eq!(at_cloud.map(|one| one.phone).as_deref(), Some(expected.1), "round {round}");
        app.delete(&format!("/v1/subject/binding/{id}")).await.done();
    }
}

async fn a_binding_that_nobody_finished_is_settled(app: TestApp) {
    // Stopped after the service took one and before it was asked for the other.
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-1", "phone": ZHANG_SAN })).await.done();
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": WANG_MOU })).await.done();
    app.delete("/v1/subject/binding/wx-2").await.done();
    app.execute("UPDATE wechat_binding SET bound_at = NULL").await;
    app.execute(&format!(
        "INSERT INTO wechat_binding (weixin_user_id, role, phone, phone_key, name, name_key, avatar, created_at)
         SELECT 'wx-2', role, '{WANG_MOU}', '{WANG_MOU}', name, name_key, avatar, created_at FROM wechat_binding"
    ))
    .await;
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-1").await.done(), json!({}), "not yet");
    app.clock.advance(2 * MINUTE);
    app.drain_outbox().await;
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-1").await.done()["phone"], ZHANG_SAN);
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-2").await.done(), json!({}));
    let bind = json!({ "weixinUserId": "wx-3", "phone": WANG_MOU });
    app.post("/v1/visitor/binding", bind).await.done();
    app.clock.advance(DAY);
    app.drain_outbox().await;
}
