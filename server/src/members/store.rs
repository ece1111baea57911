//! The rows of members.

use yuyue_db::{Lock, Result, Row, Tx, params, sql};

use crate::clock::Millis;
use crate::error::Error;
use crate::http::page::Page;
use crate::locks;
use crate::members::Member;
use crate::members::rules::Region;

/// A consumer account (帐号).
#[derive(Clone, Debug)]
pub struct Account {
    pub id: i64,
    /// "" when the number went to somebody else.
    pub mobile: String,
    pub password_hash: Option<String>,
    pub password_is_weak: bool,
    pub nickname: String,
    pub avatar: String,
    pub gender: i64,
    pub openid: Option<String>,
    pub region: Region,
    pub point: i64,
    pub is_tested: bool,
    pub created_at: Millis,
    /// When one of its tokens was used last, within an hour.
    pub last_used_at: Millis,
}

fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        mobile: row.get("mobile")?,
        password_hash: row.get("password_hash")?,
        password_is_weak: row.get("password_is_weak")?,
        nickname: row.get("nickname")?,
        avatar: row.get("avatar")?,
        gender: row.get("gender")?,
        openid: row.get("openid")?,
        region: Region { province: row.get("province_id")?, city: row.get("city_id")? },
        point: row.get("point")?,
        is_tested: row.get("is_tested")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

impl Account {
    /// False for an account whose password should be set anew: none, or a weak one.
    #[must_use]
    pub fn password_is_ok(&self) -> bool {
        self.password_hash.is_some() && !self.password_is_weak
    }
}

macro_rules! account_columns {
    () => {
        "id, mobile, password_hash, password_is_weak, nickname, avatar, gender, openid, province_id, city_id, point, \
         is_tested, created_at, last_used_at"
    };
}

pub fn account_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Account>> {
    tx.query_opt(
        sql!(concat!("SELECT ", account_columns!(), " FROM account WHERE id = $1")),
        params![id],
        account,
    )
}

pub fn account_by_mobile(tx: &mut Tx<'_>, mobile: &str) -> Result<Option<Account>> {
    let find =
        sql!(concat!("SELECT ", account_columns!(), " FROM account WHERE mobile = $1 AND mobile <> ''"));
    tx.query_opt(find, params![mobile], account)
}

pub fn account_by_openid(tx: &mut Tx<'_>, openid: &str) -> Result<Option<Account>> {
    let find = sql!(concat!("SELECT ", account_columns!(), " FROM account WHERE openid = $1"));
    tx.query_opt(find, params![openid], account)
}

macro_rules! by_mobile {
    () => {
        "WHERE mobile = $1 AND mobile <> '' AND (CAST($2 AS TEXT) IS NULL OR replace(nickname, $2, '') <> nickname) "
    };
}

macro_rules! by_nickname {
    () => {
        "WHERE CAST($1 AS TEXT) IS NULL AND (CAST($2 AS TEXT) IS NULL OR replace(nickname, $2, '') <> nickname) "
    };
}

/// The accounts of `mobile` whose nickname holds `nickname`, the newest first, and how many there are.
pub fn accounts(
    tx: &mut Tx<'_>,
    mobile: Option<&str>,
    nickname: Option<&str>,
    page: Page,
) -> Result<(i64, Vec<Account>)> {
    let (count, list) = if mobile.is_some() {
        (
            sql!(concat!("SELECT count(*) AS total FROM account ", by_mobile!())),
            sql!(concat!(
                "SELECT ",
                account_columns!(),
                " FROM account ",
                by_mobile!(),
                "ORDER BY id DESC LIMIT $3 OFFSET $4"
            )),
        )
    } else {
        (
            sql!(concat!("SELECT count(*) AS total FROM account ", by_nickname!())),
            sql!(concat!(
                "SELECT ",
                account_columns!(),
                " FROM account ",
                by_nickname!(),
                "ORDER BY id DESC LIMIT $3 OFFSET $4"
            )),
        )
    };
    let total = tx.query_one(count, params![mobile, nickname], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![mobile, nickname, page.size, page.offset()], account)?))
}

/// Makes the account of `mobile` unless there is one; its id if it was made.
pub fn register(tx: &mut Tx<'_>, mobile: &str, at: Millis) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO account (mobile, password_is_weak, nickname, avatar, gender, province_id, city_id, point,
                              is_tested, created_at, last_used_at)
         VALUES ($1, FALSE, '', '', 0, 0, 0, 0, FALSE, $2, $2)
         ON CONFLICT (mobile) WHERE mobile <> '' DO NOTHING RETURNING id"
    );
    tx.query_opt(insert, params![mobile, at], |row| row.get("id"))
}

/// Takes the number from an account, unless that was used after `last_used_at`; whether it did.
pub fn release_mobile(tx: &mut Tx<'_>, id: i64, last_used_at: Millis) -> Result<bool> {
    let update = sql!("UPDATE account SET mobile = '' WHERE id = $1 AND mobile <> '' AND last_used_at = $2");
    Ok(tx.execute(update, params![id, last_used_at])? == 1)
}

/// Notes that a token of the account was used.
pub fn note_use(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<()> {
    tx.execute(sql!("UPDATE account SET last_used_at = $2 WHERE id = $1"), params![id, at]).map(drop)
}

/// Fills what is still empty from what WeChat told the front end.
pub fn fill_profile(tx: &mut Tx<'_>, id: i64, nickname: &str, avatar: &str, gender: i64) -> Result<()> {
    let update = sql!(
        "UPDATE account SET nickname = CASE WHEN nickname = '' THEN $2 ELSE nickname END,
                            avatar = CASE WHEN avatar = '' THEN $3 ELSE avatar END,
                            gender = CASE WHEN gender = 0 THEN $4 ELSE gender END
         WHERE id = $1"
    );
    tx.execute(update, params![id, nickname, avatar, gender]).map(drop)
}

pub fn save_profile(tx: &mut Tx<'_>, account: &Account) -> Result<()> {
    let update = sql!(
        "UPDATE account SET nickname = $2, avatar = $3, gender = $4, province_id = $5, city_id = $6 WHERE id = $1"
    );
    let values = params![
        account.id,
        &account.nickname,
        &account.avatar,
        account.gender,
        account.region.province,
        account.region.city
    ];
    tx.execute(update, values).map(drop)
}

/// Locks an account's row until the transaction ends.
pub fn lock_account(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(sql!("UPDATE account SET mobile = mobile WHERE id = $1"), params![id]).map(drop)
}

/// Locks an account's row if its password is still the one whose hash is given.
pub fn lock_account_with_password(tx: &mut Tx<'_>, id: i64, hash: &str) -> Result<bool> {
    let lock = sql!("UPDATE account SET mobile = mobile WHERE id = $1 AND password_hash = $2");
    Ok(tx.execute(lock, params![id, hash])? == 1)
}

/// Waits until no other openid is being bound: a unique index alone would end the transaction of the
/// slower of two callers.
pub fn lock_openids(tx: &mut Tx<'_>) -> Result<()> {
    tx.lock(Lock::Exclusive(locks::OPENID))
}

/// Binds `openid`; false when another account has it.
pub fn bind_openid(tx: &mut Tx<'_>, id: i64, openid: &str) -> Result<bool> {
    let update = sql!(
        "UPDATE account SET openid = $2
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM account a WHERE a.openid = $2 AND a.id <> $1)"
    );
    Ok(tx.execute(update, params![id, openid])? == 1)
}

/// Keeps the same password under another hash; false when it was changed meanwhile.
pub fn replace_hash(tx: &mut Tx<'_>, id: i64, old: &str, new: &str) -> Result<bool> {
    let update = sql!("UPDATE account SET password_hash = $3 WHERE id = $1 AND password_hash = $2");
    Ok(tx.execute(update, params![id, old, new])? == 1)
}

pub fn set_password(tx: &mut Tx<'_>, id: i64, hash: &str, is_weak: bool) -> Result<()> {
    let update = sql!("UPDATE account SET password_hash = $2, password_is_weak = $3 WHERE id = $1");
    tx.execute(update, params![id, hash, is_weak]).map(drop)
}

pub fn member_of_token(
    tx: &mut Tx<'_>,
    token_hash: &str,
    at: Millis,
) -> std::result::Result<Option<Member>, Error> {
    let find = sql!(
        "SELECT a.id, a.openid, a.last_used_at FROM access_token t JOIN account a ON a.id = t.account_id
         WHERE t.token_hash = $1 AND t.expires_at > $2"
    );
    let member = tx.query_opt(find, params![token_hash, at], |row| {
        Ok(Member {
            id: row.get("id")?,
            openid: row.get("openid")?,
            token_hash: token_hash.to_owned(),
            last_used_at: row.get("last_used_at")?,
        })
    });
    Ok(member?)
}

pub fn insert_token(
    tx: &mut Tx<'_>,
    hash: &str,
    id: i64,
    client: i64,
    at: Millis,
    expires_at: Millis,
) -> Result<()> {
    let insert = sql!(
        "INSERT INTO access_token (token_hash, account_id, client_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)"
    );
    tx.execute(insert, params![hash, id, client, at, expires_at]).map(drop)
}

pub fn delete_token(tx: &mut Tx<'_>, hash: &str) -> Result<()> {
    tx.execute(sql!("DELETE FROM access_token WHERE token_hash = $1"), params![hash]).map(drop)
}

/// Ends every token of an account but `kept`.
pub fn delete_other_tokens(tx: &mut Tx<'_>, id: i64, kept: &str) -> Result<()> {
    let delete = sql!("DELETE FROM access_token WHERE account_id = $1 AND token_hash <> $2");
    tx.execute(delete, params![id, kept]).map(drop)
}

pub fn add_points(
    tx: &mut Tx<'_>,
    account_id: i64,
    event_type: &str,
    event_id: i64,
    point: i64,
    reason: &str,
    at: Millis,
) -> std::result::Result<i64, Error> {
    tx.execute(sql!("UPDATE account SET point = point + $2 WHERE id = $1"), params![account_id, point])?;
    let insert = sql!(
        "INSERT INTO point_entry (account_id, event_type, event_id, point, reason, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"
    );
    let values = params![account_id, event_type, event_id, point, reason, at];
    Ok(tx.query_one(insert, values, |row| row.get("id"))?)
}

/// A change of points (积分变更).
#[derive(Clone, Debug)]
pub struct PointEntry {
    pub id: i64,
    pub account_id: i64,
    pub event_type: String,
    pub event_id: i64,
    pub point: i64,
    pub reason: String,
    pub created_at: Millis,
}

fn point_entry(row: &Row<'_>) -> Result<PointEntry> {
    Ok(PointEntry {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        event_type: row.get("event_type")?,
        event_id: row.get("event_id")?,
        point: row.get("point")?,
        reason: row.get("reason")?,
        created_at: row.get("created_at")?,
    })
}

/// The newest changes of an account's points, newest first.
pub fn points(tx: &mut Tx<'_>, account_id: i64, most: i64) -> Result<Vec<PointEntry>> {
    let list = sql!(
        "SELECT id, account_id, event_type, event_id, point, reason, created_at FROM point_entry
         WHERE account_id = $1 ORDER BY id DESC LIMIT $2"
    );
    tx.query(list, params![account_id, most], point_entry)
}

/// A shop (门店) with its brand.
#[derive(Clone, Debug)]
pub struct Shop {
    pub id: i64,
    pub name: String,
    pub street: String,
    pub contact_tel: String,
    pub is_exp: bool,
    pub brand_id: i64,
    pub brand_name: String,
    pub founder_name: String,
}

pub(crate) fn shop(row: &Row<'_>) -> Result<Shop> {
    Ok(Shop {
        id: row.get("id")?,
        name: row.get("name")?,
        street: row.get("street")?,
        contact_tel: row.get("contact_tel")?,
        is_exp: row.get("is_exp")?,
        brand_id: row.get("brand_id")?,
        brand_name: row.get("brand_name")?,
        founder_name: row.get("founder_name")?,
    })
}

/// The shops an account has a completed test at, the latest test first.
pub fn tested_shops(tx: &mut Tx<'_>, account_id: i64, most: i64) -> Result<Vec<Shop>> {
    let list = sql!(
        "SELECT s.id, s.name, s.street, s.contact_tel, s.is_exp, s.brand_id, b.name AS brand_name, b.founder_name
         FROM (SELECT shop_id, max(id) AS latest FROM completed_test WHERE account_id = $1 GROUP BY shop_id) t
         JOIN shop s ON s.id = t.shop_id JOIN brand b ON b.id = s.brand_id ORDER BY t.latest DESC LIMIT $2"
    );
    tx.query(list, params![account_id, most], shop)
}

/// Forgets expired tokens.
///
/// # Errors
/// When the database refuses.
pub fn forget_tokens(tx: &mut Tx<'_>, at: Millis, most: i64) -> std::result::Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM access_token WHERE token_hash IN
             (SELECT token_hash FROM access_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// Tokens and codes that a wrong clock gave out after `at` live no longer than others; gives how many.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> std::result::Result<u64, Error> {
    let tokens = sql!(
        "UPDATE access_token SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at - 60000 > $1"
    );
    let codes = sql!(
        "UPDATE sms_code SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at - 60000 > $1"
    );
    let uses = sql!("UPDATE account SET last_used_at = $1 WHERE last_used_at - 60000 > $1");
    Ok(tx.execute(tokens, params![at])? + tx.execute(codes, params![at])? + tx.execute(uses, params![at])?)
}

pub fn insert_brand(tx: &mut Tx<'_>, name: &str, founder_name: &str, at: Millis) -> Result<i64> {
    let insert = sql!("INSERT INTO brand (name, founder_name, created_at) VALUES ($1, $2, $3) RETURNING id");
    tx.query_one(insert, params![name, founder_name, at], |row| row.get("id"))
}

/// Adds a shop: name, street and telephone.
pub fn insert_shop(
    tx: &mut Tx<'_>,
    brand_id: i64,
    (name, street, contact_tel): (&str, &str, &str),
    is_exp: bool,
    at: Millis,
) -> Result<i64> {
    let insert = sql!(
        "INSERT INTO shop (brand_id, name, street, contact_tel, is_exp, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"
    );
    tx.query_one(insert, params![brand_id, name, street, contact_tel, is_exp, at], |row| row.get("id"))
}

/// A brand (品牌).
#[derive(Clone, Debug)]
pub struct Brand {
    pub id: i64,
    pub name: String,
    pub founder_name: String,
}

fn brand(row: &Row<'_>) -> Result<Brand> {
    Ok(Brand { id: row.get("id")?, name: row.get("name")?, founder_name: row.get("founder_name")? })
}

pub fn brand_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Brand>> {
    tx.query_opt(sql!("SELECT id, name, founder_name FROM brand WHERE id = $1"), params![id], brand)
}

/// The brands, the newest first, and how many there are.
pub fn brands(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Brand>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM brand"), &[], |row| row.get("total"))?;
    let list = sql!("SELECT id, name, founder_name FROM brand ORDER BY id DESC LIMIT $1 OFFSET $2");
    Ok((total, tx.query(list, params![page.size, page.offset()], brand)?))
}

pub fn shop_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Shop>> {
    let find = sql!(
        "SELECT s.id, s.name, s.street, s.contact_tel, s.is_exp, s.brand_id, b.name AS brand_name, b.founder_name
         FROM shop s JOIN brand b ON b.id = s.brand_id WHERE s.id = $1"
    );
    tx.query_opt(find, params![id], shop)
}

/// The shops, the newest first, and how many there are.
pub fn shops(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Shop>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM shop"), &[], |row| row.get("total"))?;
    let list = sql!(
        "SELECT s.id, s.name, s.street, s.contact_tel, s.is_exp, s.brand_id, b.name AS brand_name, b.founder_name
         FROM shop s JOIN brand b ON b.id = s.brand_id ORDER BY s.id DESC LIMIT $1 OFFSET $2"
    );
    Ok((total, tx.query(list, params![page.size, page.offset()], shop)?))
}

/// Records that an account completed a test (测试) at a shop.
pub fn insert_test(tx: &mut Tx<'_>, account_id: i64, shop_id: i64, at: Millis) -> Result<i64> {
    tx.execute(sql!("UPDATE account SET is_tested = TRUE WHERE id = $1"), params![account_id])?;
    let insert =
        sql!("INSERT INTO completed_test (account_id, shop_id, created_at) VALUES ($1, $2, $3) RETURNING id");
    tx.query_one(insert, params![account_id, shop_id, at], |row| row.get("id"))
}
