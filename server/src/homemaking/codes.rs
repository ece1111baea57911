//! The error codes (错误码) of the document's appendix, all of them.

use crate::error::Code;

const fn code(number: i64, status: u16, zh: &'static str, en: &'static str) -> Code {
    Code { number, name: "", status, zh, en }
}

pub static UNKNOWN_PAIR: Code =
    code(9999, 400, "慕课网防盗版校验不通过", "i_code and order_no are no known pair");
pub static INVALID: Code = code(10000, 400, "请求参数错误", "a parameter is missing or wrong");
pub static TOKEN_MISSING: Code =
    code(10001, 401, "请求 header 中未携带 token 令牌", "the header token is missing");
pub static TOKEN_INVALID: Code =
    code(10002, 401, "token令牌无效或已过期", "the token is unknown or has expired");
pub static NO_FILE: Code = code(10003, 400, "未获取到上传的文件资源", "no file arrived");
pub static FILE_TYPE: Code =
    code(10004, 400, "上传的文件扩展名不合法", "the file is not of an accepted type");
pub static TOO_MANY_FILES: Code = code(10005, 400, "上传的文件数量超过限制", "too many files at once");
pub static FILE_TOO_LARGE: Code = code(10006, 400, "上传的文件体积超过限制", "a file is too large");
pub static FILE_NOT_SAVED: Code = code(10007, 500, "文件保存失败", "the file could not be saved");
pub static NOT_FOUND: Code = code(10008, 404, "访问的资源不存在", "there is no such thing");
pub static FAILED: Code = code(10009, 400, "操作失败", "this cannot be done in the present state");
pub static FORBIDDEN: Code = code(10010, 403, "请求权限不足", "not allowed");
pub static NOT_PUBLISHED: Code =
    code(10011, 400, "目标服务不在已发布状态", "the service is not published, or outside its dates");
pub static NOT_YOUR_ORDER: Code = code(10012, 403, "没有权限修改该订单", "not allowed to change this order");
pub static REFUND_OPEN: Code =
    code(10013, 400, "同一订单存在尚未完结的退款申请", "the order has a refund that is not closed");
pub static REFUND_NOT_YOURS_TO_DECIDE: Code =
    code(10014, 403, "没有权限同意或拒绝该订单的退款申请", "not allowed to decide on this refund");
pub static REFUND_PUBLISHER_DECIDES: Code = code(
    10015,
    400,
    "服务提供者只允许操作同意或拒绝退款申请",
    "the publisher may only agree to a refund or reject it",
);
pub static REFUND_FAILED: Code =
    code(10016, 400, "退款申请处理失败", "this cannot be done to the refund in its present state");
pub static ORDER_FAILED: Code =
    code(10017, 400, "订单状态更新失败", "this cannot be done to the order in its present state");
pub static RATING_OWN: Code =
    code(10018, 400, "服务提供者不能给自己的服务评价", "publishers do not rate their own services");
pub static RATING_NOT_CONSUMER: Code =
    code(10019, 400, "评价关联订单的消费者不是当前用户", "the order is somebody else's");
pub static RATING_OTHER_SERVICE: Code =
    code(10020, 400, "待评价服务与订单关联服务信息不符", "the order is of another service");
pub static RATED_ALREADY: Code = code(10021, 400, "您已评价过该订单", "you have rated this order");
pub static RATING_FAILED: Code =
    code(10022, 400, "订单评价失败", "the order cannot be rated in its present state");
pub static NOT_REFUNDABLE: Code = code(
    10023,
    400,
    "未支付或已确认的订单不允许退款",
    "an order that is not paid, or is confirmed, cannot be refunded",
);
pub static REFUND_NOT_CONSUMER: Code =
    code(10024, 400, "该订单消费者不是当前请求用户", "the order is somebody else's");
pub static CLOUD_FUNCTION: Code =
    code(10025, 500, "云函数内部异常，请查看控制台日志", "a cloud function failed");
pub static SIGNED_IN_ALREADY: Code = code(10026, 400, "重复签到", "signed in already");
pub static SIGN_IN_FAILED: Code = code(10027, 400, "签到失败", "the sign-in failed");
pub static SIGN_IN_REFUSED: Code = code(10028, 400, "签到失败", "the sign-in was refused");

/// What two actions of an order's are for instead: they have endpoints of their own.
pub static USE_RATING: Code =
    code(10022, 400, "订单评价失败：请通过 v1/rating 评价", "rate the order with POST v1/rating");
pub static USE_REFUND: Code =
    code(10000, 400, "action: 请通过 v1/refund 申请退款", "action: ask for a refund with POST v1/refund");

/// A picture too large to be shown safely, however few bytes it has.
pub static TOO_MANY_PIXELS: Code = code(
    10006,
    400,
    "上传的文件体积超过限制：图片边长最多 10000 像素，总计最多 5000 万像素",
    "the picture has too many pixels: at most 10,000 a side and 50 million in all",
);
pub static NO_CHAT: Code = code(
    10009,
    400,
    "操作失败：未设置即时通信（im.app_id 与 im.key）",
    "no IM application is set (im.app_id and im.key)",
);

/// Every code of the appendix, for the documentation and its test.
pub static CODES: [&Code; 30] = [
    &UNKNOWN_PAIR,
    &INVALID,
    &TOKEN_MISSING,
    &TOKEN_INVALID,
    &NO_FILE,
    &FILE_TYPE,
    &TOO_MANY_FILES,
    &FILE_TOO_LARGE,
    &FILE_NOT_SAVED,
    &NOT_FOUND,
    &FAILED,
    &FORBIDDEN,
    &NOT_PUBLISHED,
    &NOT_YOUR_ORDER,
    &REFUND_OPEN,
    &REFUND_NOT_YOURS_TO_DECIDE,
    &REFUND_PUBLISHER_DECIDES,
    &REFUND_FAILED,
    &ORDER_FAILED,
    &RATING_OWN,
    &RATING_NOT_CONSUMER,
    &RATING_OTHER_SERVICE,
    &RATED_ALREADY,
    &RATING_FAILED,
    &NOT_REFUNDABLE,
    &REFUND_NOT_CONSUMER,
    &CLOUD_FUNCTION,
    &SIGNED_IN_ALREADY,
    &SIGN_IN_FAILED,
    &SIGN_IN_REFUSED,
];

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn the_codes_are_those_of_the_appendix() {
        let numbers: Vec<i64> = CODES.iter().map(|code| code.number).collect();
        assert_eq!(numbers, std::iter::once(9999).chain(10000..=10028).collect::<Vec<_>>());
    }
}
