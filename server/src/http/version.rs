//! Versions of documents that are replaced as a whole: an `ETag` with what is read, `If-Match` with what
//! is saved, so that nobody undoes a change that they have not seen.

use axum::extract::FromRequestParts;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use serde::Serialize;

use crate::app::App;
use crate::error::Error;
use crate::secrets::Secrets;

/// The version of `document`, as it stands in an `ETag`. It is keyed: a document may hold a password that
/// not every reader is shown.
///
/// # Errors
/// When `document` cannot be written as JSON, which is a bug.
pub fn version(secrets: &Secrets, document: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(document).map_err(|error| Error::internal(error.to_string()))?;
    let mut version = secrets.fingerprint(&[b"version", &json]);
    version.truncate(32);
    Ok(version)
}

/// The versions that a caller takes for the current one; without any, whatever is there is replaced.
#[derive(Clone, Debug)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Judges the version that is there now. The caller holds what keeps others from replacing it.
    ///
    /// # Errors
    /// 412 when it is none that the caller knows.
    pub fn check(&self, current: &str) -> Result<(), Error> {
        let is_known = |known: &Vec<String>| known.iter().any(|known| known == "*" || known == current);
        if self.0.as_ref().is_none_or(is_known) { Ok(()) } else { Err(Error::precondition_failed()) }
    }
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        let lines = parts.headers.get_all(IF_MATCH).iter();
        let lines: Vec<_> = lines.map(|line| line.to_str().unwrap_or_default()).collect();
        Ok(Self(
            (!lines.is_empty()).then(|| lines.iter().flat_map(|line| line.split(',')).map(bare).collect()),
        ))
    }
}

/// Without quotes, and without the mark that proxies add when they compress a reply.
fn bare(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
}
