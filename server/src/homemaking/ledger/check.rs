//! Whether the ledger fits the payments and the orders: pure rules over what was read of one order.

use std::collections::BTreeMap;

use yuyue_db::Db;

use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::homemaking::Fen;
use crate::homemaking::states::OrderState;

use super::{Account, Movement, store};

/// How many orders are looked at together.
const AT_ONCE: i64 = 1_000;
/// More differences than this help nobody.
const MOST_DIFFERENCES: usize = 100;
/// A refund that has not reached the payer by then needs a person.
const REFUND_PATIENCE: Millis = DAY;

/// A charge that has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    pub payment_id: i64,
    pub amount: Fen,
    /// It came when the order did not want it, and goes back by itself.
    pub is_surplus: bool,
    pub back: Option<Returned>,
}

/// The way back of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub payment_id: i64,
    pub amount: Fen,
    pub is_settled: bool,
    /// By staff, not through the gateway.
    pub is_outside: bool,
    pub since: Millis,
}

impl Returned {
    fn movement(&self) -> Movement {
        if self.is_outside { Movement::RefundOutside } else { Movement::Refund }
    }
}

/// A row of the ledger, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: i64,
    pub kind: String,
    pub payment_id: Option<i64>,
    pub debit: String,
    pub credit: String,
    pub amount: Fen,
}

/// All that is written of one order's money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBooks {
    pub order_id: i64,
    pub status: OrderState,
    pub price: Fen,
    /// Those that settled.
    pub charges: Vec<Charged>,
    pub entries: Vec<Entry>,
}

/// What the whole ledger came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub orders: i64,
    pub entries: usize,
    /// One sentence each; empty when all is right.
    pub differences: Vec<String>,
}

/// What each account holds after `entries`: debits less credits.
fn balances(entries: &[Entry]) -> BTreeMap<&str, i64> {
    let mut balances: BTreeMap<&str, i64> = Account::ALL.iter().map(|account| (account.word(), 0)).collect();
    for entry in entries {
        *balances.entry(&entry.debit).or_default() += entry.amount.0;
        *balances.entry(&entry.credit).or_default() -= entry.amount.0;
    }
    balances
}

/// What is wrong with an order's money, one sentence each.
#[must_use]
pub fn differences(books: &OrderBooks, at: Millis) -> Vec<String> {
    let mut found = Vec::new();
    check_form(books, &mut found);
    check_payments(books, at, &mut found);
    check_state(books, &mut found);
    let order = |what: String| format!("order {}: {what}", books.order_id);
    found.into_iter().map(order).collect()
}

/// Each entry is of a known kind, between its accounts; and the accounts sum to zero.
fn check_form(books: &OrderBooks, found: &mut Vec<String>) {
    for entry in &books.entries {
        let movement = Movement::ALL.into_iter().find(|movement| movement.word() == entry.kind);
        let accounts = movement.map(Movement::accounts);
        let is_right = accounts
            .is_some_and(|(debit, credit)| entry.debit == debit.word() && entry.credit == credit.word());
        if !is_right || entry.amount <= Fen(0) {
            let Entry { id, kind, debit, credit, amount, .. } = entry;
            found.push(format!("entry {id} ({kind}) moves {amount} from {credit} to {debit}"));
        }
    }
    let sum: i64 = balances(&books.entries).values().sum();
    if sum != 0 {
        found.push(format!("the accounts sum to {}", Fen(sum)));
    }
}

/// Every payment that settled has its entry, and every entry of a payment its payment.
fn check_payments(books: &OrderBooks, at: Millis, found: &mut Vec<String>) {
    let backs = books.charges.iter().filter_map(|charge| charge.back.as_ref());
    let settled = backs.clone().filter(|back| back.is_settled);
    let mut expected: Vec<(i64, &str, Fen)> =
        settled.map(|back| (back.payment_id, back.movement().word(), back.amount)).collect();
    expected.extend(
        books.charges.iter().map(|charge| (charge.payment_id, Movement::Charge.word(), charge.amount)),
    );
    for (payment_id, kind, amount) in &expected {
        let mut own = books.entries.iter().filter(|entry| entry.payment_id == Some(*payment_id));
        match (own.next(), own.next()) {
            (None, _) => {
                found.push(format!("payment {payment_id} ({kind} of {amount}) is not in the ledger"));
            }
            (Some(_), Some(_)) => found.push(format!("payment {payment_id} is in the ledger more than once")),
            (Some(entry), None) if entry.kind != *kind || entry.amount != *amount => found.push(format!(
                "payment {payment_id} is a {kind} of {amount}, entry {} a {} of {}",
                entry.id, entry.kind, entry.amount
            )),
            (Some(_), None) => {}
        }
    }
    for entry in &books.entries {
        let is_known = match entry.payment_id {
            Some(id) => expected.iter().any(|(payment_id, ..)| *payment_id == id),
            None => entry.kind == Movement::Confirm.word(),
        };
        if !is_known {
            found.push(format!(
                "entry {} ({} of {}) is of no payment that settled",
                entry.id, entry.kind, entry.amount
            ));
        }
    }
    for charge in &books.charges {
        if charge.is_surplus && charge.back.is_none() {
            found.push(format!("payment {} was not wanted, and does not go back", charge.payment_id));
        }
        if let Some(back) = &charge.back {
            if back.amount > charge.amount {
                found.push(format!("payment {} pays back more than was charged", back.payment_id));
            }
            if !back.is_settled && at - back.since > REFUND_PATIENCE {
                found.push(format!("payment {} has not been paid back for more than a day", back.payment_id));
            }
        }
    }
}

/// The accounts are what the order's state means. Money that was not wanted and is still on its way
/// back is held, whatever the state.
fn check_state(books: &OrderBooks, found: &mut Vec<String>) {
    let paying = books.charges.iter().filter(|charge| !charge.is_surplus).count();
    if paying > 1 {
        found.push(format!("it is paid {paying} times"));
    }
    let returning =
        |charge: &&Charged| charge.is_surplus && charge.back.as_ref().is_none_or(|back| !back.is_settled);
    let surplus: i64 = books.charges.iter().filter(returning).map(|charge| charge.amount.0).sum();
    let (held, earned) = match books.status {
        OrderState::Unconfirmed => (books.price.0, 0),
        OrderState::Unrated | OrderState::Completed => (0, books.price.0),
        _ => (0, 0),
    };
    let outside = books.charges.iter().filter_map(|charge| charge.back.as_ref());
    let outside =
        outside.filter(|back| back.is_settled && back.is_outside).map(|back| back.amount.0).sum::<i64>();
    let balances = balances(&books.entries);
    let expected = [
        (Account::Gateway, held + earned + surplus + outside),
        (Account::Outside, -outside),
        (Account::Held, -(held + surplus)),
        (Account::Publisher, -earned),
    ];
    for (account, expected) in expected {
        let found_there = balances.get(account.word()).copied().unwrap_or_default();
        if found_there != expected {
            found.push(format!(
                "in state {:?} the account {} should hold {}, and holds {}",
                books.status,
                account.word(),
                Fen(expected),
                Fen(found_there)
            ));
        }
    }
}

/// Looks at every order in one snapshot of the database.
///
/// # Errors
/// When the database refuses.
pub async fn verify(db: &Db, at: Millis) -> Result<Report, Error> {
    db.read("homemaking.verify_ledger", move |tx| {
        let last = store::last_order(tx)?;
        let mut report = Report::default();
        let mut after = 0;
        while after < last && report.differences.len() < MOST_DIFFERENCES {
            for books in store::books(tx, after, after + AT_ONCE)? {
                report.orders += 1;
                report.entries += books.entries.len();
                report.differences.append(&mut differences(&books, at));
            }
            after += AT_ONCE;
        }
        report.differences.truncate(MOST_DIFFERENCES);
        Ok(report)
    })
    .await
}

#[cfg(test)]
mod tests;
