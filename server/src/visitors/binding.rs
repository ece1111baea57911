//! The binding of a WeChat (微信绑定): at the cloud service where one is set, of which our row is a
//! copy, and in our row alone otherwise.
//!
//! A binding is a row before the cloud service is asked, so that two callers meet in our database and
//! not out there. Such a row is under way until the service has answered; one that nobody finished is
//! settled by a timer, which asks the service what became of it.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use yuyue_db::Tx;

use crate::adapters::wechat::{CloudBinding, WechatError};
use crate::app::App;
use crate::clock::{DAY, MINUTE, Millis, Now};
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::http::idempotency::{self, Once};
use crate::outbox::worker::Failed;
use crate::outbox::{NewJob, enqueue};
use crate::phone;
use crate::sms_codes;
use crate::staff::{StaffMember, record_if_staff};
use crate::text::name_key;
use crate::visitors::store::bindings::{self as rows, Kept};
use crate::visitors::{Binding, BindingRole, jobs, rules, settings};

/// How long a caller may take to finish; then the timer does.
const LEFT_OVER: Millis = MINUTE;

/// Why a phone is believed to be the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nobody asked, or it was proved when it was bound.
    None,
    /// The code of this id, used up by binding.
    Code(i64),
    /// Staff vouch for it.
    Staff,
}

/// The binding of a WeChat: from the cloud service where one is set, which our row is a copy of, and
/// which answers when the service does not.
///
/// # Errors
/// When the database refuses.
pub async fn current(app: &App, weixin_user_id: &str) -> Result<Option<Kept>, Error> {
    let id = weixin_user_id.to_owned();
    // Read before the service is asked: what is bound later is not judged by an older answer.
    let ours = app.db.point("visitors.binding", move |tx| rows::find(tx, &id)).await?;
    if ours.as_ref().is_some_and(|ours| ours.is_under_way) {
        return Ok(None);
    }
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
        (None, None) => Ok(None),
        (Some(ours), Some(theirs)) if ours.phone_key == phone::key(&theirs.phone) => Ok(Some(ours)),
        (ours, theirs) => take_over(app, ours, theirs).await,
    }
}

/// Makes our copy what the cloud service says. The service knows neither roles nor names, so what it
/// tells is a visitor: an employee is only who was found in the directory by name and phone.
async fn take_over(
    app: &App,
    ours: Option<Kept>,
    theirs: Option<CloudBinding>,
) -> Result<Option<Kept>, Error> {
    let at = app.clock.now().at;
    app.db
        .write("visitors.take_over", move |tx| {
            if let Some(ours) = &ours {
                rows::delete_row(tx, ours.id)?;
            }
            let Some(theirs) = theirs.clone() else { return Ok(None) };
            let binding = Binding {
                weixin_user_id: theirs.weixin_user_id.clone(),
                role: BindingRole::Visitor,
                phone: theirs.phone,
                name: theirs.nick,
                avatar: theirs.avatar,
            };
            if rows::insert(tx, &binding, at, Some(at))?.is_none() {
                tracing::warn!("the cloud service has bound a phone that another WeChat holds here");
            }
            let kept = rows::find(tx, &theirs.weixin_user_id)?;
            Ok(kept.filter(|kept| !kept.is_under_way))
        })
        .await
}

/// The nickname is WeChat's to change; an employee's name is part of what was bound.
fn is_same(old: &Kept, new: &Binding) -> bool {
    old.binding.role == new.role
        && old.phone_key == phone::key(&new.phone)
        && (new.role == BindingRole::Visitor || name_key(&old.binding.name) == name_key(&new.name))
}

/// Whether the WeChat is bound like this, and the phone proved, already.
///
/// # Errors
/// When the database refuses.
pub async fn is_proved(app: &App, new: &Binding) -> Result<bool, Error> {
    let id = new.weixin_user_id.clone();
    let old = app.db.point("visitors.binding", move |tx| rows::find(tx, &id)).await?;
    Ok(old.is_some_and(|old| old.is_proved && old.is_valid && !old.is_under_way && is_same(&old, new)))
}

/// A binding to be made.
#[derive(Clone)]
struct Attempt {
    new: Binding,
    proof: Proof,
    at: Millis,
    /// Whether a phone that nobody proved gives way to one who does.
    proof_counts: bool,
}

impl Attempt {
    /// Takes the place in our rows: written, or there already with the same data.
    fn reserve(&self, tx: &mut Tx<'_>, bound_at: Option<Millis>) -> Result<Kept, Error> {
        self.make_room(tx)?;
        let id = &self.new.weixin_user_id;
        let is_new = rows::insert(tx, &self.new, self.at, bound_at)?.is_some();
        match rows::find(tx, id)? {
            None => Err((&rules::PHONE_TAKEN).into()),
            Some(kept) if is_new || is_same(&kept, &self.new) => Ok(kept),
            Some(_) => Err((&rules::BOUND_OTHERWISE).into()),
        }
    }

    /// An employee who has left holds neither the WeChat nor the number, and who only named a number
    /// does not hold it against who proves it.
    fn make_room(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let old = rows::find(tx, &self.new.weixin_user_id)?;
        if let Some(old) = old.filter(|old| !old.is_valid && !is_same(old, &self.new)) {
            rows::delete_row(tx, old.id)?;
        }
        let Some(holder) = rows::holder(tx, &phone::key(&self.new.phone), self.new.role)? else {
            return Ok(());
        };
        let is_proved = self.proof_counts && self.proof != Proof::None;
        let yields = !holder.is_valid || (is_proved && !holder.is_proved && !holder.is_under_way);
        if holder.binding.weixin_user_id != self.new.weixin_user_id && yields {
            rows::delete_row(tx, holder.id)?;
            enqueue_unbind(tx, &holder.binding.weixin_user_id, self.at)?;
        }
        Ok(())
    }

    /// Finishes what is reserved.
    fn confirm(&self, tx: &mut Tx<'_>, kept: &Kept, profile: (&str, &str)) -> Result<Binding, Error> {
        if let Proof::Code(id) = self.proof
            && !sms_codes::take(tx, id, self.at)?
        {
            return Err((&rules::CODE_WRONG).into());
        }
        let proved_at = (self.proof != Proof::None).then_some(self.at);
        if !rows::confirm(tx, kept.id, proved_at, self.at)? {
            return Err(Error::unavailable("a binding was ended while it was being made"));
        }
        let (name, avatar) = profile;
        if self.new.role == BindingRole::Employee || name.is_empty() {
            return Ok(kept.binding.clone());
        }
        rows::set_profile(tx, kept.id, name, avatar)?;
        Ok(Binding { name: name.to_owned(), avatar: avatar.to_owned(), ..kept.binding.clone() })
    }
}

/// Binds; the reply is made of what is bound then.
///
/// # Errors
/// [`rules::PHONE_TAKEN`], [`rules::BOUND_OTHERWISE`], [`rules::CODE_WRONG`], and what the cloud service
/// says.
pub async fn bind<T: Serialize>(
    app: &App,
    (new, proof, staff): (Binding, Proof, Option<StaffMember>),
    (once, caller, now): (Option<Once>, String, &Now),
    reply: impl Fn(Binding) -> T + Send + 'static,
) -> Result<Reply, Error> {
    let proof_counts = app.must_prove_phone();
    let attempt = Attempt { new, proof, at: now.at, proof_counts };
    let servers = settings::servers(app).await?;
    let is_repeatable = once.is_some();
    let once = (once, caller, now);
    let Some(cloud_url) = servers.cloud() else {
        return idempotency::write(app, "visitors.bind", once, StatusCode::OK, move |tx| {
            let kept = attempt.reserve(tx, Some(attempt.at))?;
            let (name, avatar) = (&attempt.new.name, &attempt.new.avatar);
            let bound = attempt.confirm(tx, &kept, (name, avatar))?;
            record(tx, staff.as_ref(), &bound, attempt.at)?;
            Ok(reply(bound))
        })
        .await;
    };
    let reserving = attempt.clone();
    let kept = app.db.write("visitors.reserve", move |tx| reserving.reserve(tx, None)).await?;
    let bound = bind_at_cloud(app, cloud_url, &kept).await?;
    let name = if bound.nick.is_empty() { attempt.new.name.clone() } else { bound.nick };
    let avatar = if bound.avatar.is_empty() { attempt.new.avatar.clone() } else { bound.avatar };
    let reserved = kept.clone();
    let confirmed = idempotency::write(app, "visitors.bind", once, StatusCode::OK, move |tx| {
        let bound = attempt.confirm(tx, &kept, (&name, &avatar))?;
        record(tx, staff.as_ref(), &bound, attempt.at)?;
        Ok(reply(bound))
    });
    let confirmed = confirmed.await;
    // A repeat of a request gets its reply again, and binds nothing again.
    if confirmed.is_err() || (is_repeatable && reserved.is_under_way) {
        abandon(app, &reserved, true).await?;
    }
    confirmed
}

/// A binding that staff made. Its phone is left out: the log must not keep what is erased.
fn record(tx: &mut Tx<'_>, staff: Option<&StaffMember>, bound: &Binding, at: Millis) -> Result<(), Error> {
    let (target, after) =
        (format!("wechat {}", bound.weixin_user_id), json!({ "type": bound.role.as_str() }));
    record_if_staff(tx, staff, "binding.add", &target, &after, at)
}

/// Binds at the cloud service what is reserved here, in the spelling in which it is kept.
async fn bind_at_cloud(app: &App, cloud_url: &str, kept: &Kept) -> Result<CloudBinding, Error> {
    let cloud = &app.visitors.cloud;
    let (id, phone) = (&kept.binding.weixin_user_id, &kept.binding.phone);
    let reason = match cloud.bind(cloud_url, id, phone).await {
        Ok(bound) => return Ok(bound),
        Err(WechatError::GiveUp { reason }) => reason,
        // It may have been done: the row stays until the timer has asked.
        Err(error) => return Err(Error::unavailable(error.reason().to_owned())),
    };
    // The service compares texts, and may know the number in another spelling.
    if let Ok(Some(theirs)) = cloud.binding(cloud_url, id).await
        && phone::key(&theirs.phone) == kept.phone_key
    {
        return Ok(theirs);
    }
    tracing::warn!(reason, "the WeChat cloud service refused a binding");
    abandon(app, kept, false).await?;
    Err((&rules::WECHAT_REFUSED).into())
}

/// Takes a reservation back that came to nothing, and from the cloud service what is there of it.
async fn abandon(app: &App, kept: &Kept, is_at_cloud: bool) -> Result<(), Error> {
    let (id, user, at) = (kept.id, kept.binding.weixin_user_id.clone(), app.clock.now().at);
    app.db
        .write("visitors.abandon", move |tx| {
            rows::delete_under_way(tx, id)?;
            // What is bound by now, by whomever, stays.
            if is_at_cloud && rows::find(tx, &user)?.is_none() {
                enqueue_unbind(tx, &user, at)?;
            }
            Ok(())
        })
        .await
}

/// Ends a binding, of which `staff` may be the one who does; whether this call did. Of several at once one does.
///
/// # Errors
/// 503 when the cloud service does not answer: the binding then stays.
pub async fn end(app: &App, weixin_user_id: &str, staff: Option<StaffMember>) -> Result<bool, Error> {
    let servers = settings::servers(app).await?;
    let (id, at) = (weixin_user_id.to_owned(), app.clock.now().at);
    let end = move |tx: &mut Tx<'_>, id: &str, was_theirs: bool| {
        let was_bound = rows::delete(tx, id)? || was_theirs;
        if was_bound {
            let target = format!("wechat {id}");
            record_if_staff(tx, staff.as_ref(), "binding.end", &target, &Value::Null, at)?;
        }
        Ok::<_, Error>(was_bound)
    };
    let Some(cloud_url) = servers.cloud() else {
        return app.db.write("visitors.unbind", move |tx| end(tx, &id, false)).await;
    };
    let find = id.clone();
    let ours = app.db.point("visitors.binding", move |tx| rows::find(tx, &find)).await?;
    let unbound = app.visitors.cloud.unbind(cloud_url, weixin_user_id).await;
    let was_theirs = unbound.map_err(|error| Error::unavailable(error.reason().to_owned()))?;
    // Our row decides; without one, who took it from the service was the one.
    app.db.write("visitors.unbind", move |tx| end(tx, &id, was_theirs && ours.is_none())).await
}

/// A WeChat that the cloud service is to forget.
#[derive(Serialize, Deserialize)]
pub struct Unbind {
    weixin_user_id: String,
}

/// Writes the job that takes a binding from the cloud service, if there is one by then.
///
/// # Errors
/// When the database refuses.
pub fn enqueue_unbind(tx: &mut Tx<'_>, weixin_user_id: &str, at: Millis) -> Result<(), Error> {
    let payload = serde_json::to_string(&Unbind { weixin_user_id: weixin_user_id.to_owned() });
    let payload = payload.map_err(|error| Error::internal(error.to_string()))?;
    let job =
        NewJob { kind: jobs::UNBIND, recipient: "", payload: &payload, due_at: at, deadline: at + 7 * DAY };
    enqueue(tx, &job, at)?;
    Ok(())
}

/// Does what [`enqueue_unbind`] wrote down, unless the WeChat is bound again.
///
/// # Errors
/// What the cloud service or the database says.
pub async fn unbind_at_cloud(app: &App, unbind: &Unbind) -> Result<(), Failed> {
    let servers = settings::servers(app).await?;
    let id = unbind.weixin_user_id.clone();
    let ours = app.db.point("visitors.binding", move |tx| rows::find(tx, &id)).await?;
    if let (Some(cloud_url), None) = (servers.cloud(), ours) {
        app.visitors.cloud.unbind(cloud_url, &unbind.weixin_user_id).await?;
    }
    Ok(())
}

/// Settles what was left under way: what the cloud service took is bound, anything else is not.
///
/// # Errors
/// When the database refuses.
pub async fn settle_left_over(app: &App) -> Result<(), Error> {
    let at = app.clock.now().at;
    let left_over = app.db.point("visitors.left_over", move |tx| rows::left_over(tx, at - LEFT_OVER)).await?;
    if left_over.is_empty() {
        return Ok(());
    }
    let servers = settings::servers(app).await?;
    for kept in left_over {
        let user = &kept.binding.weixin_user_id;
        let theirs = match servers.cloud() {
            None => None,
            Some(cloud_url) => match app.visitors.cloud.binding(cloud_url, user).await {
                Ok(theirs) => theirs,
                // The next round asks again.
                Err(_) => continue,
            },
        };
        let is_taken = theirs.is_some_and(|theirs| phone::key(&theirs.phone) == kept.phone_key);
        app.db
            .write("visitors.settle_binding", move |tx| {
                // Nobody used up a code for it: it is bound, and not proved.
                if is_taken {
                    rows::confirm(tx, kept.id, None, at).map(drop)
                } else {
                    rows::delete_under_way(tx, kept.id).map(drop)
                }
            })
            .await?;
    }
    Ok(())
}
