//! SQL texts that register themselves.

use std::sync::atomic::{AtomicBool, Ordering};

/// One SQL statement, in the texts of both engines (most are the same).
#[derive(Debug)]
pub struct Statement {
    sqlite: &'static str,
    postgres: &'static str,
    /// Where it is written, for error messages.
    pub file: &'static str,
    pub line: u32,
    /// Whether a point read has asked for it; a test looks at the plans of those.
    is_point: AtomicBool,
}

impl Statement {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(sqlite: &'static str, postgres: &'static str, file: &'static str, line: u32) -> Self {
        Self { sqlite, postgres, file, line, is_point: AtomicBool::new(false) }
    }

    pub(crate) fn sqlite(&self) -> &'static str {
        self.sqlite
    }

    pub(crate) fn postgres(&self) -> &'static str {
        self.postgres
    }

    pub(crate) fn asked_as_point(&self) {
        // Read first: a write would take the line from every other thread's cache.
        if !self.is_point() {
            self.is_point.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a point read of this process has asked the server engine for it.
    #[must_use]
    pub fn is_point(&self) -> bool {
        self.is_point.load(Ordering::Relaxed)
    }

    /// The server's text before and behind its `VALUES ($1, …, $count)`, if it has them.
    pub(crate) fn around_values(&self, count: usize) -> Option<(&'static str, &'static str)> {
        let numbers: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
        self.postgres.split_once(&format!("VALUES ({})", numbers.join(", ")))
    }

    /// Whether the engines get different texts; a test keeps the number of these small.
    #[must_use]
    pub fn differs(&self) -> bool {
        !std::ptr::eq(self.sqlite, self.postgres) && self.sqlite != self.postgres
    }
}

/// Every statement linked into the program.
#[linkme::distributed_slice]
pub static STATEMENTS: [Statement];

/// A statement with one text for both engines.
#[macro_export]
macro_rules! sql {
    ($text:expr) => {
        $crate::pick!($text, $text)
    };
}

/// A statement whose text must differ: first for the embedded engine, then for the server engine.
#[macro_export]
macro_rules! pick {
    ($embedded:expr, $server:expr) => {{
        #[$crate::linkme::distributed_slice($crate::STATEMENTS)]
        #[linkme(crate = $crate::linkme)]
        static STATEMENT: $crate::Statement = $crate::Statement::new($embedded, $server, file!(), line!());
        &STATEMENT
    }};
}
