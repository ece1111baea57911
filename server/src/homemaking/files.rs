//! Uploaded pictures: cleaned and stored, claimed by what shows them, and removed when nothing does.
//!
//! A picture's row is written before its content and doomed until both are there, so a stop in between
//! leaves nothing that nobody knows of. Claiming and removing meet at the row: a doomed picture cannot
//! be claimed, and a claimed one is never doomed.

use std::net::IpAddr;

use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Millis, Now, SECOND, instant};
use crate::error::{Error, Text};
use crate::homemaking::store::files::{self as rows, NewFile, Since};
use crate::homemaking::{codes, view};
use crate::images::{self, Fault, Format, Picture, Words};
use crate::outbox::worker::{Done, Failed};

/// How long a user's picture waits for something that shows it, and a stranger's.
const UNUSED_FOR: Millis = DAY;
const UNCLAIMED_FOR: Millis = HOUR;
/// How often what nothing shows is looked for.
pub const LOOKED_FOR: Millis = 10 * MINUTE;

/// A picture that was stored and is not kept yet.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: i64,
    pub path: String,
    pub sha256: String,
}

/// What JavaScript still reads exactly.
const LARGEST_ID: i64 = (1 << 53) - 1;

/// Cleans a picture and stores it under a name nobody can guess. It stays only if its row is kept. What
/// comes from a `stranger`, who is known by an address only, counts in their budgets.
///
/// # Errors
/// [`codes::FILE_TYPE`], [`codes::TOO_MANY_PIXELS`], [`codes::FILE_NOT_SAVED`]; 429 when the address has
/// used its budget up.
pub async fn store(app: &App, bytes: Vec<u8>, stranger: Option<IpAddr>, now: &Now) -> Result<Stored, Error> {
    if stranger.is_some() {
        check_disk(app)?;
    }
    let cleaned = tokio::task::spawn_blocking(move || {
        let (format, picture) = clean(&bytes)?;
        let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, &picture.bytes));
        Ok::<_, Error>((format, picture, sha256))
    });
    let (format, picture, sha256) = cleaned.await.map_err(|error| Error::internal(error.to_string()))??;
    let (day, name) = (now.local().date().strftime("%Y%m%d"), hex::encode(app.ids.bytes::<16>()));
    let path = format!("{day}/{name}.{}", format.extension());
    let id = (i64::from_be_bytes(app.ids.bytes()) & LARGEST_ID).max(1);
    let new = NewFile {
        id,
        path: path.clone(),
        media_type: format.media_type(),
        bytes: i64::try_from(picture.bytes.len()).unwrap_or(i64::MAX),
        width: picture.width.into(),
        height: picture.height.into(),
        sha256: sha256.clone(),
        budget: stranger.map(|address| format!("{address} {day}")),
    };
    let (budgets, at) = (Budgets::new(app, now), now.at);
    app.db
        .write("homemaking.note_file", move |tx| {
            budgets.charge(tx, &new, at)?;
            rows::insert(tx, &new, at)
        })
        .await?;
    app.storage.put(&path, picture.bytes.into()).await.map_err(not_saved)?;
    Ok(Stored { id, path, sha256 })
}

fn clean(bytes: &[u8]) -> Result<(Format, Picture), Error> {
    let format = images::of_bytes(bytes).map_err(other_content)?;
    match images::clean(format, bytes) {
        Ok(picture) => Ok((format, picture)),
        Err(Fault::Malformed) => Err(file_type(
            &format!("内容是不完整或损坏的 {}", format.name()),
            &format!("the content is a {} that is cut off or damaged", format.name()),
        )),
        Err(Fault::TooManyPixels) => Err((&codes::TOO_MANY_PIXELS).into()),
    }
}

fn other_content((zh, en): Words) -> Error {
    file_type(&format!("内容是 {zh}，应为 jpg、png、gif 或 webp"), &format!("the content is {en}"))
}

/// 10004, with what was found.
#[must_use]
pub fn file_type(zh: &str, en: &str) -> Error {
    let code = &codes::FILE_TYPE;
    let message = Text { zh: format!("{}：{zh}", code.zh).into(), en: format!("{}: {en}", code.en).into() };
    Error { message, ..code.into() }
}

/// What strangers may keep here that nothing shows.
struct Budgets {
    per_address: i64,
    all: i64,
    day_ends_at: Millis,
}

impl Budgets {
    fn new(app: &App, now: &Now) -> Self {
        let settings = &app.config.storage;
        let any = |most: i64| if most == 0 { i64::MAX } else { most };
        let today = now.local().date();
        let day_ends_at = instant(now.zone(), today.tomorrow().unwrap_or(today).at(0, 0, 0, 0));
        Self { per_address: any(settings.unclaimed_per_address), all: any(settings.unclaimed), day_ends_at }
    }

    fn charge(&self, tx: &mut Tx<'_>, new: &NewFile, at: Millis) -> Result<(), Error> {
        let Some(budget) = &new.budget else { return Ok(()) };
        if !rows::charge(tx, budget, new.bytes, self.day_ends_at, self.per_address)? {
            let seconds = u32::try_from((self.day_ends_at - at + SECOND - 1) / SECOND).unwrap_or(1).max(1);
            let message = Text::fixed(
                "今天未登录上传的图片太多，请登录后再上传",
                "too many pictures were uploaded from here today without logging in",
            );
            return Err(Error { message, ..Error::too_many_requests(seconds) });
        }
        if !rows::charge(tx, rows::ALL, new.bytes, Millis::MAX, self.all)? {
            return Err(no_room("pictures that nothing shows have used up storage.unclaimed"));
        }
        Ok(())
    }
}

/// Strangers do not fill the disk that everything else needs.
fn check_disk(app: &App) -> Result<(), Error> {
    let free = app.storage.free().map_err(not_saved)?;
    let floor = u64::try_from(app.config.storage.free_floor).unwrap_or_default();
    if free.is_some_and(|free| free < floor) {
        return Err(no_room("the disk has less free than storage.free_floor"));
    }
    Ok(())
}

fn no_room(cause: &str) -> Error {
    tracing::warn!(cause, "a picture is refused");
    let message = Text::fixed(
        "文件保存失败：存储空间不足，请登录后再上传或稍后再试",
        "the file could not be saved: there is no room; log in first, or try again later",
    );
    Error { message, ..not_saved(cause) }
}

fn not_saved(cause: impl std::fmt::Display) -> Error {
    Error { cause: Some(cause.to_string()), ..(&codes::FILE_NOT_SAVED).into() }
}

/// Removes pictures that are not to be kept; what cannot be removed now is when its day has passed.
pub async fn discard(app: &App, stored: &[Stored]) {
    for one in stored {
        if let Err(error) = remove(app, one.id, &one.path).await {
            tracing::warn!(cause = error, "an upload that failed could not be removed yet");
        }
    }
}

async fn remove(app: &App, id: i64, path: &str) -> Result<(), String> {
    app.storage.remove(path).await.map_err(|error| error.to_string())?;
    let deleted = app.db.write("homemaking.forget_file", move |tx| rows::delete(tx, id));
    deleted.await.map_err(Error::reason)
}

/// Claims the pictures of ours among the `addresses` in `field` of a request. `storage` is where ours
/// are reached by this request; under other names of this server they are claimed too, if they are
/// there.
///
/// # Errors
/// Names the field when it shows a picture of ours that is not there.
pub fn claim(tx: &mut Tx<'_>, addresses: &[(String, String)], storage: &str, at: i64) -> Result<(), Error> {
    for (field, address) in addresses {
        let Some(path) = path_of(address) else { continue };
        if !rows::claim_path(tx, path, at)? && address.starts_with(storage) {
            return Err(Error::invalid(field, "没有这张图片", "there is no such image"));
        }
    }
    Ok(())
}

/// The path below our storage that an address names, whatever its host.
fn path_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let (_, path) = rest.split_once(view::storage("").as_str())?;
    path.split(['?', '#']).next()
}

/// Removes what nothing shows in time.
///
/// # Errors
/// When storage or database refuse; what is left is removed by the next try.
pub async fn clean_up(app: &App) -> Result<Done, Failed> {
    let at = app.clock.now().at;
    let since = Since { users: at - UNUSED_FOR, strangers: at - UNCLAIMED_FOR };
    loop {
        let doomed = app.db.write("homemaking.doom_files", move |tx| rows::doom(tx, since, at)).await?;
        if doomed.is_empty() {
            return Ok(Done::Again(at + LOOKED_FOR));
        }
        for (id, path) in doomed {
            remove(app, id, &path).await.map_err(|reason| Failed::Retry { reason, after: None })?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn our_pictures_are_known_by_their_path() {
        let cases = [
            ("https://book.example.com/homemaking/storage/20210307/45c1.jpg", Some("20210307/45c1.jpg")),
            ("http://127.0.0.1:8080/homemaking/storage/20210307/45c1.jpg?x=1#y", Some("20210307/45c1.jpg")),
            ("https://thirdwx.qlogo.cn/mmopen/132", None),
            ("/homemaking/storage/20210307/45c1.jpg", None),
        ];
        for (address, path) in cases {
            assert_eq!(path_of(address), path, "{address}");
        }
    }
}
