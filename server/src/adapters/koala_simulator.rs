//! A stand-in for the face-recognition host: a real HTTP server on loopback with sessions, subjects
//! and pictures, that can be told to fail. The demo and the tests share it.

use std::io;

use super::koala::KoalaAccount;
use crate::clock::{Clock, Millis};

/// An employee the host knows from the start.
#[derive(Clone, Debug)]
pub struct SimulatedEmployee {
    pub id: i64,
    pub name: String,
    pub phone: String,
    pub department: String,
    /// The picture, a JPEG or PNG; empty for an employee without one.
    pub avatar: Vec<u8>,
}

impl SimulatedEmployee {
    /// An employee with a generated picture.
    #[must_use]
    pub fn new(id: i64, name: &str, phone: &str, department: &str) -> Self {
        todo!()
    }
}

/// The host that is simulated.
#[derive(Clone, Debug)]
pub struct SimulatedHost {
    pub username: String,
    pub password: String,
    pub employees: Vec<SimulatedEmployee>,
    /// How long a session lasts after the login.
    pub session_life: Millis,
    /// Whether `/subject/list` exists; releases before 3 have `/mobile-admin/subjects/list` only.
    pub release_3: bool,
}

/// How the simulator misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    Ok,
    /// Every request is turned away with 503.
    Down,
    /// No answer comes before the client loses patience; nothing is done.
    Slow,
    /// Every request ends in 500; nothing is done.
    Error,
    /// Every request is answered with 200 and a web page; nothing is done.
    Html,
    /// The request is done, but the JSON of the answer stops in the middle.
    Truncated,
    /// A change is made, but the connection breaks before the client learns of it.
    LostAnswer,
}

/// A subject other than the employees given at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedSubject {
    pub id: i64,
    /// 0 employee, 1 visitor.
    pub subject_type: i64,
    pub name: String,
    pub phone: String,
    pub purpose: i64,
    pub interviewee: String,
    pub come_from: String,
    pub remark: String,
    /// Unix seconds, as on the wire.
    pub start_time: i64,
    pub end_time: i64,
}

/// The running simulator; it stops when dropped.
pub struct KoalaSimulator {}

impl KoalaSimulator {
    /// Starts on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock, host: SimulatedHost) -> io::Result<Self> {
        todo!()
    }

    /// The account a client needs to be let in.
    #[must_use]
    pub fn account(&self) -> KoalaAccount {
        todo!()
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        todo!()
    }

    /// Replaces the directory of employees.
    pub fn set_employees(&self, employees: Vec<SimulatedEmployee>) {
        todo!()
    }

    /// The visitors, newest first.
    #[must_use]
    pub fn subjects(&self) -> Vec<SimulatedSubject> {
        todo!()
    }

    /// How often somebody logged in.
    #[must_use]
    pub fn logins(&self) -> usize {
        todo!()
    }
}
