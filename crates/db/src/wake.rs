//! Telling waiting tasks that a commit may have brought them something.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::watch;

/// One counter a channel; it grows with every commit that woke the channel.
#[derive(Default)]
pub(crate) struct Wakes(Mutex<HashMap<String, watch::Sender<u64>>>);

impl Wakes {
    pub(crate) fn subscribe(&self, channel: &str) -> watch::Receiver<u64> {
        self.with(|channels| channels.entry(channel.to_owned()).or_default().subscribe())
    }

    pub(crate) fn wake(&self, channel: &str) {
        self.with(|channels| {
            if let Some(sender) = channels.get(channel) {
                sender.send_modify(|count| *count += 1);
            }
        });
    }

    /// After a lost connection nobody knows what was missed.
    pub(crate) fn wake_all(&self) {
        self.with(|channels| {
            for sender in channels.values() {
                sender.send_modify(|count| *count += 1);
            }
        });
    }

    fn with<T>(&self, run: impl FnOnce(&mut HashMap<String, watch::Sender<u64>>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
