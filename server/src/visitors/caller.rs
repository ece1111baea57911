//! Who calls an endpoint of visitors.

use axum::extract::FromRequestParts;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;

use crate::app::{App, Mode};
use crate::clock::Millis;
use crate::error::Error;
use crate::http::access;
use crate::ids::fingerprint;
use crate::logins::{self, Kind};
use crate::phone;
use crate::staff::{self, Device, Role, StaffMember};
use crate::visitors::{BindingRole, directory, store};

/// The cookie of a WeChat user's session.
pub const WECHAT_COOKIE: &str = "yuyue_wechat";

/// Somebody whom WeChat vouched for.
#[derive(Clone, Debug)]
pub struct WechatUser {
    /// The openid, which is the `weixinUserId`.
    pub id: String,
    pub nick: String,
    pub avatar: String,
    /// What is bound and believed: the phone's key, and in which role.
    pub bound: Option<(String, BindingRole)>,
}

impl WechatUser {
    fn has_phone(&self, phone: &str) -> bool {
        self.bound.as_ref().is_some_and(|(bound, _)| *bound == phone::key(phone))
    }

    /// The phone's key, if it is an employee's: that one was checked against the directory.
    #[must_use]
    pub fn employee_phone(&self) -> Option<&str> {
        self.bound
            .as_ref()
            .filter(|(_, role)| *role == BindingRole::Employee)
            .map(|(phone, _)| phone.as_str())
    }
}

/// A session's user, and what speaks for the phone that is bound.
pub struct SessionUser {
    pub user: WechatUser,
    pub is_proved: bool,
    /// The directory has this phone.
    pub is_in_directory: bool,
    /// The directory has this phone with this name.
    pub is_employed: bool,
}

impl SessionUser {
    fn is_bound_as(&self, role: BindingRole) -> bool {
        self.user.bound.as_ref().is_some_and(|(_, bound)| *bound == role)
    }

    /// The user, with the phone only if it is believed. An employee's phone needs the employee's binding,
    /// and an employee must still be one.
    fn believed(self, must_prove: bool) -> WechatUser {
        let is_believed = (self.is_proved || !must_prove)
            && if self.is_bound_as(BindingRole::Employee) { self.is_employed } else { !self.is_in_directory };
        let bound = self.user.bound.filter(|_| is_believed);
        WechatUser { bound, ..self.user }
    }
}

/// Whoever calls an endpoint of visitors.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Documented mode asks nobody for anything.
    Anyone,
    Wechat(WechatUser),
    Device(Device),
    Staff(StaffMember),
}

fn others() -> Error {
    Error::forbidden("只能查看和修改自己的信息", "only one's own data can be seen and changed")
}

impl Caller {
    /// Whether the caller may use this `weixinUserId`; staff of `role` may use any.
    ///
    /// # Errors
    /// 401 or 403 when not.
    pub fn may_act_for(&self, weixin_user_id: &str, role: Role) -> Result<(), Error> {
        match self {
            Self::Anyone => Ok(()),
            Self::Wechat(user) if user.id == weixin_user_id => Ok(()),
            Self::Staff(staff) if staff.role.may(role) => Ok(()),
            _ => Err(others()),
        }
    }

    /// Whether the caller may act with this phone; staff of `role` may with any.
    ///
    /// # Errors
    /// 401 or 403 when not.
    pub fn may_use_phone(&self, phone: &str, role: Role) -> Result<(), Error> {
        match self {
            Self::Anyone => Ok(()),
            Self::Wechat(user) if user.has_phone(phone) => Ok(()),
            Self::Staff(staff) if staff.role.may(role) => Ok(()),
            _ => Err(others()),
        }
    }

    /// Whether the caller may act as the employee with this phone; staff of `role` may as any.
    ///
    /// # Errors
    /// 401 or 403 when not.
    pub fn may_act_as_employee(&self, phone: &str, role: Role) -> Result<(), Error> {
        match self.as_employee(role)? {
            Some(own) if own != phone::key(phone) => Err(others()),
            _ => Ok(()),
        }
    }

    /// The key of the employee's phone that this caller's authority is limited to; `None`: it is not limited.
    ///
    /// # Errors
    /// 401 or 403 when the caller is no employee.
    pub fn as_employee(&self, role: Role) -> Result<Option<String>, Error> {
        match self {
            Self::Anyone => Ok(None),
            Self::Wechat(user) => {
                user.employee_phone().map(|phone| Some(phone.to_owned())).ok_or_else(others)
            }
            Self::Staff(staff) if staff.role.may(role) => Ok(None),
            Self::Staff(_) | Self::Device(_) => Err(others()),
        }
    }

    /// Whether the caller runs the desk or a gate.
    ///
    /// # Errors
    /// 401 or 403 when not.
    pub fn may_run_desk(&self) -> Result<(), Error> {
        match self {
            Self::Anyone | Self::Device(_) => Ok(()),
            Self::Staff(staff) if staff.role.may(Role::Reception) => Ok(()),
            _ => Err(Error::forbidden("仅限前台或签到设备", "only a device or the reception may do this")),
        }
    }

    /// Whether the caller is staff of this role.
    ///
    /// # Errors
    /// 401 or 403 when not.
    pub fn may_as_staff(&self, role: Role) -> Result<(), Error> {
        match self {
            Self::Anyone => Ok(()),
            Self::Staff(staff) if staff.role.may(role) => Ok(()),
            Self::Staff(_) => Err(Error::forbidden("当前角色没有此权限", "your role does not allow this")),
            _ => Err(Error::forbidden("仅限工作人员", "only staff may do this")),
        }
    }

    /// Whether the caller's wishes have a budget: neither staff nor a device, nor anybody where nobody is asked.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        matches!(self, Self::Wechat(_))
    }

    /// Whether the caller may change the set-up: an administrator who gave the password lately.
    ///
    /// # Errors
    /// 401 or 403 when not.
    pub fn may_set_up(&self, at: Millis) -> Result<(), Error> {
        self.may_as_staff(Role::Admin)?;
        match self {
            Self::Staff(staff) => staff.expect_recent_login(at),
            _ => Ok(()),
        }
    }

    /// The member of staff whose change goes into the audit log.
    #[must_use]
    pub fn staff(&self) -> Option<StaffMember> {
        match self {
            Self::Staff(staff) => Some(staff.clone()),
            _ => None,
        }
    }

    /// Names the caller for Idempotency-Key and the audit log.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Anyone => "anyone".into(),
            Self::Wechat(user) => format!("wechat {}", user.id),
            Self::Device(device) => format!("device {}", device.id),
            Self::Staff(staff) => staff.name(),
        }
    }
}

/// What a request's WeChat cookie says.
enum Session {
    None,
    /// It is unknown or has expired.
    Over,
    Of(WechatUser),
}

async fn wechat_session(parts: &Parts, app: &App) -> Result<Session, Error> {
    let Some(token) = access::cookie(&parts.headers, WECHAT_COOKIE) else { return Ok(Session::None) };
    let hash = fingerprint(token);
    let Some(mut known) = session_user(app, hash.clone()).await? else { return Ok(Session::Over) };
    // Who has left is nobody, from the moment on at which Koala says so.
    if known.is_bound_as(BindingRole::Employee) && directory::was_refreshed(app).await? {
        let Some(again) = session_user(app, hash).await? else { return Ok(Session::Over) };
        known = again;
    }
    let user = known.believed(app.must_prove_phone());
    // SameSite=Lax keeps other sites' changes out; where the browser names its page, the page must
    // be ours.
    if parts.headers.contains_key(ORIGIN) {
        access::expect_own_origin(parts, app)?;
    }
    Ok(Session::Of(user))
}

async fn session_user(app: &App, token_hash: String) -> Result<Option<SessionUser>, Error> {
    let at = app.clock.now().at;
    app.db.point("visitors.session", move |tx| store::sessions::user_of_session(tx, &token_hash, at)).await
}

/// The openid of a request's WeChat session, if it has one.
///
/// # Errors
/// 403 when another site's page sends it along.
pub async fn openid_of_session(parts: &Parts, app: &App) -> Result<Option<String>, Error> {
    match wechat_session(parts, app).await? {
        Session::Of(user) => Ok(Some(user.id)),
        Session::Over | Session::None => Ok(None),
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Newcomer(caller) = Newcomer::from_request_parts(parts, app).await?;
        caller.ok_or_else(Error::unauthenticated)
    }
}

/// Whoever binds: without a credential (`None`) only a `wechat_code` in the body can help. Nothing else
/// reads a stranger's body.
pub struct Newcomer(pub Option<Caller>);

impl FromRequestParts<App> for Newcomer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        if app.mode == Mode::Documented {
            return Ok(Self(Some(Caller::Anyone)));
        }
        if let Some(key) = parts.headers.get("x-device-key").and_then(|value| value.to_str().ok()) {
            return match staff::device_of_key(app, key).await? {
                Some(device) => Ok(Self(Some(Caller::Device(device)))),
                None => Err(logins::refuse_session(app, parts, Kind::Device).await),
            };
        }
        let is_staff = access::bearer(&parts.headers).is_some()
            || access::cookie(&parts.headers, access::SESSION_COOKIE).is_some();
        match wechat_session(parts, app).await? {
            Session::Of(user) => return Ok(Self(Some(Caller::Wechat(user)))),
            // A browser may hold a console session, too: one that is over must not hide the other.
            Session::Over if !is_staff => {
                return Err(logins::refuse_session(app, parts, Kind::VisitorSession).await);
            }
            Session::Over | Session::None => {}
        }
        if is_staff {
            return Ok(Self(Some(Caller::Staff(access::staff_of(parts, app).await?))));
        }
        Ok(Self(None))
    }
}
