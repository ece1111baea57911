//! Whether what a request costs depends on how much has been booked before.

use std::sync::Arc;

use yuyue_db::{Db, Engine, Options, params, sql};

use crate::client::post;
use crate::scenarios::Scenario;

/// Rows a statement; keeps each under the server engine's statement time-out.
const CHUNK: i64 = 50_000;
const LISTS_OF: u64 = 2_000;

/// The server's database, beside the server.
pub fn open(engine: Engine) -> Db {
    Db::open_migrated(&Options { engine, queue: 16, connections: 2 }).expect("the database opens")
}

/// Adds appointments until there are `total`: 20 a person, spread over the years before today.
pub async fn fill(db: &Db, from: i64, total: i64) {
    let insert = sql!(
        "WITH RECURSIVE numbers(n) AS (
             SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2
         )
         INSERT INTO appointment (day, hour, minute, starts_at, ends_at, open_id, name, phone_num, created_at)
         SELECT '2020-01-01', 9, 0, 1577840400000 + n * 60000, 1577840400000 + n * 60000 + 600000,
                'grown-' || CAST(n / 20 AS TEXT), '李四', '13900000000', 0
         FROM numbers"
    );
    for first in (from..total).step_by(usize::try_from(CHUNK).unwrap_or(1)) {
        let last = (first + CHUNK).min(total);
        let done = db.write("bench.fill", move |tx| tx.execute(insert, params![first, last]));
        done.await.expect("appointments can be added");
    }
}

/// Lists of people with twenty appointments each.
pub fn own_list() -> Scenario {
    let make = |number: u64| {
        let body = format!(r#"{{"open_id":"grown-{}"}}"#, number.wrapping_mul(7_919) % (LISTS_OF / 4));
        post("/v1/appointment/list", None, &body)
    };
    Scenario { name: "own list of twenty", expected: b"\"error_no\":0", make: Arc::new(make) }
}
