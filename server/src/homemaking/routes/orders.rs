//! Orders (预约订单).

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Outcome, Paging, RoleNumber, role};
use crate::app::App;
use crate::error::Error;
use crate::homemaking::orders::Wish;
use crate::homemaking::payments::Way;
use crate::homemaking::payments::pay::{Paid, PayWish, pay};
use crate::homemaking::rules::party;
use crate::homemaking::states::{By, OrderAction, OrderState, Term as _};
use crate::homemaking::store::events::{self, Recorded};
use crate::homemaking::store::orders::{self as rows, OrderWithParties};
use crate::homemaking::view::{Form, OrderView, Paged};
use crate::homemaking::{User, codes, orders};
use crate::http::access::BaseUrl;
use crate::http::envelope::{HomemakingReply, Reply};
use crate::http::extract::{Input, InputOnce, PathId, Query};
use crate::http::fields::{Address, Id, IntIn, Line, optional};
use crate::http::idempotency;
use crate::http::page::Page;
use crate::visitors;

fn not_found() -> Error {
    (&codes::NOT_FOUND).into()
}

#[derive(Deserialize, ToSchema)]
pub struct OrderRequest {
    /// The service (要预约的服务 id).
    service_id: Id,
    /// What `wx.chooseAddress()` gave, as an object or its JSON text (地址信息); needed where the service's
    /// `designated_place` is 1.
    #[serde(default, deserialize_with = "Address::optional")]
    address: Option<Address>,
}

#[derive(Serialize, ToSchema)]
pub struct Ordered {
    /// Id of the new order (预约订单 id).
    order_id: i64,
}

/// Order a service (提交预约订单).
#[utoipa::path(post, path = "/homemaking/v1/order", tag = "homemaking", security(("user" = [])),
    request_body = OrderRequest, responses((status = 201, body = HomemakingReply<Ordered>)))]
pub async fn create(State(app): State<App>, user: User, input: InputOnce<OrderRequest>) -> Outcome {
    let now = app.clock.now();
    let OrderRequest { service_id, address } = input.value;
    let address = address.map(|Address(map)| serde_json::Value::Object(map).to_string());
    let (limits, form) = (orders::limits(&app.config), Form::new(&app, ""));
    let (once, now) = ((Some(input.once), user.name(), &now), now.clone());
    idempotency::write(&app, "homemaking.order", once, StatusCode::CREATED, move |tx| {
        let wish = Wish { consumer_id: user.id, service_id: service_id.0, address: address.as_deref() };
        let order_id = orders::place(tx, wish, &form, (&now, limits))?;
        Ok(Ordered { order_id })
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MineQuery {
    /// On which side (角色类型): 1 publisher (发布者), 2 consumer (消费者).
    #[param(inline)]
    role: RoleNumber,
    /// Only of this status (订单状态), see the appendix.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 6>>,
}

pub(super) fn shown(found: OrderWithParties, form: &Form) -> Result<OrderView, Error> {
    let id = found.order.id;
    OrderView::new(found, form)
        .ok_or_else(|| Error::internal(format!("the snapshot of order {id} cannot be read")))
}

/// One's own orders (查询我的订单), newest first.
#[utoipa::path(get, path = "/homemaking/v1/order/my", tag = "homemaking", security(("user" = [])),
    params(MineQuery, Paging), responses((status = 200, body = HomemakingReply<Paged<OrderView>>)))]
pub async fn mine(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    Query(query): Query<MineQuery>,
    Query(paging): Query<Paging>,
) -> Outcome {
    let (page, side) = (Page::from(paging), (user.id, role(query.role)));
    let status = query.status.and_then(|status| OrderState::of(status.0));
    let found = app.db.read("homemaking.my_orders", move |tx| rows::of_user(tx, side, status, page));
    let (total, found) = found.await?;
    let form = Form::new(&app, &base);
    let data: Result<Vec<_>, _> = found.into_iter().map(|order| shown(order, &form)).collect();
    Reply::ok(&Paged::new(page, total, data?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CountQuery {
    /// On which side (角色类型): 1 publisher (发布者), 2 consumer (消费者).
    #[param(inline)]
    role: RoleNumber,
}

#[derive(Serialize, ToSchema)]
pub struct OrderCounts {
    /// Waiting for the publisher (待同意订单数量).
    unapproved: i64,
    /// Waiting for the payment (待支付订单数量).
    unpaid: i64,
    /// Waiting for the consumer's word that it was done (待确认订单数量).
    unconfirmed: i64,
    /// Waiting for a rating (待评价订单数量).
    unrated: i64,
}

/// How many of one's own orders have which status (查询我的订单状态统计).
#[utoipa::path(get, path = "/homemaking/v1/order/count", tag = "homemaking", security(("user" = [])),
    params(CountQuery), responses((status = 200, body = HomemakingReply<OrderCounts>)))]
pub async fn count(State(app): State<App>, user: User, Query(query): Query<CountQuery>) -> Outcome {
    let role = role(query.role);
    let counts = app.db.point("homemaking.count_orders", move |tx| rows::counts(tx, user.id, role)).await?;
    let of = |state: OrderState| {
        counts.iter().find(|(number, _)| *number == state.number()).map_or(0, |(_, total)| *total)
    };
    Reply::ok(&OrderCounts {
        unapproved: of(OrderState::Unapproved),
        unpaid: of(OrderState::Unpaid),
        unconfirmed: of(OrderState::Unconfirmed),
        unrated: of(OrderState::Unrated),
    })
}

/// An order of the caller's; to strangers there is none.
async fn own(app: &App, user: User, id: i64) -> Result<OrderWithParties, Error> {
    let found = app.db.point("homemaking.order", move |tx| rows::find(tx, id)).await?;
    let is_own = |found: &OrderWithParties| {
        party(user.id, found.order.publisher_id, found.order.consumer_id) != By::Stranger
    };
    found.filter(is_own).ok_or_else(not_found)
}

/// One order (查询指定 id 的订单).
#[utoipa::path(get, path = "/homemaking/v1/order/{id}", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Order id (订单 id)")),
    responses((status = 200, body = HomemakingReply<OrderView>)))]
pub async fn show(State(app): State<App>, user: User, BaseUrl(base): BaseUrl, PathId(id): PathId) -> Outcome {
    Reply::ok(&shown(own(&app, user, id).await?, &Form::new(&app, &base))?)
}

#[derive(Deserialize, ToSchema)]
pub struct OrderActionRequest {
    /// Operation (订单操作类型): 1 agree (同意预约), 2 reject (拒绝预约), 3 pay (支付), 4 confirm (确认订单), 5 rate (评价: use
    /// `v1/rating`), 6 ask for a refund (退款: use `v1/refund`), 7 cancel (取消订单).
    action: IntIn<1, 7>,
    /// Ours, to pay where the gateway is WeChat Pay: the code that proves whose openid pays (支付者的登录凭证), of `wx.login()`,
    /// without it the one that paid before; by `official_account` of the page's web authorisation, without it the one
    /// that this browser's WeChat session is of.
    #[serde(default, deserialize_with = "optional")]
    wechat_code: Option<Line<512>>,
    /// Ours, where the gateway is WeChat Pay (支付方式): `mini_program` (小程序支付), the default; `official_account`, in a page
    /// that WeChat's browser shows (公众号支付); `native`, by a code that is scanned (扫码支付).
    #[serde(default, deserialize_with = "optional")]
    pay_by: Option<Way>,
}

/// What became of the operation.
#[derive(Serialize, ToSchema)]
pub struct Acted {
    /// Whether it was done (更新成功标识).
    result: bool,
    /// Ours, only where the payer has to agree with WeChat (微信支付参数): what `wx.requestPayment` takes, or by
    /// `official_account` what `getBrandWCPayRequest` takes with `trade_type` `JSAPI`, or by `native` the `code_url` to be
    /// shown as a QR code with `trade_type` `NATIVE`. The order is paid when WeChat Pay says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HashMap<String, Value>>)]
    payment: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Agree, reject, pay, confirm or cancel (更新指定 id 订单的状态).
#[utoipa::path(post, path = "/homemaking/v1/order/{id}", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Order id (订单 id)")), request_body = OrderActionRequest,
    responses((status = 200, body = HomemakingReply<Acted>)))]
pub async fn act(
    State(app): State<App>,
    user: User,
    PathId(id): PathId,
    parts: Parts,
    input: Input<OrderActionRequest>,
) -> Outcome {
    let action = OrderAction::of(input.value.action.0).ok_or_else(not_found)?;
    if action == OrderAction::Pay {
        let way = input.value.pay_by.unwrap_or_default();
        let in_browser = match way {
            Way::OfficialAccount => visitors::openid_of_session(&parts, &app).await?,
            Way::MiniProgram | Way::Native => None,
        };
        let wish = PayWish { way, wechat_code: input.value.wechat_code.map(String::from), in_browser };
        let paid = pay(&app, user, id, wish).await?;
        let payment = match paid {
            Paid::Done => None,
            Paid::Awaiting(parameters) => Some(parameters),
        };
        return Reply::ok(&Acted { result: true, payment });
    }
    let (at, limits) = (app.clock.now().at, orders::limits(&app.config));
    app.db
        .write("homemaking.act_on_order", move |tx| {
            let order = rows::take(tx, id)?.ok_or_else(not_found)?;
            let by = party(user.id, order.publisher_id, order.consumer_id);
            orders::advance(tx, &order, (action, by), at, limits)?;
            // Rated where the rating is given.
            if action == OrderAction::Rate { Err(Error::from(&codes::USE_RATING)) } else { Ok(()) }
        })
        .await?;
    Reply::ok(&Acted { result: true, payment: None })
}

/// A step of an order or of one of its refunds.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// Grows with time (编号).
    id: i64,
    /// What was done (操作): `order`, `agree`, `reject`, `pay`, `confirm`, `rate`, `cancel`, `time_out`, `pay_back`, and
    /// of refunds `ask`, `agree`, `reject`, `cancel`, `pay_back`, `settle`, `confirm`, `appeal`, `uphold`, `dismiss`.
    action: String,
    /// Who did it (操作人): `publisher`, `consumer`, `staff` or `system`.
    by: String,
    /// The refund it happened to (退款订单 id), null for the order itself.
    refund_id: Option<i64>,
    /// Status before (原状态), null for what was made by this.
    from_status: Option<i64>,
    /// Status after (新状态).
    to_status: i64,
    /// When (时间).
    create_time: String,
}

impl EventView {
    pub(super) fn new(event: Recorded, form: &Form) -> Self {
        Self {
            id: event.id,
            action: event.action,
            by: event.by,
            refund_id: event.refund_id,
            from_status: event.from_status,
            to_status: event.to_status,
            create_time: form.time(event.at),
        }
    }
}

/// Ours: everything that happened to an order (订单历史), oldest first.
#[utoipa::path(get, path = "/homemaking/v1/order/{id}/events", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Order id (订单 id)")),
    responses((status = 200, body = HomemakingReply<Vec<EventView>>)))]
pub async fn history(State(app): State<App>, user: User, PathId(id): PathId) -> Outcome {
    own(&app, user, id).await?;
    let recorded = app.db.point("homemaking.order_events", move |tx| events::of_order(tx, id)).await?;
    let form = Form::new(&app, "");
    Reply::ok(&recorded.into_iter().map(|event| EventView::new(event, &form)).collect::<Vec<_>>())
}
