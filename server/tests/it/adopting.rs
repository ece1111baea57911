//! A demo's data on a real server: refused, or taken over with everybody shut out who could log in to it.

use std::process::Stdio;

use serde_json::json;
use yuyue::app::Mode;
use yuyue::clock::MINUTE;
use yuyue::demo;
use yuyue::staff::{self, Role};

use crate::support::TestApp;
use crate::support::served::soon;

both! {
    a_demos_data_are_refused,
    the_data_of_a_demo_that_knew_no_mark_are_known_by_its_password,
    taking_them_over_shuts_everybody_out,
    what_was_taken_over_is_no_demo_any_more,
    somebodys_own_data_are_no_demos,
}

async fn a_demos_data_are_refused(app: TestApp) {
    app.leaves_messages();
    demo::seed(app.app()).await.unwrap();
    let before = app.checksums().await;
    let refused = demo::refuse_or_adopt(app.app(), false).await.unwrap_err();
    assert!(refused.contains("--adopt-demo"), "{refused}");
    assert_eq!(app.checksums().await, before);
    // Even when its password was changed.
    app.execute("UPDATE staff SET password_hash = 'x'").await;
    demo::refuse_or_adopt(app.app(), false).await.unwrap_err();
    demo::seed(app.app()).await.unwrap();
}

async fn the_data_of_a_demo_that_knew_no_mark_are_known_by_its_password(app: TestApp) {
    app.leaves_messages();
    demo::seed(app.app()).await.unwrap();
    app.execute("DELETE FROM demo_mark").await;
    demo::refuse_or_adopt(app.app(), false).await.unwrap_err();
    demo::refuse_or_adopt(app.app(), true).await.unwrap();
    demo::refuse_or_adopt(app.app(), false).await.unwrap();
}

async fn taking_them_over_shuts_everybody_out(app: TestApp) {
    app.leaves_messages();
    demo::seed(app.app()).await.unwrap();
    let login = json!({ "username": "admin", "password": "demo-admin" });
    let session = app.post("/admin/v1/session", login.clone()).await.expect(200).json();
    let admin = app.bearer(session["token"].as_str().unwrap());
    let key =
        admin.post("/admin/v1/api-keys", json!({ "name": "k", "role": "admin" })).await.expect(201).json();
    let device =
        admin.post("/admin/v1/devices", json!({ "name": "d", "kind": "kiosk" })).await.expect(201).json();
    let member = app.member("13300000001").await;
    let id = member.get("/v1/accounts/me").await.json()["id"].clone();
    let user = app.home_post("token", json!({ "i_code": "demo-1", "order_no": 1001 })).await.ok();
    app.post("/v1/visitor/binding", json!({ "weixinUserId": "wx-1", "phone": "13900000001" }))
        .await
        .expect(200);
    app.post("/v1/login/sms_code", json!({ "mobile": "13300000002" })).await.expect(200);

    let real = app.again_in(Mode::Enforced, |_| ()).await;
    app.clock.advance(MINUTE);
    demo::refuse_or_adopt(real.app(), true).await.unwrap();
    real.post("/admin/v1/session", login.clone()).await.expect(401);
    let bearer = |token: &serde_json::Value| real.bearer(token.as_str().unwrap());
    for staff in [bearer(&session["token"]), bearer(&key["key"])] {
        staff.get("/admin/v1/session").await.expect(401);
    }
    let kiosk = real.with("x-device-key", device["key"].as_str().unwrap());
    kiosk.post("/v1/available-days/list", json!({})).await.expect(401);
    real.with("authorization", &member.own_headers().last().unwrap().1)
        .get("/v1/accounts/me")
        .await
        .expect(401);
    let market = real.with("token", user["token"].as_str().unwrap());
    assert_eq!(market.home_get("user").await.status, 401);
    for n in 1..=5 {
        let pair = json!({ "i_code": format!("demo-{n}"), "order_no": 1000 + n });
        assert!(!real.home_post("token", pair).await.status.is_success());
    }
    assert_eq!(real.due_messages().await.iter().filter(|message| message.contains("133")).count(), 0);
    assert_eq!(real.number("SELECT count(*) AS value FROM wechat_binding").await, 0);
    let again = real.member("13300000001").await;
    assert_ne!(
        again.get("/v1/accounts/me").await.expect(200).json()["id"],
        id,
        "whoever has the number begins anew"
    );

    // An administrator may have the name, and finds the demo's things, and how it came.
    staff::add(real.app(), "admin".into(), "seven grey herons".into(), Role::Admin).await.unwrap();
    let login = json!({ "username": "admin", "password": "seven grey herons" });
    let token = real.post("/admin/v1/session", login).await.expect(200).json()["token"].clone();
    let admin = bearer(&token);
    assert_eq!(admin.get("/admin/v1/brands").await.expect(200).json()["total"], 1);
    let told = admin.get("/admin/v1/audit?action=demo.adopt").await.expect(200).json();
    assert_eq!((&told["total"], &told["items"][0]["after"]["api_keys"]), (&json!(1), &json!(1)));
    assert_eq!(told["items"][0]["after"]["pairs"], 5);
}

async fn what_was_taken_over_is_no_demo_any_more(app: TestApp) {
    app.leaves_messages();
    demo::seed(app.app()).await.unwrap();
    demo::refuse_or_adopt(app.app(), true).await.unwrap();
    let before = app.checksums().await;
    demo::refuse_or_adopt(app.app(), false).await.unwrap();
    demo::refuse_or_adopt(app.app(), true).await.unwrap();
    let refused = demo::seed(app.app()).await.unwrap_err();
    assert!(refused.contains("--data-dir"), "{refused}");
    assert_eq!(app.checksums().await, before);
}

async fn somebodys_own_data_are_no_demos(app: TestApp) {
    for adopts in [false, true] {
        demo::refuse_or_adopt(app.app(), adopts).await.unwrap();
    }
    staff::add(app.app(), "admin".into(), "seven grey herons".into(), Role::Admin).await.unwrap();
    let before = app.checksums().await;
    for adopts in [false, true] {
        demo::refuse_or_adopt(app.app(), adopts).await.unwrap();
    }
    demo::seed(app.app()).await.unwrap_err();
    assert_eq!(app.checksums().await, before);
}

/// The program itself, as an operator runs it.
#[tokio::test]
async fn the_program_refuses_a_demos_data_until_it_is_told_to_take_them() {
    let data = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_yuyue"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path()).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    };
    let until_it_listens = async |mut program: tokio::process::Child| {
        use tokio::io::{AsyncBufReadExt as _, BufReader};
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        soon("it listens", async {
            while !lines.next_line().await.unwrap().expect("it listens").starts_with("listening on ") {}
        })
        .await;
        program.kill().await.unwrap();
    };
    until_it_listens(run(&["--demo"])).await;
    let refused = soon("it refuses", run(&[]).wait_with_output()).await.unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("--adopt-demo"), "{said}");
    until_it_listens(run(&["--adopt-demo"])).await;
    until_it_listens(run(&[])).await;
    let demo = soon("it refuses", run(&["--demo"]).wait_with_output()).await.unwrap();
    assert!(!demo.status.success());
}
