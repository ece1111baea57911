//! HTTP of members.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::app::{App, Mode};
use crate::clock::{Now, SECOND};
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{ClearableLine, Flag, IntIn, Line, Mobile, OpenId, Password, optional};
use crate::http::limits::{self, ClientAddress};
use crate::http::{access, idempotency};
use crate::ids::fingerprint;
use crate::members::passwords::Guess;
use crate::members::rules::{self, RegionFault};
use crate::members::store::{self, Account};
use crate::members::{Member, PointEvent, grant_points, jobs, passwords, regions};

type Outcome = Result<Reply, Error>;

/// The document has no paging here; this bounds a reply.
const LONGEST_LIST: i64 = 1_000;

#[derive(Deserialize, ToSchema)]
pub struct CodeRequest {
    /// 1: by voice call (语音), 0: by text message (短信). Default 0.
    #[serde(default, deserialize_with = "optional")]
    is_voice: Option<Flag>,
    /// 1: send the outstanding code again (重试), 0: first request (首次). Default 0.
    #[serde(default, deserialize_with = "optional")]
    is_try: Option<Flag>,
    /// Mobile number (手机号).
    mobile: Mobile,
}

#[derive(Serialize, ToSchema)]
pub struct CodeSent {
    /// Seconds for which the code is valid.
    expires_in: i64,
}

/// Send a login code (获取手机验证码).
#[utoipa::path(post, path = "/v1/login/sms_code", tag = "members", request_body = CodeRequest,
    responses((status = 200, body = CodeSent)))]
pub async fn send_code(State(app): State<App>, address: ClientAddress, input: Input<CodeRequest>) -> Outcome {
    let is_voice = input.value.is_voice == Some(IntIn(1));
    let template = if is_voice { &app.config.sms.voice_template } else { &app.config.sms.login_template };
    if app.sms.is_none() || template.is_empty() {
        return Err(Error::unavailable("no SMS account or template is set"));
    }
    let now = app.clock.now();
    let at = now.at;
    let is_retry = input.value.is_try == Some(IntIn(1));
    let mobile = String::from(input.value.mobile);
    let digits = app.ids.digits(rules::CODE_DIGITS);
    let sealed = app.secrets.seal("sms_code", &digits);
    let settings = app.config.members.clone();
    let once = (input.once, format!("address {}", address.0), &now);
    idempotency::write(&app, "members.send_code", once, StatusCode::OK, move |tx| {
        let too_often = || Error::from(&rules::CODE_TOO_OFTEN);
        let address_name = format!("code address {}", address.0);
        let for_address = limits::count(tx, &address_name, at, rules::CODE_ADDRESS_WINDOW)?;
        if settings.codes_per_address_per_hour > 0 && for_address.count > settings.codes_per_address_per_hour
        {
            return Err(too_often());
        }
        if settings.codes_per_day > 0
            && limits::count(tx, "code all", at, rules::CODE_DAY)?.count > settings.codes_per_day
        {
            return Err(too_often());
        }
        let outstanding = store::latest_code(tx, &mobile)?.filter(|code| code.is_outstanding(at));
        let (id, expires_at) = match outstanding {
            Some(code) if is_retry => {
                if !store::count_resend(tx, code.id)? {
                    return Err(too_often());
                }
                (code.id, code.expires_at)
            }
            _ => {
                let pause = limits::count(tx, &format!("code pause {mobile}"), at, rules::CODE_PAUSE)?;
                let day = limits::count(tx, &format!("code day {mobile}"), at, rules::CODE_DAY)?;
                if pause.count > 1 || day.count > rules::CODES_A_DAY {
                    return Err(too_often());
                }
                (store::insert_code(tx, &mobile, &sealed, at)?, at + rules::CODE_LIFETIME)
            }
        };
        jobs::enqueue_login_code(tx, &mobile, (id, is_voice), at, expires_at)?;
        Ok(CodeSent { expires_in: (expires_at - at) / SECOND })
    })
    .await
}

/// How a member logs in; `grant_type` says which of the fields count.
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// `sms_code`, `password` or `openid`.
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
    /// WeChat nickname (微信昵称); fills an empty one.
    #[serde(default, deserialize_with = "optional")]
    nickname: Option<Line<64>>,
    /// WeChat openid: to bind (绑定) with `sms_code`, to log in with `openid`.
    #[serde(default, deserialize_with = "optional")]
    openid: Option<OpenId>,
    /// WeChat avatar (微信头像); fills an empty one.
    #[serde(default, deserialize_with = "optional")]
    avatar_url: Option<Line<500>>,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女); fills an unknown one.
    #[serde(default, deserialize_with = "optional")]
    gender: Option<IntIn<0, 2>>,
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
pub async fn log_in(State(app): State<App>, address: ClientAddress, input: Input<LoginRequest>) -> Outcome {
    let request = input.value;
    if !rules::CLIENTS.contains(&request.client_id.0) {
        let (zh, en) = ("不是已登记的客户端", "expected one of 13, 23, 31, 32, 41, 42, 44, 53");
        return Err(Error::invalid("client_id", zh, en));
    }
    let now = app.clock.now();
    let failures = format!("login address {}", address.0);
    limits::refuse_after_failures(&app, failures.clone(), now.at).await?;
    let result = match request.grant_type.as_str() {
        "sms_code" => log_in_by_code(&app, request, &now).await,
        "password" => log_in_by_password(&app, request, &now).await,
        "openid" => log_in_by_openid(&app, request, &now).await,
        _ => {
            let (zh, en) = ("应为 sms_code、password 或 openid", "expected sms_code, password or openid");
            return Err(Error::invalid("grant_type", zh, en));
        }
    };
    if let Err(error) = &result
        && error.code().is_some()
    {
        limits::count_failure(&app, failures, now.at).await?;
    }
    Reply::ok(&result?)
}

fn required<T>(value: Option<T>, field: &str) -> Result<T, Error> {
    use crate::http::fields::REQUIRED;
    value.ok_or_else(|| Error::invalid(field, &REQUIRED.zh, &REQUIRED.en))
}

async fn log_in_by_code(app: &App, request: LoginRequest, now: &Now) -> Result<Token, Error> {
    let mobile = String::from(required(request.mobile, "mobile")?);
    let tried = required(request.sms_code, "sms_code")?;
    let password = request.password.map(|password| password.reveal().to_owned());
    if password.as_ref().is_some_and(|password| !rules::is_long_enough(password)) {
        return Err(Error::invalid("password", "至少 6 个字符", "at least 6 characters"));
    }
    let openid = request.openid.map(String::from);
    believe_openid(app, openid.as_deref())?;
    let code_id = check_code(app, &mobile, &tried, now).await?;
    let hashed = match password {
        Some(password) => Some((rules::is_weak(&password), passwords::hash(app, password).await?)),
        None => None,
    };
    let (token, at, client) = (NewToken::new(app, now), now.at, request.client_id.0);
    let profile = (
        request.nickname.map(String::from).unwrap_or_default(),
        request.avatar_url.map(String::from).unwrap_or_default(),
        request.gender.map_or(0, |gender| gender.0),
    );
    let register_points = app.config.members.register_points;
    let row = token.clone();
    app.db
        .write("members.log_in_by_code", move |tx| {
            if !store::use_code(tx, code_id, at)? {
                let code = store::latest_code(tx, &mobile)?;
                return Err(code.and_then(|code| code.refusal(at)).unwrap_or(&rules::CODE_NONE).into());
            }
            let id = match store::register(tx, &mobile, at)? {
                Some(id) => {
                    grant_points(tx, id, (PointEvent::Register, id), register_points, "注册", at)?;
                    id
                }
                None => store::account_by_mobile(tx, &mobile)?
                    .map(|account| account.id)
                    .ok_or(&rules::ACCOUNT_NOT_FOUND)?,
            };
            if let Some(openid) = &openid
                && !store::bind_openid(tx, id, openid)?
            {
                return Err((&rules::OPENID_EXISTS).into());
            }
            if let Some((is_weak, hash)) = &hashed {
                store::set_password(tx, id, hash, *is_weak)?;
                store::delete_other_tokens(tx, id, "")?;
            }
            let (nickname, avatar, gender) = &profile;
            store::fill_profile(tx, id, nickname, avatar, *gender)?;
            row.insert(tx, id, client, at)
        })
        .await?;
    Ok(token.reply())
}

/// Compares a tried code with the newest one and counts a wrong try. It stays usable: only a login
/// that succeeds uses it up.
async fn check_code(app: &App, mobile: &str, tried: &str, now: &Now) -> Result<i64, Error> {
    let (at, mobile, tried, secrets) = (now.at, mobile.to_owned(), tried.to_owned(), app.secrets.clone());
    // A counted try must be kept, so the refusal is the closure's value and not its error.
    let checked: Result<i64, &'static crate::error::Code> = app
        .db
        .write("members.check_code", move |tx| {
            let Some(code) = store::latest_code(tx, &mobile)? else { return Ok(Err(&rules::CODE_NONE)) };
            if let Some(refusal) = code.refusal(at) {
                return Ok(Err(refusal));
            }
            let digits = secrets.open("sms_code", &code.sealed);
            let digits = digits.ok_or_else(|| Error::internal("a code cannot be read with this key"))?;
            if bool::from(digits.as_bytes().ct_eq(tried.as_bytes())) {
                return Ok(Ok(code.id));
            }
            let wrong = store::count_wrong_try(tx, code.id)?;
            let is_last = wrong.is_none_or(|wrong| wrong >= rules::CODE_TRIES);
            Ok::<_, Error>(Err(if is_last { &rules::CODE_LOCKED } else { &rules::CODE_WRONG }))
        })
        .await?;
    Ok(checked?)
}

/// An openid counts only when WeChat vouches for it, unless the server runs as documented.
fn believe_openid(app: &App, openid: Option<&str>) -> Result<(), Error> {
    if app.mode == Mode::Documented || openid.is_none() {
        return Ok(());
    }
    let (zh, en) = ("需要微信授权", "needs WeChat's word for it (wechat_code)");
    Err(Error::invalid("openid", zh, en))
}

async fn log_in_by_password(app: &App, request: LoginRequest, now: &Now) -> Result<Token, Error> {
    let mobile = String::from(required(request.mobile, "mobile")?);
    let password = required(request.password, "password")?.reveal().to_owned();
    let account =
        app.db.point("members.account", move |tx| Ok::<_, Error>(store::account_by_mobile(tx, &mobile)?));
    let account = account.await?.ok_or(&rules::ACCOUNT_NOT_FOUND)?;
    expect_password(app, &account, password, now).await?;
    issue_token(app, account.id, request.client_id.0, now).await
}

async fn log_in_by_openid(app: &App, request: LoginRequest, now: &Now) -> Result<Token, Error> {
    let openid = String::from(required(request.openid, "openid")?);
    believe_openid(app, Some(&openid))?;
    let account =
        app.db.point("members.openid", move |tx| Ok::<_, Error>(store::account_by_openid(tx, &openid)?));
    let account = account.await?.ok_or(&rules::ACCOUNT_NOT_FOUND)?;
    issue_token(app, account.id, request.client_id.0, now).await
}

async fn expect_password(app: &App, account: &Account, password: String, now: &Now) -> Result<(), Error> {
    let Some(stored) = account.password_hash.clone() else { return Err((&rules::PASSWORD_INCORRECT).into()) };
    let name = format!("login account {}", account.id);
    match passwords::guess(app, &name, password, Some(stored), now.at).await? {
        Guess::Right => Ok(()),
        Guess::Wrong => Err((&rules::PASSWORD_INCORRECT).into()),
        Guess::Locked { retry_after } => Err(Error::from(&rules::LOCKED).with_retry_after(retry_after)),
    }
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

    fn insert(&self, tx: &mut yuyue_db::Tx<'_>, account_id: i64, client: i64, at: i64) -> Result<(), Error> {
        Ok(store::insert_token(tx, &fingerprint(&self.text), account_id, client, at, self.expires_at)?)
    }

    fn reply(self) -> Token {
        Token { access_token: self.text, expires_in: self.lifetime / SECOND }
    }
}

async fn issue_token(app: &App, account_id: i64, client: i64, now: &Now) -> Result<Token, Error> {
    let (token, at) = (NewToken::new(app, now), now.at);
    let row = token.clone();
    app.db.write("members.issue_token", move |tx| row.insert(tx, account_id, client, at)).await?;
    Ok(token.reply())
}

/// Nothing to say beyond the status.
#[derive(Serialize, ToSchema)]
pub struct Empty {}

/// Log out (注销): ends the token that is presented.
#[utoipa::path(delete, path = "/v1/login/token", tag = "members", security(("member" = [])),
    responses((status = 200, body = Empty)))]
pub async fn log_out(State(app): State<App>, member: Member) -> Outcome {
    app.db
        .write("members.log_out", move |tx| Ok::<_, Error>(store::delete_token(tx, &member.token_hash)?))
        .await?;
    Reply::ok(&Empty {})
}

#[derive(Serialize, ToSchema)]
pub struct Profile {
    id: i64,
    /// Mobile number (手机).
    mobile: String,
    /// 0: the password is missing or weak and should be changed (需要修改), 1: it is fine (不需要修改).
    password_is_ok: i64,
    /// Nickname (昵称); "" while unset, like every text here.
    nickname: String,
    avatar: Avatar,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    gender: i64,
    /// Points (积分).
    point: i64,
    /// Whether a test was completed (是否测试过): 0 no, 1 yes.
    is_testing: i64,
    /// Bound WeChat openid (微信openid).
    openid: String,
    location: Location,
}

/// Avatar (头像).
#[derive(Serialize, ToSchema)]
pub struct Avatar {
    /// What was given (图片源).
    src: String,
    /// Where it is (图片URL).
    url: String,
}

#[derive(Serialize, ToSchema)]
pub struct Location {
    province: Place,
    city: Place,
}

/// A province (省) or city (市).
#[derive(Serialize, ToSchema)]
pub struct Place {
    /// GB/T 2260 code; 0 while unset.
    id: u32,
    name: String,
}

impl Place {
    fn new(region: Option<regions::Region>) -> Self {
        region.map_or(Self { id: 0, name: String::new() }, |region| Self {
            id: region.code,
            name: region.name.to_owned(),
        })
    }
}

impl Profile {
    #[must_use]
    pub fn new(account: Account, public_url: &str) -> Self {
        let is_absolute = account.avatar.starts_with("http://") || account.avatar.starts_with("https://");
        let url = match account.avatar.as_str() {
            "" => String::new(),
            src if is_absolute => src.to_owned(),
            src => format!("{public_url}/{}", src.trim_start_matches('/')),
        };
        Self {
            id: account.id,
            password_is_ok: i64::from(account.password_is_ok()),
            mobile: account.mobile,
            nickname: account.nickname,
            avatar: Avatar { src: account.avatar, url },
            gender: account.gender,
            point: account.point,
            is_testing: i64::from(account.is_tested),
            openid: account.openid.unwrap_or_default(),
            location: Location {
                province: Place::new(regions::province(account.region.province)),
                city: Place::new(regions::city(account.region.city)),
            },
        }
    }
}

/// The member's own account (获取账号信息).
#[utoipa::path(get, path = "/v1/accounts/me", tag = "members", security(("member" = [])),
    responses((status = 200, body = Profile)))]
pub async fn me(State(app): State<App>, base: access::BaseUrl, member: Member) -> Outcome {
    let id = member.id;
    let account = app.db.point("members.me", move |tx| Ok::<_, Error>(store::account_by_id(tx, id)?)).await?;
    Reply::ok(&Profile::new(account.ok_or_else(Error::unauthenticated)?, &base.0))
}

#[derive(Deserialize, ToSchema)]
pub struct ProfileChange {
    /// Nickname (昵称); "" clears it.
    #[serde(default)]
    nickname: Option<ClearableLine<64>>,
    /// Avatar source (头像src); "" clears it.
    #[serde(default)]
    avatar: Option<ClearableLine<500>>,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    #[serde(default, deserialize_with = "optional")]
    gender: Option<IntIn<0, 2>>,
    /// Province id (省ID), GB/T 2260; 0 clears the region.
    #[serde(default, deserialize_with = "optional")]
    province_id: Option<IntIn<0, 999_999>>,
    /// City id (市ID), GB/T 2260; 0 clears it.
    #[serde(default, deserialize_with = "optional")]
    city_id: Option<IntIn<0, 999_999>>,
}

#[derive(Serialize, ToSchema)]
pub struct ProfileFields {
    /// Nickname (昵称).
    nickname: String,
    /// Avatar source (头像src).
    avatar: String,
    /// Gender (性别).
    gender: i64,
    /// Province id (省ID).
    province_id: u32,
    /// City id (市ID).
    city_id: u32,
}

/// Change the account (修改账号信息); what is not given stays.
#[utoipa::path(put, path = "/v1/accounts/me", tag = "members", security(("member" = [])), request_body = ProfileChange,
    responses((status = 200, body = ProfileFields)))]
pub async fn change_me(State(app): State<App>, member: Member, input: Input<ProfileChange>) -> Outcome {
    let change = input.value;
    let place = |id: Option<IntIn<0, 999_999>>| id.and_then(|id| u32::try_from(id.0).ok());
    let (province, city) = (place(change.province_id), place(change.city_id));
    let changed = app.db.write("members.change_me", move |tx| {
        store::lock_account(tx, member.id)?;
        let mut account = store::account_by_id(tx, member.id)?.ok_or_else(Error::unauthenticated)?;
        account.region = rules::change_region(account.region, province, city).map_err(region_error)?;
        if let Some(nickname) = &change.nickname {
            account.nickname.clone_from(&nickname.0);
        }
        if let Some(avatar) = &change.avatar {
            account.avatar.clone_from(&avatar.0);
        }
        account.gender = change.gender.map_or(account.gender, |gender| gender.0);
        store::save_profile(tx, &account)?;
        Ok::<_, Error>(account)
    });
    let account = changed.await?;
    Reply::ok(&ProfileFields {
        nickname: account.nickname,
        avatar: account.avatar,
        gender: account.gender,
        province_id: account.region.province,
        city_id: account.region.city,
    })
}

fn region_error(fault: RegionFault) -> Error {
    match fault {
        RegionFault::Province => {
            Error::invalid("province_id", "没有这个省份", "is not a province of GB/T 2260")
        }
        RegionFault::City => {
            Error::invalid("city_id", "不属于该省份的城市", "is not a city of that province")
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub struct PasswordChange {
    /// `password_is_ok` (because the password is missing or weak) or `password` (proved by the old one).
    proof_state: Line<20>,
    /// The old password (旧密码), for proof `password`.
    #[serde(default)]
    password: Option<Password>,
    /// The new password (新密码), at least 6 characters.
    value: Password,
}

/// Change the password (修改密码); every other token of the account ends.
#[utoipa::path(put, path = "/v1/accounts/me/password", tag = "members", security(("member" = [])),
    request_body = PasswordChange, responses((status = 200, body = Empty)))]
pub async fn change_password(
    State(app): State<App>,
    member: Member,
    input: Input<PasswordChange>,
) -> Outcome {
    let (change, now) = (input.value, app.clock.now());
    let id = member.id;
    let account = app.db.point("members.me", move |tx| Ok::<_, Error>(store::account_by_id(tx, id)?)).await?;
    let account = account.ok_or_else(Error::unauthenticated)?;
    let needs_no_proof = match change.proof_state.as_str() {
        "password_is_ok" => true,
        "password" => false,
        _ => {
            let (zh, en) = ("应为 password_is_ok 或 password", "expected password_is_ok or password");
            return Err(Error::invalid("proof_state", zh, en));
        }
    };
    if needs_no_proof && account.password_is_ok() {
        return Err((&rules::PASSWORD_CHANGE_FAILED).into());
    }
    if !needs_no_proof {
        let old = required(change.password, "password")?;
        expect_password(&app, &account, old.reveal().to_owned(), &now).await?;
    }
    let value = change.value.reveal().to_owned();
    if !rules::is_long_enough(&value) {
        return Err((&rules::PASSWORD_CHANGE_FAILED).into());
    }
    let is_weak = rules::is_weak(&value);
    let hash = passwords::hash(&app, value).await?;
    let proved_against = account.password_hash;
    app.db
        .write("members.change_password", move |tx| {
            store::lock_account(tx, id)?;
            let current = store::account_by_id(tx, id)?.ok_or_else(Error::unauthenticated)?;
            // Of two changes at once, the second was proved against a password that is gone.
            if current.password_hash != proved_against {
                return Err(Error::from(&rules::PASSWORD_CHANGE_FAILED));
            }
            store::set_password(tx, id, &hash, is_weak)?;
            Ok(store::delete_other_tokens(tx, id, &member.token_hash)?)
        })
        .await?;
    Reply::ok(&Empty {})
}

#[derive(Serialize, ToSchema)]
pub struct Brand {
    /// Founder (创建者名称).
    pub founder_name: String,
    pub id: i64,
    /// Brand name (品牌名称).
    pub name: String,
}

/// A shop (门店).
#[derive(Serialize, ToSchema)]
pub struct Shop {
    pub brand: Brand,
    pub id: i64,
    /// Shop name (店名).
    pub name: String,
    /// Address (具体地址).
    pub street: String,
    /// Telephone (联系电话).
    pub contact_tel: String,
    /// Whether it is an experience shop (是否体验店): 0 no, 1 yes.
    pub is_exp: i64,
}

impl From<store::Brand> for Brand {
    fn from(brand: store::Brand) -> Self {
        Self { founder_name: brand.founder_name, id: brand.id, name: brand.name }
    }
}

impl From<store::Shop> for Shop {
    fn from(shop: store::Shop) -> Self {
        Self {
            brand: Brand { founder_name: shop.founder_name, id: shop.brand_id, name: shop.brand_name },
            id: shop.id,
            name: shop.name,
            street: shop.street,
            contact_tel: shop.contact_tel,
            is_exp: i64::from(shop.is_exp),
        }
    }
}

/// The shops the member was tested at (获取已测试的门店列表), the latest test first.
#[utoipa::path(get, path = "/v1/accounts/me/shops", tag = "members", security(("member" = [])),
    responses((status = 200, body = Vec<Shop>)))]
pub async fn shops(State(app): State<App>, member: Member) -> Outcome {
    let list =
        move |tx: &mut yuyue_db::Tx<'_>| Ok::<_, Error>(store::tested_shops(tx, member.id, LONGEST_LIST)?);
    let shops = app.db.read("members.shops", list).await?;
    Reply::ok(&shops.into_iter().map(Shop::from).collect::<Vec<_>>())
}

/// A change of points (积分变更).
#[derive(Serialize, ToSchema)]
pub struct PointChange {
    /// Unix seconds (创建时间戳).
    create_time: i64,
    /// What caused it (事件ID).
    event_id: i64,
    /// `TRIAL`, `REGISTER` or `COMMENT` (事件类型).
    event_type: String,
    /// Id of this entry (历史ID).
    id: i64,
    /// Above 0: gained, below 0: lost (积分变更).
    point: i64,
    /// Why (变更原因).
    reason: String,
    /// The account (用户ID).
    user_id: i64,
}

impl From<store::PointEntry> for PointChange {
    fn from(entry: store::PointEntry) -> Self {
        Self {
            create_time: entry.created_at / SECOND,
            event_id: entry.event_id,
            event_type: entry.event_type,
            id: entry.id,
            point: entry.point,
            reason: entry.reason,
            user_id: entry.account_id,
        }
    }
}

/// How the member's points changed (获取积分变更历史), newest first.
#[utoipa::path(get, path = "/v1/accounts/me/points", tag = "members", security(("member" = [])),
    responses((status = 200, body = Vec<PointChange>)))]
pub async fn points(State(app): State<App>, member: Member) -> Outcome {
    let list = move |tx: &mut yuyue_db::Tx<'_>| Ok::<_, Error>(store::points(tx, member.id, LONGEST_LIST)?);
    let entries = app.db.read("members.points", list).await?;
    Reply::ok(&entries.into_iter().map(PointChange::from).collect::<Vec<_>>())
}
