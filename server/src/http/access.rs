//! Who calls. Handlers take the extractor of the caller they serve, so none can forget to ask.

use std::future::Future;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use crate::app::{App, Mode};
use crate::error::Error;
use crate::logins::{self, Kind};
use crate::members::{self, Member};
use crate::staff::{self, Credential, Device, Role, StaffMember};

/// The cookie of a console session.
pub const SESSION_COOKIE: &str = "yuyue_session";

/// A logged-in member: always asked for, in both modes.
impl FromRequestParts<App> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let token = bearer(&parts.headers).ok_or_else(Error::unauthenticated)?;
        match members::member_of_token(app, token).await? {
            Some(member) => Ok(member),
            None => Err(logins::refuse_session(app, parts, Kind::MemberSession).await),
        }
    }
}

/// Whoever calls a slots endpoint.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Documented mode asks nobody for anything.
    Anyone,
    Member(Member),
    Device(Device),
    Staff(StaffMember),
}

impl Caller {
    /// Whether the caller may act for `open_id`.
    ///
    /// # Errors
    /// 403 when not.
    pub fn may_act_for(&self, open_id: &str) -> Result<(), Error> {
        let may = match self {
            Self::Anyone => true,
            Self::Member(member) => member.is_called(open_id),
            Self::Staff(staff) => staff.role.may(Role::Reception),
            Self::Device(_) => false,
        };
        if may {
            Ok(())
        } else {
            Err(Error::forbidden("不能代替他人操作", "not allowed to act for this open_id"))
        }
    }

    /// Whether the caller may read what `open_id` holds: staff of any role, and who may act for it.
    ///
    /// # Errors
    /// 403 when not.
    pub fn may_read_of(&self, open_id: &str) -> Result<(), Error> {
        match self {
            Self::Staff(staff) if staff.role.may(Role::Auditor) => Ok(()),
            _ => self.may_act_for(open_id),
        }
    }

    /// Whether the caller runs the sign-in desk: a device or staff.
    ///
    /// # Errors
    /// 403 when not.
    pub fn may_run_desk(&self) -> Result<(), Error> {
        let may = match self {
            Self::Anyone | Self::Device(_) => true,
            Self::Staff(staff) => staff.role.may(Role::Reception),
            Self::Member(_) => false,
        };
        if may {
            Ok(())
        } else {
            Err(Error::forbidden("仅限前台或签到设备", "only a device or the reception may do this"))
        }
    }

    /// Whether the caller may see everybody's appointments.
    ///
    /// # Errors
    /// 403 when not.
    pub fn may_see_all(&self) -> Result<(), Error> {
        match self {
            Self::Anyone | Self::Staff(_) => Ok(()),
            _ => Err(Error::forbidden("仅限工作人员", "only staff may do this")),
        }
    }

    /// Whether the caller may follow sign-ins as they happen.
    ///
    /// # Errors
    /// 403 when not.
    pub fn may_watch_sign_ins(&self) -> Result<(), Error> {
        match self {
            Self::Member(_) => {
                Err(Error::forbidden("仅限前台或签到设备", "only a device or staff may do this"))
            }
            _ => Ok(()),
        }
    }

    /// Whether what the caller proved itself with is still good: a connection outlives the request
    /// that opened it, and must not outlive the credential.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_still_known(&self, app: &App) -> Result<bool, Error> {
        Ok(match self {
            Self::Anyone => true,
            Self::Member(member) => members::member_of_hash(app, member.token_hash.clone()).await?.is_some(),
            Self::Device(device) => staff::device_of_hash(app, device.key_hash.clone()).await?.is_some(),
            Self::Staff(staff) => staff::staff_of_hash(app, staff.token_hash.clone()).await?.is_some(),
        })
    }

    /// The member of staff whose change goes into the audit log.
    #[must_use]
    pub fn staff(&self) -> Option<StaffMember> {
        match self {
            Self::Staff(staff) => Some(staff.clone()),
            _ => None,
        }
    }

    /// Names the caller for Idempotency-Key.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Anyone => "anyone".into(),
            Self::Member(member) => format!("member {}", member.id),
            Self::Device(device) => format!("device {}", device.id),
            Self::Staff(staff) => staff.name(),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        if app.mode == Mode::Documented {
            return Ok(Self::Anyone);
        }
        if let Some(key) = parts.headers.get("x-device-key").and_then(|value| value.to_str().ok()) {
            return match staff::device_of_key(app, key).await? {
                Some(device) => Ok(Self::Device(device)),
                None => Err(logins::refuse_session(app, parts, Kind::Device).await),
            };
        }
        if let Some(token) = bearer(&parts.headers)
            && let Some(member) = members::member_of_token(app, token).await?
        {
            return Ok(Self::Member(member));
        }
        Ok(Self::Staff(staff_of(parts, app).await?))
    }
}

/// The bare token or the one after `Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => return None,
        None => value,
    };
    (!token.is_empty()).then_some(token)
}

/// The value of the cookie `name`.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|header| header.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The console session or API key behind a request. Where a second factor is required, a session without one
/// may do nothing but set it up.
pub(crate) async fn staff_of(parts: &mut Parts, app: &App) -> Result<StaffMember, Error> {
    let staff = any_staff_of(parts, app).await?;
    staff.expect_totp(app)?;
    Ok(staff)
}

async fn any_staff_of(parts: &mut Parts, app: &App) -> Result<StaffMember, Error> {
    let by_bearer = bearer(&parts.headers);
    let token = by_bearer.or_else(|| cookie(&parts.headers, SESSION_COOKIE));
    let is_cookie = by_bearer.is_none();
    let token = token.ok_or_else(Error::unauthenticated)?;
    let Some(staff) = staff::staff_of_token(app, token).await? else {
        return Err(logins::refuse_session(app, parts, Kind::StaffSession).await);
    };
    if is_cookie {
        expect_own_origin(parts, app)?;
    }
    Ok(staff)
}

/// A browser sends the cookie along for any page, so a change (or a WebSocket, which no browser
/// guards) must come from one of ours.
///
/// # Errors
/// 403 when it does not.
pub fn expect_own_origin(parts: &Parts, app: &App) -> Result<(), Error> {
    let is_upgrade = parts.headers.contains_key("upgrade");
    if matches!(parts.method, Method::GET | Method::HEAD) && !is_upgrade {
        return Ok(());
    }
    let text = |name| parts.headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let origin = text(ORIGIN).unwrap_or_default();
    let own = &app.config.server.public_url;
    let is_own = if own.is_empty() {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_some() && host == text(HOST)
    } else {
        url::Url::parse(own).is_ok_and(|url| url.origin().ascii_serialization() == origin)
    };
    if is_own { Ok(()) } else { Err(Error::forbidden("Origin 不被允许", "this Origin is not allowed")) }
}

/// Staff who may read: any role.
pub struct Auditor(pub StaffMember);
/// Staff who may run the desk: reception and admin.
pub struct Reception(pub StaffMember);
/// Staff who may do everything.
pub struct Admin(pub StaffMember);
/// An administrator whose password was given lately, or an API key of that role: changes the set-up.
pub struct SetUpAdmin(pub StaffMember);
/// An administrator whose password was given lately, in person: changes who may use this server.
pub struct AccountsAdmin(pub StaffMember);
/// Whoever has a session or an API key, even while all else is kept from them.
pub struct AnyStaff(pub StaffMember);
/// A person's session, even while all else is kept from it.
pub struct OwnSession(pub StaffMember);

macro_rules! staff_extractor {
    ($($kind:ident => $role:expr),*) => {$(
        impl FromRequestParts<App> for $kind {
            type Rejection = Error;

            fn from_request_parts(
                parts: &mut Parts,
                app: &App,
            ) -> impl Future<Output = Result<Self, Error>> + Send {
                with_role(parts, app, $role).map_ok(Self)
            }
        }
    )*};
}
staff_extractor!(Auditor => Role::Auditor, Reception => Role::Reception, Admin => Role::Admin);

use futures_util::TryFutureExt as _;

impl FromRequestParts<App> for SetUpAdmin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let staff = with_role(parts, app, Role::Admin).await?;
        staff.expect_recent_login(app.clock.now().at)?;
        Ok(Self(staff))
    }
}

impl FromRequestParts<App> for AccountsAdmin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let staff = with_role(parts, app, Role::Admin).await?;
        if staff.credential == Credential::ApiKey {
            let (zh, en) = ("API 密钥不能管理帐号和密钥", "an API key cannot manage accounts and keys");
            return Err(Error::forbidden(zh, en));
        }
        staff.expect_recent_login(app.clock.now().at)?;
        Ok(Self(staff))
    }
}

impl FromRequestParts<App> for AnyStaff {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        any_staff_of(parts, app).await.map(Self)
    }
}

impl FromRequestParts<App> for OwnSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let staff = any_staff_of(parts, app).await?;
        if staff.credential == Credential::ApiKey {
            let (zh, en) = ("API 密钥没有会话和密码", "an API key has no session and no password");
            return Err(Error::conflict(zh, en));
        }
        Ok(Self(staff))
    }
}

async fn with_role(parts: &mut Parts, app: &App, role: Role) -> Result<StaffMember, Error> {
    let staff = staff_of(parts, app).await?;
    if staff.role.may(role) {
        return Ok(staff);
    }
    Err(Error::forbidden("当前角色没有此权限", "your role does not allow this"))
}

/// Where this server is reached, without a trailing slash: the setting, else as the request says.
pub struct BaseUrl(pub String);

impl FromRequestParts<App> for BaseUrl {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let setting = &app.config.server.public_url;
        if !setting.is_empty() {
            return Ok(Self(setting.clone()));
        }
        let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
        Ok(Self(format!("http://{}", host.unwrap_or("localhost"))))
    }
}
