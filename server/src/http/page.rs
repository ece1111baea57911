//! Paging of lists: `page` from 1, `size` at least 1 and clamped to 100.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::fields::{Id, optional};

const LARGEST: i64 = 100;
const DEFAULT: i64 = 20;

/// The paging parameters of the staff API; a list's filters are a query struct of their own.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// From 1; the default is 1.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    page: Option<Id>,
    /// Items on a page, clamped to 100; the default is 20.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    size: Option<Id>,
}

impl From<PageQuery> for Page {
    fn from(query: PageQuery) -> Self {
        Self::new(query.page, query.size, DEFAULT)
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub number: i64,
    pub size: i64,
}

impl Page {
    /// The page a query asks for; the first one, of `default_size`, unless it says otherwise.
    #[must_use]
    pub fn new(page: Option<Id>, size: Option<Id>, default_size: i64) -> Self {
        Self {
            number: page.map_or(1, |page| page.0),
            size: size.map_or(default_size, |size| size.0).min(LARGEST),
        }
    }

    #[must_use]
    pub fn offset(self) -> i64 {
        (self.number - 1).saturating_mul(self.size)
    }
}

/// A page of the staff API.
#[derive(Serialize, ToSchema)]
pub struct Items<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
    /// The number of this page, from 1.
    pub page: i64,
    /// How many items a page has at most.
    pub size: i64,
}

impl<T> Items<T> {
    #[must_use]
    pub fn new(page: Page, total: i64, items: Vec<T>) -> Self {
        Self { items, total, page: page.number, size: page.size }
    }
}
