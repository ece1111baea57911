//! The caller's own data (用户).

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Outcome;
use crate::app::App;
use crate::clock::{HOUR, Millis};
use crate::error::Error;
use crate::homemaking::store::users::{self, Change};
use crate::homemaking::view::{self, Person};
use crate::homemaking::{User, codes, files};
use crate::http::access::BaseUrl;
use crate::http::envelope::{HomemakingReply, Reply};
use crate::http::extract::Input;
use crate::http::fields::{IntIn, Name, Tel, Url, optional};

/// Who one is (查询当前用户信息).
#[utoipa::path(get, path = "/homemaking/v1/user", tag = "homemaking", security(("user" = [])),
    responses((status = 200, body = HomemakingReply<Person>)))]
pub async fn show(State(app): State<App>, user: User) -> Outcome {
    let found = app.db.point("homemaking.user", move |tx| users::find(tx, user.id)).await?;
    Reply::ok(&found.ok_or_else(|| Error::from(&codes::NOT_FOUND))?)
}

#[derive(Deserialize, ToSchema)]
pub struct UserRequest {
    /// WeChat nickname (用户微信昵称).
    nickname: Name,
    /// Address of the picture (用户头像图片地址).
    avatar: Url,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    gender: IntIn<0, 2>,
    /// Real name (用户真实姓名); left out it is kept.
    #[serde(default, deserialize_with = "optional")]
    real_name: Option<Name>,
    /// Telephone number (用户手机号码); left out it is kept.
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
    let picture = [("avatar".to_owned(), String::from(avatar.clone()))];
    let change = Change {
        nickname: nickname.into(),
        avatar: avatar.into(),
        gender: gender.0,
        real_name: real_name.map(String::from),
        tel: tel.map(String::from),
    };
    let changed = app.db.write("homemaking.change_user", move |tx| {
        files::claim(tx, &picture, &storage, at)?;
        users::change(tx, user.id, &change)
    });
    Reply::ok(&changed.await?.ok_or_else(|| Error::from(&codes::NOT_FOUND))?)
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
