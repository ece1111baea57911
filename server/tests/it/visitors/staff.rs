use serde_json::{Value, json};
use yuyue::clock::{DAY, HOUR};
use yuyue::staff::Role;

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    staff_search_records_and_export_them,
    the_evacuation_list_names_everybody_inside,
    old_visits_lose_names_and_phones,
    a_person_is_erased_by_phone,
    the_staff_api_asks_for_the_role,
}

async fn staff_search_records_and_export_them(app: TestApp) {
    let id = app.invited().await;
    app.applied(app.application_with(&json!({ "name": "=cmd()", "come_from": "甲,乙" }))).await;
    let staff = app.staff(Role::Auditor).await;
    let list = staff.get("/admin/v1/visits?name=%E5%BC%A0").await.expect(200).json();
    assert_eq!((&list["total"], &list["size"], &list["items"][0]["id"]), (&json!(1), &json!(20), &json!(id)));
    assert_eq!(staff.get("/admin/v1/visits").await.json()["total"], 2);
    let file = staff.get("/admin/v1/visits.csv").await.expect(200);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[1].contains("'=cmd()") && lines[1].contains("\"甲,乙\""), "{}", lines[1]);
    let expected = "1,张三,13900000001,访客,ZY,商务,13811111111,李四,13811111111,,2021-10-01 08:00:00";
    assert!(lines[3].starts_with(expected), "{}", lines[3]);
    assert!(lines[4].contains("随行人员"), "{}", lines[4]);
    app.drain_outbox().await;
}

async fn the_evacuation_list_names_everybody_inside(app: TestApp) {
    app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    let staff = app.staff(Role::Auditor).await;
    let file = staff.get("/admin/v1/visits/on-site.csv").await.expect(200);
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].starts_with("□,张三,13900000001,访客,ZY,李四"), "{}", lines[1]);
    let list = staff.get("/admin/v1/visits/on-site").await.json();
    assert_eq!((&list["total"], &list["items"][1]["role"]), (&json!(2), &json!("retinue")));
    app.drain_outbox().await;
}

async fn old_visits_lose_names_and_phones(app: TestApp) {
    let id = app.applied(app.application_with(&json!({ "remark": "请带身份证" }))).await;
    app.put(&format!("/v1/auth/{id}"), json!({})).await.done();
    let code = app.check_in(ZHANG_SAN).await.done()["qrcode"].clone();
    app.get("/v1/visit/records?type=web&name=%E5%BC%A0").await.done();
    app.drain_outbox().await;
    app.clock.advance(180 * DAY + 2 * HOUR - 1);
    app.drain_outbox().await;
    assert_eq!(app.get("/v1/visit/records?type=web&name=%E5%BC%A0").await.json()["page"]["count"], 1);
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!(app.get("/v1/visit/records?type=web&name=%E5%BC%A0").await.json()["page"]["count"], 0);
    let records = app.get("/v1/visit/records?type=web&interviewee=%E6%9D%8E").await;
    let record = &records.done()[0];
    for field in ["name", "phone", "proposer", "remark"] {
        assert_eq!(record[field], "", "{field}");
    }
    assert_eq!((&record["retinues"][0]["name"], &record["retinues"][0]["phone"]), (&json!(""), &json!("")));
    assert_eq!((&record["interviewee"], &record["come_from"]), (&json!("李四"), &json!("ZY")));
    assert_eq!(app.scan(&code).await, -209);
    let dump = app.texts("SELECT recipient || payload AS value FROM outbox").await;
    assert!(dump.iter().all(|row| !row.contains(ZHANG_SAN)), "kept messages are gone, too: {dump:?}");
}

async fn a_person_is_erased_by_phone(app: TestApp) {
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN })).await.done();
    let id = app.applied(app.application()).await;
    app.put(&format!("/v1/auth/{id}"), json!({})).await.done();
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    app.get("/v1/visit/records?type=web&name=%E5%BC%A0").await.done();
    app.drain_outbox().await;
    let admin = app.staff(Role::Admin).await;
    let erased = admin.post("/admin/v1/visits/erase", json!({ "phone": ZHANG_SAN })).await.expect(200).json();
    assert_eq!((&erased["visits"], &erased["bindings"]), (&json!(1), &json!(1)));
    assert_eq!(app.scan(&signed_in["qrcode"]).await, -209);
    assert_eq!(app.scan(&signed_in["retinues"][0]["qrcode"]).await, 0, "the companion stays");
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206);
    assert_eq!(app.get("/v1/visit/records?type=web&name=%E5%BC%A0").await.json()["page"]["count"], 0);
    let record = &app.get("/v1/visit/records?type=web").await.done()[0];
    assert_eq!((&record["name"], &record["retinues"][0]["phone"]), (&json!(""), &json!(WANG_MOU)));
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 1);
    let audit = admin.get("/admin/v1/audit?action=visits.erase").await.expect(200).json();
    assert_eq!(audit["items"][0]["target"], "139****0001");
    for table in ["visit", "visit_person", "wechat_binding", "outbox", "audit"] {
        let columns = match table {
            "visit" => "proposer || interviewee_phone",
            "visit_person" | "wechat_binding" => "phone",
            "outbox" => "recipient || payload",
            _ => "target || coalesce(before, '') || coalesce(after, '')",
        };
        let rows = app.texts(&format!("SELECT {columns} AS value FROM {table}")).await;
        assert!(rows.iter().all(|row| !row.contains(ZHANG_SAN)), "{table}: {rows:?}");
    }
}

async fn the_staff_api_asks_for_the_role(app: TestApp) {
    let (auditor, reception) = (app.staff(Role::Auditor).await, app.staff(Role::Reception).await);
    for path in ["visits", "visits.csv", "visits/on-site", "visits/on-site.csv", "scans", "blocklist"] {
        let path = format!("/admin/v1/{path}");
        app.get(&path).await.expect(401);
        auditor.get(&path).await.expect(200);
    }
    let phone = json!({ "phone": LI_SI });
    auditor.post("/admin/v1/blocklist", phone.clone()).await.expect(403);
    reception.post("/admin/v1/blocklist", phone.clone()).await.expect(201);
    reception.post("/admin/v1/visits/erase", phone.clone()).await.expect(403);
    let problem: Value = reception.post("/admin/v1/blocklist", json!({})).await.expect(400).json();
    assert_eq!(problem["field"], "phone");
}
