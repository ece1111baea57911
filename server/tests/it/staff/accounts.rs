use serde_json::{Value, json};
use yuyue::staff::{self, DeviceKind, Role};

use super::{PASSWORD, path, problem};
use crate::support::TestApp;
use crate::support::booking::booking;

both! {
    the_command_line_adds_under_the_same_rules,
    staff_accounts_are_added_and_changed,
    a_change_of_an_account_ends_its_sessions,
    no_session_outlives_the_password_it_was_started_with,
    of_two_admins_who_demote_each_other_one_remains,
    a_key_is_shown_once_and_works_until_it_is_deleted,
}

both! { enforced: a_device_signs_in_until_it_is_deleted }

async fn staff_accounts_are_added_and_changed(app: TestApp) {
    let admin = app.administrator().await;
    let add = json!({ "username": "lin", "password": PASSWORD, "role": "reception" });
    let added = admin.post(&path("staff"), add.clone()).await.expect(201).json();
    let expected = json!({ "id": added["id"], "username": "lin", "role": "reception", "active": true,
        "totp": false, "created_at": "2021-10-01 08:00:00" });
    assert_eq!(added, expected);
    problem(&admin.post(&path("staff"), add).await, 409);
    assert_eq!(admin.items("staff").await[1..], *std::slice::from_ref(&added));

    let one = path(&format!("staff/{}", added["id"]));
    let changed = admin.patch(&one, json!({ "role": "auditor", "active": true })).await.expect(200).json();
    assert_eq!((&changed["role"], &changed["active"]), (&json!("auditor"), &json!(true)));
    admin.patch(&one, json!({ "role": "auditor" })).await.expect(200);
    assert_eq!(admin.items("audit?action=staff.change").await.len(), 1, "the same again is no change");
    for _ in 0..11 {
        app.console_log_in("lin", "wrong").await;
    }
    problem(&app.console_log_in("lin", PASSWORD).await, 429);
    assert_eq!(problem(&admin.patch(&one, json!({ "password": "short" })).await, 400), "password");
    admin.patch(&one, json!({ "password": "  another secret " })).await.expect(200);
    app.console_log_in("lin", PASSWORD).await.expect(401);
    app.console_log_in("lin", "  another secret ").await.expect(200);
}

async fn the_command_line_adds_under_the_same_rules(app: TestApp) {
    let add = |username: &str| staff::add(app.app(), username.into(), PASSWORD.into(), Role::Admin);
    let id = add(" lin ").await.unwrap();
    app.console_log_in("lin", PASSWORD).await.expect(200);
    let (device, key) = staff::add_device(app.app(), " 大门 ".into(), DeviceKind::Gate).await.unwrap();
    let kiosk = app.again_in(yuyue::app::Mode::Enforced, |_| ()).await.with("x-device-key", &key);
    kiosk.post("/v1/available-days/list", json!({})).await.data();

    assert_eq!(add("lin").await.unwrap_err().message.en, "this username is taken");
    for wrong in [" ", "a\nb", "x".repeat(65).as_str()] {
        assert_eq!(add(wrong).await.unwrap_err().field.as_deref(), Some("username"), "{wrong}");
        let refused = staff::add_device(app.app(), wrong.into(), DeviceKind::Gate).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("name"), "{wrong}");
    }
    let audited = app.staff(Role::Auditor).await.items("audit?who=cli").await;
    let told: Vec<_> =
        audited.iter().map(|item| (&item["action"], &item["target"], &item["after"])).collect();
    let gate = json!({ "name": "大门", "kind": "gate" });
    let lin = json!({ "username": "lin", "role": "admin", "active": true, "totp": false });
    let expected = [
        (&json!("device.add"), &json!(format!("device {device}")), &gate),
        (&json!("staff.add"), &json!(format!("staff {id}")), &lin),
    ];
    assert_eq!(told, expected);
}

async fn a_change_of_an_account_ends_its_sessions(app: TestApp) {
    let admin = app.administrator().await;
    let id = app.account("lin", Role::Reception).await;
    app.account("wang", Role::Reception).await;
    let other = app.session("wang").await;
    let one = path(&format!("staff/{id}"));
    for change in [json!({ "role": "auditor" }), json!({ "password": PASSWORD }), json!({ "active": false })]
    {
        let sessions = [app.session("lin").await, app.session("lin").await];
        admin.patch(&one, change.clone()).await.expect(200);
        for session in &sessions {
            problem(&session.get(&path("session")).await, 401);
        }
        other.get(&path("session")).await.expect(200);
    }
    app.console_log_in("lin", PASSWORD).await.expect(401);
    admin.patch(&one, json!({ "active": true })).await.expect(200);
    app.console_log_in("lin", PASSWORD).await.expect(200);
}

async fn no_session_outlives_the_password_it_was_started_with(app: TestApp) {
    let admin = app.administrator().await;
    let id = app.account("lin", Role::Reception).await;
    let mut password = PASSWORD.to_owned();
    for round in 0..10 {
        let new = format!("{PASSWORD} {round}");
        let (caller, change) = (app.clone(), json!({ "password": new }));
        let old = std::mem::replace(&mut password, new);
        let login = tokio::spawn(async move { caller.console_log_in("lin", &old).await });
        admin.patch(&path(&format!("staff/{id}")), change).await.expect(200);
        let login = login.await.unwrap();
        if login.status == 200 {
            let session = app.bearer(login.json()["token"].as_str().unwrap());
            problem(&session.get(&path("session")).await, 401);
        } else {
            problem(&login, 401);
        }
    }
    app.console_log_in("lin", &password).await.expect(200);
}

async fn of_two_admins_who_demote_each_other_one_remains(app: TestApp) {
    let first = app.account("lin", Role::Admin).await;
    let second = app.account("wang", Role::Admin).await;
    for round in 0..10 {
        let (lin, wang) = (app.session("lin").await, app.session("wang").await);
        let (one, other) = (path(&format!("staff/{second}")), path(&format!("staff/{first}")));
        let change = if round % 2 == 0 { json!({ "role": "reception" }) } else { json!({ "active": false }) };
        let (change_one, change_other) = (change.clone(), change);
        let lin = tokio::spawn(async move { lin.patch(&one, change_one).await.status.as_u16() });
        let wang = tokio::spawn(async move { wang.patch(&other, change_other).await.status.as_u16() });
        let statuses = [lin.await.unwrap(), wang.await.unwrap()];
        // The slower one is refused, or finds that it is no administrator any more.
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        let admins = "SELECT count(*) AS value FROM staff WHERE role = 'admin' AND active";
        assert_eq!(app.number(admins).await, 1);
        app.execute("UPDATE staff SET role = 'admin', active = TRUE").await;
    }
    let root = app.session("wang").await;
    root.patch(&path(&format!("staff/{first}")), json!({ "role": "auditor" })).await.expect(200);
    for change in [json!({ "role": "reception" }), json!({ "active": false })] {
        problem(&root.patch(&path(&format!("staff/{second}")), change).await, 409);
    }
}

async fn a_key_is_shown_once_and_works_until_it_is_deleted(app: TestApp) {
    let admin = app.administrator().await;
    let added =
        admin.post(&path("api-keys"), json!({ "name": "报表", "role": "auditor" })).await.expect(201).json();
    let key = added["key"].as_str().unwrap().to_owned();
    let script = app.bearer(&key);
    assert_eq!(
        script.get(&path("session")).await.expect(200).json(),
        json!({ "username": "报表", "role": "auditor", "totp": false, "must_set_up_totp": false })
    );
    let listed = script.get(&path("api-keys")).await.expect(200);
    let item = json!({ "id": added["id"], "name": "报表", "role": "auditor", "created_at": "2021-10-01 08:00:00",
        "expires_at": "2022-10-01 08:00:00", "last_used_at": "2021-10-01 08:00:00" });
    assert_eq!(listed.json()["items"][0], item);
    assert!(!String::from_utf8_lossy(&listed.body).contains(&key));
    admin.delete(&path(&format!("api-keys/{}", added["id"]))).await.expect(204);
    problem(&script.get(&path("session")).await, 401);
    problem(&admin.delete(&path(&format!("api-keys/{}", added["id"]))).await, 404);
}

async fn a_device_signs_in_until_it_is_deleted(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let member = app.member("13811111111").await;
    let open_id = format!("m{}", member.get("/v1/accounts/me").await.json()["id"]);
    let id = member.booked(booking(&open_id, 9, 0)).await;
    let add = json!({ "name": "大门", "kind": DeviceKind::Kiosk });
    let added = admin.post(&path("devices"), add).await.expect(201).json();
    let kiosk = app.with("x-device-key", added["key"].as_str().unwrap());
    assert_eq!(kiosk.sign_in(id).await.data()["already"], false);
    problem(&kiosk.get(&path("devices")).await, 401);
    let item =
        json!({ "id": added["id"], "name": "大门", "kind": "kiosk", "created_at": "2021-10-01 08:00:00" });
    assert_eq!(admin.items("devices").await, [item]);
    admin.delete(&path(&format!("devices/{}", added["id"]))).await.expect(204);
    kiosk.sign_in(id).await.expect(401);
    assert_eq!(admin.items("devices").await, [Value::Null; 0]);
}
