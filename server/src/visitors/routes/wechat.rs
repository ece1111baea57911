//! WeChat web authorisation: how a browser inside WeChat proves whose it is.

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Outcome;
use crate::app::{App, Mode};
use crate::clock::{MINUTE, Millis, SECOND};
use crate::error::Error;
use crate::http::access::{self, Admin, BaseUrl};
use crate::http::envelope::Reply;
use crate::http::extract::Query;
use crate::http::fields::{Line, OpenId, optional};
use crate::ids::fingerprint;
use crate::staff::record_change;
use crate::visitors::caller::{WECHAT_COOKIE, openid_of_session};
use crate::visitors::{login, store};

/// Ties the authorisation to the browser that began it: else somebody could be made to act as another.
const STATE_COOKIE: &str = "yuyue_wechat_state";
/// WeChat's own codes live no longer.
const STATE_LIFETIME: i64 = 5 * MINUTE;
/// In bytes: browsers keep no cookie of over 4,096, and sealing doubles it.
const LONGEST_NEXT: usize = 1_500;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StartQuery {
    /// The page of ours to go to afterwards, beginning with `/`. Default `/`.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    next: Option<Line<500>>,
}

/// A path on this server, and nothing a browser would take for another host.
fn is_own_path(next: &str) -> bool {
    next.starts_with('/') && !next.starts_with("//") && !next.contains('\\')
}

fn redirect(to: &str, cookies: &[String]) -> Result<Response, Error> {
    let value = |text: &str| HeaderValue::try_from(text).map_err(|error| Error::internal(error.to_string()));
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(LOCATION, value(to)?);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, value(cookie)?);
    }
    Ok(response)
}

fn cookie(base: &str, name: &str, content: &str, millis: i64) -> String {
    let secure = if base.starts_with("https://") { "; Secure" } else { "" };
    format!("{name}={content}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", millis / SECOND)
}

/// Send the browser to WeChat (微信网页授权).
#[utoipa::path(get, path = "/auth/wechat/start", tag = "login", params(StartQuery),
    responses((status = 302, description = "To WeChat's authorisation page")))]
pub async fn start(
    State(app): State<App>,
    BaseUrl(base): BaseUrl,
    Query(query): Query<StartQuery>,
) -> Result<Response, Error> {
    let next = query.next.map_or_else(|| "/".to_owned(), String::from);
    if !is_own_path(&next) {
        return Err(Error::invalid("next", "应为本站路径", "expected a path on this server"));
    }
    if next.len() > LONGEST_NEXT {
        return Err(Error::invalid("next", "太长", "is too long"));
    }
    let state = hex::encode(app.ids.bytes::<16>());
    let back = format!("{base}/auth/wechat/callback");
    let to = login::page(&app, &back, &state)?;
    let begun = Begun { state, next, expires_at: app.clock.now().at + STATE_LIFETIME };
    redirect(&to, &[cookie(&base, STATE_COOKIE, &begun.sealed(&app)?, STATE_LIFETIME)])
}

/// An authorisation that was begun. The browser keeps it, sealed: anybody may begin as many as they like,
/// and nothing is written before WeChat has vouched for somebody.
#[derive(Serialize, Deserialize)]
struct Begun {
    state: String,
    next: String,
    expires_at: Millis,
}

impl Begun {
    const PURPOSE: &str = "wechat_state";

    fn sealed(&self, app: &App) -> Result<String, Error> {
        let json = serde_json::to_string(self).map_err(|error| Error::internal(error.to_string()))?;
        Ok(app.secrets.seal(Self::PURPOSE, &json))
    }

    fn of_cookie(app: &App, headers: &HeaderMap) -> Option<Self> {
        let sealed = access::cookie(headers, STATE_COOKIE)?;
        serde_json::from_str(&app.secrets.open(Self::PURPOSE, sealed)?).ok()
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// What WeChat gave the browser; absent when the user refused.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    code: Option<Line<256>>,
    #[param(inline)]
    state: Line<128>,
}

/// Where WeChat sends the browser back to: starts the session.
#[utoipa::path(get, path = "/auth/wechat/callback", tag = "login", params(CallbackQuery),
    responses((status = 302, description = "To the page that was asked for, with the session cookie")))]
pub async fn callback(
    State(app): State<App>,
    BaseUrl(base): BaseUrl,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, Error> {
    let start_over =
        || Error::forbidden("微信授权已失效，请重新进入", "this authorisation is over; please start again");
    let state = String::from(query.state);
    let at = app.clock.now().at;
    let begun = Begun::of_cookie(&app, &headers);
    let begun = begun.filter(|begun| begun.state == state && begun.expires_at > at).ok_or_else(start_over)?;
    let code = query.code.ok_or_else(start_over)?;
    let user = login::user_of_code(&app, &code).await?;
    let token = app.ids.token();
    let (hash, lifetime) = (fingerprint(&token), app.config.visitors.session_lifetime);
    let (state, expires_at) = (begun.state, begun.expires_at);
    let started = app.db.write("visitors.session", move |tx| {
        if !store::sessions::use_state(tx, &state, expires_at)? {
            return Ok(false);
        }
        let user = (user.id.as_str(), user.nick.as_str(), user.avatar.as_str());
        store::sessions::insert_session(tx, &hash, user, (at, at + lifetime))?;
        Ok::<_, Error>(true)
    });
    if !started.await? {
        return Err(start_over());
    }
    let cookies = [cookie(&base, WECHAT_COOKIE, &token, lifetime), cookie(&base, STATE_COOKIE, "", 0)];
    redirect(&begun.next, &cookies)
}

/// What a page has to know before it asks for anything else.
#[derive(Serialize, ToSchema)]
pub struct Access {
    /// `documented`: nobody has to prove who they are; `enforced`: everybody has.
    #[schema(value_type = AccessMode)]
    mode: &'static str,
    /// Whom WeChat vouched for in this browser; "" for nobody.
    #[serde(rename = "weixinUserId")]
    weixin_user_id: String,
}

/// How callers are known.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AccessMode {
    Documented,
    Enforced,
}

/// How callers are known here, and whom WeChat vouched for: the page cannot read its own cookie.
#[utoipa::path(get, path = "/auth/session", tag = "login", security((), ("wechat" = [])),
    responses((status = 200, body = Access)))]
pub async fn session(State(app): State<App>, parts: Parts) -> Outcome {
    let mode = match app.mode {
        Mode::Documented => "documented",
        Mode::Enforced => "enforced",
    };
    let weixin_user_id = openid_of_session(&parts, &app).await?.unwrap_or_default();
    Reply::ok(&Access { mode, weixin_user_id })
}

/// End the WeChat session of this browser; the next visit asks WeChat again.
#[utoipa::path(delete, path = "/auth/session", tag = "login", security((), ("wechat" = [])),
    responses((status = 204)))]
pub async fn end_session(
    State(app): State<App>,
    BaseUrl(base): BaseUrl,
    parts: Parts,
) -> Result<Response, Error> {
    // Another site's page must not end it, whoever's it is.
    openid_of_session(&parts, &app).await?;
    if let Some(token) = access::cookie(&parts.headers, WECHAT_COOKIE) {
        let hash = fingerprint(token);
        app.db.write("visitors.end_session", move |tx| store::sessions::end_session(tx, &hash)).await?;
    }
    let cookie = HeaderValue::try_from(cookie(&base, WECHAT_COOKIE, "", 0));
    let cookie = cookie.map_err(|error| Error::internal(error.to_string()))?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    /// Whose sessions.
    #[param(inline)]
    openid: OpenId,
}

/// End all WeChat sessions of somebody, such as one who has lost the phone.
#[utoipa::path(delete, path = "/admin/v1/wechat-sessions", tag = "staff", security(("staff" = [])),
    params(SessionsQuery), responses((status = 204)))]
pub async fn end_sessions_of(
    State(app): State<App>,
    Admin(staff): Admin,
    Query(query): Query<SessionsQuery>,
) -> Outcome {
    let (openid, at) = (String::from(query.openid), app.clock.now().at);
    app.db
        .write("visitors.end_sessions_of", move |tx| {
            let ended = store::sessions::end_sessions_of(tx, &openid)?;
            if ended == 0 {
                return Err(Error::not_found(
                    "没有这个微信用户的会话",
                    "there is no session of this WeChat user",
                ));
            }
            let (action, before) = ("wechat_session.end", json!({ "sessions": ended }));
            record_change(tx, &staff, action, &format!("wechat {openid}"), &before, &Value::Null, at)
        })
        .await?;
    Ok(Reply::no_content())
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn only_our_own_pages_are_gone_to() {
        for own in ["/", "/h5/records?page=2", "/a//b"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in ["", "https://evil.example", "//evil.example", "/\\evil.example", "h5"] {
            assert!(!is_own_path(other), "{other}");
        }
    }
}
