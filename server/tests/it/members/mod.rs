//! Members (004): accounts with login by SMS code, password or WeChat openid.

mod account;
mod changed_hands;
mod codes;
mod holders;
mod login;

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::wire::Answer;

const MOBILE: &str = "13333333333";
const PASSWORD: &str = "correct horse battery staple";

fn by_code(mobile: &str, code: &str) -> Value {
    json!({ "grant_type": "sms_code", "mobile": mobile, "sms_code": code, "client_id": 44 })
}

fn by_password(mobile: &str, password: &str) -> Value {
    json!({ "grant_type": "password", "mobile": mobile, "password": password, "client_id": 42 })
}

fn with(mut login: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    login.as_object_mut().unwrap().extend(more);
    login
}

fn code(number: i64, name: &str) -> (i64, String) {
    (number, name.to_owned())
}

impl TestApp {
    async fn log_in(&self, login: Value) -> Answer {
        self.post("/v1/login/token", login).await
    }

    async fn me(&self) -> Value {
        self.get("/v1/accounts/me").await.expect(200).json()
    }

    /// A member whose account has `password`.
    async fn member_with_password(&self, mobile: &str, password: &str) -> Self {
        let login = by_code(mobile, &self.login_code(mobile).await);
        let answer = self.log_in(with(login, &json!({ "password": password }))).await.expect(200);
        self.bearer(answer.json()["access_token"].as_str().unwrap())
    }

    async fn is_logged_in(&self) -> bool {
        let answer = self.get("/v1/accounts/me").await;
        if answer.status == 401 {
            assert_eq!(answer.code(), code(1020, "Token.Invalid"));
        }
        answer.status == 200
    }
}
