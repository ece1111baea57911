//! Turns what handlers return into the body each product's document promises.
//!
//! Handlers return [`Reply`] or [`Error`] without knowing the product; both travel to the product's
//! layer as response extensions. Extractors' errors take the same way, so every reply of a product
//! has one shape.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, ETAG, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Kind};
use crate::http::characters;
use crate::http::log::{self, RequestId};

/// A success: data, and the status where the product uses one.
#[derive(Clone)]
pub struct Reply {
    status: StatusCode,
    data: Option<Vec<u8>>,
    /// The product's page object, beside the data (visitors).
    page: Option<Vec<u8>>,
    /// The version of a document that is replaced as a whole.
    version: Option<String>,
    /// Set on a replayed reply: it carries the id of the request it first answered.
    request_id: Option<RequestId>,
}

impl Reply {
    /// 200 with `data`.
    ///
    /// # Errors
    /// When `data` cannot be written as JSON, which is a bug.
    pub fn ok(data: &impl Serialize) -> Result<Self, Error> {
        Self::with_status(StatusCode::OK, data)
    }

    /// 201 with `data`.
    ///
    /// # Errors
    /// As [`Reply::ok`].
    pub fn created(data: &impl Serialize) -> Result<Self, Error> {
        Self::with_status(StatusCode::CREATED, data)
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, data: None, page: None, version: None, request_id: None }
    }

    /// Any status with `data`.
    ///
    /// # Errors
    /// As [`Reply::ok`].
    pub fn with_status(status: StatusCode, data: &impl Serialize) -> Result<Self, Error> {
        let data = serde_json::to_vec(data).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { status, data: Some(data), page: None, version: None, request_id: None })
    }

    /// 200 with `data` and the `page` object beside it.
    ///
    /// # Errors
    /// As [`Reply::ok`].
    pub fn paged(data: &impl Serialize, page: &impl Serialize) -> Result<Self, Error> {
        let page = serde_json::to_vec(page).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { page: Some(page), ..Self::ok(data)? })
    }

    pub(crate) fn replayed(status: StatusCode, data: String, request_id: RequestId) -> Self {
        let data = Some(data.into_bytes());
        Self { status, data, page: None, version: None, request_id: Some(request_id) }
    }

    /// The same, with the document's version as its `ETag`.
    #[must_use]
    pub fn with_version(self, version: String) -> Self {
        Self { version: Some(version), ..self }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// Slots (000): the body of a success.
#[derive(Serialize, ToSchema)]
pub struct SlotsReply<T> {
    /// What was asked for (数据).
    pub data: T,
    /// `success` (错误信息).
    #[schema(schema_with = the_word_success)]
    pub error_msg: String,
    /// 0 (错误码).
    #[schema(schema_with = zero)]
    pub error_no: i64,
    /// The request's id, a UUID (请求编号), also in `X-Request-Id`.
    pub request_id: String,
}

/// Slots (000): the body of an error.
#[derive(Serialize, ToSchema)]
pub struct SlotsError {
    /// null (数据).
    #[schema(schema_with = null)]
    pub data: (),
    /// What went wrong, naming the field (错误信息).
    #[schema(min_length = 1)]
    pub error_msg: String,
    /// Which error it is (错误码).
    #[schema(minimum = 1)]
    pub error_no: i64,
    /// The request's id, a UUID (请求编号), also in `X-Request-Id`.
    pub request_id: String,
}

// What tells a success from an error, for a client that goes by the schema.

fn zero() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0]))
        .description(Some("0: done (成功)."))
}

fn the_word_success() -> ObjectBuilder {
    let words = Some(["success"]);
    ObjectBuilder::new().schema_type(Type::String).enum_values(words).description(Some("`success` (成功)."))
}

fn no_message() -> ObjectBuilder {
    let words = Some([""]);
    ObjectBuilder::new().schema_type(Type::String).enum_values(words).description(Some("\"\" (成功)."))
}

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null).description(Some("null: no data (无数据)."))
}

/// Visitors (002): the body of a success.
#[derive(Serialize, ToSchema)]
pub struct VisitorsReply<T> {
    /// 0 (返回码).
    #[schema(schema_with = zero)]
    pub code: i64,
    /// "" (错误信息).
    #[schema(schema_with = no_message)]
    pub err_msg: String,
    /// What was asked for (数据).
    pub data: T,
}

/// Data, or `{}` where there are none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum OrNothing<T> {
    Data(T),
    Nothing(Nothing),
}

/// `{}`.
#[derive(Serialize)]
pub struct Nothing {}

impl PartialSchema for Nothing {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Object).max_properties(Some(0)).into()
    }
}

impl ToSchema for Nothing {}

/// Visitors (002): the body of a list.
#[derive(Serialize, ToSchema)]
pub struct VisitorsPage<T> {
    /// 0 (返回码).
    #[schema(schema_with = zero)]
    pub code: i64,
    /// "" (错误信息).
    #[schema(schema_with = no_message)]
    pub err_msg: String,
    /// The page's items (数据).
    pub data: Vec<T>,
    /// Which page it is, and how many there are (分页).
    pub page: crate::visitors::view::PageInfo,
}

/// Visitors (002): the body of a success with nothing to tell.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written by hand")]
pub struct VisitorsAnswer {
    /// 0 (返回码).
    #[schema(schema_with = zero)]
    code: i64,
    /// "" (错误信息).
    #[schema(schema_with = no_message)]
    err_msg: String,
}

/// Visitors (002): the body of an error.
#[derive(Serialize, ToSchema)]
pub struct VisitorsError {
    /// Which error it is, never 0 (返回码).
    pub code: i64,
    /// What went wrong, naming the field (错误信息).
    #[schema(min_length = 1)]
    pub err_msg: String,
    /// true where staff have to give their password again first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_up: Option<bool>,
}

/// Members (004): the body of an error.
#[derive(Serialize, ToSchema)]
pub struct MembersError {
    /// Business code (业务代码).
    pub code: i64,
    /// What went wrong, naming the field (错误信息).
    pub message: String,
    /// The code's stable name (错误名).
    pub error: String,
}

/// Homemaking (003): the body of a success.
#[derive(Serialize, ToSchema)]
pub struct HomemakingReply<T> {
    /// 0 on success (错误码).
    pub error_code: i64,
    /// What was asked for (数据); an empty array when there is nothing to tell.
    pub data: T,
    /// `ok` (消息文本).
    pub message: String,
}

/// Homemaking (003): the body of an error.
#[derive(Serialize, ToSchema)]
pub struct HomemakingError {
    /// A code of the appendix; for what has none there, the HTTP status (错误码).
    pub error_code: i64,
    /// What went wrong, naming the field (错误描述信息).
    pub message: String,
    /// Method and path of the request, such as `PUT  /v1/user` (请求的类型及接口地址).
    pub request: String,
}

/// RFC 9457: the body of an error of the staff API and of unknown paths.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, naming the field.
    pub detail: String,
    /// The parameter at fault, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// true where the password has to be given again first, to `POST /admin/v1/session/confirm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_up: Option<bool>,
}

/// Which document a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Slots,
    Members,
    Visitors,
    Homemaking,
    /// The staff API, and paths of no product.
    Own,
}

/// The layer of the product's routes, whose replies take no longer than `limit`.
pub async fn apply(product: Product, limit: Duration, request: Request, next: Next) -> Response {
    let english = prefers_english(&request);
    let id = request.extensions().get::<RequestId>().copied().unwrap_or_default();
    let asked = Asked { english, id, line: (product == Product::Homemaking).then(|| line(&request)) };
    let mut response = match characters::expect_clean_address(request.uri()) {
        Ok(()) => log::guard(limit, next.run(request)).await,
        Err(error) => error.into_response(),
    };
    if let Some(reply) = response.extensions_mut().remove::<Reply>() {
        return product.success(response, reply, id);
    }
    if let Some(error) = response.extensions_mut().remove::<Error>() {
        return product.failure(response, &error, &asked);
    }
    // Routes that are not ours (the viewer's) say so without a body.
    if product == Product::Own && response.status() == StatusCode::NOT_FOUND {
        return product.failure(response, &Error::unknown_path(), &asked);
    }
    response
}

/// What an error's body tells of the request.
struct Asked {
    english: bool,
    id: RequestId,
    /// Homemaking alone repeats it.
    line: Option<String>,
}

/// Where homemaking lives; its document's paths begin behind it.
pub const HOMEMAKING: &str = "/homemaking";

/// `PUT  /v1/user`: two blanks, as the document prints it, and no query.
fn line(request: &Request) -> String {
    let path = request.uri().path();
    format!("{}  {}", request.method(), path.strip_prefix(HOMEMAKING).unwrap_or(path))
}

fn prefers_english(request: &Request) -> bool {
    let wanted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wanted.is_some_and(|languages| languages.trim_start().starts_with("en"))
}

impl Product {
    /// What its document calls its fields.
    #[must_use]
    pub fn labels(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Slots => crate::slots::labels::LABELS,
            Self::Members => crate::members::labels::LABELS,
            Self::Visitors => crate::visitors::labels::LABELS,
            Self::Homemaking => crate::homemaking::labels::LABELS,
            Self::Own => &[],
        }
    }

    /// What went wrong, in Chinese; a field has its name in words before the one on the wire, for clients show
    /// this to people.
    fn labelled(self, error: &Error) -> Cow<'static, str> {
        let field = error.field.as_deref().unwrap_or_default();
        let name = field.rsplit('.').next().and_then(|last| last.split('[').next()).unwrap_or_default();
        match self.labels().iter().find(|(other, _)| *other == name) {
            Some((_, label)) => format!("{label} {}", error.message.zh).into(),
            None => error.message.zh.clone(),
        }
    }

    fn success(self, mut response: Response, reply: Reply, id: RequestId) -> Response {
        let id = reply.request_id.unwrap_or(id);
        if reply.request_id.is_some() {
            tracing::debug!(first_request_id = %id, "a repeat gets the first reply");
            response.headers_mut().insert("x-request-id", id.header());
        }
        let etag = reply.version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok());
        if let Some(etag) = etag {
            response.headers_mut().insert(ETAG, etag);
        }
        let reads_body = matches!(self, Self::Slots | Self::Visitors);
        *response.status_mut() = if reads_body { StatusCode::OK } else { reply.status };
        let body = match (self, reply.data) {
            (Self::Slots, Some(data)) => slots_success(&data, id),
            (Self::Visitors, data) => visitors_success(data.as_deref(), reply.page.as_deref()),
            (Self::Homemaking, data) => homemaking_success(data.as_deref()),
            (Self::Members | Self::Own, Some(data)) => data,
            (_, None) => return response,
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.body_mut() = Body::from(body);
        response
    }

    fn failure(self, mut response: Response, error: &Error, asked: &Asked) -> Response {
        let (english, id) = (asked.english, asked.id);
        let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            let cause = error.cause.as_deref().unwrap_or_default();
            tracing::error!(request_id = %id, %status, cause, "request failed");
        }
        let message = if english { error.message.en.clone() } else { self.labelled(error) };
        let message = message.as_ref();
        let (status, body, content_type) = match self {
            Self::Slots => {
                (documented_status(error, status), slots_failure(error, message, id), "application/json")
            }
            Self::Visitors => {
                (documented_status(error, status), visitors_failure(error, message), "application/json")
            }
            Self::Members => (status, members_failure(error, message, english), "application/json"),
            Self::Homemaking => {
                (status, homemaking_failure(error, message, asked.line.as_deref()), "application/json")
            }
            Self::Own => (status, problem(error, message, status), "application/problem+json"),
        };
        *response.status_mut() = status;
        match error.kind {
            Kind::Unauthenticated => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::UpgradeRequired => {
                response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
            }
            _ => {}
        }
        if let Some(seconds) = error.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        *response.body_mut() = Body::from(body);
        response
    }
}

/// Written by hand: the data is JSON already, and this is the most frequent reply of all.
fn slots_success(data: &[u8], id: RequestId) -> Vec<u8> {
    let mut body = Vec::with_capacity(data.len() + 96);
    body.extend_from_slice(b"{\"data\":");
    body.extend_from_slice(data);
    body.extend_from_slice(b",\"error_msg\":\"success\",\"error_no\":0,\"request_id\":\"");
    body.extend_from_slice(id.to_string().as_bytes());
    body.extend_from_slice(b"\"}");
    body
}

/// Clients of the slots and visitors documents read the body, so what reached the application is a 200.
fn documented_status(error: &Error, status: StatusCode) -> StatusCode {
    match error.kind {
        Kind::Invalid | Kind::Refused(_) | Kind::NotFound | Kind::Conflict => StatusCode::OK,
        _ => status,
    }
}

fn slots_failure(error: &Error, message: &str, id: RequestId) -> String {
    let error_no = match error.kind {
        Kind::Refused(code) => code.number,
        Kind::Invalid => crate::slots::rules::INVALID,
        other => i64::from(other.status()),
    };
    json(&SlotsError { data: (), error_msg: message.to_owned(), error_no, request_id: id.to_string() })
}

fn visitors_success(data: Option<&[u8]>, page: Option<&[u8]>) -> Vec<u8> {
    let mut body = b"{\"code\":0,\"err_msg\":\"\"".to_vec();
    for (name, value) in [(b",\"data\":", data), (b",\"page\":", page)] {
        if let Some(value) = value {
            body.extend_from_slice(name);
            body.extend_from_slice(value);
        }
    }
    body.push(b'}');
    body
}

fn visitors_failure(error: &Error, message: &str) -> String {
    let code = match error.kind {
        Kind::Refused(code) => code.number,
        other => i64::from(other.status()),
    };
    json(&VisitorsError { code, err_msg: message.to_owned(), step_up: step_up(error) })
}

fn homemaking_success(data: Option<&[u8]>) -> Vec<u8> {
    let mut body = b"{\"error_code\":0,\"data\":".to_vec();
    body.extend_from_slice(data.unwrap_or(b"[]"));
    body.extend_from_slice(b",\"message\":\"ok\"}");
    body
}

fn homemaking_failure(error: &Error, message: &str, line: Option<&str>) -> String {
    use crate::homemaking::codes::{FORBIDDEN, INVALID, NOT_FOUND};
    let error_code = match error.kind {
        Kind::Refused(code) => code.number,
        Kind::Invalid => INVALID.number,
        Kind::Forbidden | Kind::StepUp => FORBIDDEN.number,
        Kind::NotFound | Kind::UnknownPath => NOT_FOUND.number,
        other => i64::from(other.status()),
    };
    let request = line.unwrap_or_default().to_owned();
    json(&HomemakingError { error_code, message: message.to_owned(), request })
}

fn members_failure(error: &Error, message: &str, english: bool) -> String {
    use crate::members::rules::{INVALID, MOBILE_INCORRECT, TOKEN_INVALID};
    let body = |code: i64, name: &str, message: &str| {
        json(&MembersError { code, message: message.to_owned(), error: name.to_owned() })
    };
    match error.kind {
        Kind::Refused(code) => body(code.number, code.name, message),
        // The document has a code of its own for this one field.
        Kind::Invalid if error.field.as_deref() == Some("mobile") => {
            let text = if english { MOBILE_INCORRECT.en } else { MOBILE_INCORRECT.zh };
            body(MOBILE_INCORRECT.number, MOBILE_INCORRECT.name, &format!("{text} ({message})"))
        }
        Kind::Invalid => body(INVALID.number, INVALID.name, message),
        Kind::Unauthenticated => body(TOKEN_INVALID.number, TOKEN_INVALID.name, message),
        other => body(i64::from(other.status()), reason(other), message),
    }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_else(|_| "null".to_owned())
}

/// The stable name of an error that no product has a code for.
fn reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid | Kind::Refused(_) => "Request.Invalid",
        Kind::Unauthenticated => "Request.Unauthenticated",
        Kind::Forbidden | Kind::StepUp => "Request.Forbidden",
        Kind::NotFound | Kind::UnknownPath => "Request.NotFound",
        Kind::MethodNotAllowed => "Request.MethodNotAllowed",
        Kind::BodyTooLarge => "Request.TooLarge",
        Kind::UnsupportedMediaType => "Request.UnsupportedMediaType",
        Kind::UpgradeRequired => "Request.UpgradeRequired",
        Kind::Conflict => "Request.Conflict",
        Kind::PreconditionFailed => "Request.PreconditionFailed",
        Kind::KeyReused => "Request.IdempotencyKeyReused",
        Kind::TooManyRequests => "Request.TooMany",
        Kind::Unavailable => "Server.Unavailable",
        Kind::Uncertain => "Server.Uncertain",
        Kind::Internal => "Server.Internal",
    }
}

fn problem(error: &Error, message: &str, status: StatusCode) -> String {
    json(&Problem {
        kind: "about:blank".into(),
        title: status.canonical_reason().unwrap_or("Error").into(),
        status: status.as_u16(),
        detail: message.into(),
        field: error.field.clone(),
        step_up: step_up(error),
    })
}

fn step_up(error: &Error) -> Option<bool> {
    (error.kind == Kind::StepUp).then_some(true)
}
