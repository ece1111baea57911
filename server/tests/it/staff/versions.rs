//! Documents that are replaced as a whole: nobody undoes a change that they have not seen.

use serde_json::{Value, json};
use yuyue::staff::Role;

use super::path;
use crate::support::TestApp;
use crate::support::served::soon;
use crate::support::wire::Answer;

both! {
    a_schedule_is_saved_over_the_one_that_was_read,
    settings_are_saved_over_those_that_were_read,
    the_fields_of_messages_are_saved_over_those_that_were_read,
    of_two_who_read_the_same_one_saves,
}

/// The document itself, without its product's envelope.
fn document(answer: &Answer) -> Value {
    let body = answer.clone().expect(200).json();
    body.get("data").cloned().unwrap_or(body)
}

impl TestApp {
    fn having_seen(&self, answer: &Answer) -> Self {
        let etag = answer.header("etag");
        assert!(etag.starts_with('"') && etag.len() > 10, "{answer:?} {etag}");
        self.with("if-match", etag)
    }
}

async fn a_schedule_is_saved_over_the_one_that_was_read(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let path = path("schedule");
    let read = admin.get(&path).await;
    let mut closed = document(&read);
    closed["closed_dates"] = json!(["2021-10-02"]);
    let saved = admin.having_seen(&read).put(&path, closed.clone()).await.expect(200);
    assert_ne!(saved.header("etag"), read.header("etag"));
    assert_eq!(admin.get(&path).await.header("etag"), saved.header("etag"));

    let before = app.checksums().await;
    let mut late = document(&read);
    late["capacity"] = json!(7);
    let refused = admin.having_seen(&read).put(&path, late.clone()).await.expect(412);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(app.checksums().await, before, "the day is still closed");

    // A proxy that compresses marks the version as weak; others send several, or any.
    let weak = format!("\"other\", W/{}", saved.header("etag"));
    admin.with("if-match", &weak).put(&path, closed.clone()).await.expect(200);
    admin.with("if-match", "*").put(&path, closed).await.expect(200);
    for wrong in ["", "\"\"", "other", "\"é\""] {
        admin.with("if-match", wrong).put(&path, late.clone()).await.expect(412);
    }
    admin.put(&path, late.clone()).await.expect(200);
    assert_eq!(document(&admin.get(&path).await), late, "without If-Match, as documented");
}

async fn settings_are_saved_over_those_that_were_read(app: TestApp) {
    for (path, field) in
        [("/v1/config/servers", "koala_username"), ("/v1/config/templates", "signin_to_visitor_sms_id")]
    {
        let read = app.get(path).await;
        let mut new = document(&read);
        new[field] = json!("another");
        let saved = app.having_seen(&read).put(path, new.clone()).await.expect(200);
        assert_eq!(document(&saved), new);
        assert_eq!(app.get(path).await.header("etag"), saved.header("etag"));
        let before = app.checksums().await;
        let refused = app.having_seen(&read).put(path, document(&read)).await.expect(412).json();
        assert_eq!((&refused["code"], refused["err_msg"] == ""), (&json!(412), false), "{path}");
        assert_eq!(app.checksums().await, before, "{path}");
        app.put(path, document(&read)).await.expect(200);
        assert_eq!(document(&app.get(path).await), document(&read), "without If-Match, as documented");
    }
}

async fn the_fields_of_messages_are_saved_over_those_that_were_read(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let path = path("notices");
    let read = admin.get(&path).await;
    let of = |field: &str| json!({ "items": [{ "kind": "signin_to_visitor", "wechat_fields": { field: "name" } }] });
    let saved = admin.having_seen(&read).put(&path, of("thing1")).await.expect(200);
    assert_eq!(admin.get(&path).await.header("etag"), saved.header("etag"));
    let before = app.checksums().await;
    admin.having_seen(&read).put(&path, of("thing2")).await.expect(412);
    assert_eq!(app.checksums().await, before);
    admin.put(&path, of("thing2")).await.expect(200);
}

async fn of_two_who_read_the_same_one_saves(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    for (path, field) in [
        (path("schedule"), "capacity"),
        ("/v1/config/servers".into(), "koala_username"),
        ("/v1/config/templates".into(), "signin_to_visitor_sms_id"),
    ] {
        let read = admin.get(&path).await;
        let mut calls = Vec::new();
        for number in 2..10 {
            let (caller, path, mut new) = (admin.having_seen(&read), path.clone(), document(&read));
            new[field] = if new[field].is_number() { json!(number) } else { json!(number.to_string()) };
            calls.push(tokio::spawn(async move { caller.put(&path, new).await.status.as_u16() }));
        }
        let mut statuses = Vec::new();
        for call in calls {
            statuses.push(soon("an answer", call).await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412], "{path}");
    }
}
