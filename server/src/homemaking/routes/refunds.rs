//! Refunds (退款订单).

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::orders::EventView;
use super::{MOST_PICTURES, Outcome, Paging, RoleNumber, illustration, role};
use crate::app::App;
use crate::error::Error;
use crate::homemaking::refunds::{self, Ask};
use crate::homemaking::rules::party;
use crate::homemaking::states::{By, RefundAction, RefundState, Term as _};
use crate::homemaking::store::events;
use crate::homemaking::store::refunds::{self as rows, RefundWithOrder, Which};
use crate::homemaking::view::{self, Form, OrderView, Paged, Person, Success};
use crate::homemaking::{Role, User, codes, files, orders};
use crate::http::access::BaseUrl;
use crate::http::envelope::{HomemakingReply, Reply};
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Id, IntIn, Prose, Url, at_most, optional};
use crate::http::idempotency;
use crate::http::page::Page;

fn not_found() -> Error {
    (&codes::NOT_FOUND).into()
}

#[derive(Deserialize, ToSchema)]
pub struct RefundRequest {
    /// The order whose money is asked for (要申请退款的预约订单 id).
    order_id: Id,
    /// Why (申请理由).
    reason: Prose<2000>,
    /// Addresses of pictures (截图), at most 5.
    #[serde(default, deserialize_with = "at_most::<MOST_PICTURES, _, _>")]
    illustration: Option<Vec<Url>>,
}

/// A refund that was asked for.
#[derive(Serialize, ToSchema)]
pub struct Asked {
    /// Refund id (退款订单 id).
    id: i64,
    /// The refund's number (退款订单号).
    order_no: String,
    /// Why (申请理由).
    reason: String,
    /// Addresses of pictures (截图).
    illustration: Vec<String>,
}

/// Ask for a refund (提交退款申请).
#[utoipa::path(post, path = "/homemaking/v1/refund", tag = "homemaking", security(("user" = [])),
    request_body = RefundRequest, responses((status = 201, body = HomemakingReply<Asked>)))]
pub async fn ask(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    input: Input<RefundRequest>,
) -> Outcome {
    let RefundRequest { order_id, reason, illustration: addresses } = input.value;
    let pictures = illustration(addresses);
    let shown: Vec<String> = pictures.iter().map(|(_, address)| address.clone()).collect();
    let illustration = serde_json::json!(shown).to_string();
    let ask = Ask { order_id: order_id.0, reason: reason.into(), illustration };
    let (now, storage) = (app.clock.now(), view::storage(&base));
    let limits = orders::limits(&app.config);
    let (once, now) = ((input.once, user.name(), &now), now.clone());
    idempotency::write(&app, "homemaking.ask_refund", once, StatusCode::CREATED, move |tx| {
        let (id, number) = refunds::ask(tx, user, &ask, (&now, limits))?;
        files::claim(tx, &pictures, &storage, now.at)?;
        let (reason, illustration) = (ask.reason.clone(), shown.clone());
        Ok(Asked { id, order_no: number.to_string(), reason, illustration })
    })
    .await
}

/// A refund (退款订单).
#[derive(Serialize, ToSchema)]
pub struct RefundView {
    /// Refund id (退款订单 id).
    id: i64,
    /// The refund's number (退款订单号).
    order_no: String,
    /// Why (申请理由).
    reason: String,
    /// Addresses of pictures (截图).
    illustration: Vec<String>,
    /// Status (退款订单状态): 0 unapproved (待同意), 1 agreed (已同意), 2 paid back (已退款), 3 completed (已完成), 4 rejected
    /// (已拒绝), 5 cancelled (已取消).
    status: i64,
    /// When it was asked for (退款订单创建时间).
    create_time: String,
    /// The order (退款订单关联的预约订单信息).
    service_order: OrderView,
    /// Ours: the appeal against a refusal (申诉), null without one.
    appeal: Option<AppealView>,
}

/// An appeal to staff (申诉).
#[derive(Serialize, ToSchema)]
pub struct AppealView {
    /// Why (申诉理由).
    reason: String,
    /// When (申诉时间).
    create_time: String,
    /// What staff decided (处理结果): `agree` (申诉成立) or `reject` (申诉驳回); null while it waits.
    decision: Option<&'static str>,
    /// What staff say (处理意见); "" for nothing, null while it waits.
    decision_reason: Option<String>,
    /// When they did (处理时间), null while it waits.
    decide_time: Option<String>,
}

impl RefundView {
    fn new(found: RefundWithOrder, form: &Form) -> Result<Self, Error> {
        let RefundWithOrder { refund, order } = found;
        let appeal = refund.appeal.map(|appeal| AppealView {
            reason: appeal.reason,
            create_time: form.time(appeal.at),
            decision: appeal.decision.as_ref().map(|made| if made.is_upheld { "agree" } else { "reject" }),
            decide_time: appeal.decision.as_ref().map(|made| form.time(made.at)),
            decision_reason: appeal.decision.map(|made| made.reason),
        });
        let unreadable = |error| Error::internal(format!("illustration of refund {}: {error}", refund.id));
        Ok(Self {
            id: refund.id,
            order_no: refund.order_no.to_string(),
            reason: refund.reason,
            illustration: serde_json::from_str(&refund.illustration).map_err(unreadable)?,
            status: refund.status.number(),
            create_time: form.time(refund.created_at),
            service_order: super::orders::shown(order, form)?,
            appeal,
        })
    }
}

/// One refund, with what the example adds to the table.
#[derive(Serialize, ToSchema)]
pub struct RefundDetail {
    #[serde(flatten)]
    refund: RefundView,
    /// The same as `illustration` (截图).
    images: Vec<String>,
    /// Who publishes the service (服务发布者个人信息).
    publisher: Person,
    /// Who ordered it (服务消费者个人信息).
    consumer: Person,
}

impl RefundDetail {
    pub(super) fn new(found: RefundWithOrder, form: &Form) -> Result<Self, Error> {
        let publisher = form.person(found.order.publisher.clone());
        let consumer = form.person(found.order.consumer.clone());
        let refund = RefundView::new(found, form)?;
        Ok(Self { images: refund.illustration.clone(), refund, publisher, consumer })
    }
}

async fn list(
    app: &App,
    base: &str,
    side: (i64, Role),
    which: Which,
    paging: Paging,
) -> Result<Paged<RefundView>, Error> {
    let page = Page::from(paging);
    let found = app.db.read("homemaking.my_refunds", move |tx| rows::of_user(tx, side, which, page));
    let (total, found) = found.await?;
    let form = Form::new(app, base);
    let data: Result<_, _> = found.into_iter().map(|found| RefundView::new(found, &form)).collect();
    Ok(Paged::new(page, total, data?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MineQuery {
    /// On which side (角色类型): 1 publisher (发布者), 2 consumer (消费者).
    #[param(inline)]
    role: RoleNumber,
    /// Only of this status (退款订单状态), see the appendix.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 5>>,
}

/// One's own refunds (根据角色、状态查询我的退款订单), newest first.
#[utoipa::path(get, path = "/homemaking/v1/refund", tag = "homemaking", security(("user" = [])),
    params(MineQuery, Paging), responses((status = 200, body = HomemakingReply<Paged<RefundView>>)))]
pub async fn mine(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    Query(query): Query<MineQuery>,
    Query(paging): Query<Paging>,
) -> Outcome {
    let status = query.status.and_then(|status| RefundState::of(status.0));
    let which = status.map_or(Which::All, Which::Of);
    Reply::ok(&list(&app, &base, (user.id, role(query.role)), which, paging).await?)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProcessQuery {
    /// On which side (角色类型): 1 publisher (发布者), 2 consumer (消费者).
    #[param(inline)]
    role: RoleNumber,
}

/// One's own refunds that are under way (根据角色查询我处理中的退款订单): 0, 1 and 2; newest first.
#[utoipa::path(get, path = "/homemaking/v1/refund/process", tag = "homemaking", security(("user" = [])),
    params(ProcessQuery, Paging), responses((status = 200, body = HomemakingReply<Paged<RefundView>>)))]
pub async fn under_way(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    Query(query): Query<ProcessQuery>,
    Query(paging): Query<Paging>,
) -> Outcome {
    Reply::ok(&list(&app, &base, (user.id, role(query.role)), Which::UnderWay, paging).await?)
}

/// A refund of the caller's; to strangers there is none.
async fn own(app: &App, user: User, id: i64) -> Result<RefundWithOrder, Error> {
    let found = app.db.point("homemaking.refund", move |tx| rows::find(tx, id)).await?;
    let is_own = |found: &RefundWithOrder| {
        party(user.id, found.refund.publisher_id, found.refund.consumer_id) != By::Stranger
    };
    found.filter(is_own).ok_or_else(not_found)
}

/// One refund (查询指定 id 的退款订单).
#[utoipa::path(get, path = "/homemaking/v1/refund/{id}", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Refund id (退款订单 id)")),
    responses((status = 200, body = HomemakingReply<RefundDetail>)))]
pub async fn show(State(app): State<App>, user: User, BaseUrl(base): BaseUrl, PathId(id): PathId) -> Outcome {
    Reply::ok(&RefundDetail::new(own(&app, user, id).await?, &Form::new(&app, &base))?)
}

#[derive(Deserialize, ToSchema)]
pub struct RefundActionRequest {
    /// Operation (退款订单操作类型): 1 agree (同意退款), 2 reject (拒绝退款), 3 cancel (取消订单), 4 confirm (确认订单).
    action: IntIn<1, 4>,
}

/// Agree, reject, cancel or confirm (更新指定 id 的退款订单状态).
#[utoipa::path(post, path = "/homemaking/v1/refund/{id}", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Refund id (退款订单 id)")), request_body = RefundActionRequest,
    responses((status = 200, body = HomemakingReply<Success>)))]
pub async fn act(
    State(app): State<App>,
    user: User,
    PathId(id): PathId,
    input: Input<RefundActionRequest>,
) -> Outcome {
    let action = RefundAction::of(input.value.action.0).ok_or_else(not_found)?;
    let at = app.clock.now().at;
    app.db.write("homemaking.act_on_refund", move |tx| refunds::act(tx, id, user, action, at)).await?;
    Reply::ok(&Success { result: true })
}

#[derive(Deserialize, ToSchema)]
pub struct AppealRequest {
    /// Why the refusal is wrong (申诉理由).
    reason: Prose<2000>,
}

/// Ours: appeal to staff against a refusal (申诉), once.
#[utoipa::path(post, path = "/homemaking/v1/refund/{id}/appeal", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Refund id (退款订单 id)")), request_body = AppealRequest,
    responses((status = 200, body = HomemakingReply<Success>)))]
pub async fn appeal(
    State(app): State<App>,
    user: User,
    PathId(id): PathId,
    input: Input<AppealRequest>,
) -> Outcome {
    let (reason, at) = (String::from(input.value.reason), app.clock.now().at);
    app.db.write("homemaking.appeal", move |tx| refunds::appeal(tx, id, user, &reason, at)).await?;
    Reply::ok(&Success { result: true })
}

/// Ours: everything that happened to a refund (退款历史), oldest first.
#[utoipa::path(get, path = "/homemaking/v1/refund/{id}/events", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Refund id (退款订单 id)")),
    responses((status = 200, body = HomemakingReply<Vec<EventView>>)))]
pub async fn history(State(app): State<App>, user: User, PathId(id): PathId) -> Outcome {
    let order_id = own(&app, user, id).await?.refund.order_id;
    let recorded = app.db.point("homemaking.refund_events", move |tx| events::of_refund(tx, order_id, id));
    let form = Form::new(&app, "");
    Reply::ok(&recorded.await?.into_iter().map(|event| EventView::new(event, &form)).collect::<Vec<_>>())
}
