//! Reading requests: JSON bodies and queries into structs of [`crate::http::fields`].

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{Error, Kind};
use crate::http::fields::{Expected, REQUIRED};
use crate::http::idempotency::Once;
use crate::http::{body, characters};
use crate::secrets::Secrets;

/// The most bytes of a JSON body.
pub const BODY_LIMIT: usize = 1 << 20;

/// The most bytes of a body that brings pictures.
pub const LARGE_BODY_LIMIT: usize = 8 << 20;

/// A JSON body of at most `LIMIT` bytes, with the request's Idempotency-Key if it has one.
pub struct Input<T, const LIMIT: usize = BODY_LIMIT> {
    pub value: T,
    pub once: Option<Once>,
}

impl<T: DeserializeOwned + Send + 'static, const LIMIT: usize> FromRequest<App> for Input<T, LIMIT> {
    type Rejection = Error;

    /// Runs last, as whatever reads the body does: who calls has been judged by then.
    async fn from_request(request: Request, app: &App) -> Result<Self, Error> {
        let (value, once) = read_json::<T, _, LIMIT>(request, app, Once::of).await?;
        Ok(Self { value, once })
    }
}

/// As [`Input`], for what must not be done twice when its caller could not learn that it was done: without an
/// Idempotency-Key the request is known by its body.
pub struct InputOnce<T, const LIMIT: usize = BODY_LIMIT> {
    pub value: T,
    pub once: Once,
}

impl<T: DeserializeOwned + Send + 'static, const LIMIT: usize> FromRequest<App> for InputOnce<T, LIMIT> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self, Error> {
        let (value, once) = read_json::<T, _, LIMIT>(request, app, Once::named_or_not).await?;
        Ok(Self { value, once })
    }
}

/// How a request tells which other one it repeats, by its head and body.
type Naming<O> = fn(&Parts, &[u8], &Secrets) -> Result<O, Error>;

async fn read_json<T, O, const LIMIT: usize>(
    request: Request,
    app: &App,
    naming: Naming<O>,
) -> Result<(T, O), Error>
where
    T: DeserializeOwned + Send + 'static,
    O: Send + 'static,
{
    let (mut parts, body) = request.into_parts();
    // Clients that send nothing still name the type they would have sent.
    let is_json = is_json(&parts);
    let whole = body::read(if is_json { LIMIT } else { 0 }, &mut parts, body, app).await;
    let is_foreign = |error: &Error| !is_json && error.kind == Kind::BodyTooLarge;
    let whole = whole.map_err(|e| if is_foreign(&e) { Error::unsupported_media_type() } else { e })?;
    let parse = move |parts: &Parts, body: &[u8], secrets: &Secrets| {
        let once = naming(parts, body, secrets)?;
        Ok((parse_json(body)?, once))
    };
    if !whole.is_large() {
        return parse(&parts, &whole.bytes, &app.secrets);
    }
    let closed = |_| Error::unavailable("the server is stopping");
    let turn = Arc::clone(&app.body_memory.readers).acquire_owned().await.map_err(closed)?;
    let secrets = app.secrets.clone();
    let read = tokio::task::spawn_blocking(move || {
        let (_turn, whole) = (turn, whole);
        parse(&parts, &whole.bytes, &secrets)
    });
    read.await.map_err(|error| Error::internal(error.to_string()))?
}

/// Whether the body is JSON by its Content-Type; without one it is.
fn is_json(parts: &Parts) -> bool {
    let Some(content_type) = parts.headers.get(CONTENT_TYPE) else { return true };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case("+json"))
}

/// Reads a JSON object; nothing at all counts as `{}`.
fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let not_json = || Error::malformed("JSON 格式错误", "the body is not valid JSON");
    let body = if body.trim_ascii().is_empty() { b"{}".as_slice() } else { body };
    // serde would also read a struct from an array, by position.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::malformed("请求内容应为 JSON 对象", "the body must be a JSON object"));
    }
    let text = std::str::from_utf8(body).map_err(|_| not_json())?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| explain(&error))?;
    json.end().map_err(|_| not_json())?;
    characters::expect_clean_json(text)?;
    Ok(value)
}

/// Parameters of the query string. `null` and `undefined`, which JavaScript's clients make of what they do not
/// have, count as left out.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let given = pairs.filter(|(_, value)| !matches!(value.as_ref(), "null" | "undefined"));
        let object = given.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
        let value = serde_json::Value::Object(object);
        serde_path_to_error::deserialize(value).map(Self).map_err(|error| explain(&error))
    }
}

/// A path segment that should be an id above 0.
pub struct PathId(pub i64);

impl FromRequestParts<App> for PathId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let segment = axum::extract::Path::<String>::from_request_parts(parts, app).await.ok();
        let id = segment.and_then(|segment| segment.parse().ok()).filter(|id| *id > 0);
        id.map(Self).ok_or_else(|| Error::invalid("id", "应为大于 0 的整数", "expected an integer above 0"))
    }
}

/// Names the field and says what was expected, from what serde reports.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let inner = error.inner();
    if inner.is_syntax() || inner.is_eof() {
        return Error::malformed("JSON 格式错误", "the body is not valid JSON");
    }
    let message = inner.to_string();
    // serde_json appends the position to what a field said.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let path = error.path().to_string();
    let field = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(name) = quoted_after(message, "missing field") {
        return Error::invalid(&field(name), &REQUIRED.zh, &REQUIRED.en);
    }
    if let Some(name) = quoted_after(message, "duplicate field") {
        return Error::invalid(&field(name), "重复出现", "is given more than once");
    }
    match Expected::from_message(message) {
        Some(expected) => Error::invalid(&path, &expected.zh, &expected.en),
        None => Error::invalid(&path, "类型不正确", "has the wrong type"),
    }
}

fn quoted_after<'m>(message: &'m str, words: &str) -> Option<&'m str> {
    message.strip_prefix(words)?.trim_start().strip_prefix('`')?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::{Flag, Name, optional};

    #[derive(Debug, serde::Deserialize)]
    struct Wanted {
        #[serde(alias = "right_name")]
        name: Name,
        #[serde(default, deserialize_with = "optional")]
        flag: Option<Flag>,
        #[serde(default)]
        people: Vec<Person>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Person {
        #[expect(dead_code, reason = "only its parsing is of interest")]
        name: Name,
    }

    fn read(body: &str) -> Result<Wanted, String> {
        parse_json(body.as_bytes()).map_err(|error| error.message.en.into_owned())
    }

    #[test]
    fn every_mistake_names_its_field() {
        let cases = [
            ("{}", "name: is required"),
            ("", "name: is required"),
            (r#"{"name":null}"#, "name: is required"),
            (r#"{"name":" "}"#, "name: is required"),
            (r#"{"name":7}"#, "name: expected text"),
            (r#"{"name":"x","flag":2}"#, "flag: expected 0 or 1"),
            (r#"{"name":"x","right_name":"y"}"#, "name: is given more than once"),
            (r#"{"name":"x","people":[{"name":"y"},{}]}"#, "people[1].name: is required"),
            (r#"{"name":"x","people":[{"name":1}]}"#, "people[0].name: expected text"),
            (r#"{"name":"x","people":5}"#, "people: has the wrong type"),
            (r#"{"name":"x""#, "the body is not valid JSON"),
            (r#"{"name":"x"} y"#, "the body is not valid JSON"),
            (r#"["x"]"#, "the body must be a JSON object"),
            ("\"x\"", "the body must be a JSON object"),
        ];
        for (body, expected) in cases {
            assert_eq!(read(body).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn aliases_unknown_fields_and_empty_options_are_fine() {
        let read = read(r#"{"right_name":"x","flag":"","other":{"a":[1]}}"#).unwrap();
        assert_eq!((read.name.as_str(), read.flag, read.people.len()), ("x", None, 0));
    }
}
