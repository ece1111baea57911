//! Appointments belong to the member behind the open_id, whatever WeChat is bound.

use serde_json::{Value, json};
use yuyue::app::Mode;
use yuyue::clock::MINUTE;
use yuyue::staff::Role;

use super::{MOBILE, by_code, with};
use crate::support::TestApp;
use crate::support::booking::booking;

both! {
    enforced:
    a_booking_stays_when_a_wechat_is_bound,
    a_booking_stays_when_the_wechat_is_replaced,
    a_booking_stays_when_the_wechat_is_unbound,
    limits_count_the_person_under_every_name,
    two_names_of_one_person_take_a_slot_once,
    what_staff_booked_for_an_openid_is_its_members,
    staff_find_a_member_under_every_name,
    what_was_booked_by_name_is_the_members_once_it_counts,
}

both! {
    where_nobody_proves_anything_a_name_is_a_name,
}

const ZHANG_SAN: &str = "wx-demo-zhangsan";
const LI_SI: &str = "wx-demo-lisi";
const NOT_FOUND: i64 = 3001;

impl TestApp {
    /// Logs in with a WeChat, which is bound thereby.
    async fn member_with_wechat(&self, mobile: &str, open_id: &str) -> Self {
        self.clock.advance(MINUTE);
        let login = by_code(mobile, &self.login_code(mobile).await);
        let login = with(login, &json!({ "wechat_code": self.wechat_code(open_id).await }));
        self.leaves_messages();
        let answer = self.log_in(login).await.expect(200).json();
        self.bearer(answer["access_token"].as_str().unwrap())
    }

    async fn own_name(&self) -> String {
        format!("m{}", self.me().await["id"])
    }

    /// The ids that a name's list shows.
    async fn held(&self, open_id: &str) -> Vec<i64> {
        let list = self.post("/v1/appointment/list", json!({ "open_id": open_id })).await.data();
        let id = |item: &Value| item["appointment_id"].as_i64().unwrap();
        list.as_array().unwrap().iter().map(id).collect()
    }
}

async fn a_booking_stays_when_a_wechat_is_bound(app: TestApp) {
    let member = app.member(MOBILE).await;
    let name = member.own_name().await;
    let late = member.booked(booking(&name, 13, 0)).await;
    let early = member.booked(booking(&name, 10, 0)).await;
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    for open_id in [ZHANG_SAN, &name] {
        assert_eq!(member.held(open_id).await, [late, early], "{open_id}");
    }
    let by_wechat = member.booked(booking(ZHANG_SAN, 14, 0)).await;
    assert_eq!(member.held(&name).await, [by_wechat, late, early]);
    member.cancel(ZHANG_SAN, late).await.data();
    member.cancel(&name, early).await.data();
    member.cancel(&name, by_wechat).await.data();
    assert_eq!(member.held(ZHANG_SAN).await, [0; 0]);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn a_booking_stays_when_the_wechat_is_replaced(app: TestApp) {
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    let id = member.booked(booking(ZHANG_SAN, 10, 0)).await;
    let member = app.member_with_wechat(MOBILE, LI_SI).await;
    assert_eq!(member.held(LI_SI).await, [id]);

    let other = app.member_with_wechat("13900000001", ZHANG_SAN).await;
    assert_eq!(other.held(ZHANG_SAN).await, [0; 0], "whoever has that WeChat now");
    assert_eq!(other.cancel(ZHANG_SAN, id).await.error_no(), NOT_FOUND);
    app.schedule(|schedule| schedule.capacity = 2).await;
    let theirs = other.booked(booking(ZHANG_SAN, 10, 0)).await;
    assert_eq!(other.held(ZHANG_SAN).await, [theirs], "the same time, another person");
    assert_eq!(member.held(LI_SI).await, [id]);
    member.cancel(LI_SI, id).await.data();
    assert_eq!(member.cancel(LI_SI, theirs).await.error_no(), NOT_FOUND);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn a_booking_stays_when_the_wechat_is_unbound(app: TestApp) {
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    let name = member.own_name().await;
    let id = member.booked(booking(ZHANG_SAN, 10, 0)).await;
    app.execute("UPDATE account SET openid = NULL").await;
    assert_eq!(member.held(&name).await, [id]);
    member.cancel(&name, id).await.data();
}

async fn limits_count_the_person_under_every_name(app: TestApp) {
    let member = app.member(MOBILE).await;
    let name = member.own_name().await;
    for minute in [0, 10, 20] {
        member.booked(booking(&name, 10, minute)).await;
    }
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    for minute in [0, 10] {
        member.booked(booking(ZHANG_SAN, 13, minute)).await;
    }
    let member = app.member_with_wechat(MOBILE, LI_SI).await;
    for open_id in [LI_SI, &name] {
        assert_eq!(member.book(booking(open_id, 14, 0)).await.error_no(), 2008, "{open_id}");
    }
    app.schedule(|schedule| schedule.capacity = 2).await;
    for (open_id, hour) in [(LI_SI, 10), (LI_SI, 13), (&name, 13)] {
        assert_eq!(member.book(booking(open_id, hour, 0)).await.error_no(), 2006, "{open_id} {hour}");
    }
}

async fn two_names_of_one_person_take_a_slot_once(app: TestApp) {
    app.schedule(|schedule| schedule.capacity = 9).await;
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    let name = member.own_name().await;
    let tries = (0..8).map(|number| {
        let (member, name) = (member.clone(), if number % 2 == 0 { name.clone() } else { ZHANG_SAN.into() });
        tokio::spawn(
            async move { member.book(booking(&name, 10, 0)).await.json()["error_no"].as_i64().unwrap() },
        )
    });
    let mut numbers = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        numbers.push(attempt.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 2006, 2006, 2006, 2006, 2006, 2006, 2006]);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn what_staff_booked_for_an_openid_is_its_members(app: TestApp) {
    let staff = app.staff(Role::Reception).await;
    let before = staff.booked(booking(ZHANG_SAN, 10, 0)).await;
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    let after = staff.booked(booking(ZHANG_SAN, 13, 0)).await;
    let by_name = staff.booked(booking(&member.own_name().await, 14, 0)).await;
    let member = app.member_with_wechat(MOBILE, LI_SI).await;
    assert_eq!(member.held(LI_SI).await, [by_name, after, before]);
    member.cancel(LI_SI, before).await.data();
}

async fn staff_find_a_member_under_every_name(app: TestApp) {
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    let name = member.own_name().await;
    let first = member.booked(booking(&name, 10, 0)).await;
    let second = member.booked(booking(ZHANG_SAN, 13, 0)).await;
    let auditor = app.staff(Role::Auditor).await;
    let reception = app.staff(Role::Reception).await;
    for open_id in [ZHANG_SAN, &name] {
        assert_eq!(auditor.held(open_id).await, [second, first], "{open_id}");
    }
    reception.cancel(ZHANG_SAN, first).await.data();
    assert_eq!(reception.cancel("m999", second).await.error_no(), NOT_FOUND);
    reception.cancel(&name, second).await.data();
}

async fn what_was_booked_by_name_is_the_members_once_it_counts(app: TestApp) {
    let member = app.member(MOBILE).await;
    let name = member.own_name().await;
    let documented = app.again_in(Mode::Documented, |_| {}).await;
    let by_wechat = documented.booked(booking(ZHANG_SAN, 10, 0)).await;
    let by_name = documented.booked(booking(&name, 13, 0)).await;
    let member = app.member_with_wechat(MOBILE, ZHANG_SAN).await;
    assert_eq!(member.held(ZHANG_SAN).await, [by_name, by_wechat]);
    let member = app.member_with_wechat(MOBILE, LI_SI).await;
    assert_eq!(member.held(LI_SI).await, [by_name, by_wechat]);
    assert_eq!(documented.held(ZHANG_SAN).await, [by_wechat], "a name is a name again");
}

async fn where_nobody_proves_anything_a_name_is_a_name(app: TestApp) {
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    let answer = app.log_in(with(login, &json!({ "openid": "wx-1" }))).await.expect(200).json();
    let name = app.bearer(answer["access_token"].as_str().unwrap()).own_name().await;
    let mine = app.booked(booking("wx-1", 10, 0)).await;
    let other = app.booked(booking(&name, 13, 0)).await;
    assert_eq!((app.held("wx-1").await, app.held(&name).await), (vec![mine], vec![other]));
    app.clock.advance(MINUTE);
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    app.log_in(with(login, &json!({ "openid": "wx-2" }))).await.expect(200);
    assert_eq!(app.held("wx-1").await, [mine], "as it was sent");
    assert_eq!(app.held("wx-2").await, [0; 0]);
    app.cancel("wx-1", mine).await.data();
}
