//! What the slots document's fields (字段) are called in Chinese, for messages that name one.

/// The field on the wire, and its name.
pub const LABELS: &[(&str, &str)] = &[
    ("appintment_id", "预约编号"),
    ("appointment_id", "预约编号"),
    ("date", "日期"),
    ("day", "日期"),
    ("hour", "小时"),
    ("minute", "分钟"),
    ("name", "姓名"),
    ("open_id", "微信 openid"),
    ("phone_num", "手机号"),
];
