//! Stand-ins for WeChat: the cloud service, and the official account with web authorisation. Real
//! HTTP servers on loopback that keep state and can be told to fail. The demo and the tests share
//! them.

mod cloud;
mod official;

use std::collections::VecDeque;

use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::portrait::portrait;
use crate::clock::Millis;

pub use self::cloud::CloudSimulator;
pub use self::official::{OfficialSimulator, SimulatedUser};
pub use super::sms_simulator::Fault;

/// How many messages are kept.
const KEPT: usize = 1_000;

/// A message a simulator accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Empty at the official account, which knows openids only.
    pub phone: String,
    /// The WeChat user who got it.
    pub open_id: String,
    pub template: String,
    pub params: Map<String, Value>,
    pub url: Option<String>,
    pub at: Millis,
}

/// Messages, oldest first.
#[derive(Default)]
struct Inbox(VecDeque<Received>);

impl Inbox {
    fn push(&mut self, message: Received) {
        self.0.push_back(message);
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
    }

    fn newest_first(&self) -> impl Iterator<Item = &Received> {
        self.0.iter().rev()
    }
}

/// Where the picture of a WeChat user is, as the caller would reach it.
fn avatar_url(headers: &HeaderMap, open_id: &str) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let number: u64 = open_id.bytes().fold(0, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
    format!("http://{host}/avatar/{number}.jpg")
}

/// The picture at such an address.
fn avatar(path: &str) -> Option<Response> {
    let number = path.strip_prefix("/avatar/")?.strip_suffix(".jpg")?.parse().ok()?;
    Some(([("content-type", "image/jpeg")], portrait(number)).into_response())
}

#[cfg(test)]
mod tests;
