//! The whole server, tested through its wire. One story a test; every story is told on both engines.
//!
//! PostgreSQL comes from `YUYUE_TEST_POSTGRES`: `scripts/with-postgres cargo test`.
#![allow(clippy::unwrap_used, reason = "a broken set-up should panic")]

#[macro_use]
mod support;

mod access;
mod adopting;
mod architecture;
mod bad_input;
mod clients;
mod database;
mod guessing;
mod homemaking;
mod house;
mod idempotency;
mod keys;
mod live;
mod members;
mod openapi;
mod outbox;
mod parts;
mod races;
mod simulators;
mod slots;
mod staff;
mod strangers;
mod time;
mod unnamed;
mod visitors;
mod web;
