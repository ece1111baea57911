//! Scans at gates, logged behind the answer.
//!
//! A gate waits for nobody's disk: the scan is put into this queue and written with all that arrive
//! within a moment ([`GATHERING`]), so it is on disk one commit after that. An orderly stop
//! writes what is left; a killed process loses the scans of its last moment, which is the
//! price of a gate that opens at once. When the queue is full (the database has been gone for
//! long), gates wait, and so fail closed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::visitors::store;

/// Far more than gates scan while a commit takes.
const MOST: usize = 10_000;
/// How long scans gather: commits of a few each would cost a busy machine more than its gates' own work.
const GATHERING: Duration = Duration::from_millis(20);

/// Somebody held a code to a reader.
#[derive(Clone, Debug)]
pub struct Scan {
    pub at: Millis,
    pub device_id: Option<i64>,
    pub device: String,
    /// `None` when the code was none of ours.
    pub visit_id: Option<i64>,
    pub person_id: Option<i64>,
    /// As it was answered.
    pub verdict: i64,
}

/// Scans that are not written yet.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Vec<Scan>>,
    arrived: Notify,
    /// Held while a batch is written, so that whoever flushes knows that it is done.
    writing: tokio::sync::Mutex<()>,
}

impl Queue {
    fn with<T>(&self, run: impl FnOnce(&mut Vec<Scan>) -> T) -> T {
        run(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Logs a scan.
///
/// # Errors
/// 503 when the log is full and cannot be written: the gate must then stay closed.
pub async fn log(app: &App, scan: Scan) -> Result<(), Error> {
    let queue = &app.visitors.scans;
    let left_over = queue.with(|waiting| {
        if waiting.len() >= MOST {
            return Some(scan);
        }
        waiting.push(scan);
        None
    });
    let Some(scan) = left_over else {
        queue.arrived.notify_one();
        return Ok(());
    };
    let write = move |tx: &mut Tx<'_>| store::desk::insert_scans(tx, std::slice::from_ref(&scan));
    app.db.write("visitors.scan", write).await
}

/// Writes what waits; after it, everything logged before is in the database.
///
/// # Errors
/// When the database refuses; the scans stay in the queue.
pub async fn flush(app: &App) -> Result<(), Error> {
    // A task of its own: a caller that goes away, or a stop, must not leave a batch half-way.
    let app = app.clone();
    let written = tokio::spawn(async move { write_batch(&app).await });
    written.await.map_err(|error| Error::internal(error.to_string()))?
}

async fn write_batch(app: &App) -> Result<(), Error> {
    let queue = &app.visitors.scans;
    let _writing = queue.writing.lock().await;
    let batch = std::sync::Arc::new(queue.with(std::mem::take));
    if batch.is_empty() {
        return Ok(());
    }
    let rows = std::sync::Arc::clone(&batch);
    let result = app.db.write("visitors.scans", move |tx| store::desk::insert_scans(tx, &rows)).await;
    if result.is_err() {
        queue.with(|waiting| {
            let later = std::mem::take(waiting);
            waiting.extend(batch.iter().cloned().chain(later));
        });
    }
    result
}

/// Writes scans as they arrive; runs for as long as the server does.
pub async fn run(app: App) {
    loop {
        app.visitors.scans.arrived.notified().await;
        tokio::time::sleep(GATHERING).await;
        while let Err(error) = flush(&app).await {
            tracing::warn!(cause = error.cause, "scans could not be written; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
