use serde_json::{Value, json};
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! {
    a_sign_in_gives_everybody_a_pass_and_a_repeat_the_same_ones,
    a_sign_in_picks_the_visit_under_way_else_the_next_of_the_day,
    a_sign_in_says_why_there_is_none,
    a_picture_decodes_to_its_code_and_is_gone_after_the_visit,
    a_gate_opens_from_half_an_hour_before_until_the_end,
    a_gate_reads_every_form_of_a_code,
    every_scan_is_logged,
    an_orderly_stop_loses_no_scan,
    people_sign_out_one_by_one,
    the_whole_list_is_one_snapshot,
    signing_in_again_or_passing_a_gate_later_brings_one_back,
    a_blocked_phone_is_sent_to_the_reception,
}

async fn a_sign_in_gives_everybody_a_pass_and_a_repeat_the_same_ones(app: TestApp) {
    let id = app.invited().await;
    let first = app.check_in(WANG_MOU).await.done();
    assert_eq!((&first["id"], &first["name"]), (&json!(id), &json!("张三")));
    assert_eq!((&first["phone"], &first["retinues"][0]["phone"]), (&json!(ZHANG_SAN), &json!(WANG_MOU)));
    let subjects = app.world().koala.subjects();
    let ids = [&first["subject_id"], &first["retinues"][0]["subject_id"]];
    for subject in &subjects {
        assert!(ids.contains(&&json!(subject.id)), "{subject:?}");
        assert_eq!((subject.start_time, subject.end_time), (app.seconds(0), app.seconds(2)));
        assert_eq!((&*subject.interviewee, subject.purpose, &*subject.come_from), ("李四", 2, "ZY"));
    }
    assert_eq!(subjects.len(), 2);
    let code: Value = serde_json::from_str(first["qrcode"].as_str().unwrap()).unwrap();
    let token = code["qrcode"].as_str().unwrap();
    assert_eq!((&code["id"], token.len()), (&json!(id), 32));
    assert_eq!(first["qrcode_img_url"], format!("http://yuyue.test/qrcode/{token}.jpg"));
    assert_ne!(first["qrcode"], first["retinues"][0]["qrcode"]);

    let told = app.told(WANG_MOU).await.len();
    app.clock.advance(MINUTE);
    for phone in [ZHANG_SAN, WANG_MOU] {
        assert_eq!(app.check_in(phone).await.done(), first);
    }
    assert_eq!(app.told(WANG_MOU).await.len(), told, "a repeat tells nobody");
    assert_eq!(app.world().koala.subjects().len(), 2);
    let record = &app.get("/v1/visit/records?type=web").await.done()[0];
    assert_eq!(record["signin_time"], app.seconds(0) - 60);
    for field in ["qrcode", "qrcode_img_url", "subject_id"] {
        assert_eq!(record[field], first[field]);
        assert_eq!(record["retinues"][0][field], first["retinues"][0][field]);
    }
}

async fn a_sign_in_picks_the_visit_under_way_else_the_next_of_the_day(app: TestApp) {
    let visit = |from: i64, to: i64| json!({ "proposer": LI_SI, "start_time": app.seconds(from), "end_time": app.seconds(to), "retinues": [] });
    app.applied(app.application_with(&visit(16, 20))).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206, "midnight is tomorrow");
    let late = app.applied(app.application_with(&visit(5, 6))).await;
    let next = app.applied(app.application_with(&visit(2, 9))).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], next, "the next to start");
    let long = app.applied(app.application_with(&visit(-30, 9))).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], long, "begun yesterday, under way");
    let now = app.applied(app.application_with(&visit(0, 1))).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], now, "the first under way that is not signed in");
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], long, "all are: the earliest under way");
    app.delete(&format!("/v1/visit/records/{long}")).await.done();
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], now, "just begun");
    app.clock.advance(HOUR);
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], next, "that one has ended");
    app.delete(&format!("/v1/visit/records/{next}")).await.done();
    assert_eq!(app.check_in(ZHANG_SAN).await.done()["id"], late);
    app.drain_outbox().await;
}

async fn a_sign_in_says_why_there_is_none(app: TestApp) {
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206);
    app.applied(app.application()).await;
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -207);
    assert_eq!(app.check_in(WANG_MOU).await.refused(), -207);
    assert_eq!(app.check_in(LI_SI).await.refused(), -206, "he is no visitor");
    assert_eq!(app.check_in("1").await.refused(), 400);
    app.clock.advance(2 * HOUR);
    assert_eq!(app.check_in(ZHANG_SAN).await.refused(), -206, "it has expired");
    app.drain_outbox().await;
}

async fn a_picture_decodes_to_its_code_and_is_gone_after_the_visit(app: TestApp) {
    app.invited().await;
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    let url = signed_in["retinues"][0]["qrcode_img_url"].as_str().unwrap();
    let path = url.strip_prefix("http://yuyue.test").unwrap();
    let picture = app.get(path).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");
    assert_eq!(picture.header("cache-control"), "private, max-age=300");
    let mut decoder = jpeg_decoder::Decoder::new(picture.body.as_ref());
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.info().map(|info| (info.width.into(), info.height.into())).unwrap();
    let pixel = |x: usize, y: usize| pixels[y * width + x];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
    assert_eq!(json!(image.detect_grids()[0].decode().unwrap().1), signed_in["retinues"][0]["qrcode"]);

    for other in ["/qrcode/00000000000000000000000000000000.jpg", "/qrcode/x.jpg", "/qrcode/"] {
        app.get(other).await.expect(404);
    }
    app.clock.advance(2 * HOUR - SECOND);
    assert_eq!(app.get(path).await.expect(200).header("cache-control"), "private, max-age=1");
    app.clock.advance(SECOND);
    app.get(path).await.expect(404);
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM pass_image").await, 0, "cleaned up");
}

async fn a_gate_opens_from_half_an_hour_before_until_the_end(app: TestApp) {
    let later = json!({ "proposer": LI_SI, "start_time": app.seconds(3), "end_time": app.seconds(4) });
    let id = app.applied(app.application_with(&later)).await;
    let code = app.check_in(ZHANG_SAN).await.done()["qrcode"].clone();
    assert_eq!(app.scan(&code).await, -210);
    app.clock.advance(3 * HOUR - 30 * MINUTE - 1);
    assert_eq!(app.scan(&code).await, -210);
    app.clock.advance(1);
    assert_eq!(app.scan(&code).await, 0);
    app.clock.advance(90 * MINUTE - 1);
    assert_eq!(app.scan(&code).await, 0, "the last millisecond");
    assert_eq!(app.scan(&code).await, 0, "it may repeat");
    app.clock.advance(1);
    assert_eq!(app.scan(&code).await, -209, "the second of expiry");
    app.clock.advance(DAY);
    assert_eq!(app.scan(&code).await, -209);
    app.drain_outbox().await;
    app.delete(&format!("/v1/visit/records/{id}")).await.done();
    assert_eq!(app.scan(&code).await, -209);
    app.drain_outbox().await;
}

async fn a_gate_reads_every_form_of_a_code(app: TestApp) {
    let id = app.invited().await;
    let code = app.check_in(ZHANG_SAN).await.done()["qrcode"].as_str().unwrap().to_owned();
    let token = serde_json::from_str::<Value>(&code).unwrap()["qrcode"].as_str().unwrap().to_owned();
    for good in [
        json!(code),
        json!(format!("{{\"id\":{id}, qrcode\":\"{token}\"}}")),
        json!(format!("\u{feff}{{\"id\": {id},\"qrcode\":\"{token}\"}}\r\n")),
        json!({ "id": id, "qrcode": token }),
        json!({ "id": id.to_string(), "qrcode": token }),
        json!(token),
        json!(format!("{code}\u{1d}")),
        json!(format!("\u{2}{code}\u{3}")),
        json!(format!("]Q1{code}")),
        json!(format!("\u{2}]Q1\u{feff}{token}\u{200b}\r\n")),
        json!({ "id": format!("{id}\u{1d}"), "qrcode": format!("\u{2060}{token}\u{4}") }),
    ] {
        assert_eq!(app.scan(&good).await, 0, "{good}");
    }
    let other = "0".repeat(32);
    for bad in [
        json!(other),
        json!({ "id": id, "qrcode": other }),
        json!({ "id": id + 1, "qrcode": token }),
        json!({ "id": id }),
        json!("x".repeat(10_000)),
        json!(token.to_uppercase()),
        json!("https://evil.example"),
        json!(format!("]Q1]Q1{token}")),
        json!(format!("{}\u{1d}{}", &token[..16], &token[16..])),
    ] {
        assert_eq!(app.scan(&bad).await, -211, "{bad}");
    }
    for missing in [Value::Null, json!(""), json!("\u{1d}\u{feff}"), json!("]Q1"), json!(5), json!([])] {
        assert_eq!(app.scan(&missing).await, 400, "{missing}");
    }
    let out = json!({ "qrcode": format!("\u{2}]Q1{code}\u{1d}") });
    assert_eq!(
        app.post("/v1/visit/signout", out).await.done()["signed_out"],
        1,
        "the way out reads the same"
    );
    app.drain_outbox().await;
}

async fn every_scan_is_logged(app: TestApp) {
    let id = app.invited().await;
    let signed_in = app.check_in(ZHANG_SAN).await.done();
    app.scan(&signed_in["retinues"][0]["qrcode"]).await;
    app.clock.advance(SECOND);
    app.scan(&json!("nonsense")).await;
    app.clock.advance(2 * HOUR);
    app.scan(&signed_in["qrcode"]).await;
    let staff = app.staff(yuyue::staff::Role::Auditor).await;
    let scans = staff.get("/admin/v1/scans").await.expect(200).json();
    let line = |scan: &Value| {
        format!("{} {} {} {}", scan["at"].as_str().unwrap(), scan["code"], scan["visit_id"], scan["name"])
    };
    let lines: Vec<String> = scans["items"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            format!("2021-10-01 10:00:01 -209 {id} \"张三\""),
            "2021-10-01 08:00:01 -211 0 \"\"".to_owned(),
            format!("2021-10-01 08:00:00 0 {id} \"王某\""),
        ]
    );
    assert_eq!(staff.get(&format!("/admin/v1/scans?visit_id={id}")).await.json()["total"], 2);
    app.drain_outbox().await;
}

async fn an_orderly_stop_loses_no_scan(app: TestApp) {
    app.invited().await;
    let code = app.check_in(ZHANG_SAN).await.done()["qrcode"].clone();
    let served = app.serve().await;
    for _ in 0..50 {
        assert_eq!(app.scan(&code).await, 0);
    }
    served.stopped().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM scan").await, 50);
    app.drain_outbox().await;
}

/// Names of those in the building.
async fn inside(app: &TestApp) -> Vec<String> {
    let staff = app.staff(yuyue::staff::Role::Auditor).await;
    let list = staff.get("/admin/v1/visits/on-site").await.expect(200).json();
    let names = list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    let names: Vec<String> = names.collect();
    assert_eq!(list["total"], names.len());
    names
}

/// Of those in the building, whose visit has ended.
async fn overdue(app: &TestApp) -> Vec<bool> {
    let staff = app.staff(yuyue::staff::Role::Auditor).await;
    let list = staff.get("/admin/v1/visits/on-site").await.expect(200).json();
    list["items"].as_array().unwrap().iter().map(|one| one["overdue"].as_bool().unwrap()).collect()
}

/// Pages shift while people leave; who needs everybody asks for the whole list.
async fn the_whole_list_is_one_snapshot(app: TestApp) {
    let id = app.invited().await;
    app.check_in(ZHANG_SAN).await.done();
    for position in 2..160 {
        let person = 1_000 + position;
        app.execute(&format!(
            "INSERT INTO visit_person (id, visit_id, position, name, name_key, phone, phone_key)
             VALUES ({person}, {id}, {position}, 'p', 'p', '13700000000', '13700000000')"
        ))
        .await;
        app.execute(&format!(
            "INSERT INTO pass (token, visit_id, person_id, valid_from, valid_until)
             VALUES ('{position}', {id}, {person}, 0, 1)"
        ))
        .await;
    }
    let staff = app.staff(yuyue::staff::Role::Auditor).await;
    let list = staff.get("/admin/v1/visits/on-site?whole=1").await.expect(200).json();
    assert_eq!((list["total"].as_i64(), list["items"].as_array().unwrap().len()), (Some(160), 160));
    let list = staff.get("/admin/v1/visits/on-site?size=160").await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 100);
    app.drain_outbox().await;
}

async fn people_sign_out_one_by_one(app: TestApp) {
    app.invited().await;
    assert_eq!(inside(&app).await, [""; 0]);
    let codes = app.check_in(ZHANG_SAN).await.done();
    assert_eq!(inside(&app).await, ["张三", "王某"]);
    let out = |body: Value| app.post("/v1/visit/signout", body);
    assert_eq!(out(json!({ "phone": WANG_MOU })).await.done(), json!({ "signed_out": 1, "remaining": 1 }));
    assert_eq!(inside(&app).await, ["张三"]);
    assert_eq!(out(json!({ "phone": WANG_MOU })).await.refused(), -208, "gone already");
    assert_eq!(out(json!({ "qrcode": "nonsense" })).await.refused(), -211);
    assert_eq!(out(json!({})).await.refused(), 400);
    assert_eq!(out(json!({ "qrcode": codes["qrcode"] })).await.done()["remaining"], 0);
    assert_eq!(inside(&app).await, [""; 0]);

    app.check_in(ZHANG_SAN).await.done();
    app.check_in(WANG_MOU).await.done();
    assert_eq!(inside(&app).await.len(), 2);
    let all = json!({ "phone": ZHANG_SAN, "all": true });
    assert_eq!(out(all).await.done(), json!({ "signed_out": 2, "remaining": 0 }));
    app.check_in(ZHANG_SAN).await.done();
    app.check_in(WANG_MOU).await.done();
    assert_eq!(overdue(&app).await, [false, false]);
    app.clock.advance(2 * HOUR);
    assert_eq!(overdue(&app).await, [true, true], "past the end, and nobody saw them leave");
    assert_eq!(out(json!({ "phone": WANG_MOU })).await.done(), json!({ "signed_out": 1, "remaining": 1 }));
    assert_eq!(inside(&app).await, ["张三"]);
    app.clock.advance(24 * HOUR - 1);
    assert_eq!(overdue(&app).await, [true]);
    app.clock.advance(1);
    assert_eq!(inside(&app).await, [""; 0], "a day later they are taken to have left");
    assert_eq!(out(json!({ "phone": ZHANG_SAN })).await.refused(), -208);
    app.drain_outbox().await;
}

async fn signing_in_again_or_passing_a_gate_later_brings_one_back(app: TestApp) {
    app.invited().await;
    let codes = app.check_in(ZHANG_SAN).await.done();
    app.post("/v1/visit/signout", json!({ "phone": ZHANG_SAN, "all": true })).await.done();
    app.clock.advance(5 * MINUTE);
    assert_eq!(app.scan(&codes["qrcode"]).await, 0);
    assert_eq!(inside(&app).await, [""; 0], "on the way out");
    app.clock.advance(10 * MINUTE);
    assert_eq!(app.scan(&codes["qrcode"]).await, 0);
    assert_eq!(inside(&app).await, ["张三"], "back from lunch");
    assert_eq!(app.check_in(WANG_MOU).await.done(), codes);
    assert_eq!(inside(&app).await, ["张三", "王某"]);
    app.drain_outbox().await;
}

async fn a_blocked_phone_is_sent_to_the_reception(app: TestApp) {
    app.invited().await;
    let staff = app.staff(yuyue::staff::Role::Reception).await;
    let block = json!({ "phone": WANG_MOU, "reason": "上次闹事" });
    let blocked = staff.post("/admin/v1/blocklist", block).await.expect(201).json();
    let answer = app.check_in(WANG_MOU).await;
    assert_eq!((answer.refused(), &answer.json()["err_msg"]), (-200, &json!("请联系前台")));
    app.check_in(ZHANG_SAN).await.done();
    staff.delete(&format!("/admin/v1/blocklist/{}", blocked["id"])).await.expect(204);
    staff.delete(&format!("/admin/v1/blocklist/{}", blocked["id"])).await.expect(404);
    app.check_in(WANG_MOU).await.done();
    app.drain_outbox().await;
}
