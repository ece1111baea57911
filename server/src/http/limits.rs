//! How often things may happen, counted in the database so that all nodes count together.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use ipnet::IpNet;
use yuyue_db::{Tx, params, sql};

use crate::app::App;
use crate::clock::{MINUTE, Millis, SECOND};
use crate::error::Error;

/// What has happened in a window that began with its first event.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub count: u32,
    pub ends_at: Millis,
}

impl Count {
    /// Whole seconds until the window ends, at least 1.
    #[must_use]
    pub fn retry_after(self, at: Millis) -> u32 {
        u32::try_from((self.ends_at - at + SECOND - 1) / SECOND).unwrap_or(1).max(1)
    }
}

/// Counts one more `name` in its window. A window that has not begun yet is a wrong clock's and begins anew.
///
/// # Errors
/// When the database refuses.
pub fn count(tx: &mut Tx<'_>, name: &str, at: Millis, window: Millis) -> Result<Count, Error> {
    let upsert = sql!(
        "INSERT INTO rate (name, since, count, expires_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (name) DO UPDATE SET
             count = CASE WHEN rate.expires_at <= $2 OR rate.since - 60000 > $2 THEN 1 ELSE rate.count + 1 END,
             since = CASE WHEN rate.expires_at <= $2 OR rate.since - 60000 > $2 THEN $2 ELSE rate.since END,
             expires_at = CASE WHEN rate.expires_at <= $2 OR rate.since - 60000 > $2 THEN $3 ELSE rate.expires_at END
         RETURNING count, expires_at"
    );
    let row = tx.query_one(upsert, params![name, at, at + window], |row| {
        Ok(Count { count: row.get("count")?, ends_at: row.get("expires_at")? })
    });
    Ok(row?)
}

/// What has been counted so far, if the window has not ended.
///
/// # Errors
/// When the database refuses.
pub fn so_far(tx: &mut Tx<'_>, name: &str, at: Millis) -> Result<Option<Count>, Error> {
    let find = sql!(
        "SELECT count, expires_at FROM rate WHERE name = $1 AND expires_at > $2 AND since - 60000 <= $2"
    );
    let row = tx.query_opt(find, params![name, at], |row| {
        Ok(Count { count: row.get("count")?, ends_at: row.get("expires_at")? })
    });
    Ok(row?)
}

/// Starts `name` again from nothing.
///
/// # Errors
/// When the database refuses.
pub fn clear(tx: &mut Tx<'_>, name: &str) -> Result<(), Error> {
    tx.execute(sql!("DELETE FROM rate WHERE name = $1"), params![name])?;
    Ok(())
}

/// Starts everything whose name begins with `prefix` again from nothing.
///
/// # Errors
/// When the database refuses.
pub fn clear_all(tx: &mut Tx<'_>, prefix: &str) -> Result<(), Error> {
    tx.execute(sql!("DELETE FROM rate WHERE substr(name, 1, length($1)) = $1"), params![prefix])?;
    Ok(())
}

/// Takes one back that was counted, while its window lasts.
///
/// # Errors
/// When the database refuses.
pub fn give_back(tx: &mut Tx<'_>, name: &str, at: Millis) -> Result<(), Error> {
    let update = sql!("UPDATE rate SET count = count - 1 WHERE name = $1 AND expires_at > $2 AND count > 0");
    tx.execute(update, params![name, at])?;
    Ok(())
}

pub(crate) const FAILURE_WINDOW: Millis = 15 * MINUTE;

/// A try that has been counted as a failure until it is given back: of many at once no more get through
/// than may fail.
#[must_use = "a try that succeeded must be given back"]
pub struct Try {
    name: String,
    at: Millis,
}

impl Try {
    /// Counts one more guess of one secret at many accounts from one address; `name` is the address and
    /// what is guessed.
    ///
    /// # Errors
    /// 429 when too many have failed.
    pub async fn begin(app: &App, name: String, at: Millis) -> Result<Self, Error> {
        let most = app.config.server.failed_logins_per_address;
        if most > 0 {
            let counted = name.clone();
            let write = move |tx: &mut Tx<'_>| count(tx, &counted, at, FAILURE_WINDOW);
            let counted = app.db.write("limits.begin", write).await?;
            if counted.count > most {
                return Err(Error::too_many_requests(counted.retry_after(at)));
            }
        }
        Ok(Self { name, at })
    }

    /// It was no failure after all.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn give_back(self, app: &App) -> Result<(), Error> {
        let Self { name, at } = self;
        app.db.write("limits.give_back", move |tx| give_back(tx, &name, at)).await
    }
}

/// Forgets windows that a wrong clock began after `at`; gives how many.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64, Error> {
    Ok(tx.execute(sql!("DELETE FROM rate WHERE since - 60000 > $1"), params![at])?)
}

/// Forgets windows that have ended.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM rate WHERE name IN
             (SELECT name FROM rate WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// The address a request comes from: the peer's, or behind trusted proxies the one they saw. Of an IPv6
/// address the network, for every host has the whole of its /64 to choose from.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        let peer = peer.ok_or_else(|| Error::internal("the connection has no address"))?.to_canonical();
        let forwarded = parts.headers.get_all("x-forwarded-for");
        let hops: Vec<_> = forwarded.iter().filter_map(|value| value.to_str().ok()).collect();
        let proxies = &app.config.server.trusted_proxies;
        let believed = believed_address(peer, &hops.join(","), proxies);
        if !hops.is_empty() && !proxies.iter().any(|network| network.contains(&peer)) {
            app.logins.warn_of_forwarding(peer);
        }
        Ok(Self(counted_as_one(believed)))
    }
}

/// An IPv6 host stands for its network.
pub(crate) fn counted_as_one(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The last address in the chain that no trusted proxy has; each proxy appends the peer it saw.
fn believed_address(peer: IpAddr, forwarded: &str, trusted: &[IpNet]) -> IpAddr {
    let mut believed = peer;
    for hop in forwarded.rsplit(',') {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        if !trusted.iter().any(|network| network.contains(&believed)) {
            break;
        }
        believed = hop.to_canonical();
    }
    believed
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{believed_address, counted_as_one};

    #[test]
    fn forwarded_addresses_count_only_behind_trusted_proxies() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = ["10.0.0.0/24".parse().unwrap(), ip("2001:db8::1").into()];
        let cases = [
            ("203.0.113.9", "198.51.100.7", "203.0.113.9", "an untrusted peer is itself"),
            ("10.0.0.1", "198.51.100.7", "198.51.100.7", "a trusted peer tells who called"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7", "the caller cannot add hops"),
            ("10.0.0.1", "", "10.0.0.1", "nothing forwarded"),
            ("10.0.0.1", "garbage", "10.0.0.1", "garbage forwarded"),
            ("10.0.1.1", "198.51.100.7", "10.0.1.1", "a neighbour of the trusted network is a stranger"),
            ("2001:db8::1", "::ffff:198.51.100.7", "198.51.100.7", "a mapped address is the address"),
        ];
        for (peer, forwarded, expected, why) in cases {
            assert_eq!(believed_address(ip(peer), forwarded, &proxies), ip(expected), "{why}");
        }
    }
    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let counted = |text: &str| counted_as_one(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!(counted("198.51.100.7"), "198.51.100.7");
    }
}
