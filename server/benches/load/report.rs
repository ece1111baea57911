//! The table, and how the figures stand to what was to be reached.

use std::fmt::Write as _;
use std::time::Duration;

use crate::client::Load;

pub struct Row {
    pub engine: &'static str,
    pub name: &'static str,
    pub connections: usize,
    pub load: Load,
    /// Requests a second of the bare route, measured beside it.
    pub floor: f64,
}

#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
    /// Engine, time to ready with a migrated database, idle memory in MB.
    pub starts: Vec<(&'static str, Duration, f64)>,
    /// Engine, request, median at 10,000 and at 1,000,000 appointments.
    pub growth: Vec<(&'static str, &'static str, Duration, Duration)>,
    /// Engine, p99 of a gate's check alone, and beside hostile clients.
    pub hostile: Vec<(&'static str, Duration, Duration)>,
    /// Connections and transactions a second of `pgbench -N`.
    pub pgbench: Vec<(usize, f64)>,
}

impl Report {
    fn pgbench_at(&self, connections: usize) -> Option<f64> {
        self.pgbench.iter().find(|(at, _)| *at == connections).map(|(_, tps)| *tps)
    }

    fn rate(&self, engine: &str, name: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.engine == engine && row.name == name && row.connections == crate::JUDGED)
    }

    pub fn render(&self) -> String {
        let mut text = String::from(HEAD);
        self.render_targets(&mut text);
        text.push_str(
            "\n## Start and idle memory\n\n| engine | ready after | resident memory |\n|---|---|---|\n",
        );
        for (engine, started, memory) in &self.starts {
            let _ = writeln!(text, "| {engine} | {} ms | {memory:.1} MB |", started.as_millis());
        }
        text.push_str("\n## Size\n\nMedian of one connection.\n\n| engine | request | 10,000 rows | 1,000,000 | ratio |\n|---|---|---|---|---|\n");
        for (engine, name, small, large) in &self.growth {
            let ratio = large.as_secs_f64() / small.as_secs_f64();
            let _ = writeln!(
                text,
                "| {engine} | {name} | {} µs | {} µs | {ratio:.2} |",
                small.as_micros(),
                large.as_micros()
            );
        }
        text.push_str("\n## Every figure\n\n| engine | request | connections | requests/s | p50 | p99 | of the bare route | of pgbench -N |\n|---|---|---|---|---|---|---|---|\n");
        for row in &self.rows {
            let pgbench = self.pgbench_at(row.connections).filter(|_| row.engine == "PostgreSQL");
            let pgbench = pgbench.map(|tps| format!("{:.2}", row.load.per_second / tps)).unwrap_or_default();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.0} | {} µs | {} µs | {:.2} | {pgbench} |",
                row.engine,
                row.name,
                row.connections,
                row.load.per_second,
                row.load.p50.as_micros(),
                row.load.p99.as_micros(),
                row.load.per_second / row.floor,
            );
        }
        for (connections, tps) in &self.pgbench {
            let _ = writeln!(text, "| PostgreSQL | pgbench -N | {connections} | {tps:.0} | | | | 1.00 |");
        }
        text
    }

    fn render_targets(&self, text: &mut String) {
        text.push_str("## To reach, at 64 connections\n\n| figure | to reach | measured |\n|---|---|---|\n");
        let of_floor = |row: &Row| row.load.per_second / row.floor;
        let mut line = |what: &str, wanted: &str, value: Option<f64>| {
            if let Some(value) = value {
                let _ = writeln!(text, "| {what} | {wanted} | {value:.2} |");
            }
        };
        let booking = self.rate("SQLite", "booking, different slots");
        let hot = self.rate("SQLite", "booking, one hot slot");
        line("booking on SQLite, of the bare route", "≥ 0.12", booking.map(of_floor));
        let hot_ratio = hot.zip(booking).map(|(hot, booking)| hot.load.per_second / booking.load.per_second);
        line("one hot slot on SQLite, of different slots", "≥ 1", hot_ratio);
        line("sold out on SQLite, of the bare route", "≥ 0.4", self.rate("SQLite", "sold out").map(of_floor));
        line(
            "sold out on PostgreSQL, of the bare route",
            "",
            self.rate("PostgreSQL", "sold out").map(of_floor),
        );
        let postgres = self.rate("PostgreSQL", "booking, different slots");
        let of_pgbench =
            postgres.zip(self.pgbench_at(crate::JUDGED)).map(|(row, tps)| row.load.per_second / tps);
        line("booking on PostgreSQL, of pgbench -N", "≥ 0.6", of_pgbench);
        line(
            "QR check on SQLite, of the bare route",
            "≥ 0.5",
            self.rate("SQLite", "QR check at a gate").map(of_floor),
        );
        let gate = self.rate("PostgreSQL", "QR check at a gate");
        line("QR check on PostgreSQL, of the bare route", "≥ 0.5", gate.map(of_floor));
        for (engine, quiet, beside) in &self.hostile {
            let ratio = beside.as_secs_f64() / quiet.as_secs_f64();
            let what =
                format!("p99 of a QR check on {engine} beside 12 connections of hostile bodies, of alone");
            line(&what, "≤ 5", Some(ratio));
        }
        for (engine, name, small, large) in &self.growth {
            let is_list = ["records", "list of services"].iter().any(|list| name.starts_with(list));
            let wanted = if is_list { "≤ 3" } else { "≤ 1.5" };
            let ratio = large.as_secs_f64() / small.as_secs_f64();
            line(&format!("{name} on {engine}, a million rows to ten thousand"), wanted, Some(ratio));
        }
    }
}

const HEAD: &str = "# Performance

Written by `make bench`. The load generator, the server and (for PostgreSQL) the database share one
machine, so absolute figures say little; each is set beside floors of the same run: a bare route of the
same server (`/healthz`, the mean of before and after), and `pgbench -N` on the same cluster with its
default durability. SQLite runs with synchronous=FULL. Every reply is checked: a fast error fails the bench.

";
