//! What can go wrong below the products' rules.

/// A failure of the database or of the way it was used; never a rule of a product.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The bounded queue is full. Nothing was done; the caller may try again later.
    #[error("the database queue is full")]
    Busy,
    /// The engine cannot be reached or has no space. Nothing was done.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The connection broke while the commit was under way: it may or may not have happened.
    #[error("the connection was lost during the commit: {0}")]
    CommitUnknown(String),
    /// The engine refused a statement.
    #[error("{file}:{line}: {reason}")]
    Statement { file: &'static str, line: u32, reason: String },
    /// A column is missing or holds another type than the reader expects.
    #[error("column {column}: {reason}")]
    Column { column: String, reason: String },
    /// The closure panicked; its changes were undone.
    #[error("a database job panicked")]
    Panicked,
    /// A point read ran more than one statement.
    #[error("a point read runs one statement only")]
    NotAPoint,
    /// The schema cannot be brought to the version this program needs.
    #[error("migration: {0}")]
    Migration(String),
    /// A backup could not be written.
    #[error("backup: {0}")]
    Backup(String),
}

impl Error {
    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_))
    }
}
