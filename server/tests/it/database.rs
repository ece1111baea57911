//! Statements and schemas are the same on both engines.

use std::collections::BTreeSet;
use std::path::Path;

use yuyue::app::Mode;
use yuyue_db::{Engine, STATEMENTS};

use crate::support::TestApp;
use crate::support::database::Home;
use crate::support::source::{self, Source};

both!(every_statement_is_accepted);

/// How many statements have a text for each engine. Each one is a place where the engines may come
/// to differ, so a new one needs a reason: `SKIP LOCKED` in the outbox, which the other has no need of, and
/// who comes back with a batch of scans and the keys of old rows, which travel as JSON.
const STATEMENTS_THAT_DIFFER: usize = 5;

async fn every_statement_is_accepted(app: TestApp) {
    let engine = app.config.engine().unwrap();
    let refused = tokio::task::spawn_blocking(move || engine.refused_statements()).await.unwrap().unwrap();
    let refused: Vec<_> = refused
        .iter()
        .map(|(statement, why)| format!("{}:{} {why}", statement.file, statement.line))
        .collect();
    assert_eq!(refused, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migrated_schemas_are_equal() {
    let Some(home) = Home::postgres() else { return };
    let one = TestApp::start(Home::sqlite(), Mode::Documented).await;
    let other = TestApp::start(home, Mode::Documented).await;
    let describe = |app: &TestApp| {
        let engine: Engine = app.config.engine().unwrap();
        tokio::task::spawn_blocking(move || engine.describe_schema().unwrap())
    };
    let (one, other) = (describe(&one).await.unwrap(), describe(&other).await.unwrap());
    assert!(one.len() > 50, "{one:?}");
    assert_eq!(one, other);
}

#[test]
fn few_statements_differ_between_the_engines() {
    let differing: Vec<_> = STATEMENTS
        .iter()
        .filter(|statement| statement.differs() && statement.file.starts_with("server/"))
        .map(|statement| format!("{}:{}", statement.file, statement.line))
        .collect();
    assert_eq!(differing.len(), STATEMENTS_THAT_DIFFER, "{differing:?}");
}

/// A statement that the linker left out would be checked by nobody.
#[test]
fn every_statement_in_the_sources_is_registered() {
    let registered: BTreeSet<(String, usize)> = STATEMENTS
        .iter()
        .map(|statement| (statement.file.to_owned(), usize::try_from(statement.line).unwrap()))
        .collect();
    let mut written = BTreeSet::new();
    for Source { path, code } in source::server() {
        let file = Path::new("server/src").join(&path).display().to_string();
        for line in statements(&code) {
            written.insert((file.clone(), line));
        }
    }
    assert!(written.len() > 60, "{}", written.len());
    let missing: Vec<_> = written.difference(&registered).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The lines on which `sql!(` or `pick!(` is called, outside the definitions of other macros.
fn statements(code: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut depth_in_macro = None;
    for (number, line) in (1..).zip(code.lines()) {
        if line.contains("macro_rules!") {
            depth_in_macro = Some(0);
        }
        match &mut depth_in_macro {
            Some(depth) => {
                *depth += line.matches('{').count();
                *depth -= line.matches('}').count();
                if *depth == 0 {
                    depth_in_macro = None;
                }
            }
            None => {
                let calls = line.matches("sql!(").count() + line.matches("pick!(").count();
                lines.extend(std::iter::repeat_n(number, calls));
            }
        }
    }
    lines
}
