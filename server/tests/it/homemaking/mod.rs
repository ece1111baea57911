//! Homemaking (003): from a published service to its rating, in the words of the document.

mod bad_input;
mod demo;
mod files;
mod late_listing;
mod listing;
mod orders;
mod payments;
mod races;
mod ratings;
mod refund_races;
mod refunds;
mod services;
mod silence;
mod staff;
mod states;
mod timers;
mod tokens;
mod uploads;
mod users;
