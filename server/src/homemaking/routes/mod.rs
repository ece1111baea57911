//! HTTP of homemaking.

pub mod files;
pub mod moderation;
pub mod orders;
pub mod ratings;
pub mod refunds;
pub mod services;
pub mod staff;
pub mod tokens;
pub mod users;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::Error;
use crate::homemaking::Role;
use crate::http::envelope::Reply;
use crate::http::fields::{Id, IntIn, Url};
use crate::http::page::Page;

type Outcome = Result<Reply, Error>;

/// Which page of a list; both must be there.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// From 1 (分页页码).
    #[param(inline)]
    page: Id,
    /// At least 1, clamped to 100 (分页内容条数).
    #[param(inline)]
    count: Id,
}

impl From<Paging> for Page {
    fn from(paging: Paging) -> Self {
        Self::new(Some(paging.page), Some(paging.count), 1)
    }
}

/// A side of orders and refunds: 1 publisher (发布者), 2 consumer (消费者).
pub type RoleNumber = IntIn<1, 2>;

/// The side that was asked for.
fn role(number: RoleNumber) -> Role {
    if number.0 == 1 { Role::Publisher } else { Role::Consumer }
}

/// The most pictures beside a text.
const MOST_PICTURES: usize = 5;

/// The pictures that illustrate a refund or rating, each with the name of its field.
fn illustration(addresses: Option<Vec<Url>>) -> Vec<(String, String)> {
    let named = |(number, address): (usize, Url)| (format!("illustration[{number}]"), address.into());
    addresses.into_iter().flatten().enumerate().map(named).collect()
}
