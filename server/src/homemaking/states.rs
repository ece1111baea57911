//! The state machines (状态机) as tables: who may move what from which state to which, and why anybody
//! else may not. Handlers, docs/states.md and the exhaustive test all come from here.

use std::fmt::Write as _;

use crate::error::Code;
use crate::homemaking::codes;

/// A closed set of values with the document's number and words for each.
pub trait Term: Copy + Eq + std::fmt::Debug + 'static {
    const ALL: &'static [Self];

    /// On the wire and in the database; what has no number there has a negative one.
    fn number(self) -> i64;

    /// The document's words.
    fn words(self) -> &'static str;

    /// The value of a number.
    #[must_use]
    fn of(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|term| term.number() == number)
    }
}

macro_rules! terms {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal $words:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $(#[doc = $words] $variant),* }

        impl Term for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn number(self) -> i64 {
                match self { $(Self::$variant => $number),* }
            }

            fn words(self) -> &'static str {
                match self { $(Self::$variant => $words),* }
            }
        }
    };
}

terms! {
    /// Who acts, as seen from the thing that is acted upon.
    By {
        Publisher = 1 "发布者",
        Consumer = 2 "消费者",
        Stranger = -1 "无关用户",
        Staff = -2 "工作人员",
        System = -3 "系统",
    }
}

impl By {
    /// The word in an order's history.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Consumer => "consumer",
            Self::Stranger => "stranger",
            Self::Staff => "staff",
            Self::System => "system",
        }
    }
}

terms! {
    /// Status of a service (服务状态).
    ServiceState {
        Pending = 0 "待审核",
        Unpublished = 1 "待发布",
        Published = 2 "已发布",
        TakenDown = 3 "已下架",
        Cancelled = 4 "已取消",
        Refused = 5 "审核不通过",
    }
}

terms! {
    /// What is done to a service (服务操作); the first three are the document's.
    ServiceAction {
        Publish = 1 "发布服务",
        Pause = 2 "暂停发布",
        Cancel = 3 "取消服务",
        Edit = -1 "编辑服务",
        Approve = -2 "审核通过",
        Refuse = -3 "审核不通过",
        TakeDown = -4 "强制下架",
    }
}

terms! {
    /// Status of an order (预约订单状态).
    OrderState {
        Unapproved = 0 "待同意",
        Unpaid = 1 "待支付",
        Unconfirmed = 2 "待确认",
        Unrated = 3 "待评价",
        Completed = 4 "已完成",
        Cancelled = 5 "已取消",
        Rejected = 6 "已拒绝",
    }
}

terms! {
    /// What is done to an order (预约订单操作); those above 0 are the document's.
    OrderAction {
        Agree = 1 "同意预约",
        Reject = 2 "拒绝预约",
        Pay = 3 "支付",
        Confirm = 4 "确认订单",
        Rate = 5 "评价",
        AskRefund = 6 "退款",
        Cancel = 7 "取消订单",
        TimeOut = -1 "超时取消",
        PayBack = -2 "退款到账",
    }
}

terms! {
    /// Status of a refund (退款订单状态).
    RefundState {
        Unapproved = 0 "待同意",
        Agreed = 1 "已同意",
        PaidBack = 2 "已退款",
        Completed = 3 "已完成",
        Rejected = 4 "已拒绝",
        Cancelled = 5 "已取消",
    }
}

terms! {
    /// What is done to a refund (退款订单操作); those above 0 are the document's.
    RefundAction {
        Agree = 1 "同意退款",
        Reject = 2 "拒绝退款",
        Cancel = 3 "取消订单",
        Confirm = 4 "确认订单",
        PayBack = -1 "退款到账",
        Appeal = -2 "申诉",
        Uphold = -3 "申诉成立",
        Dismiss = -4 "申诉驳回",
        Settle = -5 "线下退款",
    }
}

terms! {
    /// Status of a rating (评价状态).
    RatingState {
        Hidden = 0 "已隐藏",
        Pending = 1 "待审核",
        Shown = 2 "已展示",
    }
}

terms! {
    /// What is done to a rating.
    RatingAction {
        Show = -1 "展示",
        Hide = -2 "隐藏",
    }
}

/// A step that may be taken.
pub struct Step<S, A> {
    pub from: S,
    pub action: A,
    pub by: By,
    pub to: S,
}

/// Why a step may not be taken; `None` stands for any. The first that fits is told.
pub struct Refusal<A> {
    pub action: Option<A>,
    /// Everybody but these.
    pub unless: &'static [By],
    /// Only these; empty: anybody.
    pub only: &'static [By],
    pub code: &'static Code,
}

/// A state machine: steps, and for everything else refusals.
pub struct Machine<S: 'static, A: 'static> {
    pub name: &'static str,
    /// Where it begins.
    pub begins: &'static [S],
    pub steps: &'static [Step<S, A>],
    pub refusals: &'static [Refusal<A>],
    pub otherwise: &'static Code,
}

impl<S: Term, A: Term> Machine<S, A> {
    /// Where `action` by `by` leads from `from`.
    ///
    /// # Errors
    /// The code that says why it does not.
    pub fn next(&self, from: S, action: A, by: By) -> Result<S, &'static Code> {
        let fits = |step: &&Step<S, A>| step.from == from && step.action == action && step.by == by;
        if let Some(step) = self.steps.iter().find(fits) {
            return Ok(step.to);
        }
        let fits = |refusal: &&Refusal<A>| {
            refusal.action.is_none_or(|of| of == action)
                && !refusal.unless.contains(&by)
                && (refusal.only.is_empty() || refusal.only.contains(&by))
        };
        Err(self.refusals.iter().find(fits).map_or(self.otherwise, |refusal| refusal.code))
    }
}

macro_rules! steps {
    ($state:ident, $action:ident: $($from:ident $do:ident $by:ident => $to:ident),* $(,)?) => {
        &[$(Step { from: $state::$from, action: $action::$do, by: By::$by, to: $state::$to }),*]
    };
}

const fn unless<A: Copy>(action: A, unless: &'static [By], code: &'static Code) -> Refusal<A> {
    Refusal { action: Some(action), unless, only: &[], code }
}

/// The life of a service (服务).
pub static SERVICE: Machine<ServiceState, ServiceAction> = Machine {
    name: "Service 服务",
    begins: &[ServiceState::Pending],
    steps: steps! { ServiceState, ServiceAction:
        Unpublished Publish Publisher => Published,
        Published Pause Publisher => Unpublished,
        Pending Cancel Publisher => Cancelled,
        Unpublished Cancel Publisher => Cancelled,
        Published Cancel Publisher => Cancelled,
        Refused Cancel Publisher => Cancelled,
        Pending Edit Publisher => Pending,
        Unpublished Edit Publisher => Pending,
        Published Edit Publisher => Pending,
        Refused Edit Publisher => Pending,
        Pending Approve Staff => Unpublished,
        Pending Refuse Staff => Refused,
        Pending TakeDown Staff => TakenDown,
        Unpublished TakeDown Staff => TakenDown,
        Published TakeDown Staff => TakenDown,
    },
    refusals: &[
        unless(ServiceAction::Publish, &[By::Publisher], &codes::FORBIDDEN),
        unless(ServiceAction::Pause, &[By::Publisher], &codes::FORBIDDEN),
        unless(ServiceAction::Cancel, &[By::Publisher], &codes::FORBIDDEN),
        unless(ServiceAction::Edit, &[By::Publisher], &codes::FORBIDDEN),
        unless(ServiceAction::Approve, &[By::Staff], &codes::FORBIDDEN),
        unless(ServiceAction::Refuse, &[By::Staff], &codes::FORBIDDEN),
        unless(ServiceAction::TakeDown, &[By::Staff], &codes::FORBIDDEN),
    ],
    otherwise: &codes::FAILED,
};

/// The life of an order (预约订单).
pub static ORDER: Machine<OrderState, OrderAction> = Machine {
    name: "Order 预约订单",
    begins: &[OrderState::Unapproved],
    steps: steps! { OrderState, OrderAction:
        Unapproved Agree Publisher => Unpaid,
        Unapproved Reject Publisher => Rejected,
        Unapproved Cancel Consumer => Cancelled,
        Unapproved TimeOut System => Cancelled,
        Unpaid Cancel Consumer => Cancelled,
        Unpaid TimeOut System => Cancelled,
        Unpaid Pay Consumer => Unconfirmed,
        Unconfirmed Confirm Consumer => Unrated,
        Unconfirmed Confirm System => Unrated,
        Unconfirmed PayBack System => Cancelled,
        Unrated Rate Consumer => Completed,
    },
    refusals: &[
        unless(OrderAction::Agree, &[By::Publisher], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::Reject, &[By::Publisher], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::Pay, &[By::Consumer], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::Confirm, &[By::Consumer, By::System], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::Rate, &[By::Consumer], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::AskRefund, &[By::Consumer], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::AskRefund, &[], &codes::USE_REFUND),
        unless(OrderAction::Cancel, &[By::Consumer], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::TimeOut, &[By::System], &codes::NOT_YOUR_ORDER),
        unless(OrderAction::PayBack, &[By::System], &codes::NOT_YOUR_ORDER),
    ],
    otherwise: &codes::ORDER_FAILED,
};

/// The life of a refund (退款订单).
pub static REFUND: Machine<RefundState, RefundAction> = Machine {
    name: "Refund 退款订单",
    begins: &[RefundState::Unapproved],
    steps: steps! { RefundState, RefundAction:
        Unapproved Agree Publisher => Agreed,
        Unapproved Agree System => Agreed,
        Unapproved Reject Publisher => Rejected,
        Unapproved Cancel Consumer => Cancelled,
        Agreed PayBack System => PaidBack,
        Agreed Settle Staff => PaidBack,
        PaidBack Confirm Consumer => Completed,
        Rejected Appeal Consumer => Rejected,
        Rejected Uphold Staff => Agreed,
        Rejected Dismiss Staff => Rejected,
    },
    refusals: &[
        unless(RefundAction::Agree, &[By::Publisher, By::System], &codes::REFUND_NOT_YOURS_TO_DECIDE),
        unless(RefundAction::Reject, &[By::Publisher], &codes::REFUND_NOT_YOURS_TO_DECIDE),
        Refusal {
            action: Some(RefundAction::Cancel),
            unless: &[],
            only: &[By::Publisher],
            code: &codes::REFUND_PUBLISHER_DECIDES,
        },
        Refusal {
            action: Some(RefundAction::Confirm),
            unless: &[],
            only: &[By::Publisher],
            code: &codes::REFUND_PUBLISHER_DECIDES,
        },
        Refusal {
            action: Some(RefundAction::Appeal),
            unless: &[],
            only: &[By::Publisher],
            code: &codes::REFUND_PUBLISHER_DECIDES,
        },
        unless(RefundAction::Cancel, &[By::Consumer], &codes::FORBIDDEN),
        unless(RefundAction::Confirm, &[By::Consumer], &codes::FORBIDDEN),
        unless(RefundAction::PayBack, &[By::System], &codes::FORBIDDEN),
        unless(RefundAction::Appeal, &[By::Consumer], &codes::FORBIDDEN),
        unless(RefundAction::Uphold, &[By::Staff], &codes::FORBIDDEN),
        unless(RefundAction::Dismiss, &[By::Staff], &codes::FORBIDDEN),
        unless(RefundAction::Settle, &[By::Staff], &codes::FORBIDDEN),
    ],
    otherwise: &codes::REFUND_FAILED,
};

/// The life of a rating (评价).
pub static RATING: Machine<RatingState, RatingAction> = Machine {
    name: "Rating 评价",
    begins: &[RatingState::Shown, RatingState::Pending],
    steps: steps! { RatingState, RatingAction:
        Hidden Show Staff => Shown,
        Pending Show Staff => Shown,
        Pending Hide Staff => Hidden,
        Shown Hide Staff => Hidden,
    },
    refusals: &[
        unless(RatingAction::Show, &[By::Staff], &codes::FORBIDDEN),
        unless(RatingAction::Hide, &[By::Staff], &codes::FORBIDDEN),
    ],
    otherwise: &codes::FAILED,
};

/// docs/states.md.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# States of homemaking\n\n\
         Generated from `server/src/homemaking/states.rs` by `make bless`. Numbers are those of the document (003),\n\
         appendix; what has none is done by staff or by the system. Everything that is not in a table is refused.\n",
    );
    describe(&SERVICE, &mut text);
    describe(&ORDER, &mut text);
    describe(&REFUND, &mut text);
    describe(&RATING, &mut text);
    text
}

fn describe<S: Term, A: Term>(machine: &Machine<S, A>, text: &mut String) {
    let numbered = |number: i64, words: &str| {
        if number < 0 { words.to_owned() } else { format!("{number} {words}") }
    };
    let state = |state: S| numbered(state.number(), state.words());
    // Writing to a text cannot fail.
    let _ = write!(text, "\n## {}\n\n```mermaid\nstateDiagram-v2\n", machine.name);
    for of in S::ALL {
        let _ = writeln!(text, "    {of:?} : {}", state(*of));
    }
    for begin in machine.begins {
        let _ = writeln!(text, "    [*] --> {begin:?}");
    }
    for Step { from, action, by, to } in machine.steps {
        let _ = writeln!(text, "    {from:?} --> {to:?} : {}（{}）", action.words(), by.words());
    }
    text.push_str("```\n\n| from | action | by | to |\n|---|---|---|---|\n");
    for Step { from, action, by, to } in machine.steps {
        let action = numbered(action.number(), action.words());
        let _ = writeln!(text, "| {} | {action} | {} | {} |", state(*from), by.words(), state(*to));
    }
    text.push_str("\nRefused, the first that fits:\n\n| action | by | error_code |\n|---|---|---|\n");
    let names = |by: &[By]| by.iter().map(|by| by.words()).collect::<Vec<_>>().join("、");
    for refusal in machine.refusals {
        let action = refusal.action.map_or("any".to_owned(), |of| numbered(of.number(), of.words()));
        let by = match (refusal.only, refusal.unless) {
            ([], []) => "anybody".to_owned(),
            ([], others) => format!("anybody but {}", names(others)),
            (only, _) => names(only),
        };
        let _ = writeln!(text, "| {action} | {by} | {} {} |", refusal.code.number, refusal.code.zh);
    }
    let otherwise = machine.otherwise;
    let _ = writeln!(text, "| any other | in any other state | {} {} |", otherwise.number, otherwise.zh);
}
