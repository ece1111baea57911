//! What the members document decides, without database or clock.

use crate::clock::{DAY, HOUR, Millis};
use crate::error::Code;
use crate::members::{Account, regions};

const fn code(number: i64, name: &'static str, zh: &'static str, en: &'static str) -> Code {
    Code { number, name, status: 400, zh, en }
}

pub static INVALID: Code = code(1000, "Request.Invalid", "参数错误", "invalid parameter");
pub static CODE_LOCKED: Code =
    code(1001, "SMS.ErrorCountLimited", "验证码错误次数超过限制", "too many wrong tries for this code");
pub static CODE_EXPIRED: Code = code(1002, "SMS.Timeout", "验证码过期", "the code has expired");
pub static CODE_USED: Code = code(1003, "SMS.Checked", "验证码已经验证过", "the code was used already");
pub static CODE_NONE: Code = code(1004, "SMS.Invalid", "无效验证码", "no code was asked for");
pub static CODE_WRONG: Code = code(1005, "SMS.Incorrect", "错误验证码", "wrong code");
pub static CODE_TOO_OFTEN: Code =
    code(1006, "SMS.TooOften", "验证码请求太频繁", "codes were asked for too often");
pub static ACCOUNT_NOT_FOUND: Code = code(1010, "Account.NotFound", "帐号不存在", "no such account");
pub static PASSWORD_INCORRECT: Code =
    code(1011, "Account.PasswordIncorrect", "帐号密码错误", "wrong password");
pub static PASSWORD_CHANGE_FAILED: Code = code(
    1012,
    "Account.PasswordChangeFailed",
    "密码修改失败",
    "the password was not changed: a new one needs 6 characters, and the proof must fit the account",
);
pub static MOBILE_INCORRECT: Code =
    code(1013, "Mobile.Incorrect", "手机号格式错误", "malformed mobile number");
pub static OPENID_EXISTS: Code = code(
    1015,
    "Account.OpenidExist",
    "微信帐号已绑定其他帐号",
    "this WeChat account is bound to another account",
);
pub static LOCKED: Code = Code {
    number: 1016,
    name: "Account.Locked",
    status: 429,
    zh: "密码错误次数过多，请稍后再试",
    en: "too many wrong passwords, try again later",
};
pub static TOKEN_INVALID: Code = Code {
    number: 1020,
    name: "Token.Invalid",
    status: 401,
    zh: "请先登录",
    en: "a valid token is required",
};

pub const PASSWORD_LEAST: usize = 6;
/// Wrong passwords within 15 minutes that lock an account.
pub const PASSWORD_TRIES: u32 = 10;

/// How long none of an account's tokens was used when its number may be somebody else's by now: numbers
/// that were given up are given out again after some months.
pub const NUMBER_IS_SURE_FOR: Millis = 180 * DAY;
/// How exactly the use of tokens is noted.
pub const USE_IS_NOTED_EVERY: Millis = HOUR;

/// Whether the number alone no longer proves whose account it is. Without a password or a WeChat there is
/// nothing else to prove it by.
#[must_use]
pub fn needs_more_than_its_number(account: &Account, at: Millis) -> bool {
    let has_more = account.password_hash.is_some() || account.openid.is_some();
    has_more && at - account.last_used_at >= NUMBER_IS_SURE_FOR
}

/// The clients of the document (client_id).
pub const CLIENTS: [i64; 8] = [13, 23, 31, 32, 41, 42, 44, 53];

/// Whether a password is too easy to guess to be left as it is.
#[must_use]
pub fn is_weak(password: &str) -> bool {
    // Scoring slows down with length; a guesser gives up long before.
    let head: String = password.chars().take(32).collect();
    zxcvbn::zxcvbn(&head, &[]).score() <= zxcvbn::Score::One
}

/// Whether a password is long enough.
#[must_use]
pub fn is_long_enough(password: &str) -> bool {
    password.chars().count() >= PASSWORD_LEAST
}

/// Province and city of an account; 0 is unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub province: u32,
    pub city: u32,
}

/// Which field of a region change is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionFault {
    Province,
    City,
}

/// Applies a change; 0 clears, a province alone clears a city outside it, a city alone brings its
/// province along when none is set.
///
/// # Errors
/// An unknown province or city, or a city outside the province.
pub fn change_region(now: Region, province: Option<u32>, city: Option<u32>) -> Result<Region, RegionFault> {
    let mut changed = now;
    if let Some(province) = province {
        if province != 0 && regions::province(province).is_none() {
            return Err(RegionFault::Province);
        }
        changed.province = province;
        if city.is_none() && !regions::city_is_in(now.city, province) {
            changed.city = 0;
        }
    }
    match city {
        None => {}
        Some(0) => changed.city = 0,
        Some(city) => {
            if changed.province == 0 && province.is_none() {
                changed.province = city / 10_000 * 10_000;
            }
            if !regions::city_is_in(city, changed.province) {
                return Err(RegionFault::City);
            }
            changed.city = city;
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHENZHEN: Region = Region { province: 440_000, city: 440_300 };

    #[test]
    fn regions_follow_the_contract() {
        let cases = [
            (SHENZHEN, None, None, Ok(SHENZHEN), "nothing given"),
            (SHENZHEN, Some(330_000), None, Ok(Region { province: 330_000, city: 0 }), "the city is outside"),
            (SHENZHEN, Some(440_000), None, Ok(SHENZHEN), "the city is inside"),
            (SHENZHEN, Some(0), None, Ok(Region { province: 0, city: 0 }), "0 clears"),
            (SHENZHEN, None, Some(0), Ok(Region { province: 440_000, city: 0 }), "0 clears the city"),
            (SHENZHEN, None, Some(440_100), Ok(Region { province: 440_000, city: 440_100 }), "same province"),
            (SHENZHEN, None, Some(330_100), Err(RegionFault::City), "another province"),
            (SHENZHEN, Some(330_000), Some(440_300), Err(RegionFault::City), "outside the new province"),
            (SHENZHEN, Some(990_000), None, Err(RegionFault::Province), "unknown province"),
            (SHENZHEN, Some(440_300), None, Err(RegionFault::Province), "a city is no province"),
            (SHENZHEN, None, Some(449_900), Err(RegionFault::City), "unknown city"),
            (Region { province: 0, city: 0 }, None, Some(440_300), Ok(SHENZHEN), "the province comes along"),
            (SHENZHEN, Some(0), Some(440_300), Err(RegionFault::City), "a city in no province"),
        ];
        for (now, province, city, expected, why) in cases {
            assert_eq!(change_region(now, province, city), expected, "{why}");
        }
    }

    #[test]
    fn weak_passwords_are_told_from_fair_ones() {
        for weak in ["123456", "password", "11111111", "qwerty"] {
            assert!(is_weak(weak), "{weak}");
        }
        assert!(!is_weak("correct horse battery staple"));
    }
}
