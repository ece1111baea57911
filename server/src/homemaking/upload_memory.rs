//! What the uploads under way may take of this node's memory: all together, and each address of it, so
//! that nobody who sends slowly keeps the others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In bytes: fifty of the largest files at once.
const ALL: usize = 256 << 20;
/// In bytes: twelve of them.
const ONE: usize = 64 << 20;

/// The memory, counted in bytes.
pub struct UploadMemory {
    all: Arc<Semaphore>,
    /// Of the addresses that are uploading.
    shares: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

impl Default for UploadMemory {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), shares: Mutex::default() }
    }
}

/// What one address may take.
#[derive(Clone)]
pub struct Share {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

/// Memory that is taken; it is given back when dropped.
#[derive(Default)]
pub struct Held(Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>);

/// Whose memory does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The address has uploads enough under way.
    Own,
    /// The node has.
    All,
}

impl UploadMemory {
    /// The share of an address; its requests share it.
    #[must_use]
    pub fn share(&self, address: IpAddr) -> Share {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| share.strong_count() > 0);
        let own = shares.get(&address).and_then(Weak::upgrade).unwrap_or_else(|| {
            let own = Arc::new(Semaphore::new(ONE));
            shares.insert(address, Arc::downgrade(&own));
            own
        });
        Share { all: Arc::clone(&self.all), own }
    }

    /// How many bytes nobody has taken.
    #[must_use]
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }
}

impl Share {
    /// Takes more memory for the same file.
    ///
    /// # Errors
    /// Says whose memory is used up.
    pub fn take(&self, bytes: usize, held: &mut Held) -> Result<(), Full> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let own = Arc::clone(&self.own).try_acquire_many_owned(bytes).map_err(|_| Full::Own)?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(bytes).map_err(|_| Full::All)?;
        match &mut held.0 {
            Some((held_own, held_all)) => {
                held_own.merge(own);
                held_all.merge(all);
            }
            nothing => *nothing = Some((own, all)),
        }
        Ok(())
    }
}
