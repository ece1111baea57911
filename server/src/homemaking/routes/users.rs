//! The caller's own data (用户).

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Outcome;
use crate::app::App;
use crate::clock::{HOUR, Millis};
use crate::error::Error;
use crate::homemaking::store::users::{self, Change};
use crate::homemaking::view::{self, Form, Person};
use crate::homemaking::{User, codes, files};
use crate::http::access::BaseUrl;
use crate::http::envelope::{HomemakingReply, Reply};
use crate::http::extract::Input;
use crate::http::fields::{IntIn, Name, Tel, Url, optional};

/// Who one is (查询当前用户信息).
#[utoipa::path(get, path = "/homemaking/v1/user", tag = "homemaking", security(("user" = [])),
    responses((status = 200, body = HomemakingReply<Person>)))]
pub async fn show(State(app): State<App>, user: User, BaseUrl(base): BaseUrl) -> Outcome {
    let found = app.db.point("homemaking.user", move |tx| users::find(tx, user.id)).await?;
    let found = found.ok_or_else(|| Error::from(&codes::NOT_FOUND))?;
    Reply::ok(&Form::new(&app, &base).person(found))
}

/// What changes; whatever is left out is kept, for clients send parts.
#[derive(Deserialize, ToSchema)]
pub struct UserRequest {
    /// WeChat nickname (用户微信昵称).
    #[serde(default, deserialize_with = "optional")]
    nickname: Option<Name>,
    /// Address of the picture (用户头像图片地址).
    #[serde(default, deserialize_with = "optional")]
    avatar: Option<Url>,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    #[serde(default, deserialize_with = "optional")]
    gender: Option<IntIn<0, 2>>,
    /// Real name (用户真实姓名).
    #[serde(default, deserialize_with = "optional")]
    real_name: Option<Name>,
    /// Telephone number (用户手机号码).
    #[serde(default, deserialize_with = "optional")]
    tel: Option<Tel>,
}

/// Change one's data (更新当前用户信息).
#[utoipa::path(put, path = "/homemaking/v1/user", tag = "homemaking", security(("user" = [])),
    request_body = UserRequest, responses((status = 200, body = HomemakingReply<Person>)))]
pub async fn change(
    State(app): State<App>,
    user: User,
    BaseUrl(base): BaseUrl,
    input: Input<UserRequest>,
) -> Outcome {
    let UserRequest { nickname, avatar, gender, real_name, tel } = input.value;
    let (at, storage) = (app.clock.now().at, view::storage(&base));
    // A form sends back the picture that it was given, which is not theirs while they have none.
    let avatar = avatar.map(String::from).filter(|address| *address != view::default_avatar(&base));
    let picture: Vec<_> = avatar.iter().map(|address| ("avatar".to_owned(), address.clone())).collect();
    let change = Change {
        nickname: nickname.map(String::from),
        avatar,
        gender: gender.map(|gender| gender.0),
        real_name: real_name.map(String::from),
        tel: tel.map(String::from),
    };
    let changed = app.db.write("homemaking.change_user", move |tx| {
        files::claim(tx, &picture, &storage, at)?;
        users::change(tx, user.id, &change)
    });
    let changed = changed.await?.ok_or_else(|| Error::from(&codes::NOT_FOUND))?;
    Reply::ok(&Form::new(&app, &base).person(changed))
}

/// The picture of whoever has none (默认头像).
#[utoipa::path(get, path = "/homemaking/avatar.png", tag = "homemaking",
    responses((status = 200, content_type = "image/png", body = Vec<u8>)))]
pub async fn default_avatar() -> impl IntoResponse {
    const PICTURE: &[u8] = include_bytes!("../../../data/avatar.png");
    ([(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "public, max-age=86400")], PICTURE)
}

/// How long a chat ticket is good, as the document's own sample is; it cannot be taken back.
const SIGN_LIFETIME: Millis = 26 * HOUR;

/// What the chat client logs in with.
#[derive(Serialize, ToSchema)]
pub struct Sign {
    /// User id (用户 id); its text is the chat's user id (userID).
    user_id: i64,
    /// UserSig (TIM 登陆凭证), good for 26 hours.
    sign: String,
}

/// A ticket for the chat (获取当前用户的TIM登陆凭证).
#[utoipa::path(get, path = "/homemaking/v1/user/sign", tag = "homemaking", security(("user" = [])),
    responses((status = 200, body = HomemakingReply<Sign>)))]
pub async fn sign(State(app): State<App>, user: User) -> Outcome {
    let signer = app.im.as_ref().ok_or(&codes::NO_CHAT)?;
    let sign = signer.sign(&user.id.to_string(), app.clock.now().at, SIGN_LIFETIME);
    Reply::ok(&Sign { user_id: user.id, sign })
}
