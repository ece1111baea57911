use serde_json::{Value, json};
use yuyue::clock::MINUTE;

use super::{FU_GUI, LI_SI, ZHANG_SAN};
use crate::support::TestApp;

both! {
    records_are_paged_newest_first,
    any_part_of_a_name_finds_it,
    the_other_filters_hold_together,
    an_employee_sees_what_others_applied_for,
    wrong_parameters_are_named,
}

async fn book(app: &TestApp, name: &str, phone: &str, interviewee: (&str, &str)) -> i64 {
    app.clock.advance(MINUTE);
    let application = app.application_with(&json!({
        "name": name, "phone": phone, "proposer": phone, "retinues": [],
        "interviewee": interviewee.0, "interviewee_phone": interviewee.1,
    }));
    app.applied(application).await
}

async fn ids(app: &TestApp, query: &str) -> (Vec<i64>, i64) {
    let answer = app.get(query).await;
    let ids = answer.done().as_array().unwrap().iter().map(|record| record["id"].as_i64().unwrap()).collect();
    (ids, answer.json()["page"]["count"].as_i64().unwrap())
}

async fn records_are_paged_newest_first(app: TestApp) {
    for n in 0..7 {
        book(&app, &format!("访客{n}"), ZHANG_SAN, ("李四", LI_SI)).await;
    }
    let page = |answer: &crate::support::wire::Answer| answer.json()["page"].clone();
    let first = app.get("/v1/visit/records?type=web").await;
    assert_eq!(page(&first), json!({ "count": 7, "current": 1, "size": 5, "total": 2 }));
    assert_eq!(first.done()[0]["name"], "访客6");
    assert_eq!(ids(&app, "/v1/visit/records?type=web&page=2").await, (vec![2, 1], 7));
    assert_eq!(ids(&app, "/v1/visit/records?type=web&page=2&size=3").await, (vec![4, 3, 2], 7));
    assert_eq!(ids(&app, "/v1/visit/records?type=web&page=9").await, (vec![], 7));
    let clamped = app.get("/v1/visit/records?type=web&size=1000").await;
    assert_eq!(page(&clamped)["size"], 100);
    let mobile = format!("/v1/visit/records?type=mobile&proposer={ZHANG_SAN}&size=2");
    assert_eq!(ids(&app, &mobile).await, (vec![7, 6], 7));
    assert_eq!(ids(&app, &format!("/v1/visit/records?type=mobile&proposer={LI_SI}")).await, (vec![], 0));
    app.drain_outbox().await;
}

async fn any_part_of_a_name_finds_it(app: TestApp) {
    let names = ["王小明", "小明", "欧阳小明珠", "Zhang Wei", "阿凡提·买买提", "王𠮷"];
    for (n, name) in names.iter().enumerate() {
        book(
            &app,
            name,
            &format!("1390000010{n}"),
            if n % 2 == 0 { ("李四", LI_SI) } else { ("富贵", FU_GUI) },
        )
        .await;
    }
    let cases: [(&str, &[i64]); 12] = [
        ("小", &[3, 2, 1]),
        ("小明", &[3, 2, 1]),
        ("小明珠", &[3]),
        ("欧阳小明", &[3]),
        ("阳小明珠", &[3]),
        ("欧阳明", &[]),
        ("zhang", &[4]),
        ("G W", &[4]),
        ("•买", &[5]),
        ("𠮷", &[6]),
        ("王", &[6, 1]),
        ("百", &[]),
    ];
    for (part, expected) in cases {
        let query: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
        let found = ids(&app, &format!("/v1/visit/records?type=web&name={query}")).await;
        assert_eq!(found, (expected.to_vec(), i64::try_from(expected.len()).unwrap()), "{part}");
    }
    let interviewee = "/v1/visit/records?type=web&interviewee=%E8%B4%B5";
    assert_eq!(ids(&app, interviewee).await, (vec![6, 4, 2], 3), "贵");
    assert_eq!(ids(&app, &format!("{interviewee}&name=%E7%8E%8B")).await, (vec![6], 1), "and 王");
    assert_eq!(ids(&app, &format!("{interviewee}&is_auth=1")).await, (vec![], 0));
    app.drain_outbox().await;
}

async fn the_other_filters_hold_together(app: TestApp) {
    let (start, end) = (app.seconds(10), app.seconds(12));
    let later = json!({ "start_time": start, "end_time": end });
    let first = app.applied(app.application()).await;
    let second = app.applied(app.application_with(&later)).await;
    let third = app.invited().await;
    let web = |rest: &str| format!("/v1/visit/records?type=web&{rest}");
    assert_eq!(ids(&app, &web("is_auth=1")).await, (vec![third], 1));
    assert_eq!(ids(&app, &web("is_auth=0")).await, (vec![second, first], 2));
    assert_eq!(ids(&app, &web(&format!("phone={ZHANG_SAN}&is_auth=0"))).await.1, 2);
    assert_eq!(ids(&app, &web(&format!("interviewee_phone={LI_SI}"))).await.1, 3);
    assert_eq!(ids(&app, &web("interviewee_phone=13800000000")).await.1, 0);
    assert_eq!(ids(&app, &web(&format!("start_time={}", app.seconds(3)))).await, (vec![second], 1));
    assert_eq!(ids(&app, &web(&format!("end_time={}", app.seconds(3)))).await, (vec![third, first], 2));
    assert_eq!(
        ids(&app, &web(&format!("start_time={}&end_time={start}", app.seconds(2)))).await.1,
        0,
        "touching"
    );
    assert_eq!(
        ids(&app, &web(&format!("start_time={}&end_time={}", app.seconds(11), app.seconds(99)))).await.1,
        1
    );
    assert_eq!(ids(&app, &web("start_time=2021-10-01%2011:00:00")).await.1, 1);
    app.drain_outbox().await;
}

async fn an_employee_sees_what_others_applied_for(app: TestApp) {
    let first = book(&app, "甲", ZHANG_SAN, ("李四", LI_SI)).await;
    app.invited().await;
    let second = book(&app, "乙", "13900000005", ("李四", LI_SI)).await;
    let other = book(&app, "丙", ZHANG_SAN, ("富贵", FU_GUI)).await;
    let path = |phone: &str| format!("/v1/auth/records?phone={phone}");
    assert_eq!(ids(&app, &path(LI_SI)).await, (vec![second, first], 2), "not his own invitation");
    assert_eq!(ids(&app, &path(FU_GUI)).await, (vec![other], 1));
    assert_eq!(ids(&app, "/v1/auth/records").await.1, 3, "as documented, everybody's");
    assert_eq!(ids(&app, &format!("{}&size=1&page=2", path(LI_SI))).await, (vec![first], 2));
    let record = &app.get(&path(FU_GUI)).await.done()[0];
    assert_eq!(record.get("qrcode"), None, "the document shows none here");
    assert_eq!(record["is_auth"], 0);
    app.drain_outbox().await;
}

async fn wrong_parameters_are_named(app: TestApp) {
    for (query, field) in [
        ("", "type"),
        ("type=pad", "type"),
        ("type=mobile", "proposer"),
        ("type=web&page=0", "page"),
        ("type=web&size=0", "size"),
        ("type=web&size=x", "size"),
        ("type=web&is_auth=2", "is_auth"),
        ("type=web&phone=1", "phone"),
        ("type=web&start_time=soon", "start_time"),
    ] {
        let answer = app.get(&format!("/v1/visit/records?{query}")).await;
        assert_eq!(answer.refused(), 400, "{query}");
        assert!(answer.json()["err_msg"].as_str().unwrap().contains(field), "{answer:?}");
    }
    let english = app.with("accept-language", "en");
    assert_eq!(english.get("/v1/visit/records").await.json()["err_msg"], "type: is required");
    let empty: Value = app.get("/v1/visit/records?type=web&name=&phone=&is_auth=").await.done();
    assert_eq!(empty, json!([]), "an empty parameter is none");
}
