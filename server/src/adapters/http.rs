//! The one outgoing HTTP client, so that time-outs, size bounds and address rules hold for every
//! provider.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use url::{Host, Url};

/// Bounds on one call.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// How long a connection may take to come up, name look-up and TLS included. Kept below
    /// `total`, or a dead host could not be told from a lost answer.
    pub connect: Duration,
    /// How long the whole call may take; a single request may ask for another value.
    pub total: Duration,
    /// The longest answer body accepted, in bytes.
    pub answer_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(5), answer_bytes: 1 << 20 }
    }
}

/// Why an address from the settings is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError(pub &'static str);

impl fmt::Display for AddressError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for AddressError {}

/// A provider's address that passed the check; no call can be made without one.
///
/// The address comes from the operator's settings, never from a visitor, so private networks are
/// not banned: a face-recognition host stands in the office. What the check catches are the
/// mistakes an operator makes: secrets sent in the clear, or stored and logged inside a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Checks `text`. Plain HTTP is for loopback, which no one can listen to from outside; for a
    /// host that offers nothing else, `allow_plain_http` says the operator knows.
    ///
    /// # Errors
    /// Names the rule that was broken, without repeating the address.
    pub fn parse(text: &str, allow_plain_http: bool) -> Result<Self, AddressError> {
        let url = Url::parse(text.trim()).map_err(|_| AddressError("not a URL"))?;
        let host = match url.host() {
            Some(host) if !url.cannot_be_a_base() => host,
            _ => return Err(AddressError("the URL names no host")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError("the URL must not carry a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError("the URL must end with the path"));
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if allow_plain_http || is_loopback(&host) => Ok(Self(url)),
            "http" => Err(AddressError("plain http is for this machine only; use https")),
            _ => Err(AddressError("the URL must start with https://")),
        }
    }

    /// What the `Host` header of a call will say: signatures cover it.
    #[must_use]
    pub fn host_header(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The address of `path` below this one. Built by setting the path, because joining would let
    /// a path that starts with `//` name another host.
    #[must_use]
    pub fn at(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.0.clone();
        let below = format!("{}/{}", self.0.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&below);
        url.set_query(query);
        url
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// A call that brought no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// For staff. Never holds the URL, whose query may carry phone numbers and names.
    pub reason: String,
    /// Whether the same call may work later.
    pub retryable: bool,
    /// The other side surely did not get the request. When false nobody knows, and a call that
    /// must not happen twice has to be looked up before it is repeated.
    pub not_sent: bool,
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for CallError {}

impl CallError {
    fn unreadable(reason: &str) -> Self {
        Self { reason: reason.to_owned(), retryable: false, not_sent: false }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self { reason: "the request is malformed".into(), retryable: false, not_sent: true };
        }
        // A failed TLS handshake counts as connecting too: the request follows the handshake.
        let not_sent = error.is_connect();
        let what = match (not_sent, error.is_timeout()) {
            (true, true) => {
                return Self { reason: "no connection in time".into(), retryable: true, not_sent };
            }
            (true, false) => "no connection",
            (false, true) => return Self { reason: "no answer in time".into(), retryable: true, not_sent },
            (false, false) => "the answer was lost",
        };
        Self { reason: format!("{what}: {}", innermost(&error)), retryable: true, not_sent }
    }
}

/// The cause that tells something ("connection refused"). The outer layers only repeat what we
/// know, and the outermost one prints the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    cause.map_or_else(|| "unknown cause".to_owned(), ToString::to_string)
}

/// An answer, read to its end. Its status is for the adapter to judge: providers disagree about
/// what a failure looks like.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is something else; that will not change by asking again.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|_| CallError::unreadable("the answer is not as agreed"))
    }
}

/// The outgoing client. Cheap to clone; the clones share one connection pool.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    answer_bytes: usize,
}

impl Http {
    /// Builds the client.
    ///
    /// # Errors
    /// When TLS cannot be set up at all. A machine without root certificates is not such a case:
    /// there every https call fails, while simulators on loopback still work.
    pub fn new(limits: HttpLimits) -> Result<Self, CallError> {
        // The provider is process-wide; that it is installed already is what we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match builder(limits).build() {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!(cause = innermost(&error), "no trusted certificates; https calls will fail");
                builder(limits).tls_certs_only([]).build()?
            }
        };
        Ok(Self { client, answer_bytes: limits.answer_bytes })
    }

    /// The client itself, for a library that speaks a protocol but should not connect by itself.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Starts a request to `path` below `base`, to be completed and given to [`Http::run`].
    pub fn request(&self, method: Method, base: &BaseUrl, path: &str, query: Option<&str>) -> RequestBuilder {
        self.client.request(method, base.at(path, query))
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// When there is no complete answer, or one longer than the limit.
    pub async fn run(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let mut response = request.send().await?;
        let body = self.read(&mut response).await?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }

    async fn read(&self, response: &mut Response) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > self.answer_bytes {
                return Err(CallError::unreadable("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// No redirects: they could lead past the address check, and would carry signed headers along. No
/// proxy from the environment: settings alone decide where secrets go. No hidden retries: only the
/// adapter knows what may be repeated.
fn builder(limits: HttpLimits) -> reqwest::ClientBuilder {
    Client::builder()
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in
            ["https://dysmsapi.aliyuncs.com", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost"]
        {
            assert!(BaseUrl::parse(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "dysmsapi.aliyuncs.com",
            "https://",
            "https://user:secret@host/",
            "https://user@host/",
            "https://host/?key=secret",
            "https://host/#x",
            "http://192.168.1.5/",
            "http://127.0.0.1.evil.example/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "mailto:a@b",
        ] {
            let error = BaseUrl::parse(bad, false).expect_err(bad);
            assert!(!error.to_string().contains("secret"));
        }
        assert!(BaseUrl::parse("http://192.168.1.5/", true).is_ok());
    }

    #[test]
    fn a_path_cannot_leave_the_host() {
        let base = BaseUrl::parse("https://host:8443/api/", false).unwrap();
        assert_eq!(base.host_header(), "host:8443");
        assert_eq!(
            base.at("//evil.example/x", Some("a=%20")).as_str(),
            "https://host:8443/api/evil.example/x?a=%20"
        );
        assert_eq!(BaseUrl::parse("https://host", false).unwrap().at("/", None).as_str(), "https://host/");
    }

    #[tokio::test]
    async fn a_refused_connection_was_surely_not_sent() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = BaseUrl::parse(&format!("http://{}", free.local_addr().unwrap()), false).unwrap();
        drop(free);
        let http = Http::new(HttpLimits::default()).unwrap();
        let error =
            http.run(http.request(Method::GET, &base, "/", Some("phone=13811111111"))).await.unwrap_err();
        assert!(error.not_sent && error.retryable, "{error:?}");
        assert!(!error.reason.contains("138"), "{error:?}");
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_long_answers_are_refused() {
        use axum::response::Redirect;
        use axum::routing::get;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap()), false).unwrap();
        let router = axum::Router::new()
            .route("/moved", get(|| async { Redirect::temporary("/long") }))
            .route("/long", get(|| async { "x".repeat(101) }));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let http = Http::new(HttpLimits { answer_bytes: 100, ..HttpLimits::default() }).unwrap();
        let moved = http.run(http.request(Method::GET, &base, "/moved", None)).await.unwrap();
        assert_eq!(moved.status, 307);
        let long = http.run(http.request(Method::GET, &base, "/long", None)).await.unwrap_err();
        assert_eq!(long, CallError::unreadable("the answer is too long"));
        server.abort();
    }
}
