//! How the simulated gateways report: signed requests to the merchant's address, repeated until they
//! are answered, and told to come late or twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::http::{BaseUrl, Http};

/// The waits before each repeat of a notification that was not answered.
const REPEATS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60)];

/// How notifications go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    #[default]
    Once,
    /// Each comes a second time, though it was answered.
    Twice,
    /// None goes out; whoever asks for them brings them.
    Held,
}

/// A notification, as it is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Empty when the merchant named no address.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Shared by a simulator's handlers.
#[derive(Clone)]
pub(super) struct Notifier {
    http: Http,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    delivery: Delivery,
    announcements: Vec<Announcement>,
}

impl Notifier {
    pub fn new(http: Http) -> Self {
        Self { http, kept: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_delivery(&self, delivery: Delivery) {
        self.lock().delivery = delivery;
    }

    /// All there were, oldest first.
    pub fn announcements(&self) -> Vec<Announcement> {
        self.lock().announcements.clone()
    }

    pub fn announce(&self, announcement: &Announcement) {
        let delivery = {
            let mut kept = self.lock();
            kept.announcements.push(announcement.clone());
            kept.delivery
        };
        let times = match delivery {
            _ if announcement.url.is_empty() => 0,
            Delivery::Once => 1,
            Delivery::Twice => 2,
            Delivery::Held => 0,
        };
        for _ in 0..times {
            let (notifier, announcement) = (self.clone(), announcement.clone());
            tokio::spawn(async move { notifier.deliver(&announcement).await });
        }
    }

    async fn deliver(&self, announcement: &Announcement) {
        for wait in REPEATS {
            if self.post(announcement).await {
                return;
            }
            tokio::time::sleep(wait).await;
        }
        tracing::warn!("a simulated gateway's notification was never answered");
    }

    async fn post(&self, announcement: &Announcement) -> bool {
        let Ok(url) = Url::parse(&announcement.url) else { return false };
        let Ok(base) = BaseUrl::parse(&url.origin().ascii_serialization(), true) else { return false };
        let mut request = self.http.request(Method::POST, &base, url.path(), None);
        for (name, value) in &announcement.headers {
            request = request.header(*name, value);
        }
        let answer = self.http.run(request.body(announcement.body.clone())).await;
        answer.is_ok_and(|answer| (200..300).contains(&answer.status))
    }
}
