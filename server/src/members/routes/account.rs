//! The member's own account, password, shops and points.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Empty, Outcome, expect_password, required};
use crate::app::App;
use crate::clock::SECOND;
use crate::error::Error;
use crate::http::access;
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{ClearableLine, IntIn, Line, Password, optional};
use crate::http::limits::ClientAddress;
use crate::members::rules::RegionFault;
use crate::members::store::Account;
use crate::members::{Member, regions, rules, store};
use crate::passwords;

/// The document has no paging here; this bounds a reply.
const LONGEST_LIST: i64 = 1_000;

#[derive(Serialize, ToSchema)]
pub struct Profile {
    /// Account id (用户ID).
    id: i64,
    /// Mobile number (手机).
    mobile: String,
    /// 0: the password is missing or weak and should be changed (需要修改), 1: it is fine (不需要修改).
    password_is_ok: i64,
    /// Nickname (昵称); "" while unset, like every text here.
    nickname: String,
    /// Avatar (头像).
    avatar: Avatar,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    gender: i64,
    /// Points (积分).
    point: i64,
    /// Whether a test was completed (是否测试过): 0 no, 1 yes.
    is_testing: i64,
    /// Bound WeChat openid (微信openid).
    openid: String,
    /// Where the member lives (所在地区).
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
    /// Province (省).
    province: Place,
    /// City (市).
    city: Place,
}

/// A province (省) or city (市).
#[derive(Serialize, ToSchema)]
pub struct Place {
    /// Province or city id (省ID、市ID), its GB/T 2260 code; 0 while unset.
    id: u32,
    /// Name of the province or city (省名称、市名称); "" while unset.
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
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    gender: i64,
    /// Province id (省ID), GB/T 2260; 0 while unset.
    province_id: u32,
    /// City id (市ID), GB/T 2260; 0 while unset.
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
    /// Why it may be changed (证明方式): `password_is_ok`, because it is missing or weak (弱密码需要重置),
    /// or `password`, proved by the old one (旧密码).
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
    address: ClientAddress,
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
    let proved_against = if needs_no_proof {
        account.password_hash
    } else {
        let old = required(change.password, "password")?;
        Some(expect_password(&app, &account, old.reveal().to_owned(), address, &now).await?)
    };
    let value = passwords::normal(change.value.reveal());
    if !rules::is_long_enough(&value) {
        return Err((&rules::PASSWORD_CHANGE_FAILED).into());
    }
    let is_weak = rules::is_weak(&value);
    let hash = passwords::hash(&app, value).await?;
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
    /// Brand id (品牌ID).
    pub id: i64,
    /// Brand name (品牌名称).
    pub name: String,
}

/// A shop (门店).
#[derive(Serialize, ToSchema)]
pub struct Shop {
    /// Whose shop it is (品牌).
    pub brand: Brand,
    /// Shop id (门店ID).
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
    /// When, in Unix seconds (创建时间戳).
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
