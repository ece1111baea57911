//! Visitors: the desk, the gate, applications, and finding people by parts of their names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use yuyue_db::{Db, params, sql};

use crate::client::{Connection, find, get, post};
use crate::scenarios::Scenario;

const SUCCESS: &[u8] = b"\"code\":0";
/// Visits that are there to be signed in: more than a run at this speed needs.
const INVITED: u64 = 4_000;
const CHUNK: i64 = 50_000;

/// An application: its visitor, with companions or not, invited by the host or asking.
fn application(person: u64, is_invitation: bool, companions: u64, start: i64) -> String {
    let phone = format!("17{person:09}");
    let host = "13811111111";
    let retinues: Vec<Value> =
        (0..companions).map(|n| json!({ "name": "随行", "phone": format!("16{n}{person:08}") })).collect();
    json!({
        "subject_type": 1, "name": "张三", "phone": phone, "purpose": 2, "interviewee": "李四",
        "interviewee_phone": host, "proposer": if is_invitation { host } else { &phone },
        "start_time": start, "end_time": start + 6 * 3600, "retinues": retinues,
    })
    .to_string()
}

pub struct Visits {
    people: AtomicU64,
    /// Begins in a minute: passes are valid from half an hour before.
    start: i64,
}

impl Visits {
    /// Invites the people who will sign in.
    pub async fn new(address: &str) -> Arc<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a visit must be about now, for a server with a real clock"
        )]
        let start = jiff::Timestamp::now().as_second() + 60;
        let mut connection = Connection::open(address).await;
        for person in 0..INVITED {
            let (_, reply) =
                connection.send(&post("/v1/subject", None, &application(person, true, 0, start))).await;
            assert!(find(reply, SUCCESS).is_some(), "{}", String::from_utf8_lossy(reply));
        }
        Arc::new(Self { people: AtomicU64::new(INVITED), start })
    }

    /// Each for the first time, with a pass and messages. (Later numbers would be repeats.)
    pub fn sign_in() -> Scenario {
        let make = |number: u64| {
            post("/v1/visit/signin", None, &format!(r#"{{"phone":"17{:09}"}}"#, number % INVITED))
        };
        Scenario { name: "sign-in of a visitor", expected: SUCCESS, make: Arc::new(make) }
    }

    /// Of people who have signed in.
    pub async fn gate(address: &str) -> Scenario {
        let mut connection = Connection::open(address).await;
        let mut codes = Vec::new();
        for person in 0..64 {
            let request = post("/v1/visit/signin", None, &format!(r#"{{"phone":"17{person:09}"}}"#));
            let (_, reply) = connection.send(&request).await;
            let reply: Value = serde_json::from_slice(reply).expect("a reply is JSON");
            codes.push(json!({ "qrcode": reply["data"]["qrcode"] }).to_string());
        }
        let make = move |number: u64| post("/v1/visit/qrcode", None, &codes[(number % 64) as usize]);
        Scenario { name: "QR check at a gate", expected: SUCCESS, make: Arc::new(make) }
    }

    pub fn application(self: &Arc<Self>) -> Scenario {
        let this = Arc::clone(self);
        let make = move |_| {
            let person = this.people.fetch_add(1, Ordering::Relaxed);
            post("/v1/subject", None, &application(person, false, 3, this.start))
        };
        Scenario { name: "application with three companions", expected: SUCCESS, make: Arc::new(make) }
    }
}

/// A page of five visits whose visitor's name has `part` in it.
pub fn search(name: &'static str, part: &'static str) -> Scenario {
    let part = percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
    let make = move |_| get(&format!("/v1/visit/records?type=web&name={part}&page=1&size=5"));
    Scenario { name, expected: SUCCESS, make: Arc::new(make) }
}

pub fn searches() -> [Scenario; 3] {
    [
        search("records by one character of a name", "张"),
        search("records by two characters", "张伟"),
        search("records by three characters", "张伟华"),
    ]
}

/// Adds past visits numbered `from..total` with their people and the parts of their names.
pub async fn fill(db: &Db, from: i64, total: i64) {
    for first in (from..total).step_by(usize::try_from(CHUNK).unwrap_or(1)) {
        let last = (first + CHUNK).min(total);
        for statement in [visits(), people()] {
            let done = db.write("bench.visits", move |tx| tx.execute(statement, params![first, last]));
            done.await.expect("visits can be added");
        }
        for (start, length) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3)] {
            let done =
                db.write("bench.parts", move |tx| tx.execute(parts(), params![first, last, start, length]));
            done.await.expect("parts can be added");
        }
    }
    let done = db.write("bench.totals", |tx| tx.execute(totals(), &[])).await;
    done.expect("totals can be counted");
}

/// Ids of filled visits begin here, beyond those of the API.
macro_rules! first_id {
    () => {
        "1000000"
    };
}

fn visits() -> &'static yuyue_db::Statement {
    sql!(concat!(
        "WITH RECURSIVE numbers(n) AS (
             SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2
         )
         INSERT INTO visit (id, purpose, remark, come_from, group_ids, proposer, interviewee, interviewee_key,
                            interviewee_phone, department, starts_at, ends_at, created_at, refusal, is_indexed)
         SELECT ",
        first_id!(),
        " + n, 2, '', '', '\"\"', '17900000000', '李四', '', '13811111111', '', 1577840400000 + n * 60000,
                1577844000000 + n * 60000, 1577840400000 + n * 60000, '', TRUE
         FROM numbers"
    ))
}

fn people() -> &'static yuyue_db::Statement {
    sql!(concat!(
        "WITH RECURSIVE numbers(n) AS (
             SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2
         ), named(n, name) AS (
             SELECT n, substr('王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗', CAST(n % 20 + 1 AS INTEGER), 1)
                    || substr('伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉', CAST(n / 20 % 24 + 1 AS INTEGER), 1)
                    || substr('华英玉萍红鹏飞斌宇浩凯秀云莉建国志海波梅琳雪', CAST(n / 480 % 22 + 1 AS INTEGER), 1)
             FROM numbers
         )
         INSERT INTO visit_person (visit_id, position, name, name_key, phone)
         SELECT ",
        first_id!(),
        " + n, 0, name, name, '17900000000' FROM named"
    ))
}

fn parts() -> &'static yuyue_db::Statement {
    sql!(concat!(
        "INSERT INTO visit_gram (field, gram, at, id)
         SELECT 0, substr(p.name_key, CAST($3 AS INTEGER), CAST($4 AS INTEGER)), v.created_at, v.id
         FROM visit v JOIN visit_person p ON p.visit_id = v.id
         WHERE v.id >= ",
        first_id!(),
        " + $1 AND v.id < ",
        first_id!(),
        " + $2 ON CONFLICT DO NOTHING"
    ))
}

fn totals() -> &'static yuyue_db::Statement {
    sql!(
        "INSERT INTO visit_gram_total (field, gram, total)
         SELECT field, gram, count(*) FROM visit_gram GROUP BY field, gram
         UNION ALL SELECT 0, '', count(*) FROM visit WHERE is_indexed
         ON CONFLICT (field, gram) DO UPDATE SET total = excluded.total"
    )
}
