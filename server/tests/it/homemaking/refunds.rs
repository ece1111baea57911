//! Refunds: from asking to the money's return, who may do what, and appeals to staff.

use serde_json::{Value, json};
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::home::Deal;
use crate::support::wire::Answer;

both! {
    an_agreed_refund_brings_the_money_back,
    a_rejected_or_cancelled_refund_ends_and_another_may_be_asked_for,
    a_refund_is_shown_as_the_document_prints_it,
    each_side_lists_its_own,
    everybody_else_is_told_why_not,
    what_is_wrong_is_named_and_changes_nothing,
    a_repeat_with_a_key_is_one_refund,
    an_appeal_is_upheld,
    an_appeal_is_dismissed,
    an_appeal_is_refused_when_it_is_too_late,
    only_administrators_decide,
    the_system_does_not_confirm_over_an_appeal,
}

/// The steps of a refund, as both sides read them.
async fn history(user: &TestApp, refund: i64) -> Vec<String> {
    let events = user.home_get(&format!("refund/{refund}/events")).await.ok();
    let step = |event: &Value| {
        assert_eq!(event["refund_id"], refund);
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        format!("{} {} {} -> {}", text("by"), text("action"), event["from_status"], event["to_status"])
    };
    events.as_array().unwrap().iter().map(step).collect()
}

async fn an_agreed_refund_brings_the_money_back(app: TestApp) {
    let Deal { publisher, consumer, order, .. } = app.deal().await;
    let refund = consumer.asked(order).await;
    assert_eq!(
        consumer.act_on_order(order, 4).await.failure(),
        (400, 10017),
        "no confirming while one is open"
    );
    assert_eq!(consumer.ask_refund(order).await.failure(), (400, 10013));
    publisher.act_on_refund(refund, 1).await.ok();
    assert_eq!((app.refund_status(refund).await, app.order_status(order).await), (1, 2));
    assert_eq!(consumer.act_on_refund(refund, 3).await.failure(), (400, 10016), "too late to cancel");
    app.drain_outbox().await;
    assert_eq!((app.refund_status(refund).await, app.order_status(order).await), (2, 5));
    let ledger = app.staff(Role::Auditor).await.get("/admin/v1/ledger").await.expect(200).json();
    let totals = json!({ "charged": "300.00", "refunded": "300.00", "balance": "0.00" });
    assert_eq!(ledger["totals"], totals);
    consumer.act_on_refund(refund, 4).await.ok();
    assert_eq!(app.refund_status(refund).await, 3);
    assert_eq!(consumer.act_on_refund(refund, 4).await.failure(), (400, 10016));
    assert_eq!(consumer.ask_refund(order).await.failure(), (400, 10023), "its money is back");
    let steps = [
        "consumer ask null -> 0",
        "publisher agree 0 -> 1",
        "system pay_back 1 -> 2",
        "consumer confirm 2 -> 3",
    ];
    assert_eq!(history(&publisher, refund).await, steps);
    assert_eq!(history(&consumer, refund).await, steps);
}

async fn a_rejected_or_cancelled_refund_ends_and_another_may_be_asked_for(app: TestApp) {
    let Deal { publisher, consumer, order, .. } = app.deal().await;
    let first = consumer.asked(order).await;
    publisher.act_on_refund(first, 2).await.ok();
    assert_eq!(publisher.act_on_refund(first, 1).await.failure(), (400, 10016));
    let second = consumer.asked(order).await;
    consumer.act_on_refund(second, 3).await.ok();
    assert_eq!(publisher.act_on_refund(second, 1).await.failure(), (400, 10016));
    assert_eq!((app.refund_status(first).await, app.refund_status(second).await), (4, 5));
    consumer.act_on_order(order, 4).await.ok();
    assert_eq!(consumer.ask_refund(order).await.failure(), (400, 10023), "it is confirmed");
    assert_eq!(app.order_status(order).await, 3);
}

async fn a_refund_is_shown_as_the_document_prints_it(app: TestApp) {
    let Deal { publisher, consumer, order, service, .. } = app.deal().await;
    let pictures = json!(["https://img.example.com/1.png", "http://img.example.com/2.png?x=1"]);
    let ask =
        json!({ "order_id": order.to_string(), "reason": " 代打的段位更低了 ", "illustration": pictures });
    let asked = consumer.home_post("refund", ask).await.made();
    let id = asked["id"].as_i64().unwrap();
    let number = asked["order_no"].as_str().unwrap();
    assert!(number.starts_with("20211001") && number.len() == 16, "{number}");
    let expected =
        json!({ "id": id, "order_no": number, "reason": "代打的段位更低了", "illustration": pictures });
    assert_eq!(asked, expected);

    let shown = publisher.home_get(&format!("refund/{id}")).await.ok();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    assert_eq!((&shown["images"], &shown["status"], &shown["appeal"]), (&pictures, &json!(0), &Value::Null));
    assert_eq!(shown["create_time"], "2021-10-01 08:00:00");
    let of_order = publisher.home_get(&format!("order/{order}")).await.ok();
    assert_eq!(shown["service_order"], of_order);
    assert_eq!(shown["service_order"]["service_snap"]["id"], service);
    assert_eq!((&shown["publisher"], &shown["consumer"]), (&of_order["publisher"], &of_order["consumer"]));
    assert_eq!(shown["consumer"], consumer.home_get("user").await.ok());
}

async fn each_side_lists_its_own(app: TestApp) {
    let Deal { publisher, consumer, stranger, order, service } = app.deal().await;
    let rejected = consumer.asked(order).await;
    publisher.act_on_refund(rejected, 2).await.ok();
    let open = consumer.asked(order).await;
    let other = app.bought(&publisher, &consumer, service).await;
    let agreed = consumer.asked(other).await;
    publisher.act_on_refund(agreed, 1).await.ok();
    let ids = |answer: Answer| {
        let list = answer.ok();
        assert_eq!(list["total"], list["data"].as_array().unwrap().len());
        list["data"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (side, role) in [(&publisher, 1), (&consumer, 2)] {
        let list = async |query: &str| {
            ids(side.home_get(&format!("refund{query}role={role}&page=1&count=10")).await)
        };
        assert_eq!(list("?").await, [agreed, open, rejected], "newest first");
        assert_eq!(list("?status=4&").await, [rejected]);
        assert_eq!(list("?status=5&").await, [0_i64; 0]);
        assert_eq!(list("/process?").await, [agreed, open]);
        let other_role = 3 - role;
        let none = side.home_get(&format!("refund?role={other_role}&page=1&count=10")).await;
        assert_eq!(ids(none), [0_i64; 0]);
    }
    app.drain_outbox().await;
    assert_eq!(
        ids(consumer.home_get("refund/process?role=2&page=1&count=10").await),
        [agreed, open],
        "2 is under way"
    );
    consumer.act_on_refund(agreed, 4).await.ok();
    assert_eq!(ids(consumer.home_get("refund/process?role=2&page=1&count=10").await), [open]);
    let second = consumer.home_get("refund?role=2&page=2&count=2").await.ok();
    let pages = ["total", "per_page", "current_page", "last_page"].map(|name| second[name].as_i64().unwrap());
    assert_eq!((pages, &second["data"][0]["id"]), ([3, 2, 2, 2], &json!(rejected)));
    assert_eq!(
        second["data"][0]["service_order"]["order_no"],
        consumer.home_get(&format!("order/{order}")).await.ok()["order_no"]
    );
    assert_eq!(ids(stranger.home_get("refund?role=2&page=1&count=10").await), [0_i64; 0]);
    let staff = app.staff(Role::Auditor).await;
    let all = staff.get("/admin/v1/refunds?size=2").await.expect(200).json();
    assert_eq!((&all["total"], &all["items"][0]["id"]), (&json!(3), &json!(agreed)));
    let of_status = staff.get("/admin/v1/refunds?status=4").await.expect(200).json();
    assert_eq!((&of_status["total"], &of_status["items"][0]["id"]), (&json!(1), &json!(rejected)));
}

async fn everybody_else_is_told_why_not(app: TestApp) {
    let Deal { publisher, consumer, stranger, order, service } = app.deal().await;
    let unpaid = consumer.ordered(service).await;
    assert_eq!(consumer.ask_refund(unpaid).await.failure(), (400, 10023));
    assert_eq!(consumer.ask_refund(999).await.failure(), (404, 10008));
    for other in [&publisher, &stranger] {
        assert_eq!(other.ask_refund(order).await.failure(), (400, 10024));
        assert_eq!(other.ask_refund(unpaid).await.failure(), (400, 10024), "whose it is comes first");
    }
    let refund = consumer.asked(order).await;
    let refusals = [
        (&consumer, 1, (403, 10014)),
        (&consumer, 2, (403, 10014)),
        (&consumer, 4, (400, 10016)),
        (&publisher, 3, (400, 10015)),
        (&publisher, 4, (400, 10015)),
        (&stranger, 1, (403, 10014)),
        (&stranger, 2, (403, 10014)),
        (&stranger, 3, (403, 10010)),
        (&stranger, 4, (403, 10010)),
    ];
    let before = app.checksums().await;
    for (who, action, expected) in refusals {
        assert_eq!(who.act_on_refund(refund, action).await.failure(), expected, "{action}");
    }
    assert_eq!(consumer.act_on_refund(999, 3).await.failure(), (404, 10008));
    for path in [format!("refund/{refund}"), format!("refund/{refund}/events")] {
        assert_eq!(stranger.home_get(&path).await.failure(), (404, 10008));
        assert_eq!(app.home_get(&path).await.failure(), (401, 10001));
    }
    assert_eq!(consumer.home_get("refund/999").await.failure(), (404, 10008));
    assert_eq!(app.checksums().await, before);
}

async fn what_is_wrong_is_named_and_changes_nothing(app: TestApp) {
    let Deal { consumer, order, .. } = app.deal().await;
    let refused = async |body: Value, field: &str| {
        let before = app.checksums().await;
        let answer = consumer.home_post("refund", body.clone()).await;
        assert_eq!(answer.failure(), (400, 10000), "{body}");
        assert!(answer.says().contains(&format!("{field}: ")), "{body}: {answer:?}");
        assert_eq!(app.checksums().await, before, "{body}");
    };
    let ask = json!({ "order_id": order, "reason": "x" });
    let mut cases = vec![
        (json!({}), "order_id"),
        (json!({ "order_id": order }), "reason"),
        (json!({ "order_id": "x", "reason": "x" }), "order_id"),
        (json!({ "order_id": 0, "reason": "x" }), "order_id"),
        (json!({ "order_id": order, "reason": " " }), "reason"),
        (json!({ "order_id": order, "reason": 7 }), "reason"),
        (json!({ "order_id": order, "reason": "长".repeat(2001) }), "reason"),
        (json!({ "order_id": order, "reason": "a\u{0}" }), "reason"),
    ];
    let with = |pictures: Value| {
        let mut ask = ask.clone();
        ask["illustration"] = pictures;
        ask
    };
    cases.extend([
        (with(json!("https://x.example/1.png")), "illustration"),
        (with(json!([7])), "illustration[0]"),
        (with(json!(["https://x.example/1.png", "javascript:alert(1)"])), "illustration[1]"),
        (with(json!([null])), "illustration[0]"),
        (with(json!(vec!["https://x.example/1.png"; 6])), "illustration"),
        (
            with(json!([format!("http://yuyue.test/homemaking/storage/20211001/{}.png", "0".repeat(32))])),
            "illustration[0]",
        ),
    ]);
    for (body, field) in cases {
        refused(body, field).await;
    }
    let refund = consumer.asked(order).await;
    for (path, body, field) in [
        (format!("refund/{refund}"), json!({}), "action"),
        (format!("refund/{refund}"), json!({ "action": 5 }), "action"),
        (format!("refund/{refund}"), json!({ "action": "同意" }), "action"),
        (format!("refund/{refund}/appeal"), json!({}), "reason"),
        ("refund/x".into(), json!({ "action": 1 }), "id"),
    ] {
        let answer = consumer.home_post(&path, body).await;
        assert_eq!(answer.failure(), (400, 10000), "{path}");
        assert!(answer.says().contains(&format!("{field}: ")), "{answer:?}");
    }
    for query in [
        "",
        "role=2",
        "role=2&page=1",
        "role=3&page=1&count=1",
        "role=2&status=6&page=1&count=1",
        "role=2&page=0&count=1",
        "role=2&page=1&count=0",
    ] {
        assert_eq!(consumer.home_get(&format!("refund?{query}")).await.failure(), (400, 10000), "{query}");
    }
    assert_eq!(consumer.home_get("refund/process?page=1&count=1").await.failure(), (400, 10000));
}

async fn a_repeat_with_a_key_is_one_refund(app: TestApp) {
    let Deal { consumer, order, .. } = app.deal().await;
    let once = consumer.with("idempotency-key", "r-1");
    let first = once.ask_refund(order).await.made();
    assert_eq!(once.ask_refund(order).await.made(), first);
    assert_eq!(consumer.ask_refund(order).await.failure(), (400, 10013));
    assert_eq!(app.number("SELECT count(*) AS value FROM refund").await, 1);
}

async fn an_appeal_is_upheld(app: TestApp) {
    let Deal { publisher, consumer, stranger, order, .. } = app.deal().await;
    let refund = consumer.asked(order).await;
    assert_eq!(consumer.appeal(refund).await.failure(), (400, 10016), "nothing is refused yet");
    assert_eq!(app.decide(refund, "agree").await.status, 409);
    publisher.act_on_refund(refund, 2).await.ok();
    assert_eq!(publisher.appeal(refund).await.failure(), (400, 10015));
    assert_eq!(stranger.appeal(refund).await.failure(), (403, 10010));
    assert_eq!(consumer.appeal(999).await.failure(), (404, 10008));
    consumer.appeal(refund).await.ok();
    assert_eq!(consumer.appeal(refund).await.failure(), (400, 10016), "once");
    assert_eq!(consumer.act_on_order(order, 4).await.failure(), (400, 10017), "it is open again");
    assert_eq!(consumer.ask_refund(order).await.failure(), (400, 10013));
    let staff = app.staff(Role::Auditor).await;
    let waiting = staff.get("/admin/v1/refunds?appeal_waiting=1").await.expect(200).json();
    assert_eq!((&waiting["total"], &waiting["items"][0]["id"]), (&json!(1), &json!(refund)));
    assert_eq!(staff.get("/admin/v1/refunds?appeal_waiting=1&status=0").await.expect(200).json()["total"], 0);
    let decided = app.decide(refund, "agree").await.expect(200).json();
    assert_eq!((&decided["status"], &decided["appeal"]["decision"]), (&json!(1), &json!("agree")));
    assert_eq!(app.decide(refund, "reject").await.status, 409, "once");
    app.drain_outbox().await;
    let shown = publisher.home_get(&format!("refund/{refund}")).await.ok();
    assert_eq!((&shown["status"], &shown["service_order"]["status"]), (&json!(2), &json!(5)));
    let appeal = json!({
        "reason": "服务没有做", "create_time": "2021-10-01 08:00:00",
        "decision": "agree", "decision_reason": "看过聊天记录", "decide_time": "2021-10-01 08:00:00",
    });
    assert_eq!(shown["appeal"], appeal);
    assert_eq!(staff.get("/admin/v1/refunds?appeal_waiting=1").await.expect(200).json()["total"], 0);
    let steps = [
        "consumer ask null -> 0",
        "publisher reject 0 -> 4",
        "consumer appeal 4 -> 4",
        "staff uphold 4 -> 1",
        "system pay_back 1 -> 2",
    ];
    assert_eq!(history(&publisher, refund).await, steps);
    let audit = staff.get(&format!("/admin/v1/audit?target=refund%20{refund}")).await.expect(200).json();
    assert_eq!((&audit["total"], &audit["items"][0]["action"]), (&json!(1), &json!("refund.appeal_agree")));
    assert_eq!(
        (&audit["items"][0]["before"]["status"], &audit["items"][0]["after"]["status"]),
        (&json!(4), &json!(1))
    );
}

async fn an_appeal_is_dismissed(app: TestApp) {
    let Deal { publisher, consumer, order, .. } = app.deal().await;
    let refund = consumer.asked(order).await;
    publisher.act_on_refund(refund, 2).await.ok();
    consumer.appeal(refund).await.ok();
    let staff = app.staff(Role::Admin).await;
    let path = format!("/admin/v1/refunds/{refund}/decision");
    for (body, field) in [
        (json!({ "decision": "reject" }), "reason"),
        (json!({ "decision": "maybe" }), "decision"),
        (json!({}), "decision"),
    ] {
        let answer = staff.post(&path, body).await.expect(400);
        assert_eq!(answer.json()["field"], field);
    }
    let decided = app.decide(refund, "reject").await.expect(200).json();
    assert_eq!((&decided["status"], &decided["appeal"]["decision"]), (&json!(4), &json!("reject")));
    assert_eq!(consumer.appeal(refund).await.failure(), (400, 10016), "an appeal is made once");
    assert_eq!(history(&consumer, refund).await[3], "staff dismiss 4 -> 4");
    consumer.asked(order).await;
    assert_eq!(app.decide(999, "agree").await.status, 404);
}

async fn an_appeal_is_refused_when_it_is_too_late(app: TestApp) {
    let Deal { publisher, consumer, order, service, .. } = app.deal().await;
    let refund = consumer.asked(order).await;
    publisher.act_on_refund(refund, 2).await.ok();
    let other = consumer.asked(order).await;
    assert_eq!(consumer.appeal(refund).await.failure(), (400, 10013), "another one is open");
    consumer.act_on_refund(other, 3).await.ok();
    consumer.act_on_order(order, 4).await.ok();
    assert_eq!(consumer.appeal(refund).await.failure(), (400, 10023), "it is confirmed");
    let second = app.bought(&publisher, &consumer, service).await;
    let cancelled = consumer.asked(second).await;
    consumer.act_on_refund(cancelled, 3).await.ok();
    assert_eq!(consumer.appeal(cancelled).await.failure(), (400, 10016), "nobody refused it");
}

async fn only_administrators_decide(app: TestApp) {
    let Deal { publisher, consumer, order, .. } = app.deal().await;
    let refund = consumer.asked(order).await;
    publisher.act_on_refund(refund, 2).await.ok();
    consumer.appeal(refund).await.ok();
    let path = format!("/admin/v1/refunds/{refund}/decision");
    let body = json!({ "decision": "agree" });
    for role in [Role::Auditor, Role::Reception] {
        app.staff(role).await.post(&path, body.clone()).await.expect(403);
    }
    app.post(&path, body.clone()).await.expect(401);
    consumer.get("/admin/v1/refunds").await.expect(401);
    app.staff(Role::Admin).await.post(&path, body).await.expect(200);
    app.drain_outbox().await;
}

async fn the_system_does_not_confirm_over_an_appeal(app: TestApp) {
    let Deal { publisher, consumer, order, .. } = app.deal().await;
    let refund = consumer.asked(order).await;
    publisher.act_on_refund(refund, 2).await.ok();
    consumer.appeal(refund).await.ok();
    app.clock.advance(60 * yuyue::clock::DAY);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 2);
    app.decide(refund, "agree").await.expect(200);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 5);
}
