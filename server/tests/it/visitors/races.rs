use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    two_sign_ins_of_one_phone_at_once_are_one,
    authorising_and_deleting_at_once_is_one_or_the_other,
    authorising_and_refusing_at_once_is_one_or_the_other,
    deleting_and_signing_in_at_once_leaves_no_open_gate,
    a_record_deleted_between_sign_in_and_scan_opens_nothing,
    two_wechats_binding_one_phone_at_once,
    searching_while_many_apply_counts_right,
    many_authorising_at_once_tell_once,
}

async fn two_sign_ins_of_one_phone_at_once_are_one(app: TestApp) {
    for _ in 0..5 {
        let id = app.invited().await;
        app.drain_outbox().await;
        let before = (app.told(LI_SI).await.len(), app.told(WANG_MOU).await.len());
        let all = join_all((0..8).map(|n| app.check_in(if n % 2 == 0 { ZHANG_SAN } else { WANG_MOU }))).await;
        let codes: Vec<Value> = all.iter().map(|answer| answer.done()["qrcode"].clone()).collect();
        assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
        assert_eq!(app.told(LI_SI).await.len(), before.0 + 1);
        assert_eq!(app.told(WANG_MOU).await.len(), before.1 + 1);
        assert_eq!(app.number(&format!("SELECT count(*) AS value FROM pass WHERE visit_id = {id}")).await, 2);
        app.delete(&format!("/v1/visit/records/{id}")).await.done();
        app.drain_outbox().await;
        assert_eq!(app.world().koala.subjects().len(), 0);
    }
}

async fn authorising_and_deleting_at_once_is_one_or_the_other(app: TestApp) {
    let mut sent = 0;
    for _ in 0..20 {
        let id = app.applied(app.application()).await;
        let (auth, record) = (format!("/v1/auth/{id}"), format!("/v1/visit/records/{id}"));
        let (authorised, deleted) = join(app.put(&auth, json!({})), app.delete(&record)).await;
        deleted.done();
        match authorised.json()["code"].as_i64().unwrap() {
            0 => sent += 1,
            code => assert_eq!(code, 404, "{authorised:?}"),
        }
        assert_eq!(app.told(WANG_MOU).await.len(), sent, "told if and only if authorised");
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM visit_person").await, 0);
}

async fn authorising_and_refusing_at_once_is_one_or_the_other(app: TestApp) {
    let mut sent = 0;
    for _ in 0..20 {
        let id = app.applied(app.application()).await;
        let path = format!("/v1/auth/{id}");
        let refuse = json!({ "decision": "refuse", "reason": "不" });
        let (authorised, refused) = join(app.put(&path, json!({})), app.put(&path, refuse)).await;
        let codes = (authorised.json()["code"].as_i64().unwrap(), refused.json()["code"].as_i64().unwrap());
        match codes {
            (0, -205) => sent += 1,
            other => assert_eq!(other, (-204, 0)),
        }
        assert_eq!(app.told(WANG_MOU).await.len(), sent);
    }
}

async fn deleting_and_signing_in_at_once_leaves_no_open_gate(app: TestApp) {
    for _ in 0..15 {
        let id = app.invited().await;
        let record = format!("/v1/visit/records/{id}");
        let (signed_in, deleted) = join(app.check_in(ZHANG_SAN), app.delete(&record)).await;
        deleted.done();
        if signed_in.json()["code"] == 0 {
            assert_eq!(app.scan(&signed_in.done()["qrcode"]).await, -209);
        } else {
            assert_eq!(signed_in.refused(), -206);
        }
        app.drain_outbox().await;
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM pass WHERE valid_until > 0").await, 0);
    app.clock.advance(10_000);
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 0, "Koala keeps nobody we do not know");
}

async fn a_record_deleted_between_sign_in_and_scan_opens_nothing(app: TestApp) {
    let id = app.invited().await;
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    assert_eq!(app.scan(&signed_in["qrcode"]).await, 0);
    let path = signed_in["qrcode_img_url"].as_str().unwrap().strip_prefix("http://yuyue.test").unwrap();
    app.get(path).await.expect(200);
    app.delete(&format!("/v1/visit/records/{id}")).await.done();
    assert_eq!(app.scan(&signed_in["qrcode"]).await, -209);
    assert_eq!(app.scan(&signed_in["retinues"][0]["qrcode"]).await, -209);
    app.get(path).await.expect(404);
    app.drain_outbox().await;
}

async fn two_wechats_binding_one_phone_at_once(app: TestApp) {
    for n in 0..10 {
        let phone = format!("1390000{n:04}");
        let bind = |id: String| {
            let body = json!({ "weixinUserId": id, "phone": phone });
            app.post("/v1/visitor/binding", body)
        };
        let all = join_all((0..4).map(|wechat| bind(format!("wx-{n}-{wechat}")))).await;
        let codes: Vec<i64> = all.iter().map(|answer| answer.json()["code"].as_i64().unwrap()).collect();
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
        assert!(codes.iter().all(|code| matches!(code, 0 | -102)), "{codes:?}");
    }
    assert_eq!(app.world().cloud.bindings().len(), 10, "what was refused is not left at the service");
}

async fn searching_while_many_apply_counts_right(app: TestApp) {
    let apply = |n: i64| {
        let app = app.clone();
        async move {
            let name = format!("王{n}");
            let application = app.application_with(&json!({ "name": name, "retinues": [] }));
            app.applied(application).await;
        }
    };
    let search = || async {
        let answer = app.get("/v1/visit/records?type=web&name=%E7%8E%8B&size=100").await;
        assert_eq!(answer.json()["page"]["count"], answer.done().as_array().unwrap().len());
    };
    for round in 0..5 {
        join(join_all((0..8).map(|n| apply(round * 8 + n))), join_all((0..8).map(|_| search()))).await;
    }
    let ids = app.texts("SELECT CAST(id AS TEXT) AS value FROM visit ORDER BY id LIMIT 20").await;
    let paths: Vec<String> = ids.iter().map(|id| format!("/v1/visit/records/{id}")).collect();
    for deleted in join_all(paths.iter().map(|path| app.delete(path))).await {
        deleted.done();
    }
    let answer = app.get("/v1/visit/records?type=web&name=%E7%8E%8B&size=100").await;
    assert_eq!((answer.done().as_array().unwrap().len(), &answer.json()["page"]["count"]), (20, &json!(20)));
    assert_eq!(app.get("/v1/visit/records?type=web").await.json()["page"]["count"], 20);
    app.drain_outbox().await;
}

async fn many_authorising_at_once_tell_once(app: TestApp) {
    let id = app.applied(app.application()).await;
    let path = format!("/v1/auth/{id}");
    for answer in join_all((0..10).map(|_| app.put(&path, json!({})))).await {
        answer.done();
    }
    assert_eq!(app.told(WANG_MOU).await, ["sms SMS_200000003"]);
}
