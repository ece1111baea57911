//! What the simulated gateway knows, and its rules.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::adapters::payment::{Event, RefundState, Settlement};
use crate::clock::Millis;

/// An answer other than a success.
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: &'static str,
}

impl Refusal {
    pub const UNKNOWN: Self = Self { status: 404, code: "unknown", message: "there is no such thing" };

    const fn conflict(code: &'static str, message: &'static str) -> Self {
        Self { status: 409, code, message }
    }
}

/// Money that moved, and where to report it.
pub(super) struct Moved {
    pub event: Event,
    pub notify_url: String,
}

/// A charge that took money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    pub id: String,
    /// In fen.
    pub amount: i64,
    pub gateway_id: String,
}

/// A refund that paid back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refunded {
    pub id: String,
    pub charge_id: String,
    /// In fen.
    pub amount: i64,
    pub gateway_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Pending,
    Settled,
    Closed,
}

#[derive(Clone, Serialize, Deserialize)]
struct ChargeRow {
    id: String,
    amount: i64,
    state: State,
    gateway_id: String,
    settles_at: Millis,
    notify_url: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct RefundRow {
    id: String,
    charge_id: String,
    amount: i64,
    state: State,
    gateway_id: String,
    settles_at: Millis,
    notify_url: String,
}

/// A line of the journal: the row as it is from then on.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Charge(ChargeRow),
    Refund(RefundRow),
}

#[derive(Deserialize)]
struct ChargeBody {
    amount: i64,
    expires_at: Millis,
    notify_url: String,
}

#[derive(Deserialize)]
struct RefundBody {
    charge_id: String,
    amount: i64,
    notify_url: String,
}

/// Rows in the order they came; the maps find them by id.
#[derive(Default)]
pub(super) struct Books {
    charges: Vec<ChargeRow>,
    refunds: Vec<RefundRow>,
    charge_of: HashMap<String, usize>,
    refund_of: HashMap<String, usize>,
    journal: Option<File>,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let malformed = Refusal { status: 400, code: "body", message: "the body is not as agreed" };
    serde_json::from_slice(body).map_err(|_| malformed)
}

impl Books {
    /// Reads the journal and goes on writing it. A last line cut short by a crash never counted.
    pub fn open(journal: Option<&Path>) -> io::Result<Self> {
        let mut books = Self::default();
        let Some(journal) = journal else { return Ok(books) };
        let file = OpenOptions::new().create(true).read(true).append(true).open(journal)?;
        for line in BufReader::new(&file).lines() {
            match serde_json::from_str(&line?) {
                Ok(Line::Charge(row)) => books.put_charge(row),
                Ok(Line::Refund(row)) => books.put_refund(row),
                Err(_) => {}
            }
        }
        books.journal = Some(file);
        Ok(books)
    }

    /// Begins with a line break, so that half a line of before cannot swallow this one.
    fn write(&mut self, line: &Line) {
        let Some(journal) = &mut self.journal else { return };
        let text = format!("\n{}", json!(line));
        if let Err(error) = journal.write_all(text.as_bytes()) {
            tracing::error!(%error, "the simulated gateway's journal cannot be written");
        }
    }

    fn put_charge(&mut self, row: ChargeRow) {
        match self.charge_of.get(&row.id) {
            Some(place) => self.charges[*place] = row,
            None => {
                self.charge_of.insert(row.id.clone(), self.charges.len());
                self.charges.push(row);
            }
        }
    }

    fn put_refund(&mut self, row: RefundRow) {
        match self.refund_of.get(&row.id) {
            Some(place) => self.refunds[*place] = row,
            None => {
                self.refund_of.insert(row.id.clone(), self.refunds.len());
                self.refunds.push(row);
            }
        }
    }

    fn save_charge(&mut self, row: ChargeRow) {
        self.write(&Line::Charge(row.clone()));
        self.put_charge(row);
    }

    fn save_refund(&mut self, row: RefundRow) {
        self.write(&Line::Refund(row.clone()));
        self.put_refund(row);
    }

    fn charge_row(&self, id: &str) -> Option<&ChargeRow> {
        self.charge_of.get(id).map(|place| &self.charges[*place])
    }

    pub fn charged(&self) -> Vec<Charged> {
        let settled = self.charges.iter().filter(|row| row.state == State::Settled).cloned();
        settled.map(|row| Charged { id: row.id, amount: row.amount, gateway_id: row.gateway_id }).collect()
    }

    pub fn refunded(&self) -> Vec<Refunded> {
        let settled = self.refunds.iter().filter(|row| row.state == State::Settled).cloned();
        let refunded = |row: RefundRow| Refunded {
            id: row.id,
            charge_id: row.charge_id,
            amount: row.amount,
            gateway_id: row.gateway_id,
        };
        settled.map(refunded).collect()
    }

    /// Takes a charge. The same id again is the same charge, and must ask for the same.
    pub fn charge(&mut self, id: &str, body: &[u8], settles_at: Millis, now: Millis) -> Result<(), Refusal> {
        let ChargeBody { amount, expires_at, notify_url } = read(body)?;
        match self.charge_row(id) {
            Some(row) if row.amount != amount => {
                return Err(Refusal::conflict("conflict", "this id was used with another amount"));
            }
            Some(row) if row.state == State::Closed => {
                return Err(Refusal::conflict("closed", "this charge was closed"));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if amount <= 0 || now >= expires_at {
            return Err(Refusal {
                status: 400,
                code: "body",
                message: "the amount or the time is not acceptable",
            });
        }
        let gateway_id = format!("SIMC{:012}", self.charges.len() + 1);
        let id = id.to_owned();
        self.save_charge(ChargeRow { id, amount, state: State::Pending, gateway_id, settles_at, notify_url });
        Ok(())
    }

    /// Takes a refund: no more in all than was charged, and once for its id.
    pub fn refund(&mut self, id: &str, body: &[u8], settles_at: Millis) -> Result<(), Refusal> {
        let RefundBody { charge_id, amount, notify_url } = read(body)?;
        if let Some(row) = self.refund_of.get(id).map(|place| &self.refunds[*place]) {
            return match row.amount == amount && row.charge_id == charge_id {
                true => Ok(()),
                false => Err(Refusal::conflict("conflict", "this id was used for another refund")),
            };
        }
        let charge = self.charge_row(&charge_id).filter(|row| row.state == State::Settled);
        let charged = charge.ok_or(Refusal::UNKNOWN)?.amount;
        let given: i64 =
            self.refunds.iter().filter(|row| row.charge_id == charge_id).map(|row| row.amount).sum();
        if amount <= 0 || given + amount > charged {
            return Err(Refusal::conflict("too_much", "more than was charged"));
        }
        let gateway_id = format!("SIMR{:012}", self.refunds.len() + 1);
        let id = id.to_owned();
        let state = State::Pending;
        self.save_refund(RefundRow { id, charge_id, amount, state, gateway_id, settles_at, notify_url });
        Ok(())
    }

    /// Nobody pays for this id any more, even if it never came before.
    pub fn close(&mut self, id: &str) -> Result<(), Refusal> {
        match self.charge_row(id).cloned() {
            Some(row) if row.state == State::Settled => {
                Err(Refusal::conflict("settled", "this charge has taken money"))
            }
            Some(row) => {
                self.save_charge(ChargeRow { state: State::Closed, ..row });
                Ok(())
            }
            None => {
                self.save_charge(ChargeRow {
                    id: id.to_owned(),
                    amount: 0,
                    state: State::Closed,
                    gateway_id: String::new(),
                    settles_at: 0,
                    notify_url: String::new(),
                });
                Ok(())
            }
        }
    }

    /// Moves the money of all that is due.
    pub fn settle_due(&mut self, now: Millis) -> Vec<Moved> {
        let mut moved = Vec::new();
        let due = |state: State, settles_at: Millis| state == State::Pending && settles_at <= now;
        let charges = self.charges.iter().filter(|row| due(row.state, row.settles_at)).cloned();
        for row in charges.collect::<Vec<_>>() {
            let settlement = Settlement { gateway_id: row.gateway_id.clone(), amount: row.amount };
            let event = Event::Charged { charge_id: row.id.clone(), settlement };
            moved.push(Moved { event, notify_url: row.notify_url.clone() });
            self.save_charge(ChargeRow { state: State::Settled, ..row });
        }
        let refunds = self.refunds.iter().filter(|row| due(row.state, row.settles_at)).cloned();
        for row in refunds.collect::<Vec<_>>() {
            let settlement = Settlement { gateway_id: row.gateway_id.clone(), amount: row.amount };
            let event =
                Event::Refunded { refund_id: row.id.clone(), state: RefundState::Settled(settlement) };
            moved.push(Moved { event, notify_url: row.notify_url.clone() });
            self.save_refund(RefundRow { state: State::Settled, ..row });
        }
        moved
    }

    pub fn charge_said(&self, id: &str) -> Result<Value, Refusal> {
        let row = self.charge_row(id).ok_or(Refusal::UNKNOWN)?;
        Ok(json!({ "id": row.id, "state": row.state, "amount": row.amount, "gateway_id": row.gateway_id }))
    }

    pub fn refund_said(&self, id: &str) -> Result<Value, Refusal> {
        let row = self.refund_of.get(id).map(|place| &self.refunds[*place]).ok_or(Refusal::UNKNOWN)?;
        Ok(json!({
            "id": row.id, "charge_id": row.charge_id, "state": row.state, "amount": row.amount,
            "gateway_id": row.gateway_id,
        }))
    }
}
