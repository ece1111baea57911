//! One error for every product; `http::envelope` gives it the product's shape.

use std::borrow::Cow;

/// A sentence for users in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub zh: Cow<'static, str>,
    pub en: Cow<'static, str>,
}

impl Text {
    #[must_use]
    pub const fn fixed(zh: &'static str, en: &'static str) -> Self {
        Self { zh: Cow::Borrowed(zh), en: Cow::Borrowed(en) }
    }
}

/// A refusal that a product's document (or our own) gives a number.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub number: i64,
    /// A stable name, where the product has one (members: the `error` field).
    pub name: &'static str,
    /// The HTTP status in products that use it for refusals.
    pub status: u16,
    pub zh: &'static str,
    pub en: &'static str,
}

/// Which family an error belongs to: decides its HTTP status where no [`Code`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A parameter is missing or not what is expected.
    Invalid,
    /// A rule of the product refuses; the code says which.
    Refused(&'static Code),
    Unauthenticated,
    Forbidden,
    /// The password is needed again: the login is too old for this.
    StepUp,
    /// A thing that does not exist, in products without a code for it.
    NotFound,
    UnknownPath,
    MethodNotAllowed,
    BodyTooLarge,
    UnsupportedMediaType,
    UpgradeRequired,
    /// The state of the thing does not allow this, in products without a code for it.
    Conflict,
    /// What was to be replaced is no longer what the caller has seen.
    PreconditionFailed,
    /// An Idempotency-Key came again with another body.
    KeyReused,
    TooManyRequests,
    Unavailable,
    /// The time was over, or the connection lost, while it was being committed.
    Uncertain,
    Internal,
}

impl Kind {
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Refused(code) => code.status,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::StepUp => 403,
            Self::NotFound | Self::UnknownPath => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::KeyReused => 422,
            Self::UpgradeRequired => 426,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::Uncertain => 503,
        }
    }
}

/// Why a request was not done.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub message: Text,
    /// The parameter at fault, as it is spelt on the wire.
    pub field: Option<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u32>,
    /// For the log only, never for the caller.
    pub cause: Option<String>,
}

impl Error {
    fn new(kind: Kind, message: Text) -> Self {
        Self { kind, message, field: None, retry_after: None, cause: None }
    }

    /// The field is wrong; `expected` completes “expected …”.
    #[must_use]
    pub fn invalid(field: &str, zh: &str, en: &str) -> Self {
        let message = Text { zh: format!("{field}: {zh}").into(), en: format!("{field}: {en}").into() };
        Self { field: Some(field.to_owned()), ..Self::new(Kind::Invalid, message) }
    }

    /// The body as a whole is wrong.
    #[must_use]
    pub fn malformed(zh: &'static str, en: &'static str) -> Self {
        Self::new(Kind::Invalid, Text::fixed(zh, en))
    }

    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, Text::fixed("请先登录", "a valid credential is required"))
    }

    #[must_use]
    pub fn forbidden(zh: &'static str, en: &'static str) -> Self {
        Self::new(Kind::Forbidden, Text::fixed(zh, en))
    }

    /// See [`Kind::StepUp`].
    #[must_use]
    pub fn step_up() -> Self {
        Self::new(Kind::StepUp, Text::fixed("请再次输入密码", "the password is needed again"))
    }

    #[must_use]
    pub fn not_found(zh: &'static str, en: &'static str) -> Self {
        Self::new(Kind::NotFound, Text::fixed(zh, en))
    }

    #[must_use]
    pub fn conflict(zh: &'static str, en: &'static str) -> Self {
        Self::new(Kind::Conflict, Text::fixed(zh, en))
    }

    #[must_use]
    pub fn precondition_failed() -> Self {
        let message = Text::fixed(
            "内容已被他人更改，请先查看最新内容",
            "somebody has changed this since it was read; read it again first",
        );
        Self::new(Kind::PreconditionFailed, message)
    }

    #[must_use]
    pub fn unknown_path() -> Self {
        Self::new(Kind::UnknownPath, Text::fixed("没有这个地址", "there is nothing at this path"))
    }

    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = Text::fixed("此地址不支持该请求方法", "this path does not take that method");
        Self::new(Kind::MethodNotAllowed, message)
    }

    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        let message = Text {
            zh: format!("请求内容不能超过 {limit} 字节").into(),
            en: format!("the body must not exceed {limit} bytes").into(),
        };
        Self::new(Kind::BodyTooLarge, message)
    }

    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let message =
            Text::fixed("Content-Type 应为 application/json", "Content-Type must be application/json");
        Self::new(Kind::UnsupportedMediaType, message)
    }

    #[must_use]
    pub fn upgrade_required() -> Self {
        let message =
            Text::fixed("此地址只接受 WebSocket 连接", "this path takes WebSocket connections only");
        Self::new(Kind::UpgradeRequired, message)
    }

    #[must_use]
    pub fn key_reused() -> Self {
        let message = Text::fixed(
            "Idempotency-Key: 此键已用于内容不同的请求",
            "Idempotency-Key: this key was used with another request",
        );
        Self { field: Some("Idempotency-Key".into()), ..Self::new(Kind::KeyReused, message) }
    }

    #[must_use]
    pub fn too_many_requests(retry_after: u32) -> Self {
        let message = Text::fixed("请求太频繁，请稍后再试", "too many requests, try again later");
        Self { retry_after: Some(retry_after), ..Self::new(Kind::TooManyRequests, message) }
    }

    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let message = Text::fixed("服务繁忙，请稍后再试", "the service is busy, try again later");
        Self { retry_after: Some(1), cause: Some(cause.into()), ..Self::new(Kind::Unavailable, message) }
    }

    /// What was asked for may have happened. Nobody is told to try again: they should look first.
    #[must_use]
    pub fn uncertain(cause: impl Into<String>) -> Self {
        let message = Text::fixed(
            "请求可能已经完成，请先查看结果再重试",
            "this may have been done: look before you try again",
        );
        Self { cause: Some(cause.into()), ..Self::new(Kind::Uncertain, message) }
    }

    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let message = Text::fixed("服务器内部错误", "internal error");
        Self { cause: Some(cause.into()), ..Self::new(Kind::Internal, message) }
    }

    #[must_use]
    pub fn with_retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// For whom the log is for: the cause, or else what the caller would be told.
    #[must_use]
    pub fn reason(self) -> String {
        self.cause.unwrap_or_else(|| self.message.en.into_owned())
    }

    /// The product's code, if a rule of the product refused.
    #[must_use]
    pub fn code(&self) -> Option<&'static Code> {
        match self.kind {
            Kind::Refused(code) => Some(code),
            _ => None,
        }
    }
}

impl From<&'static Code> for Error {
    fn from(code: &'static Code) -> Self {
        Self::new(Kind::Refused(code), Text::fixed(code.zh, code.en))
    }
}

impl From<yuyue_db::Error> for Error {
    fn from(error: yuyue_db::Error) -> Self {
        let reason = error.to_string();
        match error {
            yuyue_db::Error::CommitUnknown(_) => Self::uncertain(reason),
            error if error.is_transient() => Self::unavailable(reason),
            _ => Self::internal(reason),
        }
    }
}
