//! The face-recognition host in the office (Megvii Koala): the employee directory, and the visitors
//! that its gates let in.
//!
//! The account comes with every call, because staff change it while the server runs. Creating a
//! visitor is not idempotent at the host: after an attempt whose outcome nobody knows, the visitor
//! is looked for before it is written again.

use std::fmt;
use std::time::Duration;

use super::http::{Http, HttpLimits};
use crate::clock::{Clock, Millis};

/// Where the host is and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct KoalaAccount {
    /// `host`, `host:port` or a whole URL.
    pub address: String,
    pub username: String,
    pub password: String,
}

impl fmt::Debug for KoalaAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KoalaAccount")
            .field("address", &self.address)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// An employee in the host's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Employee {
    /// The host's subject id.
    pub id: i64,
    pub name: String,
    pub phone: String,
    pub department: String,
    /// For [`Koala::download_avatar`]; empty when there is none.
    pub avatar: String,
}

/// A visitor to be let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVisitor {
    pub name: String,
    pub phone: String,
    /// 0 other, 1 interview, 2 business, 3 family and friends, 4 courier.
    pub purpose: i64,
    /// The name of the employee visited.
    pub interviewee: String,
    pub come_from: String,
    pub remark: String,
    /// The host's groups; none leaves it to the host.
    pub group_ids: Vec<i64>,
    pub start_time: Millis,
    pub end_time: Millis,
}

/// The formats an avatar may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    Jpeg,
    Png,
}

impl ImageKind {
    /// `jpg` or `png`.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }
}

/// A picture whose first bytes are what `kind` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    pub bytes: Vec<u8>,
    pub kind: ImageKind,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KoalaErrorKind {
    /// The host does not accept the account; a person has to correct the settings.
    LoginRefused,
    /// The host understood and refused: the same call will be refused again.
    Rejected { code: i64, desc: String },
    /// The host did not get the request, or did nothing about it.
    Unreachable,
    /// The host may or may not have done what was asked.
    LostAnswer,
    /// The answer is not Koala's.
    Malformed,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KoalaError {
    /// For staff; holds no secret and no phone number.
    pub reason: String,
    /// Whether the same call may work later, be it after somebody corrected the settings.
    pub retryable: bool,
    pub kind: KoalaErrorKind,
}

impl fmt::Display for KoalaError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for KoalaError {}

/// The client. Cheap to clone; the clones share one session at the host.
#[derive(Clone)]
pub struct Koala {
    http: Http,
    clock: Clock,
}

impl Koala {
    /// Bounds for the [`Http`] given to [`Koala::new`].
    #[must_use]
    pub fn limits() -> HttpLimits {
        HttpLimits { connect: Duration::from_secs(2), total: Duration::from_secs(5), answer_bytes: 8 << 20 }
    }

    #[must_use]
    pub fn new(http: Http, clock: Clock) -> Self {
        Self { http, clock }
    }

    /// Logs in, unless a session is there: what a settings page can try out.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn check(&self, account: &KoalaAccount) -> Result<(), KoalaError> {
        todo!()
    }

    /// The employees with this phone and, when given, exactly this name.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn find_staff(
        &self,
        account: &KoalaAccount,
        name: Option<&str>,
        phone: &str,
    ) -> Result<Vec<Employee>, KoalaError> {
        todo!()
    }

    /// The whole directory of employees, in order of their ids.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn list_employees(&self, account: &KoalaAccount) -> Result<Vec<Employee>, KoalaError> {
        todo!()
    }

    /// Writes the visitor to the host and gives the subject id. `earlier_attempt` says that this
    /// visitor may be there already: then the host is searched first.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`]; unless it is `Rejected` or `LoginRefused`, the next call has to be
    /// made with `earlier_attempt`.
    pub async fn create_visitor(
        &self,
        account: &KoalaAccount,
        visitor: &NewVisitor,
        earlier_attempt: bool,
    ) -> Result<i64, KoalaError> {
        todo!()
    }

    /// Deletes a subject; one that is gone already counts as deleted.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn delete_subject(&self, account: &KoalaAccount, id: i64) -> Result<(), KoalaError> {
        todo!()
    }

    /// The picture at [`Employee::avatar`].
    ///
    /// # Errors
    /// See [`KoalaErrorKind`]; `Rejected` when it is missing, too big or no picture.
    pub async fn download_avatar(&self, account: &KoalaAccount, path: &str) -> Result<Avatar, KoalaError> {
        todo!()
    }
}
