//! The demo's home services: five users, what they offer, and orders that have come to different ends.
//!
//! All but the payments is one transaction. Payments need their gateway, so the orders that go further
//! are then moved on from wherever they stand: a start that was interrupted is completed by the next.

use yuyue_db::{Tx, params, sql};

use super::samples::{NICKNAMES, ORDERS, SERVICES, Sample, SampleOrder, Until, picture};
use crate::app::App;
use crate::clock::Now;
use crate::error::Error;
use crate::homemaking::orders::Wish;
use crate::homemaking::payments::pay::{PayWish, pay};
use crate::homemaking::ratings::{self, Given};
use crate::homemaking::refunds::{self, Ask};
use crate::homemaking::routes::staff::new_enrolment;
use crate::homemaking::rules::{Limits, Period};
use crate::homemaking::states::{By, OrderAction, OrderState, RatingState, ServiceState, Term as _};
use crate::homemaking::store::enrolments::{self, NewEnrolment};
use crate::homemaking::store::services::{self, Draft};
use crate::homemaking::store::users::Change;
use crate::homemaking::store::{files as file_rows, orders as order_rows, users};
use crate::homemaking::view::Form;
use crate::homemaking::{Fen, User, files, orders};

/// Writes the data, unless it is there already.
///
/// # Errors
/// When database, storage or the payment simulator refuse.
pub(super) async fn write(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    if !app.db.point("demo.market", has_services).await? {
        let mut pictures = Vec::new();
        for sample in &SERVICES {
            pictures.push(files::store(app, picture(sample.category), None, &now).await?.id);
        }
        let pairs = (1..).zip(NICKNAMES);
        let pairs: Vec<_> =
            pairs.map(|(n, _)| new_enrolment(app, &format!("demo-{n}"), 1000 + n, None)).collect();
        let (limits, form, at) = (orders::limits(&app.config), Form::new(app, ""), now.clone());
        app.db
            .write("demo.market", move |tx| {
                let users = write_users(tx, &pairs, &at)?;
                let services = write_services(tx, &users, &pictures, &at)?;
                place_orders(tx, (&users, &services), &form, (&at, limits))
            })
            .await?;
    }
    let placed = app.db.point("demo.orders", first_orders).await?;
    for (id, sample) in placed.into_iter().zip(ORDERS) {
        move_on(app, id, sample.until, &now).await?;
    }
    Ok(())
}

fn has_services(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let find = sql!("SELECT id FROM service ORDER BY id LIMIT 1");
    Ok(tx.query_opt(find, params![], |_| Ok(()))?.is_some())
}

/// The samples are older than whatever else is ordered.
fn first_orders(tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
    let find = sql!("SELECT id FROM service_order ORDER BY id LIMIT $1");
    Ok(tx.query(find, params![i64::try_from(ORDERS.len()).unwrap_or(i64::MAX)], |row| row.get("id"))?)
}

/// Gives the users' ids.
fn write_users(tx: &mut Tx<'_>, pairs: &[NewEnrolment], now: &Now) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::new();
    for (pair, nickname) in pairs.iter().zip(NICKNAMES) {
        let taken = || Error::internal("a pair of the demo is issued, but there are no services");
        let user_id = enrolments::issue(tx, pair, now.at)?.ok_or_else(taken)?.user_id;
        let change = Change {
            nickname: Some(nickname.to_owned()),
            avatar: None,
            gender: Some(user_id % 2 + 1),
            real_name: None,
            tel: None,
        };
        users::change(tx, user_id, &change)?;
        ids.push(user_id);
    }
    Ok(ids)
}

/// Gives the services' ids.
fn write_services(tx: &mut Tx<'_>, users: &[i64], pictures: &[i64], now: &Now) -> Result<Vec<i64>, Error> {
    let write = |(sample, picture): (&Sample, &i64)| {
        write_service(tx, sample, (users[sample.publisher - 1], *picture), now)
    };
    SERVICES.iter().zip(pictures).map(write).collect()
}

fn write_service(
    tx: &mut Tx<'_>,
    sample: &Sample,
    (publisher_id, picture): (i64, i64),
    now: &Now,
) -> Result<i64, Error> {
    let today = now.local().date();
    let begin = today.saturating_sub(jiff::ToSpan::days(7));
    let end = today.saturating_add(jiff::ToSpan::days(365));
    let draft = Draft {
        kind: sample.kind,
        category_id: sample.category,
        title: sample.title.to_owned(),
        description: sample.description.to_owned(),
        cover_image_id: picture,
        designated_place: sample.designated_place,
        price: Fen(sample.yuan * 100),
        begin_date: begin.to_string(),
        end_date: end.to_string(),
        period: Period::of_days(begin, end, now.zone())?,
    };
    file_rows::keep(tx, picture)?;
    file_rows::claim(tx, picture, now.at)?;
    let id = services::insert(tx, publisher_id, &draft, now.at)?;
    let refusal =
        if sample.status == ServiceState::Refused { "请补充资质证明后重新提交" } else { "" };
    services::set_status(tx, id, sample.status, refusal, now.at)?;
    Ok(id)
}

fn place_orders(
    tx: &mut Tx<'_>,
    (users, services): (&[i64], &[i64]),
    form: &Form,
    (now, limits): (&Now, Limits),
) -> Result<(), Error> {
    let address = serde_json::json!({
        "errMsg": "chooseAddress:ok", "userName": "张三", "telNumber": "020-81167888",
        "provinceName": "广东省", "cityName": "广州市", "countyName": "海珠区",
        "detailInfo": "新港中路397号", "postalCode": "510000", "nationalCode": "510000",
    });
    let address = address.to_string();
    for SampleOrder { service, consumer, until } in ORDERS {
        let (consumer_id, service_id) = (users[consumer - 1], services[service - 1]);
        let wish = Wish { consumer_id, service_id, address: Some(&address) };
        let id = orders::place(tx, wish, form, (now, limits))?;
        match until {
            Until::Placed => {}
            Until::Rejected => step(tx, id, (OrderAction::Reject, By::Publisher), (now, limits))?,
            _ => step(tx, id, (OrderAction::Agree, By::Publisher), (now, limits))?,
        }
    }
    Ok(())
}

/// Moves an order on to where it is meant to go, unless it is there or somebody has moved it elsewhere.
async fn move_on(app: &App, id: i64, until: Until, now: &Now) -> Result<(), Error> {
    let found = app.db.point("demo.order", move |tx| order_rows::find(tx, id)).await?;
    let order = found.ok_or_else(|| Error::internal(format!("order {id} is gone")))?.order;
    let consumer = User { id: order.consumer_id };
    let mut status = order.status;
    if status == OrderState::Unpaid && until >= Until::Paid {
        pay(app, consumer, id, PayWish::default()).await?;
        status = OrderState::Unconfirmed;
    }
    let is_open = [OrderState::Unconfirmed, OrderState::Unrated].contains(&status);
    if !is_open || until <= Until::Paid {
        return Ok(());
    }
    let (limits, now) = (orders::limits(&app.config), now.clone());
    app.db.write("demo.finish_order", move |tx| finish(tx, (id, consumer), until, (&now, limits))).await
}

fn step(
    tx: &mut Tx<'_>,
    id: i64,
    what: (OrderAction, By),
    (now, limits): (&Now, Limits),
) -> Result<(), Error> {
    let order = order_rows::take(tx, id)?.ok_or_else(|| Error::internal(format!("order {id} is gone")))?;
    orders::advance(tx, &order, what, now.at, limits).map(drop)
}

/// What a paid order comes to; a step that was taken is not taken again.
fn finish(
    tx: &mut Tx<'_>,
    (order_id, consumer): (i64, User),
    until: Until,
    (now, limits): (&Now, Limits),
) -> Result<(), Error> {
    let status = sql!("SELECT status FROM service_order WHERE id = $1");
    let status = |tx: &mut Tx<'_>| -> Result<Option<OrderState>, Error> {
        Ok(OrderState::of(tx.query_one(status, params![order_id], |row| row.get("status"))?))
    };
    if until == Until::RefundAsked && !was_refund_asked(tx, order_id)? {
        let reason = "临时有事，不需要了。".to_owned();
        refunds::ask(tx, consumer, &Ask { order_id, reason, illustration: "[]".into() }, (now, limits))?;
    }
    if until >= Until::Confirmed && status(tx)? == Some(OrderState::Unconfirmed) {
        step(tx, order_id, (OrderAction::Confirm, By::Consumer), (now, limits))?;
    }
    if until == Until::Rated && status(tx)? == Some(OrderState::Unrated) {
        let given = Given {
            order_id,
            service_id: None,
            score: 5,
            content: "非常好，厨房擦得很干净。".into(),
            illustration: "[]".into(),
            status: RatingState::Shown,
        };
        ratings::rate(tx, consumer, &given, now.at, limits)?;
    }
    Ok(())
}

fn was_refund_asked(tx: &mut Tx<'_>, order_id: i64) -> Result<bool, Error> {
    let find = sql!("SELECT id FROM refund WHERE order_id = $1 LIMIT 1");
    Ok(tx.query_opt(find, params![order_id], |_| Ok(()))?.is_some())
}
