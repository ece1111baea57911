//! Homemaking: the public list at two sizes, and orders from placing to rating.

use serde_json::{Value, json};
use std::sync::Arc;
use yuyue_db::{Db, params, sql};

use crate::client::{Connection, find, get, post};
use crate::scenarios::Scenario;

const SUCCESS: &[u8] = b"\"error_code\":0";
const CHUNK: i64 = 50_000;

/// A request as the user of a token.
fn as_user(token: &str, method: &str, path: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} /homemaking/v1/{path} HTTP/1.1\r\nHost: bench\r\ntoken: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn data(connection: &mut Connection, request: Vec<u8>) -> Value {
    let (_, reply) = connection.send(&request).await;
    assert!(find(reply, SUCCESS).is_some(), "{}", String::from_utf8_lossy(reply));
    let mut reply: Value = serde_json::from_slice(reply).expect("a reply is JSON");
    reply["data"].take()
}

/// Two of the demo's users, and a service of the first.
pub struct Market {
    publisher: String,
    consumer: String,
    service: i64,
}

impl Market {
    pub async fn new(address: &str) -> Self {
        let mut connection = Connection::open(address).await;
        let mut token = async |n: i64| {
            let pair = json!({ "i_code": format!("demo-{n}"), "order_no": 1000 + n }).to_string();
            let token = data(&mut connection, post("/homemaking/v1/token", None, &pair)).await;
            token["token"].as_str().expect("a token is text").to_owned()
        };
        let (publisher, consumer) = (token(1).await, token(2).await);
        let mine = as_user(&publisher, "GET", "service/my?type=1&status=2&page=1&count=1", "");
        let mine = data(&mut connection, mine).await;
        let service = mine["data"][0]["id"].as_i64().expect("the demo's first user publishes a service");
        Self { publisher, consumer, service }
    }

    pub fn placement(&self) -> Scenario {
        let body = json!({
            "service_id": self.service,
            "address": { "userName": "张三", "telNumber": "020-81167888", "detailInfo": "新港中路397号" },
        });
        let request = as_user(&self.consumer, "POST", "order", &body.to_string());
        Scenario { name: "order placement", expected: SUCCESS, make: Arc::new(move |_| request.clone()) }
    }

    /// Agree, pay, confirm, rate: the requests of one connection are the steps of one order after the
    /// other. The orders are those that were placed last.
    pub async fn life(&self, address: &str, connections: u64) -> Scenario {
        let mut connection = Connection::open(address).await;
        let newest = as_user(&self.consumer, "GET", "order/my?role=2&status=0&page=1&count=1", "");
        let newest = data(&mut connection, newest).await;
        let last = newest["data"][0]["id"].as_u64().expect("orders were placed");
        let placed = newest["total"].as_u64().expect("a total is a number");
        let (publisher, consumer) = (self.publisher.clone(), self.consumer.clone());
        let make = move |number: u64| {
            let (connection, round) = (number % connections, number / connections);
            let life = round / 4 * connections + connection;
            // The demo's own orders are the oldest.
            assert!(life + 10 < placed, "more orders must be placed for so fast a server");
            let order = last - life;
            let act = |token: &str, action: i64| {
                as_user(token, "POST", &format!("order/{order}"), &format!("{{\"action\":{action}}}"))
            };
            match round % 4 {
                0 => act(&publisher, 1),
                1 => act(&consumer, 3),
                2 => act(&consumer, 4),
                _ => {
                    let rating = json!({ "order_id": order, "score": 5, "content": "非常好" });
                    as_user(&consumer, "POST", "rating", &rating.to_string())
                }
            }
        };
        Scenario { name: "a step of agree, pay, confirm, rate", expected: SUCCESS, make: Arc::new(make) }
    }
}

/// Pages of ten of the public list.
pub fn lists() -> [Scenario; 4] {
    let list = |name, query: &str| {
        let request = get(&format!("/homemaking/v1/service/list?page=1&count=10{query}"));
        Scenario { name, expected: SUCCESS, make: Arc::new(move |_| request.clone()) }
    };
    let keyword = percent_encoding::utf8_percent_encode("张伟", percent_encoding::NON_ALPHANUMERIC);
    [
        list("list of services", ""),
        list("list of services of a type and category", "&type=1&category_id=3"),
        list("list of services by score", "&sort=score"),
        list("list of services by two characters", &format!("&keyword={keyword}")),
    ]
}

/// Adds published services numbered `from..total`, on the public list with the parts of their titles.
pub async fn fill(db: &Db, from: i64, total: i64) {
    for first in (from..total).step_by(usize::try_from(CHUNK).unwrap_or(1)) {
        let last = (first + CHUNK).min(total);
        let done = db.write("bench.services", move |tx| tx.execute(services(), params![first, last]));
        done.await.expect("services can be added");
        for statement in listings() {
            let done = db.write("bench.listing", move |tx| tx.execute(statement, params![first, last]));
            done.await.expect("the list can be laid");
        }
        for (start, length) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3)] {
            let values =
                move |tx: &mut yuyue_db::Tx<'_>| tx.execute(parts(), params![first, last, start, length]);
            db.write("bench.parts", values).await.expect("parts can be added");
        }
    }
    for statement in totals() {
        db.write("bench.totals", move |tx| tx.execute(statement, &[])).await.expect("totals can be counted");
    }
}

/// Ids of filled services begin here, beyond those of the API.
macro_rules! first_id {
    () => {
        "1000000"
    };
}

fn services() -> &'static yuyue_db::Statement {
    sql!(concat!(
        "WITH RECURSIVE numbers(n) AS (
             SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2
         ), named(n, name) AS (
             SELECT n, substr('王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗', CAST(n % 20 + 1 AS INTEGER), 1)
                    || substr('伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉', CAST(n / 20 % 24 + 1 AS INTEGER), 1)
                    || substr('华英玉萍红鹏飞斌宇浩凯秀云莉建国志海波梅琳雪', CAST(n / 480 % 22 + 1 AS INTEGER), 1)
             FROM numbers
         )
         INSERT INTO service (id, publisher_id, type, category_id, title, description, cover_image_id, designated_place,
                              price_fen, begin_date, end_date, begins_at, ends_at, status, refusal, score_sum,
                              score_count, score, sales_volume, version, turns_at, listed_as, listed_key, created_at)
         SELECT ",
        first_id!(),
        " + n, (SELECT min(id) FROM home_user), n % 2 + 1, n % 7 + 1, name, '上门服务，质量保证，价格合理，欢迎预约。',
                (SELECT min(id) FROM home_file), 0, n % 1000 * 100 + 100, '2020-01-01', '2099-12-31', 1577808000000,
                4102416000000, 2, '', n % 51, 10, n % 51, n % 5000, 1, 4102416000000, (n % 2 + 1) * 100 + n % 7 + 1,
                name, 1577840400000 + n
         FROM named"
    ))
}

macro_rules! listing {
    ($facet:literal) => {
        sql!(concat!(
            "INSERT INTO service_listing (facet, service_id, price_fen, score, sales_volume)
             SELECT ",
            $facet,
            ", id, price_fen, score, sales_volume FROM service WHERE id >= ",
            first_id!(),
            " + $1 AND id < ",
            first_id!(),
            " + $2"
        ))
    };
}

fn listings() -> [&'static yuyue_db::Statement; 4] {
    [listing!("0"), listing!("category_id"), listing!("type * 100"), listing!("type * 100 + category_id")]
}

fn parts() -> &'static yuyue_db::Statement {
    sql!(concat!(
        "INSERT INTO service_gram (gram, service_id)
         SELECT substr(listed_key, CAST($3 AS INTEGER), CAST($4 AS INTEGER)), id FROM service WHERE id >= ",
        first_id!(),
        " + $1 AND id < ",
        first_id!(),
        " + $2 ON CONFLICT DO NOTHING"
    ))
}

fn totals() -> [&'static yuyue_db::Statement; 2] {
    [
        sql!(
            "INSERT INTO service_listing_total (facet, total)
             SELECT facet, count(*) FROM service_listing WHERE facet >= 0 GROUP BY facet
             ON CONFLICT (facet) DO UPDATE SET total = excluded.total"
        ),
        sql!(
            "INSERT INTO service_gram_total (gram, total)
             SELECT gram, count(*) FROM service_gram WHERE gram >= '' GROUP BY gram
             ON CONFLICT (gram) DO UPDATE SET total = excluded.total"
        ),
    ]
}
