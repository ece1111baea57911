//! The ledger (账本): every movement of money once, from one account to another, never changed and
//! never removed. Both sides of an entry stand in one row, so the accounts sum to zero by form; that
//! they also fit the payments and the orders is what [`check`] looks into.

pub mod check;
pub mod jobs;
pub mod store;

use yuyue_db::Tx;

use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::Fen;
use crate::homemaking::payments::store::Payment;
use crate::homemaking::store::orders::Order;

use self::store::NewEntry;

/// Whose money it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Ours at the payment gateway: what was charged and not paid back.
    Gateway,
    /// Held for orders that are paid and not confirmed.
    Held,
    /// Due to the publishers of confirmed orders.
    Publisher,
    /// The operator's own money outside of the gateway, by which staff paid back what it could not.
    Outside,
}

impl Account {
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Held, Self::Publisher, Self::Outside];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Held => "held",
            Self::Publisher => "publisher",
            Self::Outside => "outside",
        }
    }
}

/// What moves money, and between which accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// The consumer paid.
    Charge,
    /// The consumer got it back.
    Refund,
    /// The consumer got it back from the operator, not through the gateway.
    RefundOutside,
    /// The consumer confirmed, so the publisher has earned it.
    Confirm,
}

impl Movement {
    pub const ALL: [Self; 4] = [Self::Charge, Self::Refund, Self::RefundOutside, Self::Confirm];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::RefundOutside => "refund_outside",
            Self::Confirm => "confirm",
        }
    }

    /// The account that grows (debit) and the one that the money comes out of (credit).
    #[must_use]
    pub fn accounts(self) -> (Account, Account) {
        match self {
            Self::Charge => (Account::Gateway, Account::Held),
            Self::Refund => (Account::Held, Account::Gateway),
            Self::RefundOutside => (Account::Held, Account::Outside),
            Self::Confirm => (Account::Held, Account::Publisher),
        }
    }
}

/// Enters the money of a charge that has settled.
///
/// # Errors
/// When the database refuses.
pub fn charge(tx: &mut Tx<'_>, payment: &Payment, at: Millis) -> Result<(), Error> {
    enter(tx, Movement::Charge, payment, at)
}

/// Enters the money of a refund that has settled.
///
/// # Errors
/// When the database refuses.
pub fn refund(tx: &mut Tx<'_>, payment: &Payment, at: Millis) -> Result<(), Error> {
    enter(tx, Movement::Refund, payment, at)
}

/// Enters the money of a refund that staff have paid outside of the gateway.
///
/// # Errors
/// When the database refuses.
pub fn refund_outside(tx: &mut Tx<'_>, payment: &Payment, at: Millis) -> Result<(), Error> {
    enter(tx, Movement::RefundOutside, payment, at)
}

fn enter(tx: &mut Tx<'_>, movement: Movement, payment: &Payment, at: Millis) -> Result<(), Error> {
    let Payment { id, order_id, refund_id, amount, .. } = *payment;
    store::insert(tx, &NewEntry { movement, order_id, payment_id: Some(id), refund_id, amount }, at)
}

/// Enters that an order was confirmed: what was held for it is the publisher's.
///
/// # Errors
/// When the database refuses.
pub fn confirm(tx: &mut Tx<'_>, order: &Order, at: Millis) -> Result<(), Error> {
    let (movement, order_id, amount) = (Movement::Confirm, order.id, order.price);
    store::insert(tx, &NewEntry { movement, order_id, payment_id: None, refund_id: None, amount }, at)
}

/// What came in and went back in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub charged: Fen,
    pub refunded: Fen,
}

impl Totals {
    #[must_use]
    pub fn balance(self) -> Fen {
        Fen(self.charged.0 - self.refunded.0)
    }
}
