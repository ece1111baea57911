//! Applications and invitations, and what is decided about them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use yuyue_db::Tx;

use super::Outcome;
use crate::app::{App, Mode};
use crate::budgets;
use crate::clock::Now;
use crate::error::Error;
use crate::http::access::BaseUrl;
use crate::http::envelope::{Reply, VisitorsAnswer, VisitorsReply};
use crate::http::extract::{Input, InputOnce, LARGE_BODY_LIMIT, PathId};
use crate::http::fields::{IntIn, Line, Moment, Name, Phone, Prose, REQUIRED, Raw, at_most, optional};
use crate::http::idempotency;
use crate::phone;
use crate::staff::{self, Role};
use crate::visitors::caller::Caller;
use crate::visitors::directory::{self, Employee};
use crate::visitors::hosts;
use crate::visitors::messages::{Event, Teller};
use crate::visitors::rules::{self, Proposal};
use crate::visitors::store::{self, visits::NewVisit};
use crate::visitors::view::{Form, Record};

#[derive(Serialize, ToSchema)]
pub struct Purpose {
    label: &'static str,
    value: usize,
}

/// What a visit may be for (选择来访目的); withdrawn by V1.0.3, whose fixed list it gives.
#[utoipa::path(get, path = "/v1/subject/purpose", tag = "visitors",
    responses((status = 200, body = VisitorsReply<Vec<Purpose>>)))]
pub async fn purposes(_: Caller) -> Outcome {
    let purposes = rules::PURPOSES.iter().enumerate().map(|(value, label)| Purpose { label, value });
    Reply::ok(&purposes.collect::<Vec<_>>())
}

#[derive(Deserialize, ToSchema)]
pub struct ApplyRequest {
    /// 1: visitor (访客).
    #[serde(rename = "subject_type")]
    _subject_type: IntIn<1, 1>,
    /// 访客姓名
    name: Name,
    /// 访客手机号码
    phone: Phone,
    /// 来访目的: 0-其它；1-面试；2-商务；3-亲友；4-快递送货. Default 0.
    #[serde(default, deserialize_with = "optional")]
    purpose: Option<IntIn<0, 4>>,
    /// 备注
    #[serde(default, deserialize_with = "optional")]
    remark: Option<Prose<2000>>,
    /// 访客单位
    #[serde(default, deserialize_with = "optional")]
    come_from: Option<Line<128>>,
    /// 申请人的手机号码: the visitor's for an application, the interviewee's for an invitation.
    proposer: Phone,
    /// 被访人
    interviewee: Name,
    /// 被访人手机号码
    interviewee_phone: Phone,
    /// 来访开始时间: Unix seconds or `YYYY-MM-DD HH:MM:SS`.
    start_time: Moment,
    /// 来访结束时间: Unix seconds or `YYYY-MM-DD HH:MM:SS`.
    end_time: Moment,
    /// 访客分组; kept and returned as sent.
    #[serde(default)]
    #[schema(value_type = Value)]
    group_ids: Raw<LONGEST_GROUPS>,
    /// 随行人员数组, at most 20.
    #[serde(default, alias = "retinue", deserialize_with = "at_most::<{ rules::MOST_COMPANIONS }, _, _>")]
    #[schema(max_items = 20)]
    retinues: Option<Vec<RetinueRequest>>,
}

/// A companion (随行人员); a photo is accepted and not kept.
#[derive(Deserialize, ToSchema)]
pub struct RetinueRequest {
    /// 随行人员姓名
    name: Name,
    /// 随行人员手机号码
    phone: Phone,
}

/// The longest `group_ids`, as JSON.
const LONGEST_GROUPS: usize = 2_000;

/// The same without blanks; what is nested too deeply to be read back is refused.
fn kept(json: &str) -> Result<String, Error> {
    let value = serde_json::from_str::<Value>(json);
    let value = value.map_err(|_| Error::invalid("group_ids", "嵌套太深", "is nested too deeply"))?;
    Ok(value.to_string())
}

impl ApplyRequest {
    fn new_visit(self, app: &App) -> Result<(NewVisit, Proposal), Error> {
        let companions = self.retinues.unwrap_or_default();
        let group_ids = match self.group_ids {
            Raw::Absent => "\"\"".to_owned(),
            Raw::Text(text) => kept(&text)?,
            Raw::TooLong => return Err(Error::invalid("group_ids", "太长", "is too long")),
        };
        let proposal = rules::proposal(&self.proposer, &self.phone, &self.interviewee_phone)?;
        let zone = app.clock.zone();
        let mut people = vec![(self.name.into(), self.phone.into())];
        people.extend(companions.into_iter().map(|one| (one.name.into(), one.phone.into())));
        let new = NewVisit {
            purpose: self.purpose.map_or(0, |purpose| purpose.0),
            remark: self.remark.map(String::from).unwrap_or_default(),
            come_from: self.come_from.map(String::from).unwrap_or_default(),
            group_ids,
            proposer: self.proposer.into(),
            interviewee: self.interviewee.into(),
            interviewee_phone: self.interviewee_phone.into(),
            department: String::new(),
            starts_at: self.start_time.at(zone),
            ends_at: self.end_time.at(zone),
            is_authorised: proposal == Proposal::Invitation,
            people,
        };
        Ok((new, proposal))
    }
}

/// Apply, or invite (访客申请（员工或访客）).
#[utoipa::path(post, path = "/v1/subject", tag = "visitors", request_body = ApplyRequest,
    responses((status = 200, body = VisitorsReply<Record>)))]
pub async fn apply(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    input: InputOnce<ApplyRequest, LARGE_BODY_LIMIT>,
) -> Outcome {
    let (mut new, proposal) = input.value.new_visit(&app)?;
    match proposal {
        Proposal::Invitation => caller.may_act_as_employee(&new.proposer, Role::Reception)?,
        Proposal::Application => caller.may_use_phone(&new.proposer, Role::Reception)?,
    }
    let interviewee = interviewee(&app, &new).await;
    if let Ok(employee) = &interviewee {
        new.department = employee.as_ref().map(|employee| employee.department.clone()).unwrap_or_default();
    }
    let (now, app_too) = (app.clock.now(), app.clone());
    let once = (Some(input.once), caller.name(), &now);
    let (judged, staff) = (now.clone(), caller.staff());
    let proposer_key = caller.is_stranger().then(|| phone::key(&new.proposer));
    let counted = proposer_key.clone();
    let applied = idempotency::write(&app, "visitors.apply", once, StatusCode::OK, move |tx| {
        let longest = app_too.config.visitors.longest_visit;
        rules::check_times(new.starts_at, new.ends_at, longest, judged.at)?;
        if interviewee.clone()?.is_none() && app_too.mode == Mode::Enforced {
            return Err((&rules::NO_INTERVIEWEE).into());
        }
        if let Some(proposer) = &counted {
            let is_application = proposal == Proposal::Application;
            let allowed = budgets::may_propose(tx, proposer, is_application, judged.at)?;
            allowed.map_err(Error::too_many_requests)?;
        }
        let is_budgeted = counted.is_some();
        let record = book(&app_too, tx, &new, (proposal, is_budgeted), (&judged, &base))?;
        let action = match proposal {
            Proposal::Application => "visit.apply",
            Proposal::Invitation => "visit.invite",
        };
        let (target, after) = (format!("visit {}", record.id), json!({ "id": record.id }));
        staff::record_if_staff(tx, staff.as_ref(), action, &target, &after, judged.at)?;
        Ok(record)
    })
    .await;
    // A refusal undoes the count with all the rest, and counts all the same.
    if let (Err(error), Some(proposer)) = (&applied, proposer_key)
        && error.kind.status() < 500
    {
        let count = move |tx: &mut Tx<'_>| budgets::count_refused_proposal(tx, &proposer, now.at);
        app.db.write("visitors.count_refused", count).await?;
    }
    applied
}

/// The employee who is to be visited. As documented nobody has to be in the directory, so there
/// nobody waits for it.
async fn interviewee(app: &App, new: &NewVisit) -> Result<Option<Employee>, Error> {
    if app.mode == Mode::Enforced {
        return directory::find(app, &new.interviewee, &new.interviewee_phone).await;
    }
    let key = phone::key(&new.interviewee_phone);
    app.db.point("visitors.department", move |tx| store::directory::find_by_phone(tx, &key)).await
}

fn book(
    app: &App,
    tx: &mut Tx<'_>,
    new: &NewVisit,
    (proposal, is_budgeted): (Proposal, bool),
    (now, base): (&Now, &str),
) -> Result<Record, Error> {
    store::blocklist::hold_still(tx)?;
    // A companion who is blocked is left out of everything, and keeps nobody else out.
    let visitor = new.people.first().map(|(_, phone)| phone);
    for phone in visitor.into_iter().chain([&new.proposer]) {
        if store::blocklist::has(tx, &phone::key(phone))? {
            return Err((&rules::ASK_RECEPTION).into());
        }
    }
    let id = store::visits::insert(tx, new, now.at)?;
    let visit = store::visits::find(tx, id)?.ok_or(&rules::NO_RECORD)?;
    let people = store::visits::people(tx, id)?;
    let teller = Teller { app, visit: &visit, people: &people, now, base, is_budgeted };
    match proposal {
        Proposal::Invitation => teller.tell_everyone(tx, Event::ApprovalPass)?,
        Proposal::Application => {
            teller.tell_employee(tx, Event::ApprovalReminder)?;
            teller.tell_visitor(tx, Event::ApplyReceipt)?;
        }
    }
    Ok(Record::new(&Form::new(app, base), visit, people, false))
}

#[derive(Deserialize, ToSchema)]
pub struct DecisionRequest {
    /// `approve` (the default) or `refuse`.
    #[serde(default, deserialize_with = "optional")]
    decision: Option<Line<16>>,
    /// Why it is refused (拒绝原因); needed to refuse.
    #[serde(default, deserialize_with = "optional")]
    reason: Option<Prose<2000>>,
}

/// Authorise (员工授权), or refuse with a reason. Without a body it authorises.
#[utoipa::path(put, path = "/v1/auth/{id}", tag = "visitors", params(("id" = i64, Path)),
    request_body = DecisionRequest, responses((status = 200, body = VisitorsAnswer)))]
pub async fn decide(
    State(app): State<App>,
    caller: Caller,
    BaseUrl(base): BaseUrl,
    PathId(id): PathId,
    input: Input<DecisionRequest>,
) -> Outcome {
    let by = caller.as_employee(Role::Reception)?;
    let reason = input.value.reason.map(String::from);
    let refusal = match input.value.decision.as_ref().map(|decision| decision.as_str()) {
        None | Some("approve") => None,
        Some("refuse") => Some(reason.ok_or_else(|| Error::invalid("reason", &REQUIRED.zh, &REQUIRED.en))?),
        Some(_) => {
            let (zh, en) = ("应为 approve 或 refuse", "expected approve or refuse");
            return Err(Error::invalid("decision", zh, en));
        }
    };
    let (now, app_too, staff) = (app.clock.now(), app.clone(), caller.staff());
    app.db
        .write("visitors.decide", move |tx| {
            let (is_new, action) = match &refusal {
                None => (authorise(&app_too, tx, id, by.as_deref(), (&now, &base))?, "visit.authorise"),
                Some(reason) => {
                    (refuse(&app_too, tx, id, (by.as_deref(), reason), (&now, &base))?, "visit.refuse")
                }
            };
            let Some(staff) = staff.as_ref().filter(|_| is_new) else { return Ok(()) };
            // The reason may name people, and the log must not keep what is erased.
            let after = json!({ "id": id, "is_auth": i64::from(refusal.is_none()) });
            staff::record_change(tx, staff, action, &format!("visit {id}"), &Value::Null, &after, now.at)
        })
        .await?;
    Ok(Reply::no_content())
}

fn not_ones_own() -> Error {
    Error::forbidden("只有被访人可以审批", "only the interviewee may decide")
}

/// Whether this authorised it, rather than somebody before.
fn authorise(
    app: &App,
    tx: &mut Tx<'_>,
    id: i64,
    by: Option<&str>,
    (now, base): (&Now, &str),
) -> Result<bool, Error> {
    store::blocklist::hold_still(tx)?;
    let is_new = store::visits::authorise(tx, id, by, now.at)?;
    let visit = store::visits::find(tx, id)?.ok_or(&rules::NO_RECORD)?;
    if is_new {
        let people = store::visits::people(tx, id)?;
        if people.first().is_some_and(|visitor| visitor.is_blocked) {
            return Err((&rules::ASK_RECEPTION).into());
        }
        let teller = Teller { app, visit: &visit, people: &people, now, base, is_budgeted: false };
        teller.tell_everyone(tx, Event::ApprovalPass)?;
        return Ok(true);
    }
    if by.is_some_and(|by| by != phone::key(&visit.interviewee_phone)) {
        return Err(not_ones_own());
    }
    if visit.authorised_at.is_some() {
        return Ok(false);
    }
    Err(if visit.refused_at.is_some() { &rules::REFUSED } else { &rules::EXPIRED }.into())
}

/// Whether this refused it, rather than somebody before.
fn refuse(
    app: &App,
    tx: &mut Tx<'_>,
    id: i64,
    (by, reason): (Option<&str>, &str),
    (now, base): (&Now, &str),
) -> Result<bool, Error> {
    let is_new = store::visits::refuse(tx, id, by, reason, now.at)?;
    let visit = store::visits::find(tx, id)?.ok_or(&rules::NO_RECORD)?;
    if is_new {
        let people = store::visits::people(tx, id)?;
        let teller = Teller { app, visit: &visit, people: &people, now, base, is_budgeted: false };
        teller.tell_visitor(tx, Event::ApprovalRefuse)?;
        return Ok(true);
    }
    if by.is_some_and(|by| by != phone::key(&visit.interviewee_phone)) {
        return Err(not_ones_own());
    }
    if visit.refused_at.is_some() { Ok(false) } else { Err((&rules::AUTHORISED).into()) }
}

/// Delete a record (删除访客申请记录); its codes open nothing from then on.
#[utoipa::path(delete, path = "/v1/visit/records/{id}", tag = "visitors", params(("id" = i64, Path)),
    responses((status = 200, body = VisitorsAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, PathId(id): PathId) -> Outcome {
    caller.may_as_staff(Role::Reception)?;
    let (at, staff) = (app.clock.now().at, caller.staff());
    app.db
        .write("visitors.delete", move |tx| {
            let koala_ids = store::visits::delete(tx, id)?.ok_or(&rules::NO_RECORD)?;
            if let Some(staff) = &staff {
                let target = format!("visit {id}");
                staff::record_change(
                    tx,
                    staff,
                    "visit.delete",
                    &target,
                    &json!({ "id": id }),
                    &Value::Null,
                    at,
                )?;
            }
            hosts::forget(tx, &koala_ids, at)
        })
        .await?;
    Ok(Reply::no_content())
}
