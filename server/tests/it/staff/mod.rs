//! The staff API: who may do what, what it changes, and that the audit log tells of it.

mod access;
mod accounts;
mod auditing;
mod calendar;
mod desk;
mod members;
mod messages;
mod own;
mod second_factor;
mod session;
mod versions;

use serde_json::{Value, json};
use yuyue::staff::{self, Role};

use crate::support::TestApp;
use crate::support::wire::Answer;

const PASSWORD: &str = "a long enough secret";

/// A path of the staff API.
fn path(rest: &str) -> String {
    format!("/admin/v1/{rest}")
}

impl TestApp {
    async fn account(&self, username: &str, role: Role) -> i64 {
        staff::add(self.app(), username.into(), PASSWORD.into(), role).await.unwrap()
    }

    async fn console_log_in(&self, username: &str, password: &str) -> Answer {
        self.post(&path("session"), json!({ "username": username, "password": password })).await
    }

    /// This caller with a session of `username`, as a Bearer token.
    async fn session(&self, username: &str) -> Self {
        let answer = self.console_log_in(username, PASSWORD).await.expect(200);
        self.bearer(answer.json()["token"].as_str().unwrap())
    }

    /// The items of a list.
    async fn items(&self, rest: &str) -> Vec<Value> {
        self.get(&path(rest)).await.expect(200).json()["items"].as_array().unwrap().clone()
    }

    /// The appointment ids that a search finds.
    async fn found(&self, query: &str) -> Vec<i64> {
        let items = self.items(&format!("appointments?{query}")).await;
        items.iter().map(|item| item["appointment_id"].as_i64().unwrap()).collect()
    }
}

/// The problem document's field ("" without one), after a check of its shape.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["status"]), (status, &json!(status)), "{answer:?}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{answer:?}");
    body["field"].as_str().unwrap_or_default().to_owned()
}
