//! Stand-ins for WeChat: the cloud service, and the official account with web authorisation. Real
//! HTTP servers on loopback that keep state and can be told to fail.

use std::io;

use serde_json::{Map, Value};

use super::wechat::{CloudBinding, OfficialConfig};
use crate::clock::{Clock, Millis};

pub use super::sms_simulator::Fault;

/// A message a simulator accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Empty at the official account, which knows openids only.
    pub phone: String,
    pub open_id: String,
    pub template: String,
    pub params: Map<String, Value>,
    pub url: Option<String>,
    pub at: Millis,
}

/// The cloud service; it stops when dropped.
pub struct CloudSimulator {}

impl CloudSimulator {
    /// Starts on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock) -> io::Result<Self> {
        todo!()
    }

    /// What `cloud_url` has to be.
    #[must_use]
    pub fn base_url(&self) -> String {
        todo!()
    }

    pub fn set_fault(&self, fault: Fault) {
        todo!()
    }

    /// The bindings, newest first.
    #[must_use]
    pub fn bindings(&self) -> Vec<CloudBinding> {
        todo!()
    }

    /// The messages accepted, newest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        todo!()
    }

    /// The messages accepted for one phone, newest first.
    #[must_use]
    pub fn received_by(&self, phone: &str) -> Vec<Received> {
        todo!()
    }
}

/// A WeChat user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedUser {
    pub open_id: String,
    pub nick: String,
    /// Whether the user follows the official account.
    pub follows: bool,
    /// Whether WeChat shows only a throw-away identity (a page opened as a snapshot).
    pub is_snapshot: bool,
}

/// The official account and web authorisation; it stops when dropped.
pub struct OfficialSimulator {}

impl OfficialSimulator {
    /// Starts on a free loopback port, on the current tokio runtime. Web authorisation lets in the
    /// first of `users` until [`OfficialSimulator::sign_in_as`] names another.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock, users: Vec<SimulatedUser>) -> io::Result<Self> {
        todo!()
    }

    /// The settings a client needs to be let in.
    #[must_use]
    pub fn config(&self) -> OfficialConfig {
        todo!()
    }

    pub fn set_fault(&self, fault: Fault) {
        todo!()
    }

    /// Makes sending answer that the day's quota is used up (45009), until told otherwise.
    pub fn set_quota_used(&self, used: bool) {
        todo!()
    }

    /// Who is holding the phone when the authorisation page opens.
    pub fn sign_in_as(&self, open_id: &str) {
        todo!()
    }

    /// The messages accepted, newest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        todo!()
    }
}
