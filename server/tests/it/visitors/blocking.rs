//! Who is blocked gets nothing, on whichever path; the others of the party get what is theirs.

use futures_util::future::{join, join_all};
use serde_json::json;
use yuyue::clock::{MINUTE, SECOND};
use yuyue::staff::Role;

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    a_blocked_companion_is_left_out_and_the_leader_comes_in,
    a_blocked_leader_stays_out_and_the_companions_come_in,
    a_block_ends_what_the_person_has_already,
    a_block_holds_in_every_spelling,
    a_blocked_visitor_can_neither_apply_nor_be_approved,
    a_message_that_waits_is_not_sent_to_who_is_blocked,
    blocking_and_signing_in_at_once_leaves_no_open_gate,
    blocking_and_writing_to_koala_at_once_leaves_nobody_there,
}

impl TestApp {
    /// Blocks a phone and gives the path of the entry.
    async fn block(&self, phone: &str) -> String {
        let staff = self.staff(Role::Reception).await;
        let blocked = staff.post("/admin/v1/blocklist", json!({ "phone": phone })).await.expect(201).json();
        format!("/admin/v1/blocklist/{}", blocked["id"])
    }

    async fn unblock(&self, entry: &str) {
        self.staff(Role::Reception).await.delete(entry).await.expect(204);
    }

    async fn names_at_koala(&self) -> Vec<String> {
        let mut names: Vec<String> = self.world().koala.subjects().into_iter().map(|one| one.name).collect();
        names.sort();
        names
    }

    async fn names_inside(&self) -> Vec<String> {
        let list = self.staff(Role::Auditor).await.get("/admin/v1/visits/on-site").await.expect(200).json();
        list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }
}

async fn a_blocked_companion_is_left_out_and_the_leader_comes_in(app: TestApp) {
    let id = app.applied(app.application()).await;
    let entry = app.block(WANG_MOU).await;
    app.put(&format!("/v1/auth/{id}"), json!({})).await.done();
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    assert_eq!(
        (&signed_in["retinues"][0]["qrcode"], &signed_in["retinues"][0]["qrcode_img_url"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(app.scan(&signed_in["qrcode"]).await, 0);
    assert_eq!(app.told(WANG_MOU).await, [""; 0], "neither approval nor pass");
    assert_eq!(app.told(ZHANG_SAN).await.len(), 3);
    assert_eq!(app.names_at_koala().await, ["张三"]);
    assert_eq!(app.names_inside().await, ["张三"], "who was not let in is not inside");
    assert_eq!(app.check_in(WANG_MOU).await.refused(), -200);
    let out = app.post("/v1/visit/signout", json!({ "phone": ZHANG_SAN, "all": true })).await.done();
    assert_eq!(out, json!({ "signed_out": 1, "remaining": 0 }));
    app.check_in(ZHANG_SAN).await.done();

    let records = app.staff(Role::Auditor).await.get("/admin/v1/visits").await.expect(200).json();
    let record = &records["items"][0];
    assert_eq!((&record["blocked"], &record["retinues"][0]["blocked"]), (&json!(false), &json!(true)));
    let public = app.get("/v1/visit/records?type=web").await.done();
    assert_eq!(
        (public[0].get("blocked"), public[0]["retinues"][0].get("blocked")),
        (None, None),
        "he is not told"
    );

    app.unblock(&entry).await;
    let back = app.check_in(WANG_MOU).await.done();
    assert_eq!(back["qrcode"], signed_in["qrcode"], "who has a pass keeps it");
    assert_eq!(app.scan(&back["retinues"][0]["qrcode"]).await, 0);
    app.drain_outbox().await;
    assert_eq!(app.told(WANG_MOU).await, ["sms SMS_200000004"]);
    assert_eq!(app.told(ZHANG_SAN).await.len(), 3, "once");
    assert_eq!(app.told(LI_SI).await.len(), 2, "once");
    assert_eq!(app.names_at_koala().await, ["张三", "王某"]);
}

async fn a_blocked_leader_stays_out_and_the_companions_come_in(app: TestApp) {
    let id = app.invited().await;
    let told = app.told(ZHANG_SAN).await.len();
    let entry = app.block(ZHANG_SAN).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -200);
    let signed_in = app.check_in(WANG_MOU).await.done();
    assert_eq!((&signed_in["id"], &signed_in["qrcode"]), (&json!(id), &json!("")));
    assert_eq!(app.scan(&signed_in["retinues"][0]["qrcode"]).await, 0);
    assert_eq!(app.told(ZHANG_SAN).await.len(), told);
    assert_eq!(app.names_inside().await, ["王某"]);
    let records = app.staff(Role::Auditor).await.get("/admin/v1/visits").await.expect(200).json();
    assert_eq!(records["items"][0]["blocked"], true);
    app.unblock(&entry).await;
    let back = app.check_in(ZHANG_SAN).await.done();
    assert_eq!(app.scan(&back["qrcode"]).await, 0);
    assert_eq!(back["retinues"][0]["qrcode"], signed_in["retinues"][0]["qrcode"]);
    assert_eq!(app.told(ZHANG_SAN).await.len(), told + 1);
    assert_eq!(app.names_inside().await.len(), 2);
}

async fn a_block_ends_what_the_person_has_already(app: TestApp) {
    app.invited().await;
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    app.drain_outbox().await;
    let picture = signed_in["retinues"][0]["qrcode_img_url"].as_str().unwrap().to_owned();
    let picture = picture.strip_prefix("http://yuyue.test").unwrap();
    app.get(picture).await.expect(200);
    let entry = app.block(WANG_MOU).await;
    assert_eq!(app.scan(&signed_in["retinues"][0]["qrcode"]).await, -200);
    assert_eq!(app.scan(&signed_in["qrcode"]).await, 0);
    app.get(picture).await.expect(404);
    app.drain_outbox().await;
    assert_eq!(app.names_at_koala().await, ["张三"]);
    assert_eq!(app.names_inside().await.len(), 2, "he is still in the building until signed out");
    let record = app.get("/v1/visit/records?type=web").await.done()[0].clone();
    assert_eq!(record["retinues"][0]["qrcode"], "");
    let scans = app.staff(Role::Auditor).await.get("/admin/v1/scans").await.json();
    assert_eq!(scans["items"][1]["code"], -200);

    app.unblock(&entry).await;
    assert_eq!(app.scan(&signed_in["retinues"][0]["qrcode"]).await, -209, "the old one stays ended");
    let back = app.check_in(WANG_MOU).await.done();
    assert_ne!(back["retinues"][0]["qrcode"], signed_in["retinues"][0]["qrcode"]);
    assert_eq!(app.scan(&back["retinues"][0]["qrcode"]).await, 0);
    assert_eq!(app.scan(&signed_in["retinues"][0]["qrcode"]).await, -209);
    app.drain_outbox().await;
    assert_eq!(app.names_at_koala().await, ["张三", "王某"]);
}

async fn a_block_holds_in_every_spelling(app: TestApp) {
    for (number, spelling) in
        ["+86 139-0000-0022", "13900000023", "0086 13900000024", "(86)139.0000.0025"].iter().enumerate()
    {
        let entry = app.block(spelling).await;
        let phone = format!("1390000002{}", number + 2);
        for written in [phone.clone(), format!("+86{phone}"), format!("86{phone}"), format!("0086{phone}")] {
            let changes = json!({ "phone": written, "proposer": written });
            assert_eq!(
                app.post("/v1/subject", app.application_with(&changes)).await.refused(),
                -200,
                "{written}"
            );
            let invited = json!({ "phone": written, "proposer": LI_SI });
            assert_eq!(app.post("/v1/subject", app.application_with(&invited)).await.refused(), -200);
            assert_eq!(app.check_in(&written).await.refused(), -200);
            let query: String = url::form_urlencoded::byte_serialize(written.as_bytes()).collect();
            let list =
                app.staff(Role::Auditor).await.get(&format!("/admin/v1/blocklist?phone={query}")).await;
            assert_eq!(
                (&list.json()["total"], &list.json()["items"][0]["phone"]),
                (&json!(1), &json!(spelling))
            );
        }
        assert_eq!(app.block(&phone).await, entry, "one entry");
    }
    app.drain_outbox().await;
}

async fn a_blocked_visitor_can_neither_apply_nor_be_approved(app: TestApp) {
    let id = app.applied(app.application()).await;
    let told = app.told(ZHANG_SAN).await.len();
    let entry = app.block(&format!("+86{ZHANG_SAN}")).await;
    assert_eq!(app.post("/v1/subject", app.application()).await.refused(), -200);
    let path = format!("/v1/auth/{id}");
    assert_eq!(app.put(&path, json!({})).await.refused(), -200);
    assert_eq!(app.staff(Role::Reception).await.put(&path, json!({})).await.refused(), -200);
    assert_eq!(app.get("/v1/visit/records?type=web").await.done()[0]["is_auth"], 0, "nothing is changed");
    assert_eq!(app.told(ZHANG_SAN).await.len(), told);
    assert_eq!(app.told(WANG_MOU).await.len(), 0);
    app.unblock(&entry).await;
    app.put(&path, json!({})).await.done();
    app.drain_outbox().await;
}

async fn a_message_that_waits_is_not_sent_to_who_is_blocked(app: TestApp) {
    app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    app.block(WANG_MOU).await;
    assert_eq!(app.told(WANG_MOU).await, [""; 0]);
    assert_eq!(app.told(ZHANG_SAN).await.len(), 2);
}

async fn blocking_and_signing_in_at_once_leaves_no_open_gate(app: TestApp) {
    for round in 0..25 {
        let id = app.invited().await;
        let (signed_in, entry) = join(app.check_in(ZHANG_SAN), app.block(WANG_MOU)).await;
        let code = signed_in.done()["retinues"][0]["qrcode"].clone();
        if code != "" {
            assert_eq!(app.scan(&code).await, -200, "round {round}");
        }
        let open = format!("SELECT count(*) AS value FROM pass WHERE visit_id = {id} AND valid_until > 0");
        assert_eq!(app.number(&open).await, 1, "round {round}: the leader's alone");
        app.unblock(&entry).await;
        app.delete(&format!("/v1/visit/records/{id}")).await.done();
        app.drain_outbox().await;
    }
}

async fn blocking_and_writing_to_koala_at_once_leaves_nobody_there(app: TestApp) {
    for _ in 0..10 {
        let id = app.invited().await;
        app.drain_outbox().await;
        let calls: Vec<_> = (0..3).map(|n| app.check_in(if n == 0 { WANG_MOU } else { ZHANG_SAN })).collect();
        let (answers, entry) = join(join_all(calls), app.block(WANG_MOU)).await;
        assert!(answers.iter().all(|answer| matches!(answer.json()["code"].as_i64(), Some(0 | -200))));
        app.clock.advance(10 * SECOND);
        app.drain_outbox().await;
        assert_eq!(app.names_at_koala().await, ["张三"]);
        app.unblock(&entry).await;
        app.delete(&format!("/v1/visit/records/{id}")).await.done();
        app.clock.advance(MINUTE);
        app.drain_outbox().await;
    }
}
