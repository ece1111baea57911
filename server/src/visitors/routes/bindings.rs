//! Binding a WeChat to an employee or a visitor.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Outcome;
use crate::app::App;
use crate::clock::{local, text};
use crate::error::Error;
use crate::http::access::{Auditor, BaseUrl, Reception};
use crate::http::envelope::{Nothing, OrNothing, Reply, VisitorsAnswer, VisitorsReply};
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{AnyPhone, Field as _, Line, Name, OpenId, Phone, Scalar, optional};
use crate::http::idempotency;
use crate::http::limits::{ClientAddress, Try};
use crate::http::page::{Items, Page, PageQuery};
use crate::logins::{self, Kind};
use crate::sms_codes::{self, NotSent, Purpose, Wanted};
use crate::staff::{Role, record_change};
use crate::text::mask_phone;
use crate::visitors::binding::Proof;
use crate::visitors::caller::{Caller, Newcomer};
use crate::visitors::directory::{self, Employee};
use crate::visitors::store::bindings::{self as rows, Kept};
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
    /// The code that `POST /v1/binding/sms_code` sent to the phone (手机校验码), where callers must prove who they are.
    #[serde(default, deserialize_with = "optional")]
    sms_code: Option<Line<16>>,
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
    /// The code that `POST /v1/binding/sms_code` sent to the phone (手机校验码), where callers must prove who they are.
    #[serde(default, deserialize_with = "optional")]
    sms_code: Option<Line<16>>,
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
    /// Whether the phone counts: where callers must prove who they are, only one that a code proved gives rights.
    /// Binding again with a code proves it.
    proved: bool,
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
        Some(Kept { binding, .. }) if binding.role == BindingRole::Employee => {
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
        Some(Kept { binding, .. }) if binding.role == BindingRole::Visitor => {
            Reply::ok(&VisitorView::from(binding))
        }
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
    let kept = binding::current(&app, &query.weixin_user_id).await?.ok_or(&rules::NOT_BOUND)?;
    let (binding, proved) = (kept.binding, kept.is_proved || !app.must_prove_phone());
    if binding.role == BindingRole::Visitor {
        let Binding { phone, name, avatar, .. } = binding;
        let (kind, department) = ("visitor", String::new());
        return Reply::ok(&AnyView { kind, name, department, subject_id: -1, avatar, phone, proved });
    }
    let employee = directory::look_up(&app, &binding.name, &binding.phone).await?;
    let view = EmployeeView::new(&app, &base, employee.ok_or(&rules::NOT_BOUND)?).await?;
    let EmployeeView { avatar, name, department, subject_id, phone } = view;
    Reply::ok(&AnyView { kind: "employee", name, department, subject_id, avatar, phone, proved })
}

#[derive(Deserialize, ToSchema)]
pub struct BindingCodeRequest {
    /// 手机号码
    phone: Phone,
}

#[derive(Serialize, ToSchema)]
pub struct BindingCodeSent {
    /// Seconds for which the code is valid (有效期).
    expires_in: i64,
}

/// Send a code that proves the phone to be bound (获取绑定验证码); ours.
#[utoipa::path(post, path = "/v1/binding/sms_code", tag = "visitors", request_body = BindingCodeRequest,
    responses((status = 200, body = VisitorsReply<BindingCodeSent>)))]
pub async fn send_code(
    State(app): State<App>,
    address: ClientAddress,
    input: Input<BindingCodeRequest>,
) -> Outcome {
    let now = app.clock.now();
    let whom = (Purpose::Binding, input.value.phone.into());
    let wanted = Wanted::new(&app, whom, (false, false), address, now.at)?;
    let app_too = app.clone();
    let once = (input.once, format!("address {}", address.0), &now);
    idempotency::write(&app, "visitors.send_code", once, StatusCode::OK, move |tx| {
        match sms_codes::send(&app_too, tx, &wanted)? {
            Ok(expires_in) => Ok(BindingCodeSent { expires_in }),
            Err(NotSent::Phone) => Err((&rules::CODE_TOO_OFTEN).into()),
            Err(NotSent::Budget(seconds)) => Err(Error::too_many_requests(seconds)),
        }
    })
    .await
}

/// Bind an employee's WeChat (员工微信绑定).
#[utoipa::path(post, path = "/v1/subject/binding", tag = "visitors", request_body = BindEmployee,
    responses((status = 200, body = VisitorsReply<EmployeeView>)))]
pub async fn bind_employee(
    State(app): State<App>,
    newcomer: Newcomer,
    BaseUrl(base): BaseUrl,
    address: ClientAddress,
    input: Input<BindEmployee>,
) -> Outcome {
    let BindEmployee { weixin_user_id, name, phone, wechat_code, sms_code } = input.value;
    let new = Binding {
        weixin_user_id: weixin_user_id.into(),
        role: BindingRole::Employee,
        phone: phone.into(),
        name: name.into(),
        avatar: String::new(),
    };
    let (caller, proof) = prove(&app, newcomer, &new, (wechat_code, sms_code), address).await?;
    let employee = directory::find(&app, &new.name, &new.phone).await?.ok_or(&rules::NOT_EMPLOYED)?;
    let view = std::sync::Arc::new(EmployeeView::new(&app, &base, employee).await?);
    let now = app.clock.now();
    let once = (input.once, caller.name(), &now);
    let bound = (new, proof, caller.staff());
    binding::bind(&app, bound, once, move |_| std::sync::Arc::clone(&view)).await
}

/// Bind a visitor's WeChat (访客微信绑定).
#[utoipa::path(post, path = "/v1/visitor/binding", tag = "visitors", request_body = BindVisitor,
    responses((status = 200, body = VisitorsReply<VisitorView>)))]
pub async fn bind_visitor(
    State(app): State<App>,
    newcomer: Newcomer,
    address: ClientAddress,
    input: Input<BindVisitor>,
) -> Outcome {
    let BindVisitor { weixin_user_id, phone, wechat_code, sms_code } = input.value;
    let mut new = Binding {
        weixin_user_id: weixin_user_id.into(),
        role: BindingRole::Visitor,
        phone: phone.into(),
        name: String::new(),
        avatar: String::new(),
    };
    let (caller, proof) = prove(&app, newcomer, &new, (wechat_code, sms_code), address).await?;
    if let Caller::Wechat(user) = &caller {
        (new.name, new.avatar) = (user.nick.clone(), user.avatar.clone());
    }
    let now = app.clock.now();
    let once = (input.once, caller.name(), &now);
    binding::bind(&app, (new, proof, caller.staff()), once, VisitorView::from).await
}

/// Whoever binds a phone must have it: by a code that was sent there, by having proved it before, by the
/// word of staff, or as documented by saying so.
async fn prove_phone(
    app: &App,
    caller: Option<&Caller>,
    new: &Binding,
    sms_code: Option<Line<16>>,
    address: ClientAddress,
) -> Result<Proof, Error> {
    if caller.is_some_and(|caller| caller.staff().is_some()) {
        return Ok(Proof::Staff);
    }
    if !app.must_prove_phone() || binding::is_proved(app, new).await? {
        return Ok(Proof::None);
    }
    let tried = sms_code.ok_or(&rules::CODE_NEEDED)?;
    let (at, failures) = (app.clock.now().at, format!("binding address {}", address.0));
    let attempt = match Try::begin(app, failures, at).await {
        Ok(attempt) => attempt,
        Err(error) => {
            logins::locked(app, Kind::Binding, address, &new.phone).await;
            return Err(error);
        }
    };
    let checked = sms_codes::check(app, Purpose::Binding, &new.phone, &tried, address, at).await?;
    let id = checked.map_err(|_| &rules::CODE_WRONG)?;
    attempt.give_back(app).await?;
    Ok(Proof::Code(id))
}

/// Whoever binds must be that WeChat, by session, by a code of WeChat's, or as documented by saying so; and
/// have that phone. WeChat's code comes last, because asking uses it up.
async fn prove(
    app: &App,
    Newcomer(caller): Newcomer,
    new: &Binding,
    (wechat_code, sms_code): (Option<Line<256>>, Option<Line<16>>),
    address: ClientAddress,
) -> Result<(Caller, Proof), Error> {
    if let Some(caller) = caller {
        caller.may_act_for(&new.weixin_user_id, Role::Admin)?;
        let proof = prove_phone(app, Some(&caller), new, sms_code, address).await?;
        return Ok((caller, proof));
    }
    let wechat_code = wechat_code.ok_or_else(Error::unauthenticated)?;
    let proof = prove_phone(app, None, new, sms_code, address).await?;
    let caller = Caller::Wechat(login::user_of_code(app, &wechat_code).await?);
    caller.may_act_for(&new.weixin_user_id, Role::Admin)?;
    Ok((caller, proof))
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
    if binding::end(&app, &id, caller.staff()).await? {
        Ok(Reply::no_content())
    } else {
        Err((&rules::NOT_BOUND).into())
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BindingsQuery {
    /// Only the WeChats of this phone, however it is written.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    phone: Option<AnyPhone>,
}

/// A WeChat and whose it is (微信绑定), as staff see it.
#[derive(Serialize, ToSchema)]
pub struct BindingItem {
    /// The binding's id.
    id: i64,
    /// The WeChat.
    #[serde(rename = "weixinUserId")]
    weixin_user_id: String,
    /// `visitor` (访客) or `employee` (员工).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The employee's name, or the visitor's WeChat nickname (姓名).
    name: String,
    /// 手机号码
    phone: String,
    /// A code proved the phone, or staff made the binding.
    proved: bool,
    /// False for an employee whom the directory no longer has.
    valid: bool,
    /// `YYYY-MM-DD HH:MM:SS`
    created_at: String,
}

/// The bindings (微信绑定), newest first.
#[utoipa::path(get, path = "/admin/v1/bindings", tag = "staff", params(BindingsQuery, PageQuery),
    responses((status = 200, body = Items<BindingItem>)))]
pub async fn bindings(
    State(app): State<App>,
    _: Auditor,
    Query(query): Query<BindingsQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let (page, key) = (Page::from(page), query.phone.map(|phone| phone.key));
    let list = app.db.read("visitors.bindings", move |tx| rows::list(tx, key.as_deref(), page));
    let (total, kept) = list.await?;
    let item = |kept: Kept| BindingItem {
        id: kept.id,
        weixin_user_id: kept.binding.weixin_user_id,
        kind: kept.binding.role.as_str(),
        name: kept.binding.name,
        phone: kept.binding.phone,
        proved: kept.is_proved,
        valid: kept.is_valid,
        created_at: text(local(app.clock.zone(), kept.created_at)),
    };
    Reply::ok(&Items::new(page, total, kept.into_iter().map(item).collect()))
}

fn no_binding() -> Error {
    Error::not_found("没有这个绑定", "there is no such binding")
}

/// End a binding for somebody (代为解除绑定): the WeChat and the number are free at once.
#[utoipa::path(delete, path = "/admin/v1/bindings/{id}", tag = "staff", params(("id" = i64, Path)),
    responses((status = 204)))]
pub async fn end_binding(State(app): State<App>, Reception(staff): Reception, PathId(id): PathId) -> Outcome {
    let kept = app.db.point("visitors.binding", move |tx| rows::by_id(tx, id)).await?;
    let Binding { weixin_user_id, phone, .. } = kept.ok_or_else(no_binding)?.binding;
    if !binding::end(&app, &weixin_user_id, None).await? {
        return Err(no_binding());
    }
    let at = app.clock.now().at;
    app.db
        .write("visitors.end_binding", move |tx| {
            let before = json!({ "weixinUserId": weixin_user_id, "phone": mask_phone(&phone) });
            let target = format!("binding {id}");
            record_change(tx, &staff, "binding.end", &target, &before, &Value::Null, at)
        })
        .await?;
    Ok(Reply::no_content())
}
