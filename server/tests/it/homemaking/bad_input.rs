//! Each field of each endpoint wrong in each way: the error names it, and nothing changes.

use serde_json::{Value, json};

use crate::support::TestApp;

both! {
    a_wrong_field_is_named_and_changes_nothing,
}

/// Wrong values by what a field is.
fn wrong(kind: &str) -> Vec<Value> {
    let long = |length: usize| Value::from("长".repeat(length));
    let mut values = vec![Value::Null, json!(""), json!("  "), json!([]), json!({})];
    if kind != "flag" {
        values.push(json!(true));
    }
    values.extend(match kind {
        "id" => vec![json!(0), json!(-1), json!(1.5), json!("1.0"), json!("x"), json!("9223372036854775808")],
        "kind" => vec![json!(0), json!(3), json!("1 2")],
        "flag" => vec![json!(2), json!(-1), json!("yes")],
        "gender" => vec![json!(3), json!(-1), json!("男")],
        "name" => vec![json!(7), long(65), json!("a\u{0}b"), json!("a\nb")],
        "prose" => vec![json!(7), long(5001), json!("a\u{7}b")],
        "day" => {
            vec![json!("2021-02-30"), json!("2021-1-1"), json!(20_211_001), json!("2021-10-01 08:00:00")]
        }
        "price" => vec![
            json!(0),
            json!(-1),
            json!("0.001"),
            json!(1.234),
            json!("1000000.01"),
            json!("1e3"),
            json!("￥1"),
        ],
        "url" => vec![json!(7), json!("javascript:alert(1)"), json!("/a.png"), long(1001)],
        _ => panic!("{kind}"),
    });
    values
}

async fn refused(app: &TestApp, request: (&str, &str, Value), (field, value): (&str, &Value)) {
    let (method, path, mut body) = request;
    body[field] = value.clone();
    let before = app.checksums().await;
    let answer = match method {
        "PUT" => app.home_put(path, body).await,
        _ => app.home_post(path, body).await,
    };
    assert_eq!(answer.failure(), (400, 10000), "{method} {path} {field} = {value}");
    assert!(answer.says().contains(&format!(" {field}: ")), "{field} = {value}: {answer:?}");
    assert_eq!(app.checksums().await, before, "{field} = {value} changed something");
}

async fn a_wrong_field_is_named_and_changes_nothing(app: TestApp) {
    let user = app.user(1).await;
    let draft = app.draft().await;
    let own = user.service(draft.clone()).await;
    let fields = [
        ("type", "kind"),
        ("title", "name"),
        ("category_id", "id"),
        ("cover_image_id", "id"),
        ("designated_place", "flag"),
        ("description", "prose"),
        ("begin_date", "day"),
        ("end_date", "day"),
        ("price", "price"),
    ];
    let edit = format!("service/{own}");
    for (method, path) in [("POST", "service"), ("PUT", edit.as_str())] {
        for (field, kind) in fields {
            // What a change leaves out is kept.
            for value in wrong(kind).iter().filter(|value| method == "POST" || !value.is_null()) {
                refused(&user, (method, path, draft.clone()), (field, value)).await;
            }
        }
        // Well-formed, but of nothing.
        for (field, value) in
            [("category_id", json!(8)), ("cover_image_id", json!(99)), ("end_date", json!("2021-09-29"))]
        {
            refused(&user, (method, path, draft.clone()), (field, &value)).await;
        }
    }
    let profile = json!({ "nickname": "x", "avatar": "http://a.example/1", "gender": 1 });
    for (field, kind) in [("nickname", "name"), ("avatar", "url"), ("gender", "gender")] {
        let is_given =
            |value: &&Value| value.as_str().map_or(!value.is_null(), |text| !text.trim().is_empty());
        for value in wrong(kind).iter().filter(is_given) {
            refused(&user, ("PUT", "user", profile.clone()), (field, value)).await;
        }
    }
    for (field, value) in [
        ("tel", json!("1234")),
        ("tel", json!(10086)),
        ("real_name", json!("a\u{0}")),
        ("tel", json!("12345x")),
    ] {
        refused(&user, ("PUT", "user", profile.clone()), (field, &value)).await;
    }
    for value in wrong("id") {
        refused(&user, ("POST", "order", json!({})), ("service_id", &value)).await;
        refused(&user, ("POST", "token", json!({ "i_code": "x" })), ("order_no", &value)).await;
    }
    for value in wrong("name") {
        refused(&user, ("POST", "token", json!({ "order_no": 1 })), ("i_code", &value)).await;
    }
    for value in [json!(1), json!(true), json!("x".repeat(257))] {
        refused(&user, ("POST", "token/verify", json!({})), ("token", &value)).await;
    }
}
