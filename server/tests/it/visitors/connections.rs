//! Trying out the servers from the settings page.

use serde_json::{Value, json};
use yuyue::adapters::koala_simulator::Fault as KoalaFault;
use yuyue::adapters::wechat_simulator::Fault;
use yuyue::staff::Role;

use super::LI_SI;
use crate::support::TestApp;

both! {
    servers_that_work_are_found_to_work,
    what_is_wrong_with_a_server_is_told,
    a_try_disturbs_nothing_and_saves_nothing,
    addresses_are_checked_before_anything_is_sent,
}
both!(enforced: only_administrators_try_servers_out);

const PATH: &str = "/admin/v1/visitors/servers/test";

impl TestApp {
    /// The servers as they are set.
    async fn servers(&self) -> Value {
        self.get("/v1/config/servers").await.done()
    }

    async fn tried(&self, servers: &Value) -> Value {
        self.post(PATH, servers.clone()).await.expect(200).json()
    }
}

/// What was found of Koala and of the cloud service.
fn outcomes(tried: &Value) -> [&str; 2] {
    ["koala", "cloud"].map(|server| tried[server]["outcome"].as_str().unwrap())
}

async fn servers_that_work_are_found_to_work(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let servers = app.servers().await;
    let expected = json!({
        "koala": { "outcome": "ok", "detail": "", "employees": 3 },
        "cloud": { "outcome": "ok", "detail": "", "employees": null },
    });
    assert_eq!(admin.tried(&servers).await, expected);
    let mut ours = servers;
    ours["cloud_url"] = json!("");
    assert_eq!(outcomes(&admin.tried(&ours).await), ["ok", "unset"]);
}

async fn what_is_wrong_with_a_server_is_told(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let servers = app.servers().await;
    let world = app.world();
    let expected = [
        (KoalaFault::Down, Fault::Down, ["unreachable", "unreachable"]),
        (KoalaFault::Error, Fault::Error, ["unreachable", "unreachable"]),
        (KoalaFault::Slow, Fault::Slow, ["unreachable", "unreachable"]),
        (KoalaFault::Html, Fault::Ok, ["unexpected", "ok"]),
    ];
    for (koala, cloud, expected) in expected {
        world.koala.set_fault(koala);
        world.cloud.set_fault(cloud);
        let tried = admin.tried(&servers).await;
        assert_eq!(outcomes(&tried), expected, "{koala:?}: {tried}");
        assert_ne!(tried["koala"]["detail"], "");
    }
    world.koala.set_fault(KoalaFault::Ok);

    let mut wrong = servers.clone();
    wrong["koala_password"] = json!("not-it-at-all");
    let answer = admin.post(PATH, wrong).await.expect(200);
    assert_eq!(outcomes(&answer.json()), ["login_refused", "ok"]);
    assert!(!String::from_utf8_lossy(&answer.body).contains("not-it"), "{answer:?}");

    let mut crossed = servers.clone();
    crossed["koala_ip"] = servers["cloud_url"].clone();
    crossed["cloud_url"] = servers["koala_ip"].clone();
    assert_eq!(outcomes(&admin.tried(&crossed).await), ["unexpected", "unexpected"]);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let mut gone = servers;
    gone["koala_ip"] = json!(address);
    gone["cloud_url"] = json!(format!("http://{address}"));
    assert_eq!(outcomes(&admin.tried(&gone).await), ["unreachable", "unreachable"]);
}

async fn a_try_disturbs_nothing_and_saves_nothing(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let servers = app.servers().await;
    let bind = |id: &str| json!({ "weixinUserId": id, "name": "李四", "phone": LI_SI });
    app.post("/v1/subject/binding", bind("wx-1")).await.done();
    let logins = app.world().koala.logins();
    let mut wrong = servers.clone();
    wrong["koala_password"] = json!("not-it-at-all");
    assert_eq!(outcomes(&admin.tried(&wrong).await), ["login_refused", "ok"]);
    assert_eq!(outcomes(&admin.tried(&servers).await), ["ok", "ok"], "a refusal is not remembered");
    assert_eq!(app.world().koala.logins(), logins + 1, "each try logs in by itself");
    app.invited().await;
    app.check_in(super::ZHANG_SAN).await.done();
    app.drain_outbox().await;
    assert_eq!(app.world().koala.subjects().len(), 2);
    assert_eq!(app.world().koala.logins(), logins + 1, "the session in use is still there");
    assert_eq!(app.servers().await, servers);
    assert_eq!(app.texts("SELECT body AS value FROM visitors_setting").await, [""; 0]);

    let audit = admin.get("/admin/v1/audit?action=visitors.servers.test").await.expect(200).json();
    assert_eq!((&audit["total"], &audit["items"][1]["before"]), (&json!(2), &Value::Null));
    let after = json!({
        "koala_ip": servers["koala_ip"], "koala_username": servers["koala_username"],
        "cloud_url": servers["cloud_url"], "koala": "login_refused", "cloud": "ok",
    });
    assert_eq!(audit["items"][1]["after"], after);
}

async fn addresses_are_checked_before_anything_is_sent(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let servers = app.servers().await;
    let logins = app.world().koala.logins();
    let host = servers["koala_ip"].as_str().unwrap().trim_start_matches("http://").to_owned();
    for (field, value) in [
        ("koala_ip", json!("")),
        ("koala_ip", json!("a b")),
        ("koala_ip", json!("ftp://127.0.0.1")),
        ("koala_ip", json!(format!("http://user:hush@{host}"))),
        ("koala_ip", json!(format!("{host}/?key=hush"))),
        ("koala_username", json!(null)),
        ("koala_password", json!("")),
        ("cloud_url", json!("file:///etc/passwd")),
        ("cloud_url", json!(format!("http://hush@{host}"))),
        ("cloud_url", json!(7)),
        ("cloud_url", json!(null)),
        ("cloud_url", json!("http://hush\u{1}.example")),
        ("koala_password", json!("hush\u{1}")),
        ("koala_password", json!("\u{7f}hush")),
        ("koala_username", json!("hush\u{1}")),
        ("koala_ip", json!("hush\u{1d}")),
    ] {
        let mut bad = servers.clone();
        bad[field] = value.clone();
        let answer = admin.post(PATH, bad.clone()).await.expect(400);
        assert_eq!(answer.json()["field"], field, "{value}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("hush"), "{answer:?}");
        let refused = app.put("/v1/config/servers", bad).await;
        assert_eq!(refused.refused(), 400, "{field} {value}: not saved either");
        assert!(refused.json()["err_msg"].as_str().unwrap().contains(field), "{refused:?}");
    }
    let mut none = servers.clone();
    none.as_object_mut().unwrap().remove("cloud_url");
    assert_eq!(app.put("/v1/config/servers", none).await.refused(), 400, "left out is no decision either");
    assert_eq!(app.world().koala.logins(), logins);
    assert_eq!(app.servers().await, servers);
    assert_eq!(
        admin.get("/admin/v1/audit?action=visitors.servers.test").await.expect(200).json()["total"],
        0
    );
}

async fn only_administrators_try_servers_out(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let servers = admin.servers().await;
    app.post(PATH, servers.clone()).await.expect(401);
    for role in [Role::Auditor, Role::Reception] {
        app.staff(role).await.post(PATH, servers.clone()).await.expect(403);
    }
    assert_eq!(outcomes(&admin.tried(&servers).await), ["ok", "ok"]);
}
