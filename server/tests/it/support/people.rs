//! Callers with credentials.

use serde_json::json;
use yuyue::ids::fingerprint;
use yuyue::staff::{self, DeviceKind, Role};

use super::TestApp;
use super::wire::Answer;

impl TestApp {
    pub async fn ask_for_code(&self, mobile: &str) -> Answer {
        self.post("/v1/login/sms_code", json!({ "mobile": mobile })).await
    }

    /// Asks for a login code and reads it off the phone.
    pub async fn login_code(&self, mobile: &str) -> String {
        self.ask_for_code(mobile).await.expect(200);
        self.drain_outbox().await;
        self.newest_code(mobile)
    }

    /// The code in the newest message a phone got.
    pub fn newest_code(&self, mobile: &str) -> String {
        let newest = self.world().sms.received_by(mobile).into_iter().next();
        newest.expect("the phone got a message").params["code"].as_str().unwrap().to_owned()
    }

    /// Registers (or logs in) by a code: this caller with the member's token.
    pub async fn member(&self, mobile: &str) -> Self {
        let code = self.login_code(mobile).await;
        let login = json!({ "grant_type": "sms_code", "mobile": mobile, "sms_code": code, "client_id": 44 });
        let answer = self.post("/v1/login/token", login).await.expect(200);
        self.bearer(answer.json()["access_token"].as_str().unwrap())
    }

    /// This caller with an API key of `role`.
    pub async fn staff(&self, role: Role) -> Self {
        let (key, at) = (self.ids.token(), self.clock.now().at);
        let (hash, role) = (fingerprint(&key), role.as_str());
        let insert = format!(
            "INSERT INTO api_key (name, role, key_hash, created_at, expires_at, last_used_at)
             VALUES ('test', '{role}', '{hash}', {at}, {at} + 315360000000, {at})"
        );
        self.execute(&insert).await;
        self.bearer(&key)
    }

    /// This caller with a session, begun just now, of a new administrator: for what no API key may do.
    pub async fn administrator(&self) -> Self {
        self.in_person(Role::Admin).await
    }

    /// This caller with a session, begun just now, of a new staff account that nobody can log in to.
    pub async fn in_person(&self, role: Role) -> Self {
        let (token, at) = (self.ids.token(), self.clock.now().at);
        let (username, role) = (format!("{} {}", role.as_str(), &token[..8]), role.as_str());
        let account = format!(
            "INSERT INTO staff (username, password_hash, role, active, created_at)
             VALUES ('{username}', '{}', '{role}', TRUE, {at})",
            yuyue::passwords::NOBODY
        );
        self.execute(&account).await;
        let session = format!(
            "INSERT INTO staff_session (token_hash, staff_id, created_at, confirmed_at, used_at, expires_at)
             SELECT '{}', id, {at}, {at}, {at}, {at} + 315360000000 FROM staff WHERE username = '{username}'",
            fingerprint(&token)
        );
        self.execute(&session).await;
        self.bearer(&token)
    }

    /// This caller with the key of a kiosk or gate.
    pub async fn device(&self, kind: DeviceKind) -> Self {
        let (key, at) = (self.ids.token(), self.clock.now().at);
        let hash = fingerprint(&key);
        self.db
            .write("test", move |tx| staff::store::insert_device(tx, "门口", kind, &hash, at))
            .await
            .unwrap();
        self.with("x-device-key", &key)
    }
}
