//! Binding a WeChat to an employee or a visitor.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Outcome;
use crate::app::App;
use crate::error::Error;
use crate::http::access::BaseUrl;
use crate::http::envelope::{Nothing, OrNothing, Reply, VisitorsAnswer, VisitorsReply};
use crate::http::extract::{Input, Query};
use crate::http::fields::{Field as _, Line, Name, OpenId, Phone, Scalar, optional};
use crate::http::idempotency;
use crate::staff::Role;
use crate::visitors::caller::{Caller, Newcomer};
use crate::visitors::directory::{self, Employee};
use crate::visitors::{Binding, BindingRole, binding, login, rules};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhoQuery {
    /// 公众号里带过来的绑定时用的微信id
    #[serde(rename = "weixinUserId")]
    #[param(inline)]
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

/// Whether an employee's WeChat is bound (员工查询微信是否已绑定); `{}` if not.
#[utoipa::path(get, path = "/v1/subject/binding", tag = "visitors", params(WhoQuery),
    responses((status = 200, body = VisitorsReply<OrNothing<EmployeeView>>)))]
pub async fn employee_binding(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    Query(query): Query<WhoQuery>,
) -> Outcome {
    caller.may_act_for(&query.weixin_user_id, Role::Auditor)?;
    match binding::current(&app, &query.weixin_user_id).await? {
        Some(binding) if binding.role == BindingRole::Employee => {
            match directory::look_up(&app, &binding.name, &binding.phone).await? {
                Some(employee) => Reply::ok(&EmployeeView::new(&app, &base, employee).await?),
                None => Reply::ok(&Nothing {}),
            }
        }
        _ => Reply::ok(&Nothing {}),
    }
}

/// Whether a visitor's WeChat is bound (访客查询微信是否已绑定); `{}` if not.
#[utoipa::path(get, path = "/v1/visitor/binding", tag = "visitors", params(WhoQuery),
    responses((status = 200, body = VisitorsReply<OrNothing<VisitorView>>)))]
pub async fn visitor_binding(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WhoQuery>,
) -> Outcome {
    caller.may_act_for(&query.weixin_user_id, Role::Auditor)?;
    match binding::current(&app, &query.weixin_user_id).await? {
        Some(binding) if binding.role == BindingRole::Visitor => Reply::ok(&VisitorView::from(binding)),
        _ => Reply::ok(&Nothing {}),
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
    let binding = binding::current(&app, &query.weixin_user_id).await?.ok_or(&rules::NOT_BOUND)?;
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
    newcomer: Newcomer,
    BaseUrl(base): BaseUrl,
    input: Input<BindEmployee>,
) -> Outcome {
    let BindEmployee { weixin_user_id, name, phone, wechat_code } = input.value;
    let caller = prove(&app, newcomer, &weixin_user_id, wechat_code).await?;
    let employee = directory::find(&app, &name, &phone).await?.ok_or(&rules::NOT_EMPLOYED)?;
    let new = Binding {
        weixin_user_id: weixin_user_id.into(),
        role: BindingRole::Employee,
        phone: phone.into(),
        name: name.into(),
        avatar: String::new(),
    };
    let new = binding::bind_at_cloud(&app, new).await?;
    let view = EmployeeView::new(&app, &base, employee).await?;
    let view = std::sync::Arc::new(view);
    let (now, undo) = (app.clock.now(), new.clone());
    let once = (input.once, caller.name(), &now);
    let at = now.at;
    let bound = idempotency::write(&app, "visitors.bind", once, StatusCode::OK, move |tx| {
        binding::keep(tx, &new, at)?;
        Ok(std::sync::Arc::clone(&view))
    });
    binding::undo_if_refused(&app, bound.await, &undo).await
}

/// Bind a visitor's WeChat (访客微信绑定).
#[utoipa::path(post, path = "/v1/visitor/binding", tag = "visitors", request_body = BindVisitor,
    responses((status = 200, body = VisitorsReply<VisitorView>)))]
pub async fn bind_visitor(State(app): State<App>, newcomer: Newcomer, input: Input<BindVisitor>) -> Outcome {
    let BindVisitor { weixin_user_id, phone, wechat_code } = input.value;
    let caller = prove(&app, newcomer, &weixin_user_id, wechat_code).await?;
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
    let new = binding::bind_at_cloud(&app, new).await?;
    let (now, undo) = (app.clock.now(), new.clone());
    let once = (input.once, caller.name(), &now);
    let at = now.at;
    let bound = idempotency::write(&app, "visitors.bind", once, StatusCode::OK, move |tx| {
        binding::keep(tx, &new, at).map(VisitorView::from)
    });
    binding::undo_if_refused(&app, bound.await, &undo).await
}

/// Whoever binds must be that WeChat: by session, by a code of WeChat's, or as documented by saying so.
async fn prove(
    app: &App,
    Newcomer(caller): Newcomer,
    weixin_user_id: &str,
    wechat_code: Option<Line<256>>,
) -> Result<Caller, Error> {
    let caller = match (caller, wechat_code) {
        (Some(caller), _) => caller,
        (None, Some(code)) => Caller::Wechat(login::user_of_code(app, &code).await?),
        (None, None) => return Err(Error::unauthenticated()),
    };
    caller.may_act_for(weixin_user_id, Role::Admin)?;
    Ok(caller)
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
    if binding::end(&app, &id).await? { Ok(Reply::no_content()) } else { Err((&rules::NOT_BOUND).into()) }
}
