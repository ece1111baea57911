//! The binding of a WeChat (微信绑定): at the cloud service where one is set, of which our row is a
//! copy, and in our row alone otherwise.

use yuyue_db::Tx;

use crate::adapters::wechat::{CloudBinding, WechatError};
use crate::app::App;
use crate::error::Error;
use crate::visitors::{Binding, BindingRole, rules, settings, store};

/// The binding of a WeChat: from the cloud service where one is set, which our row is a copy of, and
/// which answers when the service does not.
///
/// # Errors
/// When the database refuses.
pub async fn current(app: &App, weixin_user_id: &str) -> Result<Option<Binding>, Error> {
    let id = weixin_user_id.to_owned();
    let ours = app.db.point("visitors.binding", move |tx| store::bindings::find(tx, &id)).await?;
    let servers = settings::servers(app).await?;
    let Some(cloud_url) = servers.cloud() else { return Ok(ours) };
    let theirs = match app.visitors.cloud.binding(cloud_url, weixin_user_id).await {
        Ok(theirs) => theirs,
        Err(error) => {
            tracing::warn!(
                reason = error.reason(),
                "the WeChat cloud service does not answer; our copy serves"
            );
            return Ok(ours);
        }
    };
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.phone == theirs.phone => Ok(Some(ours)),
        (ours, theirs) => take_over(app, weixin_user_id, ours, theirs).await,
    }
}

/// Makes our copy what the cloud service says.
async fn take_over(
    app: &App,
    weixin_user_id: &str,
    ours: Option<Binding>,
    theirs: Option<CloudBinding>,
) -> Result<Option<Binding>, Error> {
    if ours.is_none() && theirs.is_none() {
        return Ok(None);
    }
    let (id, at) = (weixin_user_id.to_owned(), app.clock.now().at);
    app.db
        .write("visitors.take_over", move |tx| {
            store::bindings::delete(tx, &id)?;
            let Some(theirs) = &theirs else { return Ok(None) };
            // The service knows no roles: who is in the directory is an employee.
            let employee = store::directory::find_by_phone(tx, &theirs.phone)?;
            let (role, name, avatar) = match employee {
                Some(employee) => (BindingRole::Employee, employee.name, String::new()),
                None => (BindingRole::Visitor, theirs.nick.clone(), theirs.avatar.clone()),
            };
            let binding =
                Binding { weixin_user_id: id.clone(), role, phone: theirs.phone.clone(), name, avatar };
            store::bindings::insert(tx, &binding, at)?;
            Ok(Some(binding))
        })
        .await
}

/// Our row of the binding: written, or there already with the same data.
///
/// # Errors
/// [`rules::PHONE_TAKEN`] or [`rules::BOUND_OTHERWISE`].
pub fn keep(tx: &mut Tx<'_>, new: &Binding, at: i64) -> Result<Binding, Error> {
    if store::bindings::insert(tx, new, at)? {
        return Ok(new.clone());
    }
    let Some(old) = store::bindings::find(tx, &new.weixin_user_id)? else {
        return Err((&rules::PHONE_TAKEN).into());
    };
    if !is_same(&old, new) {
        return Err((&rules::BOUND_OTHERWISE).into());
    }
    if new.role == BindingRole::Visitor && !new.name.is_empty() {
        store::bindings::set_profile(tx, &new.weixin_user_id, &new.name, &new.avatar)?;
        return Ok(new.clone());
    }
    Ok(old)
}

/// The nickname is WeChat's to change; an employee's name is part of what was bound.
fn is_same(old: &Binding, new: &Binding) -> bool {
    old.role == new.role
        && old.phone == new.phone
        && (old.role == BindingRole::Visitor || old.name == new.name)
}

/// Binds at the cloud service, where one is set; what our own rows refuse never gets there.
///
/// # Errors
/// As [`keep`], and what the service says.
pub async fn bind_at_cloud(app: &App, new: Binding) -> Result<Binding, Error> {
    let servers = settings::servers(app).await?;
    let Some(cloud_url) = servers.cloud() else { return Ok(new) };
    let (id, phone, role) = (new.weixin_user_id.clone(), new.phone.clone(), new.role);
    let (old, other) = app
        .db
        .read("visitors.bound", move |tx| {
            let other = store::bindings::addressee(tx, &phone, role)?;
            let other = other.filter(|other| other.role == role && other.weixin_user_id != id);
            Ok::<_, Error>((store::bindings::find(tx, &id)?, other))
        })
        .await?;
    match (old, other) {
        (Some(old), _) if !is_same(&old, &new) => return Err((&rules::BOUND_OTHERWISE).into()),
        (None, Some(_)) => return Err((&rules::PHONE_TAKEN).into()),
        _ => {}
    }
    let bound = app.visitors.cloud.bind(cloud_url, &new.weixin_user_id, &new.phone).await;
    let bound = bound.map_err(|error| match error {
        WechatError::GiveUp { reason } => {
            tracing::warn!(reason, "the WeChat cloud service refused a binding");
            Error::from(&rules::WECHAT_REFUSED)
        }
        other => Error::unavailable(other.reason().to_owned()),
    })?;
    if new.role == BindingRole::Employee {
        return Ok(new);
    }
    let name = if bound.nick.is_empty() { new.name } else { bound.nick };
    let avatar = if bound.avatar.is_empty() { new.avatar } else { bound.avatar };
    Ok(Binding { name, avatar, ..new })
}

/// A race may be lost in our rows after the cloud service has taken the binding: it must not stay.
///
/// # Errors
/// What `bound` is, and when the database refuses.
pub async fn undo_if_refused<T>(app: &App, bound: Result<T, Error>, new: &Binding) -> Result<T, Error> {
    if let Err(error) = &bound
        && error.code() == Some(&rules::PHONE_TAKEN)
        && let Some(cloud_url) = settings::servers(app).await?.cloud()
        && let Err(error) = app.visitors.cloud.unbind(cloud_url, &new.weixin_user_id).await
    {
        tracing::warn!(reason = error.reason(), "a binding that was refused is still at the cloud service");
    }
    bound
}

/// Ends a binding; whether there was one.
///
/// # Errors
/// 503 when the cloud service does not answer: the binding then stays.
pub async fn end(app: &App, weixin_user_id: &str) -> Result<bool, Error> {
    let servers = settings::servers(app).await?;
    let mut was_bound = false;
    if let Some(cloud_url) = servers.cloud() {
        let unbound = app.visitors.cloud.unbind(cloud_url, weixin_user_id).await;
        was_bound = unbound.map_err(|error| Error::unavailable(error.reason().to_owned()))?;
    }
    let id = weixin_user_id.to_owned();
    was_bound |= app.db.write("visitors.unbind", move |tx| store::bindings::delete(tx, &id)).await?;
    Ok(was_bound)
}
