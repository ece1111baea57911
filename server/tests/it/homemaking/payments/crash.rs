//! The program is killed in the middle of moving money, and started again: no order is paid for
//! nothing, nobody pays for no order, nothing is paid back twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use yuyue::adapters::http::{BaseUrl, Http, HttpLimits};
use yuyue::secrets::KEY_FILE;
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::home::address;
use crate::support::served::soon;

both! {
    killed_again_and_again_no_money_is_lost_or_moved_twice,
    the_command_line_says_where_the_ledger_differs,
}

/// The program, its database and its folder. The story's own application looks into the same database.
struct Program {
    app: TestApp,
    folder: TempDir,
    running: Child,
    address: String,
    http: Http,
}

fn program(app: &TestApp, folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yuyue"));
    command.args(words).arg("--data-dir").arg(folder).arg("--database-url").arg(app.database_url());
    command.kill_on_drop(true);
    command
}

async fn start(app: &TestApp, folder: &Path) -> (Child, String) {
    let mut command = program(app, folder, &["serve", "--demo", "--listen", "127.0.0.1:0"]);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let address = soon("it listens", async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the program says where it listens");
            if let Some(address) = line.strip_prefix("listening on ") {
                break address.to_owned();
            }
        }
    });
    (running, address.await)
}

impl Program {
    async fn start(app: &TestApp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(app.config.data_dir.join(KEY_FILE), folder.path().join(KEY_FILE)).unwrap();
        let (running, address) = start(app, folder.path()).await;
        let http = Http::new(HttpLimits::default()).unwrap();
        Self { app: app.clone(), folder, running, address, http }
    }

    /// As `kill -9`.
    async fn kill(&mut self) {
        self.running.kill().await.unwrap();
    }

    /// Starts again over what is there. Whoever was at work is gone, so nobody needs to wait for them.
    async fn start_again(&mut self) {
        self.app.execute("UPDATE payment SET busy_until = 0").await;
        self.app
            .execute("UPDATE outbox SET due_at = 0 WHERE state = 'waiting' AND unique_name IS NULL")
            .await;
        let (running, address) = start(&self.app, self.folder.path()).await;
        (self.running, self.address) = (running, address);
    }

    /// A caller with this header.
    fn caller(&self, header: (&str, &str)) -> Caller {
        let header = (header.0.to_owned(), header.1.to_owned());
        Caller { http: self.http.clone(), address: self.address.clone(), header }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("payment-simulator.jsonl")
    }

    /// What the gateway knows: the last line of each charge and refund.
    fn gateway(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.journal()).unwrap_or_default();
        let mut rows = BTreeMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            for (kind, row) in line.as_object().unwrap() {
                let mut row = row.clone();
                row["kind"] = kind.as_str().into();
                rows.insert(row["id"].as_str().unwrap().to_owned(), row);
            }
        }
        rows.into_values().collect()
    }

    /// Until the gateway has taken up more than `before`.
    async fn gateway_moves(&self, before: u64) {
        soon("the gateway moves", async {
            while std::fs::metadata(self.journal()).map_or(0, |file| file.len()) <= before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn all_payments_end(&self) {
        let open = "SELECT count(*) AS value FROM payment WHERE state = 'started'";
        soon("every payment ends", async {
            while self.app.number(open).await > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

#[derive(Clone)]
struct Caller {
    http: Http,
    address: String,
    header: (String, String),
}

impl Caller {
    /// Status and body; `None` when the program was gone.
    async fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let base = BaseUrl::parse(&self.address, false).unwrap();
        let request = self.http.request(Method::POST, &base, path, None);
        let request = request.header(self.header.0.as_str(), self.header.1.as_str()).json(body);
        let answer = self.http.run(request).await.ok()?;
        Some((answer.status, answer.json().unwrap_or(Value::Null)))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.try_post(path, &body).await.expect("the program answers");
        assert!((200..300).contains(&status), "{path}: {body}");
        body
    }

    async fn home(&self, path: &str, body: Value) -> Value {
        self.post(&format!("/homemaking/v1/{path}"), body).await["data"].take()
    }
}

/// The people's headers; the program may come and go, they stay.
struct People {
    publisher: String,
    consumer: String,
    service: i64,
}

async fn people(program: &Program) -> People {
    let staff = program.app.staff(Role::Admin).await;
    let (_, authorization) = &staff.own_headers()[0];
    let staff = program.caller(("authorization", authorization));
    let mut tokens = Vec::new();
    for n in 1..=2 {
        let pair = json!({ "i_code": format!("crash-{n}"), "order_no": 9000 + n });
        staff.post("/admin/v1/enrolments", pair.clone()).await;
        let token = program.caller(("accept", "*/*")).home("token", pair).await;
        tokens.push(token["token"].as_str().unwrap().to_owned());
    }
    let draft = json!({ "begin_date": "2020-01-01", "end_date": "2099-12-31" });
    let draft = program.app.draft_with(&draft).await;
    let publisher = program.caller(("token", &tokens[0]));
    let service = publisher.home("service", draft).await["service_id"].as_i64().unwrap();
    let approve = json!({ "decision": "approve", "reason": "" });
    staff.post(&format!("/admin/v1/services/{service}/review"), approve).await;
    publisher.home(&format!("service/{service}"), json!({ "action": 1 })).await;
    let consumer = tokens.remove(1);
    People { publisher: tokens.remove(0), consumer, service }
}

impl People {
    async fn agreed(&self, program: &Program, count: usize) -> Vec<i64> {
        let publisher = program.caller(("token", &self.publisher));
        let consumer = program.caller(("token", &self.consumer));
        let mut orders = Vec::new();
        for _ in 0..count {
            let order = json!({ "service_id": self.service, "address": address() });
            let id = consumer.home("order", order).await["order_id"].as_i64().unwrap();
            publisher.home(&format!("order/{id}"), json!({ "action": 1 })).await;
            orders.push(id);
        }
        orders
    }

    /// Pays all at once, and cancels some of them, too; gives the answers as they come.
    fn pay(&self, program: &Program, orders: &[i64]) -> JoinSet<Option<(u16, Value)>> {
        let consumer = Arc::new(program.caller(("token", &self.consumer)));
        let mut calls = JoinSet::new();
        for (number, order) in orders.iter().enumerate() {
            let actions = if number % 3 == 2 { vec![3, 7] } else { vec![3] };
            for action in actions {
                let (consumer, path) = (Arc::clone(&consumer), format!("/homemaking/v1/order/{order}"));
                calls.spawn(async move { consumer.try_post(&path, &json!({ "action": action })).await });
            }
        }
        calls
    }
}

async fn killed_again_and_again_no_money_is_lost_or_moved_twice(app: TestApp) {
    let mut program = Program::start(&app).await;
    let people = people(&program).await;
    for (fault, heard) in [("ok", 1), ("lost", 2), ("slow", 0), ("ok", 4)] {
        let orders = people.agreed(&program, 6).await;
        program.caller(("accept", "*/*")).post("/demo/faults", json!({ "payment": fault })).await;
        let before = std::fs::metadata(program.journal()).map_or(0, |file| file.len());
        let mut calls = people.pay(&program, &orders);
        program.gateway_moves(before).await;
        for _ in 0..heard {
            soon("an answer", calls.join_next()).await.unwrap().unwrap();
        }
        program.kill().await;
        soon("the callers give up", calls.join_all()).await;
        program.start_again().await;
        program.all_payments_end().await;
    }
    // The demo has orders of its own.
    let own = format!("FROM service_order o WHERE o.service_id = {}", people.service);
    let paid = format!("SELECT count(*) AS value {own} AND o.status = 2");
    assert!(app.number(&paid).await > 0, "not everything was in vain");

    // The same for the way back.
    let publisher = program.caller(("token", &people.publisher));
    let consumer = program.caller(("token", &people.consumer));
    program.caller(("accept", "*/*")).post("/demo/faults", json!({ "payment": "slow" })).await;
    let before = std::fs::metadata(program.journal()).unwrap().len();
    let orders =
        app.texts(&format!("SELECT CAST(id AS TEXT) AS value {own} AND o.status = 2 ORDER BY id")).await;
    for order in &orders {
        let ask = json!({ "order_id": order, "reason": "不想要了" });
        let refund = consumer.home("refund", ask).await["id"].as_i64().unwrap();
        publisher.home(&format!("refund/{refund}"), json!({ "action": 1 })).await;
    }
    program.gateway_moves(before).await;
    program.kill().await;
    program.start_again().await;
    program.all_payments_end().await;
    assert_eq!(app.number(&paid).await, 0);
    let open = format!(
        "SELECT count(*) AS value FROM refund r WHERE r.status <> 2 AND r.order_id IN (SELECT o.id {own})"
    );
    assert_eq!(app.number(&open).await, 0);

    program.kill().await;
    let verified = program_says(&app, program.folder.path()).await;
    assert!(verified.0, "{verified:?}");
    assert_gateway_agrees(&program, &own).await;
}

/// What the gateway moved is what the payments say, each once; and in the end all of it is back that
/// was paid for the orders `own`.
async fn assert_gateway_agrees(program: &Program, own: &str) {
    let settled = program.gateway().into_iter().filter(|row| row["state"] == "settled");
    let moved: Vec<String> = settled
        .map(|row| {
            format!("{} {} {}", row["id"].as_str().unwrap(), row["kind"].as_str().unwrap(), row["amount"])
        })
        .collect();
    let known = "SELECT out_no || ' ' || kind || ' ' || CAST(amount_fen AS TEXT) AS value FROM payment
                 WHERE state = 'settled' ORDER BY out_no";
    let mut known = program.app.texts(known).await;
    known.sort();
    assert_eq!(moved, known);
    let sum = format!(
        "SELECT CAST(sum(CASE kind WHEN 'charge' THEN amount_fen ELSE -amount_fen END) AS BIGINT) AS value
         FROM payment WHERE state = 'settled' AND order_id IN (SELECT o.id {own})"
    );
    assert_eq!(program.app.number(&sum).await, 0);
}

/// Whether `yuyue ledger verify` is content, and what it prints.
async fn program_says(app: &TestApp, folder: &Path) -> (bool, String) {
    let output = program(app, folder, &["ledger", "verify"]).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

async fn the_command_line_says_where_the_ledger_differs(app: TestApp) {
    let market = super::Market::open(&app).await;
    let id = market.paid().await;
    let folder = app.config.data_dir.clone();
    let right = program_says(&app, &folder).await;
    assert_eq!(right, (true, "the ledger is right: 1 entries of 1 orders\n".to_owned()));
    app.execute(&format!("UPDATE service_order SET status = 1 WHERE id = {id}")).await;
    let (is_content, said) = program_says(&app, &folder).await;
    assert!(!is_content);
    assert!(
        said.contains(&format!("order {id}: in state Unpaid the account gateway should hold 0.00")),
        "{said}"
    );
    assert!(said.contains("yuyue: the ledger differs in 2 places"), "{said}");
}
