//! The staff API of homemaking: moderation, orders, credentials.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Outcome;
use super::orders::EventView;
use crate::app::App;
use crate::clock::{local, text};
use crate::error::Error;
use crate::homemaking::caller::pair_fingerprint;
use crate::homemaking::states::{By, OrderState, SERVICE, ServiceAction, ServiceState, Term as _};
use crate::homemaking::store::enrolments::{self, Enrolment, NewEnrolment};
use crate::homemaking::store::orders::{self, Search};
use crate::homemaking::store::{events, services, tokens};
use crate::homemaking::view::{Form, OrderView, ServiceView};
use crate::http::access::{Admin, Auditor, BaseUrl};
use crate::http::choice::{Choice, choice_field};
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Id, IdOrAll, IntIn, Line, Moment, Prose, filter, optional};
use crate::http::idempotency;
use crate::http::page::{Items, Page, PageQuery};
use crate::staff::{Role, record_change};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ServicesQuery {
    /// Only of this status (服务状态), by its number.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 5>>,
}

/// Services (服务), newest first.
#[utoipa::path(get, path = "/admin/v1/services", tag = "staff", security(("staff" = [])),
    params(ServicesQuery, PageQuery), responses((status = 200, body = Items<ServiceView>)))]
pub async fn list_services(
    State(app): State<App>,
    _: Auditor,
    BaseUrl(base): BaseUrl,
    Query(query): Query<ServicesQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let (page, status) = (Page::from(page), query.status.and_then(|status| ServiceState::of(status.0)));
    let found = app.db.read("staff.services", move |tx| services::of_status(tx, status, page));
    let (total, found) = found.await?;
    let form = Form::new(&app, &base);
    let items = found.into_iter().map(|service| ServiceView::of_own(service, &form)).collect();
    Reply::ok(&Items::new(page, total, items))
}

/// What staff decide on a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Refuse,
    TakeDown,
}

impl Choice for Decision {
    const ALL: &'static [Self] = &[Self::Approve, Self::Refuse, Self::TakeDown];

    fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::TakeDown => "take_down",
        }
    }
}
choice_field!(Decision);

impl Decision {
    fn action(self) -> ServiceAction {
        match self {
            Self::Approve => ServiceAction::Approve,
            Self::Refuse => ServiceAction::Refuse,
            Self::TakeDown => ServiceAction::TakeDown,
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub struct ReviewRequest {
    /// `approve` (审核通过), `refuse` (审核不通过) or `take_down` (强制下架).
    decision: Decision,
    /// Why, for its publisher (原因); needed to refuse and to take down.
    #[serde(default, deserialize_with = "optional")]
    reason: Option<Prose<2000>>,
}

fn no_service() -> Error {
    Error::not_found("没有这个服务", "there is no such service")
}

/// Decide on a service (审核服务).
#[utoipa::path(post, path = "/admin/v1/services/{id}/review", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = ReviewRequest, responses((status = 200, body = ServiceView)))]
pub async fn review_service(
    State(app): State<App>,
    Admin(staff): Admin,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
    input: Input<ReviewRequest>,
) -> Outcome {
    let ReviewRequest { decision, reason } = input.value;
    let reason = match decision {
        Decision::Approve => String::new(),
        _ => reason.map(String::from).ok_or_else(|| Error::invalid("reason", "必填", "is required"))?,
    };
    let at = app.clock.now().at;
    let reviewed = app.db.write("staff.review_service", move |tx| {
        let taken = services::take(tx, id)?.ok_or_else(no_service)?;
        let to = SERVICE.next(taken.status, decision.action(), By::Staff).map_err(|_| {
            Error::conflict("服务的状态不允许此操作", "the service's status does not allow this")
        })?;
        services::set_status(tx, id, to, &reason, at)?;
        let (before, after) =
            (json!({ "status": taken.status.number() }), json!({ "status": to.number(), "reason": reason }));
        let action = format!("service.{}", decision.as_str());
        record_change(tx, &staff, &action, &format!("service {id}"), &before, &after, at)?;
        services::find(tx, id)?.ok_or_else(no_service)
    });
    Reply::ok(&ServiceView::of_own(reviewed.await?, &Form::new(&app, &base)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Only of this status (订单状态), by its number.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 6>>,
    /// Only this order number (订单号).
    #[serde(default, deserialize_with = "filter")]
    #[param(inline, value_type = Option<IdOrAll>)]
    order_no: Option<Id>,
    /// Only with this user on either side (用户 id).
    #[serde(default, deserialize_with = "filter")]
    #[param(inline, value_type = Option<IdOrAll>)]
    user_id: Option<Id>,
}

/// Orders (预约订单), newest first.
#[utoipa::path(get, path = "/admin/v1/orders", tag = "staff", security(("staff" = [])),
    params(OrdersQuery, PageQuery), responses((status = 200, body = Items<OrderView>)))]
pub async fn list_orders(
    State(app): State<App>,
    _: Auditor,
    BaseUrl(base): BaseUrl,
    Query(query): Query<OrdersQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let page = Page::from(page);
    let search = Search {
        status: query.status.and_then(|status| OrderState::of(status.0)),
        order_no: query.order_no.map(|number| number.0),
        user_id: query.user_id.map(|id| id.0),
    };
    let found = app.db.read("staff.orders", move |tx| orders::search(tx, &search, page));
    let (total, found) = found.await?;
    let form = Form::new(&app, &base);
    let items: Option<Vec<_>> = found.into_iter().map(|order| OrderView::new(order, &form)).collect();
    let items = items.ok_or_else(|| Error::internal("an order's snapshot cannot be read"))?;
    Reply::ok(&Items::new(page, total, items))
}

/// Everything that happened to an order and its refunds (订单历史), oldest first.
#[utoipa::path(get, path = "/admin/v1/orders/{id}/events", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path), PageQuery), responses((status = 200, body = Items<EventView>)))]
pub async fn order_events(
    State(app): State<App>,
    _: Auditor,
    PathId(id): PathId,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let page = Page::from(page);
    let recorded = app.db.read("staff.order_events", move |tx| events::of_order(tx, id)).await?;
    // Whatever became of it, it was ordered.
    if recorded.is_empty() {
        return Err(Error::not_found("没有这个订单", "there is no such order"));
    }
    let form = Form::new(&app, "");
    let total = i64::try_from(recorded.len()).unwrap_or(i64::MAX);
    let (skipped, size) = (usize::try_from(page.offset()), usize::try_from(page.size));
    let shown = recorded.into_iter().skip(skipped.unwrap_or(usize::MAX)).take(size.unwrap_or_default());
    Reply::ok(&Items::new(page, total, shown.map(|event| EventView::new(event, &form)).collect()))
}

/// A pair that a user gets tokens with (课程验证码和订单号).
#[derive(Serialize, ToSchema)]
pub struct EnrolmentItem {
    /// Id of the pair.
    id: i64,
    /// The course's verification code (课程验证码); "" to staff who are not administrators.
    i_code: String,
    /// The number of the course's order (课程订单号).
    order_no: i64,
    /// Id of its user (用户 id).
    user_id: i64,
    /// From when it is not good any more, `YYYY-MM-DD HH:MM:SS`; null: never.
    expires_at: Option<String>,
    /// When it was issued, `YYYY-MM-DD HH:MM:SS`.
    created_at: String,
}

/// What seals an i_code.
const PURPOSE: &str = "i_code";

impl EnrolmentItem {
    fn new(app: &App, enrolment: &Enrolment, role: Role) -> Self {
        let time = |at| text(local(app.clock.zone(), at));
        let opened = app.secrets.open(PURPOSE, &enrolment.sealed_code);
        Self {
            id: enrolment.id,
            i_code: opened.filter(|_| role.may(Role::Admin)).unwrap_or_default(),
            order_no: enrolment.order_no,
            user_id: enrolment.user_id,
            expires_at: enrolment.expires_at.map(time),
            created_at: time(enrolment.created_at),
        }
    }
}

/// The pairs that are issued and not revoked, newest first.
#[utoipa::path(get, path = "/admin/v1/enrolments", tag = "staff", security(("staff" = [])),
    params(PageQuery), responses((status = 200, body = Items<EnrolmentItem>)))]
pub async fn list_enrolments(
    State(app): State<App>,
    Auditor(staff): Auditor,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let page = Page::from(page);
    let (total, found) = app.db.read("staff.enrolments", move |tx| enrolments::list(tx, page)).await?;
    let items = found.iter().map(|enrolment| EnrolmentItem::new(&app, enrolment, staff.role)).collect();
    Reply::ok(&Items::new(page, total, items))
}

#[derive(Deserialize, ToSchema)]
pub struct EnrolmentRequest {
    /// The course's verification code (课程验证码).
    i_code: Line<64>,
    /// The number of the course's order (课程订单号).
    order_no: Id,
    /// From when it is not good any more, Unix seconds or `YYYY-MM-DD HH:MM:SS`; never unless given.
    #[serde(default, deserialize_with = "optional")]
    expires_at: Option<Moment>,
}

/// Issue a pair; its user is new, or, for a pair that was revoked, the one it had.
#[utoipa::path(post, path = "/admin/v1/enrolments", tag = "staff", security(("staff" = [])),
    request_body = EnrolmentRequest, responses((status = 201, body = EnrolmentItem)))]
pub async fn add_enrolment(
    State(app): State<App>,
    Admin(staff): Admin,
    input: Input<EnrolmentRequest>,
) -> Outcome {
    let EnrolmentRequest { i_code, order_no, expires_at } = input.value;
    let now = app.clock.now();
    let expires_at = expires_at.map(|moment| moment.at(now.zone()));
    if expires_at.is_some_and(|expires_at| expires_at <= now.at) {
        return Err(Error::invalid("expires_at", "应晚于现在", "must be in the future"));
    }
    let new = new_enrolment(&app, &i_code, order_no.0, expires_at);
    let (at, once, shown) = (now.at, (input.once, staff.name(), &now), app.clone());
    idempotency::write(&app, "staff.add_enrolment", once, StatusCode::CREATED, move |tx| {
        let issued = enrolments::issue(tx, &new, at)?
            .ok_or_else(|| Error::conflict("这一对验证码和订单号已存在", "this pair is issued already"))?;
        let target = format!("enrolment {}", issued.id);
        let item = EnrolmentItem::new(&shown, &issued, staff.role);
        let after =
            json!({ "order_no": item.order_no, "user_id": item.user_id, "expires_at": item.expires_at });
        record_change(tx, &staff, "enrolment.add", &target, &Value::Null, &after, at)?;
        Ok(item)
    })
    .await
}

/// A pair as it is kept.
#[must_use]
pub fn new_enrolment(app: &App, i_code: &str, order_no: i64, expires_at: Option<i64>) -> NewEnrolment {
    NewEnrolment {
        fingerprint: pair_fingerprint(app, i_code, order_no),
        sealed_code: app.secrets.seal(PURPOSE, i_code),
        order_no,
        expires_at,
    }
}

/// Revoke a pair; its tokens end at once.
#[utoipa::path(delete, path = "/admin/v1/enrolments/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), responses((status = 204)))]
pub async fn delete_enrolment(State(app): State<App>, Admin(staff): Admin, PathId(id): PathId) -> Outcome {
    let at = app.clock.now().at;
    app.db
        .write("staff.delete_enrolment", move |tx| {
            let revoked = enrolments::revoke(tx, id, at)?
                .ok_or_else(|| Error::not_found("没有这一对验证码和订单号", "there is no such pair"))?;
            tokens::delete_of_enrolment(tx, id)?;
            let before = json!({ "order_no": revoked.order_no, "user_id": revoked.user_id });
            record_change(
                tx,
                &staff,
                "enrolment.remove",
                &format!("enrolment {id}"),
                &before,
                &Value::Null,
                at,
            )
        })
        .await?;
    Ok(Reply::no_content())
}
