//! The storage kernel: the only code that knows a database engine.
//!
//! Callers hand a synchronous closure to [`Db::write`], [`Db::read`] or [`Db::point`] and await its
//! result. The closure runs on a database thread with a [`Tx`]; it cannot await, so nothing outside
//! the database can ever happen inside a transaction.
//!
//! * SQLite: one writer thread commits everything that arrived while the last commit was syncing as
//!   one transaction, each caller in its own savepoint. Nothing is answered before that commit.
//! * PostgreSQL: a pool of threads, each owning a connection, at READ COMMITTED. Serialization
//!   failures and deadlocks run the closure again, which is why it is an `Fn`.
//!
//! Constraints must not be deferred: a shared commit that fails cannot tell which caller broke it.
//!
//! Statements are `&'static Statement`, made by [`sql!`] (one text for both engines) or [`pick!`]
//! (one text each). Both register themselves, so that a test can prepare every statement on both.

mod backup;
mod db;
mod error;
mod job;
mod migrate;
mod postgres;
mod row;
mod schema;
mod sqlite;
mod statement;
mod tx;
mod value;
mod wake;

#[doc(hidden)]
pub use linkme;

pub use db::{Db, Engine, Options};
pub use error::Error;
pub use job::{Overdue, within};
pub use migrate::Migration;
pub use row::{FromColumn, Row};
pub use statement::{STATEMENTS, Statement};
pub use tx::{Lock, Tx};
pub use value::Value;

/// What the kernel itself returns.
pub type Result<T> = std::result::Result<T, Error>;
