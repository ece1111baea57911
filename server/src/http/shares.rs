//! What each address may take of something: as much as any other, and all its requests together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// The shares of those addresses that hold something.
pub struct Shares {
    size: usize,
    by_address: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

impl Shares {
    /// Shares of this size.
    #[must_use]
    pub fn of(size: usize) -> Self {
        Self { size, by_address: Mutex::default() }
    }

    /// The share of an address; it lasts for as long as somebody holds it or part of it.
    #[must_use]
    pub fn share(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut shares = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&address).and_then(Weak::upgrade) {
            return share;
        }
        // Looked through only as often as the map doubles, for every new address comes this way.
        if shares.len() == shares.capacity() {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::new(Semaphore::new(self.size));
        shares.insert(address, Arc::downgrade(&share));
        share
    }
}
