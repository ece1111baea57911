//! Services (服务): publishing them, and the public list.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use yuyue_db::Tx;

use super::{Outcome, Paging};
use crate::app::App;
use crate::error::Error;
use crate::homemaking::rules::{Period, party_to_service};
use crate::homemaking::states::{By, SERVICE, ServiceAction, ServiceState, Term as _};
use crate::homemaking::store::listing::{self, Filter, Sort, late};
use crate::homemaking::store::services::{self, Draft, Own, Service};
use crate::homemaking::view::{Form, ListedService, Paged, ServiceView, Success};
use crate::homemaking::{Fen, Reader, User, category_of, codes, jobs, store};
use crate::http::access::BaseUrl;
use crate::http::choice::{Choice, choice_field};
use crate::http::envelope::{HomemakingReply, Reply};
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Day, Flag, Id, IdOrAll, IntIn, Line, Name, Price, Prose, filter, kept, optional};
use crate::http::idempotency;
use crate::http::page::Page;

/// Type of a service (服务类型): 1 offered (在提供), 2 wanted (正在找).
pub type Kind = IntIn<1, 2>;

impl Choice for Sort {
    const ALL: &'static [Self] = &[Self::Newest, Self::Score, Self::Sales, Self::Price, Self::PriceDown];

    fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Score => "score",
            Self::Sales => "sales_volume",
            Self::Price => "price",
            Self::PriceDown => "price_desc",
        }
    }
}
choice_field!(Sort);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only of this category (分类 id); 0: of any.
    #[serde(default, deserialize_with = "filter")]
    #[param(inline, value_type = Option<IdOrAll>)]
    category_id: Option<Id>,
    /// Only of this type (服务类型): 1 offered (在提供), 2 wanted (正在找); 0: of any.
    #[serde(rename = "type", default, deserialize_with = "filter")]
    #[param(inline, value_type = Option<IntIn<0, 2>>)]
    kind: Option<Kind>,
    /// Ours: any part of the title (标题关键字).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    keyword: Option<Line<64>>,
    /// Ours: in which order (排序), `newest` unless given.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    sort: Option<Sort>,
}

/// The published services (查询所有已发布的服务) that are within their dates.
#[utoipa::path(get, path = "/homemaking/v1/service/list", tag = "homemaking", params(ListQuery, Paging),
    responses((status = 200, body = HomemakingReply<Paged<ListedService>>)))]
pub async fn list(
    State(app): State<App>,
    BaseUrl(base): BaseUrl,
    Query(query): Query<ListQuery>,
    Query(paging): Query<Paging>,
) -> Outcome {
    if let Some(id) = query.category_id {
        check_category(id)?;
    }
    let page = Page::from(paging);
    let filter = Filter {
        kind: query.kind.map(|kind| kind.0),
        category_id: query.category_id.map(|id| id.0),
        keyword: query.keyword.map(String::from),
        sort: query.sort.unwrap_or_default(),
    };
    let at = app.clock.now().at;
    let found = match jobs::keep_up(&app, at).await? {
        true => app.db.read("homemaking.services", move |tx| listing::list(tx, &filter, page)).await,
        false => app.db.read("homemaking.late_services", move |tx| late::list(tx, &filter, page, at)).await,
    };
    let (total, found) = found?;
    let form = Form::new(&app, &base);
    let data = found.into_iter().map(|service| ListedService::new(service, &form)).collect();
    Reply::ok(&Paged::new(page, total, data))
}

/// What a publisher says of a service.
#[derive(Deserialize, ToSchema)]
pub struct ServiceRequest {
    /// Type (服务所属类型): 1 offered (在提供), 2 wanted (正在找).
    #[serde(rename = "type")]
    kind: Kind,
    /// Title (服务标题).
    title: Name,
    /// Category id (服务所属分类的 id).
    category_id: Id,
    /// Id of an uploaded picture (封面图 id).
    cover_image_id: Id,
    /// Whether the consumer says where (是否要求预约人指定服务地点): 1 yes (是), 0 no (否).
    designated_place: Flag,
    /// Description (服务详情描述).
    description: Prose<5000>,
    /// First day (服务有效期开始时间), `YYYY-MM-DD`.
    begin_date: Day,
    /// Last day, which counts (服务有效期结束时间), `YYYY-MM-DD`.
    end_date: Day,
    /// Price in yuan (服务价格), at most two decimals.
    price: Price,
}

impl ServiceRequest {
    fn draft(self, zone: &jiff::tz::TimeZone) -> Result<Draft, Error> {
        check_category(self.category_id)?;
        let period = Period::of_days(self.begin_date.0, self.end_date.0, zone)?;
        Ok(Draft {
            kind: self.kind.0,
            category_id: self.category_id.0,
            title: self.title.into(),
            description: self.description.into(),
            cover_image_id: self.cover_image_id.0,
            designated_place: self.designated_place.0,
            price: Fen(self.price.0),
            begin_date: self.begin_date.0.to_string(),
            end_date: self.end_date.0.to_string(),
            period,
        })
    }
}

/// What a publisher changes of a service; whatever is left out is kept.
#[derive(Deserialize, ToSchema)]
pub struct ServiceChange {
    /// Type (服务所属类型): 1 offered (在提供), 2 wanted (正在找).
    #[serde(rename = "type", default, deserialize_with = "kept")]
    kind: Option<Kind>,
    /// Title (服务标题).
    #[serde(default, deserialize_with = "kept")]
    title: Option<Name>,
    /// Category id (服务所属分类的 id).
    #[serde(default, deserialize_with = "kept")]
    category_id: Option<Id>,
    /// Id of an uploaded picture (封面图 id).
    #[serde(default, deserialize_with = "kept")]
    cover_image_id: Option<Id>,
    /// Whether the consumer says where (是否要求预约人指定服务地点): 1 yes (是), 0 no (否).
    #[serde(default, deserialize_with = "kept")]
    designated_place: Option<Flag>,
    /// Description (服务详情描述).
    #[serde(default, deserialize_with = "kept")]
    description: Option<Prose<5000>>,
    /// First day (服务有效期开始时间), `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "kept")]
    begin_date: Option<Day>,
    /// Last day, which counts (服务有效期结束时间), `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "kept")]
    end_date: Option<Day>,
    /// Price in yuan (服务价格), at most two decimals.
    #[serde(default, deserialize_with = "kept")]
    price: Option<Price>,
}

impl ServiceChange {
    /// The service as it was, with what changes.
    fn draft(&self, was: Service, zone: &jiff::tz::TimeZone) -> Result<Draft, Error> {
        let day = |new: Option<Day>, was: &str| match new {
            Some(day) => Ok(day.0),
            None => was.parse().map_err(|error| Error::internal(format!("{was}: {error}"))),
        };
        let (begin, end) = (day(self.begin_date, &was.begin_date)?, day(self.end_date, &was.end_date)?);
        Ok(Draft {
            kind: self.kind.map_or(was.kind, |kind| kind.0),
            category_id: self.category_id.map_or(was.category_id, |id| id.0),
            title: self.title.clone().map_or(was.title, String::from),
            description: self.description.clone().map_or(was.description, String::from),
            cover_image_id: self.cover_image_id.map_or(was.cover_image_id, |id| id.0),
            designated_place: self.designated_place.map_or(was.designated_place, |flag| flag.0),
            price: self.price.map_or(was.price, |price| Fen(price.0)),
            begin_date: begin.to_string(),
            end_date: end.to_string(),
            period: Period::of_days(begin, end, zone)?,
        })
    }
}

fn check_category(id: Id) -> Result<(), Error> {
    let expected = || Error::invalid("category_id", "没有这个分类", "there is no such category");
    category_of(id.0).map(drop).ok_or_else(expected)
}

fn claim_cover(tx: &mut Tx<'_>, id: i64, at: i64) -> Result<(), Error> {
    let is_there = store::files::claim(tx, id, at)?;
    let expected = || Error::invalid("cover_image_id", "没有这张图片", "there is no such image");
    is_there.then_some(()).ok_or_else(expected)
}

#[derive(Serialize, ToSchema)]
pub struct Created {
    /// Id of the new service (服务 id).
    service_id: i64,
}

/// Create a service (创建服务); it waits for staff.
#[utoipa::path(post, path = "/homemaking/v1/service", tag = "homemaking", security(("user" = [])),
    request_body = ServiceRequest, responses((status = 201, body = HomemakingReply<Created>)))]
pub async fn create(State(app): State<App>, user: User, input: Input<ServiceRequest>) -> Outcome {
    let now = app.clock.now();
    let draft = input.value.draft(now.zone())?;
    let (at, once) = (now.at, (input.once, user.name(), &now));
    idempotency::write(&app, "homemaking.create_service", once, StatusCode::CREATED, move |tx| {
        claim_cover(tx, draft.cover_image_id, at)?;
        Ok(Created { service_id: services::insert(tx, user.id, &draft, at)? })
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MineQuery {
    /// Type (服务类型): 1 offered (在提供), 2 wanted (正在找).
    #[serde(rename = "type")]
    #[param(inline)]
    kind: Kind,
    /// Only of this status (服务状态), see the appendix.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    status: Option<IntIn<0, 5>>,
}

/// One's own services (查询我的服务), newest first.
#[utoipa::path(get, path = "/homemaking/v1/service/my", tag = "homemaking", security(("user" = [])),
    params(MineQuery, Paging), responses((status = 200, body = HomemakingReply<Paged<ServiceView>>)))]
pub async fn mine(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    Query(query): Query<MineQuery>,
    Query(paging): Query<Paging>,
) -> Outcome {
    let page = Page::from(paging);
    let status = query.status.and_then(|status| ServiceState::of(status.0));
    let own = Own { publisher_id: user.id, kind: query.kind.0, status };
    let found = app.db.read("homemaking.my_services", move |tx| services::of_publisher(tx, own, page));
    let (total, found) = found.await?;
    let form = Form::new(&app, &base);
    let data = found.into_iter().map(|service| ServiceView::of_own(service, &form)).collect();
    Reply::ok(&Paged::new(page, total, data))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CountQuery {
    /// Type (服务类型): 1 offered (在提供), 2 wanted (正在找).
    #[serde(rename = "type")]
    #[param(inline)]
    kind: Kind,
}

#[derive(Serialize, ToSchema)]
pub struct ServiceCounts {
    /// Waiting for staff (待审核服务数量).
    pending: i64,
    /// Approved and not published (未发布服务数量).
    unpublished: i64,
    /// Published (已发布服务数量).
    published: i64,
    /// Taken down (已下架服务数量).
    off_shelves: i64,
}

/// How many of one's own services have which status (查询我的服务状态统计).
#[utoipa::path(get, path = "/homemaking/v1/service/count", tag = "homemaking", security(("user" = [])),
    params(CountQuery), responses((status = 200, body = HomemakingReply<ServiceCounts>)))]
pub async fn count(State(app): State<App>, user: User, Query(query): Query<CountQuery>) -> Outcome {
    let kind = query.kind.0;
    let counts = app.db.point("homemaking.count_services", move |tx| services::counts(tx, user.id, kind));
    let counts = counts.await?;
    let of = |state: ServiceState| {
        counts.iter().find(|(number, _)| *number == state.number()).map_or(0, |(_, total)| *total)
    };
    Reply::ok(&ServiceCounts {
        pending: of(ServiceState::Pending),
        unpublished: of(ServiceState::Unpublished),
        published: of(ServiceState::Published),
        off_shelves: of(ServiceState::TakenDown),
    })
}

fn not_found() -> Error {
    (&codes::NOT_FOUND).into()
}

/// As its publisher sees it, or as everybody else.
fn view(service: Service, by: By, form: &Form) -> ServiceView {
    if by == By::Publisher { ServiceView::of_own(service, form) } else { ServiceView::new(service, form) }
}

/// One service (查询指定id的服务); somebody else's only while it is published, which guests may read too.
#[utoipa::path(get, path = "/homemaking/v1/service/{id}", tag = "homemaking", security((), ("user" = [])),
    params(("id" = i64, Path, description = "Service id (服务 id)")),
    responses((status = 200, body = HomemakingReply<ServiceView>)))]
pub async fn show(
    State(app): State<App>,
    reader: Reader,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
) -> Outcome {
    let found = app.db.point("homemaking.service", move |tx| services::find(tx, id)).await?;
    let service = found.ok_or_else(not_found)?;
    let by = reader.party_to(&service)?;
    Reply::ok(&view(service, by, &reader.form(&app, &base)))
}

/// Takes a service and moves it by one step as `user`.
fn step(tx: &mut Tx<'_>, user: User, id: i64, action: ServiceAction, at: i64) -> Result<(), Error> {
    let taken = services::take(tx, id)?.ok_or_else(not_found)?;
    let by = party_to_service(user.id, taken.publisher_id, taken.status)?;
    let to = SERVICE.next(taken.status, action, by)?;
    services::set_status(tx, id, to, "", at)
}

#[derive(Deserialize, ToSchema)]
pub struct ServiceActionRequest {
    /// Operation (服务操作类型): 1 publish (发布服务), 2 pause (暂停发布), 3 cancel (取消服务).
    action: IntIn<1, 3>,
}

/// Publish, pause or cancel a service (更新指定服务的状态).
#[utoipa::path(post, path = "/homemaking/v1/service/{id}", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Service id (服务 id)")), request_body = ServiceActionRequest,
    responses((status = 200, body = HomemakingReply<Success>)))]
pub async fn act(
    State(app): State<App>,
    user: User,
    PathId(id): PathId,
    input: Input<ServiceActionRequest>,
) -> Outcome {
    let action = ServiceAction::of(input.value.action.0).ok_or_else(not_found)?;
    let at = app.clock.now().at;
    app.db.write("homemaking.act_on_service", move |tx| step(tx, user, id, action, at)).await?;
    Reply::ok(&Success { result: true })
}

/// Edit a service (编辑服务); staff then look at it anew.
#[utoipa::path(put, path = "/homemaking/v1/service/{id}", tag = "homemaking", security(("user" = [])),
    params(("id" = i64, Path, description = "Service id (服务 id)")), request_body = ServiceChange,
    responses((status = 200, body = HomemakingReply<ServiceView>)))]
pub async fn edit(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
    input: Input<ServiceChange>,
) -> Outcome {
    let (now, change) = (app.clock.now(), input.value);
    change.category_id.map_or(Ok(()), check_category)?;
    let edited = app.db.write("homemaking.edit_service", move |tx| {
        step(tx, user, id, ServiceAction::Edit, now.at)?;
        let was = services::find(tx, id)?.ok_or_else(not_found)?;
        let draft = change.draft(was, now.zone())?;
        claim_cover(tx, draft.cover_image_id, now.at)?;
        services::set_draft(tx, id, &draft)?;
        services::find(tx, id)?.ok_or_else(not_found)
    });
    Reply::ok(&ServiceView::of_own(edited.await?, &Form::new(&app, &base)))
}
