//! The rows of visitors.

pub mod bindings;
pub mod blocklist;
pub mod desk;
pub mod directory;
pub mod grams;
pub mod records;
pub mod sessions;
pub mod settings;
pub mod staff;
pub mod visits;

type Result<T> = std::result::Result<T, crate::error::Error>;
