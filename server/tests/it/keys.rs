//! A database has one key, and nobody works on it with another.

use std::process::Stdio;

use serde_json::json;
use yuyue::clock::SECOND;
use yuyue::config::Config;
use yuyue::secrets::KEY_FILE;

use crate::support::TestApp;
use crate::support::served::soon;

both! {
    another_key_is_refused,
    a_missing_key_is_not_made_anew,
    a_database_from_before_gets_its_key_recorded,
    what_this_key_cannot_read_goes_back,
    every_tool_refuses_another_key,
}

only_postgres!(nodes_need_the_same_key);

const MOBILE: &str = "13333333333";

fn other_key(config: &mut Config) {
    config.secrets.key = "cd".repeat(32);
}

async fn recorded(app: &TestApp) -> Vec<String> {
    app.texts("SELECT fingerprint AS value FROM key_fingerprint").await
}

async fn another_key_is_refused(app: TestApp) {
    let before = recorded(&app).await;
    let reason = app.refused(other_key).await;
    assert!(reason.starts_with("secrets.key: ") && reason.contains("another key"), "{reason}");
    let key = std::fs::read_to_string(app.config.data_dir.join(KEY_FILE)).unwrap();
    assert!(before.len() == 1 && !before[0].contains(&key) && !key.contains(&before[0]), "{before:?}");

    std::fs::write(app.config.data_dir.join(KEY_FILE), "ef".repeat(32)).unwrap();
    let reason = app.refused(|_| ()).await;
    assert!(reason.contains(KEY_FILE) && reason.contains("another key"), "{reason}");
    assert_eq!(recorded(&app).await, before);
    app.again(|config| config.secrets.key.clone_from(&key)).await;
}

async fn a_missing_key_is_not_made_anew(app: TestApp) {
    let file = app.config.data_dir.join(KEY_FILE);
    let aside = app.config.data_dir.join("aside");
    std::fs::rename(&file, &aside).unwrap();
    let reason = app.refused(|_| ()).await;
    assert!(reason.contains(KEY_FILE) && reason.contains("secrets.key"), "{reason}");
    assert!(!file.exists(), "a new key would hide that the old one is missing");
    std::fs::rename(&aside, &file).unwrap();
    app.again(|_| ()).await;
}

async fn a_database_from_before_gets_its_key_recorded(app: TestApp) {
    let before = recorded(&app).await;
    app.execute("DELETE FROM key_fingerprint").await;
    app.again(|_| ()).await;
    assert_eq!(recorded(&app).await, before);
    app.refused(other_key).await;
}

/// However a row of another key came here: it is no try of its own, and stays for who can read it.
async fn what_this_key_cannot_read_goes_back(app: TestApp) {
    let before = recorded(&app).await;
    app.execute("DELETE FROM key_fingerprint").await;
    let other = app.again(other_key).await;
    app.execute(&format!("UPDATE key_fingerprint SET fingerprint = '{}'", before[0])).await;

    app.post("/v1/login/sms_code", json!({ "mobile": MOBILE })).await.expect(200);
    let state = "SELECT state || ' ' || CAST(attempts AS TEXT) AS value FROM outbox WHERE is_message";
    for _ in 0..3 {
        assert_eq!(other.drain_outbox().await, []);
        assert_eq!(app.texts(state).await, ["waiting 0"]);
        app.clock.advance(5 * SECOND);
    }
    assert_eq!(app.drain_outbox().await.len(), 1);
    assert_eq!(app.texts(state).await, ["sent 1"]);
}

async fn every_tool_refuses_another_key(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let commands = [
        "serve --listen 127.0.0.1:0",
        "migrate",
        "staff add --username one --role admin --password-stdin",
        "device add --name door --kind gate",
        "ledger verify",
        &format!("backup {}", backup.display()),
    ];
    for command in commands {
        let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_yuyue"));
        program.args(command.split(' ')).arg("--data-dir").arg(&app.config.data_dir);
        program.args(["--database-url", &app.database_url()]).env("YUYUE_SECRETS__KEY", "cd".repeat(32));
        let output = soon(command, program.stdin(Stdio::null()).output()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains("another key"), "{command}: {told}");
    }
    assert!(!backup.exists());
    assert_eq!(app.number("SELECT count(*) AS value FROM staff").await, 0);
}

async fn nodes_need_the_same_key(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let own_folder = |config: &mut Config| folder.path().clone_into(&mut config.data_dir);
    let reason = app.refused(own_folder).await;
    assert!(reason.contains(KEY_FILE) && reason.contains("secrets.key"), "{reason}");
    assert!(!folder.path().join(KEY_FILE).exists());

    let key = std::fs::read_to_string(app.config.data_dir.join(KEY_FILE)).unwrap();
    let second = |config: &mut Config| {
        own_folder(config);
        config.secrets.key.clone_from(&key);
    };
    let second = app.again(second).await;
    app.post("/v1/login/sms_code", json!({ "mobile": MOBILE })).await.expect(200);
    assert_eq!(second.drain_outbox().await.len(), 1, "one node sends what the other was asked for");
}
