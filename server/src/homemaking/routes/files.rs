//! Uploading pictures (文件上传接口), and showing them.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::task::yield_now;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::Outcome;
use crate::app::App;
use crate::clock::{MINUTE, Millis, Now};
use crate::error::Error;
use crate::homemaking::caller::{TOKEN, user_of_token};
use crate::homemaking::codes;
use crate::homemaking::files::{self, Stored};
use crate::homemaking::store::files as rows;
use crate::homemaking::view::Form;
use crate::http::access::BaseUrl;
use crate::http::body;
use crate::http::body_memory::{Held, Share};
use crate::http::disposition::Disposition;
use crate::http::envelope::HomemakingReply;
use crate::http::idempotency::{self, Once};
use crate::http::limits::{self, ClientAddress};
use crate::images::{Format, foreign_extension};

/// The most files of one request.
const MOST_FILES: usize = 9;
/// The largest file, in bytes.
const MOST_BYTES: usize = 5 << 20;
/// The longest request: all files, with something for what stands between them. What is longer is cut
/// off while it arrives.
pub const LONGEST_BODY: usize = MOST_FILES * MOST_BYTES + (1 << 20);
/// How many files an address may upload in a minute; a form without any counts as one.
const PER_MINUTE: u32 = 120;
/// The longest name of a field or file, in characters.
const LONGEST_NAME: usize = 256;

/// A form with files, each in a field of its own, of any name.
pub struct UploadForm;

impl PartialSchema for UploadForm {
    fn schema() -> RefOr<Schema> {
        let picture = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("A picture (文件): JPEG, PNG, GIF or WebP by its content, at most 5 MiB."));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Pictures, each in a field of its own, of any name."))
            .additional_properties(Some(Schema::from(picture)))
            .min_properties(Some(1))
            .max_properties(Some(MOST_FILES))
            .into()
    }
}

impl ToSchema for UploadForm {}

/// A picture that was uploaded.
#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    /// Image id (图片 id).
    id: i64,
    /// The name of its field in the form (上传时指定的唯一参数名).
    key: String,
    /// Its address (图片 url 地址).
    path: String,
}

/// Upload pictures (文件上传). What nothing shows a day later is removed, without a `token` an hour later.
#[utoipa::path(post, path = "/homemaking/v1/file", tag = "homemaking",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, body = HomemakingReply<Vec<Uploaded>>)))]
pub async fn upload(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    BaseUrl(base): BaseUrl,
    request: Request,
) -> Outcome {
    body::expect_at_most(LONGEST_BODY, request.headers())?;
    let (now, caller) = (app.clock.now(), format!("upload from {address}"));
    count(&app, caller.clone(), now.at).await?;
    let (parts, body) = request.into_parts();
    let form = Multipart::from_request(Request::from_parts(parts.clone(), paced(body)), &app).await;
    let sender = Sender {
        name: caller.clone(),
        share: app.body_memory.share(address),
        stranger: (!has_token(&app, &parts.headers).await?).then_some(address),
        now: now.clone(),
    };
    let arrived = Arrived::read(&app, form.map_err(|_| &codes::NO_FILE)?, &sender).await?;
    let once = Once::of(&parts, arrived.contents().as_bytes(), &app.secrets)?;
    let (form, stored) = (Form::new(&app, &base), arrived.files);
    let kept = stored.clone();
    let reply = idempotency::write(
        &app,
        "homemaking.keep_files",
        (once, caller, &now),
        StatusCode::CREATED,
        move |tx| {
            let keep = |(key, file): &(String, Stored)| {
                let is_kept = rows::keep(tx, file.id)?;
                let uploaded = Uploaded { id: file.id, key: key.clone(), path: form.picture(&file.path) };
                is_kept.then_some(uploaded).ok_or_else(|| Error::internal("an upload is gone"))
            };
            stored.iter().map(keep).collect::<Result<Vec<_>, Error>>()
        },
    );
    match reply.await {
        Ok(reply) => Ok(reply),
        Err(error) => {
            discard(&app, &kept).await;
            Err(error)
        }
    }
}

/// Whether a user uploads. The document asks for no token here, so one that is not good is none.
async fn has_token(app: &App, headers: &HeaderMap) -> Result<bool, Error> {
    let token = headers.get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default().trim();
    Ok(!token.is_empty() && user_of_token(app, token).await?.is_some())
}

/// One chunk at a time: the form's reader would otherwise take in all that is there before it gives
/// anything. It looks twice before it waits, and takes an end it sees at the second look for a cut:
/// hence two pauses.
fn paced(body: Body) -> Body {
    let chunks = unfold((body.into_data_stream(), true), |(mut body, is_first)| async move {
        if !is_first {
            yield_now().await;
            yield_now().await;
        }
        body.next().await.map(|chunk| (chunk, (body, false)))
    });
    Body::from_stream(chunks)
}

async fn count(app: &App, name: String, at: Millis) -> Result<(), Error> {
    let counted = app.db.write("homemaking.count_upload", move |tx| limits::count(tx, &name, at, MINUTE));
    let counted = counted.await?;
    if counted.count > PER_MINUTE {
        return Err(Error::too_many_requests(counted.retry_after(at)));
    }
    Ok(())
}

async fn discard(app: &App, stored: &[(String, Stored)]) {
    let stored: Vec<_> = stored.iter().map(|(_, file)| file.clone()).collect();
    files::discard(app, &stored).await;
}

/// Who sends a form, and when it began.
struct Sender {
    name: String,
    share: Share,
    /// The address of somebody without a token.
    stranger: Option<IpAddr>,
    now: Now,
}

/// What has arrived of a form. Each file is stored before the next one is read, so a request holds one
/// file in memory.
#[derive(Default)]
struct Arrived {
    /// Each with the name of its field.
    files: Vec<(String, Stored)>,
}

impl Arrived {
    /// Reads the form to its end, even when it is refused in the middle: a client that is still sending
    /// would not see the reply.
    async fn read(app: &App, mut form: Multipart, sender: &Sender) -> Result<Self, Error> {
        let (mut arrived, mut refusal) = (Self::default(), None);
        loop {
            match form.next_field().await {
                Ok(Some(field)) if refusal.is_none() => {
                    refusal = arrived.take(app, field, sender).await.err();
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    refusal.get_or_insert_with(|| broken(&error));
                    break;
                }
            }
        }
        if refusal.is_none() && arrived.files.is_empty() {
            refusal = Some((&codes::NO_FILE).into());
        }
        match refusal {
            None => Ok(arrived),
            Some(refusal) => {
                discard(app, &arrived.files).await;
                Err(refusal)
            }
        }
    }

    /// A field with a file's name, or of a picture's media type, is a file; any other is none of ours.
    async fn take(&mut self, app: &App, field: Field<'_>, sender: &Sender) -> Result<(), Error> {
        let is_picture = field.content_type().is_some_and(|media_type| media_type.starts_with("image/"));
        let Disposition { name: key, file_name } = Disposition::of(field.headers());
        let Some(file_name) = file_name.or_else(|| is_picture.then(String::new)) else { return Ok(()) };
        let key = key.unwrap_or_default();
        if [&key, &file_name].into_iter().any(|name| name.chars().count() > LONGEST_NAME) {
            return Err(Error::malformed("参数名或文件名太长", "the name of a field or file is too long"));
        }
        let (bytes, _held) = content(&sender.share, field).await?;
        // A browser sends the field of a form in which nobody chose a file.
        if file_name.is_empty() && bytes.is_empty() {
            return Ok(());
        }
        if self.files.len() == MOST_FILES {
            return Err((&codes::TOO_MANY_FILES).into());
        }
        if let Some(extension) = foreign_extension(&file_name) {
            let (zh, en) = (format!(".{extension} 不是图片"), format!(".{extension} is no picture"));
            return Err(files::file_type(&zh, &en));
        }
        // The first one was counted with its form.
        if !self.files.is_empty() {
            count(app, sender.name.clone(), sender.now.at).await?;
        }
        self.files.push((key, files::store(app, bytes, sender.stranger, &sender.now).await?));
        Ok(())
    }

    /// What makes two uploads the same; the text between the files differs each time.
    fn contents(&self) -> String {
        self.files
            .iter()
            .map(|(key, file)| format!("{}\n{}\n", key.replace('\n', " "), file.sha256))
            .collect()
    }
}

/// A file's content, and the memory it takes.
async fn content(share: &Share, mut field: Field<'_>) -> Result<(Vec<u8>, Held), Error> {
    let (mut bytes, mut held) = (Vec::new(), Held::default());
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err((&codes::FILE_TOO_LARGE).into());
        }
        share.take(chunk.len(), &mut held)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, held))
}

fn broken(error: &MultipartError) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Error::body_too_large(LONGEST_BODY);
    }
    Error::malformed("上传的内容不完整", "the form did not arrive whole")
}

fn unavailable(cause: impl std::fmt::Display) -> Error {
    Error::unavailable(cause.to_string())
}

/// A picture has the same content for ever under its name.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A picture (图片).
#[utoipa::path(get, path = "/homemaking/storage/{day}/{name}", tag = "homemaking",
    params(("day" = String, Path, description = "When it was uploaded (上传日期), `YYYYMMDD`"),
           ("name" = String, Path, description = "Its name (文件名)")),
    responses((status = 200, content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"),
                                     (Vec<u8> = "image/webp"))),
              (status = 304)))]
pub async fn picture(
    State(app): State<App>,
    method: Method,
    Path((day, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let format = known_name(&day, &name).ok_or(&codes::NOT_FOUND)?;
    let tag = format!("\"{}\"", &name[..NAME_DIGITS]);
    let tag = HeaderValue::try_from(tag).map_err(|error| Error::internal(error.to_string()))?;
    let path = format!("{day}/{name}");
    if is_known_to(&headers, &tag) {
        app.storage.size(&path).await.map_err(unavailable)?.ok_or(&codes::NOT_FOUND)?;
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag), (CACHE_CONTROL, FOREVER)]).into_response());
    }
    let (size, body) = if method == Method::HEAD {
        let size = app.storage.size(&path).await.map_err(unavailable)?;
        (size.ok_or(&codes::NOT_FOUND)?, Body::empty())
    } else {
        let stored = app.storage.get(&path).await.map_err(unavailable)?.ok_or(&codes::NOT_FOUND)?;
        (stored.size, Body::from_stream(stored.content))
    };
    let media_type = HeaderValue::from_static(format.media_type());
    let headers =
        [(CONTENT_TYPE, media_type), (CONTENT_LENGTH, size.into()), (ETAG, tag), (CACHE_CONTROL, FOREVER)];
    Ok((headers, body).into_response())
}

const NAME_DIGITS: usize = 32;

/// The format of a name as we give them; nothing else is looked for.
fn known_name(day: &str, name: &str) -> Option<Format> {
    let (digits, extension) = name.split_once('.')?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_ours = day.len() == 8
        && day.bytes().all(|byte| byte.is_ascii_digit())
        && digits.len() == NAME_DIGITS
        && digits.bytes().all(is_hex);
    Format::ALL.into_iter().find(|format| is_ours && format.extension() == extension)
}

/// Whether a client that has the picture asks for another one.
fn is_known_to(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|value| value.split(',')).map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == "*" || one.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Format, known_name};

    #[test]
    fn only_names_as_we_give_them_are_looked_for() {
        let name = "45c172ec5263f9a742908ca4143d667a";
        assert_eq!(known_name("20210307", &format!("{name}.jpg")), Some(Format::Jpeg));
        for (day, name) in [
            ("20210307", format!("{name}.jpeg")),
            ("20210307", format!("{name}.svg")),
            ("20210307", name.to_owned()),
            ("20210307", format!("{}.jpg", name.to_uppercase())),
            ("20210307", format!("{}.jpg", &name[1..])),
            ("2021030", format!("{name}.jpg")),
            ("....%2F..", format!("{name}.jpg")),
            ("..", "secret.key".to_owned()),
        ] {
            assert_eq!(known_name(day, &name), None, "{day}/{name}");
        }
    }
}
