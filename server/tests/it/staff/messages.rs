use serde_json::json;
use yuyue::adapters::sms_simulator::Fault;
use yuyue::clock::MINUTE;
use yuyue::staff::Role;

use super::{path, problem};
use crate::support::TestApp;

both! {
    a_given_up_message_can_be_sent_again,
}

async fn a_given_up_message_can_be_sent_again(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    app.world().sms.set_fault(Fault::Down);
    app.post("/v1/login/sms_code", json!({ "mobile": "13811111111" })).await.expect(200);
    app.drain_outbox().await;
    let waiting = admin.items("messages?state=waiting").await;
    assert_eq!(
        (&waiting[0]["to"], &waiting[0]["kind"]),
        (&json!("13811111111"), &json!("members.login_code"))
    );
    let resend = path(&format!("messages/{}/resend", waiting[0]["id"]));
    problem(&admin.post(&resend, json!({})).await, 409);
    for _ in 0..6 {
        app.clock.advance(MINUTE);
        app.drain_outbox().await;
    }
    let given_up = admin.items("messages?state=given_up").await;
    assert_eq!((given_up.len(), &given_up[0]["id"]), (1, &waiting[0]["id"]));
    assert_ne!(given_up[0]["last_error"], "");
    assert_eq!(admin.get(&path("stats")).await.json()["messages_given_up"], 1);

    app.world().sms.set_fault(Fault::Ok);
    assert_eq!(admin.post(&resend, json!({})).await.expect(200).json()["state"], "waiting");
    problem(&admin.post(&resend, json!({})).await, 409);
    assert_eq!(admin.get(&path("stats")).await.json()["messages_waiting"], 1);
    app.drain_outbox().await;
    let again = admin.items("messages?state=given_up").await;
    assert_eq!(again[0]["last_error"], "the code was used or has expired", "an expired code is of no use");
    assert_eq!(admin.items("audit?action=message.resend").await.len(), 1);
}
