use axum::http::Request;
use serde_json::{Value, json};
use yuyue::clock::MINUTE;
use yuyue::staff::{DeviceKind, Role};

use super::{FU_GUI, LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! { enforced:
    web_authorisation_ends_in_a_session,
    a_page_learns_whom_wechat_vouched_for,
    a_wechat_session_can_be_ended,
    a_code_of_wechats_proves_an_id_where_no_session_does,
    wechats_word_binds_an_openid_to_a_member,
    nobody_is_let_in_without_a_credential,
    a_wechat_user_acts_for_themselves_only,
    what_staff_decide_is_in_the_audit_log,
    an_unproved_phone_has_no_employees_rights,
    devices_run_the_desk_and_nothing_else,
    settings_are_for_staff_and_the_password_for_administrators,
    an_interviewee_must_be_in_the_directory,
}

impl TestApp {
    /// This caller as a browser that came back from WeChat.
    pub async fn wechat(&self, open_id: &str) -> Self {
        self.world().official.sign_in_as(open_id);
        let start = self.get("/auth/wechat/start?next=/h5").await.expect(302);
        let state = start.header("set-cookie").split(';').next().unwrap().to_owned();
        let back = self.code(start.header("location")).await;
        let done = self.with("cookie", &state).get(&back).await.expect(302);
        assert_eq!(done.header("location"), "/h5");
        let session = done.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let session = session.into_iter().find(|cookie| cookie.starts_with("yuyue_wechat=")).unwrap();
        assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax"), "{session}");
        self.with("cookie", session.split(';').next().unwrap())
    }

    /// Opens WeChat's page and gives where it sends the browser: our own path.
    async fn code(&self, page: &str) -> String {
        let page = page.split('#').next().unwrap().to_owned();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .build()
            .unwrap();
        let answer = client.get(page).send().await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap();
        back.strip_prefix("http://yuyue.test").unwrap_or_else(|| panic!("{back}")).to_owned()
    }

    /// A code by which WeChat vouches for this openid, once.
    pub async fn wechat_code(&self, open_id: &str) -> String {
        self.world().official.sign_in_as(open_id);
        let start = self.get("/auth/wechat/start").await.expect(302);
        let back = self.code(start.header("location")).await;
        let query = back.split_once('?').unwrap().1.to_owned();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        pairs.into_iter().find(|(name, _)| name == "code").unwrap().1
    }

    /// Asks for the code that proves a phone and reads it off the phone.
    pub async fn binding_code(&self, phone: &str) -> String {
        self.post("/v1/binding/sms_code", json!({ "phone": phone })).await.done();
        self.drain_outbox().await;
        self.newest_code(&yuyue::phone::key(phone))
    }

    pub async fn employee(&self) -> Self {
        let user = self.wechat("wx-demo-lisi").await;
        let code = self.binding_code(LI_SI).await;
        let bind =
            json!({ "weixinUserId": "wx-demo-lisi", "name": "李四", "phone": LI_SI, "sms_code": code });
        user.post("/v1/subject/binding", bind).await.done();
        user
    }

    pub async fn visitor(&self, phone: &str) -> Self {
        let user = self.wechat("wx-demo-zhangsan").await;
        let code = self.binding_code(phone).await;
        let bind = json!({ "weixinUserId": "wx-demo-zhangsan", "phone": phone, "sms_code": code });
        user.post("/v1/visitor/binding", bind).await.done();
        user
    }
}

async fn web_authorisation_ends_in_a_session(app: TestApp) {
    let user = app.visitor(ZHANG_SAN).await;
    let bound = user.get("/v1/visitor/binding?weixinUserId=wx-demo-zhangsan").await.done();
    assert_eq!(bound["phone"], ZHANG_SAN);
    app.get("/auth/wechat/start?next=https://evil.example").await.expect(400);

    let before = app.checksums().await;
    let start = app.get("/auth/wechat/start").await.expect(302);
    assert_eq!(app.checksums().await, before, "a stranger writes nothing");
    let state = start.header("set-cookie").split(';').next().unwrap().to_owned();
    let back = app.code(start.header("location")).await;
    app.get(&back).await.expect(403);
    app.with("cookie", "yuyue_wechat_state=other").get(&back).await.expect(403);
    let browser = app.with("cookie", &state);
    browser.get(&back).await.expect(302);
    browser.get(&back).await.expect(403);
    // WeChat would vouch once more, but what was begun is done.
    let again = app.wechat_code("wx-demo-lisi").await;
    let state_of_back = back.split_once("state=").unwrap().1.split('&').next().unwrap();
    browser.get(&format!("/auth/wechat/callback?code={again}&state={state_of_back}")).await.expect(403);
    let long = format!("/auth/wechat/start?next=/{}", "%F0%9F%98%80".repeat(400));
    app.get(&long).await.expect(400);
    let late = app.get("/auth/wechat/start").await.expect(302);
    let state = late.header("set-cookie").split(';').next().unwrap().to_owned();
    let back = app.code(late.header("location")).await;
    app.clock.advance(5 * MINUTE);
    app.with("cookie", &state).get(&back).await.expect(403);

    let query = "/v1/visitor/binding?weixinUserId=wx-demo-zhangsan";
    app.clock.advance(29 * yuyue::clock::DAY);
    user.get(query).await.done();
    app.clock.advance(yuyue::clock::DAY);
    user.get(query).await.expect(401);
}

async fn a_page_learns_whom_wechat_vouched_for(app: TestApp) {
    let nobody = json!({ "mode": "enforced", "weixinUserId": "" });
    assert_eq!(app.get("/auth/session").await.expect(200).json(), nobody);
    let user = app.wechat("wx-demo-zhangsan").await;
    let known = user.get("/auth/session").await.expect(200).json();
    assert_eq!(known, json!({ "mode": "enforced", "weixinUserId": "wx-demo-zhangsan" }));
    user.with("origin", "https://evil.example").get("/auth/session").await.expect(200);
    app.with("cookie", "yuyue_wechat=made-up").get("/auth/session").await.expect(200);
    app.clock.advance(30 * yuyue::clock::DAY);
    assert_eq!(user.get("/auth/session").await.expect(200).json(), nobody, "it is over");
}

async fn a_code_of_wechats_proves_an_id_where_no_session_does(app: TestApp) {
    let sms_code = app.binding_code(ZHANG_SAN).await;
    let bind = |id: &str, code: &str| json!({ "weixinUserId": id, "phone": ZHANG_SAN, "wechat_code": code, "sms_code": sms_code });
    app.post("/v1/visitor/binding", bind("wx-demo-zhangsan", "made-up")).await.expect(403);
    app.post("/v1/visitor/binding", bind("wx-demo-lisi", &app.wechat_code("wx-demo-zhangsan").await))
        .await
        .expect(403);
    let good = app.wechat_code("wx-demo-zhangsan").await;
    let mut without = bind("wx-demo-zhangsan", &good);
    without["sms_code"] = json!("");
    assert_eq!(
        app.post("/v1/visitor/binding", without).await.refused(),
        -105,
        "WeChat's code is not used up"
    );
    app.post("/v1/visitor/binding", bind("wx-demo-zhangsan", &good)).await.done();
    app.post("/v1/visitor/binding", bind("wx-demo-zhangsan", &good)).await.expect(403);
}

async fn wechats_word_binds_an_openid_to_a_member(app: TestApp) {
    let token = "/v1/login/token";
    let code = app.login_code("13300000001").await;
    let wechat_code = app.wechat_code("wx-demo-zhangsan").await;
    let login = |openid: &str, wechat_code: &str| {
        json!({ "grant_type": "sms_code", "mobile": "13300000001", "sms_code": code, "client_id": 44,
                "openid": openid, "wechat_code": wechat_code })
    };
    app.post(token, login("wx-demo-lisi", &wechat_code)).await.expect(400);
    app.post(token, login("", &wechat_code)).await.expect(403);
    let wechat_code = app.wechat_code("wx-demo-zhangsan").await;
    let member = app.post(token, login("", &wechat_code)).await.expect(200).json();
    let member = app.bearer(member["access_token"].as_str().unwrap());
    assert_eq!(member.get("/v1/accounts/me").await.json()["openid"], "wx-demo-zhangsan");

    let by_openid = |openid: &str| json!({ "grant_type": "openid", "openid": openid, "client_id": 44 });
    app.post(token, by_openid("wx-demo-zhangsan")).await.expect(400);
    let browser = app.wechat("wx-demo-zhangsan").await;
    browser.post(token, by_openid("wx-demo-zhangsan")).await.expect(200);
    browser.post(token, by_openid("wx-demo-lisi")).await.expect(400);
    browser
        .with("origin", "https://evil.example")
        .post(token, by_openid("wx-demo-zhangsan"))
        .await
        .expect(403);
    let wechat_code = app.wechat_code("wx-demo-zhangsan").await;
    let by_code = json!({ "grant_type": "openid", "wechat_code": wechat_code, "client_id": 44 });
    app.post(token, by_code).await.expect(200);
    app.leaves_messages();
}

async fn nobody_is_let_in_without_a_credential(app: TestApp) {
    for path in [
        "/v1/subject/binding?weixinUserId=x",
        "/v1/visitor/binding?weixinUserId=x",
        "/v1/wechat/is_binding?weixinUserId=x",
        "/v1/subject/purpose",
        "/v1/visit/records?type=web",
        "/v1/visit/records?type=mobile&proposer=13811111111",
        "/v1/auth/records",
        "/v1/auth/records?phone=13811111111",
        "/v1/config/servers",
        "/v1/config/templates",
    ] {
        let answer = app.get(path).await.expect(401);
        assert_eq!(answer.json()["code"], 401, "{answer:?}");
    }
    app.post("/v1/subject", app.application()).await.expect(401);
    app.post("/v1/visit/signin", json!({ "phone": ZHANG_SAN })).await.expect(401);
    app.post("/v1/visit/signout", json!({ "phone": ZHANG_SAN })).await.expect(401);
    app.post("/v1/visit/qrcode", json!({ "qrcode": "x" })).await.expect(401);
    app.put("/v1/auth/1", json!({})).await.expect(401);
    app.delete("/v1/visit/records/1").await.expect(401);
    app.delete("/v1/subject/binding/x").await.expect(401);
    let bind = json!({ "weixinUserId": "x", "phone": ZHANG_SAN });
    app.post("/v1/visitor/binding", bind.clone()).await.expect(401);
    app.with("cookie", "yuyue_wechat=made-up").post("/v1/visitor/binding", bind).await.expect(401);
}

async fn a_wechat_user_acts_for_themselves_only(app: TestApp) {
    let (employee, visitor) = (app.employee().await, app.visitor(ZHANG_SAN).await);
    visitor.get("/v1/subject/binding?weixinUserId=wx-demo-lisi").await.expect(403);
    visitor.delete("/v1/subject/binding/wx-demo-lisi").await.expect(403);
    visitor.post("/v1/visitor/binding", json!({ "weixinUserId": "x", "phone": FU_GUI })).await.expect(403);

    let id = visitor.applied(app.application()).await;
    let other = app.application_with(&json!({ "phone": WANG_MOU, "proposer": WANG_MOU }));
    visitor.post("/v1/subject", other).await.expect(403);
    let invitation = app.application_with(&json!({ "proposer": LI_SI }));
    visitor.post("/v1/subject", invitation.clone()).await.expect(403);
    employee.post("/v1/subject", invitation).await.done();
    let count = |records: Value| records.as_array().unwrap().len();
    let mobile = |phone: &str| format!("/v1/visit/records?type=mobile&proposer={phone}");
    assert_eq!(count(visitor.get(&mobile(ZHANG_SAN)).await.done()), 1);
    visitor.get(&mobile(LI_SI)).await.expect(403);
    let invitations = format!("{}&phone={ZHANG_SAN}", mobile(LI_SI));
    assert_eq!(count(visitor.get(&invitations).await.done()), 1, "he is the visitor");
    visitor.get(&format!("{}&phone={WANG_MOU}", mobile(LI_SI))).await.expect(403);
    let applications = format!("{}&interviewee_phone={LI_SI}", mobile(ZHANG_SAN));
    assert_eq!(count(employee.get(&applications).await.done()), 1, "he is visited");
    visitor.get("/v1/visit/records?type=web").await.expect(403);
    assert_eq!(count(employee.get("/v1/auth/records").await.done()), 1, "his own without asking");
    employee.get(&format!("/v1/auth/records?phone={FU_GUI}")).await.expect(403);
    visitor.put(&format!("/v1/auth/{id}"), json!({})).await.expect(403);
    visitor.delete(&format!("/v1/visit/records/{id}")).await.expect(403);
    visitor.post("/v1/visit/signin", json!({ "phone": ZHANG_SAN })).await.expect(403);
    employee.put(&format!("/v1/auth/{id}"), json!({})).await.done();

    let foreign = json!({ "interviewee": "富贵", "interviewee_phone": FU_GUI });
    let theirs = visitor.applied(app.application_with(&foreign)).await;
    employee.put(&format!("/v1/auth/{theirs}"), json!({})).await.expect(403);
    employee
        .put(&format!("/v1/auth/{theirs}"), json!({ "decision": "refuse", "reason": "x" }))
        .await
        .expect(403);
    app.staff(Role::Auditor).await.put(&format!("/v1/auth/{theirs}"), json!({})).await.expect(403);
    app.staff(Role::Reception).await.put(&format!("/v1/auth/{theirs}"), json!({})).await.done();

    let foreign_page = visitor.with("origin", "https://evil.example");
    foreign_page.post("/v1/subject", app.application()).await.expect(403);
    visitor.with("origin", "http://yuyue.test").post("/v1/subject", app.application()).await.done();
    app.drain_outbox().await;
}

async fn what_staff_decide_is_in_the_audit_log(app: TestApp) {
    let staff = app.staff(Role::Reception).await;
    let (one, other) = (staff.applied(app.application()).await, staff.applied(app.application()).await);
    let refusal = json!({ "decision": "refuse", "reason": "李四出差" });
    for _ in 0..2 {
        staff.put(&format!("/v1/auth/{one}"), json!({})).await.done();
        staff.put(&format!("/v1/auth/{other}"), refusal.clone()).await.done();
    }
    staff.put(&format!("/v1/auth/{one}"), refusal).await.refused();
    staff.delete(&format!("/v1/visit/records/{one}")).await.done();
    let audit = staff.get("/admin/v1/audit").await.expect(200).json();
    let line = |item: &Value| {
        assert!(!item.to_string().contains("出差"), "the reason may name people: {item}");
        format!("{} {}", item["action"].as_str().unwrap(), item["target"].as_str().unwrap())
    };
    let lines: Vec<String> = audit["items"].as_array().unwrap().iter().map(line).collect();
    let expected = [
        format!("visit.delete visit {one}"),
        format!("visit.refuse visit {other}"),
        format!("visit.authorise visit {one}"),
        format!("visit.apply visit {other}"),
        format!("visit.apply visit {one}"),
    ];
    assert_eq!(lines, expected, "each once");
    app.drain_outbox().await;
}

async fn an_unproved_phone_has_no_employees_rights(app: TestApp) {
    // Anybody may say that a phone is theirs; only the directory makes an employee.
    let impostor = app.visitor(LI_SI).await;
    let invitation = app.application_with(&json!({ "proposer": LI_SI }));
    impostor.post("/v1/subject", invitation).await.expect(403);
    let staff = app.staff(Role::Reception).await;
    let id = staff.applied(app.application()).await;
    impostor.put(&format!("/v1/auth/{id}"), json!({})).await.expect(403);
    impostor.get("/v1/auth/records").await.expect(403);
    impostor.get(&format!("/v1/auth/records?phone={LI_SI}")).await.expect(403);
    app.drain_outbox().await;
}

async fn devices_run_the_desk_and_nothing_else(app: TestApp) {
    let (kiosk, gate) = (app.device(DeviceKind::Kiosk).await, app.device(DeviceKind::Gate).await);
    let staff = app.staff(Role::Reception).await;
    let id = staff.applied(app.application()).await;
    staff.put(&format!("/v1/auth/{id}"), json!({})).await.done();
    let signed_in = kiosk.check_in(ZHANG_SAN).await.done();
    assert_eq!(gate.scan(&signed_in["qrcode"]).await, 0);
    let scans = staff.get("/admin/v1/scans").await.expect(200).json();
    assert_eq!((&scans["items"][0]["device"], &scans["items"][0]["code"]), (&json!("门口"), &json!(0)));
    kiosk.post("/v1/visit/signout", json!({ "phone": ZHANG_SAN })).await.done();
    kiosk.get("/v1/visit/records?type=web").await.expect(403);
    kiosk.put(&format!("/v1/auth/{id}"), json!({})).await.expect(403);
    kiosk.post("/v1/subject", app.application()).await.expect(403);
    gate.get("/v1/config/servers").await.expect(403);
    gate.delete(&format!("/v1/visit/records/{id}")).await.expect(403);
    app.with("x-device-key", "made-up").check_in(ZHANG_SAN).await.expect(401);
    // The picture's name is the secret: the visitor opens it from a text message.
    let path = signed_in["qrcode_img_url"].as_str().unwrap().strip_prefix("http://yuyue.test").unwrap();
    let plain = Request::get(path).header("host", "yuyue.test").body(axum::body::Body::empty()).unwrap();
    app.call(plain).await.expect(200);
    app.drain_outbox().await;
}

async fn settings_are_for_staff_and_the_password_for_administrators(app: TestApp) {
    let (admin, auditor) = (app.staff(Role::Admin).await, app.staff(Role::Auditor).await);
    let servers = admin.get("/v1/config/servers").await.done();
    assert_ne!(servers["koala_password"], "");
    let shown = auditor.get("/v1/config/servers").await.done();
    assert_eq!((&shown["koala_password"], &shown["koala_ip"]), (&json!(""), &servers["koala_ip"]));
    let reception = app.staff(Role::Reception).await;
    reception.put("/v1/config/servers", servers.clone()).await.expect(403);
    admin.put("/v1/config/servers", servers).await.done();
    let templates = reception.get("/v1/config/templates").await.done();
    reception.put("/v1/config/templates", templates.clone()).await.expect(403);
    admin.put("/v1/config/templates", templates).await.done();
    app.visitor(ZHANG_SAN).await.get("/v1/config/templates").await.expect(403);
    let audit = admin.get("/admin/v1/audit?action=visitors.servers").await.expect(200).json();
    assert_eq!(audit["total"], 1);
    assert!(!audit.to_string().contains("koala-demo"), "{audit}");
}

async fn an_interviewee_must_be_in_the_directory(app: TestApp) {
    let visitor = app.visitor(ZHANG_SAN).await;
    let nobody = app.application_with(&json!({ "interviewee": "无名" }));
    assert_eq!(visitor.post("/v1/subject", nobody).await.refused(), -202);
    let data = visitor.post("/v1/subject", app.application()).await.done();
    assert_eq!(data["department"], "法务部");
    app.drain_outbox().await;
}

async fn a_wechat_session_can_be_ended(app: TestApp) {
    let one = app.wechat("wx-demo-zhangsan").await;
    let other = app.wechat("wx-demo-zhangsan").await;
    let whose =
        async |user: &TestApp| user.get("/auth/session").await.expect(200).json()["weixinUserId"].clone();
    one.with("origin", "https://evil.example").delete("/auth/session").await.expect(403);
    assert_eq!(whose(&one).await, "wx-demo-zhangsan");
    let ended = one.with("origin", "http://yuyue.test").delete("/auth/session").await.expect(204);
    assert!(ended.header("set-cookie").starts_with("yuyue_wechat=; "), "{ended:?}");
    assert!(ended.header("set-cookie").contains("Max-Age=0"), "{ended:?}");
    assert_eq!((whose(&one).await, whose(&other).await), (json!(""), json!("wx-demo-zhangsan")));
    one.delete("/auth/session").await.expect(204);
    app.delete("/auth/session").await.expect(204);

    let third = app.wechat("wx-demo-zhangsan").await;
    let lisi = app.wechat("wx-demo-lisi").await;
    let path = "/admin/v1/wechat-sessions?openid=wx-demo-zhangsan";
    app.delete(path).await.expect(401);
    other.delete(path).await.expect(401);
    app.staff(Role::Reception).await.delete(path).await.expect(403);
    let admin = app.staff(Role::Admin).await;
    assert_eq!(admin.delete("/admin/v1/wechat-sessions").await.expect(400).json()["field"], "openid");
    admin.delete(path).await.expect(204);
    assert_eq!((whose(&other).await, whose(&third).await), (json!(""), json!("")));
    assert_eq!(whose(&lisi).await, "wx-demo-lisi");
    admin.delete(path).await.expect(404);
    let told = admin.get("/admin/v1/audit?action=wechat_session.end").await.expect(200).json();
    assert_eq!((&told["total"], &told["items"][0]["before"]), (&json!(1), &json!({ "sessions": 2 })));
}
