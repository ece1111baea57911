//! The kinds of message and how their WeChat templates are filled.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use yuyue_db::Tx;

use crate::app::App;
use crate::config::Templates;
use crate::error::Error;
use crate::http::access::{Admin, Auditor};
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{ClearableLine, Line};
use crate::http::version::{IfMatch, version};
use crate::notices::{self, FieldType, Fields};
use crate::staff::record_change;
use crate::visitors::messages::Event;
use crate::visitors::settings;

/// The most fields a template has.
const MOST_FIELDS: usize = 20;

/// A kind of message.
#[derive(Serialize, ToSchema)]
pub struct Notice {
    /// What it tells, such as `signin_to_visitor`.
    kind: String,
    /// The SMS template; "" sends none.
    sms_template: String,
    /// The WeChat template; "" sends none.
    wechat_template: String,
    /// The template's fields, such as `thing1`, and which of our values each shows. Empty: those of the visitors'
    /// document, `first`, `keyword1` and so on.
    #[schema(value_type = HashMap<String, String>)]
    wechat_fields: Fields,
    /// The values that there are.
    values: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub struct Notices {
    /// All of them.
    items: Vec<Notice>,
}

fn all(tx: &mut Tx<'_>, configured: &Templates) -> Result<Notices, Error> {
    let templates = settings::templates(tx, configured)?;
    let notice = |event: Event| {
        let kind = event.kind();
        let (wechat, sms) = event.templates(&templates);
        Ok(Notice {
            kind: kind.name.to_owned(),
            sms_template: sms.to_owned(),
            wechat_template: wechat.to_owned(),
            wechat_fields: notices::fields(tx, kind.name)?,
            values: kind.values.iter().map(|(name, _)| *name).collect(),
        })
    };
    Ok(Notices { items: Event::ALL.into_iter().map(notice).collect::<Result<_, Error>>()? })
}

/// The kinds of message, with their templates.
#[utoipa::path(get, path = "/admin/v1/notices", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = Notices)))]
pub async fn show_notices(State(app): State<App>, _: Auditor) -> Result<Reply, Error> {
    let configured = app.config.visitors.templates.clone();
    versioned(&app, &app.db.read("notices.all", move |tx| all(tx, &configured)).await?)
}

#[derive(Deserialize, ToSchema)]
pub struct NoticesRequest {
    /// Kinds that are left out stay as they are.
    #[schema(max_items = 100)]
    items: Vec<NoticeRequest>,
}

#[derive(Deserialize, ToSchema)]
pub struct NoticeRequest {
    /// Which kind of message.
    kind: Line<64>,
    /// As it is: the visitors' templates are set by `PUT /v1/config/templates`.
    #[serde(default)]
    sms_template: Option<ClearableLine<128>>,
    /// As it is: the visitors' templates are set by `PUT /v1/config/templates`.
    #[serde(default)]
    wechat_template: Option<ClearableLine<128>>,
    /// The template's field, and the name of our value.
    #[schema(value_type = HashMap<String, String>)]
    wechat_fields: Fields,
}

impl NoticeRequest {
    /// The event, once all of it is right.
    fn event(&self, templates: &Templates) -> Result<Event, Error> {
        let event = Event::ALL.into_iter().find(|event| event.kind().name == self.kind.as_str());
        let event = event.ok_or_else(|| Error::invalid("kind", "没有这种消息", "is no kind of message"))?;
        let (wechat, sms) = event.templates(templates);
        for (field, given, is) in
            [("sms_template", &self.sms_template, sms), ("wechat_template", &self.wechat_template, wechat)]
        {
            if given.as_ref().is_some_and(|given| given.0 != is) {
                let (zh, en) = ("请用 PUT /v1/config/templates 设置", "is set by PUT /v1/config/templates");
                return Err(Error::invalid(field, zh, en));
            }
        }
        check_fields(&self.wechat_fields, event)?;
        Ok(event)
    }
}

fn check_fields(fields: &Fields, event: Event) -> Result<(), Error> {
    if fields.len() > MOST_FIELDS {
        return Err(Error::invalid("wechat_fields", "最多 20 项", "at most 20"));
    }
    for (field, name) in fields {
        let at = format!("wechat_fields.{}", field.chars().take(40).collect::<String>());
        let expected = "应为 thing1、time2、character_string3、keyword1 等模板字段";
        let kind = FieldType::of(field);
        let kind = kind.ok_or_else(|| {
            Error::invalid(&at, expected, "expected a template's field such as thing1, time2 or keyword1")
        })?;
        let value = event.kind().values.iter().find(|(known, _)| known == name);
        let (_, value) =
            value.ok_or_else(|| Error::invalid(&at, "没有这个值", "is given a value that there is not"))?;
        if !kind.takes(*value) {
            return Err(Error::invalid(&at, "该类型的字段放不下这个值", "cannot show that value"));
        }
    }
    Ok(())
}

/// Say which of our values the fields of WeChat's templates show; in effect at once, for waiting messages, too.
#[utoipa::path(put, path = "/admin/v1/notices", tag = "staff", security(("staff" = [])),
    request_body = NoticesRequest, responses((status = 200, body = Notices)))]
pub async fn set_notices(
    State(app): State<App>,
    Admin(staff): Admin,
    seen: IfMatch,
    input: Input<NoticesRequest>,
) -> Result<Reply, Error> {
    let (configured, at) = (app.config.visitors.templates.clone(), app.clock.now().at);
    let secrets = app.secrets.clone();
    let changed = app.db.write("notices.set", move |tx| {
        settings::lock(tx)?;
        seen.check(&version(&secrets, &all(tx, &configured)?)?)?;
        let templates = settings::templates(tx, &configured)?;
        for item in &input.value.items {
            let name = item.event(&templates)?.kind().name;
            let (before, after) = (notices::fields(tx, name)?, &item.wechat_fields);
            if before != *after {
                notices::save(tx, name, after)?;
                let target = format!("notice {name}");
                record_change(tx, &staff, "notice.change", &target, &json!(before), &json!(after), at)?;
            }
        }
        all(tx, &configured)
    });
    versioned(&app, &changed.await?)
}

fn versioned(app: &App, notices: &Notices) -> Result<Reply, Error> {
    Ok(Reply::ok(notices)?.with_version(version(&app.secrets, notices)?))
}
