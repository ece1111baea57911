//! Every (state, action, party) of every machine, against the contract written once more as pictures.

use std::collections::BTreeSet;

use yuyue::homemaking::states::{
    By, Machine, ORDER, OrderAction, OrderState, RATING, REFUND, RefundAction, RefundState, SERVICE,
    ServiceAction, ServiceState, Term, document,
};

#[test]
fn the_document_of_states_is_the_committed_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/states.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, document()).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(document() == committed, "docs/states.md is not of these tables: look at them, then make bless");
}

/// What comes of every action of `by` in every state: the next state's number, or minus the code.
fn matrix<S: Term, A: Term>(machine: &Machine<S, A>, by: By) -> Vec<(A, Vec<i64>)> {
    let row = |action: A| {
        let next = |state: &S| match machine.next(*state, action, by) {
            Ok(to) => to.number(),
            Err(code) => -code.number,
        };
        (action, S::ALL.iter().map(next).collect())
    };
    A::ALL.iter().map(|action| row(*action)).collect()
}

/// One line an action: its outcomes from state 0 on.
fn expect<S: Term, A: Term>(machine: &Machine<S, A>, by: By, expected: &[(A, &[i64])]) {
    let expected: Vec<_> = expected.iter().map(|(action, outcomes)| (*action, outcomes.to_vec())).collect();
    assert_eq!(matrix(machine, by), expected, "{} by {by:?}", machine.name);
}

const NO: i64 = -10009;
const NOT_ALLOWED: i64 = -10010;

#[test]
fn services_move_as_the_contract_says() {
    use ServiceAction::{Approve, Cancel, Edit, Pause, Publish, Refuse, TakeDown};
    expect(
        &SERVICE,
        By::Publisher,
        &[
            (Publish, &[NO, 2, NO, NO, NO, NO]),
            (Pause, &[NO, NO, 1, NO, NO, NO]),
            (Cancel, &[4, 4, 4, NO, NO, 4]),
            (Edit, &[0, 0, 0, NO, NO, 0]),
            (Approve, &[NOT_ALLOWED; 6]),
            (Refuse, &[NOT_ALLOWED; 6]),
            (TakeDown, &[NOT_ALLOWED; 6]),
        ],
    );
    expect(
        &SERVICE,
        By::Staff,
        &[
            (Publish, &[NOT_ALLOWED; 6]),
            (Pause, &[NOT_ALLOWED; 6]),
            (Cancel, &[NOT_ALLOWED; 6]),
            (Edit, &[NOT_ALLOWED; 6]),
            (Approve, &[1, NO, NO, NO, NO, NO]),
            (Refuse, &[5, NO, NO, NO, NO, NO]),
            (TakeDown, &[3, 3, 3, NO, NO, NO]),
        ],
    );
    for by in [By::Consumer, By::Stranger, By::System] {
        let nothing = ServiceAction::ALL.iter().map(|action| (*action, [NOT_ALLOWED; 6].as_slice()));
        expect(&SERVICE, by, &nothing.collect::<Vec<_>>());
    }
}

#[test]
fn orders_move_as_the_contract_says() {
    use OrderAction::{Agree, AskRefund, Cancel, Confirm, Pay, PayBack, Rate, Reject, TimeOut};
    const NO: i64 = -10017;
    const OTHER: i64 = -10012;
    expect(
        &ORDER,
        By::Publisher,
        &[
            (Agree, &[1, NO, NO, NO, NO, NO, NO]),
            (Reject, &[6, NO, NO, NO, NO, NO, NO]),
            (Pay, &[OTHER; 7]),
            (Confirm, &[OTHER; 7]),
            (Rate, &[OTHER; 7]),
            (AskRefund, &[OTHER; 7]),
            (Cancel, &[OTHER; 7]),
            (TimeOut, &[OTHER; 7]),
            (PayBack, &[OTHER; 7]),
        ],
    );
    expect(
        &ORDER,
        By::Consumer,
        &[
            (Agree, &[OTHER; 7]),
            (Reject, &[OTHER; 7]),
            (Pay, &[NO, 2, NO, NO, NO, NO, NO]),
            (Confirm, &[NO, NO, 3, NO, NO, NO, NO]),
            (Rate, &[NO, NO, NO, 4, NO, NO, NO]),
            (AskRefund, &[-10000; 7]),
            (Cancel, &[5, 5, NO, NO, NO, NO, NO]),
            (TimeOut, &[OTHER; 7]),
            (PayBack, &[OTHER; 7]),
        ],
    );
    expect(
        &ORDER,
        By::System,
        &[
            (Agree, &[OTHER; 7]),
            (Reject, &[OTHER; 7]),
            (Pay, &[OTHER; 7]),
            (Confirm, &[NO, NO, 3, NO, NO, NO, NO]),
            (Rate, &[OTHER; 7]),
            (AskRefund, &[OTHER; 7]),
            (Cancel, &[OTHER; 7]),
            (TimeOut, &[5, 5, NO, NO, NO, NO, NO]),
            (PayBack, &[NO, NO, 5, NO, NO, NO, NO]),
        ],
    );
    for by in [By::Stranger, By::Staff] {
        let nothing = OrderAction::ALL.iter().map(|action| (*action, [OTHER; 7].as_slice()));
        expect(&ORDER, by, &nothing.collect::<Vec<_>>());
    }
}

#[test]
fn refunds_move_as_the_contract_says() {
    use RefundAction::{Agree, Appeal, Cancel, Confirm, Dismiss, PayBack, Reject, Settle, Uphold};
    const NO: i64 = -10016;
    const DECIDE: i64 = -10014;
    expect(
        &REFUND,
        By::Publisher,
        &[
            (Agree, &[1, NO, NO, NO, NO, NO]),
            (Reject, &[4, NO, NO, NO, NO, NO]),
            (Cancel, &[-10015; 6]),
            (Confirm, &[-10015; 6]),
            (PayBack, &[NOT_ALLOWED; 6]),
            (Appeal, &[-10015; 6]),
            (Uphold, &[NOT_ALLOWED; 6]),
            (Dismiss, &[NOT_ALLOWED; 6]),
            (Settle, &[NOT_ALLOWED; 6]),
        ],
    );
    expect(
        &REFUND,
        By::Consumer,
        &[
            (Agree, &[DECIDE; 6]),
            (Reject, &[DECIDE; 6]),
            (Cancel, &[5, NO, NO, NO, NO, NO]),
            (Confirm, &[NO, NO, 3, NO, NO, NO]),
            (PayBack, &[NOT_ALLOWED; 6]),
            (Appeal, &[NO, NO, NO, NO, 4, NO]),
            (Uphold, &[NOT_ALLOWED; 6]),
            (Dismiss, &[NOT_ALLOWED; 6]),
            (Settle, &[NOT_ALLOWED; 6]),
        ],
    );
    expect(
        &REFUND,
        By::System,
        &[
            (Agree, &[1, NO, NO, NO, NO, NO]),
            (Reject, &[DECIDE; 6]),
            (Cancel, &[NOT_ALLOWED; 6]),
            (Confirm, &[NOT_ALLOWED; 6]),
            (PayBack, &[NO, 2, NO, NO, NO, NO]),
            (Appeal, &[NOT_ALLOWED; 6]),
            (Uphold, &[NOT_ALLOWED; 6]),
            (Dismiss, &[NOT_ALLOWED; 6]),
            (Settle, &[NOT_ALLOWED; 6]),
        ],
    );
    expect(
        &REFUND,
        By::Staff,
        &[
            (Agree, &[DECIDE; 6]),
            (Reject, &[DECIDE; 6]),
            (Cancel, &[NOT_ALLOWED; 6]),
            (Confirm, &[NOT_ALLOWED; 6]),
            (PayBack, &[NOT_ALLOWED; 6]),
            (Appeal, &[NOT_ALLOWED; 6]),
            (Uphold, &[NO, NO, NO, NO, 1, NO]),
            (Dismiss, &[NO, NO, NO, NO, 4, NO]),
            (Settle, &[NO, 2, NO, NO, NO, NO]),
        ],
    );
    expect(
        &REFUND,
        By::Stranger,
        &[
            (Agree, &[DECIDE; 6]),
            (Reject, &[DECIDE; 6]),
            (Cancel, &[NOT_ALLOWED; 6]),
            (Confirm, &[NOT_ALLOWED; 6]),
            (PayBack, &[NOT_ALLOWED; 6]),
            (Appeal, &[NOT_ALLOWED; 6]),
            (Uphold, &[NOT_ALLOWED; 6]),
            (Dismiss, &[NOT_ALLOWED; 6]),
            (Settle, &[NOT_ALLOWED; 6]),
        ],
    );
}

#[test]
fn only_staff_move_ratings() {
    use yuyue::homemaking::states::RatingAction::{Hide, Show};
    expect(&RATING, By::Staff, &[(Show, &[2, 2, NO]), (Hide, &[NO, 0, 0])]);
    for by in By::ALL.iter().copied().filter(|by| *by != By::Staff) {
        expect(&RATING, by, &[(Show, &[NOT_ALLOWED; 3]), (Hide, &[NOT_ALLOWED; 3])]);
    }
}

/// A second step for one (state, action, party) would be silently ignored.
#[test]
fn no_step_is_written_twice() {
    fn check<S: Term, A: Term>(machine: &Machine<S, A>) {
        let key = |step: &yuyue::homemaking::states::Step<S, A>| {
            (step.from.number(), step.action.number(), step.by.number())
        };
        let keys: BTreeSet<_> = machine.steps.iter().map(key).collect();
        assert_eq!(keys.len(), machine.steps.len(), "{}", machine.name);
    }
    check(&SERVICE);
    check(&ORDER);
    check(&REFUND);
    check(&RATING);
}

#[test]
fn numbers_are_the_documents() {
    assert_eq!(ServiceState::of(5), Some(ServiceState::Refused));
    assert_eq!(OrderState::of(6), Some(OrderState::Rejected));
    assert_eq!(RefundState::of(5), Some(RefundState::Cancelled));
    assert_eq!((ServiceState::of(6), OrderState::of(7), RefundState::of(-1)), (None, None, None));
}
