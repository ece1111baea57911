//! A statement that an engine refuses is found without being run. It stands in a binary of its own,
//! because the list of statements is the program's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use support::TestDb;
use yuyue_db::{pick, sql};

both!(broken_statements_are_found);

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
