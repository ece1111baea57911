//! Payments as staff see them, and what staff do about those that come to no end.

use axum::extract::State as Extracted;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::outside;
use super::store::{self, Kind, Listed, Search, State};
use crate::app::App;
use crate::error::Error;
use crate::homemaking::Fen;
use crate::homemaking::view::Form;
use crate::http::access::{Admin, Auditor};
use crate::http::choice::{Choice, choice_field};
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Id, IdOrAll, Prose, filter, optional};
use crate::http::page::{Items, Page, PageQuery};

impl Choice for Kind {
    const ALL: &'static [Self] = &[Self::Charge, Self::Refund];

    fn word(self) -> &'static str {
        Self::word(self)
    }
}
choice_field!(Kind);

impl Choice for State {
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        Self::word(self)
    }
}
choice_field!(State);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PaymentsQuery {
    /// Only `charge` (收款) or `refund` (退款).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    kind: Option<Kind>,
    /// Only `started` (结果未定), `settled` (已到账) or `closed` (已关闭).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    state: Option<State>,
    /// Only of this order (预约订单 id).
    #[serde(default, deserialize_with = "filter")]
    #[param(inline, value_type = Option<IdOrAll>)]
    order_id: Option<Id>,
}

/// An attempt to move money (支付).
#[derive(Serialize, ToSchema)]
pub struct PaymentItem {
    /// Id of the payment.
    id: i64,
    /// Whose money (预约订单 id).
    order_id: i64,
    /// The refund that asked for it (退款订单 id); null for a charge, and for money that goes back by itself.
    refund_id: Option<i64>,
    /// `charge` (收款) or `refund` (退款).
    kind: String,
    /// `started` (结果未定), `settled` (已到账) or `closed` (已关闭).
    state: String,
    /// How much (金额).
    amount: Fen,
    /// What the gateway knows it by (商户单号).
    out_no: String,
    /// The gateway's own id (支付渠道单号); "" before it has moved, and for what staff have settled outside of it.
    gateway_id: String,
    /// Why it has not come to its end; "" for no reason.
    last_error: String,
    /// Since when, `YYYY-MM-DD HH:MM:SS`.
    created_at: String,
    /// When the money had moved, `YYYY-MM-DD HH:MM:SS`; null: not yet.
    settled_at: Option<String>,
}

impl PaymentItem {
    fn new(listed: Listed, form: &Form) -> Self {
        let Listed { payment, gateway_id, settled_at } = listed;
        let kind = if payment.charge_id.is_some() { Kind::Refund } else { Kind::Charge };
        Self {
            id: payment.id,
            order_id: payment.order_id,
            refund_id: payment.refund_id,
            kind: kind.word().to_owned(),
            state: payment.state.word().to_owned(),
            amount: payment.amount,
            out_no: payment.out_no,
            gateway_id,
            last_error: payment.last_error,
            created_at: form.time(payment.created_at),
            settled_at: settled_at.map(|at| form.time(at)),
        }
    }
}

/// Payments (支付), newest first; those of kind `refund` and state `started` with a `last_error` need a person.
#[utoipa::path(get, path = "/admin/v1/payments", tag = "staff", security(("staff" = [])),
    params(PaymentsQuery, PageQuery), responses((status = 200, body = Items<PaymentItem>)))]
pub async fn list_payments(
    Extracted(app): Extracted<App>,
    _: Auditor,
    Query(query): Query<PaymentsQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Reply, Error> {
    let page = Page::from(page);
    let search = Search { kind: query.kind, state: query.state, order_id: query.order_id.map(|id| id.0) };
    let (total, found) = app.db.read("staff.payments", move |tx| store::search(tx, &search, page)).await?;
    let form = Form::new(&app, "");
    let items = found.into_iter().map(|listed| PaymentItem::new(listed, &form)).collect();
    Reply::ok(&Items::new(page, total, items))
}

#[derive(Deserialize, ToSchema)]
pub struct SettleRequest {
    /// How the money went back, for the audit log (退款方式说明).
    note: Prose<2000>,
}

/// Record that what the gateway cannot pay back has been paid back outside of it (线下退款); its refund becomes 已退款
/// and its order 已取消.
#[utoipa::path(post, path = "/admin/v1/payments/{id}/settle", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = SettleRequest, responses((status = 200, body = PaymentItem)))]
pub async fn settle_payment(
    Extracted(app): Extracted<App>,
    Admin(staff): Admin,
    PathId(id): PathId,
    input: Input<SettleRequest>,
) -> Result<Reply, Error> {
    outside::settle(&app, staff, id, input.value.note.into()).await?;
    let found = app.db.point("staff.payment", move |tx| store::listed(tx, id)).await?;
    let listed = found.ok_or_else(|| Error::internal(format!("payment {id} is gone")))?;
    Reply::ok(&PaymentItem::new(listed, &Form::new(&app, "")))
}
