use serde_json::{Value, json};
use yuyue::staff::Role;

use super::{path, problem};
use crate::support::TestApp;

both! {
    points_and_tests_reach_the_member,
    brands_and_shops_are_listed_newest_first,
}

async fn points_and_tests_reach_the_member(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let member = app.member("13811111111").await;
    app.member("13822222222").await;
    let listed = admin.items("members?mobile=13811111111").await;
    let id = listed[0]["id"].as_i64().unwrap();
    assert_eq!((listed.len(), &listed[0]["point"], &listed[0]["is_testing"]), (1, &json!(10), &json!(0)));
    assert_eq!(listed[0]["created_at"], "2021-10-01 08:00:00");
    assert_eq!(admin.items("members").await.len(), 2);
    member.put("/v1/accounts/me", json!({ "nickname": "小 Li" })).await.expect(200);
    assert_eq!(admin.items("members?nickname=Li").await[0]["id"], id);
    assert_eq!(admin.items("members?nickname=li").await.len(), 0);
    assert_eq!(admin.items("members?nickname=Li&mobile=13822222222").await.len(), 0);

    let points = path(&format!("members/{id}/points"));
    let grant = |point: Value| json!({ "event_type": "COMMENT", "point": point, "reason": "好评" });
    let entry = admin.post(&points, grant(json!("25"))).await.expect(201).json();
    let of_member = member.get("/v1/accounts/me/points").await.expect(200).json();
    assert_eq!(entry, of_member[0], "the item is what the member sees");
    assert_eq!(
        (&entry["point"], &entry["event_type"], &entry["reason"]),
        (&json!(25), &json!("COMMENT"), &json!("好评"))
    );
    admin.post(&points, grant(json!(-30))).await.expect(201);
    assert_eq!(member.get("/v1/accounts/me").await.json()["point"], 5);
    for point in [json!(0), json!(1.5), json!(null)] {
        assert_eq!(problem(&admin.post(&points, grant(point)).await, 400), "point");
    }

    let brand = admin.post(&path("brands"), json!({ "name": "爱美兔" })).await.expect(201).json();
    let shop = json!({ "brand_id": brand["id"], "name": "国贸店", "street": "建国路", "contact_tel": "010", "is_exp": 1 });
    let shop = admin.post(&path("shops"), shop).await.expect(201).json();
    let tests = path(&format!("members/{id}/tests"));
    assert_eq!(problem(&admin.post(&tests, json!({ "shop_id": 77 })).await, 400), "shop_id");
    assert_eq!(member.get("/v1/accounts/me").await.json()["is_testing"], 0);
    let test = admin.post(&tests, json!({ "shop_id": shop["id"] })).await.expect(201).json();
    assert_eq!((&test["user_id"], &test["shop"]), (&json!(id), &shop));
    assert_eq!(member.get("/v1/accounts/me").await.json()["is_testing"], 1);
    assert_eq!(member.get("/v1/accounts/me/shops").await.json(), json!([shop]));
}

async fn brands_and_shops_are_listed_newest_first(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let add = json!({ "name": "爱美兔", "founder_name": "王美丽" });
    let first = admin.post(&path("brands"), add).await.expect(201).json();
    assert_eq!(first, json!({ "id": first["id"], "name": "爱美兔", "founder_name": "王美丽" }));
    let second = admin.post(&path("brands"), json!({ "name": "B" })).await.expect(201).json();
    assert_eq!(admin.items("brands").await, [second, first.clone()]);
    assert_eq!(admin.items("brands?size=1&page=2").await, std::slice::from_ref(&first));
    let add = json!({ "brand_id": first["id"], "name": "国贸店" });
    let shop = admin.post(&path("shops"), add).await.expect(201).json();
    let expected = json!({ "id": shop["id"], "brand": first, "name": "国贸店", "street": "", "contact_tel": "", "is_exp": 0 });
    assert_eq!(shop, expected);
    assert_eq!(
        admin.get(&path("shops")).await.json(),
        json!({ "items": [shop], "total": 1, "page": 1, "size": 20 })
    );
}
