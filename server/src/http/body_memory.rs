//! What the bodies under way may take of this node's memory: all together, and each address of it, so
//! that nobody who sends slowly keeps the others out.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::shares::Shares;

/// In bytes: fifty of the largest files at once.
const ALL: usize = 256 << 20;
/// In bytes: twelve of them.
const ONE: usize = 64 << 20;

/// The memory, counted in bytes.
pub struct BodyMemory {
    all: Arc<Semaphore>,
    /// Of the addresses that are sending.
    shares: Shares,
    /// Whoever reads a long body as JSON takes one: the cores are for everybody.
    pub readers: Arc<Semaphore>,
}

impl Default for BodyMemory {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            shares: Shares::of(ONE),
            readers: Arc::new(Semaphore::new((cores / 2).max(1))),
        }
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
    /// The address has enough under way.
    Own,
    /// The node has.
    All,
}

impl BodyMemory {
    /// The share of an address; its requests share it.
    #[must_use]
    pub fn share(&self, address: IpAddr) -> Share {
        Share { all: Arc::clone(&self.all), own: self.shares.share(address) }
    }

    /// How many bytes nobody has taken.
    #[must_use]
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }
}

impl Share {
    /// Takes more memory for the same body.
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

impl From<Full> for crate::error::Error {
    fn from(full: Full) -> Self {
        match full {
            Full::Own => Self::too_many_requests(1),
            Full::All => Self::unavailable("bodies hold all the memory they may"),
        }
    }
}
