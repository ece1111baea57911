//! Lists of visits.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Outcome;
use crate::app::App;
use crate::error::Error;
use crate::http::access::BaseUrl;
use crate::http::envelope::{Reply, VisitorsPage};
use crate::http::extract::Query;
use crate::http::fields::{AnyPhone, Flag, Id, Line, Moment, Name, REQUIRED, optional};
use crate::http::page::Page;
use crate::staff::Role;
use crate::visitors::caller::Caller;
use crate::visitors::jobs;
use crate::visitors::store::records::{self, Filter};
use crate::visitors::store::visits::{self, Person, Visit};
use crate::visitors::view::{Form, PageInfo, Record};

/// 一次显示5条记录
const PAGE_SIZE: i64 = 5;

/// What a list of records is narrowed down to; every given filter must hold.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecordsQuery {
    /// `mobile` (手机端) or `web` (PC端).
    #[serde(rename = "type", default, deserialize_with = "optional")]
    #[param(inline)]
    kind: Option<Line<16>>,
    /// 申请人的手机号码; needed with `mobile`.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    proposer: Option<AnyPhone>,
    /// Any part of the visitor's name (访客姓名，支持模糊查询).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    name: Option<Name>,
    /// 访客手机号码
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    phone: Option<AnyPhone>,
    /// Any part of the interviewee's name (被访人姓名，支持模糊查询).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    interviewee: Option<Name>,
    /// 被访人手机号码
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    interviewee_phone: Option<AnyPhone>,
    /// Visits that end after this (来访开始时间).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    start_time: Option<Moment>,
    /// Visits that start before this (来访结束时间).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    end_time: Option<Moment>,
    /// 0:未授权 1:已授权
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    is_auth: Option<Flag>,
    /// From 1.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    page: Option<Id>,
    /// At most 100.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    size: Option<Id>,
}

impl RecordsQuery {
    /// The filters, and the page.
    pub(super) fn split(self, zone: &jiff::tz::TimeZone, default_size: i64) -> (Filter, Page) {
        let page = Page::new(self.page, self.size, default_size);
        let filter = Filter {
            proposer: self.proposer.map(|phone| phone.key),
            interviewee_phone: self.interviewee_phone.map(|phone| phone.key),
            phone: self.phone.map(|phone| phone.key),
            is_authorised: self.is_auth.map(|flag| flag.0 == 1),
            from: self.start_time.map(|moment| moment.at(zone)),
            to: self.end_time.map(|moment| moment.at(zone)),
            name: self.name.map(String::from),
            interviewee: self.interviewee.map(String::from),
            only_applications: false,
        };
        (filter, page)
    }
}

/// The visits of a page with their people, and how many there are on all pages.
pub(super) async fn load(
    app: &App,
    filter: Filter,
    page: Page,
) -> Result<(i64, Vec<(Visit, Vec<Person>)>), Error> {
    if filter.needs_grams() {
        jobs::catch_up(app).await?;
    }
    app.db
        .read("visitors.records", move |tx| {
            let (count, visits) = records::list(tx, &filter, page)?;
            let mut found = Vec::with_capacity(visits.len());
            for visit in visits {
                let people = visits::people(tx, visit.id)?;
                found.push((visit, people));
            }
            Ok((count, found))
        })
        .await
}

/// Applications and invitations (查询访客申请记录), newest first.
#[utoipa::path(get, path = "/v1/visit/records", tag = "visitors", params(RecordsQuery),
    responses((status = 200, body = VisitorsPage<Record>)))]
pub async fn visit_records(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    Query(query): Query<RecordsQuery>,
) -> Outcome {
    let required = |field| Error::invalid(field, &REQUIRED.zh, &REQUIRED.en);
    match query.kind.as_ref().ok_or_else(|| required("type"))?.as_str() {
        "mobile" => {
            let proposer = query.proposer.as_ref().ok_or_else(|| required("proposer"))?;
            may_see(&caller, &proposer.key, &query)?;
        }
        "web" => caller.may_as_staff(Role::Auditor)?,
        _ => return Err(Error::invalid("type", "应为 mobile 或 web", "expected mobile or web")),
    }
    let (filter, page) = query.split(app.clock.zone(), PAGE_SIZE);
    let (count, found) = load(&app, filter, page).await?;
    let form = Form::new(&app, &base);
    let form = match caller {
        Caller::Staff(staff) => form.for_role(staff.role),
        _ => form,
    };
    let records = found.into_iter().map(|(visit, people)| Record::new(&form, visit, people, true));
    Reply::paged(&records.collect::<Vec<_>>(), &PageInfo::new(page, count))
}

/// One's own are those one proposed, those one is the visitor of, and as an employee those one is
/// visited for: one of the filters must say so.
fn may_see(caller: &Caller, proposer: &str, query: &RecordsQuery) -> Result<(), Error> {
    let is_visitor =
        query.phone.as_ref().is_some_and(|phone| caller.may_use_phone(&phone.key, Role::Auditor).is_ok());
    let is_visited = query
        .interviewee_phone
        .as_ref()
        .is_some_and(|phone| caller.may_act_as_employee(&phone.key, Role::Auditor).is_ok());
    if is_visitor || is_visited { Ok(()) } else { caller.may_use_phone(proposer, Role::Auditor) }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuthRecordsQuery {
    /// 员工的手机号码; without it the caller's own, or for staff everybody's.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    phone: Option<AnyPhone>,
    /// From 1.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    page: Option<Id>,
    /// At most 100.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    size: Option<Id>,
}

/// Applications to an employee by others (员工查询授权记录), newest first.
#[utoipa::path(get, path = "/v1/auth/records", tag = "visitors", params(AuthRecordsQuery),
    responses((status = 200, body = VisitorsPage<Record>)))]
pub async fn auth_records(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    Query(query): Query<AuthRecordsQuery>,
) -> Outcome {
    let phone = match (query.phone.map(|phone| phone.key), caller.as_employee(Role::Auditor)?) {
        (Some(phone), _) => {
            caller.may_act_as_employee(&phone, Role::Auditor)?;
            Some(phone)
        }
        (None, own) => own,
    };
    let page = Page::new(query.page, query.size, PAGE_SIZE);
    let filter = Filter { interviewee_phone: phone, only_applications: true, ..Filter::default() };
    let (count, found) = load(&app, filter, page).await?;
    let form = Form::new(&app, &base);
    let records = found.into_iter().map(|(visit, people)| Record::new(&form, visit, people, false));
    Reply::paged(&records.collect::<Vec<_>>(), &PageInfo::new(page, count))
}
