//! The employee directory: a copy of Koala's, which answers when Koala does not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use yuyue_db::Tx;

use crate::adapters::koala::{self, KoalaAccount};
use crate::app::{App, Mode};
use crate::clock::{Millis, SECOND};
use crate::error::Error;
use crate::parts::Left;
use crate::phone;
use crate::visitors::{BindingRole, settings, store};

/// How long a caller waits for Koala before the copy answers.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long Koala is left alone after it did not answer: callers must not wait one after the other.
const PAUSE: Millis = 10 * SECOND;

/// An employee as last read.
#[derive(Clone, Debug)]
pub struct Employee {
    pub subject_id: i64,
    pub name: String,
    pub phone: String,
    pub department: String,
    /// Where Koala keeps the picture.
    pub avatar_source: String,
    /// The name of our copy, once there is one.
    pub avatar: String,
}

impl From<koala::Employee> for Employee {
    fn from(theirs: koala::Employee) -> Self {
        let koala::Employee { id, name, phone, department, avatar } = theirs;
        Self { subject_id: id, name, phone, department, avatar_source: avatar, avatar: String::new() }
    }
}

/// What this node knows about the copy's age.
#[derive(Default)]
pub struct Freshness {
    /// Ours to ask Koala again, after it failed to answer.
    retry_at: AtomicI64,
    /// One refresh at a time; who waited for it need not repeat it.
    refreshing: tokio::sync::Mutex<()>,
}

impl Freshness {
    fn may_ask(&self, at: Millis) -> bool {
        let retry_at = self.retry_at.load(Ordering::Relaxed);
        // Further ahead than the pause is: the clock has been set back since.
        at >= retry_at || retry_at > at + PAUSE
    }

    fn failed(&self, at: Millis) {
        self.retry_at.store(at + PAUSE, Ordering::Relaxed);
    }

    /// Koala's address may have changed: whatever it answered before says nothing now.
    pub fn reset(&self) {
        self.retry_at.store(0, Ordering::Relaxed);
    }
}

/// Whether the copy is young enough to be believed about who is not in it.
async fn is_fresh(app: &App, at: Millis) -> Result<bool, Error> {
    let refreshed_at = app.db.point("visitors.directory", store::directory::refreshed_at).await?;
    Ok(refreshed_at > 0 && at - refreshed_at < app.config.visitors.directory_ttl)
}

/// Asks Koala for the whole directory if the copy is old; when Koala does not answer in time, the
/// old copy stays. Says whether the copy is fresh now.
///
/// # Errors
/// When the database refuses.
pub async fn keep_fresh(app: &App) -> Result<bool, Error> {
    let at = app.clock.now().at;
    if is_fresh(app, at).await? {
        return Ok(true);
    }
    let freshness = &app.visitors.directory;
    if !freshness.may_ask(at) {
        return Ok(false);
    }
    let _refreshing = freshness.refreshing.lock().await;
    if is_fresh(app, at).await? {
        return Ok(true);
    }
    if !freshness.may_ask(at) {
        return Ok(false);
    }
    match tokio::time::timeout(PATIENCE, refresh(app)).await {
        Ok(Ok(())) => is_fresh(app, at).await,
        Ok(Err(error)) => {
            tracing::warn!(cause = error.cause, "the employee directory could not be read; the copy serves");
            freshness.failed(at);
            Ok(false)
        }
        Err(_) => {
            tracing::warn!("Koala does not answer in time; the copy of the directory serves");
            freshness.failed(at);
            Ok(false)
        }
    }
}

/// Asks Koala for the directory if the copy is old; whether the copy may have changed by that.
///
/// # Errors
/// When the database refuses.
pub async fn was_refreshed(app: &App) -> Result<bool, Error> {
    if is_fresh(app, app.clock.now().at).await? {
        return Ok(false);
    }
    keep_fresh(app).await
}

/// Reads the whole directory.
///
/// # Errors
/// When Koala or the database does not answer.
pub async fn refresh(app: &App) -> Result<(), Error> {
    let servers = settings::servers(app).await?;
    let Some(account) = servers.koala() else { return Err(Error::unavailable("no Koala host is set")) };
    let at = app.clock.now().at;
    let before = app.db.point("visitors.directory", store::directory::refreshed_at).await?;
    let employees = app.visitors.koala.list_employees(&account).await;
    let employees = employees.map_err(|error| Error::unavailable(error.reason))?;
    let employees: Vec<Employee> = employees.into_iter().map(Employee::from).collect();
    let known = employees.iter().map(|employee| employee.subject_id).collect();
    for part in employees.chunks(PART) {
        let part = part.to_vec();
        let written = app.db.write("visitors.refresh_directory", move |tx| {
            if !store::directory::is_as_read(tx, before)? {
                return Ok(false);
            }
            part.iter().try_for_each(|employee| store::directory::upsert(tx, employee))?;
            Ok::<_, Error>(true)
        });
        if !written.await? {
            return Ok(());
        }
    }
    end_refresh(app, known, before, at).await
}

/// Rows that one part of a refresh writes.
const PART: usize = 499;

/// Takes out whom Koala no longer has; only then is the copy a fresh one. Another node that was quicker has
/// the last word: each part is for the directory as it was when Koala was asked.
async fn end_refresh(app: &App, known: BTreeSet<i64>, before: Millis, at: Millis) -> Result<(), Error> {
    loop {
        let known = known.clone();
        let left = app.db.write("visitors.refresh_directory", move |tx| {
            if !store::directory::is_as_read(tx, before)? {
                return Ok(Left::Nothing);
            }
            let all = store::directory::all_ids(tx)?;
            let mut gone = all.into_iter().filter(|id| !known.contains(id));
            gone.by_ref().take(PART - 1).try_for_each(|id| store::directory::delete(tx, id))?;
            if gone.next().is_some() {
                return Ok(Left::More);
            }
            store::directory::set_refreshed_at(tx, at)?;
            Ok::<_, Error>(Left::Nothing)
        });
        if left.await? == Left::Nothing {
            return Ok(());
        }
    }
}

/// Whether nothing is to be told to the employee of this name and phone, because they have left: callers
/// who must prove who they are visit nobody else, the others whoever they name, unless the phone's
/// WeChat is that of an employee whom the directory no longer has.
///
/// # Errors
/// When the database refuses.
pub fn has_left(app: &App, tx: &mut Tx<'_>, name: &str, phone: &str) -> Result<bool, Error> {
    if store::directory::find(tx, name, phone)?.is_some() {
        return Ok(false);
    }
    if app.mode == Mode::Enforced {
        return Ok(true);
    }
    let bound = store::bindings::holder(tx, &phone::key(phone), BindingRole::Employee)?;
    Ok(bound.is_some_and(|bound| !bound.is_valid))
}

/// The employee with this name and phone: from the copy, else from Koala itself, which may know
/// somebody who came after the copy was made.
///
/// # Errors
/// 503 when the copy does not know the employee, is old, and Koala does not answer.
pub async fn find(app: &App, name: &str, phone: &str) -> Result<Option<Employee>, Error> {
    let is_fresh = keep_fresh(app).await?;
    if let Some(found) = cached(app, name, phone).await? {
        return Ok(Some(found));
    }
    match ask(app, name, phone).await {
        Ok(Some(found)) => {
            let row = found.clone();
            app.db.write("visitors.employee", move |tx| store::directory::upsert(tx, &row)).await?;
            cached(app, name, phone).await
        }
        Ok(None) => Ok(None),
        Err(_) if is_fresh => Ok(None),
        Err(error) => Err(error),
    }
}

/// The employee with this name and phone in the copy, which is brought up to date if it can be.
///
/// # Errors
/// When the database refuses.
pub async fn look_up(app: &App, name: &str, phone: &str) -> Result<Option<Employee>, Error> {
    keep_fresh(app).await?;
    cached(app, name, phone).await
}

async fn cached(app: &App, name: &str, phone: &str) -> Result<Option<Employee>, Error> {
    let (name, phone) = (name.to_owned(), phone.to_owned());
    app.db.point("visitors.employee", move |tx| store::directory::find(tx, &name, &phone)).await
}

async fn ask(app: &App, name: &str, phone: &str) -> Result<Option<Employee>, Error> {
    let at = app.clock.now().at;
    if !app.visitors.directory.may_ask(at) {
        return Err(Error::unavailable("Koala did not answer a moment ago"));
    }
    let Some(account) = settings::servers(app).await?.koala() else {
        return Err(Error::unavailable("no Koala host is set"));
    };
    let asked = app.visitors.koala.find_staff(&account, name, phone);
    let found = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            app.visitors.directory.failed(at);
            return Err(Error::unavailable(error.reason));
        }
        Err(_) => {
            app.visitors.directory.failed(at);
            return Err(Error::unavailable("Koala does not answer in time"));
        }
    };
    Ok(found.into_iter().map(Employee::from).next())
}

/// The name of our copy of the employee's picture, made now if there is none yet; "" without one.
///
/// # Errors
/// When the database refuses.
pub async fn avatar(app: &App, employee: &Employee) -> Result<String, Error> {
    if !employee.avatar.is_empty() || employee.avatar_source.is_empty() {
        return Ok(employee.avatar.clone());
    }
    let at = app.clock.now().at;
    let Some(account) = settings::servers(app).await?.koala() else { return Ok(String::new()) };
    if !app.visitors.directory.may_ask(at) {
        return Ok(String::new());
    }
    let Some(picture) = download(app, &account, &employee.avatar_source).await else {
        return Ok(String::new());
    };
    let (id, source) = (employee.subject_id, employee.avatar_source.clone());
    let (name, phone) = (employee.name.clone(), employee.phone.clone());
    app.db
        .write("visitors.avatar", move |tx| store::directory::save_avatar(tx, (id, &source), &picture, at))
        .await?;
    Ok(cached(app, &name, &phone).await?.map(|employee| employee.avatar).unwrap_or_default())
}

async fn download(app: &App, account: &KoalaAccount, source: &str) -> Option<store::directory::Picture> {
    use base64::Engine as _;
    let asked = app.visitors.koala.download_avatar(account, source);
    let reason = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(avatar)) => {
            // Its name is a random one: whoever has it was shown the picture.
            let name = format!("{}.{}", hex::encode(app.ids.bytes::<16>()), avatar.kind.extension());
            let media = match avatar.kind {
                koala::ImageKind::Jpeg => "image/jpeg",
                koala::ImageKind::Png => "image/png",
            };
            let body = base64::engine::general_purpose::STANDARD.encode(avatar.bytes);
            return Some(store::directory::Picture { name, media: media.into(), body });
        }
        Ok(Err(error)) => error.reason,
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(reason, "an employee's picture could not be copied");
    None
}
