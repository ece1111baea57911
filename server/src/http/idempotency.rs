//! Idempotency-Key: the reply is stored in the transaction of what it replies to, so a repeat gets
//! either the first reply or, if the first failed, a fresh try. What has no key is in [`unnamed`].

pub mod unnamed;

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use yuyue_db::{Tx, params, sql};

use crate::app::App;
use crate::clock::{DAY, Now};
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::http::log::RequestId;
use crate::secrets::Secrets;

const LIFETIME: i64 = DAY;
const LONGEST_KEY: usize = 128;
const PURPOSE: &str = "idempotency";

/// A request's key, and what it must not be used for again.
#[derive(Clone, Debug)]
pub struct Once {
    /// `None`: the request names itself only by what it asks ([`Once::named_or_not`]).
    key: Option<String>,
    fingerprint: String,
    request_id: RequestId,
}

impl Once {
    /// # Errors
    /// When the header is there but is not 1 to 128 visible ASCII characters.
    pub fn of(parts: &Parts, body: &[u8], secrets: &Secrets) -> Result<Option<Self>, Error> {
        let is_named = parts.headers.contains_key("idempotency-key");
        is_named.then(|| Self::named_or_not(parts, body, secrets)).transpose()
    }

    /// For what must not be done twice even without a key, should its caller not have learnt that it was done.
    ///
    /// # Errors
    /// As [`Once::of`].
    pub fn named_or_not(parts: &Parts, body: &[u8], secrets: &Secrets) -> Result<Self, Error> {
        let key = parts.headers.get("idempotency-key").map(Self::key).transpose()?;
        let (method, path) = (parts.method.as_str().as_bytes(), parts.uri.path().as_bytes());
        let fingerprint = secrets.fingerprint(&[method, path, body]);
        let request_id = parts.extensions.get::<RequestId>().copied().unwrap_or_default();
        Ok(Self { key, fingerprint, request_id })
    }

    fn key(header: &HeaderValue) -> Result<String, Error> {
        let key = header.to_str().unwrap_or_default().trim();
        if key.is_empty() || key.len() > LONGEST_KEY {
            let (zh, en) = ("应为 1 到 128 个可见字符", "expected 1 to 128 visible characters");
            return Err(Error::invalid("Idempotency-Key", zh, en));
        }
        Ok(key.to_owned())
    }
}

impl Once {
    /// The reply, and how it is stored.
    fn reply<T: Serialize>(
        &self,
        data: &T,
        status: StatusCode,
        secrets: &Secrets,
    ) -> Result<(Reply, String), Error> {
        let broken = |error: serde_json::Error| Error::internal(error.to_string());
        let reply = Reply::with_status(status, data)?;
        let data = serde_json::to_string(data).map_err(broken)?;
        let stored = Stored { status: status.as_u16(), request_id: self.request_id, data };
        let stored = serde_json::to_string(&stored).map_err(broken)?;
        Ok((reply, secrets.seal(PURPOSE, &stored)))
    }

    /// Whether the caller gave it a key.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.key.is_some()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    status: u16,
    request_id: RequestId,
    data: String,
}

/// How a protected write ended.
enum Outcome {
    Fresh(Reply),
    /// The stored reply, sealed.
    Repeat(String),
}

/// Runs `closure` as [`yuyue_db::Db::write`] does; with a key, at most once for `caller`.
///
/// # Errors
/// What the closure returns; 422 when the key was used with another body.
pub async fn write<T, F>(
    app: &App,
    name: &'static str,
    (once, caller, now): (Option<Once>, String, &Now),
    status: StatusCode,
    closure: F,
) -> Result<Reply, Error>
where
    T: Serialize,
    F: Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
{
    let Some(once) = once else {
        let plain = move |tx: &mut Tx<'_>| Reply::with_status(status, &closure(tx)?);
        return app.db.write(name, plain).await;
    };
    let Some(key) = once.key.clone() else {
        return unnamed::write(app, name, (once, caller, now.at), status, closure).await;
    };
    let (secrets, at) = (app.secrets.clone(), now.at);
    let outcome = app
        .db
        .write(name, move |tx| {
            if let Some(sealed) = reserve(tx, (&caller, &key), &once, at)? {
                return Ok(Outcome::Repeat(sealed));
            }
            let (reply, sealed) = once.reply(&closure(tx)?, status, &secrets)?;
            let keep = sql!("UPDATE idempotency SET reply = $3 WHERE caller = $1 AND key = $2");
            tx.execute(keep, params![&caller, &key, &sealed])?;
            Ok::<_, Error>(Outcome::Fresh(reply))
        })
        .await?;
    match outcome {
        Outcome::Fresh(reply) => Ok(reply),
        Outcome::Repeat(sealed) => replay(app, &sealed),
    }
}

/// What [`once`] kept for a request's key, if it was done before.
///
/// # Errors
/// When the database refuses; 422 when the key was used with another body.
pub async fn recall<T: DeserializeOwned>(
    app: &App,
    once: &Once,
    caller: &str,
    at: i64,
) -> Result<Option<T>, Error> {
    let Some(key) = once.key.clone() else { return Ok(None) };
    let caller = caller.to_owned();
    let find = move |tx: &mut Tx<'_>| {
        let find = sql!(
            "SELECT fingerprint, reply FROM idempotency WHERE caller = $1 AND key = $2 AND created_at > $3"
        );
        let kept = tx.query_opt(find, params![&caller, &key, at - LIFETIME], |row| {
            Ok((row.get::<String>("fingerprint")?, row.get::<String>("reply")?))
        });
        Ok::<_, Error>(kept?)
    };
    let Some((fingerprint, sealed)) = app.db.point("idempotency.recall", find).await? else {
        return Ok(None);
    };
    if fingerprint != once.fingerprint {
        return Err(Error::key_reused());
    }
    open(&app.secrets, &sealed).map(Some)
}

/// For a reply that is made anew each time from what is kept: runs `closure` at most once for the request's key,
/// and gives what it gave. `None` of the closure keeps nothing, so that it may run again.
///
/// # Errors
/// What the closure returns; 422 when the key was used with another body.
pub fn once<T, F>(
    tx: &mut Tx<'_>,
    (once, caller, at): (&Once, &str, i64),
    secrets: &Secrets,
    closure: F,
) -> Result<Option<T>, Error>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(&mut Tx<'_>) -> Result<Option<T>, Error>,
{
    let Some(key) = &once.key else { return closure(tx) };
    if let Some(sealed) = reserve(tx, (caller, key), once, at)? {
        return open(secrets, &sealed).map(Some);
    }
    let Some(done) = closure(tx)? else {
        tx.execute(sql!("DELETE FROM idempotency WHERE caller = $1 AND key = $2"), params![caller, key])?;
        return Ok(None);
    };
    let kept = serde_json::to_string(&done).map_err(|error| Error::internal(error.to_string()))?;
    let kept = secrets.seal(PURPOSE, &kept);
    let keep = sql!("UPDATE idempotency SET reply = $3 WHERE caller = $1 AND key = $2");
    tx.execute(keep, params![caller, key, &kept])?;
    Ok(Some(done))
}

fn open<T: DeserializeOwned>(secrets: &Secrets, sealed: &str) -> Result<T, Error> {
    let opened = secrets.open(PURPOSE, sealed);
    let kept = opened.and_then(|text| serde_json::from_str(&text).ok());
    kept.ok_or_else(|| Error::internal("a stored reply cannot be read with this key"))
}

/// Takes the key, or gives the sealed reply it was taken for. Waits for a transaction that is
/// taking the same key: its row is in the way until it ends.
fn reserve(
    tx: &mut Tx<'_>,
    (caller, key): (&str, &str),
    once: &Once,
    at: i64,
) -> Result<Option<String>, Error> {
    let take = sql!(
        "INSERT INTO idempotency (caller, key, fingerprint, reply, created_at) VALUES ($1, $2, $3, '', $4)
         ON CONFLICT (caller, key) DO UPDATE SET fingerprint = excluded.fingerprint, created_at = excluded.created_at
         WHERE idempotency.created_at <= $5"
    );
    if tx.execute(take, params![caller, key, &once.fingerprint, at, at - LIFETIME])? == 1 {
        return Ok(None);
    }
    let find = sql!("SELECT fingerprint, reply FROM idempotency WHERE caller = $1 AND key = $2");
    let (fingerprint, reply): (String, String) =
        tx.query_one(find, params![caller, key], |row| Ok((row.get("fingerprint")?, row.get("reply")?)))?;
    if fingerprint == once.fingerprint { Ok(Some(reply)) } else { Err(Error::key_reused()) }
}

fn replay(app: &App, sealed: &str) -> Result<Reply, Error> {
    let stored: Stored = open(&app.secrets, sealed)?;
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    Ok(Reply::replayed(status, stored.data, stored.request_id))
}

/// Forgets keys past their lifetime.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: i64, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM idempotency WHERE (caller, key) IN
             (SELECT caller, key FROM idempotency WHERE created_at <= $1 ORDER BY created_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - LIFETIME, most])?)
}

pub use unnamed::clean_up as clean_up_unnamed;

/// Keys that a wrong clock dated after `at` live no longer than others; gives how many.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut Tx<'_>, at: i64) -> Result<u64, Error> {
    let named = sql!("UPDATE idempotency SET created_at = $1 WHERE created_at - 60000 > $1");
    let unnamed = sql!("UPDATE unnamed_request SET created_at = $1 WHERE created_at - 60000 > $1");
    Ok(tx.execute(named, params![at])? + tx.execute(unnamed, params![at])?)
}
