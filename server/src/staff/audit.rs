//! The audit log: who changed what, when, and how it was before and after.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{Millis, local, text};
use crate::error::Error;
use crate::http::access::Auditor;
use crate::http::envelope::Reply;
use crate::http::extract::Query;
use crate::http::fields::{Line, optional};
use crate::http::page::{Items, Page, PageQuery};
use crate::staff::{StaffMember, store};

/// Records a change, in the transaction that makes it. `before` is null for what was added, `after`
/// for what was deleted. Neither may hold a password, a key or a hash: every auditor reads them.
///
/// # Errors
/// When the database refuses.
pub fn record(
    tx: &mut Tx<'_>,
    staff: &StaffMember,
    action: &str,
    target: &str,
    before: &Value,
    after: &Value,
    at: Millis,
) -> Result<(), Error> {
    record_by(tx, &staff.name(), action, target, before, after, at)
}

/// As [`record`], on a path that others take, too: only what staff do is recorded.
///
/// # Errors
/// When the database refuses.
pub fn record_if_staff(
    tx: &mut Tx<'_>,
    staff: Option<&StaffMember>,
    action: &str,
    target: &str,
    after: &Value,
    at: Millis,
) -> Result<(), Error> {
    staff.map_or(Ok(()), |staff| record(tx, staff, action, target, &Value::Null, after, at))
}

/// As [`record`], for data that staff take away with them: `filter` says which.
///
/// # Errors
/// When the database refuses.
pub async fn record_export(
    app: &App,
    staff: StaffMember,
    action: &'static str,
    filter: Value,
) -> Result<(), Error> {
    let at = app.clock.now().at;
    let write = move |tx: &mut Tx<'_>| record(tx, &staff, action, "export", &Value::Null, &filter, at);
    app.db.write("staff.record_export", write).await
}

/// As [`record`], for a change that no staff credential made: `who` says what did.
///
/// # Errors
/// When the database refuses.
pub fn record_by(
    tx: &mut Tx<'_>,
    who: &str,
    action: &str,
    target: &str,
    before: &Value,
    after: &Value,
    at: Millis,
) -> Result<(), Error> {
    let json = |value: &Value| (!value.is_null()).then(|| value.to_string());
    let (before, after) = (json(before), json(after));
    store::insert_audit(tx, (who, action, target), before.as_deref(), after.as_deref(), at)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Exactly this person or key, as the list names them.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    who: Option<Line<128>>,
    /// Exactly this action.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    action: Option<Line<128>>,
    /// Exactly this target.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    target: Option<Line<128>>,
}

/// A change that was made.
#[derive(Serialize, ToSchema)]
pub struct AuditItem {
    /// Id of the entry.
    id: i64,
    /// When, `YYYY-MM-DD HH:MM:SS`.
    at: String,
    /// `staff admin`, `api key 3 (reports)`, or `cli` for the command line.
    who: String,
    /// What was done, such as `appointment.cancel`.
    action: String,
    /// To what, such as `appointment 12`.
    target: String,
    /// How it was; null for what was added.
    #[schema(value_type = Option<HashMap<String, Value>>)]
    before: Option<Value>,
    /// How it is; null for what was deleted.
    #[schema(value_type = Option<HashMap<String, Value>>)]
    after: Option<Value>,
}

/// The audit log, the newest change first.
#[utoipa::path(get, path = "/admin/v1/audit", tag = "staff", security(("staff" = [])), params(AuditQuery, PageQuery),
    responses((status = 200, body = Items<AuditItem>)))]
pub async fn list_audit(
    State(app): State<App>,
    _: Auditor,
    Query(query): Query<AuditQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Reply, Error> {
    let page = Page::from(page);
    let (total, rows) = app
        .db
        .read("staff.audit", move |tx| {
            let part = |part: &Option<Line<128>>| part.clone().map(String::from);
            let (who, action, target) = (part(&query.who), part(&query.action), part(&query.target));
            store::audited(tx, (who.as_deref(), action.as_deref(), target.as_deref()), page)
        })
        .await?;
    let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    let item = |row: store::Audited| AuditItem {
        id: row.id,
        at: text(local(app.clock.zone(), row.at)),
        who: row.who,
        action: row.action,
        target: row.target,
        before: json(row.before),
        after: json(row.after),
    };
    Reply::ok(&Items::new(page, total, rows.into_iter().map(item).collect()))
}
