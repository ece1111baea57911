//! Paging of lists: `page` from 1, `size` at least 1 and clamped to 100.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::fields::Id;

const LARGEST: i64 = 100;

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
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
    pub page: i64,
    pub size: i64,
}

impl<T> Items<T> {
    #[must_use]
    pub fn new(page: Page, total: i64, items: Vec<T>) -> Self {
        Self { items, total, page: page.number, size: page.size }
    }
}
