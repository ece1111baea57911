//! Tokens (令牌) and categories (分类): what needs no token.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Outcome;
use crate::app::App;
use crate::error::Error;
use crate::homemaking::caller::{pair_fingerprint, user_of_token};
use crate::homemaking::view::CategoryView;
use crate::homemaking::{CATEGORIES, codes, store};
use crate::http::envelope::{HomemakingReply, Reply};
use crate::http::extract::Input;
use crate::http::fields::{Id, Line, optional};
use crate::http::limits::{ClientAddress, Try};
use crate::ids::fingerprint;
use crate::logins::{self, Kind};

#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    /// The course's verification code (慕课网课程验证码).
    i_code: Line<64>,
    /// The number of the course's order (课程订单号).
    order_no: Id,
}

#[derive(Serialize, ToSchema)]
pub struct UserToken {
    /// For the header `token` (令牌内容).
    token: String,
}

/// Get a token (获取令牌); it is valid for 7 days, and no longer than its pair.
#[utoipa::path(post, path = "/homemaking/v1/token", tag = "homemaking", request_body = TokenRequest,
    responses((status = 200, body = HomemakingReply<UserToken>)))]
pub async fn log_in(State(app): State<App>, address: ClientAddress, input: Input<TokenRequest>) -> Outcome {
    let request = input.value;
    let at = app.clock.now().at;
    let failures = format!("homemaking address {}", address.0);
    let attempt = match Try::begin(&app, failures, at).await {
        Ok(attempt) => attempt,
        Err(error) => {
            logins::locked(&app, Kind::Market, address, "").await;
            return Err(error);
        }
    };
    let pair = pair_fingerprint(&app, &request.i_code, request.order_no.0);
    let token = hex::encode(app.ids.bytes::<16>());
    let (hash, expires_at) = (fingerprint(&token), at + app.config.homemaking.token_lifetime);
    let logged_in = app.db.write("homemaking.log_in", move |tx| {
        let Some(enrolment) = store::enrolments::take_good(tx, &pair, at)? else { return Ok(false) };
        store::tokens::insert(tx, &hash, &enrolment, at, expires_at)?;
        Ok::<_, Error>(true)
    });
    if !logged_in.await? {
        logins::refused(&app, Kind::Market, address, "").await;
        return Err((&codes::UNKNOWN_PAIR).into());
    }
    attempt.give_back(&app).await?;
    Reply::ok(&UserToken { token })
}

#[derive(Deserialize, ToSchema)]
pub struct VerifyRequest {
    /// A token (令牌内容); none at all is not good either.
    #[serde(default, deserialize_with = "optional")]
    token: Option<Line<256>>,
}

#[derive(Serialize, ToSchema)]
pub struct Verified {
    /// Whether it is good now (验证结果).
    valid: bool,
}

/// Verify a token (验证令牌).
#[utoipa::path(post, path = "/homemaking/v1/token/verify", tag = "homemaking", request_body = VerifyRequest,
    responses((status = 200, body = HomemakingReply<Verified>)))]
pub async fn verify(State(app): State<App>, input: Input<VerifyRequest>) -> Outcome {
    let valid = match input.value.token {
        Some(token) => user_of_token(&app, &token).await?.is_some(),
        None => false,
    };
    Reply::ok(&Verified { valid })
}

/// The categories (获取分类列表).
#[utoipa::path(get, path = "/homemaking/v1/category", tag = "homemaking",
    responses((status = 200, body = HomemakingReply<Vec<CategoryView>>)))]
pub async fn categories() -> Outcome {
    let view = CATEGORIES.map(|category| CategoryView { id: category.id, name: category.name.to_owned() });
    Reply::ok(&view)
}
