//! What the members document's fields (字段) are called in Chinese, for messages that name one.

/// The field on the wire, and its name.
pub const LABELS: &[(&str, &str)] = &[
    ("avatar", "头像"),
    ("avatar_url", "微信头像"),
    ("city_id", "市"),
    ("client_id", "客户端"),
    ("gender", "性别"),
    ("grant_type", "登录方式"),
    ("is_try", "重试"),
    ("is_voice", "语音"),
    ("mobile", "手机号"),
    ("nickname", "昵称"),
    ("openid", "微信 openid"),
    ("password", "密码"),
    ("proof_state", "证明方式"),
    ("province_id", "省"),
    ("sms_code", "手机校验码"),
    ("value", "新密码"),
    ("wechat_code", "微信授权码"),
];
