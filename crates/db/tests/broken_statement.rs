//! A statement that an engine refuses is found without being run. It stands in a binary of its own,
//! because the list of statements is the program's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use support::TestDb;
use yuyue_db::{Tx, params, pick, sql};

both!(broken_statements_are_found);
postgres_only!(points_that_read_a_whole_table_are_found);

async fn broken_statements_are_found(db: TestDb) {
    let for_both = sql!("SELECT nickname FROM slot WHERE id = $1");
    let for_one = pick!("SELECT id FROM no_such_table", "SELECT count(*) FROM slot");
    let for_other = pick!("SELECT count(*) FROM slot", "SELECT id FROM no_such_table");
    let mine = if db.is_server() { for_other } else { for_one };

    let refused = db.engine.refused_statements().unwrap();
    let mut lines: Vec<u32> = refused.iter().map(|(statement, _)| statement.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [for_both.line, mine.line], "{refused:?}");
    assert!(refused.iter().all(|(statement, _)| statement.file.ends_with("broken_statement.rs")));
    assert!(refused.iter().any(|(_, reason)| reason.contains("nickname")), "{refused:?}");
}

async fn points_that_read_a_whole_table_are_found(db: TestDb) {
    let by_key = sql!("SELECT capacity FROM slot WHERE id = $1");
    let by_nothing = sql!("SELECT id FROM slot WHERE capacity = $1");
    let by_half = sql!("SELECT s.id FROM slot s, booking b WHERE s.id = $1 AND b.is_paid");
    let slow = db.engine.slow_points(&[by_key, by_nothing, by_half]).unwrap();
    let lines: Vec<u32> = slow.iter().map(|(statement, _)| statement.line).collect();
    assert_eq!(lines, [by_nothing.line, by_half.line], "{slow:?}");
    assert!(slow.iter().all(|(_, plan)| plan.contains("Seq Scan")), "{slow:?}");
    assert!(!by_key.is_point());
    let capacity = |tx: &mut Tx<'_>| tx.query_opt(by_key, params![1], |row| row.get::<i64>("capacity"));
    assert_eq!(db.point("capacity", capacity).await.unwrap(), None);
    assert!(by_key.is_point() && !by_nothing.is_point(), "what is asked for is known");
}
