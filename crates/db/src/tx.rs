//! The verbs a closure has.

use crate::postgres::PgVerbs;
use crate::row::{Row, RowOf};
use crate::statement::Statement;
use crate::value::Value;
use crate::{Error, Result};

/// A transaction (or, in a point read, one statement), lent to a closure.
///
/// A statement that fails fails the whole closure, whatever the closure then returns: PostgreSQL
/// would refuse everything after it, and the engines must not differ.
pub struct Tx<'c> {
    connection: Connection<'c>,
    failure: Option<Error>,
    wakes: Vec<&'static str>,
    /// How many more statements may run; `None` is any number.
    left: Option<u32>,
    rows_changed: u64,
}

pub(crate) enum Connection<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c mut (dyn PgVerbs + 'c)),
}

/// A lock on a part of the data that no single row stands for. It lasts until the transaction ends.
#[derive(Clone, Copy, Debug)]
pub enum Lock {
    /// Held together with other shared holders.
    Shared(i64),
    /// Held alone.
    Exclusive(i64),
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: Connection<'c>) -> Self {
        Self { connection, failure: None, wakes: Vec::new(), left: None, rows_changed: 0 }
    }

    pub(crate) fn single(connection: Connection<'c>) -> Self {
        Self { left: Some(1), ..Self::new(connection) }
    }

    /// Runs a statement and gives the number of rows it changed.
    ///
    /// # Errors
    /// [`Error`] when the engine refuses it; the transaction is then undone.
    pub fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64> {
        let changed = self.attempt(|connection| match connection {
            Connection::Sqlite(connection) => crate::sqlite::execute(connection, statement, params),
            Connection::Postgres(tx) => tx.execute(statement, params),
        })?;
        self.rows_changed += changed;
        Ok(changed)
    }

    /// How many rows this transaction has changed, by which long work knows when to let others have a turn.
    #[must_use]
    pub fn rows_changed(&self) -> u64 {
        self.rows_changed
    }

    /// Runs an `INSERT … VALUES ($1, …, $N)` for each row, and gives the number of rows it changed. The
    /// server engine gets them as one statement, so with `ON CONFLICT … DO UPDATE` no two may have one key.
    ///
    /// # Errors
    /// As [`Tx::execute`], and when the statement's values are not exactly its parameters in order.
    pub fn insert_many<const N: usize>(
        &mut self,
        insert: &'static Statement,
        rows: &[[Value<'_>; N]],
    ) -> Result<u64> {
        let changed = self.attempt(|connection| {
            if insert.around_values(N).is_none() {
                return Err(refused(insert, format!("does not insert its {N} parameters in order")));
            }
            match connection {
                Connection::Sqlite(connection) => {
                    rows.iter().map(|row| crate::sqlite::execute(connection, insert, row)).sum()
                }
                Connection::Postgres(_) if rows.is_empty() => Ok(0),
                Connection::Postgres(tx) => {
                    let column = |index: usize| rows.iter().map(|row| row[index]).collect();
                    tx.insert_columns(insert, &(0..N).map(column).collect::<Vec<_>>())
                }
            }
        })?;
        self.rows_changed += changed;
        Ok(changed)
    }

    /// All rows, each mapped.
    ///
    /// # Errors
    /// As [`Tx::execute`], and what `map` returns.
    pub fn query<T>(
        &mut self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.attempt(|connection| match connection {
            Connection::Sqlite(connection) => crate::sqlite::query(connection, statement, params, &mut map),
            Connection::Postgres(tx) => {
                tx.query(statement, params)?.iter().map(|row| map(&Row(RowOf::Postgres(row)))).collect()
            }
        })
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub fn query_opt<T>(
        &mut self,
        statement: &'static Statement,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(statement, params, map)?.into_iter().next())
    }

    /// The first row of a statement that always gives one, such as a count.
    ///
    /// # Errors
    /// As [`Tx::query`], and when there is no row.
    pub fn query_one<T>(
        &mut self,
        statement: &'static Statement,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_opt(statement, params, map)?.ok_or_else(|| refused(statement, "expected a row, got none"))
    }

    /// Waits for `lock`. The embedded engine has one writer, so there every write holds every lock.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub fn lock(&mut self, lock: Lock) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        match &mut self.connection {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(tx) => tx.lock(lock).inspect_err(|error| self.failure = Some(error.clone())),
        }
    }

    /// Wakes the subscribers of `channel` on every node, once this transaction has committed.
    /// A hint, not a message: it may be lost with a connection, so whoever waits also looks by itself
    /// from time to time.
    pub fn wake(&mut self, channel: &'static str) {
        if !self.wakes.contains(&channel) {
            self.wakes.push(channel);
        }
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.clone()
    }

    pub(crate) fn take_wakes(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.wakes)
    }

    fn attempt<T>(&mut self, run: impl FnOnce(&mut Connection<'c>) -> Result<T>) -> Result<T> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = if self.left == Some(0) { Err(Error::NotAPoint) } else { run(&mut self.connection) };
        self.left = self.left.map(|left| left.saturating_sub(1));
        result.inspect_err(|error| self.failure = Some(error.clone()))
    }
}

pub(crate) fn refused(statement: &Statement, reason: impl std::fmt::Display) -> Error {
    Error::Statement { file: statement.file, line: statement.line, reason: reason.to_string() }
}
