//! The locks that stand for no single row; one number each.

/// Binding an openid to an account.
pub const OPENID: i64 = 1;
/// The slots of the schedule: shared to give one back, exclusive to lay them anew.
pub const SCHEDULE: i64 = 2;
/// Changing who administers this server.
pub const ADMINS: i64 = 3;
/// The parts of names by which visits are found.
pub const GRAMS: i64 = 4;
/// The public list of home services.
pub const LISTING: i64 = 5;
/// The blocklist: shared to give a person a pass or a message, exclusive to change it.
pub const BLOCKLIST: i64 = 6;
/// Making the keys of numbers that have none yet.
pub const KEYS: i64 = 7;
/// What staff set for visitors: servers and templates, each read and replaced as a whole.
pub const VISITORS_SETTINGS: i64 = 9;
