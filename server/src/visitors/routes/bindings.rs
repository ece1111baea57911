//! Binding a WeChat to an employee or a visitor.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use yuyue_db::Tx;

use super::Outcome;
use crate::adapters::wechat::{CloudBinding, WechatError};
use crate::app::App;
use crate::error::Error;
use crate::http::access::BaseUrl;
use crate::http::envelope::{Reply, VisitorsAnswer, VisitorsReply};
use crate::http::extract::{Input, Query};
use crate::http::fields::{Field as _, Line, Name, OpenId, Phone, Scalar, optional};
use crate::http::idempotency;
use crate::staff::Role;
use crate::visitors::caller::Caller;
use crate::visitors::directory::{self, Employee};
use crate::visitors::{Binding, BindingRole, rules, settings, store};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhoQuery {
    /// 公众号里带过来的绑定时用的微信id
    #[serde(rename = "weixinUserId")]
    #[param(value_type = String)]
    weixin_user_id: OpenId,
}

#[derive(Deserialize, ToSchema)]
pub struct BindEmployee {
    /// 公众号里带过来的绑定时用的微信id
    #[serde(rename = "weixinUserId")]
    weixin_user_id: OpenId,
    /// 员工姓名
    name: Name,
    /// 手机号码
    phone: Phone,
    /// A code of WeChat's web authorisation that proves the `weixinUserId`, where no session does.
    #[serde(default, deserialize_with = "optional")]
    wechat_code: Option<Line<256>>,
}

#[derive(Deserialize, ToSchema)]
pub struct BindVisitor {
    /// 公众号里带过来的绑定时用的微信id
    #[serde(rename = "weixinUserId")]
    weixin_user_id: OpenId,
    /// 手机号码
    phone: Phone,
    /// A code of WeChat's web authorisation that proves the `weixinUserId`, where no session does.
    #[serde(default, deserialize_with = "optional")]
    wechat_code: Option<Line<256>>,
}

/// An employee's binding.
#[derive(Serialize, ToSchema)]
pub struct EmployeeView {
    /// 头像url; "" without one.
    avatar: String,
    /// 员工姓名
    name: String,
    /// 员工所属部门
    department: String,
    /// 员工id
    subject_id: i64,
    /// 手机号码
    phone: String,
}

impl EmployeeView {
    async fn new(app: &App, base: &str, employee: Employee) -> Result<Self, Error> {
        let avatar = directory::avatar(app, &employee).await?;
        let avatar = if avatar.is_empty() { avatar } else { format!("{base}/avatar/{avatar}") };
        let Employee { subject_id, name, phone, department, .. } = employee;
        Ok(Self { avatar, name, department, subject_id, phone })
    }
}

/// A visitor's binding.
#[derive(Serialize, ToSchema)]
pub struct VisitorView {
    /// 微信昵称
    nick: String,
    /// 微信头像url
    avatar: String,
    /// 手机号码
    phone: String,
}

impl From<Binding> for VisitorView {
    fn from(binding: Binding) -> Self {
        Self { nick: binding.name, avatar: binding.avatar, phone: binding.phone }
    }
}

/// Either binding.
#[derive(Serialize, ToSchema)]
pub struct AnyView {
    /// `visitor` (访客) or `employee` (员工).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The employee's name, or the visitor's WeChat nickname (姓名).
    name: String,
    /// 员工所属部门; "" for a visitor.
    department: String,
    /// 员工id; -1 for a visitor.
    subject_id: i64,
    avatar: String,
    phone: String,
}

/// Nobody: `{}`.
#[derive(Serialize)]
struct NotBound {}

/// The binding of a WeChat: from the cloud service where one is set, which our row is a copy of, and
/// which answers when the service does not.
async fn current(app: &App, weixin_user_id: &str) -> Result<Option<Binding>, Error> {
    let id = weixin_user_id.to_owned();
    let ours = app.db.point("visitors.binding", move |tx| store::bindings::find(tx, &id)).await?;
    let servers = settings::servers(app).await?;
    let Some(cloud_url) = servers.cloud() else { return Ok(ours) };
    let theirs = match app.visitors.cloud.binding(cloud_url, weixin_user_id).await {
        Ok(theirs) => theirs,
        Err(error) => {
            tracing::warn!(
                reason = error.reason(),
                "the WeChat cloud service does not answer; our copy serves"
            );
            return Ok(ours);
        }
    };
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.phone == theirs.phone => Ok(Some(ours)),
        (ours, theirs) => take_over(app, weixin_user_id, ours, theirs).await,
    }
}

/// Makes our copy what the cloud service says.
async fn take_over(
    app: &App,
    weixin_user_id: &str,
    ours: Option<Binding>,
    theirs: Option<CloudBinding>,
) -> Result<Option<Binding>, Error> {
    if ours.is_none() && theirs.is_none() {
        return Ok(None);
    }
    let (id, at) = (weixin_user_id.to_owned(), app.clock.now().at);
    app.db
        .write("visitors.take_over", move |tx| {
            store::bindings::delete(tx, &id)?;
            let Some(theirs) = &theirs else { return Ok(None) };
            // The service knows no roles: who is in the directory is an employee.
            let employee = store::directory::find_by_phone(tx, &theirs.phone)?;
            let (role, name, avatar) = match employee {
                Some(employee) => (BindingRole::Employee, employee.name, String::new()),
                None => (BindingRole::Visitor, theirs.nick.clone(), theirs.avatar.clone()),
            };
            let binding =
                Binding { weixin_user_id: id.clone(), role, phone: theirs.phone.clone(), name, avatar };
            store::bindings::insert(tx, &binding, at)?;
            Ok(Some(binding))
        })
        .await
}

/// Whether an employee's WeChat is bound (员工查询微信是否已绑定); `{}` if not.
#[utoipa::path(get, path = "/v1/subject/binding", tag = "visitors", params(WhoQuery),
    responses((status = 200, body = VisitorsReply<EmployeeView>)))]
pub async fn employee_binding(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    Query(query): Query<WhoQuery>,
) -> Outcome {
    caller.may_act_for(&query.weixin_user_id, Role::Auditor)?;
    match current(&app, &query.weixin_user_id).await? {
        Some(binding) if binding.role == BindingRole::Employee => {
            match directory::look_up(&app, &binding.name, &binding.phone).await? {
                Some(employee) => Reply::ok(&EmployeeView::new(&app, &base, employee).await?),
                None => Reply::ok(&NotBound {}),
            }
        }
        _ => Reply::ok(&NotBound {}),
    }
}

/// Whether a visitor's WeChat is bound (访客查询微信是否已绑定); `{}` if not.
#[utoipa::path(get, path = "/v1/visitor/binding", tag = "visitors", params(WhoQuery),
    responses((status = 200, body = VisitorsReply<VisitorView>)))]
pub async fn visitor_binding(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WhoQuery>,
) -> Outcome {
    caller.may_act_for(&query.weixin_user_id, Role::Auditor)?;
    match current(&app, &query.weixin_user_id).await? {
        Some(binding) if binding.role == BindingRole::Visitor => Reply::ok(&VisitorView::from(binding)),
        _ => Reply::ok(&NotBound {}),
    }
}

/// Whether a WeChat is bound at all (查询微信是否已绑定).
#[utoipa::path(get, path = "/v1/wechat/is_binding", tag = "visitors", params(WhoQuery),
    responses((status = 200, body = VisitorsReply<AnyView>)))]
pub async fn any_binding(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    Query(query): Query<WhoQuery>,
) -> Outcome {
    caller.may_act_for(&query.weixin_user_id, Role::Auditor)?;
    let binding = current(&app, &query.weixin_user_id).await?.ok_or(&rules::NOT_BOUND)?;
    if binding.role == BindingRole::Visitor {
        let Binding { phone, name, avatar, .. } = binding;
        let view =
            AnyView { kind: "visitor", name, department: String::new(), subject_id: -1, avatar, phone };
        return Reply::ok(&view);
    }
    let employee = directory::look_up(&app, &binding.name, &binding.phone).await?;
    let view = EmployeeView::new(&app, &base, employee.ok_or(&rules::NOT_BOUND)?).await?;
    let EmployeeView { avatar, name, department, subject_id, phone } = view;
    Reply::ok(&AnyView { kind: "employee", name, department, subject_id, avatar, phone })
}

/// Bind an employee's WeChat (员工微信绑定).
#[utoipa::path(post, path = "/v1/subject/binding", tag = "visitors", request_body = BindEmployee,
    responses((status = 200, body = VisitorsReply<EmployeeView>)))]
pub async fn bind_employee(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    input: Input<BindEmployee>,
) -> Outcome {
    let BindEmployee { weixin_user_id, name, phone, wechat_code } = input.value;
    let caller = prove(&app, caller, &weixin_user_id, wechat_code).await?;
    let employee = directory::find(&app, &name, &phone).await?.ok_or(&rules::NOT_EMPLOYED)?;
    let new = Binding {
        weixin_user_id: weixin_user_id.into(),
        role: BindingRole::Employee,
        phone: phone.into(),
        name: name.into(),
        avatar: String::new(),
    };
    let new = bind_at_cloud(&app, new).await?;
    let view = EmployeeView::new(&app, &base, employee).await?;
    let view = std::sync::Arc::new(view);
    let (now, undo) = (app.clock.now(), new.clone());
    let once = (input.once, caller.name(), &now);
    let at = now.at;
    let bound = idempotency::write(&app, "visitors.bind", once, StatusCode::OK, move |tx| {
        keep(tx, &new, at)?;
        Ok(std::sync::Arc::clone(&view))
    });
    undo_if_refused(&app, bound.await, &undo).await
}

/// Bind a visitor's WeChat (访客微信绑定).
#[utoipa::path(post, path = "/v1/visitor/binding", tag = "visitors", request_body = BindVisitor,
    responses((status = 200, body = VisitorsReply<VisitorView>)))]
pub async fn bind_visitor(State(app): State<App>, caller: Caller, input: Input<BindVisitor>) -> Outcome {
    let BindVisitor { weixin_user_id, phone, wechat_code } = input.value;
    let caller = prove(&app, caller, &weixin_user_id, wechat_code).await?;
    let (nick, avatar) = match &caller {
        Caller::Wechat(user) => (user.nick.clone(), user.avatar.clone()),
        _ => Default::default(),
    };
    let new = Binding {
        weixin_user_id: weixin_user_id.into(),
        role: BindingRole::Visitor,
        phone: phone.into(),
        name: nick,
        avatar,
    };
    let new = bind_at_cloud(&app, new).await?;
    let (now, undo) = (app.clock.now(), new.clone());
    let once = (input.once, caller.name(), &now);
    let at = now.at;
    let bound = idempotency::write(&app, "visitors.bind", once, StatusCode::OK, move |tx| {
        keep(tx, &new, at).map(VisitorView::from)
    });
    undo_if_refused(&app, bound.await, &undo).await
}

/// Whoever binds must be that WeChat: by session, by a code of WeChat's, or as documented by saying so.
async fn prove(
    app: &App,
    caller: Caller,
    weixin_user_id: &str,
    wechat_code: Option<Line<256>>,
) -> Result<Caller, Error> {
    let caller = match (caller, wechat_code) {
        (Caller::Nobody, Some(code)) => Caller::Wechat(super::wechat::user_of_code(app, &code).await?),
        (caller, _) => caller,
    };
    caller.may_act_for(weixin_user_id, Role::Admin)?;
    Ok(caller)
}

/// Our row of the binding: written, or there already with the same data.
fn keep(tx: &mut Tx<'_>, new: &Binding, at: i64) -> Result<Binding, Error> {
    if store::bindings::insert(tx, new, at)? {
        return Ok(new.clone());
    }
    let Some(old) = store::bindings::find(tx, &new.weixin_user_id)? else {
        return Err((&rules::PHONE_TAKEN).into());
    };
    if !is_same(&old, new) {
        return Err((&rules::BOUND_OTHERWISE).into());
    }
    if new.role == BindingRole::Visitor && !new.name.is_empty() {
        store::bindings::set_profile(tx, &new.weixin_user_id, &new.name, &new.avatar)?;
        return Ok(new.clone());
    }
    Ok(old)
}

/// The nickname is WeChat's to change; an employee's name is part of what was bound.
fn is_same(old: &Binding, new: &Binding) -> bool {
    old.role == new.role
        && old.phone == new.phone
        && (old.role == BindingRole::Visitor || old.name == new.name)
}

/// Binds at the cloud service, where one is set; what our own rows refuse never gets there.
async fn bind_at_cloud(app: &App, new: Binding) -> Result<Binding, Error> {
    let servers = settings::servers(app).await?;
    let Some(cloud_url) = servers.cloud() else { return Ok(new) };
    let (id, phone, role) = (new.weixin_user_id.clone(), new.phone.clone(), new.role);
    let (old, other) = app
        .db
        .read("visitors.bound", move |tx| {
            let other = store::bindings::addressee(tx, &phone, role)?;
            let other = other.filter(|other| other.role == role && other.weixin_user_id != id);
            Ok::<_, Error>((store::bindings::find(tx, &id)?, other))
        })
        .await?;
    match (old, other) {
        (Some(old), _) if !is_same(&old, &new) => return Err((&rules::BOUND_OTHERWISE).into()),
        (None, Some(_)) => return Err((&rules::PHONE_TAKEN).into()),
        _ => {}
    }
    let bound = app.visitors.cloud.bind(cloud_url, &new.weixin_user_id, &new.phone).await;
    let bound = bound.map_err(|error| match error {
        WechatError::GiveUp { reason } => {
            tracing::warn!(reason, "the WeChat cloud service refused a binding");
            Error::from(&rules::WECHAT_REFUSED)
        }
        other => Error::unavailable(other.reason().to_owned()),
    })?;
    if new.role == BindingRole::Employee {
        return Ok(new);
    }
    let name = if bound.nick.is_empty() { new.name } else { bound.nick };
    let avatar = if bound.avatar.is_empty() { new.avatar } else { bound.avatar };
    Ok(Binding { name, avatar, ..new })
}

/// A race may be lost in our rows after the cloud service has taken the binding: it must not stay.
async fn undo_if_refused(app: &App, bound: Outcome, new: &Binding) -> Outcome {
    if let Err(error) = &bound
        && error.code() == Some(&rules::PHONE_TAKEN)
        && let Some(cloud_url) = settings::servers(app).await?.cloud()
        && let Err(error) = app.visitors.cloud.unbind(cloud_url, &new.weixin_user_id).await
    {
        tracing::warn!(reason = error.reason(), "a binding that was refused is still at the cloud service");
    }
    bound
}

/// Unbind (微信解除绑定（员工或访客）).
#[utoipa::path(delete, path = "/v1/subject/binding/{weixinUserId}", tag = "visitors",
    params(("weixinUserId" = String, Path)), responses((status = 200, body = VisitorsAnswer)))]
pub async fn unbind(State(app): State<App>, caller: Caller, request: Request) -> Outcome {
    let (mut parts, _) = request.into_parts();
    let segment = axum::extract::Path::<String>::from_request_parts(&mut parts, &app).await;
    let segment = segment.map(|path| path.0).unwrap_or_default();
    let id = OpenId::parse(Scalar::Text(segment));
    let id = id.map_err(|expected| Error::invalid("weixinUserId", &expected.zh, &expected.en))?;
    caller.may_act_for(&id, Role::Admin)?;
    let servers = settings::servers(&app).await?;
    let mut was_bound = false;
    if let Some(cloud_url) = servers.cloud() {
        let unbound = app.visitors.cloud.unbind(cloud_url, &id).await;
        was_bound = unbound.map_err(|error| Error::unavailable(error.reason().to_owned()))?;
    }
    was_bound |= app.db.write("visitors.unbind", move |tx| store::bindings::delete(tx, &id)).await?;
    if was_bound { Ok(Reply::no_content()) } else { Err((&rules::NOT_BOUND).into()) }
}
