use serde_json::json;
use yuyue::adapters::koala_simulator::{Fault as KoalaFault, SimulatedEmployee};
use yuyue::adapters::wechat_simulator::Fault;
use yuyue::clock::{MINUTE, SECOND};

use super::{FU_GUI, LI_SI, ZHANG_SAN};
use crate::support::TestApp;

both! {
    a_page_learns_that_nobody_has_to_prove_anything,
    an_employee_binds_and_is_shown_with_a_portrait,
    a_visitor_binds_and_is_shown_with_what_wechat_says,
    one_wechat_is_bound_once_and_one_phone_once_in_each_role,
    only_who_is_in_the_directory_is_an_employee,
    the_copy_of_the_directory_answers_when_koala_does_not,
    without_a_cloud_service_the_bindings_are_ours,
    the_cloud_service_has_the_last_word,
    every_field_is_checked_and_named,
}

async fn a_page_learns_that_nobody_has_to_prove_anything(app: TestApp) {
    let session = app.get("/auth/session").await.expect(200).json();
    assert_eq!(session, json!({ "mode": "documented", "weixinUserId": "" }));
}

async fn an_employee_binds_and_is_shown_with_a_portrait(app: TestApp) {
    let bind = json!({ "weixinUserId": "wx-1", "name": "李四", "phone": LI_SI });
    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-1").await.done(), json!({}));
    let bound = app.post("/v1/subject/binding", bind.clone()).await.done();
    assert_eq!((&bound["name"], &bound["department"]), (&json!("李四"), &json!("法务部")));
    assert_eq!((&bound["phone"], &bound["subject_id"]), (&json!(LI_SI), &json!(13562)));
    assert_eq!(app.post("/v1/subject/binding", bind).await.done(), bound, "the same data again");
    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-1").await.done(), bound);
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-1").await.done(), json!({}));

    let mut any = bound.clone();
    any["type"] = json!("employee");
    any["proved"] = json!(true);
    assert_eq!(app.get("/v1/wechat/is_binding?weixinUserId=wx-1").await.done(), any);

    let avatar = bound["avatar"].as_str().unwrap();
    let path = avatar.strip_prefix("http://yuyue.test").expect("absolute, from the Host");
    let picture = app.get(path).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");
    assert!(picture.header("cache-control").starts_with("private"), "{picture:?}");
    assert!(picture.body.starts_with(&[0xff, 0xd8, 0xff]));
    app.get("/avatar/none.jpg").await.expect(404);

    app.delete("/v1/subject/binding/wx-1").await.done();
    assert_eq!(app.delete("/v1/subject/binding/wx-1").await.refused(), 404);
    assert_eq!(app.get("/v1/wechat/is_binding?weixinUserId=wx-1").await.refused(), 404);
}

async fn a_visitor_binds_and_is_shown_with_what_wechat_says(app: TestApp) {
    let bind = json!({ "weixinUserId": "wx-2", "phone": "+8613900000001" });
    let bound = app.post("/v1/visitor/binding", bind).await.done();
    assert_eq!(bound["phone"], "+8613900000001");
    assert!(bound["nick"].as_str().is_some_and(|nick| !nick.is_empty()), "{bound}");
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-2").await.done(), bound);
    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-2").await.done(), json!({}));
    let any = app.get("/v1/wechat/is_binding?weixinUserId=wx-2").await.done();
    assert_eq!((&any["type"], &any["subject_id"]), (&json!("visitor"), &json!(-1)));
    assert_eq!((&any["name"], &any["department"]), (&bound["nick"], &json!("")));
}

async fn one_wechat_is_bound_once_and_one_phone_once_in_each_role(app: TestApp) {
    let visitor = |id: &str, phone: &str| json!({ "weixinUserId": id, "phone": phone });
    let employee =
        |id: &str, name: &str, phone: &str| json!({ "weixinUserId": id, "name": name, "phone": phone });
    app.post("/v1/subject/binding", employee("wx-1", "李四", LI_SI)).await.done();
    let otherwise = app.post("/v1/subject/binding", employee("wx-1", "富贵", FU_GUI)).await;
    assert_eq!(otherwise.refused(), -101);
    assert_eq!(app.post("/v1/visitor/binding", visitor("wx-1", LI_SI)).await.refused(), -101);
    assert_eq!(app.post("/v1/subject/binding", employee("wx-2", "李四", LI_SI)).await.refused(), -102);
    app.post("/v1/visitor/binding", visitor("wx-2", LI_SI)).await.done();
    assert_eq!(app.post("/v1/visitor/binding", visitor("wx-3", LI_SI)).await.refused(), -102);
    assert_eq!(app.post("/v1/visitor/binding", visitor("wx-2", ZHANG_SAN)).await.refused(), -101);
    app.delete("/v1/subject/binding/wx-2").await.done();
    app.post("/v1/visitor/binding", visitor("wx-3", LI_SI)).await.done();
}

async fn only_who_is_in_the_directory_is_an_employee(app: TestApp) {
    let bind = |name: &str, phone: &str| json!({ "weixinUserId": "wx-1", "name": name, "phone": phone });
    assert_eq!(app.post("/v1/subject/binding", bind("李四", FU_GUI)).await.refused(), -103);
    assert_eq!(app.post("/v1/subject/binding", bind("李", LI_SI)).await.refused(), -103);
    app.post("/v1/subject/binding", bind("李四", LI_SI)).await.done();

    let newcomer = SimulatedEmployee::new(77, "新人", "13844444444", "财务部");
    app.world().koala.set_employees(vec![newcomer]);
    let late = json!({ "weixinUserId": "wx-2", "name": "新人", "phone": "13844444444" });
    let bound = app.post("/v1/subject/binding", late).await.done();
    assert_eq!(bound["subject_id"], 77, "the copy is young, but Koala is asked about whom it does not know");

    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-1").await.done()["name"], "李四");
    app.clock.advance(5 * MINUTE);
    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-1").await.done(), json!({}), "he has left");
    assert_eq!(app.get("/v1/wechat/is_binding?weixinUserId=wx-1").await.refused(), 404);
    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-2").await.done()["name"], "新人");
}

async fn the_copy_of_the_directory_answers_when_koala_does_not(app: TestApp) {
    let bind =
        |id: &str, name: &str, phone: &str| json!({ "weixinUserId": id, "name": name, "phone": phone });
    app.world().koala.set_fault(KoalaFault::Down);
    let unknown = app.post("/v1/subject/binding", bind("wx-1", "李四", LI_SI)).await.expect(503);
    assert_eq!(unknown.json()["code"], 503, "{unknown:?}");
    app.world().koala.set_fault(KoalaFault::Ok);
    app.clock.advance(10 * SECOND);
    app.post("/v1/subject/binding", bind("wx-1", "李四", LI_SI)).await.done();
    for fault in [KoalaFault::Down, KoalaFault::Error, KoalaFault::Html, KoalaFault::Truncated] {
        app.world().koala.set_fault(fault);
        app.clock.advance(10 * MINUTE);
        let bound = app.get("/v1/subject/binding?weixinUserId=wx-1").await.done();
        assert_eq!(bound["name"], "李四", "{fault:?}");
    }
    app.post("/v1/subject/binding", bind("wx-2", "富贵", FU_GUI)).await.done();
}

async fn without_a_cloud_service_the_bindings_are_ours(app: TestApp) {
    let mut servers = app.get("/v1/config/servers").await.done();
    servers["cloud_url"] = json!("");
    assert_eq!(app.put("/v1/config/servers", servers.clone()).await.done(), servers);
    let bind = json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN });
    let bound = app.post("/v1/visitor/binding", bind).await.done();
    assert_eq!(bound, json!({ "nick": "", "avatar": "", "phone": ZHANG_SAN }));
    assert!(app.world().cloud.bindings().is_empty());
    app.delete("/v1/subject/binding/wx-2").await.done();
}

async fn the_cloud_service_has_the_last_word(app: TestApp) {
    let bind = json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN });
    let bound = app.post("/v1/visitor/binding", bind.clone()).await.done();
    app.world().cloud.set_fault(Fault::Down);
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-2").await.done(), bound, "our copy");
    app.delete("/v1/subject/binding/wx-2").await.expect(503);
    let other = json!({ "weixinUserId": "wx-3", "phone": "13900000003" });
    app.post("/v1/visitor/binding", other).await.expect(503);
    app.world().cloud.set_fault(Fault::Ok);
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-3").await.done(), json!({}));

    // Our copy is lost: the service still knows, but neither names nor roles, so that nobody becomes an
    // employee by a phone alone.
    let employee = json!({ "weixinUserId": "wx-1", "name": "李四", "phone": LI_SI });
    app.post("/v1/subject/binding", employee).await.done();
    app.execute("DELETE FROM wechat_binding").await;
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-2").await.done(), bound);
    assert_eq!(app.get("/v1/subject/binding?weixinUserId=wx-1").await.done(), json!({}));
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=wx-1").await.done()["phone"], LI_SI);
}

async fn every_field_is_checked_and_named(app: TestApp) {
    let before = app.checksums().await;
    let good = json!({ "weixinUserId": "wx-1", "name": "李四", "phone": LI_SI });
    for (field, wrong) in [
        ("weixinUserId", json!("")),
        ("weixinUserId", json!(5)),
        ("weixinUserId", json!("x".repeat(129))),
        ("name", json!(null)),
        ("name", json!("x".repeat(65))),
        ("name", json!("李\u{0}四")),
        ("phone", json!("1234")),
        ("phone", json!(13_811_111_111_i64)),
        ("phone", json!("138-1111-1111")),
    ] {
        let mut bad = good.clone();
        bad[field] = wrong.clone();
        let answer = app.post("/v1/subject/binding", bad).await;
        assert_eq!(answer.refused(), 400, "{field} {wrong}");
        assert!(answer.json()["err_msg"].as_str().unwrap().contains(field), "{answer:?}");
    }
    assert_eq!(app.get("/v1/subject/binding").await.refused(), 400);
    assert_eq!(app.get("/v1/visitor/binding?weixinUserId=").await.refused(), 400);
    assert_eq!(app.checksums().await, before, "a refused request leaves nothing behind");
}
