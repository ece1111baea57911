//! The rows of homemaking.

pub mod enrolments;
pub mod events;
pub mod files;
pub mod listing;
pub mod orders;
pub mod ratings;
pub mod refunds;
pub mod services;
pub mod tokens;
pub mod users;

type Result<T> = std::result::Result<T, crate::error::Error>;
