//! What ratings cause: the order's end, and the score of its service.

use yuyue_db::Tx;

use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::rules::{Limits, party};
use crate::homemaking::states::{By, OrderAction, OrderState, RATING, RatingAction, RatingState};
use crate::homemaking::store::ratings::{self as rows, NewRating};
use crate::homemaking::store::services;
use crate::homemaking::{User, codes, orders, store};

/// What the consumer says.
#[derive(Clone, Debug)]
pub struct Given {
    pub order_id: i64,
    /// The service that the front end believes it rates.
    pub service_id: Option<i64>,
    pub score: i64,
    pub content: String,
    /// A JSON array of addresses.
    pub illustration: String,
    /// Shown at once, or waiting for staff.
    pub status: RatingState,
}

/// Rates an order; gives the rating's id.
///
/// # Errors
/// Says why not: whose order it is first, then of which service, then whether it is rated, then its
/// state.
pub fn rate(tx: &mut Tx<'_>, user: User, given: &Given, at: Millis, limits: Limits) -> Result<i64, Error> {
    let order = store::orders::take(tx, given.order_id)?.ok_or(&codes::NOT_FOUND)?;
    match party(user.id, order.publisher_id, order.consumer_id) {
        By::Publisher => return Err((&codes::RATING_OWN).into()),
        By::Consumer => {}
        _ => return Err((&codes::RATING_NOT_CONSUMER).into()),
    }
    if given.service_id.is_some_and(|service_id| service_id != order.service_id) {
        return Err((&codes::RATING_OTHER_SERVICE).into());
    }
    if rows::is_rated(tx, order.id)? {
        return Err((&codes::RATED_ALREADY).into());
    }
    if order.status != OrderState::Unrated {
        return Err((&codes::RATING_FAILED).into());
    }
    let new = NewRating {
        order_id: order.id,
        service_id: order.service_id,
        author_id: user.id,
        publisher_id: order.publisher_id,
        score: given.score,
        content: given.content.clone(),
        illustration: given.illustration.clone(),
        status: given.status,
    };
    let id = rows::insert(tx, &new, at)?.ok_or(&codes::RATED_ALREADY)?;
    orders::advance(tx, &order, (OrderAction::Rate, By::Consumer), at, limits)?;
    if given.status == RatingState::Shown {
        services::count_scores(tx, order.service_id, (given.score, 1))?;
    }
    Ok(id)
}

/// Shows or hides a rating as staff; gives its status before and after.
///
/// # Errors
/// A conflict when its status does not allow it.
pub fn review(tx: &mut Tx<'_>, id: i64, action: RatingAction) -> Result<(RatingState, RatingState), Error> {
    let rating =
        rows::take(tx, id)?.ok_or_else(|| Error::not_found("没有这条评价", "there is no such rating"))?;
    let refused = |_| Error::conflict("评价的状态不允许此操作", "the rating's status does not allow this");
    let to = RATING.next(rating.status, action, By::Staff).map_err(refused)?;
    rows::set_status(tx, id, to)?;
    let counted = |status| i64::from(status == RatingState::Shown);
    let change = counted(to) - counted(rating.status);
    if change != 0 {
        services::count_scores(tx, rating.service_id, (change * rating.score, change))?;
    }
    Ok((rating.status, to))
}

/// Answers a rating as the publisher of its service, once.
///
/// # Errors
/// [`codes::NOT_FOUND`], also for a hidden one that is not of one's own service; [`codes::FORBIDDEN`] for
/// anybody else, [`codes::FAILED`] the second time.
pub fn reply(tx: &mut Tx<'_>, id: i64, user: User, content: &str, at: Millis) -> Result<(), Error> {
    if rows::set_reply(tx, id, user.id, content, at)? {
        return Ok(());
    }
    let rating = rows::find(tx, id)?.ok_or(&codes::NOT_FOUND)?;
    let code = match rating.status {
        _ if rating.publisher_id == user.id => &codes::FAILED,
        RatingState::Shown => &codes::FORBIDDEN,
        _ => &codes::NOT_FOUND,
    };
    Err(code.into())
}
