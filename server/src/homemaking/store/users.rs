//! Users (用户).

use yuyue_db::{Row, Tx, params, sql};

use super::Result;
use crate::clock::Millis;
use crate::homemaking::view::Person;

/// Reads somebody from columns that begin with `prefix`.
pub fn person(row: &Row<'_>, prefix: &str) -> yuyue_db::Result<Person> {
    let column = |name: &str| format!("{prefix}{name}");
    Ok(Person {
        id: row.get(&column("id"))?,
        nickname: row.get(&column("nickname"))?,
        avatar: row.get(&column("avatar"))?,
        real_name: row.get(&column("real_name"))?,
        gender: row.get(&column("gender"))?,
        tel: row.get(&column("tel"))?,
    })
}

/// A user nobody knows anything of yet.
pub fn insert(tx: &mut Tx<'_>, at: Millis) -> Result<i64> {
    let insert = sql!(
        "INSERT INTO home_user (nickname, avatar, gender, created_at) VALUES ('', '', 0, $1) RETURNING id"
    );
    let id: i64 = tx.query_one(insert, params![at], |row| row.get("id"))?;
    let name = format!("慕慕{id:04}");
    tx.execute(sql!("UPDATE home_user SET nickname = $2 WHERE id = $1"), params![id, &name])?;
    Ok(id)
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Person>> {
    let find = sql!("SELECT id, nickname, avatar, real_name, gender, tel FROM home_user WHERE id = $1");
    Ok(tx.query_opt(find, params![id], |row| person(row, ""))?)
}

/// What changes in a user; `None` keeps what is there.
#[derive(Clone, Debug)]
pub struct Change {
    pub nickname: Option<String>,
    pub avatar: Option<String>,
    pub gender: Option<i64>,
    pub real_name: Option<String>,
    pub tel: Option<String>,
}

/// The user as changed.
pub fn change(tx: &mut Tx<'_>, id: i64, change: &Change) -> Result<Option<Person>> {
    let update = sql!(
        "UPDATE home_user SET nickname = coalesce($2, nickname), avatar = coalesce($3, avatar),
                              gender = coalesce($4, gender), real_name = coalesce($5, real_name),
                              tel = coalesce($6, tel)
         WHERE id = $1 RETURNING id, nickname, avatar, real_name, gender, tel"
    );
    let values = params![
        id,
        change.nickname.as_ref(),
        change.avatar.as_ref(),
        change.gender,
        change.real_name.as_ref(),
        change.tel.as_ref()
    ];
    Ok(tx.query_opt(update, values, |row| person(row, ""))?)
}
