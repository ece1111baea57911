//! Uploaded pictures: cleaned and stored, claimed by what shows them, and removed when nothing does.
//!
//! A picture's row is written before its content and doomed until both are there, so a stop in between
//! leaves nothing that nobody knows of. Claiming and removing meet at the row: a doomed picture cannot
//! be claimed, and a claimed one is never doomed.

use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{DAY, HOUR, Now};
use crate::error::Error;
use crate::homemaking::store::files::{self as rows, NewFile};
use crate::homemaking::{codes, view};
use crate::images::{self, Fault, Format};
use crate::outbox::worker::{Done, Failed};

/// How long a picture waits for something that shows it.
const UNUSED_FOR: i64 = DAY;

/// A picture that was stored and is not kept yet.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: i64,
    pub path: String,
    pub sha256: String,
}

/// What JavaScript still reads exactly.
const LARGEST_ID: i64 = (1 << 53) - 1;

/// Cleans a picture and stores it under a name nobody can guess. It stays only if its row is kept.
///
/// # Errors
/// [`codes::FILE_TYPE`], [`codes::TOO_MANY_PIXELS`], [`codes::FILE_NOT_SAVED`].
pub async fn store(app: &App, format: Format, bytes: Vec<u8>, now: &Now) -> Result<Stored, Error> {
    let cleaned = tokio::task::spawn_blocking(move || {
        let picture = images::clean(format, &bytes)?;
        let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, &picture.bytes));
        Ok((picture, sha256))
    });
    let (picture, sha256) =
        cleaned.await.map_err(|error| Error::internal(error.to_string()))?.map_err(refusal)?;
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
    };
    let at = now.at;
    app.db.write("homemaking.note_file", move |tx| rows::insert(tx, &new, at)).await?;
    app.storage.put(&path, picture.bytes.into()).await.map_err(not_saved)?;
    Ok(Stored { id, path, sha256 })
}

fn refusal(fault: Fault) -> Error {
    match fault {
        Fault::Malformed => (&codes::FILE_TYPE).into(),
        Fault::TooManyPixels => (&codes::TOO_MANY_PIXELS).into(),
    }
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
    deleted.await.map_err(|error| error.cause.unwrap_or_default())
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

/// Removes, every hour, what nothing shows a day after it came.
///
/// # Errors
/// When storage or database refuse; what is left is removed by the next try.
pub async fn clean_up(app: &App) -> Result<Done, Failed> {
    let at = app.clock.now().at;
    loop {
        let doomed =
            app.db.write("homemaking.doom_files", move |tx| rows::doom(tx, at - UNUSED_FOR, at)).await?;
        if doomed.is_empty() {
            return Ok(Done::Again(at + HOUR));
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
