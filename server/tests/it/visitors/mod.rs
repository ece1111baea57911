//! Visitors (001, 002): from the WeChat page to the gate, in the words of the documents.

mod access;
mod arriving;
mod bindings;
mod blocking;
mod budgets;
mod connections;
mod desk;
mod leaving;
mod messages;
mod neighbours;
mod proving;
mod races;
mod records;
mod spelling;
mod staff;
mod visits;

use serde_json::{Value, json};
use yuyue::clock::{HOUR, SECOND};

use crate::support::TestApp;
use crate::support::wire::Answer;

const LI_SI: &str = "13811111111";
const FU_GUI: &str = "13822222222";
const ZHANG_SAN: &str = "13900000001";
const WANG_MOU: &str = "13900000002";

impl Answer {
    /// Visitors: the data of a success.
    #[track_caller]
    fn done(&self) -> Value {
        let mut body = self.json();
        assert_eq!((self.status.as_u16(), &body["code"]), (200, &json!(0)), "{self:?}");
        assert_eq!(body["err_msg"], "", "{self:?}");
        body["data"].take()
    }

    /// Visitors: the code of a refusal, which is a 200 like a success.
    #[track_caller]
    fn refused(&self) -> i64 {
        let body = self.json();
        assert_eq!(self.status.as_u16(), 200, "{self:?}");
        assert!(body["err_msg"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert_eq!(body.get("data"), None, "{self:?}");
        body["code"].as_i64().unwrap()
    }
}

impl TestApp {
    /// Unix seconds, `hours` from now.
    fn seconds(&self, hours: i64) -> i64 {
        (self.clock.now().at + hours * HOUR) / SECOND
    }

    /// Zhang San asks to see Li Si for two hours from now, with Wang along.
    fn application(&self) -> Value {
        json!({
            "subject_type": 1, "name": "张三", "phone": ZHANG_SAN, "purpose": 2, "come_from": "ZY",
            "proposer": ZHANG_SAN, "interviewee": "李四", "interviewee_phone": LI_SI,
            "start_time": self.seconds(0), "end_time": self.seconds(2),
            "retinues": [{ "name": "王某", "phone": WANG_MOU, "photo": "" }],
        })
    }

    /// As [`TestApp::application`], with some fields changed.
    fn application_with(&self, changes: &Value) -> Value {
        let mut application = self.application();
        for (name, value) in changes.as_object().unwrap() {
            application[name] = value.clone();
        }
        application
    }

    /// Books and gives the record's id.
    async fn applied(&self, application: Value) -> i64 {
        self.post("/v1/subject", application).await.done()["id"].as_i64().unwrap()
    }

    /// Li Si invites Zhang San and Wang: authorised at once.
    async fn invited(&self) -> i64 {
        self.applied(self.application_with(&json!({ "proposer": LI_SI }))).await
    }

    async fn check_in(&self, phone: &str) -> Answer {
        self.post("/v1/visit/signin", json!({ "phone": phone })).await
    }

    /// The code of a gate's answer.
    async fn scan(&self, qrcode: &Value) -> i64 {
        let answer = self.post("/v1/visit/qrcode", json!({ "qrcode": qrcode })).await.expect(200);
        answer.json()["code"].as_i64().unwrap()
    }

    /// Sends what waits and gives `channel template` of the messages one phone has got, newest first.
    async fn told(&self, phone: &str) -> Vec<String> {
        self.drain_outbox().await;
        let messages = self.get(&format!("/demo/messages?phone={phone}")).await.expect(200).json();
        let line = |message: &Value| {
            let template = message["template"].as_str().unwrap().trim_start_matches("demo-");
            format!("{} {}", message["channel"].as_str().unwrap(), template.trim_end_matches('-'))
        };
        let mut lines: Vec<_> = messages.as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    }
}
