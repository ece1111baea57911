//! The schema, step by step. Both engines have a file of the same number and name.

use yuyue_db::Migration;

macro_rules! migration {
    ($number:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/000", $number, "_", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/000", $number, "_", $name, ".sql")),
        }
    };
}

pub const ALL: &[Migration] = &[
    migration!(1, "core"),
    migration!(2, "members"),
    migration!(3, "slots"),
    migration!(4, "visitors"),
    migration!(5, "homemaking"),
    migration!(6, "scans"),
    migration!(7, "silence"),
    migration!(8, "keys"),
    migration!(9, "reliability"),
];
