//! The staff API of homemaking: refunds whose refusal was appealed against, and ratings.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::Outcome;
use super::ratings::ReviewedRating;
use super::refunds::RefundDetail;
use crate::app::App;
use crate::error::Error;
use crate::homemaking::states::{RatingAction, RatingState, RefundState, Term as _};
use crate::homemaking::store::{ratings as rating_rows, refunds as refund_rows};
use crate::homemaking::view::Form;
use crate::homemaking::{ratings, refunds};
use crate::http::access::{Admin, Auditor, BaseUrl};
use crate::http::choice::{Choice, choice_field};
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Flag, IntIn, Prose, optional};
use crate::http::page::{Items, Page, PageQuery};
use crate::staff::record_change;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RefundsQuery {
    /// Only of this status (退款订单状态), by its number.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 5>>,
    /// 1: only those whose appeal waits for a decision (待处理的申诉).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    appeal_waiting: Option<Flag>,
}

/// Refunds (退款订单), newest first.
#[utoipa::path(get, path = "/admin/v1/refunds", tag = "staff", security(("staff" = [])),
    params(RefundsQuery, PageQuery), responses((status = 200, body = Items<RefundDetail>)))]
pub async fn list_refunds(
    State(app): State<App>,
    _: Auditor,
    BaseUrl(base): BaseUrl,
    Query(query): Query<RefundsQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let (page, status) = (Page::from(page), query.status.and_then(|status| RefundState::of(status.0)));
    let waits = query.appeal_waiting.is_some_and(|flag| flag.0 == 1);
    let found = app.db.read("staff.refunds", move |tx| refund_rows::search(tx, status, waits, page));
    let (total, found) = found.await?;
    let form = Form::new(&app, &base);
    let items: Result<_, _> = found.into_iter().map(|refund| RefundDetail::new(refund, &form)).collect();
    Reply::ok(&Items::new(page, total, items?))
}

/// What staff decide on an appeal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppealDecision {
    Agree,
    Reject,
}

impl Choice for AppealDecision {
    const ALL: &'static [Self] = &[Self::Agree, Self::Reject];

    fn word(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Reject => "reject",
        }
    }
}
choice_field!(AppealDecision);

#[derive(Deserialize, ToSchema)]
pub struct AppealDecisionRequest {
    /// `agree` (申诉成立): the money goes back; `reject` (申诉驳回): the refusal stands.
    decision: AppealDecision,
    /// Why, for both sides (处理意见); needed to reject.
    #[serde(default, deserialize_with = "optional")]
    reason: Option<Prose<2000>>,
}

fn required_reason() -> Error {
    Error::invalid("reason", "必填", "is required")
}

/// Decide on an appeal (处理申诉).
#[utoipa::path(post, path = "/admin/v1/refunds/{id}/decision", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = AppealDecisionRequest, responses((status = 200, body = RefundDetail)))]
pub async fn decide_refund(
    State(app): State<App>,
    Admin(staff): Admin,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
    input: Input<AppealDecisionRequest>,
) -> Outcome {
    let AppealDecisionRequest { decision, reason } = input.value;
    let is_upheld = decision == AppealDecision::Agree;
    let reason = match reason {
        None if !is_upheld => return Err(required_reason()),
        reason => reason.map(String::from).unwrap_or_default(),
    };
    let made = refund_rows::Decision { is_upheld, reason, at: app.clock.now().at };
    let decided = app.db.write("staff.decide_refund", move |tx| {
        let (from, to) = refunds::decide(tx, id, &made)?;
        let (before, after) =
            (json!({ "status": from.number() }), json!({ "status": to.number(), "reason": made.reason }));
        let action = format!("refund.appeal_{}", decision.as_str());
        record_change(tx, &staff, &action, &format!("refund {id}"), &before, &after, made.at)?;
        refund_rows::find(tx, id)?.ok_or_else(|| Error::internal(format!("refund {id} is gone")))
    });
    Reply::ok(&RefundDetail::new(decided.await?, &Form::new(&app, &base))?)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RatingsQuery {
    /// Only of this status (评价状态), by its number.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 2>>,
}

/// Ratings (评价), newest first.
#[utoipa::path(get, path = "/admin/v1/ratings", tag = "staff", security(("staff" = [])),
    params(RatingsQuery, PageQuery), responses((status = 200, body = Items<ReviewedRating>)))]
pub async fn list_ratings(
    State(app): State<App>,
    _: Auditor,
    BaseUrl(base): BaseUrl,
    Query(query): Query<RatingsQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let (page, status) = (Page::from(page), query.status.and_then(|status| RatingState::of(status.0)));
    let found = app.db.read("staff.ratings", move |tx| rating_rows::of_status(tx, status, page));
    let (total, found) = found.await?;
    let form = Form::new(&app, &base);
    let items: Result<_, _> = found.into_iter().map(|rating| ReviewedRating::new(rating, &form)).collect();
    Reply::ok(&Items::new(page, total, items?))
}

/// What staff decide on a rating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatingDecision {
    Show,
    Hide,
}

impl Choice for RatingDecision {
    const ALL: &'static [Self] = &[Self::Show, Self::Hide];

    fn word(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Hide => "hide",
        }
    }
}
choice_field!(RatingDecision);

#[derive(Deserialize, ToSchema)]
pub struct RatingReviewRequest {
    /// `show` (展示) or `hide` (隐藏).
    decision: RatingDecision,
    /// Why, for the audit log (原因).
    #[serde(default, deserialize_with = "optional")]
    reason: Option<Prose<2000>>,
}

/// Show or hide a rating (审核评价); the score of its service follows.
#[utoipa::path(post, path = "/admin/v1/ratings/{id}/review", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = RatingReviewRequest, responses((status = 200, body = ReviewedRating)))]
pub async fn review_rating(
    State(app): State<App>,
    Admin(staff): Admin,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
    input: Input<RatingReviewRequest>,
) -> Outcome {
    let RatingReviewRequest { decision, reason } = input.value;
    let (reason, at) = (reason.map(String::from).unwrap_or_default(), app.clock.now().at);
    let action = match decision {
        RatingDecision::Show => RatingAction::Show,
        RatingDecision::Hide => RatingAction::Hide,
    };
    let reviewed = app.db.write("staff.review_rating", move |tx| {
        let (from, to) = ratings::review(tx, id, action)?;
        let (before, after) =
            (json!({ "status": from.number() }), json!({ "status": to.number(), "reason": reason }));
        let name = format!("rating.{}", decision.as_str());
        record_change(tx, &staff, &name, &format!("rating {id}"), &before, &after, at)?;
        rating_rows::find(tx, id)?.ok_or_else(|| Error::internal(format!("rating {id} is gone")))
    });
    Reply::ok(&ReviewedRating::new(reviewed.await?, &Form::new(&app, &base))?)
}
