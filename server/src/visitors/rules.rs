//! What the visitors documents decide, without database, HTTP or clock.

use jiff::civil::Date;

use crate::clock::{DAY, HOUR, MINUTE, Millis, Now, instant};
use crate::error::{Code, Error};
use crate::phone;

const fn code(number: i64, zh: &'static str, en: &'static str) -> Code {
    Code { number, name: "", status: 200, zh, en }
}

pub static NOT_BOUND: Code = code(404, "没有该微信号绑定的用户", "nobody is bound to this WeChat");
pub static NO_RECORD: Code = code(404, "没有这条访客记录", "there is no such record");
pub static BOUND_OTHERWISE: Code =
    code(-101, "该微信已绑定其他信息，请先解除绑定", "this WeChat is bound with other data; unbind it first");
pub static PHONE_TAKEN: Code =
    code(-102, "该手机号码已被其他微信绑定", "this phone is bound by another WeChat");
pub static NOT_EMPLOYED: Code =
    code(-103, "员工名单中没有该姓名和手机号码", "no employee has this name and phone");
pub static WECHAT_REFUSED: Code = code(-104, "微信服务拒绝了绑定", "the WeChat service refused the binding");
pub static CODE_NEEDED: Code =
    code(-105, "请输入发送到该手机的验证码", "a code sent to this phone is needed (sms_code)");
pub static CODE_WRONG: Code = code(-106, "验证码错误或已失效", "the code is wrong, used or has expired");
pub static CODE_TOO_OFTEN: Code =
    code(-107, "验证码请求太频繁，请稍后再试", "codes for this phone were asked for too often");
pub static ASK_RECEPTION: Code = code(-200, "请联系前台", "please contact the reception");
pub static PROPOSER: Code = code(
    -201,
    "申请人的手机号码应是访客或被访人二者之一的手机号码",
    "proposer must be the phone of either the visitor or the interviewee",
);
pub static NO_INTERVIEWEE: Code = code(-202, "员工名单中没有该被访人", "the interviewee is no employee");
pub static EXPIRED: Code = code(-203, "来访时间已过", "the time of the visit has passed");
pub static REFUSED: Code = code(-204, "申请已被拒绝", "the application was refused");
pub static AUTHORISED: Code = code(-205, "申请已通过，不能拒绝", "the application is authorised already");
pub static NOTHING_TODAY: Code =
    code(-206, "今天没有该手机号码的预约", "nothing is booked for this phone today");
pub static NOT_AUTHORISED: Code =
    code(-207, "今天的预约尚未通过审批", "today's appointment is not authorised yet");
pub static NOT_HERE: Code = code(-208, "没有找到已签到的来访", "nobody to sign out was found");
pub static PASS_EXPIRED: Code = code(-209, "通行权限已过期", "this pass has expired");
pub static PASS_EARLY: Code = code(-210, "未到通行时间", "this pass is not valid yet");
pub static PASS_UNKNOWN: Code = code(-211, "无效的二维码", "this is not a pass of ours");

/// Every code of the product, for the documentation and its test.
pub static CODES: [&Code; 21] = [
    &NOT_BOUND,
    &NO_RECORD,
    &BOUND_OTHERWISE,
    &PHONE_TAKEN,
    &NOT_EMPLOYED,
    &WECHAT_REFUSED,
    &CODE_NEEDED,
    &CODE_WRONG,
    &CODE_TOO_OFTEN,
    &ASK_RECEPTION,
    &PROPOSER,
    &NO_INTERVIEWEE,
    &EXPIRED,
    &REFUSED,
    &AUTHORISED,
    &NOTHING_TODAY,
    &NOT_AUTHORISED,
    &NOT_HERE,
    &PASS_EXPIRED,
    &PASS_EARLY,
    &PASS_UNKNOWN,
];

/// How long before the start a pass opens gates.
pub const EARLY: Millis = 30 * MINUTE;
/// The most people who come along with a visitor (随行人员).
pub const MOST_COMPANIONS: usize = 20;
/// What a visit is for (来访目的), by its number.
pub const PURPOSES: [&str; 5] = ["其它", "面试", "商务", "亲友", "快递送货"];

/// The words for a purpose's number.
#[must_use]
pub fn purpose(number: i64) -> &'static str {
    usize::try_from(number).ok().and_then(|number| PURPOSES.get(number)).copied().unwrap_or(PURPOSES[0])
}

/// Who asked for a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// The employee (员工邀约): authorised at once.
    Invitation,
    /// The visitor (访客申请): waits for the employee.
    Application,
}

/// Tells who asked by whose phone the proposer's is, however the three are written.
///
/// # Errors
/// [`PROPOSER`] when it is neither's, or both's.
pub fn proposal(proposer: &str, phone: &str, interviewee_phone: &str) -> Result<Proposal, &'static Code> {
    let [proposer, phone, interviewee_phone] = [proposer, phone, interviewee_phone].map(phone::key);
    match (proposer == interviewee_phone, proposer == phone) {
        (true, false) => Ok(Proposal::Invitation),
        (false, true) => Ok(Proposal::Application),
        _ => Err(&PROPOSER),
    }
}

/// Whether a visit, at most `longest` long, may take place from `starts_at` to `ends_at`.
///
/// # Errors
/// Names the field that is wrong.
pub fn check_times(starts_at: Millis, ends_at: Millis, longest: Millis, at: Millis) -> Result<(), Error> {
    if ends_at <= starts_at {
        return Err(Error::invalid("end_time", "应晚于 start_time", "must be after start_time"));
    }
    if ends_at <= at {
        return Err(Error::invalid("end_time", "应晚于现在", "must be in the future"));
    }
    if ends_at - starts_at > longest {
        let (zh, en) = length(longest);
        let zh = format!("来访最长 {zh}，应更早结束");
        return Err(Error::invalid("end_time", &zh, &format!("a visit lasts at most {en}")));
    }
    Ok(())
}

/// A length of time in the largest unit that it is whole in, in Chinese and English.
fn length(of: Millis) -> (String, String) {
    let units =
        [(DAY, "天", "days"), (HOUR, "小时", "hours"), (MINUTE, "分钟", "minutes"), (1, "毫秒", "ms")];
    let whole = units.into_iter().find(|(unit, ..)| of % unit == 0).unwrap_or(units[3]);
    let (unit, zh, en) = whole;
    (format!("{} {zh}", of / unit), format!("{} {en}", of / unit))
}

/// A visit that a sign-in may be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub visit_id: i64,
    pub starts_at: Millis,
    pub is_authorised: bool,
    /// Whether the visit is signed in and the person has their pass.
    pub is_signed_in: bool,
    /// Whether the person only comes along.
    pub is_companion: bool,
}

/// Visits that start before this count as today's: until midnight, and those whose gates are open already.
#[must_use]
pub fn end_of_today(now: &Now) -> Millis {
    let tomorrow = now.local().date().tomorrow().unwrap_or(Date::MAX);
    instant(now.zone(), tomorrow.at(0, 0, 0, 0)).max(now.at + EARLY + 1)
}

/// Which of the day's unexpired visits a sign-in is for: of those under way the first that is not signed in
/// yet, else the earliest, and one's own before one where one comes along; with none under way the next to start.
///
/// # Errors
/// [`NOT_AUTHORISED`] or [`NOTHING_TODAY`].
pub fn choose(candidates: &[Candidate], at: Millis) -> Result<i64, &'static Code> {
    let authorised = candidates.iter().filter(|candidate| candidate.is_authorised);
    let order = |one: &&Candidate| {
        let is_to_come = one.starts_at > at;
        let (is_done, is_others) = (!is_to_come && one.is_signed_in, !is_to_come && one.is_companion);
        (is_to_come, is_done, is_others, one.starts_at, one.is_companion, one.visit_id)
    };
    match authorised.min_by_key(order) {
        Some(chosen) => Ok(chosen.visit_id),
        None if candidates.is_empty() => Err(&NOTHING_TODAY),
        None => Err(&NOT_AUTHORISED),
    }
}

/// When a pass opens gates: from `from`, and no longer at `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub from: Millis,
    pub until: Millis,
}

impl Validity {
    #[must_use]
    pub fn of_visit(starts_at: Millis, ends_at: Millis) -> Self {
        Self { from: starts_at - EARLY, until: ends_at }
    }

    /// Why the gate stays closed at `at`, if it does.
    #[must_use]
    pub fn refusal(self, at: Millis) -> Option<&'static Code> {
        if at >= self.until {
            Some(&PASS_EXPIRED)
        } else if at < self.from {
            Some(&PASS_EARLY)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proposer_is_one_of_the_two() {
        assert_eq!(proposal("1", "2", "1"), Ok(Proposal::Invitation));
        assert_eq!(proposal("2", "2", "1"), Ok(Proposal::Application));
        assert_eq!(proposal("3", "2", "1"), Err(&PROPOSER));
        assert_eq!(proposal("1", "1", "1"), Err(&PROPOSER), "nobody visits themselves");
        let (plain, dressed) = ("13811111111", "+8613811111111");
        assert_eq!(proposal(plain, "13900000001", dressed), Ok(Proposal::Invitation));
        assert_eq!(proposal(dressed, plain, "13900000001"), Ok(Proposal::Application));
        assert_eq!(proposal(plain, dressed, "008613811111111"), Err(&PROPOSER));
    }

    #[test]
    fn a_sign_in_is_for_the_visit_under_way_else_for_the_next() {
        let visit = |visit_id, starts_at, is_authorised| Candidate {
            visit_id,
            starts_at,
            is_authorised,
            is_signed_in: false,
            is_companion: false,
        };
        assert_eq!(choose(&[], 10), Err(&NOTHING_TODAY));
        assert_eq!(choose(&[visit(1, 5, false)], 10), Err(&NOT_AUTHORISED));
        assert_eq!(choose(&[visit(1, 5, false), visit(2, 20, true)], 10), Ok(2));
        assert_eq!(choose(&[visit(1, 11, true), visit(2, 9, true)], 10), Ok(2), "under way");
        assert_eq!(choose(&[visit(1, 9, true), visit(2, 5, true)], 10), Ok(2), "the earliest under way");
        assert_eq!(choose(&[visit(1, 30, true), visit(2, 20, true)], 10), Ok(2), "the next");
        assert_eq!(choose(&[visit(1, 10, true), visit(2, 11, true)], 10), Ok(1), "just begun");
        let done = |visit_id, starts_at| Candidate { is_signed_in: true, ..visit(visit_id, starts_at, true) };
        let along = |of: Candidate| Candidate { is_companion: true, ..of };
        assert_eq!(choose(&[done(1, 5), visit(2, 9, true)], 10), Ok(2), "the first not signed in");
        assert_eq!(choose(&[done(2, 9), done(1, 5)], 10), Ok(1), "all signed in");
        assert_eq!(choose(&[done(1, 5), visit(2, 20, true)], 10), Ok(1), "what is to come waits");
        assert_eq!(choose(&[along(visit(1, 5, true)), visit(2, 9, true)], 10), Ok(2), "one's own first");
        assert_eq!(choose(&[along(visit(1, 5, true)), done(2, 9)], 10), Ok(1), "then the others'");
        assert_eq!(choose(&[along(visit(1, 20, true)), visit(2, 30, true)], 10), Ok(1), "the next to start");
    }

    #[test]
    fn a_pass_is_valid_from_half_an_hour_before_until_the_end() {
        let validity = Validity::of_visit(EARLY, 2 * EARLY);
        assert_eq!(validity.refusal(-1), Some(&PASS_EARLY));
        assert_eq!(validity.refusal(0), None);
        assert_eq!(validity.refusal(2 * EARLY - 1), None);
        assert_eq!(validity.refusal(2 * EARLY), Some(&PASS_EXPIRED));
    }

    #[test]
    fn times_name_the_field_at_fault() {
        let wrong = |starts_at, ends_at| check_times(starts_at, ends_at, 20, 10).unwrap_err().field;
        assert!(check_times(5, 11, 20, 10).is_ok());
        assert!(check_times(5, 25, 20, 10).is_ok(), "just the longest");
        assert_eq!(wrong(5, 26).as_deref(), Some("end_time"), "longer than a visit may be");
        assert_eq!(wrong(20, 20).as_deref(), Some("end_time"));
        assert_eq!(wrong(5, 10).as_deref(), Some("end_time"));
    }

    #[test]
    fn codes_are_told_apart() {
        let mut numbers: Vec<_> = CODES.iter().map(|code| code.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len() - 1, "only 404 says that two kinds of thing are missing");
    }
}
