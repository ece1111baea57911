use proptest::prelude::*;

use super::*;
use crate::clock::HOUR;
use crate::homemaking::states::Term as _;

const PRICE: Fen = Fen(30_000);

/// How far the way back of a charge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    OnItsWay,
    Done,
    DoneByStaff,
}

/// What may happen to an order's money, in this order; each step makes its rows as the server does.
#[derive(Clone, Copy, Debug)]
struct Story {
    /// Charges that came too late or twice, and whether each has gone back.
    surplus: [Option<Back>; 2],
    ends: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Unpaid(OrderState),
    Paid,
    Confirmed(OrderState),
    Returned(Back),
}

fn entry(books: &mut OrderBooks, movement: Movement, payment_id: Option<i64>) {
    let (debit, credit) = movement.accounts();
    books.entries.push(Entry {
        id: i64::try_from(books.entries.len()).unwrap() + 1,
        kind: movement.word().into(),
        payment_id,
        debit: debit.word().into(),
        credit: credit.word().into(),
        amount: PRICE,
    });
}

fn charge(books: &mut OrderBooks, is_surplus: bool, back: Option<Back>) {
    let payment_id = i64::try_from(books.charges.len()).unwrap() * 2 + 1;
    entry(books, Movement::Charge, Some(payment_id));
    let back = back.map(|back| {
        let payment_id = payment_id + 1;
        match back {
            Back::OnItsWay => {}
            Back::Done => entry(books, Movement::Refund, Some(payment_id)),
            Back::DoneByStaff => entry(books, Movement::RefundOutside, Some(payment_id)),
        }
        let (is_settled, is_outside) = (back != Back::OnItsWay, back == Back::DoneByStaff);
        Returned { payment_id, amount: PRICE, is_settled, is_outside, since: 0 }
    });
    books.charges.push(Charged { payment_id, amount: PRICE, is_surplus, back });
}

fn told(story: Story) -> OrderBooks {
    let status = match story.ends {
        End::Unpaid(status) | End::Confirmed(status) => status,
        End::Paid | End::Returned(Back::OnItsWay) => OrderState::Unconfirmed,
        End::Returned(_) => OrderState::Cancelled,
    };
    let (charges, entries) = (Vec::new(), Vec::new());
    let mut books = OrderBooks { order_id: 7, status, price: PRICE, charges, entries };
    for surplus in story.surplus.into_iter().flatten() {
        charge(&mut books, true, Some(surplus));
    }
    match story.ends {
        End::Unpaid(_) => {}
        End::Paid => charge(&mut books, false, None),
        End::Confirmed(_) => {
            charge(&mut books, false, None);
            entry(&mut books, Movement::Confirm, None);
        }
        End::Returned(back) => charge(&mut books, false, Some(back)),
    }
    books
}

fn stories() -> impl Strategy<Value = Story> {
    use OrderState::{Cancelled, Completed, Rejected, Unapproved, Unpaid, Unrated};
    let back = proptest::sample::select(vec![Back::OnItsWay, Back::Done, Back::DoneByStaff]);
    let ends = prop_oneof![
        proptest::sample::select(vec![Unapproved, Unpaid, Cancelled, Rejected]).prop_map(End::Unpaid),
        Just(End::Paid),
        proptest::sample::select(vec![Unrated, Completed]).prop_map(End::Confirmed),
        back.clone().prop_map(End::Returned),
    ];
    let surplus = proptest::option::of(back);
    ([surplus.clone(), surplus], ends).prop_map(|(surplus, ends)| Story { surplus, ends })
}

/// Whatever is done to the books of a story that has money in it, except to write what the server would.
#[derive(Clone, Copy, Debug)]
enum Damage {
    EntryGone(prop::sample::Index),
    EntryTwice(prop::sample::Index),
    EntryOfAnotherAmount(prop::sample::Index, i64),
    EntryTurnedRound(prop::sample::Index),
    EntryOfAnotherKind(prop::sample::Index),
    EntryOfAnotherPayment(prop::sample::Index),
    PaymentGone(prop::sample::Index),
    AnotherPrice,
}

fn damages() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Damage::EntryGone),
        index().prop_map(Damage::EntryTwice),
        (index(), prop_oneof![-50_000_i64..0, 1_i64..50_000])
            .prop_map(|(at, by)| Damage::EntryOfAnotherAmount(at, by)),
        index().prop_map(Damage::EntryTurnedRound),
        index().prop_map(Damage::EntryOfAnotherKind),
        index().prop_map(Damage::EntryOfAnotherPayment),
        index().prop_map(Damage::PaymentGone),
        Just(Damage::AnotherPrice),
    ]
}

fn damage(books: &mut OrderBooks, damage: Damage) {
    let entries = &mut books.entries;
    match damage {
        Damage::EntryGone(at) => drop(entries.remove(at.index(entries.len()))),
        Damage::EntryTwice(at) => entries.push(entries[at.index(entries.len())].clone()),
        Damage::EntryOfAnotherAmount(at, by) => at.get_mut(entries).amount.0 += by,
        Damage::EntryTurnedRound(at) => {
            let entry = at.get_mut(entries);
            std::mem::swap(&mut entry.debit, &mut entry.credit);
        }
        Damage::EntryOfAnotherKind(at) => {
            let entry = at.get_mut(entries);
            let other = if entry.kind == "charge" { Movement::Refund } else { Movement::Charge };
            entry.kind = other.word().into();
        }
        Damage::EntryOfAnotherPayment(at) => at.get_mut(entries).payment_id = Some(99),
        Damage::PaymentGone(at) => drop(books.charges.remove(at.index(books.charges.len()))),
        Damage::AnotherPrice => books.price.0 += 1,
    }
}

proptest! {
    #[test]
    fn what_the_server_writes_is_right(story in stories()) {
        prop_assert_eq!(differences(&told(story), HOUR), [""; 0]);
    }

    #[test]
    fn any_damage_is_found(story in stories(), done in damages()) {
        let mut books = told(story);
        // A price matters while the order's money is somewhere.
        let is_priced = !matches!(story.ends, End::Unpaid(_) | End::Returned(Back::Done | Back::DoneByStaff));
        let has_money = !books.entries.is_empty();
        prop_assume!(if matches!(done, Damage::AnotherPrice) { is_priced } else { has_money });
        damage(&mut books, done);
        prop_assert!(!differences(&books, HOUR).is_empty(), "{:?}", books);
    }

    /// In any state but those that mean the same to the ledger.
    #[test]
    fn an_order_in_another_state_is_found(story in stories(), status in proptest::sample::select(OrderState::ALL)) {
        let means = |status: OrderState| match status {
            OrderState::Unconfirmed => 1,
            OrderState::Unrated | OrderState::Completed => 2,
            _ => 0,
        };
        let mut books = told(story);
        prop_assume!(means(status) != means(books.status));
        books.status = status;
        prop_assert!(!differences(&books, HOUR).is_empty());
    }
}

#[test]
fn a_difference_says_what_and_where() {
    let mut books = told(Story { surplus: [None, None], ends: End::Paid });
    books.status = OrderState::Cancelled;
    assert_eq!(
        differences(&books, HOUR),
        [
            "order 7: in state Cancelled the account gateway should hold 0.00, and holds 300.00",
            "order 7: in state Cancelled the account held should hold 0.00, and holds -300.00",
        ]
    );
    let mut books = told(Story { surplus: [None, None], ends: End::Paid });
    books.entries.clear();
    assert_eq!(differences(&books, HOUR)[0], "order 7: payment 1 (charge of 300.00) is not in the ledger");
}

#[test]
fn money_that_does_not_go_back_in_a_day_is_told() {
    let books =
        told(Story { surplus: [Some(Back::OnItsWay), None], ends: End::Unpaid(OrderState::Cancelled) });
    assert_eq!(differences(&books, DAY), [""; 0]);
    assert_eq!(
        differences(&books, DAY + 1),
        ["order 7: payment 2 has not been paid back for more than a day"]
    );
}

#[test]
fn a_charge_that_pays_an_order_twice_is_told() {
    let mut books = told(Story { surplus: [None, None], ends: End::Paid });
    charge(&mut books, false, None);
    assert!(differences(&books, HOUR).contains(&"order 7: it is paid 2 times".to_owned()));
}
