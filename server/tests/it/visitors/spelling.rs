//! One person writes a number in many ways.

use serde_json::{Value, json};
use yuyue::adapters::koala_simulator::SimulatedEmployee;
use yuyue::staff::Role;

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    one_number_signs_in_and_out_in_every_spelling,
    lists_find_a_number_in_every_spelling,
    an_invitation_is_known_by_number_not_by_text,
    three_spellings_are_bound_once,
    a_wechat_is_told_whatever_the_visit_calls_it,
    the_directory_is_read_in_every_spelling,
    a_person_is_erased_in_every_spelling,
    rows_from_before_get_their_keys_at_the_start,
    requests_refuse_what_the_documents_do_not_know,
    a_name_has_something_to_see,
}
both!(enforced: a_colleague_is_found_in_every_spelling);

/// Ways to write Zhang San's number in a request.
const SENT: [&str; 4] = ["13900000001", "+8613900000001", "8613900000001", "008613900000001"];
/// Ways to write it where any will do.
const TYPED: [&str; 5] = [
    "139 0000 0001",
    "+86 139-0000-0001",
    "（086）139",
    "１３９００００\u{200b}０００１",
    "(+86)139.0000.0001",
];

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl TestApp {
    async fn blocks(&self, phone: &str) -> i64 {
        let staff = self.staff(Role::Reception).await;
        let blocked = staff.post("/admin/v1/blocklist", json!({ "phone": phone })).await.expect(201);
        blocked.json()["id"].as_i64().unwrap()
    }
}

async fn one_number_signs_in_and_out_in_every_spelling(app: TestApp) {
    for written in SENT {
        let companion = json!([{ "name": "王某", "phone": format!("+86{WANG_MOU}") }]);
        let changes = json!({ "proposer": LI_SI, "phone": written, "retinues": companion });
        let id = app.applied(app.application_with(&changes)).await;
        for typed in SENT {
            let signed_in = app.check_in(typed).await.done();
            assert_eq!(
                (&signed_in["id"], &signed_in["phone"]),
                (&json!(id), &json!(written)),
                "as it was sent"
            );
            let out = app.post("/v1/visit/signout", json!({ "phone": typed })).await.done();
            assert_eq!(out, json!({ "signed_out": 1, "remaining": 1 }), "{written} {typed}");
        }
        assert_eq!(app.check_in(WANG_MOU).await.done()["id"], id);
        app.delete(&format!("/v1/visit/records/{id}")).await.done();
    }
    app.drain_outbox().await;
}

async fn lists_find_a_number_in_every_spelling(app: TestApp) {
    let dressed =
        json!({ "phone": SENT[1], "proposer": SENT[2], "interviewee_phone": format!("0086{LI_SI}") });
    let id = app.applied(app.application_with(&dressed)).await;
    let staff = app.staff(Role::Auditor).await;
    for typed in SENT.iter().chain(&[TYPED[0], TYPED[1], TYPED[3], TYPED[4]]) {
        let phone = encoded(typed);
        for query in [
            format!("/v1/visit/records?type=mobile&proposer={phone}"),
            format!("/v1/visit/records?type=web&phone={phone}"),
            format!("/v1/visit/records?type=web&interviewee_phone={}", encoded("+86 138 1111 1111")),
            format!("/v1/auth/records?phone={}", encoded("138-1111-1111")),
        ] {
            let found = app.get(&query).await.done();
            assert_eq!(found[0]["id"], id, "{query}");
            assert_eq!(found[0]["phone"], SENT[1], "as it was sent");
        }
        let list = staff.get(&format!("/admin/v1/visits?phone={phone}")).await.expect(200).json();
        assert_eq!(list["total"], 1, "{typed}");
        let file = staff.get(&format!("/admin/v1/visits.csv?proposer={phone}")).await.expect(200);
        assert_eq!(String::from_utf8_lossy(&file.body).lines().count(), 3, "{typed}");
    }
    assert_eq!(app.get("/v1/visit/records?type=web&phone=nobody").await.refused(), 400);
    let member = app.member("13900000009").await;
    member.get("/v1/accounts/me").await.expect(200);
    let members = staff.get("/admin/v1/members?mobile=%2B86%20139-0000-0009").await.expect(200).json();
    assert_eq!(members["total"], 1);
    app.drain_outbox().await;
}

async fn an_invitation_is_known_by_number_not_by_text(app: TestApp) {
    let same = json!({ "proposer": format!("+86{LI_SI}") });
    assert_eq!(app.post("/v1/subject", app.application_with(&same)).await.done()["is_auth"], 1);
    let same = json!({ "proposer": SENT[3] });
    assert_eq!(app.post("/v1/subject", app.application_with(&same)).await.done()["is_auth"], 0);
    let oneself = json!({ "interviewee_phone": SENT[1] });
    assert_eq!(app.post("/v1/subject", app.application_with(&oneself)).await.refused(), -201);
    app.drain_outbox().await;
}

async fn three_spellings_are_bound_once(app: TestApp) {
    let bind = |id: &str, phone: &str| {
        let body = json!({ "weixinUserId": id, "phone": phone });
        app.post("/v1/visitor/binding", body)
    };
    let bound = bind("wx-1", SENT[0]).await.done();
    for (number, written) in SENT.iter().enumerate() {
        assert_eq!(bind(&format!("wx-other-{number}"), written).await.refused(), -102, "{written}");
        assert_eq!(bind("wx-1", written).await.done(), bound, "the same data again");
    }
    assert_eq!(app.world().cloud.bindings().len(), 1);
    assert_eq!(bind("wx-1", WANG_MOU).await.refused(), -101);

    let employee = |id: &str, phone: &str| {
        let body = json!({ "weixinUserId": id, "name": "李四", "phone": phone });
        app.post("/v1/subject/binding", body)
    };
    employee("wx-2", &format!("86{LI_SI}")).await.done();
    assert_eq!(employee("wx-3", LI_SI).await.refused(), -102);
    employee("wx-2", &format!("+86{LI_SI}")).await.done();
}

async fn a_wechat_is_told_whatever_the_visit_calls_it(app: TestApp) {
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": SENT[1] })).await.done();
    for written in SENT {
        app.applied(app.application_with(&json!({ "proposer": LI_SI, "phone": written }))).await;
    }
    app.drain_outbox().await;
    assert_eq!(app.world().cloud.received_by(SENT[1]).len(), 4);
}

async fn the_directory_is_read_in_every_spelling(app: TestApp) {
    let employees = [("阿•凡提", "+86 138-3333-3333"), ("张\u{3000}三", "（0086）13844444444")];
    let employee =
        |(id, (name, phone)): (i64, (&str, &str))| SimulatedEmployee::new(id, name, phone, "行政部");
    app.world().koala.set_employees((1..).zip(employees).map(employee).collect());
    for (number, (name, phone)) in [
        ("阿·凡提", "13833333333"),
        ("阿・凡提", "+8613833333333"),
        ("阿‧凡提", "008613833333333"),
        ("阿 • 凡提", "8613833333333"),
        ("张三", "13844444444"),
        ("张 三", "+8613844444444"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("wx-{number}");
        let body = json!({ "weixinUserId": id, "name": name, "phone": phone });
        let bound = app.post("/v1/subject/binding", body).await.done();
        assert_eq!(bound["department"], "行政部", "{name} {phone}");
        app.delete(&format!("/v1/subject/binding/{id}")).await.done();
    }
    let other = json!({ "weixinUserId": "wx", "name": "张四", "phone": "13844444444" });
    assert_eq!(app.post("/v1/subject/binding", other).await.refused(), -103);

    // Who came after the directory was read is asked for one by one.
    let late = SimulatedEmployee::new(9, "新\u{a0}人", "+86 (138) 5555-5555", "财务部");
    app.world().koala.set_employees(vec![late]);
    let body = json!({ "weixinUserId": "wx-late", "name": "新人", "phone": "13855555555" });
    assert_eq!(app.post("/v1/subject/binding", body).await.done()["subject_id"], 9);
}

async fn a_colleague_is_found_in_every_spelling(app: TestApp) {
    let employee = SimulatedEmployee::new(1, "王芳", "+86 138-3333-3333", "行政部");
    app.world().koala.set_employees(vec![employee]);
    let staff = app.staff(Role::Reception).await;
    for phone in ["13833333333", "+8613833333333", "008613833333333", "8613833333333"] {
        let changes = json!({ "interviewee": "王\u{3000}芳", "interviewee_phone": phone });
        let data = staff.post("/v1/subject", app.application_with(&changes)).await.done();
        assert_eq!(data["department"], "行政部", "{phone}");
    }
    app.drain_outbox().await;
}

async fn a_person_is_erased_in_every_spelling(app: TestApp) {
    for written in SENT {
        let retinues = json!([{ "name": "张三", "phone": written }]);
        let changes = json!({ "phone": WANG_MOU, "proposer": LI_SI, "retinues": retinues });
        app.applied(app.application_with(&changes)).await;
        app.applied(app.application_with(&json!({ "phone": written, "proposer": written }))).await;
    }
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": SENT[3] })).await.done();
    app.drain_outbox().await;
    let admin = app.staff(Role::Admin).await;
    let erased = admin.post("/admin/v1/visits/erase", json!({ "phone": TYPED[1] })).await.expect(200).json();
    assert_eq!((&erased["visits"], &erased["bindings"]), (&json!(8), &json!(1)));
    for (table, columns) in [
        ("visit", "proposer || interviewee_phone || proposer_key || interviewee_phone_key"),
        ("visit_person", "phone || phone_key"),
        ("wechat_binding", "phone"),
        ("outbox", "recipient || payload"),
    ] {
        let rows = app.texts(&format!("SELECT {columns} AS value FROM {table}")).await;
        assert!(rows.iter().all(|row| !row.contains(ZHANG_SAN)), "{table}: {rows:?}");
    }
    app.drain_outbox().await;
    assert!(app.world().cloud.bindings().is_empty(), "nor does the service bring the binding back");
}

async fn rows_from_before_get_their_keys_at_the_start(app: TestApp) {
    let id = app.applied(app.application_with(&json!({ "proposer": LI_SI, "phone": SENT[1] }))).await;
    let code = app.check_in(ZHANG_SAN).await.done()["qrcode"].clone();
    app.drain_outbox().await;
    let first = app.blocks("13900000003").await;
    app.execute("UPDATE visit SET proposer_key = NULL, interviewee_phone_key = NULL").await;
    app.execute("UPDATE visit_person SET phone_key = NULL").await;
    app.execute("UPDATE outbox SET recipient_key = NULL").await;
    app.execute("UPDATE employee SET phone_key = NULL, name_key = NULL").await;
    app.execute("UPDATE blocked_phone SET phone_key = NULL").await;
    for phone in ["+86 139-0000-0003", "0086 139 0000 0001"] {
        app.execute(&format!(
            "INSERT INTO blocked_phone (phone, reason, added_by, created_at) VALUES ('{phone}', '', '', 0)"
        ))
        .await;
    }
    for (wechat, phone) in [("wx-1", WANG_MOU), ("wx-2", "+8613900000002"), ("wx-3", "8613900000002")] {
        app.execute(&format!(
            "INSERT INTO wechat_binding (weixin_user_id, role, phone, name, avatar, created_at, bound_at)
             VALUES ('{wechat}', 'visitor', '{phone}', '', '', 0, 0)"
        ))
        .await;
    }
    let app = app.again(|_| {}).await;
    let bound = app.texts("SELECT weixin_user_id AS value FROM wechat_binding ORDER BY id").await;
    assert_eq!(bound, ["wx-1"], "the first keeps the number");
    let keys = app.texts("SELECT phone_key AS value FROM blocked_phone ORDER BY id").await;
    assert_eq!(keys, ["13900000003", ZHANG_SAN]);
    assert_eq!(app.number("SELECT min(id) AS value FROM blocked_phone").await, first);
    assert_eq!(app.scan(&code).await, -200, "a block from before takes hold in every spelling");
    assert_eq!(app.check_in(WANG_MOU).await.done()["id"], id);
    let found = app.get(&format!("/v1/auth/records?phone={LI_SI}")).await;
    assert_eq!(found.json()["page"]["count"], 0, "an invitation is no application");
    let left = "SELECT (SELECT count(*) FROM visit WHERE proposer_key IS NULL)
                     + (SELECT count(*) FROM visit_person WHERE phone_key IS NULL)
                     + (SELECT count(*) FROM employee WHERE phone_key IS NULL)
                     + (SELECT count(*) FROM outbox WHERE is_message AND recipient_key IS NULL) AS value";
    assert_eq!(app.number(left).await, 0);
    app.drain_outbox().await;
}

async fn requests_refuse_what_the_documents_do_not_know(app: TestApp) {
    for typed in TYPED {
        assert_eq!(app.check_in(typed).await.refused(), 400, "{typed}");
        let applied = app.post("/v1/subject", app.application_with(&json!({ "phone": typed }))).await;
        assert_eq!(applied.refused(), 400, "{typed}");
        let bind = json!({ "weixinUserId": "wx", "phone": typed });
        assert_eq!(app.post("/v1/visitor/binding", bind).await.refused(), 400, "{typed}");
        assert_eq!(app.post("/v1/login/sms_code", json!({ "mobile": typed })).await.code().0, 1013);
    }
    assert_eq!(app.post("/v1/login/sms_code", json!({ "mobile": SENT[1] })).await.code().0, 1013);
}

async fn a_name_has_something_to_see(app: TestApp) {
    let before = app.checksums().await;
    for blank in [
        "\u{200b}",
        "\u{3164}",
        "\u{2800}",
        "\u{ad}\u{feff}",
        "\u{115f}",
        "\u{202e} \u{202c}",
        "\u{e0020}",
        "\u{ffa0}\u{fe0f}",
    ] {
        for field in ["name", "interviewee"] {
            let answer = app.post("/v1/subject", app.application_with(&json!({ field: blank }))).await;
            assert_eq!(answer.refused(), 400, "{field} {blank:?}");
            let said = answer.json()["err_msg"].as_str().unwrap().to_owned();
            assert!(said.contains(field) && said.contains("必填"), "{said}");
        }
        let companion = json!({ "retinues": [{ "name": blank, "phone": WANG_MOU }] });
        assert_eq!(app.post("/v1/subject", app.application_with(&companion)).await.refused(), 400);
        let employee = json!({ "weixinUserId": "wx", "name": blank, "phone": LI_SI });
        assert_eq!(app.post("/v1/subject/binding", employee).await.refused(), 400);
        let booking = json!({ "open_id": "o", "name": blank, "phone_num": ZHANG_SAN,
                              "day": "2021-10-08", "hour": 9, "minute": 0 });
        assert_ne!(app.post("/v1/make-appointment", booking).await.error_no(), 0, "{blank:?}");
    }
    assert_eq!(app.checksums().await, before);
    let seen: Value =
        app.post("/v1/subject", app.application_with(&json!({ "name": "张\u{200d}三" }))).await.done();
    assert_eq!(seen["name"], "张\u{200d}三", "kept as it was sent");
    app.drain_outbox().await;
}
