//! A demo's data are everybody's: its password is in the documents, and it believes what callers say. A real
//! server takes them over only when told to, and then shuts out whoever got in.

use serde_json::{Value, json};
use yuyue_db::{Tx, params, sql};

use super::PASSWORD;
use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::{passwords, staff};

/// Whose the data of a database are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing is known of a demo.
    None,
    Demo,
    /// A demo's once, a real server's now.
    Adopted,
}

pub(super) fn mark(tx: &mut Tx<'_>) -> Result<Mark, Error> {
    let find = sql!("SELECT adopted_at FROM demo_mark WHERE id = 1");
    let adopted_at = tx.query_opt(find, params![], |row| row.get::<Option<Millis>>("adopted_at"))?;
    Ok(match adopted_at {
        None => Mark::None,
        Some(None) => Mark::Demo,
        Some(Some(_)) => Mark::Adopted,
    })
}

pub(super) fn set_mark(tx: &mut Tx<'_>) -> Result<(), Error> {
    let insert = sql!("INSERT INTO demo_mark (id, adopted_at) VALUES (1, NULL) ON CONFLICT (id) DO NOTHING");
    tx.execute(insert, params![])?;
    Ok(())
}

/// Whether these are a demo's data: they say so, or, written before they did, the demo's password opens them.
async fn is_demo(app: &App) -> Result<bool, Error> {
    let (mark, admin) = app
        .db
        .read("demo.mark", |tx| Ok::<_, Error>((mark(tx)?, staff::store::login_of(tx, "admin")?)))
        .await?;
    match (mark, admin) {
        (Mark::Demo, _) => Ok(true),
        (Mark::None, Some(admin)) if admin.active => {
            passwords::verify(app, PASSWORD.into(), admin.password_hash).await
        }
        (Mark::None | Mark::Adopted, _) => Ok(false),
    }
}

/// Lets a real server have its own data only, or a demo's that it `adopts`.
///
/// # Errors
/// A text that says what to do when they are a demo's.
pub async fn refuse_or_adopt(app: &App, adopts: bool) -> Result<(), String> {
    let cause = Error::reason;
    if !is_demo(app).await.map_err(cause)? {
        return Ok(());
    }
    if !adopts {
        return Err(
            "these are a demo's data, which anybody could log in to: choose another --data-dir, or take \
                    them over with --adopt-demo, which closes the demo's accounts, keys and pairs"
                .into(),
        );
    }
    let at = app.clock.now().at;
    let closed = app.db.write("demo.adopt", move |tx| adopt(tx, at)).await.map_err(cause)?;
    tracing::warn!(%closed, "a demo's data were taken over; whoever could log in to the demo no longer can");
    Ok(())
}

/// Closes what anybody may have made or logged in to, and gives how much of it there was.
fn adopt(tx: &mut Tx<'_>, at: Millis) -> Result<Value, Error> {
    let closed = json!({
        "staff": close_staff(tx)?,
        "api_keys": tx.execute(sql!("DELETE FROM api_key"), params![])?,
        "devices": tx.execute(sql!("DELETE FROM device"), params![])?,
        "pairs": close_pairs(tx, at)?,
        "members": close_members(tx)?,
        "wechat_bindings": close_wechat(tx)?,
        "messages": give_up_messages(tx, at)?,
    });
    // Replies hold keys and tokens.
    tx.execute(sql!("DELETE FROM idempotency"), params![])?;
    // The simulator's, whose people are nobody here.
    tx.execute(sql!("DELETE FROM employee"), params![])?;
    tx.execute(sql!("UPDATE directory SET refreshed_at = 0"), params![])?;
    set_mark(tx)?;
    tx.execute(sql!("UPDATE demo_mark SET adopted_at = $1"), params![at])?;
    staff::record_change_by(tx, "cli", "demo.adopt", "demo", &Value::Null, &closed, at)?;
    Ok(closed)
}

/// Their names are free again: an administrator will want to be called admin.
fn close_staff(tx: &mut Tx<'_>) -> Result<u64, Error> {
    tx.execute(sql!("DELETE FROM staff_session"), params![])?;
    tx.execute(sql!("DELETE FROM staff_recovery_code"), params![])?;
    let close = sql!(
        "UPDATE staff SET active = FALSE, password_hash = $1, totp_secret = '', totp_pending = '',
                          username = username || ' (demo ' || id || ')'"
    );
    Ok(tx.execute(close, params![passwords::NOBODY])?)
}

fn close_pairs(tx: &mut Tx<'_>, at: Millis) -> Result<u64, Error> {
    tx.execute(sql!("DELETE FROM home_token"), params![])?;
    let revoke = sql!("UPDATE enrolment SET revoked_at = $1 WHERE revoked_at IS NULL");
    Ok(tx.execute(revoke, params![at])?)
}

/// Anybody could read the codes that the demo sent to a number: whoever has it may register with it anew.
fn close_members(tx: &mut Tx<'_>) -> Result<u64, Error> {
    tx.execute(sql!("DELETE FROM access_token"), params![])?;
    tx.execute(sql!("DELETE FROM sms_code"), params![])?;
    let close = sql!("UPDATE account SET mobile = 'demo-' || id, password_hash = NULL, openid = NULL");
    Ok(tx.execute(close, params![])?)
}

/// A demo believes the openid that it is told.
fn close_wechat(tx: &mut Tx<'_>) -> Result<u64, Error> {
    tx.execute(sql!("DELETE FROM wechat_session"), params![])?;
    tx.execute(sql!("DELETE FROM wechat_state"), params![])?;
    tx.execute(sql!("DELETE FROM wechat_token"), params![])?;
    Ok(tx.execute(sql!("DELETE FROM wechat_binding"), params![])?)
}

/// They were meant for simulators.
fn give_up_messages(tx: &mut Tx<'_>, at: Millis) -> Result<u64, Error> {
    let give_up = sql!(
        "UPDATE outbox SET state = 'given_up', lease = NULL, finished_at = $1, last_error = 'written by a demo'
         WHERE is_message AND state = 'waiting'"
    );
    Ok(tx.execute(give_up, params![at])?)
}
