//! One closure's transaction on one connection.

use std::collections::HashMap;

use tokio::runtime::Runtime;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::Mode;
use super::batch::unnest;
use super::connect::{CHANNEL, describe, unavailable};
use crate::job::Verdict;
use crate::statement::Statement;
use crate::tx::{Lock, refused};
use crate::value::Value;
use crate::{Error, Result};

/// Prepared statements by the address of their [`Statement`].
#[derive(Default)]
pub(crate) struct Prepared {
    single: HashMap<usize, tokio_postgres::Statement>,
    /// Inserts of many rows.
    many: HashMap<usize, tokio_postgres::Statement>,
}

/// How a run of a job ended.
pub(crate) enum Outcome {
    Done,
    /// A serialization failure or deadlock: the closure may run again.
    Again,
    /// The connection broke before the commit was sent: nothing happened, another one may try.
    Lost,
    Fault(Error),
}

/// A transaction on one connection. `BEGIN` travels with the first statement, not before it.
pub(crate) struct PgTx<'c> {
    runtime: &'c Runtime,
    client: &'c Client,
    prepared: &'c mut Prepared,
    mode: Mode,
    has_begun: bool,
    /// Why a statement failed, as the server told it.
    state: Option<SqlState>,
    /// The connection must not be used again.
    is_lost: bool,
}

/// The verbs of a transaction, free of its lifetimes.
pub(crate) trait PgVerbs {
    fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64>;
    fn query(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>>;
    /// Inserts rows, given by columns.
    fn insert_columns(&mut self, insert: &'static Statement, columns: &[Vec<Value<'_>>]) -> Result<u64>;
    fn lock(&mut self, lock: Lock) -> Result<()>;
}

impl PgVerbs for PgTx<'_> {
    fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64> {
        let prepared = self.prepare(statement)?;
        let client = self.client;
        self.run(statement, client.execute(&prepared, &references(params)))
    }

    fn query(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>> {
        let prepared = self.prepare(statement)?;
        let client = self.client;
        self.run(statement, client.query(&prepared, &references(params)))
    }

    fn insert_columns(&mut self, insert: &'static Statement, columns: &[Vec<Value<'_>>]) -> Result<u64> {
        let prepared = self.prepare_for_many(insert, columns.len())?;
        let columns: Vec<_> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        let client = self.client;
        self.run(insert, client.execute(&prepared, &columns))
    }

    fn lock(&mut self, lock: Lock) -> Result<()> {
        let sql = match lock {
            Lock::Shared(key) => format!("SELECT pg_advisory_xact_lock_shared({key})"),
            Lock::Exclusive(key) => format!("SELECT pg_advisory_xact_lock({key})"),
        };
        let begin = self.begin().unwrap_or_default();
        let result = self.runtime.block_on(self.client.batch_execute(&format!("{begin};{sql}")));
        result.map_err(|error| {
            self.note(&error);
            unavailable(&error)
        })
    }
}

impl<'c> PgTx<'c> {
    pub(crate) fn new(
        runtime: &'c Runtime,
        client: &'c Client,
        prepared: &'c mut Prepared,
        mode: Mode,
    ) -> Self {
        Self { runtime, client, prepared, mode, has_begun: false, state: None, is_lost: false }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The statement that opens the transaction, unless it is open.
    fn begin(&mut self) -> Option<&'static str> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        is_first.then_some(match self.mode {
            Mode::Write => "BEGIN READ WRITE",
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })
    }

    fn prepare(&mut self, statement: &'static Statement) -> Result<tokio_postgres::Statement> {
        let key = std::ptr::from_ref(statement).addr();
        if let Some(prepared) = self.prepared.single.get(&key) {
            return Ok(prepared.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(statement.postgres()));
        let prepared = prepared.map_err(|error| self.failed(statement, &error))?;
        self.prepared.single.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// An insert of one row says which types its columns have; the insert of many takes an array of each.
    fn prepare_for_many(
        &mut self,
        insert: &'static Statement,
        columns: usize,
    ) -> Result<tokio_postgres::Statement> {
        let key = std::ptr::from_ref(insert).addr();
        if let Some(prepared) = self.prepared.many.get(&key) {
            return Ok(prepared.clone());
        }
        let single = self.prepare(insert)?;
        let (head, tail) = insert.around_values(columns).unwrap_or_default();
        let sql = format!("{head}SELECT * FROM {}{tail}", unnest(single.params()));
        let prepared = self.runtime.block_on(self.client.prepare(&sql));
        let prepared = prepared.map_err(|error| self.failed(insert, &error))?;
        self.prepared.many.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// Runs `request`, behind the `BEGIN` if it is the first. Should the `BEGIN` fail, the request
    /// cannot do harm: outside a transaction the session is read-only.
    fn run<T>(
        &mut self,
        statement: &'static Statement,
        request: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let begin = self.begin();
        let result = self.runtime.block_on(async {
            match begin {
                None => request.await,
                Some(begin) => {
                    // Polled in this order, so sent in this order.
                    let (begun, result) = tokio::join!(self.client.batch_execute(begin), request);
                    // A session that cannot begin, such as one on a standby, is of no use to anybody.
                    self.is_lost |= begun.is_err();
                    begun.and(result)
                }
            }
        });
        result.map_err(|error| self.failed(statement, &error))
    }

    fn note(&mut self, error: &tokio_postgres::Error) {
        self.state = error.code().cloned();
        let has_become_read_only =
            self.mode == Mode::Write && error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION);
        self.is_lost |= ends_session(error) || has_become_read_only || self.client.is_closed();
    }

    fn failed(&mut self, statement: &Statement, error: &tokio_postgres::Error) -> Error {
        self.note(error);
        if self.is_lost {
            Error::Unavailable("the connection was lost".into())
        } else {
            failed(statement, error)
        }
    }

    fn is_conflict(&self) -> bool {
        matches!(self.state, Some(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED))
    }

    /// Commits or undoes what the closure did.
    pub(crate) fn finish(&mut self, verdict: Verdict, wakes: &[&'static str]) -> Outcome {
        if self.is_lost {
            return Outcome::Lost;
        }
        if verdict == Verdict::Undo || self.mode != Mode::Write {
            self.roll_back();
            return if self.is_conflict() { Outcome::Again } else { Outcome::Done };
        }
        match self.commit(wakes) {
            Ok(()) => Outcome::Done,
            Err(error) => {
                self.note(&error);
                if self.is_lost {
                    return Outcome::Fault(Error::CommitUnknown(describe(&error)));
                }
                if self.is_conflict() { Outcome::Again } else { Outcome::Fault(unavailable(&error)) }
            }
        }
    }

    /// A connection that could not be told to roll back would carry these changes into the next
    /// job's commit, so it is given up.
    fn roll_back(&mut self) {
        if self.has_begun {
            self.is_lost |= self.runtime.block_on(self.client.batch_execute("ROLLBACK")).is_err();
        }
    }

    /// The notifications follow the commit, in the same round trip. Inside the transaction they
    /// would make commits wait for each other: the server holds one lock from `NOTIFY` until the
    /// commit is on disk (measured with 16 clients: 1,500 commits a second inside, 4,500 behind).
    fn commit(&mut self, wakes: &[&'static str]) -> std::result::Result<(), tokio_postgres::Error> {
        let notify: String = wakes.iter().map(|channel| format!("NOTIFY {CHANNEL}, '{channel}';")).collect();
        let client = self.client;
        let commit = async { if self.has_begun { client.batch_execute("COMMIT").await } else { Ok(()) } };
        let wake = async { if notify.is_empty() { Ok(()) } else { client.batch_execute(&notify).await } };
        let (committed, woken) = self.runtime.block_on(async { tokio::join!(commit, wake) });
        if let Err(error) = woken {
            tracing::warn!(error = describe(&error), "subscribers were not woken");
            self.is_lost |= ends_session(&error);
        }
        committed
    }
}

/// What a statement that the server refused means to the caller.
pub(crate) fn failed(statement: &Statement, error: &tokio_postgres::Error) -> Error {
    let passes = error.code().is_some_and(|state| passes(state.code()));
    if passes { unavailable(error) } else { refused(statement, describe(error)) }
}

/// Whether the server's state is to blame: a fail-over, a lack of space or memory, an operator, a lock, and not
/// the statement. Classes of Appendix A of PostgreSQL's documentation.
fn passes(state: &str) -> bool {
    let classes = ["08", "53", "57", "58"];
    classes.iter().any(|class| state.starts_with(class)) || state == SqlState::LOCK_NOT_AVAILABLE.code()
}

/// FATAL and PANIC end a session, though the closed socket may not have been seen yet.
pub(crate) fn ends_session(error: &tokio_postgres::Error) -> bool {
    let is_fatal = |e: &tokio_postgres::error::DbError| e.parsed_severity() != Some(Severity::Error);
    error.is_closed() || error.as_db_error().is_some_and(is_fatal)
}

pub(crate) fn references<'v>(params: &'v [Value<'_>]) -> Vec<&'v (dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn what_passes_is_told_from_what_is_wrong() {
        for state in ["57P01", "57P02", "57P03", "57014", "08006", "08003", "53100", "55P03", "58030"] {
            assert!(passes(state), "{state}");
        }
        for state in ["42P01", "23505", "22001", "XX001", "55000", "25006", "25P02", "0A000"] {
            assert!(!passes(state), "{state}");
        }
    }
}
