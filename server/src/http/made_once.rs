//! Public documents that take long to make: made and compressed once, and told apart by a tag.

use std::io::Write as _;

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest;

use crate::web::{has_already, takes};

/// A document and its compressed forms.
pub struct Document {
    content_type: HeaderValue,
    tag: String,
    plain: Bytes,
    /// The shortest first.
    compressed: [(&'static str, Bytes); 2],
}

/// Marks a reply that is not worth compressing, however its caller would like it best.
#[derive(Clone)]
struct Ready;

impl Document {
    #[must_use]
    pub fn new(content_type: HeaderValue, content: Vec<u8>) -> Self {
        let tag = hex::encode(&digest::digest(&digest::SHA256, &content).as_ref()[..16]);
        let compressed = [("br", brotli(&content)), ("gzip", gzip(&content))];
        let compressed = compressed.map(|(name, form)| (name, form.expect("memory can be written").into()));
        Self { content_type, tag: format!("\"{tag}\""), plain: content.into(), compressed }
    }

    /// The document as the caller takes it, or 304 when the caller has it.
    pub fn reply(&self, headers: &HeaderMap) -> Response {
        let form = self.compressed.iter().find(|(encoding, _)| takes(headers, encoding));
        let mut response = match form {
            _ if has_already(headers, &self.tag) => StatusCode::NOT_MODIFIED.into_response(),
            Some((encoding, form)) => {
                ([(CONTENT_ENCODING, HeaderValue::from_static(encoding))], form.clone()).into_response()
            }
            None => self.plain.clone().into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::try_from(&self.tag) {
            headers.insert(ETAG, tag);
        }
        response.extensions_mut().insert(Ready);
        response
    }
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    /// Beyond it, time grows faster than anything is saved.
    const QUALITY: u32 = 9;
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4_096, QUALITY, 22);
    encoder.write_all(content).and_then(|()| encoder.flush())?;
    Ok(encoder.into_inner())
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish())
}

/// For the layer that compresses: everything but what is ready.
pub fn is_not_ready(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<Ready>().is_none()
}
