//! Long work goes in parts, so that nobody waits long behind it.

use serde_json::json;
use yuyue::clock::{DAY, MINUTE};
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::served::soon;

both! {
    cleaning_up_changes_few_rows_at_a_time,
    retention_changes_few_rows_at_a_time,
    erasing_changes_few_rows_at_a_time,
    an_erasing_that_was_interrupted_goes_on,
}

const MOST: u64 = 500;
const PHONE: &str = "13900000077";

impl TestApp {
    /// Adds `count` rows at once: `select` may use `i`, from 1.
    async fn many(&self, count: usize, insert: &str, select: &str) {
        let numbers = format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) q"
        );
        self.execute(&format!("INSERT INTO {insert} SELECT {select} FROM {numbers}")).await;
    }

    /// Visits in which [`PHONE`] stands as visitor, with a companion and a pass each.
    async fn many_visits(&self, count: usize) {
        let (at, end) = (self.clock.now().at, self.clock.now().at + DAY);
        let columns =
            "visit (id, purpose, remark, come_from, group_ids, proposer, proposer_key, interviewee, interviewee_key,
             interviewee_phone, interviewee_phone_key, department, starts_at, ends_at, created_at, refusal, is_indexed)";
        let values = format!(
            "i + 1000, 1, 'with a dog', '', '[]', '{PHONE}', '{PHONE}', '李四', '李四', '13811111111', '13811111111', '', {at}, {end}, {at}, '',
             FALSE"
        );
        self.many(count, columns, &values).await;
        let columns = "visit_person (id, visit_id, position, name, name_key, phone, phone_key)";
        self.many(
            count,
            columns,
            &format!("i + 1000, i + 1000, 0, '张三丰', '张三丰', '{PHONE}', '{PHONE}'"),
        )
        .await;
        self.many(count, columns, "i + 5000, i + 1000, 1, '王某', '王某', '13900000078', '13900000078'")
            .await;
        let pass = "pass (token, visit_id, person_id, valid_from, valid_until)";
        self.many(count, pass, &format!("'t' || CAST(i AS TEXT), i + 1000, i + 1000, {at}, {end}")).await;
        self.get("/admin/v1/visits?name=张三丰").await;
    }

    async fn named(&self) -> i64 {
        self.number(&format!("SELECT count(*) AS value FROM visit_person WHERE phone = '{PHONE}'")).await
    }
}

async fn cleaning_up_changes_few_rows_at_a_time(app: TestApp) {
    app.drain_outbox().await;
    let old = app.clock.now().at;
    app.many(1_203, "rate (name, since, count, expires_at)", &format!("'n' || CAST(i AS TEXT), 0, 1, {old}"))
        .await;
    app.many(1_203, "audit (at, who, action, target)", &format!("{old}, 'somebody', 'old', 'thing'")).await;
    app.many(1_203, "scan (at, device, verdict)", &format!("{old}, '', 0")).await;
    let slots = "slot (day, hour, minute, starts_at, ends_at, capacity, taken)";
    app.many(1_203, slots, "'2001-01-01', i / 60, i % 60, i, i + 1, 1, 0").await;
    let left = "SELECT (SELECT count(*) FROM rate WHERE since = 0) + (SELECT count(*) FROM audit WHERE action = 'old')
                       + (SELECT count(*) FROM scan) + (SELECT count(*) FROM slot WHERE day = '2001-01-01') AS value";
    assert_eq!(app.number(left).await, 4 * 1_203);
    app.clock.advance(100 * DAY);
    let _ = app.db.most_rows_changed();
    app.drain_outbox().await;
    assert_eq!(app.number(left).await, 2 * 1_203, "scans and the audit log are kept longer");
    app.clock.advance(1_000 * DAY);
    app.drain_outbox().await;
    assert_eq!(app.number(left).await, 0);
    let most = app.db.most_rows_changed();
    assert!(most > 0 && most <= MOST, "{most} rows in one transaction");
}

async fn retention_changes_few_rows_at_a_time(app: TestApp) {
    app.many_visits(700).await;
    app.drain_outbox().await;
    app.clock.advance(200 * DAY);
    let _ = app.db.most_rows_changed();
    app.drain_outbox().await;
    assert_eq!(app.named().await, 0);
    let most = app.db.most_rows_changed();
    assert!(most > 0 && most <= MOST, "{most} rows in one transaction");
}

async fn erasing_changes_few_rows_at_a_time(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    app.many_visits(700).await;
    app.drain_outbox().await;
    let _ = app.db.most_rows_changed();
    let erased = admin.post("/admin/v1/visits/erase", json!({ "phone": PHONE })).await.expect(200).json();
    assert_eq!(erased["complete"], false, "a request waits for a part of it only");
    app.drain_outbox().await;
    let most = app.db.most_rows_changed();
    assert!(most > 0 && most <= MOST, "{most} rows in one transaction");
    assert_eq!(app.named().await, 0);
    let companions = "SELECT count(*) AS value FROM visit_person WHERE name = '王某'";
    assert_eq!(app.number(companions).await, 700, "the others stay");
    let written = format!("SELECT count(*) AS value FROM visit WHERE remark <> '' OR proposer = '{PHONE}'");
    assert_eq!(app.number(&written).await, 0);
    assert_eq!(app.number("SELECT count(*) AS value FROM pass WHERE valid_until > 0").await, 0);
    let jobs = "SELECT count(*) AS value FROM outbox WHERE kind = 'visitors.erase'";
    assert_eq!(app.number(jobs).await, 0, "nothing is left to do");
    let audit = admin.get("/admin/v1/audit?action=visits.erase").await.expect(200).json();
    assert_eq!(audit["items"][0]["after"]["visits"], 700);
}

async fn an_erasing_that_was_interrupted_goes_on(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    app.many_visits(700).await;
    app.drain_outbox().await;
    let caller = admin.clone();
    let asked =
        tokio::spawn(async move { caller.post("/admin/v1/visits/erase", json!({ "phone": PHONE })).await });
    soon("the first part", async {
        while app.named().await == 700 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    asked.abort();
    let payloads = app.texts("SELECT payload AS value FROM outbox WHERE kind = 'visitors.erase'").await;
    assert!(payloads.iter().all(|payload| !payload.contains(PHONE)), "{payloads:?}");
    app.clock.advance(6 * MINUTE);
    app.drain_outbox().await;
    assert_eq!(app.named().await, 0);
    let audited = "SELECT count(*) AS value FROM audit WHERE action = 'visits.erase'";
    assert_eq!(app.number(audited).await, 1);
}
