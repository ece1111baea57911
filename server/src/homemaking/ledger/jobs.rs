//! The nightly look at the ledger.

use serde_json::json;
use yuyue_db::Tx;

use super::check::{self, Report};
use crate::app::App;
use crate::clock::{Millis, Now, instant};
use crate::error::Error;
use crate::outbox::ensure_recurring;
use crate::outbox::worker::{Done, Failed};
use crate::staff;

/// Verifies the ledger every night.
pub const VERIFY: &str = "homemaking.ledger.verify";

/// When there is least to do, on the operator's clock.
const HOUR_OF_DAY: i8 = 3;

/// Makes sure that the nightly job waits.
///
/// # Errors
/// When the database refuses.
pub fn schedule(tx: &mut Tx<'_>, now: &Now) -> Result<(), Error> {
    ensure_recurring(tx, VERIFY, next_night(now))
}

/// The gauge of what differed the last time; exported from the start, for alerts to stand on.
pub const DIFFERENCES: &str = "yuyue_ledger_differences";

/// The next three o'clock.
fn next_night(now: &Now) -> Millis {
    let today = now.local().date();
    let at = |day: jiff::civil::Date| instant(now.zone(), day.at(HOUR_OF_DAY, 0, 0, 0));
    let tonight = at(today);
    if tonight > now.at { tonight } else { at(today.tomorrow().unwrap_or(today)) }
}

/// Verifies, and tells staff what differs.
///
/// # Errors
/// When the database refuses.
pub async fn verify(app: &App) -> Result<Done, Failed> {
    let now = app.clock.now();
    let Report { orders, entries, differences } = check::verify(&app.db, now.at).await?;
    #[expect(clippy::cast_precision_loss, reason = "there are at most a hundred")]
    metrics::gauge!(DIFFERENCES).set(differences.len() as f64);
    if differences.is_empty() {
        tracing::info!(orders, entries, "the ledger is right");
    } else {
        for difference in &differences {
            tracing::error!(difference, "the ledger differs");
        }
        let found = json!({ "differences": differences });
        let at = now.at;
        app.db
            .write("homemaking.ledger_differs", move |tx| {
                let nothing = serde_json::Value::Null;
                staff::record_change_by(tx, "ledger", "ledger.verify", "ledger", &nothing, &found, at)
            })
            .await?;
    }
    Ok(Done::Again(next_night(&now)))
}
