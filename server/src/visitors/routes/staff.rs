//! The staff API of visitors: records, who is inside, scans, the blocklist, erasing.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Outcome;
use super::records::{RecordsQuery, load};
use crate::app::App;
use crate::clock::{Millis, local, text};
use crate::error::Error;
use crate::http::access::{Admin, Auditor, BaseUrl, Reception};
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{AnyPhone, Flag, Id, IdOrAll, Prose, filter, optional};
use crate::http::idempotency;
use crate::http::page::{Items, Page, PageQuery};
use crate::staff::{record_change, record_export};
use crate::visitors::store::blocklist::{self, Blocked};
use crate::visitors::store::staff::{self as rows, Guest, ScanItem};
use crate::visitors::view::{Form, Record, When};
use crate::visitors::{blocking, csv, erasing, rules, scans};

const PAGE_SIZE: i64 = 20;
/// The most rows of an exported file; the filters make more files of more.
const LONGEST_FILE: i64 = 100_000;
/// Rows read at once for a file.
const FILE_PAGE: i64 = 500;

/// Visitor records (访客记录), newest first.
#[utoipa::path(get, path = "/admin/v1/visits", tag = "staff", params(RecordsQuery),
    responses((status = 200, body = Items<Record>)))]
pub async fn visits(
    State(app): State<App>,
    Auditor(staff): Auditor,
    BaseUrl(base): BaseUrl,
    Query(query): Query<RecordsQuery>,
) -> Outcome {
    let (filter, page) = query.split(app.clock.zone(), PAGE_SIZE);
    let (total, found) = load(&app, filter, page).await?;
    let form = Form::new(&app, &base).for_role(staff.role);
    let items = found.into_iter().map(|(visit, people)| Record::for_staff(&form, visit, people)).collect();
    Reply::ok(&Items::new(page, total, items))
}

fn file(name: &str, content: String) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// Visitor records as a file for spreadsheets (导出CSV): a line a person.
#[utoipa::path(get, path = "/admin/v1/visits.csv", tag = "staff", params(RecordsQuery),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn visits_file(
    State(app): State<App>,
    Auditor(staff): Auditor,
    Query(query): Query<RecordsQuery>,
) -> Result<Response, Error> {
    let (filter, _) = query.split(app.clock.zone(), PAGE_SIZE);
    let zone = app.clock.zone().clone();
    let when = |at: Option<i64>| at.map(|at| text(local(&zone, at))).unwrap_or_default();
    let mut table = csv::Table::new(&[
        "记录编号",
        "姓名",
        "手机号码",
        "身份",
        "单位",
        "来访目的",
        "申请人",
        "被访人",
        "被访人手机号码",
        "部门",
        "开始时间",
        "结束时间",
        "已授权",
        "拒绝原因",
        "签到时间",
        "签退时间",
        "备注",
    ]);
    let (mut number, mut people_told) = (1, 0_usize);
    while (number - 1) * FILE_PAGE < LONGEST_FILE {
        let (_, found) = load(&app, filter.clone(), Page { number, size: FILE_PAGE }).await?;
        let is_last = i64::try_from(found.len()).unwrap_or(0) < FILE_PAGE;
        for (visit, people) in found {
            people_told += people.len();
            for (person, position) in people.iter().zip(0..) {
                table.row(&[
                    &visit.id.to_string(),
                    &person.name,
                    &person.phone,
                    if position == 0 { "访客" } else { "随行人员" },
                    &visit.come_from,
                    rules::purpose(visit.purpose),
                    &visit.proposer,
                    &visit.interviewee,
                    &visit.interviewee_phone,
                    &visit.department,
                    &when(Some(visit.starts_at)),
                    &when(Some(visit.ends_at)),
                    if visit.authorised_at.is_some() { "是" } else { "否" },
                    &visit.refusal,
                    &when(visit.signed_in_at),
                    &when(person.signed_out_at),
                    &visit.remark,
                ]);
            }
        }
        if is_last {
            break;
        }
        number += 1;
    }
    record_export(&app, staff, "visits.export", json!({ "people": people_told })).await?;
    Ok(file("visits.csv", table.finish()))
}

/// Somebody in the building (在场人员).
#[derive(Serialize, ToSchema)]
pub struct OnSite {
    /// The record's id.
    id: i64,
    /// `visitor` (访客) or `retinue` (随行人员).
    role: &'static str,
    /// 姓名
    name: String,
    /// 手机号码
    phone: String,
    /// 访客单位
    come_from: String,
    /// 来访目的: 0-其它；1-面试；2-商务；3-亲友；4-快递送货.
    purpose: i64,
    /// 被访人
    interviewee: String,
    /// 被访人手机号码
    interviewee_phone: String,
    /// 被访人部门
    department: String,
    /// 来访开始时间
    start_time: When,
    /// 来访结束时间
    end_time: When,
    /// 签到时间
    signin_time: When,
    /// Whether the visit has ended (超时未离开).
    overdue: bool,
}

impl OnSite {
    fn new(form: &Form, guest: Guest, at: Millis) -> Self {
        Self {
            id: guest.visit_id,
            role: if guest.is_companion { "retinue" } else { "visitor" },
            name: guest.name,
            phone: guest.phone,
            come_from: guest.come_from,
            purpose: guest.purpose,
            interviewee: guest.interviewee,
            interviewee_phone: guest.interviewee_phone,
            department: guest.department,
            start_time: form.when(Some(guest.starts_at)),
            end_time: form.when(Some(guest.ends_at)),
            signin_time: form.when(Some(guest.signed_in_at)),
            overdue: guest.ends_at <= at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OnSiteQuery {
    /// 1: everybody in one reply, as at one instant, whatever `page` and `size` say.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    whole: Option<Flag>,
}

/// Who is in the building now (在场人员): signed in and not signed out, until some time after the visit's end.
#[utoipa::path(get, path = "/admin/v1/visits/on-site", tag = "staff", params(OnSiteQuery, PageQuery),
    responses((status = 200, body = Items<OnSite>)))]
pub async fn on_site(
    State(app): State<App>,
    _: Auditor,
    BaseUrl(base): BaseUrl,
    Query(query): Query<OnSiteQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let is_whole = query.whole.is_some_and(|whole| whole.0 == 1);
    let page = if is_whole { Page { number: 1, size: LONGEST_FILE } } else { page.into() };
    let (total, guests) = inside(&app, page).await?;
    let (form, at) = (Form::new(&app, &base), app.clock.now().at);
    let items = guests.into_iter().map(|guest| OnSite::new(&form, guest, at)).collect();
    Reply::ok(&Items::new(page, total, items))
}

async fn inside(app: &App, page: Page) -> Result<(i64, Vec<Guest>), Error> {
    // A scan may have brought somebody back.
    scans::flush(app).await?;
    let since = app.clock.now().at - app.config.visitors.overdue_limit;
    app.db.read("visitors.on_site", move |tx| rows::on_site(tx, since, page)).await
}

/// The evacuation list (疏散名单) to print: a line for everybody in the building, with room for a tick.
#[utoipa::path(get, path = "/admin/v1/visits/on-site.csv", tag = "staff",
    responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn on_site_file(State(app): State<App>, Auditor(staff): Auditor) -> Result<Response, Error> {
    let (_, guests) = inside(&app, Page { number: 1, size: LONGEST_FILE }).await?;
    let zone = app.clock.zone();
    let mut table = csv::Table::new(&[
        "已到集合点",
        "姓名",
        "手机号码",
        "身份",
        "单位",
        "被访人",
        "被访人手机号码",
        "部门",
        "签到时间",
        "结束时间",
    ]);
    for guest in &guests {
        table.row(&[
            "□",
            &guest.name,
            &guest.phone,
            if guest.is_companion { "随行人员" } else { "访客" },
            &guest.come_from,
            &guest.interviewee,
            &guest.interviewee_phone,
            &guest.department,
            &text(local(zone, guest.signed_in_at)),
            &text(local(zone, guest.ends_at)),
        ]);
    }
    record_export(&app, staff, "on_site.export", json!({ "people": guests.len() })).await?;
    Ok(file("on-site.csv", table.finish()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScansQuery {
    /// Only scans of this record's codes.
    #[serde(default, deserialize_with = "filter")]
    #[param(inline, value_type = Option<IdOrAll>)]
    visit_id: Option<Id>,
}

/// Scans at the gates (刷码记录), newest first.
#[utoipa::path(get, path = "/admin/v1/scans", tag = "staff", params(ScansQuery, PageQuery),
    responses((status = 200, body = Items<ScanItem>)))]
pub async fn scans_list(
    State(app): State<App>,
    _: Auditor,
    Query(page): Query<PageQuery>,
    Query(query): Query<ScansQuery>,
) -> Outcome {
    scans::flush(&app).await?;
    let page = Page::from(page);
    let (visit_id, zone) = (query.visit_id.map(|id| id.0), app.clock.zone().clone());
    let list = app.db.read("visitors.scans", move |tx| rows::scans(tx, visit_id, page, &zone));
    let (total, items) = list.await?;
    Reply::ok(&Items::new(page, total, items))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BlocklistQuery {
    /// Only this phone.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    phone: Option<AnyPhone>,
}

/// Phones that are sent to the reception (黑名单), newest first.
#[utoipa::path(get, path = "/admin/v1/blocklist", tag = "staff", params(BlocklistQuery, PageQuery),
    responses((status = 200, body = Items<Blocked>)))]
pub async fn list_blocked(
    State(app): State<App>,
    _: Auditor,
    Query(page): Query<PageQuery>,
    Query(query): Query<BlocklistQuery>,
) -> Outcome {
    let page = Page::from(page);
    let (key, zone) = (query.phone.map(|phone| phone.key), app.clock.zone().clone());
    let list = app.db.read("visitors.blocklist", move |tx| blocklist::list(tx, key.as_deref(), page, &zone));
    let (total, items) = list.await?;
    Reply::ok(&Items::new(page, total, items))
}

#[derive(Deserialize, ToSchema)]
pub struct BlockRequest {
    /// This phone, however it is written.
    phone: AnyPhone,
    /// For staff only.
    #[serde(default, deserialize_with = "optional")]
    reason: Option<Prose<2000>>,
}

/// Put a phone on the blocklist: it can neither apply nor sign in, is told nothing, and what passes it has
/// end at once. Those who come with it are not kept out.
#[utoipa::path(post, path = "/admin/v1/blocklist", tag = "staff", request_body = BlockRequest,
    responses((status = 201, body = Blocked)))]
pub async fn block(
    State(app): State<App>,
    Reception(staff): Reception,
    input: Input<BlockRequest>,
) -> Outcome {
    let (phone, reason) = (input.value.phone.text, input.value.reason.map(String::from));
    let (now, zone) = (app.clock.now(), app.clock.zone().clone());
    let (at, once) = (now.at, (input.once, staff.name(), &now));
    idempotency::write(&app, "visitors.block", once, StatusCode::CREATED, move |tx| {
        let reason = reason.as_deref().unwrap_or_default();
        let id = blocking::block(tx, &phone, reason, &staff.name(), at)?;
        let blocked = blocklist::find(tx, id, &zone)?.ok_or_else(no_entry)?;
        let target = format!("blocklist {id}");
        record_change(tx, &staff, "blocklist.add", &target, &Value::Null, &json!(blocked), at)?;
        Ok(blocked)
    })
    .await
}

fn no_entry() -> Error {
    Error::not_found("黑名单中没有这一条", "there is no such entry")
}

/// Take a phone off the blocklist.
#[utoipa::path(delete, path = "/admin/v1/blocklist/{id}", tag = "staff", params(("id" = i64, Path)),
    responses((status = 204)))]
pub async fn unblock(State(app): State<App>, Reception(staff): Reception, PathId(id): PathId) -> Outcome {
    let (at, zone) = (app.clock.now().at, app.clock.zone().clone());
    app.db
        .write("visitors.unblock", move |tx| {
            let blocked = blocklist::find(tx, id, &zone)?.ok_or_else(no_entry)?;
            if !blocking::unblock(tx, id)? {
                return Err(no_entry());
            }
            let target = format!("blocklist {id}");
            record_change(tx, &staff, "blocklist.remove", &target, &json!(blocked), &Value::Null, at)
        })
        .await?;
    Ok(Reply::no_content())
}

#[derive(Deserialize, ToSchema)]
pub struct EraseRequest {
    /// Whose data to erase, however the phone is written.
    phone: AnyPhone,
}

/// Erase a person by phone (按手机号码清除个人信息): name and phone wherever they stand, bindings, waiting and
/// kept messages, codes, and the person in Koala.
#[utoipa::path(post, path = "/admin/v1/visits/erase", tag = "staff", request_body = EraseRequest,
    responses((status = 200, body = rows::Erased)))]
pub async fn erase(State(app): State<App>, Admin(staff): Admin, input: Input<EraseRequest>) -> Outcome {
    Reply::ok(&erasing::erase(&app, &input.value.phone, staff.name()).await?)
}
