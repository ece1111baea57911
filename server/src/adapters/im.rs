//! Tencent instant messaging (即时通信 IM): the ticket a user's chat client logs in with.
//!
//! Nothing is called: the ticket (UserSig, TLSSigAPI v2) is signed here, and checked by the provider
//! when the client shows it.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use ring::hmac;
use serde::Serialize;

use crate::clock::{Millis, SECOND};

/// Signs tickets for the users of one IM application.
pub struct UserSigner {
    app_id: u64,
    key: hmac::Key,
}

/// What a ticket says; the names and their order are the provider's.
#[derive(Serialize)]
struct Ticket<'a> {
    #[serde(rename = "TLS.ver")]
    version: &'a str,
    #[serde(rename = "TLS.identifier")]
    identifier: &'a str,
    #[serde(rename = "TLS.sdkappid")]
    app_id: u64,
    #[serde(rename = "TLS.expire")]
    lifetime_seconds: i64,
    #[serde(rename = "TLS.time")]
    signed_at_seconds: i64,
    #[serde(rename = "TLS.sig")]
    signature: String,
}

impl UserSigner {
    /// For the application `app_id` (SDKAppID) and its key, which is used as text.
    #[must_use]
    pub fn new(app_id: u64, key: &str) -> Self {
        Self { app_id, key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()) }
    }

    /// A ticket for the user `identifier`, good from `at` for `lifetime`; both are rounded down to
    /// seconds. It cannot be taken back.
    #[must_use]
    pub fn sign(&self, identifier: &str, at: Millis, lifetime: Millis) -> String {
        let (time, expire, app_id) = (at / SECOND, lifetime / SECOND, self.app_id);
        let text = format!(
            "TLS.identifier:{identifier}\nTLS.sdkappid:{app_id}\nTLS.time:{time}\nTLS.expire:{expire}\n"
        );
        let ticket = Ticket {
            version: "2.0",
            identifier,
            app_id,
            lifetime_seconds: expire,
            signed_at_seconds: time,
            signature: STANDARD.encode(hmac::sign(&self.key, text.as_bytes())),
        };
        packed(&serde_json::to_vec(&ticket).expect("texts and numbers are JSON"))
    }
}

/// zlib, then Base64 in which the characters that mean something in addresses are replaced.
fn packed(json: &[u8]) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let compressed = zlib.write_all(json).and_then(|()| zlib.finish()).expect("memory takes every byte");
    let replace = |character| match character {
        '+' => '*',
        '/' => '-',
        '=' => '_',
        other => other,
    };
    STANDARD.encode(compressed).chars().map(replace).collect()
}

/// What a ticket says, as its provider reads it; `None` for what is no ticket.
#[must_use]
pub fn unpacked(ticket: &str) -> Option<serde_json::Value> {
    let replace = |character| match character {
        '*' => '+',
        '-' => '/',
        '_' => '=',
        other => other,
    };
    let compressed = STANDARD.decode(ticket.chars().map(replace).collect::<String>()).ok()?;
    serde_json::from_reader(flate2::read::ZlibDecoder::new(compressed.as_slice())).ok()
}

#[cfg(test)]
mod tests {
    //! The vectors were made with the provider's own libraries, the clock held still.

    use serde_json::json;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const APP_ID: u64 = 1_400_000_000;
    const AT: Millis = 1_615_202_419 * SECOND;

    fn says(identifier: &str, seconds: i64, signature: &str) -> serde_json::Value {
        json!({ "TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": APP_ID, "TLS.expire": seconds,
                "TLS.time": AT / SECOND, "TLS.sig": signature })
    }

    #[test]
    fn tickets_are_the_providers() {
        let vectors = [
            (
                ("1", 93_600, "GFUlDOddKT8DjamTAlG12ygWHiXYMAdj4+gVhxdl1LI="),
                [
                    "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkDGHCxSnZiQUFmSlAQUMTAyiAyqVWFGQWpQJlLI3N4IIlmbkgIUMzQ1MjAyMTQ0uYQZnpIIPd3UJzXPxTUrxDLFyyEnNDHHPcDY0q08M9MiMifR1Tsky008MyKlJyDH08bZVqAdX6MAw_",
                    "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwoZQweKU7MSCgswUJStDEwMogMiUZOamKlkZmhmaGhkYmRhaQkRTKwoyi1KVrCyNzWAKizPTlayU3N1Cc1z8U1K8QyxcshJzQxxz3A2NKtPDPTIjIn0dU7JMtNPDMipScgx9PG2VagF1ky6s",
                ],
            ),
            (
                ("用户_8", 604_800, "5cOau4VR527LPzI/9sVdUrSuWf+jcVwHkk/VcpFlBxU="),
                [
                    "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkYkrNTY0sYkrNjIzN4y1gaopTshMLCjJTgCoMTQygACqXWlGQWZQKlDEzMLGAi5Zk5oLEDM0MTY0MjEwMLWEmZaaDrDFN9k8sNQkLMjUy9wmo8tS3LA5LCS0KLg1P085KDiv3yM7WD0sucMtxqgi1VaoFAJUvNDE_",
                    "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBws*nrHjWsT3eAipXnJKdWFCQmaJkZWhiAAUQmZLM3FQlK0MzQ1MjAyMTQ0uIaGpFQWZRqpKVmYGJBUxlcWa6kpWSabJ-YqlJWJCpkblPQJWnvmVxWEpoUXBpeJp2VnJYuUd2tn5YcoFbjlNFqK1SLQBM0DPP",
                ],
            ),
        ];
        for ((identifier, seconds, signature), of_libraries) in vectors {
            let expected = Some(says(identifier, seconds, signature));
            let ticket = UserSigner::new(APP_ID, KEY).sign(identifier, AT + 999, seconds * SECOND);
            assert_eq!(unpacked(&ticket), expected, "ours");
            for ticket in of_libraries {
                assert_eq!(unpacked(ticket), expected, "the libraries'");
            }
        }
    }

    #[test]
    fn the_documents_sample_is_read() {
        let sample = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwoZQweKU7MSCgswUJStDEwMDE1MLYxNDiExqRUFmUaqSlaWxmYEBRKgkMxcoYGhmaGpkYGRiaAk1IjMdaKBlRGpOUlpZRo5jslGoc0mlu4VXQLa3k3aiQXFiYLGvb767QYlJpmVYdranrVItAJr*Lwo_";
        let expected = json!({
            "TLS.ver": "2.0", "TLS.identifier": "1", "TLS.sdkappid": 1_400_458_341, "TLS.expire": 93_600,
            "TLS.time": 1_615_202_419, "TLS.sig": "9XelbfvhlAc2UCtyG8JPkKB+a0saQsMMoG0t4i9VkkI=",
        });
        assert_eq!(unpacked(sample), Some(expected));
        for broken in ["", "eJyr", &sample[1..], "张三"] {
            assert_eq!(unpacked(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_characters_that_addresses_leave_alone() {
        let signer = UserSigner::new(APP_ID, KEY);
        for user in 0..200 {
            let ticket = signer.sign(&user.to_string(), AT, 93_600 * SECOND);
            assert!(
                ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*-_".contains(&byte)),
                "{ticket}"
            );
        }
    }
}
