//! What strangers can make us send is bounded.

use serde_json::json;
use tokio::task::JoinSet;
use yuyue::clock::{DAY, HOUR};
use yuyue::staff::Role;

use super::{LI_SI, WANG_MOU, ZHANG_SAN};
use crate::support::TestApp;

both! { enforced:
    many_applications_at_once_send_few_messages,
    a_number_proposes_twenty_visits_a_day,
    an_employee_is_told_once_an_hour,
    a_phone_gets_ten_messages_a_day_from_strangers,
    staff_have_no_budget,
    the_days_budget_keeps_half_for_accounts,
}

async fn many_applications_at_once_send_few_messages(app: TestApp) {
    let visitor = app.visitor(ZHANG_SAN).await;
    let applications: JoinSet<_> = (0..150)
        .map(|_| {
            let (visitor, application) = (visitor.clone(), app.application());
            async move { visitor.post("/v1/subject", application).await.json()["code"].as_i64().unwrap() }
        })
        .collect();
    let codes = applications.join_all().await;
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 5, "{codes:?}");
    assert!(codes.iter().all(|code| [0, 429].contains(code)), "{codes:?}");
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 1);
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 2, "more wait");
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 2, "told of all");
}

async fn a_number_proposes_twenty_visits_a_day(app: TestApp) {
    let visitor = app.visitor(ZHANG_SAN).await;
    let staff = app.staff(Role::Admin).await;
    let propose = || visitor.post("/v1/subject", app.application());
    for _ in 0..15 {
        let id = propose().await.done()["id"].as_i64().unwrap();
        staff.put(&format!("/v1/auth/{id}"), json!({ "decision": "refuse", "reason": "满" })).await.done();
    }
    for _ in 0..5 {
        let refused = visitor.post("/v1/subject", app.application_with(&json!({ "end_time": 1 }))).await;
        assert_ne!(refused.json()["code"], 0);
    }
    assert_eq!(propose().await.json()["code"], 429, "refused tries count");
    app.clock.advance(DAY);
    propose().await.done();
    app.drain_outbox().await;
}

async fn an_employee_is_told_once_an_hour(app: TestApp) {
    let visitor = app.visitor(ZHANG_SAN).await;
    visitor.applied(app.application()).await;
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 1);
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 1, "nothing more waits");
    visitor.applied(app.application()).await;
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 2, "the next hour");
}

async fn a_phone_gets_ten_messages_a_day_from_strangers(app: TestApp) {
    let host = app.employee().await;
    let invitation = app.application_with(&json!({ "proposer": LI_SI }));
    for _ in 0..12 {
        host.applied(invitation.clone()).await;
    }
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(WANG_MOU).len(), 10);
    app.clock.advance(DAY);
    host.applied(app.application_with(&json!({ "proposer": LI_SI }))).await;
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(WANG_MOU).len(), 11);
}

async fn staff_have_no_budget(app: TestApp) {
    let staff = app.staff(Role::Reception).await;
    for _ in 0..25 {
        staff.applied(app.application()).await;
    }
    app.drain_outbox().await;
    assert_eq!(app.world().sms.received_by(LI_SI).len(), 25);
}

async fn the_days_budget_keeps_half_for_accounts(app: TestApp) {
    app.member("13300000001").await;
    let app = app.again(|config| config.messages.per_day = 40).await;
    let mut sent = 0;
    for number in 0..30 {
        let caller = app.at_address(&format!("203.0.113.{number}"));
        let answer = caller.ask_for_code(&format!("134{number:08}")).await;
        sent += i32::from(answer.status.as_u16() == 200);
    }
    // The member's own code was one of a stranger, before there was an account.
    assert_eq!(sent, 19);
    app.clock.advance(60_000);
    app.ask_for_code("13300000001").await.expect(200);
    let stats = app.staff(Role::Auditor).await.get("/admin/v1/stats").await.expect(200).json();
    assert_eq!(stats["message_budget_percent"], 100);
    app.clock.advance(DAY);
    app.ask_for_code("13400000029").await.expect(200);
    app.drain_outbox().await;
}
