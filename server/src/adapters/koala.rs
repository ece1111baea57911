//! The face-recognition host in the office (Megvii Koala): the employee directory, and the visitors
//! that its gates let in.
//!
//! The account comes with every call, because staff change it while the server runs. Creating a
//! visitor is not idempotent at the host: after an attempt whose outcome nobody knows, the visitor
//! is looked for before it is written again.

mod calls;
mod session;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;

use self::session::{Call, Session};
use self::wire::{Subject, clipped, without_numbers};
use super::http::{AddressError, BaseUrl, Http, HttpLimits};
use crate::clock::{Clock, Millis};
use crate::phone;
use crate::text::{mask_phone, name_key};

/// The biggest picture taken over, in bytes.
const MOST_AVATAR_BYTES: usize = 2 << 20;

/// Where the host is and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct KoalaAccount {
    /// `host`, `host:port` or a whole URL.
    pub address: String,
    pub username: String,
    pub password: String,
}

impl KoalaAccount {
    /// Where calls go.
    ///
    /// # Errors
    /// When the address is not usable.
    pub fn base(&self) -> Result<BaseUrl, AddressError> {
        let address = self.address.trim();
        let url = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        // The appliance offers nothing but plain HTTP, inside the office.
        BaseUrl::parse(&url, true)
    }
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
#[derive(Clone, PartialEq, Eq)]
pub struct Employee {
    /// The host's subject id.
    pub id: i64,
    pub name: String,
    pub phone: String,
    pub department: String,
    /// For [`Koala::download_avatar`]; empty when there is none.
    pub avatar: String,
}

impl fmt::Debug for Employee {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Employee({}, {})", self.id, mask_phone(&self.phone))
    }
}

/// A visitor to be let in.
#[derive(Clone, Default, PartialEq, Eq)]
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

impl fmt::Debug for NewVisitor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NewVisitor({}, from {})", mask_phone(&self.phone), self.start_time)
    }
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

impl KoalaError {
    fn new(kind: KoalaErrorKind, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retryable: true, kind }
    }

    fn rejected(code: i64, desc: &str) -> Self {
        let desc = without_numbers(desc);
        let reason = format!("the host refused ({code}): {desc}");
        Self { reason, retryable: false, kind: KoalaErrorKind::Rejected { code, desc } }
    }

    /// The host may have done what was asked.
    fn is_uncertain(&self) -> bool {
        matches!(self.kind, KoalaErrorKind::LostAnswer | KoalaErrorKind::Malformed)
    }
}

/// The client. Cheap to clone; the clones share one session at the host.
#[derive(Clone)]
pub struct Koala {
    http: Http,
    clock: Clock,
    /// Of the account used last: a changed account drops the old session.
    session: Arc<Mutex<Option<Arc<Session>>>>,
}

impl Koala {
    /// Bounds for the [`Http`] given to [`Koala::new`]: a page of the directory is long.
    #[must_use]
    pub fn limits() -> HttpLimits {
        HttpLimits { connect: Duration::from_secs(2), total: Duration::from_secs(5), answer_bytes: 8 << 20 }
    }

    #[must_use]
    pub fn new(http: Http, clock: Clock) -> Self {
        Self { http, clock, session: Arc::default() }
    }

    /// Logs in, unless a session is there.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn check(&self, account: &KoalaAccount) -> Result<(), KoalaError> {
        self.session(account)?.cookie(None).await.map(drop)
    }

    /// Logs in anew and reads the directory; gives how many employees it has. The account may be one
    /// that is not in use: the session in use stays as it is.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn try_out(&self, account: &KoalaAccount) -> Result<usize, KoalaError> {
        let session = Session::new(self.http.clone(), self.clock.clone(), account.clone())?;
        let found = session.list("employee", "").await?;
        Ok(found.into_iter().filter_map(Subject::into_employee).count())
    }

    /// The employees with this phone and this name, in whatever spelling.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn find_staff(
        &self,
        account: &KoalaAccount,
        name: &str,
        phone: &str,
    ) -> Result<Vec<Employee>, KoalaError> {
        // The host filters by a part of the name, and by phone not at all. Only the first character is sure
        // to be a part of every spelling, whatever blanks and dots follow it.
        let found = self.session(account)?.list("employee", &clipped(name, 1)).await?;
        let phone = phone::key(phone);
        let name = name_key(name);
        let is_wanted =
            |employee: &Employee| phone::key(&employee.phone) == phone && name_key(&employee.name) == name;
        Ok(found.into_iter().filter_map(Subject::into_employee).filter(is_wanted).collect())
    }

    /// The whole directory of employees, in order of their ids.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn list_employees(&self, account: &KoalaAccount) -> Result<Vec<Employee>, KoalaError> {
        let found = self.session(account)?.list("employee", "").await?;
        Ok(found.into_iter().filter_map(Subject::into_employee).collect())
    }

    /// Writes the visitor to the host and gives the subject id. `earlier_attempt` says that this
    /// visitor may be there already: then the host is searched first.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`]; after any other than `Rejected`, and when the call was given up while
    /// under way, the next one has to be made with `earlier_attempt`.
    pub async fn create_visitor(
        &self,
        account: &KoalaAccount,
        visitor: &NewVisitor,
        earlier_attempt: bool,
    ) -> Result<i64, KoalaError> {
        let session = self.session(account)?;
        if earlier_attempt && let Some(id) = session.find_visitor(visitor).await? {
            return Ok(id);
        }
        match session.create_visitor(visitor).await {
            // Looking once right away often saves the caller a second attempt.
            Err(error) if error.is_uncertain() => match session.find_visitor(visitor).await {
                Ok(Some(id)) => Ok(id),
                _ => Err(error),
            },
            outcome => outcome,
        }
    }

    /// Deletes a subject; one that is gone already counts as deleted.
    ///
    /// # Errors
    /// See [`KoalaErrorKind`].
    pub async fn delete_subject(&self, account: &KoalaAccount, id: i64) -> Result<(), KoalaError> {
        let session = self.session(account)?;
        let path = format!("/subject/{id}");
        let deletion = Call { method: Method::DELETE, ..Call::get(&path, None) };
        match session.call(&deletion).await {
            Ok(_) => Ok(()),
            // No code says "not found" for certain; asking for the subject does.
            Err(error) if matches!(error.kind, KoalaErrorKind::Rejected { .. }) => {
                match session.call(&Call::get(&path, None)).await {
                    Ok(Some(_)) => Err(error),
                    Ok(None) => Ok(()),
                    Err(unknown) if matches!(unknown.kind, KoalaErrorKind::Rejected { .. }) => Ok(()),
                    Err(failed) => Err(failed),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The picture at [`Employee::avatar`].
    ///
    /// # Errors
    /// See [`KoalaErrorKind`]; `Rejected` when it is missing, too big or no picture.
    pub async fn download_avatar(&self, account: &KoalaAccount, path: &str) -> Result<Avatar, KoalaError> {
        let session = self.session(account)?;
        let bytes = session.picture(path).await?;
        if bytes.len() > MOST_AVATAR_BYTES {
            return Err(KoalaError::rejected(413, "the picture is too big"));
        }
        let kind = match bytes.as_slice() {
            [0xff, 0xd8, 0xff, ..] => ImageKind::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ImageKind::Png,
            _ => return Err(KoalaError::rejected(415, "neither a JPEG nor a PNG")),
        };
        Ok(Avatar { bytes, kind })
    }

    fn session(&self, account: &KoalaAccount) -> Result<Arc<Session>, KoalaError> {
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = current.as_ref().filter(|session| session.account == *account) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::new(self.http.clone(), self.clock.clone(), account.clone())?);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }
}
