//! The load bench (`make bench`): the released server as a process of its own on each engine, driven
//! over HTTP. Figures are ratios to floors of the same run, because machines differ and are noisy.

mod client;
mod growth;
mod home;
mod hostile;
mod report;
mod scenarios;
mod server;
mod visits;

use std::process::Command;
use std::time::Duration;

use client::Load;
use report::{Report, Row};
use scenarios::{Prepared, Scenario, bare_route};
use server::Server;
use yuyue_db::Engine;

const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
/// Where the targets are judged.
const JUDGED: usize = 64;

fn seconds() -> Duration {
    let text = std::env::var("BENCH_SECONDS").unwrap_or_else(|_| "3".into());
    Duration::from_secs_f64(text.parse().expect("BENCH_SECONDS is a number"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test` runs benches too, to see that they build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut report = Report::default();
    measure_engine(&mut report, "SQLite", None).await;
    match std::env::var("YUYUE_TEST_POSTGRES") {
        Ok(url) => {
            make_database(&url);
            measure_engine(&mut report, "PostgreSQL", Some(&database_url(&url))).await;
        }
        Err(_) => eprintln!("YUYUE_TEST_POSTGRES is not set: the PostgreSQL half is skipped"),
    }
    let text = report.render();
    #[expect(clippy::print_stdout, reason = "the report is what the bench is for")]
    {
        print!("{text}");
    }
    if let Ok(file) = std::env::var("BENCH_REPORT") {
        std::fs::write(&file, text).expect("the report can be written");
    }
}

/// The same cluster, another database.
fn database_url(url: &str) -> String {
    url.replacen("/postgres?", "/yuyue_bench?", 1)
}

fn psql(url: &str, sql: &str) {
    let status = Command::new("psql").args([url, "-q", "-c", sql]).status().expect("psql runs");
    assert!(status.success(), "psql: {sql}");
}

fn make_database(url: &str) {
    psql(url, "DROP DATABASE IF EXISTS yuyue_bench");
    psql(url, "CREATE DATABASE yuyue_bench");
    run_pgbench(&database_url(url), &["-i", "-q", "-s", "20"]);
}

async fn measure_engine(report: &mut Report, engine: &'static str, url: Option<&str>) {
    let folder = tempfile::tempdir_in(bench_dir()).expect("a folder can be made");
    drop(Server::start(folder.path(), url));
    let server = Server::start(folder.path(), url);
    tokio::time::sleep(Duration::from_millis(500)).await;
    report.starts.push((engine, server.started_in, server.memory()));
    let prepared = Prepared::new(&server.address).await;
    for connections in CONNECTIONS {
        let floor = measure(&server, connections, &bare_route()).await;
        let mut rows = vec![(bare_route().name, floor)];
        for scenario in [prepared.different_slots(), prepared.hot_slot(connections)] {
            rows.push((scenario.name, measure(&server, connections, &scenario).await));
        }
        settle().await;
        for scenario in [prepared.availability(), prepared.availability_of_an_hour(), prepared.own_list()] {
            rows.push((scenario.name, measure(&server, connections, &scenario).await));
        }
        let sold_out = prepared.sold_out(&server.address).await;
        settle().await;
        rows.push((sold_out.name, measure(&server, connections, &sold_out).await));
        prepared.allow_bookings_again(&server.address).await;
        if let Some(url) = url {
            report.pgbench.push((connections, pgbench(url, connections)));
        }
        let floor_again = measure(&server, connections, &bare_route()).await;
        let floor = (floor.per_second + floor_again.per_second) / 2.0;
        report.rows.extend(rows.into_iter().map(|(name, load)| Row {
            engine,
            name,
            connections,
            load,
            floor,
        }));
    }
    let login = scenarios::password_login(&server.address, JUDGED as u64).await;
    measure_judged(report, engine, &server, &login).await;
    let at = match url {
        Some(url) => Engine::parse(url).expect("the address is valid"),
        None => Engine::Sqlite(folder.path().join("yuyue.db")),
    };
    measure_growth(report, engine, &server, at, &prepared).await;
    if let Some(url) = url {
        // What a million new rows leave to be done should not run beside the next figures.
        psql(url, "VACUUM ANALYZE");
        psql(url, "CHECKPOINT");
    }
    measure_visits(report, engine, &server).await;
    measure_orders(report, engine, &server).await;
}

/// Lets what was written reach its place, so that reading is not measured beside it.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// On the disk that the project is on: a temporary folder may be memory.
fn bench_dir() -> String {
    std::env::var("BENCH_DIR").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned())
}

async fn measure(server: &Server, connections: usize, scenario: &Scenario) -> Load {
    client::run(&server.address, connections, seconds(), scenario.expected, scenario.make.clone()).await
}

/// At the connections that targets are judged at, between two measures of the floor.
async fn measure_judged(report: &mut Report, engine: &'static str, server: &Server, scenario: &Scenario) {
    let before = measure(server, JUDGED, &bare_route()).await.per_second;
    let load = measure(server, JUDGED, scenario).await;
    let after = measure(server, JUDGED, &bare_route()).await.per_second;
    let floor = (before + after) / 2.0;
    report.rows.push(Row { engine, name: scenario.name, connections: JUDGED, load, floor });
}

/// Visitors. Applications come last: the messages they cause are still being sent while the next figure
/// is taken.
async fn measure_visits(report: &mut Report, engine: &'static str, server: &Server) {
    let visits = visits::Visits::new(&server.address).await;
    let gate = visits::Visits::gate(&server.address).await;
    settle().await;
    // Warms up what the floor, which has run for minutes, does not use.
    measure(server, JUDGED, &gate).await;
    measure_beside_hostile(report, engine, server, &gate).await;
    for scenario in [gate, visits::Visits::sign_in(), visits.application()] {
        measure_judged(report, engine, server, &scenario).await;
    }
}

/// A gate as it mostly is, with a scan now and then: alone, and beside clients that send all they may.
async fn measure_beside_hostile(report: &mut Report, engine: &'static str, server: &Server, gate: &Scenario) {
    let quiet = measure(server, 1, gate).await.p99;
    let hostile = hostile::Hostile::start(&server.address);
    let beside = measure(server, 1, gate).await.p99;
    drop(hostile);
    report.hostile.push((engine, quiet, beside));
    settle().await;
}

/// Orders: placing them, then moving those on to a rating.
async fn measure_orders(report: &mut Report, engine: &'static str, server: &Server) {
    settle().await;
    let market = home::Market::new(&server.address).await;
    measure_judged(report, engine, server, &market.placement()).await;
    let life = market.life(&server.address, JUDGED as u64).await;
    measure_judged(report, engine, server, &life).await;
}

/// One connection, so that the figure is what a request costs and not how many fit beside each other.
async fn measure_growth(
    report: &mut Report,
    engine: &'static str,
    server: &Server,
    at: Engine,
    prepared: &std::sync::Arc<Prepared>,
) {
    let db = growth::open(at);
    let mut scenarios = vec![prepared.availability_of_an_hour(), growth::own_list()];
    scenarios.extend(visits::searches());
    scenarios.extend(home::lists());
    let mut medians = Vec::new();
    for (from, total) in [(0, 10_000), (10_000, 1_000_000)] {
        growth::fill(&db, from, total).await;
        visits::fill(&db, from, total).await;
        home::fill(&db, from, total).await;
        let mut sized = Vec::new();
        for scenario in &scenarios {
            sized.push(measure(server, 1, scenario).await.p50);
        }
        medians.push(sized);
    }
    for (index, scenario) in scenarios.iter().enumerate() {
        report.growth.push((engine, scenario.name, medians[0][index], medians[1][index]));
    }
}

/// The floor of the server engine: PostgreSQL's own bench on the same cluster, in transactions a second.
fn pgbench(url: &str, connections: usize) -> f64 {
    // Nobody's writes but its own should be flushed while it runs.
    psql(url, "CHECKPOINT");
    let (clients, threads) = (connections.to_string(), connections.min(2).to_string());
    let duration = seconds().as_secs().max(1).to_string();
    let output = run_pgbench(url, &["-N", "-c", &clients, "-j", &threads, "-T", &duration]);
    let rate =
        output.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok());
    rate.expect("pgbench finished at least one transaction")
}

fn run_pgbench(url: &str, arguments: &[&str]) -> String {
    let output = Command::new("pgbench").args(arguments).arg(url).output().expect("pgbench runs");
    assert!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
