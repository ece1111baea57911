//! Who may use this server: staff accounts, API keys and devices.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use yuyue_db::{Lock, Tx};

use crate::app::App;
use crate::clock::{DAY, Millis, local, text};
use crate::error::Error;
use crate::http::access::{AccountsAdmin, Auditor, SetUpAdmin};
use crate::http::choice::optional_truth;
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{Moment, Name, Password, optional};
use crate::http::page::{Items, Page, PageQuery};
use crate::http::{idempotency, limits};
use crate::ids::fingerprint;
use crate::locks;
use crate::staff::store::{self, Account, ApiKey, Keyed};
use crate::staff::{DeviceKind, Role, audit, guesses_at, hash_password};

type Outcome = Result<Reply, Error>;

/// A staff account.
#[derive(Serialize, ToSchema)]
pub struct StaffItem {
    /// Id of the account.
    id: i64,
    /// What they log in with.
    username: String,
    /// What they may do.
    role: Role,
    /// Whether the account can be used.
    active: bool,
    /// Whether it has a second factor.
    totp: bool,
    /// When it was added, `YYYY-MM-DD HH:MM:SS`.
    created_at: String,
}

impl StaffItem {
    fn new(account: Account, zone: &jiff::tz::TimeZone) -> Self {
        Self {
            id: account.id,
            username: account.username,
            role: account.role,
            active: account.active,
            totp: account.has_totp,
            created_at: text(local(zone, account.created_at)),
        }
    }
}

/// The staff accounts, the oldest first.
#[utoipa::path(get, path = "/admin/v1/staff", tag = "staff", security(("staff" = [])), params(PageQuery),
    responses((status = 200, body = Items<StaffItem>)))]
pub async fn list_staff(State(app): State<App>, _: Auditor, Query(page): Query<PageQuery>) -> Outcome {
    let page = Page::from(page);
    let (total, accounts) = app.db.read("staff.accounts", move |tx| store::accounts(tx, page)).await?;
    let item = |account| StaffItem::new(account, app.clock.zone());
    Reply::ok(&Items::new(page, total, accounts.into_iter().map(item).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct StaffRequest {
    /// What they log in with; nobody else has it.
    username: Name,
    /// 8 to 128 characters, and not easy to guess.
    password: Password,
    /// What they may do.
    role: Role,
}

/// Add a staff account.
#[utoipa::path(post, path = "/admin/v1/staff", tag = "staff", security(("staff" = [])),
    request_body = StaffRequest, responses((status = 201, body = StaffItem)))]
pub async fn add_staff(
    State(app): State<App>,
    AccountsAdmin(staff): AccountsAdmin,
    input: Input<StaffRequest>,
) -> Outcome {
    let request = input.value;
    let hash = hash_password(&app, &request.username, request.password.reveal().to_owned()).await?;
    let (username, role, now) = (String::from(request.username), request.role, app.clock.now());
    let (at, zone) = (now.at, now.zone().clone());
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.add", once, StatusCode::CREATED, move |tx| {
        let account = insert_account(tx, &staff.name(), (&username, &hash, role), at)?;
        Ok(StaffItem::new(account, &zone))
    })
    .await
}

/// Adds an account and records that `who` did.
pub(super) fn insert_account(
    tx: &mut Tx<'_>,
    who: &str,
    (username, hash, role): (&str, &str, Role),
    at: Millis,
) -> Result<Account, Error> {
    let id = store::insert_staff(tx, username, hash, role, at)?
        .ok_or_else(|| Error::conflict("用户名已存在", "this username is taken"))?;
    let username = username.to_owned();
    let account = Account { id, username, role, active: true, has_totp: false, created_at: at };
    record(tx, who, "staff.add", (None, &account, false), at)?;
    Ok(account)
}

/// Records how an account was and is; of a password only that there is a new one, of a second factor whether
/// there is one.
fn record(
    tx: &mut Tx<'_>,
    who: &str,
    action: &str,
    (before, after, has_new_password): (Option<&Account>, &Account, bool),
    at: Millis,
) -> Result<(), Error> {
    let shown = |account: &Account| {
        let Account { username, role, active, has_totp, .. } = account;
        json!({ "username": username, "role": role, "active": active, "totp": has_totp })
    };
    let mut after_json = shown(after);
    if has_new_password {
        after_json["password"] = "changed".into();
    }
    let target = format!("staff {}", after.id);
    audit::record_by(tx, who, action, &target, &before.map_or(Value::Null, shown), &after_json, at)
}

/// What to change; what is not given stays.
#[derive(Deserialize, ToSchema)]
pub struct StaffChange {
    /// What they may do from now on.
    #[serde(default, deserialize_with = "optional")]
    role: Option<Role>,
    /// A new password of 8 to 128 characters, not easy to guess.
    #[serde(default)]
    password: Option<Password>,
    /// false: the account cannot be used any more.
    #[serde(default, deserialize_with = "optional_truth")]
    active: Option<bool>,
    /// false: takes the second factor away from somebody who has lost it. Nobody can be given one.
    #[serde(default, deserialize_with = "optional_truth")]
    totp: Option<bool>,
}

/// Change a staff account; a change ends its sessions.
#[utoipa::path(patch, path = "/admin/v1/staff/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = StaffChange, responses((status = 200, body = StaffItem)))]
pub async fn change_staff(
    State(app): State<App>,
    AccountsAdmin(staff): AccountsAdmin,
    PathId(id): PathId,
    input: Input<StaffChange>,
) -> Outcome {
    let StaffChange { role, password, active, totp } = input.value;
    if role.is_none() && password.is_none() && active.is_none() && totp.is_none() {
        return Err(Error::malformed(
            "至少应有 role、password、active、totp 之一",
            "expected at least one of role, password, active, totp",
        ));
    }
    if totp == Some(true) {
        return Err(Error::invalid("totp", "只能取消", "can only be taken away"));
    }
    let hash = match password {
        Some(password) => {
            let account = app.db.point("staff.account", move |tx| store::account_by_id(tx, id)).await?;
            let username = account.ok_or_else(no_account)?.username;
            Some(hash_password(&app, &username, password.reveal().to_owned()).await?)
        }
        None => None,
    };
    let at = app.clock.now().at;
    let changed = app.db.write("staff.change", move |tx| {
        // Of two administrators who demote each other, the second must see what the first did.
        tx.lock(Lock::Exclusive(locks::ADMINS))?;
        let before = store::account_by_id(tx, id)?.ok_or_else(no_account)?;
        let mut after = before.clone();
        after.role = role.unwrap_or(before.role);
        after.active = active.unwrap_or(before.active);
        if administers(&before) && !administers(&after) && !store::has_other_admin(tx, id)? {
            let (zh, en) = ("至少要保留一名可用的管理员", "at least one active administrator must remain");
            return Err(Error::conflict(zh, en));
        }
        if totp.is_some() && store::remove_totp(tx, id)? {
            after.has_totp = false;
        }
        let state = |account: &Account| (account.role, account.active, account.has_totp);
        if hash.is_none() && state(&before) == state(&after) {
            return Ok(after);
        }
        store::save_account(tx, &after, hash.as_deref())?;
        store::end_sessions_of(tx, id)?;
        if hash.is_some() {
            // Whoever forgot the old password may try the new one at once.
            limits::clear_all(tx, &guesses_at(&after.username))?;
        }
        record(tx, &staff.name(), "staff.change", (Some(&before), &after, hash.is_some()), at)?;
        Ok(after)
    });
    Reply::ok(&StaffItem::new(changed.await?, app.clock.zone()))
}

fn no_account() -> Error {
    Error::not_found("没有这个员工帐号", "there is no such staff account")
}

fn administers(account: &Account) -> bool {
    account.active && account.role == Role::Admin
}

/// An API key.
#[derive(Serialize, ToSchema)]
pub struct KeyItem {
    /// Id of the key; not the key itself.
    id: i64,
    /// What it is for, in the words of whoever added it.
    name: String,
    /// What it may do.
    role: Role,
    /// When it was added, `YYYY-MM-DD HH:MM:SS`.
    created_at: String,
    /// When it stops working, `YYYY-MM-DD HH:MM:SS`.
    expires_at: String,
    /// When it was used last, to the minute or so, `YYYY-MM-DD HH:MM:SS`; null before its first use.
    last_used_at: Option<String>,
}

impl KeyItem {
    fn new(key: ApiKey, zone: &jiff::tz::TimeZone) -> Self {
        let time = |at| text(local(zone, at));
        let ApiKey { key, expires_at, last_used_at } = key;
        Self {
            id: key.id,
            name: key.name,
            role: key.what,
            created_at: time(key.created_at),
            expires_at: time(expires_at),
            last_used_at: last_used_at.map(time),
        }
    }
}

/// How long an API key works unless it is told otherwise.
const KEY_LIFETIME: Millis = 365 * DAY;

/// A kiosk or gate (设备).
#[derive(Serialize, ToSchema)]
pub struct DeviceItem {
    /// Id of the device (设备).
    id: i64,
    /// What it is called, such as the door it stands at (名称).
    name: String,
    /// What it is for (类型).
    kind: DeviceKind,
    /// When it was added, `YYYY-MM-DD HH:MM:SS`.
    created_at: String,
}

impl DeviceItem {
    fn new(device: Keyed<DeviceKind>, zone: &jiff::tz::TimeZone) -> Self {
        let created_at = text(local(zone, device.created_at));
        Self { id: device.id, name: device.name, kind: device.what, created_at }
    }
}

/// Something new with its key.
#[derive(Serialize, ToSchema)]
pub struct WithKey<T> {
    #[serde(flatten)]
    item: T,
    /// The key, shown only this once.
    key: String,
}

/// The API keys, the oldest first; never the keys themselves.
#[utoipa::path(get, path = "/admin/v1/api-keys", tag = "staff", security(("staff" = [])), params(PageQuery),
    responses((status = 200, body = Items<KeyItem>)))]
pub async fn list_api_keys(State(app): State<App>, _: Auditor, Query(page): Query<PageQuery>) -> Outcome {
    let page = Page::from(page);
    let (total, keys) = app.db.read("staff.api_keys", move |tx| store::api_keys(tx, page)).await?;
    let item = |key| KeyItem::new(key, app.clock.zone());
    Reply::ok(&Items::new(page, total, keys.into_iter().map(item).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct KeyRequest {
    /// What the key is for.
    name: Name,
    /// What it may do; never accounts and keys.
    role: Role,
    /// When it stops working, `YYYY-MM-DD HH:MM:SS`; without it a year from now.
    #[serde(default, deserialize_with = "optional")]
    expires_at: Option<Moment>,
}

/// Add an API key, which works as a Bearer token until it expires or is deleted.
#[utoipa::path(post, path = "/admin/v1/api-keys", tag = "staff", security(("staff" = [])),
    request_body = KeyRequest, responses((status = 201, body = WithKey<KeyItem>)))]
pub async fn add_api_key(
    State(app): State<App>,
    AccountsAdmin(staff): AccountsAdmin,
    input: Input<KeyRequest>,
) -> Outcome {
    let (request, now, key) = (input.value, app.clock.now(), app.ids.token());
    let (at, zone) = (now.at, now.zone().clone());
    let expires_at = request.expires_at.map_or(at + KEY_LIFETIME, |moment| moment.at(&zone));
    if expires_at <= at {
        return Err(Error::invalid("expires_at", "应晚于现在", "must be in the future"));
    }
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.add_api_key", once, StatusCode::CREATED, move |tx| {
        let new = (request.name.as_str(), request.role, fingerprint(&key));
        let id = store::insert_api_key(tx, (new.0, new.1, &new.2), (at, expires_at))?;
        let added = Keyed { id, name: request.name.to_string(), what: request.role, created_at: at };
        let item = KeyItem::new(ApiKey { key: added, expires_at, last_used_at: None }, &zone);
        let after = json!({ "name": item.name, "role": item.role, "expires_at": item.expires_at });
        audit::record(tx, &staff, "api_key.add", &format!("api key {id}"), &Value::Null, &after, at)?;
        Ok(WithKey { item, key: key.clone() })
    })
    .await
}

/// Delete an API key; it stops working at once.
#[utoipa::path(delete, path = "/admin/v1/api-keys/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), responses((status = 204)))]
pub async fn delete_api_key(
    State(app): State<App>,
    AccountsAdmin(staff): AccountsAdmin,
    PathId(id): PathId,
) -> Outcome {
    let at = app.clock.now().at;
    app.db
        .write("staff.delete_api_key", move |tx| {
            let deleted = store::delete_api_key(tx, id)?
                .ok_or_else(|| Error::not_found("没有这个密钥", "there is no such API key"))?;
            let before = json!({ "name": deleted.key.name, "role": deleted.key.what });
            audit::record(tx, &staff, "api_key.delete", &format!("api key {id}"), &before, &Value::Null, at)
        })
        .await?;
    Ok(Reply::no_content())
}

/// The devices (设备), the oldest first; never their keys.
#[utoipa::path(get, path = "/admin/v1/devices", tag = "staff", security(("staff" = [])), params(PageQuery),
    responses((status = 200, body = Items<DeviceItem>)))]
pub async fn list_devices(State(app): State<App>, _: Auditor, Query(page): Query<PageQuery>) -> Outcome {
    let page = Page::from(page);
    let (total, devices) = app.db.read("staff.devices", move |tx| store::devices(tx, page)).await?;
    let item = |device| DeviceItem::new(device, app.clock.zone());
    Reply::ok(&Items::new(page, total, devices.into_iter().map(item).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct DeviceRequest {
    /// What to call it, such as the door it stands at (名称).
    name: Name,
    /// What it is for (类型).
    kind: DeviceKind,
}

/// Add a device (设备), which sends its key as `X-Device-Key`.
#[utoipa::path(post, path = "/admin/v1/devices", tag = "staff", security(("staff" = [])),
    request_body = DeviceRequest, responses((status = 201, body = WithKey<DeviceItem>)))]
pub async fn add_device(
    State(app): State<App>,
    SetUpAdmin(staff): SetUpAdmin,
    input: Input<DeviceRequest>,
) -> Outcome {
    let (request, now, key) = (input.value, app.clock.now(), app.ids.token());
    let (at, zone) = (now.at, now.zone().clone());
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.add_device", once, StatusCode::CREATED, move |tx| {
        let device = (request.name.as_str(), request.kind, fingerprint(&key));
        let added = insert_device(tx, &staff.name(), (device.0, device.1, &device.2), at)?;
        Ok(WithKey { item: DeviceItem::new(added, &zone), key: key.clone() })
    })
    .await
}

/// Adds a device and records that `who` did.
pub(super) fn insert_device(
    tx: &mut Tx<'_>,
    who: &str,
    (name, kind, key_hash): (&str, DeviceKind, &str),
    at: Millis,
) -> Result<Keyed<DeviceKind>, Error> {
    let id = store::insert_device(tx, name, kind, key_hash, at)?;
    let added = Keyed { id, name: name.to_owned(), what: kind, created_at: at };
    let after = json!({ "name": added.name, "kind": added.what });
    audit::record_by(tx, who, "device.add", &format!("device {id}"), &Value::Null, &after, at)?;
    Ok(added)
}

/// Delete a device; its key stops working at once.
#[utoipa::path(delete, path = "/admin/v1/devices/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), responses((status = 204)))]
pub async fn delete_device(
    State(app): State<App>,
    SetUpAdmin(staff): SetUpAdmin,
    PathId(id): PathId,
) -> Outcome {
    let at = app.clock.now().at;
    app.db
        .write("staff.delete_device", move |tx| {
            let deleted = store::delete_device(tx, id)?
                .ok_or_else(|| Error::not_found("没有这台设备", "there is no such device"))?;
            let before = json!({ "name": deleted.name, "kind": deleted.what });
            audit::record(tx, &staff, "device.delete", &format!("device {id}"), &before, &Value::Null, at)
        })
        .await?;
    Ok(Reply::no_content())
}
