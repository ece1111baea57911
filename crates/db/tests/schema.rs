//! The two schemas are compared, and every statement is tried on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use support::{TestDb, administer};
use yuyue_db::STATEMENTS;

both!(
    both_engines_describe_the_same_schema,
    every_difference_is_described,
    every_statement_is_accepted_and_known,
);

/// Written out once: each engine is held against it.
const DESCRIPTION: &[&str] = &[
    "booking index booking_by_slot (slot_id, id)",
    "booking refers to slot (slot_id)",
    "booking.id integer not null key",
    "booking.is_paid integer not null",
    "booking.note text",
    "booking.slot_id integer not null",
    "schema_migration.name text not null",
    "schema_migration.number integer not null key",
    "slot.capacity integer not null",
    "slot.id integer not null key",
    "slot.taken integer not null",
];

async fn both_engines_describe_the_same_schema(db: TestDb) {
    assert_eq!(db.engine.describe_schema().unwrap(), DESCRIPTION);
}

async fn every_difference_is_described(db: TestDb) {
    let changes = [
        ("ALTER TABLE booking DROP COLUMN note", "- booking.note text"),
        (
            "ALTER TABLE slot ADD COLUMN price INTEGER",
            if db.is_server() { "+ slot.price a 32-bit integer" } else { "+ slot.price integer" },
        ),
        ("CREATE UNIQUE INDEX only_one ON slot (capacity)", "+ slot index only_one unique (capacity)"),
        ("CREATE INDEX a_few ON slot (taken) WHERE taken > 0", "+ slot index a_few partial (taken)"),
        ("CREATE INDEX half ON slot ((taken / 2))", "+ slot index half (expression)"),
        ("DROP INDEX booking_by_slot", "- booking index booking_by_slot (slot_id, id)"),
        ("CREATE TABLE other (id TEXT PRIMARY KEY)", "+ other.id text not null key"),
        (
            "CREATE TABLE child (slot_id BIGINT REFERENCES slot (id) ON DELETE CASCADE)",
            "+ child refers to slot (slot_id) on delete cascade",
        ),
    ];
    for (sql, difference) in changes {
        let before = db.engine.describe_schema().unwrap();
        administer(&db.engine, sql);
        let after = db.engine.describe_schema().unwrap();
        let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
        let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
        let differences: Vec<String> = gone.chain(new).collect();
        assert!(differences.iter().any(|line| line == difference), "{sql}: {differences:?}");
    }
}

async fn every_statement_is_accepted_and_known(db: TestDb) {
    assert!(STATEMENTS.iter().any(|statement| statement.file.ends_with("slots.rs")));
    let refused = db.engine.refused_statements().unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}
