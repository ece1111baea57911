//! What strangers can make us send is bounded: by sender, by receiving phone, and in all. As documented nothing
//! is; staff and devices never are.

use yuyue_db::{Tx, params, sql};

use crate::app::{App, Mode};
use crate::clock::{DAY, HOUR, Millis};
use crate::error::Error;
use crate::http::limits;

/// Applications and invitations of one number in a day, and applications of it that wait for an answer.
pub const SENT_A_DAY: u32 = 20;
pub const OPEN_AT_ONCE: i64 = 5;
/// Messages that one phone gets in a day by what strangers do.
const RECEIVED_A_DAY: u32 = 10;
/// How often an employee is told that more waits.
pub const TOLD_EVERY: Millis = HOUR;
/// At these percentages of the day's budget the operator is told.
const MARKS: [u32; 3] = [50, 80, 100];

const ALL: &str = "messages all";
const STRANGERS: &str = "messages strangers";

/// Whom a message is for. Half of the day's budget is kept for those who have an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    Account,
    Stranger,
}

/// Makes every series of the metrics exist before anything is sent.
pub fn describe_metrics() {
    for name in ["all", "strangers"] {
        metrics::gauge!("yuyue_message_budget_used_ratio", "budget" => name).set(0.0);
    }
    metrics::counter!("yuyue_messages_over_budget_total").increment(0);
}

fn strangers_share(per_day: u32) -> u32 {
    per_day.div_ceil(2)
}

/// Counts a message towards the day's budget. What everybody shares is counted last in a transaction, because
/// everybody waits for it until the commit.
///
/// # Errors
/// When the database refuses. The value says after how many seconds there is budget again.
pub fn spend(app: &App, tx: &mut Tx<'_>, whom: For, at: Millis) -> Result<Result<(), u32>, Error> {
    let per_day = app.config.messages.per_day;
    if app.mode == Mode::Documented || per_day == 0 {
        return Ok(Ok(()));
    }
    if whom == For::Stranger {
        let most = strangers_share(per_day);
        let counted = limits::count(tx, STRANGERS, at, DAY)?;
        tell("strangers", counted.count, most);
        if counted.count > most {
            return Ok(Err(counted.retry_after(at)));
        }
    }
    let counted = limits::count(tx, ALL, at, DAY)?;
    tell("all", counted.count, per_day);
    Ok(if counted.count > per_day { Err(counted.retry_after(at)) } else { Ok(()) })
}

/// Tells the operator how much of a budget is used: a line at each mark, the metric always.
fn tell(budget: &'static str, used: u32, most: u32) {
    metrics::gauge!("yuyue_message_budget_used_ratio", "budget" => budget)
        .set(f64::from(used.min(most)) / f64::from(most));
    if used > most {
        metrics::counter!("yuyue_messages_over_budget_total").increment(1);
    }
    if let Some(mark) = MARKS.into_iter().find(|mark| used == at_mark(most, *mark)) {
        tracing::warn!(budget, mark, most, "{mark} % of the day's messages are used up (messages.per_day)");
    }
}

fn at_mark(most: u32, mark: u32) -> u32 {
    u32::try_from(u64::from(most) * u64::from(mark) / 100).unwrap_or(most).max(1)
}

/// The share of the day's budget that is used, in percent: the fuller of what strangers have and of all.
///
/// # Errors
/// When the database refuses.
pub fn used_percent(tx: &mut Tx<'_>, per_day: u32, at: Millis) -> Result<i64, Error> {
    let mut fullest = 0;
    for (name, most) in [(ALL, per_day), (STRANGERS, strangers_share(per_day))] {
        if let Some(so_far) = limits::so_far(tx, name, at)?
            && most > 0
        {
            fullest = fullest.max(i64::from(so_far.count.min(most)) * 100 / i64::from(most));
        }
    }
    Ok(fullest)
}

/// Whether a number may propose one more visit; seconds until it may. The count is the guard: of many at once
/// each waits for the one before.
///
/// # Errors
/// When the database refuses.
pub fn may_propose(
    tx: &mut Tx<'_>,
    proposer_key: &str,
    is_application: bool,
    at: Millis,
) -> Result<Result<(), u32>, Error> {
    let counted = limits::count(tx, &proposals_of(proposer_key), at, DAY)?;
    if counted.count > SENT_A_DAY {
        return Ok(Err(counted.retry_after(at)));
    }
    let open = sql!(
        "SELECT count(*) AS total FROM visit
         WHERE proposer_key = $1 AND authorised_at IS NULL AND refused_at IS NULL AND ends_at > $2"
    );
    let open: i64 = tx.query_one(open, params![proposer_key, at], |row| row.get("total"))?;
    let soon = u32::try_from(HOUR / crate::clock::SECOND).unwrap_or(u32::MAX);
    Ok(if is_application && open >= OPEN_AT_ONCE { Err(soon) } else { Ok(()) })
}

/// Counts a proposal that was refused, whatever for.
///
/// # Errors
/// When the database refuses.
pub fn count_refused_proposal(tx: &mut Tx<'_>, proposer_key: &str, at: Millis) -> Result<(), Error> {
    limits::count(tx, &proposals_of(proposer_key), at, DAY).map(drop)
}

fn proposals_of(proposer_key: &str) -> String {
    format!("proposals {proposer_key}")
}

/// Whether a phone is sent one more message that a stranger causes.
///
/// # Errors
/// When the database refuses.
pub fn may_receive(tx: &mut Tx<'_>, phone_key: &str, at: Millis) -> Result<bool, Error> {
    let counted = limits::count(tx, &format!("received {phone_key}"), at, DAY)?;
    Ok(counted.count <= RECEIVED_A_DAY)
}

/// Whether an employee is told now that something waits; else when they will be told of all that does.
///
/// # Errors
/// When the database refuses.
pub fn may_be_told(tx: &mut Tx<'_>, phone_key: &str, at: Millis) -> Result<Result<(), Millis>, Error> {
    let counted = limits::count(tx, &format!("told {phone_key}"), at, TOLD_EVERY)?;
    Ok(if counted.count == 1 { Ok(()) } else { Err(counted.ends_at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_met_once_each_however_small_the_budget() {
        for most in [1, 2, 3, 10, 10_000] {
            let met = |mark| (1..=most).filter(|used| *used == at_mark(most, mark)).count();
            assert_eq!(MARKS.map(met), [1, 1, 1], "{most}");
        }
    }
}
