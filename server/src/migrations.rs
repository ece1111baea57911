//! The schema, step by step. Both engines have a file of the same number and name.

use yuyue_db::Migration;

macro_rules! migration {
    ($number:literal, $name:literal) => {
        migration!("000", $number, $name)
    };
    ($zeros:literal, $number:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $zeros, $number, "_", $name, ".sql")),
            postgres: include_str!(concat!(
                "../../migrations/postgres/",
                $zeros,
                $number,
                "_",
                $name,
                ".sql"
            )),
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
    migration!("00", 10, "time"),
    migration!("00", 11, "messages"),
    migration!("00", 12, "staff_accounts"),
    migration!("00", 13, "holders"),
    migration!("00", 14, "changed_hands"),
    migration!("00", 15, "ways_to_pay"),
    migration!("00", 16, "overdue"),
    migration!("00", 17, "retention"),
];
