//! Logging in and out.

use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use yuyue_db::Tx;

use super::{Empty, Outcome, expect_password, guesses_at, person, required};
use crate::app::{App, Mode};
use crate::clock::{Millis, Now, SECOND};
use crate::error::{Code, Error};
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{Hint, IntIn, Line, Mobile, Nickname, OpenId, Password, PictureAddress, optional};
use crate::http::limits::{self, ClientAddress, Try};
use crate::ids::fingerprint;
use crate::logins::{self, Kind};
use crate::members::{Account, Member, PointEvent, grant_points, rules, store};
use crate::sms_codes::{self, Fault, Purpose};
use crate::staff::record_change_by;
use crate::{passwords, slots, visitors};

/// How a member logs in; `grant_type` says which of the fields count.
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// How (登录方式): `sms_code` (手机验证码), `password` (密码) or `openid` (微信openid).
    grant_type: Line<20>,
    /// Client id (客户端ID): 13, 23, 31, 32, 41, 42, 44 or 53.
    client_id: IntIn<0, 99>,
    /// Mobile number (手机号); not for `openid`.
    #[serde(default, deserialize_with = "optional")]
    mobile: Option<Mobile>,
    /// The code that was sent (手机校验码); for `sms_code`.
    #[serde(default, deserialize_with = "optional")]
    sms_code: Option<Line<16>>,
    /// Password (密码), at least 6 characters; optional for `sms_code`, which then sets it.
    #[serde(default)]
    password: Option<Password>,
    /// WeChat nickname (微信昵称); fills an empty one. Cleaned and cut to 64 characters, never refused.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    nickname: Nickname<64>,
    /// WeChat openid: to bind (绑定) with `sms_code`, to log in with `openid`.
    #[serde(default, deserialize_with = "optional")]
    openid: Option<OpenId>,
    /// A code of WeChat's (微信授权code) that proves the openid; without a WeChat session it takes this
    /// where callers must prove who they are.
    #[serde(default, deserialize_with = "optional")]
    wechat_code: Option<Line<512>>,
    /// WeChat avatar (微信头像); fills an empty one. Ignored above 500 characters, never refused.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    avatar_url: PictureAddress<500>,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女); fills an unknown one. Anything else is ignored.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    gender: Hint<2>,
}

#[derive(Serialize, ToSchema)]
pub struct Token {
    /// Authorisation text (授权字符串).
    access_token: String,
    /// Seconds until it expires (过期时长).
    expires_in: i64,
}

/// Log in (手机验证码登陆、密码登录、微信openid登录), registering an unknown mobile.
#[utoipa::path(post, path = "/v1/login/token", tag = "members", request_body = LoginRequest,
    responses((status = 200, body = Token)))]
pub async fn log_in(
    State(app): State<App>,
    address: ClientAddress,
    parts: Parts,
    input: Input<LoginRequest>,
) -> Outcome {
    let request = input.value;
    if !rules::CLIENTS.contains(&request.client_id.0) {
        let (zh, en) = ("不是已登记的客户端", "expected one of 13, 23, 31, 32, 41, 42, 44, 53");
        return Err(Error::invalid("client_id", zh, en));
    }
    let now = app.clock.now();
    let failures = format!("login address {}", address.0);
    let name = request.mobile.clone().map(String::from).unwrap_or_default();
    let kind = match request.grant_type.as_str() {
        "sms_code" => Kind::MemberCode,
        "password" => Kind::MemberPassword,
        "openid" => Kind::MemberWechat,
        _ => {
            let (zh, en) = ("应为 sms_code、password 或 openid", "expected sms_code, password or openid");
            return Err(Error::invalid("grant_type", zh, en));
        }
    };
    let attempt = match Try::begin(&app, failures, now.at).await {
        Ok(attempt) => attempt,
        Err(error) => {
            logins::locked(&app, kind, address, &name).await;
            return Err(error);
        }
    };
    let caller = Caller { parts: &parts, address };
    let result = match kind {
        Kind::MemberCode => log_in_by_code(&app, &caller, request, &now).await,
        Kind::MemberPassword => log_in_by_password(&app, &caller, request, &now).await,
        _ => log_in_by_openid(&app, &caller, request, &now).await,
    };
    // A wrong request or a busy server is no failed login.
    if result.as_ref().err().and_then(Error::code).is_none() {
        attempt.give_back(&app).await?;
    }
    Reply::ok(&result?)
}

/// Who logs in, as the connection and the headers say.
struct Caller<'c> {
    parts: &'c Parts,
    address: ClientAddress,
}

async fn log_in_by_code(
    app: &App,
    caller: &Caller<'_>,
    request: LoginRequest,
    now: &Now,
) -> Result<Token, Error> {
    let Caller { parts, address } = *caller;
    let mobile = String::from(required(request.mobile, "mobile")?);
    let tried = required(request.sms_code, "sms_code")?;
    let given = request.password.map(|password| password.reveal().to_owned());
    let password = given.as_deref().map(passwords::normal);
    if password.as_ref().is_some_and(|password| !rules::is_long_enough(password)) {
        return Err(Error::invalid("password", "至少 6 个字符", "at least 6 characters"));
    }
    let checked = sms_codes::check(app, Purpose::Login, &mobile, &tried, address, now.at).await?;
    let code_id = checked.map_err(code_fault)?;
    // After the code of ours: one of WeChat's is used up by asking.
    let openid = proven_openid(app, parts, request.openid, request.wechat_code).await?;
    let former = former_holder(app, &mobile, (given, openid.as_deref()), now.at).await?;
    let hashed = match password {
        Some(password) => Some((rules::is_weak(&password), passwords::hash(app, password).await?)),
        None => None,
    };
    let (token, at, client) = (NewToken::new(app, now), now.at, request.client_id.0);
    let profile = (
        request.nickname.0.unwrap_or_default(),
        request.avatar_url.0.unwrap_or_default(),
        request.gender.0.unwrap_or_default(),
    );
    let register_points = app.config.members.register_points;
    let row = token.clone();
    app.db
        .write("members.log_in_by_code", move |tx| {
            if !sms_codes::take(tx, code_id, at)? {
                return Err((&rules::CODE_USED).into());
            }
            let is_released = match &former {
                Some(former) => store::release_mobile(tx, former.id, former.last_used_at)?,
                None => false,
            };
            let id = match store::register(tx, &mobile, at)? {
                Some(id) => {
                    grant_points(tx, id, (PointEvent::Register, id), register_points, "注册", at)?;
                    id
                }
                None => store::account_by_mobile(tx, &mobile)?
                    .map(|account| account.id)
                    .ok_or(&rules::ACCOUNT_NOT_FOUND)?,
            };
            if let Some(former) = former.as_ref().filter(|_| is_released) {
                record_change_of_hands(tx, former.id, id, at)?;
            }
            if let Some(openid) = &openid {
                bind(tx, id, openid)?;
            }
            if let Some((is_weak, hash)) = &hashed {
                store::set_password(tx, id, hash, *is_weak)?;
                store::delete_other_tokens(tx, id, "")?;
                // Whoever locked himself out and proved to own the mobile may try the new one at once.
                limits::clear(tx, &guesses_at(id, address.0))?;
            }
            let (nickname, avatar, gender) = &profile;
            store::fill_profile(tx, id, nickname, avatar, *gender)?;
            row.insert(tx, id, client, at)?;
            logins::remember(tx, &logins::person(&mobile), address.0, at)
        })
        .await?;
    Ok(token.reply())
}

/// The account that a mobile's code alone does not open any more: nobody used it for long, and the number
/// may be somebody else's by now. Its password or its WeChat, shown beside the code, tells that it is not.
async fn former_holder(
    app: &App,
    mobile: &str,
    (password, openid): (Option<String>, Option<&str>),
    at: Millis,
) -> Result<Option<Account>, Error> {
    let mobile = mobile.to_owned();
    let find = move |tx: &mut Tx<'_>| Ok::<_, Error>(store::account_by_mobile(tx, &mobile)?);
    let account = app.db.point("members.account", find).await?;
    let Some(account) = account.filter(|account| rules::needs_more_than_its_number(account, at)) else {
        return Ok(None);
    };
    let is_their_wechat = openid.is_some() && openid == account.openid.as_deref();
    let is_their_password = match (password, account.password_hash.clone()) {
        (Some(password), Some(stored)) => passwords::verify(app, password, stored).await?,
        _ => false,
    };
    Ok((!is_their_wechat && !is_their_password).then_some(account))
}

/// So that staff can tell a former holder who asks where the number went.
fn record_change_of_hands(tx: &mut Tx<'_>, former: i64, new: i64, at: Millis) -> Result<(), Error> {
    let (who, target) = (format!("member {new}"), format!("member {former}"));
    let after = json!({ "mobile": "", "number_went_to": new });
    record_change_by(tx, &who, "member.number_changed_hands", &target, &Value::Null, &after, at)
}

/// Binds a WeChat to an account. What was booked under the names it had and gets is the member's from
/// then on, whichever WeChat comes next.
fn bind(tx: &mut Tx<'_>, id: i64, openid: &str) -> Result<(), Error> {
    store::lock_openids(tx)?;
    let before = store::account_by_id(tx, id)?.and_then(|account| account.openid);
    if !store::bind_openid(tx, id, openid)? {
        return Err((&rules::OPENID_EXISTS).into());
    }
    slots::claim(tx, id, before.as_deref())?;
    slots::claim(tx, id, Some(openid))
}

/// What a code that does not prove the mobile is called here.
fn code_fault(fault: Fault) -> &'static Code {
    match fault {
        Fault::None => &rules::CODE_NONE,
        Fault::Used => &rules::CODE_USED,
        Fault::Locked => &rules::CODE_LOCKED,
        Fault::Expired => &rules::CODE_EXPIRED,
        Fault::Wrong => &rules::CODE_WRONG,
    }
}

/// The openid to bind or log in with. It counts only when WeChat vouches for it, by a code or by the
/// session that one began, unless the server runs as documented.
async fn proven_openid(
    app: &App,
    parts: &Parts,
    given: Option<OpenId>,
    code: Option<Line<512>>,
) -> Result<Option<String>, Error> {
    let given = given.map(String::from);
    let proven = match code {
        Some(code) => visitors::openid_of_code(app, &code).await?,
        None if given.is_none() || app.mode == Mode::Documented => return Ok(given),
        None => visitors::openid_of_session(parts, app).await?.ok_or_else(|| {
            Error::invalid("openid", "需要微信授权", "needs WeChat's word for it (wechat_code)")
        })?,
    };
    if given.is_some_and(|given| given != proven) {
        let (zh, en) = ("与微信授权的不一致", "is not the one that WeChat vouches for");
        return Err(Error::invalid("openid", zh, en));
    }
    Ok(Some(proven))
}

async fn log_in_by_password(
    app: &App,
    caller: &Caller<'_>,
    request: LoginRequest,
    now: &Now,
) -> Result<Token, Error> {
    let address = caller.address;
    let mobile = String::from(required(request.mobile, "mobile")?);
    let name = mobile.clone();
    let password = required(request.password, "password")?.reveal().to_owned();
    let account =
        app.db.point("members.account", move |tx| Ok::<_, Error>(store::account_by_mobile(tx, &mobile)?));
    let Some(account) = account.await? else {
        logins::refused(app, Kind::MemberPassword, address, &name).await;
        return Err((&rules::ACCOUNT_NOT_FOUND).into());
    };
    let hash = expect_password(app, &account, password, address, now).await?;
    let (token, at, client) = (NewToken::new(app, now), now.at, request.client_id.0);
    let row = token.clone();
    app.db
        .write("members.log_in_by_password", move |tx| {
            // The password may have been changed while this one was verified, and its tokens ended.
            if !store::lock_account_with_password(tx, account.id, &hash)? {
                return Err(Error::from(&rules::PASSWORD_INCORRECT));
            }
            row.insert(tx, account.id, client, at)?;
            logins::remember(tx, &person(&account), address.0, at)
        })
        .await?;
    Ok(token.reply())
}

async fn log_in_by_openid(
    app: &App,
    caller: &Caller<'_>,
    request: LoginRequest,
    now: &Now,
) -> Result<Token, Error> {
    let Caller { parts, address } = *caller;
    let openid = proven_openid(app, parts, request.openid, request.wechat_code).await?;
    let openid = required(openid, "openid")?;
    let account =
        app.db.point("members.openid", move |tx| Ok::<_, Error>(store::account_by_openid(tx, &openid)?));
    let Some(account) = account.await? else {
        logins::refused(app, Kind::MemberWechat, address, "").await;
        return Err((&rules::ACCOUNT_NOT_FOUND).into());
    };
    let (token, at, client) = (NewToken::new(app, now), now.at, request.client_id.0);
    let row = token.clone();
    app.db
        .write("members.log_in_by_openid", move |tx| {
            row.insert(tx, account.id, client, at)?;
            logins::remember(tx, &person(&account), address.0, at)
        })
        .await?;
    Ok(token.reply())
}

/// A token that has been made but not stored.
#[derive(Clone)]
struct NewToken {
    text: String,
    expires_at: i64,
    lifetime: i64,
}

impl NewToken {
    fn new(app: &App, now: &Now) -> Self {
        let lifetime = app.config.members.token_lifetime;
        Self { text: app.ids.token(), expires_at: now.at + lifetime, lifetime }
    }

    fn insert(&self, tx: &mut Tx<'_>, account_id: i64, client: i64, at: i64) -> Result<(), Error> {
        store::note_use(tx, account_id, at)?;
        Ok(store::insert_token(tx, &fingerprint(&self.text), account_id, client, at, self.expires_at)?)
    }

    fn reply(self) -> Token {
        Token { access_token: self.text, expires_in: self.lifetime / SECOND }
    }
}

/// Log out (注销): ends the token that is presented.
#[utoipa::path(delete, path = "/v1/login/token", tag = "members", security(("member" = [])),
    responses((status = 200, body = Empty)))]
pub async fn log_out(State(app): State<App>, member: Member) -> Outcome {
    app.db
        .write("members.log_out", move |tx| Ok::<_, Error>(store::delete_token(tx, &member.token_hash)?))
        .await?;
    Reply::ok(&Empty {})
}
