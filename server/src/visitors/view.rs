//! Visits as the documents show them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::{Millis, SECOND, local, text};
use crate::config::TimeFormat;
use crate::staff::Role;
use crate::visitors::qr;
use crate::visitors::store::visits::{Person, Visit};

/// An instant on the wire: Unix seconds, or text if so set.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum When {
    Unix(i64),
    Text(String),
}

/// How one reply is written.
#[derive(Clone)]
pub struct Form {
    format: TimeFormat,
    zone: jiff::tz::TimeZone,
    /// Where this server is reached.
    base: String,
    hides_passes: bool,
}

impl Form {
    #[must_use]
    pub fn new(app: &App, base: &str) -> Self {
        let format = app.config.visitors.time_format;
        Self { format, zone: app.clock.zone().clone(), base: base.to_owned(), hides_passes: false }
    }

    /// As staff of this role see them: who only reads sees no pass, for a pass opens a gate.
    #[must_use]
    pub fn for_role(self, role: Role) -> Self {
        Self { hides_passes: !role.may(Role::Reception), ..self }
    }

    /// An instant; 0 or "" for one that has not come.
    #[must_use]
    pub fn when(&self, at: Option<Millis>) -> When {
        match self.format {
            TimeFormat::Unix => When::Unix(at.map_or(0, |at| at.div_euclid(SECOND))),
            TimeFormat::Text => When::Text(at.map(|at| text(local(&self.zone, at))).unwrap_or_default()),
        }
    }

    /// The content of a person's code and the address of its picture; both "" before sign-in.
    #[must_use]
    pub fn code(&self, visit_id: i64, person: &Person) -> (String, String) {
        match &person.token {
            Some(token) if !self.hides_passes => {
                (qr::content(visit_id, token), qr::image_url(&self.base, token))
            }
            _ => (String::new(), String::new()),
        }
    }
}

/// A companion (随行人员).
#[derive(Debug, Serialize, ToSchema)]
pub struct Retinue {
    /// Koala's id of the person, our own before sign-in (随行人员id).
    pub subject_id: i64,
    /// 随行人员姓名
    pub name: String,
    /// 随行人员手机号码
    pub phone: String,
    /// Always "": photos are not kept.
    pub photo: &'static str,
    /// 随行人员访客二维码内容
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qrcode: Option<String>,
    /// 随行人员访客二维码图片url
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qrcode_img_url: Option<String>,
    /// For staff: whether the phone is on the blocklist (黑名单).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
}

/// An application or invitation (访客申请记录).
#[derive(Debug, Serialize, ToSchema)]
pub struct Record {
    /// 本条访客记录的id
    pub id: i64,
    /// Koala's id of the visitor, our own before sign-in (访客id).
    pub subject_id: i64,
    /// 1: visitor (访客).
    pub subject_type: i64,
    /// 访客姓名
    pub name: String,
    /// 访客手机号码
    pub phone: String,
    /// 来访目的: 0-其它；1-面试；2-商务；3-亲友；4-快递送货
    pub purpose: i64,
    /// 备注
    pub remark: String,
    /// 访客单位
    pub come_from: String,
    /// The interviewee's, as far as it is known (被访人部门).
    pub department: String,
    /// 申请人的手机号码
    pub proposer: String,
    /// 被访人
    pub interviewee: String,
    /// 被访人手机号码
    pub interviewee_phone: String,
    /// 来访开始时间
    pub start_time: When,
    /// 来访结束时间
    pub end_time: When,
    /// As it was sent (访客分组).
    pub group_ids: Value,
    /// Always "": photos are not kept.
    pub photo: &'static str,
    /// 0:未授权 1:已授权
    pub is_auth: i64,
    /// Why it was refused (拒绝原因); "" if it was not.
    pub refuse_reason: String,
    /// 签到时间; 0 before sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signin_time: Option<When>,
    /// 访客二维码内容; "" before sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qrcode: Option<String>,
    /// 访客二维码图片url; "" before sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qrcode_img_url: Option<String>,
    /// For staff: whether the visitor's phone is on the blocklist (黑名单).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// 随行人员数组
    pub retinues: Vec<Retinue>,
}

impl Record {
    /// The record of a visit; with its passes, where the document shows them.
    #[must_use]
    pub fn new(form: &Form, visit: Visit, people: Vec<Person>, with_passes: bool) -> Self {
        let code = |person: &Person| {
            with_passes
                .then(|| form.code(visit.id, person))
                .map_or((None, None), |(code, url)| (Some(code), Some(url)))
        };
        let mut people = people.into_iter();
        let visitor = people.next();
        let (qrcode, qrcode_img_url) = visitor.as_ref().map_or((None, None), code);
        let retinues = people.map(|person| {
            let (qrcode, qrcode_img_url) = code(&person);
            let subject_id = person.subject_id();
            let Person { name, phone, .. } = person;
            Retinue { subject_id, name, phone, photo: "", qrcode, qrcode_img_url, blocked: None }
        });
        let retinues = retinues.collect();
        let (subject_id, name, phone) =
            visitor.map(|visitor| (visitor.subject_id(), visitor.name, visitor.phone)).unwrap_or_default();
        Self {
            id: visit.id,
            subject_id,
            subject_type: 1,
            name,
            phone,
            purpose: visit.purpose,
            remark: visit.remark,
            come_from: visit.come_from,
            department: visit.department,
            proposer: visit.proposer,
            interviewee: visit.interviewee,
            interviewee_phone: visit.interviewee_phone,
            start_time: form.when(Some(visit.starts_at)),
            end_time: form.when(Some(visit.ends_at)),
            group_ids: serde_json::from_str(&visit.group_ids).unwrap_or_default(),
            photo: "",
            is_auth: i64::from(visit.authorised_at.is_some()),
            refuse_reason: visit.refusal,
            signin_time: with_passes.then(|| form.when(visit.signed_in_at)),
            qrcode,
            qrcode_img_url,
            blocked: None,
            retinues,
        }
    }

    /// The record as staff see it, who alone are told who is blocked.
    #[must_use]
    pub fn for_staff(form: &Form, visit: Visit, people: Vec<Person>) -> Self {
        let mut blocked = people.iter().map(|person| person.is_blocked).collect::<Vec<_>>().into_iter();
        let mut record = Self::new(form, visit, people, true);
        record.blocked = Some(blocked.next().unwrap_or(false));
        for (retinue, is_blocked) in record.retinues.iter_mut().zip(blocked) {
            retinue.blocked = Some(is_blocked);
        }
        record
    }
}

/// The `page` object.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageInfo {
    /// All matching records.
    pub count: i64,
    pub current: i64,
    pub size: i64,
    /// Number of pages.
    pub total: i64,
}

impl PageInfo {
    #[must_use]
    pub fn new(page: crate::http::page::Page, count: i64) -> Self {
        let total = count.saturating_add(page.size - 1) / page.size;
        Self { count, current: page.number, size: page.size, total }
    }
}
