//! Web authorisation: its states, the sessions it ends in, and the official account's token.

use yuyue_db::{Tx, params, sql};

use super::Result;
use crate::clock::{HOUR, Millis};
use crate::visitors::BindingRole;
use crate::visitors::caller::{SessionUser, WechatUser};

/// Uses a state up; `false` when it has been before. It is kept for as long as it could come again.
pub fn use_state(tx: &mut Tx<'_>, state: &str, expires_at: Millis) -> Result<bool> {
    let insert = sql!(
        "INSERT INTO wechat_state (state, next, expires_at) VALUES ($1, '', $2) ON CONFLICT (state) DO NOTHING"
    );
    Ok(tx.execute(insert, params![state, expires_at])? == 1)
}

/// Starts a session.
pub fn insert_session(
    tx: &mut Tx<'_>,
    token_hash: &str,
    user: (&str, &str, &str),
    (at, expires_at): (Millis, Millis),
) -> Result<()> {
    let (weixin_user_id, nick, avatar) = user;
    let insert = sql!(
        "INSERT INTO wechat_session (token_hash, weixin_user_id, nick, avatar, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)"
    );
    tx.execute(insert, params![token_hash, weixin_user_id, nick, avatar, at, expires_at])?;
    Ok(())
}

/// The WeChat user of a session, with the phone that is bound.
pub fn user_of_session(tx: &mut Tx<'_>, token_hash: &str, at: Millis) -> Result<Option<SessionUser>> {
    let find = sql!(
        "SELECT s.weixin_user_id, s.nick, s.avatar, b.phone_key, b.role, (b.proved_at IS NOT NULL) AS is_proved,
                EXISTS (SELECT 1 FROM employee e WHERE e.phone_key = b.phone_key) AS is_in_directory,
                EXISTS (SELECT 1 FROM employee e
                        WHERE e.phone_key = b.phone_key AND e.name_key = b.name_key) AS is_employed
         FROM wechat_session s
         LEFT JOIN wechat_binding b ON b.weixin_user_id = s.weixin_user_id AND b.bound_at IS NOT NULL
         WHERE s.token_hash = $1 AND s.expires_at > $2"
    );
    let user = tx.query_opt(find, params![token_hash, at], |row| {
        let role = row.get::<Option<String>>("role")?.and_then(|role| BindingRole::parse(&role));
        let user = WechatUser {
            id: row.get("weixin_user_id")?,
            nick: row.get("nick")?,
            avatar: row.get("avatar")?,
            bound: row.get::<Option<String>>("phone_key")?.zip(role),
        };
        Ok(SessionUser {
            user,
            is_proved: row.get("is_proved")?,
            is_in_directory: row.get("is_in_directory")?,
            is_employed: row.get("is_employed")?,
        })
    });
    Ok(user?)
}

/// Ends a session.
pub fn end_session(tx: &mut Tx<'_>, token_hash: &str) -> Result<()> {
    tx.execute(sql!("DELETE FROM wechat_session WHERE token_hash = $1"), params![token_hash])?;
    Ok(())
}

/// Ends every session of a WeChat user; how many there were.
pub fn end_sessions_of(tx: &mut Tx<'_>, weixin_user_id: &str) -> Result<u64> {
    let delete = sql!("DELETE FROM wechat_session WHERE weixin_user_id = $1");
    Ok(tx.execute(delete, params![weixin_user_id])?)
}

/// The sealed access token of the official account, and when it expires.
pub fn access_token(tx: &mut Tx<'_>) -> Result<Option<(String, Millis)>> {
    let find = sql!("SELECT sealed, expires_at FROM wechat_token WHERE id = 1");
    Ok(tx.query_opt(find, &[], |row| Ok((row.get("sealed")?, row.get("expires_at")?)))?)
}

pub fn save_access_token(tx: &mut Tx<'_>, sealed: &str, expires_at: Millis) -> Result<()> {
    let upsert = sql!(
        "INSERT INTO wechat_token (id, sealed, expires_at) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at"
    );
    tx.execute(upsert, params![sealed, expires_at])?;
    Ok(())
}

/// Forgets what has expired.
pub fn forget_states(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM wechat_state WHERE state IN
             (SELECT state FROM wechat_state WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// Forgets sessions that have expired.
pub fn forget_sessions(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM wechat_session WHERE token_hash IN
             (SELECT token_hash FROM wechat_session WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// What a wrong clock gave out after `at` lives no longer than other things do, and what says no date of its own is
/// asked for again; gives how many rows.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    let sessions = sql!(
        "UPDATE wechat_session SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at - 60000 > $1"
    );
    let mut rows = tx.execute(sessions, params![at])?;
    // An authorisation lasts minutes, an access token of WeChat's two hours.
    rows += tx.execute(sql!("DELETE FROM wechat_state WHERE expires_at > $1"), params![at + HOUR])?;
    Ok(rows + tx.execute(sql!("DELETE FROM wechat_token WHERE expires_at > $1"), params![at + 3 * HOUR])?)
}
