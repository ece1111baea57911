//! The public list: what stands on it, when, in which order.

use serde_json::{Value, json};
use yuyue::clock::DAY;

use crate::support::TestApp;

both! {
    the_list_is_narrowed_down_by_type_and_category,
    a_service_is_listed_within_its_dates,
    any_part_of_a_title_finds_it,
    the_list_is_sorted,
    a_page_past_the_end_is_empty,
    a_timer_keeps_the_list_when_nobody_looks,
}

impl TestApp {
    /// Ids on a list's page, and its total.
    async fn listed(&self, query: &str) -> (i64, Vec<i64>) {
        let page = self.home_get(&format!("service/list?page=1&count=100{query}")).await.ok();
        let id = |item: &Value| item["id"].as_i64().unwrap();
        (page["total"].as_i64().unwrap(), page["data"].as_array().unwrap().iter().map(id).collect())
    }
}

async fn the_list_is_narrowed_down_by_type_and_category(app: TestApp) {
    let publisher = app.user(1).await;
    let mut ids = Vec::new();
    for (kind, category) in [(1, 1), (1, 2), (2, 1), (1, 1)] {
        ids.push(publisher.published(&json!({ "type": kind, "category_id": category })).await);
    }
    publisher.service(app.draft().await).await;
    let [a, b, c, d] = ids[..] else { panic!() };
    assert_eq!(app.listed("").await, (4, vec![d, c, b, a]));
    assert_eq!(app.listed("&type=1").await, (3, vec![d, b, a]));
    assert_eq!(app.listed("&category_id=1").await, (3, vec![d, c, a]));
    assert_eq!(app.listed("&type=1&category_id=1").await, (2, vec![d, a]));
    assert_eq!(app.listed("&type=2&category_id=2").await, (0, vec![]));
    assert_eq!(app.listed("&type=&category_id=").await.0, 4, "empty is any");
    publisher.act_on_service(d, 2).await.ok();
    publisher.act_on_service(c, 3).await.ok();
    app.review(b, "take_down").await.expect(200);
    assert_eq!(app.listed("").await, (1, vec![a]));
    assert_eq!(app.listed("&type=1").await, (1, vec![a]));
    publisher.act_on_service(d, 1).await.ok();
    assert_eq!(app.listed("&category_id=1").await, (2, vec![d, a]));
}

async fn a_service_is_listed_within_its_dates(app: TestApp) {
    let publisher = app.user(1).await;
    let dates = |begin: &str, end: &str| json!({ "begin_date": begin, "end_date": end });
    let soon = publisher.published(&dates("2021-10-02", "2021-10-03")).await;
    let past = publisher.published(&dates("2021-09-01", "2021-09-30")).await;
    let today = publisher.published(&dates("2021-10-01", "2021-10-01")).await;
    assert_eq!(app.listed("").await, (1, vec![today]));
    publisher.home_get(&format!("service/{past}")).await.ok();
    app.at(jiff::civil::date(2021, 10, 1).at(23, 59, 59, 0));
    assert_eq!(app.listed("").await, (1, vec![today]), "the last day counts");
    app.clock.advance(1_000);
    assert_eq!(app.listed("").await, (1, vec![soon]), "at midnight, to the second");
    app.clock.advance(2 * DAY);
    assert_eq!(app.listed("").await, (0, vec![]));
    assert_eq!(app.number("SELECT count(*) AS value FROM service_listing").await, 0);
    app.drain_outbox().await;
}

async fn any_part_of_a_title_finds_it(app: TestApp) {
    let publisher = app.user(1).await;
    let title = |title: &str| json!({ "title": title, "category_id": 4 });
    let java = publisher.published(&title("Java 入门到进阶")).await;
    let php = publisher.published(&title("PHP 入门到精通")).await;
    let find = |keyword: &str| {
        let written: String = url::form_urlencoded::byte_serialize(keyword.as_bytes()).collect();
        format!("&keyword={written}")
    };
    assert_eq!(app.listed(&find("入门")).await, (2, vec![php, java]));
    assert_eq!(app.listed(&find("java")).await, (1, vec![java]), "in any case");
    assert_eq!(app.listed(&find("入门到进")).await, (1, vec![java]), "longer than any part that is kept");
    assert_eq!(app.listed(&find("门")).await.0, 2);
    assert_eq!(app.listed(&find("到进精")).await, (0, vec![]));
    assert_eq!(app.listed(&find("%")).await, (0, vec![]));
    assert_eq!(app.listed(&(find("入门") + "&category_id=4&type=1")).await, (2, vec![php, java]));
    assert_eq!(app.listed(&(find("入门") + "&type=2")).await, (0, vec![]));
    publisher.act_on_service(php, 2).await.ok();
    assert_eq!(app.listed(&find("入门")).await, (1, vec![java]));
    let totals = "SELECT CAST(total AS TEXT) AS value FROM service_gram_total WHERE gram = 'php'";
    assert_eq!(app.texts(totals).await, ["0"]);
}

async fn the_list_is_sorted(app: TestApp) {
    let publisher = app.user(1).await;
    let mut ids = Vec::new();
    for price in ["30", "10.50", "20"] {
        ids.push(publisher.published(&json!({ "price": price })).await);
    }
    let [dear, cheap, middle] = ids[..] else { panic!() };
    app.listed("").await;
    for (id, scores) in [(dear, vec![4, 5]), (cheap, vec![5]), (middle, vec![3])] {
        for score in scores {
            let count = move |tx: &mut yuyue_db::Tx<'_>| {
                yuyue::homemaking::store::services::count_scores(tx, id, (score, 1))?;
                yuyue::homemaking::store::services::count_sale(tx, id)
            };
            app.db.write::<_, yuyue::error::Error, _>("test", count).await.unwrap();
        }
    }
    assert_eq!(app.listed("&sort=newest").await.1, [middle, cheap, dear]);
    assert_eq!(app.listed("&sort=price").await.1, [cheap, middle, dear]);
    assert_eq!(app.listed("&sort=price_desc").await.1, [dear, middle, cheap]);
    assert_eq!(app.listed("&sort=score").await.1, [cheap, dear, middle]);
    assert_eq!(app.listed("&sort=sales_volume").await.1, [dear, middle, cheap]);
    assert_eq!(app.listed("&sort=price&keyword=%E5%AE%A0%E7%89%A9").await.1, [cheap, middle, dear]);
    let shown = app.home_get("service/list?page=1&count=10&sort=price_desc").await.ok();
    assert_eq!((&shown["data"][0]["score"], &shown["data"][0]["sales_volume"]), (&json!("4.5"), &json!(2)));
    assert_eq!(app.home_get("service/list?page=1&count=10&sort=best").await.failure(), (400, 10000));
    // Off the list and on again: what it had is not lost.
    publisher.act_on_service(dear, 2).await.ok();
    app.listed("").await;
    publisher.act_on_service(dear, 1).await.ok();
    assert_eq!(app.listed("&sort=sales_volume").await.1, [dear, middle, cheap]);
}

async fn a_page_past_the_end_is_empty(app: TestApp) {
    app.user(1).await.published(&json!({})).await;
    let page = app.home_get("service/list?page=9223372036854775807&count=1000").await.ok();
    assert_eq!((&page["data"], &page["total"], &page["per_page"]), (&json!([]), &json!(1), &json!(100)));
    assert_eq!(page["last_page"], 1);
    for wrong in
        ["", "page=1", "count=10", "page=0&count=10", "page=1&count=0", "page=-1&count=1", "page=x&count=1"]
    {
        assert_eq!(app.home_get(&format!("service/list?{wrong}")).await.failure(), (400, 10000), "{wrong}");
    }
    for wrong in ["type=3", "type=-1", "category_id=8", "category_id=-1"] {
        let answer = app.home_get(&format!("service/list?page=1&count=1&{wrong}")).await;
        assert_eq!(answer.failure(), (400, 10000), "{wrong}");
    }
}

async fn a_timer_keeps_the_list_when_nobody_looks(app: TestApp) {
    app.user(1).await.published(&json!({})).await;
    app.clock.advance(60_000);
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM service_listing").await, 4);
    assert_eq!(app.number("SELECT count(*) AS value FROM service_gram").await, 18);
}
