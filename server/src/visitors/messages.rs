//! What people are told (消息): by WeChat, where the phone is bound, and by text message, each in a
//! row of its own, so that a dead channel holds up nothing but itself.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use yuyue_db::Tx;

use crate::adapters::wechat::fields::{FieldType, FieldValue, ValueKind};
use crate::app::App;
use crate::budgets::{self, For};
use crate::clock::{self, DAY, Now};
use crate::config::Templates;
use crate::error::Error;
use crate::notices::{Fields, Kind};
use crate::outbox::{NewJob, enqueue};
use crate::phone;
use crate::secrets::Secrets;
use crate::visitors::store::bindings::Kept;
use crate::visitors::store::visits::{Person, Visit};
use crate::visitors::{Binding, BindingRole, directory, jobs, period, qr, rules, settings, store};

/// The outbox's kinds of message.
pub const WECHAT: &str = "visitors.wechat";
pub const SMS: &str = "visitors.sms";

const PURPOSE: &str = "visitors.message";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An application waits for the employee (审批提醒).
    ApprovalReminder,
    /// The application was received (申请回执).
    ApplyReceipt,
    /// The visit is authorised (审批通过).
    ApprovalPass,
    /// The visitor has come, told to the employee (访客签到通知).
    VisitorSignIn,
    /// Sign-in succeeded, told to the visitor with the pass (签到成功).
    SignIn,
    /// The application is refused, told to the visitor with the reason (审批拒绝).
    ApprovalRefuse,
    /// Somebody is still in the building after the end, told to the employee (超时未签退).
    VisitorOverdue,
}

/// What every message of a visit can say.
const VALUES: &[(&str, ValueKind)] = &[
    ("headline", ValueKind::Text),
    ("name", ValueKind::Text),
    ("company", ValueKind::Text),
    ("interviewee", ValueKind::Text),
    ("place", ValueKind::Text),
    ("purpose", ValueKind::Text),
    ("number", ValueKind::Number),
    ("time", ValueKind::Time),
    ("start", ValueKind::Time),
    ("end", ValueKind::Time),
    // Of a refusal.
    ("reason", ValueKind::Text),
];

impl Event {
    pub const ALL: [Self; 7] = [
        Self::ApprovalReminder,
        Self::VisitorSignIn,
        Self::ApprovalPass,
        Self::SignIn,
        Self::ApplyReceipt,
        Self::ApprovalRefuse,
        Self::VisitorOverdue,
    ];

    /// How staff know it.
    #[must_use]
    pub fn kind(self) -> Kind {
        let name = match self {
            Self::ApprovalReminder => "approval_reminder_to_employee",
            Self::ApplyReceipt => "apply_receipt_to_visitor",
            Self::ApprovalPass => "approval_pass_to_visitor",
            Self::VisitorSignIn => "visitor_signin_to_employee",
            Self::SignIn => "signin_to_visitor",
            Self::ApprovalRefuse => "approval_refuse_to_visitor",
            Self::VisitorOverdue => "visitor_overdue_to_employee",
        };
        Kind { name, values: VALUES }
    }

    /// In which role the person is addressed.
    #[must_use]
    pub fn role(self) -> BindingRole {
        match self {
            Self::ApprovalReminder | Self::VisitorSignIn | Self::VisitorOverdue => BindingRole::Employee,
            Self::ApplyReceipt | Self::ApprovalPass | Self::SignIn | Self::ApprovalRefuse => {
                BindingRole::Visitor
            }
        }
    }

    /// The templates of WeChat and SMS.
    #[must_use]
    pub fn templates(self, of: &Templates) -> (&str, &str) {
        match self {
            Self::ApprovalReminder => {
                (&of.approval_reminder_to_employee_wechat_id, &of.approval_reminder_to_employee_sms_id)
            }
            Self::ApplyReceipt => {
                (&of.apply_receipt_to_visitor_wechat_id, &of.apply_receipt_to_visitor_sms_id)
            }
            Self::ApprovalPass => {
                (&of.approval_pass_to_visitor_wechat_id, &of.approval_pass_to_visitor_sms_id)
            }
            Self::VisitorSignIn => {
                (&of.visitor_signin_to_employee_wechat_id, &of.visitor_signin_to_employee_sms_id)
            }
            Self::SignIn => (&of.signin_to_visitor_wechat_id, &of.signin_to_visitor_sms_id),
            Self::ApprovalRefuse => {
                (&of.approval_refuse_to_visitor_wechat_id, &of.approval_refuse_to_visitor_sms_id)
            }
            Self::VisitorOverdue => {
                (&of.visitor_overdue_to_employee_wechat_id, &of.visitor_overdue_to_employee_sms_id)
            }
        }
    }

    fn headline(self) -> &'static str {
        match self {
            Self::ApprovalReminder => "您有一条访客申请待审批",
            Self::ApplyReceipt => "您的来访申请已提交，请等待审批",
            Self::ApprovalPass => "您的来访已通过审批",
            Self::VisitorSignIn => "您的访客已签到",
            Self::SignIn => "签到成功，请凭二维码通行",
            Self::ApprovalRefuse => "您的来访申请未通过",
            Self::VisitorOverdue => "您的访客已过离开时间，仍未签退",
        }
    }

    /// Whether staff may do without this message, by leaving its template empty.
    fn is_optional(self) -> bool {
        matches!(self, Self::ApplyReceipt | Self::ApprovalRefuse | Self::VisitorOverdue)
    }
}

/// What lies in the outbox. The variables are sealed: staff read the outbox, and a pass opens gates.
#[derive(Clone, Serialize, Deserialize)]
pub struct Payload {
    pub event: Event,
    pub visit_id: i64,
    sealed: String,
}

/// The variables of a message, and what opens when it is touched.
#[derive(Serialize, Deserialize)]
pub struct Content {
    pub params: Map<String, Value>,
    /// What the fields of a WeChat template can be filled with.
    #[serde(default)]
    values: BTreeMap<String, FieldValue>,
    pub url: Option<String>,
    /// The WeChat that is written to.
    pub weixin_user_id: Option<String>,
}

impl Content {
    /// The variables for a WeChat template with these fields.
    #[must_use]
    pub fn in_fields(&self, fields: &Fields, zone: &TimeZone) -> Map<String, Value> {
        // A message from before there were any has the document's.
        if fields.is_empty() || self.values.is_empty() {
            return self.params.clone();
        }
        let filled = fields.iter().filter_map(|(field, name)| {
            let value = FieldType::of(field)?.fit(self.values.get(name)?, zone);
            Some((field.clone(), value.into()))
        });
        filled.collect()
    }
}

impl Payload {
    /// Opens what was sealed; `None` when it was sealed with another key.
    #[must_use]
    pub fn open(&self, secrets: &Secrets) -> Option<Content> {
        serde_json::from_str(&secrets.open(PURPOSE, &self.sealed)?).ok()
    }
}

/// All that the messages of one event have in common.
pub struct Teller<'t> {
    pub app: &'t App,
    pub visit: &'t Visit,
    /// The visitor, then the companions.
    pub people: &'t [Person],
    pub now: &'t Now,
    /// Where this server is reached.
    pub base: &'t str,
    /// Whether a stranger's wish makes us write: then there are budgets.
    pub is_budgeted: bool,
}

impl Teller<'_> {
    /// Writes the messages of an event to the employee.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tell_employee(&self, tx: &mut Tx<'_>, event: Event) -> Result<(), Error> {
        self.people.first().map_or(Ok(()), |visitor| self.tell_employee_of(tx, event, visitor))
    }

    /// As [`Teller::tell_employee`], of somebody whom the message names in place of the visitor.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tell_employee_of(&self, tx: &mut Tx<'_>, event: Event, named: &Person) -> Result<(), Error> {
        let Visit { interviewee, interviewee_phone, .. } = self.visit;
        if directory::has_left(self.app, tx, interviewee, interviewee_phone)? {
            return Ok(());
        }
        let templates = self.templates(tx)?;
        self.tell(tx, (event, &templates), interviewee_phone, named, None)
    }

    /// Writes the messages of an event to the visitor and every companion, each with their own pass.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tell_everyone(&self, tx: &mut Tx<'_>, event: Event) -> Result<(), Error> {
        self.tell_people(tx, event, |_| true)
    }

    /// As [`Teller::tell_everyone`], to some of them. Who is blocked is told nothing.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tell_people(
        &self,
        tx: &mut Tx<'_>,
        event: Event,
        is_told: impl Fn(&Person) -> bool,
    ) -> Result<(), Error> {
        let templates = self.templates(tx)?;
        let mut people = self.people.iter().filter(|person| !person.is_blocked && is_told(person));
        people.try_for_each(|person| {
            self.tell(tx, (event, &templates), &person.phone, person, person.token.as_deref())
        })
    }

    /// Writes the messages of an event to the visitor.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tell_visitor(&self, tx: &mut Tx<'_>, event: Event) -> Result<(), Error> {
        let Some(visitor) = self.people.first().filter(|one| !one.is_blocked) else { return Ok(()) };
        let templates = self.templates(tx)?;
        self.tell(tx, (event, &templates), &visitor.phone, visitor, None)
    }

    fn templates(&self, tx: &mut Tx<'_>) -> Result<Templates, Error> {
        settings::templates(tx, &self.app.config.visitors.templates)
    }

    fn tell(
        &self,
        tx: &mut Tx<'_>,
        (event, templates): (Event, &Templates),
        phone: &str,
        person: &Person,
        token: Option<&str>,
    ) -> Result<(), Error> {
        // Erased, while others of the visit are not.
        if phone.is_empty() {
            return Ok(());
        }
        if self.is_budgeted && !self.may_tell(tx, phone)? {
            return Ok(());
        }
        let (wechat, sms) = event.templates(templates);
        let is_wanted = |template: &str| !event.is_optional() || !template.is_empty();
        let bound = addressee(self.app, tx, phone, event.role())?;
        if let Some(bound) = bound.filter(|_| is_wanted(wechat)) {
            let url = token.map(|token| qr::image_url(self.base, token));
            let content = Content {
                params: self.wechat_params(event, person, url.as_deref()),
                values: self.values(event, person),
                url,
                weixin_user_id: Some(bound.weixin_user_id.clone()),
            };
            // The cloud service knows the number as it was bound.
            self.enqueue(tx, WECHAT, (event, &bound.phone), &content)?;
        }
        if is_wanted(sms) {
            let params = self.sms_params(event, person, token);
            let content = Content { params, values: BTreeMap::new(), url: None, weixin_user_id: None };
            self.enqueue(tx, SMS, (event, phone), &content)?;
        }
        Ok(())
    }

    /// Whether there is a budget for a message to this phone. Employees are told once in a while, and then again
    /// if more waits; what one's own application causes counts in all only.
    fn may_tell(&self, tx: &mut Tx<'_>, phone: &str) -> Result<bool, Error> {
        let (key, at) = (phone::key(phone), self.now.at);
        if key != phone::key(&self.visit.proposer) {
            if store::directory::find_by_phone(tx, &key)?.is_some() {
                if let Err(later) = budgets::may_be_told(tx, &key, at)? {
                    jobs::enqueue_more_waiting(tx, &key, later, at)?;
                    return Ok(false);
                }
            } else if !budgets::may_receive(tx, &key, at)? {
                return Ok(false);
            }
        }
        Ok(budgets::spend(self.app, tx, For::Stranger, at)?.is_ok())
    }

    fn enqueue(
        &self,
        tx: &mut Tx<'_>,
        kind: &'static str,
        (event, phone): (Event, &str),
        content: &Content,
    ) -> Result<(), Error> {
        let fault = |error: serde_json::Error| Error::internal(error.to_string());
        let sealed = self.app.secrets.seal(PURPOSE, &serde_json::to_string(content).map_err(fault)?);
        let payload = Payload { event, visit_id: self.visit.id, sealed };
        let payload = serde_json::to_string(&payload).map_err(fault)?;
        let at = self.now.at;
        let job = NewJob { kind, recipient: phone, payload: &payload, due_at: at, deadline: at + DAY };
        enqueue(tx, &job, at)?;
        Ok(())
    }

    /// WeChat drops `first` and `remark`, so every fact stands in a keyword.
    fn wechat_params(&self, event: Event, person: &Person, url: Option<&str>) -> Map<String, Value> {
        let visit = self.visit;
        let place = &self.app.config.visitors.place;
        let mut entries = vec![
            ("first", event.headline().to_owned()),
            ("keyword1", person.name.clone()),
            ("keyword2", visit.interviewee.clone()),
            ("keyword3", period(visit.starts_at, visit.ends_at, self.now)),
            ("keyword4", place.clone()),
            ("keyword5", rules::purpose(visit.purpose).to_owned()),
            ("remark", url.map_or_else(|| visit.come_from.clone(), str::to_owned)),
        ];
        if event == Event::ApprovalRefuse {
            entries.push(("keyword6", visit.refusal.clone()));
        }
        entries.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    fn values(&self, event: Event, person: &Person) -> BTreeMap<String, FieldValue> {
        let visit = self.visit;
        let text = |text: &str| FieldValue::Text(text.to_owned());
        let entries = [
            ("headline", text(event.headline())),
            ("name", text(&person.name)),
            ("company", text(&visit.come_from)),
            ("interviewee", text(&visit.interviewee)),
            ("place", text(&self.app.config.visitors.place)),
            ("purpose", text(rules::purpose(visit.purpose))),
            ("number", FieldValue::Number(visit.id)),
            ("time", FieldValue::Period(visit.starts_at, visit.ends_at)),
            ("start", FieldValue::Time(visit.starts_at)),
            ("end", FieldValue::Time(visit.ends_at)),
            ("reason", text(&visit.refusal)),
        ];
        entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn sms_params(&self, event: Event, person: &Person, token: Option<&str>) -> Map<String, Value> {
        let visit = self.visit;
        let time = |at| clock::brief(clock::local(self.now.zone(), at));
        let mut entries = vec![
            ("name", person.name.clone()),
            ("company", visit.come_from.clone()),
            ("interviewee", visit.interviewee.clone()),
            ("time", time(visit.starts_at)),
            ("until", time(visit.ends_at)),
            ("place", self.app.config.visitors.place.clone()),
            ("purpose", rules::purpose(visit.purpose).to_owned()),
        ];
        if event == Event::ApprovalRefuse {
            entries.push(("reason", visit.refusal.clone()));
        }
        if let Some(token) = token {
            entries.push(("link", qr::page_path(token)));
        }
        entries.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

/// Who is written to for a phone: the WeChat bound in `role`, else the one bound in the other. None that
/// is still being bound, that nobody proved where it has to be, or of an employee who has left.
fn addressee(app: &App, tx: &mut Tx<'_>, phone: &str, role: BindingRole) -> Result<Option<Binding>, Error> {
    let bound = store::bindings::of_phone(tx, &phone::key(phone))?;
    let may_be_told =
        |one: &Kept| one.is_valid && !one.is_under_way && (one.is_proved || !app.must_prove_phone());
    let order = |one: &Kept| (one.binding.role != role, one.id);
    Ok(bound.into_iter().filter(may_be_told).min_by_key(order).map(|one| one.binding))
}

/// Why a message that was right when it was written must not be sent any more, if so.
///
/// # Errors
/// When the database refuses.
pub fn obstacle(
    app: &App,
    tx: &mut Tx<'_>,
    payload: &Payload,
    phone: &str,
) -> Result<Option<&'static str>, Error> {
    if payload.event.role() == BindingRole::Visitor {
        let is_blocked = store::blocklist::has(tx, &phone::key(phone))?;
        return Ok(is_blocked.then_some("this phone is on the blocklist"));
    }
    let Some(visit) = store::visits::find(tx, payload.visit_id)? else { return Ok(None) };
    let has_left = directory::has_left(app, tx, &visit.interviewee, &visit.interviewee_phone)?;
    Ok(has_left.then_some("the employee has left"))
}
