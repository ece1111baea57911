//! Everything between the socket and a product's handler.

pub mod access;
pub mod body;
pub mod body_memory;
pub mod characters;
pub mod choice;
pub mod disposition;
pub mod envelope;
pub mod extract;
pub mod fields;
pub mod idempotency;
pub mod limits;
pub mod log;
pub mod made_once;
pub mod openapi;
pub mod page;
pub mod ready;
pub mod router;
pub mod shares;
pub mod version;
