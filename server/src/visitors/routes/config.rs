//! The settings that staff change through the API.

use axum::extract::State;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Outcome;
use crate::app::App;
use crate::config::Templates;
use crate::error::Error;
use crate::http::access::Admin;
use crate::http::envelope::{Reply, VisitorsReply};
use crate::http::extract::Input;
use crate::http::fields::{ClearableLine, Line, NO_CONTROL, Password, REQUIRED};
use crate::http::version::{IfMatch, version};
use crate::staff::{self, Role};
use crate::visitors::caller::Caller;
use crate::visitors::connection::{self, Connection};
use crate::visitors::settings::{self, Servers};
use crate::visitors::store;

/// The servers (读取服务器设置参数). Only administrators see the password.
#[utoipa::path(get, path = "/v1/config/servers", tag = "visitors",
    responses((status = 200, body = VisitorsReply<Servers>)))]
pub async fn servers(State(app): State<App>, caller: Caller) -> Outcome {
    caller.may_as_staff(Role::Auditor)?;
    let mut servers = settings::servers(&app).await?;
    let version = version(&app.secrets, &servers)?;
    if caller.may_as_staff(Role::Admin).is_err() {
        servers.koala_password = String::new();
    }
    Ok(Reply::ok(&servers)?.with_version(version))
}

#[derive(Deserialize, ToSchema)]
pub struct ServersRequest {
    /// 考拉主机的IP: a host, `host:port` or a whole URL.
    koala_ip: Line<253>,
    /// 考拉主机的登录用户名
    koala_username: Line<128>,
    /// 考拉主机的登录密码
    koala_password: Password,
    /// 访客云端服务器url; "" keeps the bindings here.
    #[serde(deserialize_with = "given")]
    cloud_url: ClearableLine<500>,
}

/// What may be "" and must be there all the same: null is no decision to do without.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClearableLine<500>, D::Error> {
    let given = Option::<ClearableLine<500>>::deserialize(deserializer)?;
    given.ok_or_else(|| D::Error::custom(REQUIRED))
}

impl ServersRequest {
    /// The servers, at addresses that calls can go to.
    fn servers(self) -> Result<Servers, Error> {
        if self.koala_password.reveal().chars().any(char::is_control) {
            return Err(Error::invalid("koala_password", &NO_CONTROL.zh, &NO_CONTROL.en));
        }
        let servers = Servers {
            koala_ip: self.koala_ip.into(),
            koala_username: self.koala_username.into(),
            koala_password: self.koala_password.reveal().to_owned(),
            cloud_url: self.cloud_url.0.trim_end_matches('/').to_owned(),
        };
        connection::check_addresses(&servers)?;
        Ok(servers)
    }
}

/// Set the servers (服务器设置); in effect at once.
#[utoipa::path(put, path = "/v1/config/servers", tag = "visitors", request_body = ServersRequest,
    responses((status = 200, body = VisitorsReply<Servers>)))]
pub async fn set_servers(
    State(app): State<App>,
    caller: Caller,
    seen: IfMatch,
    input: Input<ServersRequest>,
) -> Outcome {
    caller.may_set_up(app.clock.now().at)?;
    let new = input.value.servers()?;
    save_servers(&app, &caller, seen, new.clone()).await?;
    app.visitors.directory.reset();
    Ok(Reply::ok(&new)?.with_version(version(&app.secrets, &new)?))
}

/// What trying out the servers found.
#[derive(Serialize, ToSchema)]
pub struct Connections {
    /// 考拉主机
    koala: Connection,
    /// 访客云端服务器
    cloud: Connection,
}

/// Try out servers (测试连接) before they are saved: logs in to Koala and reads its directory, and asks the
/// cloud service for a binding.
#[utoipa::path(post, path = "/admin/v1/visitors/servers/test", tag = "staff", security(("staff" = [])),
    request_body = ServersRequest, responses((status = 200, body = Connections)))]
pub async fn test_servers(
    State(app): State<App>,
    Admin(who): Admin,
    input: Input<ServersRequest>,
) -> Outcome {
    let servers = input.value.servers()?;
    let (koala, cloud) =
        tokio::join!(connection::try_koala(&app, &servers), connection::try_cloud(&app, &servers));
    let (at, mut tried) = (app.clock.now().at, audited(&servers));
    (tried["koala"], tried["cloud"]) = (json!(koala.outcome), json!(cloud.outcome));
    app.db
        .write("visitors.test_servers", move |tx| {
            let action = "visitors.servers.test";
            staff::record_change(tx, &who, action, "servers", &Value::Null, &tried, at)
        })
        .await?;
    Reply::ok(&Connections { koala, cloud })
}

/// What the audit log may hold of the servers.
fn audited(servers: &Servers) -> Value {
    let Servers { koala_ip, koala_username, cloud_url, .. } = servers;
    json!({ "koala_ip": koala_ip, "koala_username": koala_username, "cloud_url": cloud_url })
}

async fn save_servers(app: &App, caller: &Caller, seen: IfMatch, new: Servers) -> Result<(), Error> {
    let (secrets, who, at) = (app.secrets.clone(), caller.staff(), app.clock.now().at);
    let configured = app.config.visitors.clone();
    app.db
        .write("visitors.save_servers", move |tx| {
            settings::lock(tx)?;
            let old = settings::read_servers(tx, &configured, &secrets)?;
            seen.check(&version(&secrets, &old)?)?;
            settings::save_servers(tx, &new, &secrets)?;
            // Another Koala has another directory; the copy serves until it is read.
            if old.koala_ip != new.koala_ip || old.koala_username != new.koala_username {
                store::directory::set_refreshed_at(tx, 0)?;
            }
            let Some(who) = &who else { return Ok(()) };
            let (before, after) = (audited(&old), audited(&new));
            staff::record_change(tx, who, "visitors.servers", "servers", &before, &after, at)
        })
        .await
}

/// The templates (读取微信短信模板设置参数).
#[utoipa::path(get, path = "/v1/config/templates", tag = "visitors",
    responses((status = 200, body = VisitorsReply<Templates>)))]
pub async fn templates(State(app): State<App>, caller: Caller) -> Outcome {
    caller.may_as_staff(Role::Auditor)?;
    let configured = app.config.visitors.templates.clone();
    let read = app.db.point("visitors.templates", move |tx| settings::templates(tx, &configured));
    let templates = read.await?;
    Ok(Reply::ok(&templates)?.with_version(version(&app.secrets, &templates)?))
}

type Template = Line<128>;

#[derive(Clone, Deserialize, ToSchema)]
pub struct TemplatesRequest {
    /// 给员工的审批提醒微信模板ID
    approval_reminder_to_employee_wechat_id: Template,
    /// 给员工的审批提醒短信模板ID
    approval_reminder_to_employee_sms_id: Template,
    /// 给员工的访客签到通知微信模板ID
    visitor_signin_to_employee_wechat_id: Template,
    /// 给员工的访客签到通知短信模板ID
    visitor_signin_to_employee_sms_id: Template,
    /// 给访客的审批通过通知微信模板ID
    approval_pass_to_visitor_wechat_id: Template,
    /// 给访客的审批通过通知短信模板ID
    approval_pass_to_visitor_sms_id: Template,
    /// 给访客的签到成功通知微信模板ID
    signin_to_visitor_wechat_id: Template,
    /// 给访客的签到成功通知短信模板ID
    signin_to_visitor_sms_id: Template,
    /// 给访客的申请回执微信模板ID; left out: as it is; "": no receipt by WeChat.
    #[serde(default)]
    apply_receipt_to_visitor_wechat_id: Option<ClearableLine<128>>,
    /// 给访客的申请回执短信模板ID; left out: as it is; "": no receipt by SMS.
    #[serde(default)]
    apply_receipt_to_visitor_sms_id: Option<ClearableLine<128>>,
    /// 给访客的审批拒绝通知微信模板ID; left out: as it is; "": no such message by WeChat.
    #[serde(default)]
    approval_refuse_to_visitor_wechat_id: Option<ClearableLine<128>>,
    /// 给访客的审批拒绝通知短信模板ID; left out: as it is; "": no such message by SMS.
    #[serde(default)]
    approval_refuse_to_visitor_sms_id: Option<ClearableLine<128>>,
    /// 给员工的访客超时未离开通知微信模板ID; left out: as it is; "": no such message by WeChat.
    #[serde(default)]
    visitor_overdue_to_employee_wechat_id: Option<ClearableLine<128>>,
    /// 给员工的访客超时未离开通知短信模板ID; left out: as it is; "": no such message by SMS.
    #[serde(default)]
    visitor_overdue_to_employee_sms_id: Option<ClearableLine<128>>,
}

impl TemplatesRequest {
    fn templates(self, old: &Templates) -> Templates {
        let kept = |new: Option<ClearableLine<128>>, old: &String| new.map_or(old.clone(), |new| new.0);
        Templates {
            approval_reminder_to_employee_wechat_id: self.approval_reminder_to_employee_wechat_id.into(),
            approval_reminder_to_employee_sms_id: self.approval_reminder_to_employee_sms_id.into(),
            visitor_signin_to_employee_wechat_id: self.visitor_signin_to_employee_wechat_id.into(),
            visitor_signin_to_employee_sms_id: self.visitor_signin_to_employee_sms_id.into(),
            approval_pass_to_visitor_wechat_id: self.approval_pass_to_visitor_wechat_id.into(),
            approval_pass_to_visitor_sms_id: self.approval_pass_to_visitor_sms_id.into(),
            signin_to_visitor_wechat_id: self.signin_to_visitor_wechat_id.into(),
            signin_to_visitor_sms_id: self.signin_to_visitor_sms_id.into(),
            apply_receipt_to_visitor_wechat_id: kept(
                self.apply_receipt_to_visitor_wechat_id,
                &old.apply_receipt_to_visitor_wechat_id,
            ),
            apply_receipt_to_visitor_sms_id: kept(
                self.apply_receipt_to_visitor_sms_id,
                &old.apply_receipt_to_visitor_sms_id,
            ),
            approval_refuse_to_visitor_wechat_id: kept(
                self.approval_refuse_to_visitor_wechat_id,
                &old.approval_refuse_to_visitor_wechat_id,
            ),
            approval_refuse_to_visitor_sms_id: kept(
                self.approval_refuse_to_visitor_sms_id,
                &old.approval_refuse_to_visitor_sms_id,
            ),
            visitor_overdue_to_employee_wechat_id: kept(
                self.visitor_overdue_to_employee_wechat_id,
                &old.visitor_overdue_to_employee_wechat_id,
            ),
            visitor_overdue_to_employee_sms_id: kept(
                self.visitor_overdue_to_employee_sms_id,
                &old.visitor_overdue_to_employee_sms_id,
            ),
        }
    }
}

/// Set the templates (设置微信短信模板参数); in effect at once, for waiting messages, too.
#[utoipa::path(put, path = "/v1/config/templates", tag = "visitors", request_body = TemplatesRequest,
    responses((status = 200, body = VisitorsReply<Templates>)))]
pub async fn set_templates(
    State(app): State<App>,
    caller: Caller,
    seen: IfMatch,
    input: Input<TemplatesRequest>,
) -> Outcome {
    caller.may_set_up(app.clock.now().at)?;
    let (configured, secrets) = (app.config.visitors.templates.clone(), app.secrets.clone());
    let (asked, who, at) = (input.value, caller.staff(), app.clock.now().at);
    let saved = app.db.write("visitors.save_templates", move |tx| {
        settings::lock(tx)?;
        let old = settings::templates(tx, &configured)?;
        seen.check(&version(&secrets, &old)?)?;
        let new = asked.clone().templates(&old);
        settings::save_templates(tx, &new)?;
        if let Some(who) = &who {
            let (before, after) = (json!(old), json!(new));
            staff::record_change(tx, who, "visitors.templates", "templates", &before, &after, at)?;
        }
        Ok::<_, Error>(new)
    });
    let new = saved.await?;
    Ok(Reply::ok(&new)?.with_version(version(&app.secrets, &new)?))
}
