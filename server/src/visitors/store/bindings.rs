//! Which WeChat belongs to whom.

use yuyue_db::{Row, Tx, Value, params, sql};

use super::Result;
use crate::clock::Millis;
use crate::http::page::Page;
use crate::phone;
use crate::text::name_key;
use crate::visitors::{Binding, BindingRole};

/// A binding as its row stands.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: i64,
    pub binding: Binding,
    pub phone_key: String,
    pub created_at: Millis,
    /// The WeChat cloud service may not have taken it yet.
    pub is_under_way: bool,
    /// A code proved the phone, or staff vouch for it.
    pub is_proved: bool,
    /// False for an employee whom the directory does not have (any more), by name and phone.
    pub is_valid: bool,
}

macro_rules! kept {
    ($rest:literal) => {
        concat!(
            "SELECT b.id, b.weixin_user_id, b.role, b.phone, b.phone_key, b.name, b.avatar, b.created_at,
                    (b.bound_at IS NULL) AS is_under_way, (b.proved_at IS NOT NULL) AS is_proved,
                    (b.role <> 'employee' OR EXISTS (SELECT 1 FROM employee e
                        WHERE e.phone_key = b.phone_key AND e.name_key = b.name_key)) AS is_valid
             FROM wechat_binding b ",
            $rest
        )
    };
}

fn kept(row: &Row<'_>) -> yuyue_db::Result<Kept> {
    let role: String = row.get("role")?;
    let role = BindingRole::parse(&role).ok_or_else(|| yuyue_db::Error::Column {
        column: "role".into(),
        reason: format!("unknown role {role}"),
    })?;
    let binding = Binding {
        weixin_user_id: row.get("weixin_user_id")?,
        role,
        phone: row.get("phone")?,
        name: row.get("name")?,
        avatar: row.get("avatar")?,
    };
    Ok(Kept {
        id: row.get("id")?,
        binding,
        phone_key: row.get::<Option<String>>("phone_key")?.unwrap_or_default(),
        created_at: row.get("created_at")?,
        is_under_way: row.get("is_under_way")?,
        is_proved: row.get("is_proved")?,
        is_valid: row.get("is_valid")?,
    })
}

pub fn find(tx: &mut Tx<'_>, weixin_user_id: &str) -> Result<Option<Kept>> {
    Ok(tx.query_opt(sql!(kept!("WHERE b.weixin_user_id = $1")), params![weixin_user_id], kept)?)
}

pub fn by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Kept>> {
    Ok(tx.query_opt(sql!(kept!("WHERE b.id = $1")), params![id], kept)?)
}

/// Who holds a phone in a role.
pub fn holder(tx: &mut Tx<'_>, phone_key: &str, role: BindingRole) -> Result<Option<Kept>> {
    let find = sql!(kept!("WHERE b.phone_key = $1 AND b.role = $2"));
    Ok(tx.query_opt(find, params![phone_key, role.as_str()], kept)?)
}

/// The bindings of a phone: who may be written to for it.
pub fn of_phone(tx: &mut Tx<'_>, phone_key: &str) -> Result<Vec<Kept>> {
    Ok(tx.query(sql!(kept!("WHERE b.phone_key = $1 ORDER BY b.id")), params![phone_key], kept)?)
}

/// The bindings, the latest first; of one phone if given.
pub fn list(tx: &mut Tx<'_>, phone_key: Option<&str>, page: Page) -> Result<(i64, Vec<Kept>)> {
    let count = sql!(
        "SELECT count(*) AS total FROM wechat_binding WHERE (CAST($1 AS TEXT) IS NULL OR phone_key = $1)"
    );
    let list = sql!(kept!(
        "WHERE (CAST($1 AS TEXT) IS NULL OR b.phone_key = $1) ORDER BY b.id DESC LIMIT $2 OFFSET $3"
    ));
    let total = tx.query_one(count, params![phone_key], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![phone_key, page.size, page.offset()], kept)?))
}

/// Bindings that have been under way since before `before`.
pub fn left_over(tx: &mut Tx<'_>, before: Millis) -> Result<Vec<Kept>> {
    let list = sql!(kept!("WHERE b.bound_at IS NULL AND b.created_at <= $1 ORDER BY b.created_at LIMIT 100"));
    Ok(tx.query(list, params![before], kept)?)
}

/// Binds, unless the WeChat or the phone (in this role) is bound already; the row's id if it did.
/// `bound_at` is `None` while the cloud service is still to be asked.
pub fn insert(tx: &mut Tx<'_>, new: &Binding, at: Millis, bound_at: Option<Millis>) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO wechat_binding (weixin_user_id, role, phone, phone_key, name, name_key, avatar, created_at,
                                     bound_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id"
    );
    let (phone_key, name_key) = (phone::key(&new.phone), name_key(&new.name));
    let Binding { weixin_user_id, role, phone, name, avatar } = new;
    let values: [Value<'_>; 9] =
        *params![weixin_user_id, role.as_str(), phone, &phone_key, name, &name_key, avatar, at, bound_at];
    Ok(tx.query_opt(insert, &values, |row| row.get("id"))?)
}

/// What was under way is done; whether the row is still there.
pub fn confirm(tx: &mut Tx<'_>, id: i64, proved_at: Option<Millis>, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE wechat_binding SET bound_at = coalesce(bound_at, $2), proved_at = coalesce(proved_at, $3)
         WHERE id = $1"
    );
    Ok(tx.execute(update, params![id, at, proved_at])? == 1)
}

/// Takes over what WeChat says about the user now.
pub fn set_profile(tx: &mut Tx<'_>, id: i64, name: &str, avatar: &str) -> Result<()> {
    let update = sql!("UPDATE wechat_binding SET name = $2, avatar = $3 WHERE id = $1");
    tx.execute(update, params![id, name, avatar])?;
    Ok(())
}

/// Unbinds; whether there was anything to.
pub fn delete(tx: &mut Tx<'_>, weixin_user_id: &str) -> Result<bool> {
    let delete = sql!("DELETE FROM wechat_binding WHERE weixin_user_id = $1");
    Ok(tx.execute(delete, params![weixin_user_id])? == 1)
}

/// Takes away exactly this binding, and none that the same WeChat has made since.
pub fn delete_row(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    Ok(tx.execute(sql!("DELETE FROM wechat_binding WHERE id = $1"), params![id])? == 1)
}

/// Takes away a binding that is still under way.
pub fn delete_under_way(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let delete = sql!("DELETE FROM wechat_binding WHERE id = $1 AND bound_at IS NULL");
    Ok(tx.execute(delete, params![id])? == 1)
}

/// Unbinds every WeChat of a phone, and gives them.
pub fn delete_of_phone(tx: &mut Tx<'_>, phone_key: &str) -> Result<Vec<String>> {
    let delete = sql!("DELETE FROM wechat_binding WHERE phone_key = $1 RETURNING weixin_user_id");
    Ok(tx.query(delete, params![phone_key], |row| row.get("weixin_user_id"))?)
}

/// Bindings under way that a wrong clock dated after `at` are as old as others; gives how many.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    let update =
        sql!("UPDATE wechat_binding SET created_at = $1 WHERE bound_at IS NULL AND created_at - 60000 > $1");
    Ok(tx.execute(update, params![at])?)
}
