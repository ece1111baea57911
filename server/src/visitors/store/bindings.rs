//! Which WeChat belongs to whom.

use yuyue_db::{Row, Tx, params, sql};

use super::Result;
use crate::clock::Millis;
use crate::visitors::{Binding, BindingRole};

fn binding(row: &Row<'_>) -> yuyue_db::Result<Binding> {
    let role: String = row.get("role")?;
    let role = BindingRole::parse(&role).ok_or_else(|| yuyue_db::Error::Column {
        column: "role".into(),
        reason: format!("unknown role {role}"),
    })?;
    Ok(Binding {
        weixin_user_id: row.get("weixin_user_id")?,
        role,
        phone: row.get("phone")?,
        name: row.get("name")?,
        avatar: row.get("avatar")?,
    })
}

pub fn find(tx: &mut Tx<'_>, weixin_user_id: &str) -> Result<Option<Binding>> {
    let find = sql!(
        "SELECT weixin_user_id, role, phone, name, avatar FROM wechat_binding WHERE weixin_user_id = $1"
    );
    Ok(tx.query_opt(find, params![weixin_user_id], binding)?)
}

/// Who is written to for `phone`: the WeChat bound in `role`, else the one bound in the other.
pub fn addressee(tx: &mut Tx<'_>, phone: &str, role: BindingRole) -> Result<Option<Binding>> {
    let find = sql!(
        "SELECT weixin_user_id, role, phone, name, avatar FROM wechat_binding WHERE phone = $1
         ORDER BY CASE WHEN role = $2 THEN 0 ELSE 1 END, weixin_user_id LIMIT 1"
    );
    Ok(tx.query_opt(find, params![phone, role.as_str()], binding)?)
}

/// Binds, unless the WeChat or the phone (in this role) is bound already; whether it did.
pub fn insert(tx: &mut Tx<'_>, new: &Binding, at: Millis) -> Result<bool> {
    let insert = sql!(
        "INSERT INTO wechat_binding (weixin_user_id, role, phone, name, avatar, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
    );
    let values = params![&new.weixin_user_id, new.role.as_str(), &new.phone, &new.name, &new.avatar, at];
    Ok(tx.execute(insert, values)? == 1)
}

/// Takes over what WeChat says about the user now.
pub fn set_profile(tx: &mut Tx<'_>, weixin_user_id: &str, name: &str, avatar: &str) -> Result<()> {
    let update = sql!("UPDATE wechat_binding SET name = $2, avatar = $3 WHERE weixin_user_id = $1");
    tx.execute(update, params![weixin_user_id, name, avatar])?;
    Ok(())
}

/// Unbinds; whether there was anything to.
pub fn delete(tx: &mut Tx<'_>, weixin_user_id: &str) -> Result<bool> {
    let delete = sql!("DELETE FROM wechat_binding WHERE weixin_user_id = $1");
    Ok(tx.execute(delete, params![weixin_user_id])? == 1)
}

/// Unbinds every WeChat of a phone.
pub fn delete_of_phone(tx: &mut Tx<'_>, phone: &str) -> Result<u64> {
    Ok(tx.execute(sql!("DELETE FROM wechat_binding WHERE phone = $1"), params![phone])?)
}
