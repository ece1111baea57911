//! Ratings (服务评价).

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MOST_PICTURES, Outcome, Paging, illustration};
use crate::app::App;
use crate::error::Error;
use crate::homemaking::ratings::{self, Given};
use crate::homemaking::states::{RatingState, Term as _};
use crate::homemaking::store::ratings::{self as rows, Rating};
use crate::homemaking::store::services;
use crate::homemaking::view::{self, Form, Paged, Person};
use crate::homemaking::{Reader, User, codes, files, orders};
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
pub struct RatingRequest {
    /// The order (评价目标订单的订单id).
    order_id: Id,
    /// Ours: the service that is meant (服务 id); if given, it must be the order's.
    #[serde(default, deserialize_with = "optional")]
    service_id: Option<Id>,
    /// 1 to 5 (服务评分).
    score: IntIn<1, 5>,
    /// What the consumer says (评价内容).
    content: Prose<2000>,
    /// Addresses of pictures (截图), at most 5.
    #[serde(default, deserialize_with = "at_most::<MOST_PICTURES, _, _>")]
    illustration: Option<Vec<Url>>,
}

/// A rating that was given.
#[derive(Serialize, ToSchema)]
pub struct Rated {
    /// Rating id (评价 id).
    id: i64,
    /// 1 to 5 (服务评分).
    score: String,
    /// What the consumer says (评价内容).
    content: String,
    /// Addresses of pictures (截图).
    illustration: Vec<String>,
    /// When (评价创建时间).
    create_time: String,
}

/// Rate an order (创建评价), which completes it.
#[utoipa::path(post, path = "/homemaking/v1/rating", tag = "homemaking", security(("user" = [])),
    request_body = RatingRequest, responses((status = 201, body = HomemakingReply<Rated>)))]
pub async fn rate(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    input: Input<RatingRequest>,
) -> Outcome {
    let RatingRequest { order_id, service_id, score, content, illustration: addresses } = input.value;
    let pictures = illustration(addresses);
    let shown: Vec<String> = pictures.iter().map(|(_, address)| address.clone()).collect();
    let is_reviewed = app.config.homemaking.review_ratings;
    let given = Given {
        order_id: order_id.0,
        service_id: service_id.map(|id| id.0),
        score: score.0,
        content: content.into(),
        illustration: serde_json::json!(shown).to_string(),
        status: if is_reviewed { RatingState::Pending } else { RatingState::Shown },
    };
    let (now, storage, limits) = (app.clock.now(), view::storage(&base), orders::limits(&app.config));
    let (at, create_time) = (now.at, Form::new(&app, &base).time(now.at));
    let once = (input.once, user.name(), &now);
    idempotency::write(&app, "homemaking.rate", once, StatusCode::CREATED, move |tx| {
        let id = ratings::rate(tx, user, &given, at, limits)?;
        files::claim(tx, &pictures, &storage, at)?;
        Ok(Rated {
            id,
            score: given.score.to_string(),
            content: given.content.clone(),
            illustration: shown.clone(),
            create_time: create_time.clone(),
        })
    })
    .await
}

/// A rating (评价).
#[derive(Serialize, ToSchema)]
pub struct RatingView {
    /// Rating id (评价 id).
    id: i64,
    /// 1 to 5 (服务评分).
    score: String,
    /// What the consumer says (评价内容).
    content: String,
    /// Addresses of pictures (截图).
    illustration: Vec<String>,
    /// Status (评价状态): 0 hidden (已隐藏), 1 pending (待审核), 2 shown (已展示).
    status: i64,
    /// When (评价创建时间).
    create_time: String,
    /// Who gave it (评价人信息).
    author: Person,
    /// Ours: what the publisher answers (发布者回复), null while there is nothing.
    reply: Option<ReplyView>,
}

/// The publisher's answer to a rating (发布者回复).
#[derive(Serialize, ToSchema)]
pub struct ReplyView {
    /// What the publisher says (回复内容).
    content: String,
    /// When (回复时间).
    create_time: String,
}

impl RatingView {
    fn new(rating: Rating, form: &Form) -> Result<Self, Error> {
        let unreadable = |error| Error::internal(format!("illustration of rating {}: {error}", rating.id));
        let reply = rating.reply.map(|(content, at)| ReplyView { content, create_time: form.time(at) });
        Ok(Self {
            id: rating.id,
            score: rating.score.to_string(),
            content: rating.content,
            illustration: serde_json::from_str(&rating.illustration).map_err(unreadable)?,
            status: rating.status.number(),
            create_time: form.time(rating.created_at),
            author: form.person(rating.author),
            reply,
        })
    }
}

/// A rating as staff see it.
#[derive(Serialize, ToSchema)]
pub struct ReviewedRating {
    /// The order that was rated (预约订单 id).
    order_id: i64,
    /// The order's service (服务 id).
    service_id: i64,
    #[serde(flatten)]
    rating: RatingView,
}

impl ReviewedRating {
    pub(super) fn new(rating: Rating, form: &Form) -> Result<Self, Error> {
        let (order_id, service_id) = (rating.order_id, rating.service_id);
        Ok(Self { order_id, service_id, rating: RatingView::new(rating, form)? })
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfOrderQuery {
    /// The order (预约订单 id).
    #[param(inline)]
    order_id: Id,
}

/// An order's rating (根据订单 id 查询评价). One that is not shown exists for its author and the publisher
/// only.
#[utoipa::path(get, path = "/homemaking/v1/rating/order", tag = "homemaking", security(("user" = [])),
    params(OfOrderQuery), responses((status = 200, body = HomemakingReply<RatingView>)))]
pub async fn of_order(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    Query(query): Query<OfOrderQuery>,
) -> Outcome {
    let order_id = query.order_id.0;
    let found = app.db.point("homemaking.rating", move |tx| rows::of_order(tx, order_id)).await?;
    let is_visible = |rating: &Rating| {
        rating.status == RatingState::Shown || [rating.author.id, rating.publisher_id].contains(&user.id)
    };
    let rating = found.filter(is_visible).ok_or_else(not_found)?;
    Reply::ok(&RatingView::new(rating, &Form::new(&app, &base))?)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfServiceQuery {
    /// The service (服务 id).
    #[param(inline)]
    service_id: Id,
}

/// A service's ratings that are shown (根据服务 id 查询评价列表), newest first; guests may read them.
#[utoipa::path(get, path = "/homemaking/v1/rating/service", tag = "homemaking", security((), ("user" = [])),
    params(OfServiceQuery, Paging), responses((status = 200, body = HomemakingReply<Paged<RatingView>>)))]
pub async fn of_service(
    State(app): State<App>,
    reader: Reader,
    BaseUrl(base): BaseUrl,
    Query(query): Query<OfServiceQuery>,
    Query(paging): Query<Paging>,
) -> Outcome {
    let (service_id, page) = (query.service_id.0, Page::from(paging));
    let found = app.db.read("homemaking.ratings", move |tx| {
        let service = services::find(tx, service_id)?.ok_or_else(not_found)?;
        reader.party_to(&service)?;
        rows::of_service(tx, service_id, page)
    });
    let (total, found) = found.await?;
    let form = reader.form(&app, &base);
    let data: Result<_, _> = found.into_iter().map(|rating| RatingView::new(rating, &form)).collect();
    Reply::ok(&Paged::new(page, total, data?))
}

#[derive(Deserialize, ToSchema)]
pub struct ReplyRequest {
    /// What the publisher says (回复内容).
    content: Prose<2000>,
}

/// Ours: answer a rating of one's own service (回复评价), once.
#[utoipa::path(post, path = "/homemaking/v1/rating/{id}/reply", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Rating id (评价 id)")), request_body = ReplyRequest,
    responses((status = 200, body = HomemakingReply<RatingView>)))]
pub async fn reply(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
    input: Input<ReplyRequest>,
) -> Outcome {
    let (content, at) = (String::from(input.value.content), app.clock.now().at);
    let answered = app.db.write("homemaking.reply", move |tx| {
        ratings::reply(tx, id, user, &content, at)?;
        rows::find(tx, id)?.ok_or_else(not_found)
    });
    Reply::ok(&RatingView::new(answered.await?, &Form::new(&app, &base))?)
}
