//! The public list after a midnight at which more begin and end than a request should wait for.

use jiff::civil::date;
use serde_json::{Value, json};

use crate::support::TestApp;

both! { a_list_is_right_however_much_waits, what_is_little_is_done_by_who_lists }

const MANY: i64 = 1_500;

impl TestApp {
    /// Many services like `id`, of all types and categories, listed from `begin` to `end`.
    async fn multiply(&self, id: i64, (begin, end): (i64, i64), price: i64) {
        let at = |day: i64| {
            date(2021, 9, 30)
                .saturating_add(jiff::ToSpan::days(day))
                .to_zoned(self.clock.zone().clone())
                .unwrap()
                .timestamp()
                .as_millisecond()
        };
        let (begins_at, ends_at) = (at(begin), at(end));
        self.execute(&format!(
            "INSERT INTO service (publisher_id, type, category_id, title, description, cover_image_id,
                                  designated_place, price_fen, begin_date, end_date, begins_at, ends_at, status,
                                  refusal, score_sum, score_count, score, sales_volume, version, turns_at,
                                  created_at)
             SELECT publisher_id, 1 + n.i % 2, 1 + n.i % 7, title, description, cover_image_id, designated_place,
                    {price} + n.i % 50 * 100, begin_date, end_date, {begins_at}, {ends_at}, 2, refusal, 0, 0,
                    n.i % 51, n.i % 9, 1, {begins_at}, created_at
             FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
                   SELECT i FROM n) n CROSS JOIN service s WHERE s.id = {id}"
        ))
        .await;
    }

    /// The list's answers to many questions.
    async fn lists(&self) -> Vec<Value> {
        let mut answers = Vec::new();
        for filter in ["", "&type=1", "&category_id=3", "&type=2&category_id=5"] {
            for keyword in
                ["", "&keyword=%E5%AF%84", "&keyword=a", "&keyword=%E5%AF%84%E5%85%BBAb", "&keyword=x"]
            {
                for sort in ["newest", "score", "sales_volume", "price", "price_desc"] {
                    for page in [1, 2, 40] {
                        let query = format!("page={page}&count=7&sort={sort}{filter}{keyword}");
                        answers.push(self.home_get(&format!("service/list?{query}")).await.ok());
                    }
                }
            }
        }
        answers
    }

    async fn waiting(&self) -> i64 {
        let now = self.clock.now().at;
        self.number(&format!("SELECT count(*) AS value FROM service WHERE turns_at <= {now}")).await
    }
}

async fn a_list_is_right_however_much_waits(app: TestApp) {
    let publisher = app.user(1).await;
    let mut ids = Vec::new();
    for title in ["寄养A", "寄养aB", "遛狗", "保洁"] {
        ids.push(publisher.published(&json!({ "title": title })).await);
    }
    let [leaving, coming, dog, clean] = ids[..] else { panic!() };
    app.multiply(leaving, (0, 2), 5_000).await;
    app.multiply(coming, (2, 5), 5_050).await;
    app.drain_outbox().await;
    assert_eq!(app.home_get("service/list?page=1&count=1").await.ok()["total"], MANY + 4);
    app.at(date(2021, 10, 1).at(23, 59, 59, 999_000_000));
    assert_eq!(app.waiting().await, 0);
    app.clock.advance(1);
    assert_eq!(app.waiting().await, 2 * MANY);
    // What people do in the midst of it counts at once, too.
    publisher.act_on_service(dog, 2).await.ok();
    app.review(clean, "take_down").await.expect(200);
    let late = app.lists().await;
    assert_eq!(late[0]["total"], MANY + 2);
    assert_eq!(app.waiting().await, 2 * MANY + 2, "left to the timer");
    app.drain_outbox().await;
    assert_eq!(app.waiting().await, 0);
    let ready = app.lists().await;
    for (late, ready) in late.iter().zip(&ready) {
        assert_eq!(late, ready);
    }
    let counted = "SELECT total AS value FROM service_listing_total WHERE facet = 0";
    assert_eq!(app.number(counted).await, MANY + 2);
}

async fn what_is_little_is_done_by_who_lists(app: TestApp) {
    let publisher = app.user(1).await;
    for _ in 0..3 {
        publisher.published(&json!({ "end_date": "2021-10-01" })).await;
    }
    assert_eq!(app.waiting().await, 3);
    assert_eq!(app.home_get("service/list?page=1&count=1").await.ok()["total"], 3);
    assert_eq!(app.waiting().await, 0);
    // The timer has not to be waited for: it wakes when they end.
    app.drain_outbox().await;
    app.at(date(2021, 10, 2).at(0, 0, 0, 0));
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM service_listing").await, 0);
}
