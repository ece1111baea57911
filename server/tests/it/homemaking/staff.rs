use serde_json::{Value, json};
use yuyue::staff::Role;

use crate::support::TestApp;

both! {
    staff_decide_on_services,
    staff_search_orders,
    staff_read_an_orders_history,
    pairs_are_for_administrators,
    the_days_numbers_have_open_orders,
    only_staff_moderate,
}

async fn staff_decide_on_services(app: TestApp) {
    let publisher = app.user(1).await;
    let (one, two) = (publisher.service(app.draft().await).await, publisher.service(app.draft().await).await);
    let admin = app.staff(Role::Admin).await;
    let reviewed = app.review(one, "approve").await.expect(200).json();
    assert_eq!((&reviewed["id"], &reviewed["status"]), (&json!(one), &json!(1)));
    app.review(one, "approve").await.expect(409);
    app.review(one, "refuse").await.expect(409);
    app.review(99, "approve").await.expect(404);
    let path = format!("/admin/v1/services/{two}/review");
    let missing = admin.post(&path, json!({ "decision": "refuse" })).await.expect(400).json();
    assert_eq!(missing["field"], "reason");
    admin.post(&path, json!({ "decision": "burn" })).await.expect(400);
    let refused =
        admin.post(&path, json!({ "decision": "refuse", "reason": "广告" })).await.expect(200).json();
    assert_eq!((&refused["status"], &refused["refuse_reason"]), (&json!(5), &json!("广告")));
    app.review(two, "take_down").await.expect(409);
    publisher.act_on_service(one, 3).await.ok();
    app.review(one, "take_down").await.expect(409);

    let all = admin.get("/admin/v1/services").await.expect(200).json();
    assert_eq!((&all["total"], &all["items"][0]["id"]), (&json!(2), &json!(two)));
    let refused = admin.get("/admin/v1/services?status=5&page=1&size=1").await.expect(200).json();
    assert_eq!(
        (&refused["total"], &refused["items"][0]["id"], &refused["size"]),
        (&json!(1), &json!(two), &json!(1))
    );
    admin.get("/admin/v1/services?status=6").await.expect(400);

    let audit =
        admin.get(&format!("/admin/v1/audit?target=service%20{two}")).await.json()["items"][0].clone();
    assert_eq!(
        (&audit["action"], &audit["before"], &audit["after"]),
        (&json!("service.refuse"), &json!({ "status": 0 }), &json!({ "status": 5, "reason": "广告" }),)
    );
}

async fn staff_read_an_orders_history(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let (order, other) = (consumer.ordered(service).await, consumer.ordered(service).await);
    publisher.act_on_order(order, 1).await.ok();
    consumer.act_on_order(other, 7).await.ok();
    let path = format!("/admin/v1/orders/{order}/events");
    let auditor = app.staff(Role::Auditor).await;
    let page = auditor.get(&path).await.expect(200).json();
    let own = consumer.home_get(&format!("order/{order}/events")).await.ok();
    assert_eq!((&page["items"], &page["total"]), (&own, &json!(2)), "as its two sides see it");
    let step = &auditor.get(&format!("{path}?page=2&size=1")).await.expect(200).json()["items"];
    assert_eq!((&step[0]["action"], &step[0]["by"]), (&json!("agree"), &json!("publisher")));
    let beyond = auditor.get(&format!("{path}?page=3&size=1")).await.expect(200).json();
    assert_eq!((&beyond["items"], &beyond["total"]), (&json!([]), &json!(2)));
    auditor.get("/admin/v1/orders/99/events").await.expect(404);
    app.get(&path).await.expect(401);
    app.drain_outbox().await;
}

async fn staff_search_orders(app: TestApp) {
    let (publisher, consumer, other) = (app.user(1).await, app.user(2).await, app.user(3).await);
    let service = publisher.published(&json!({})).await;
    let (one, two) = (consumer.ordered(service).await, other.ordered(service).await);
    publisher.act_on_order(one, 1).await.ok();
    let auditor = app.staff(Role::Auditor).await;
    let search = |query: &'static str| {
        let auditor = auditor.clone();
        async move {
            let page = auditor.get(&format!("/admin/v1/orders?{query}")).await.expect(200).json();
            let id = |item: &Value| item["id"].as_i64().unwrap();
            let ids: Vec<i64> = page["items"].as_array().unwrap().iter().map(id).collect();
            assert_eq!(page["total"], ids.len());
            ids
        }
    };
    assert_eq!(search("").await, [two, one]);
    assert_eq!(search("status=1").await, [one]);
    assert_eq!(search("user_id=3").await, [two]);
    assert_eq!(search("user_id=1&status=0").await, [two]);
    assert_eq!(search("order_no=2021100100000001").await, [one]);
    assert_eq!(search("order_no=1").await, [0; 0]);
}

async fn pairs_are_for_administrators(app: TestApp) {
    let (admin, auditor) = (app.staff(Role::Admin).await, app.staff(Role::Auditor).await);
    let pair = json!({ "i_code": "秘密-7", "order_no": "77" });
    let issued = admin.post("/admin/v1/enrolments", pair.clone()).await.expect(201).json();
    assert_eq!(
        (&issued["i_code"], &issued["order_no"], &issued["expires_at"]),
        (&json!("秘密-7"), &json!(77), &Value::Null)
    );
    admin.post("/admin/v1/enrolments", pair).await.expect(409);
    let listed = auditor.get("/admin/v1/enrolments").await.expect(200).json();
    assert_eq!((&listed["items"][0]["order_no"], &listed["items"][0]["i_code"]), (&json!(77), &json!("")));
    let kept = app.texts("SELECT fingerprint || sealed_code AS value FROM enrolment").await.remove(0);
    assert!(!kept.contains("秘密"));
    auditor.post("/admin/v1/enrolments", json!({ "i_code": "x", "order_no": 1 })).await.expect(403);
    auditor.delete("/admin/v1/enrolments/1").await.expect(403);
    for wrong in [
        json!({ "order_no": 1 }),
        json!({ "i_code": "x" }),
        json!({ "i_code": "x", "order_no": 0 }),
        json!({ "i_code": "x", "order_no": 1, "expires_at": "2021-10-01 07:59:59" }),
        json!({ "i_code": "x", "order_no": 1, "expires_at": "soon" }),
    ] {
        admin.post("/admin/v1/enrolments", wrong).await.expect(400);
    }
    let audit = admin.get("/admin/v1/audit?action=enrolment.add").await.json();
    assert!(!audit.to_string().contains("秘密"), "{audit}");
}

async fn the_days_numbers_have_open_orders(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    consumer.ordered(service).await;
    let rejected = consumer.ordered(service).await;
    publisher.act_on_order(rejected, 2).await.ok();
    let stats = app.staff(Role::Auditor).await.get("/admin/v1/stats").await.expect(200).json();
    assert_eq!((&stats["open_orders"], &stats["open_refunds"]), (&json!(1), &json!(0)));
}

async fn only_staff_moderate(app: TestApp) {
    let user = app.user(1).await;
    for path in ["services", "orders", "enrolments"] {
        user.get(&format!("/admin/v1/{path}")).await.expect(401);
    }
    let id = user.service(app.draft().await).await;
    let review = json!({ "decision": "approve" });
    let path = format!("/admin/v1/services/{id}/review");
    user.post(&path, review.clone()).await.expect(401);
    app.staff(Role::Reception).await.post(&path, review).await.expect(403);
}
