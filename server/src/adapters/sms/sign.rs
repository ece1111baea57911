//! Aliyun's third signature scheme, ACS3-HMAC-SHA256, as a pure function: the client signs with it,
//! and the simulator signs what it received to compare.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};

/// The signature's name in the `Authorization` header.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// The parts of a request that its signature covers, undecorated: neither encoded nor sorted.
#[derive(Clone, Copy, Debug)]
pub struct CanonicalRequest<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    /// The headers that take part, with lower-case names.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl CanonicalRequest<'_> {
    /// The query, sorted and encoded; sent like this, it reaches the provider as it was signed.
    #[must_use]
    pub fn query_text(&self) -> String {
        let mut pairs: Vec<_> = self.query.iter().map(|(key, value)| (encode(key), encode(value))).collect();
        pairs.sort();
        pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
    }

    /// The text whose hash is signed, and the names of the headers in it.
    fn texts(&self) -> (String, String) {
        let mut headers = self.headers.to_vec();
        headers.sort_unstable();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let (query, body) = (self.query_text(), sha256(self.body));
        (format!("{}\n{}\n{query}\n{lines}\n{names}\n{body}", self.method, self.path), names)
    }
}

/// A V3 signature and what it was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureV3 {
    pub canonical_hash: String,
    pub signed_headers: String,
    pub signature: String,
}

impl SignatureV3 {
    /// The text the secret was applied to.
    #[must_use]
    pub fn string_to_sign(&self) -> String {
        format!("{ALGORITHM}\n{}", self.canonical_hash)
    }

    /// The `Authorization` header.
    #[must_use]
    pub fn authorization(&self, access_key_id: &str) -> String {
        let Self { signed_headers, signature, .. } = self;
        format!("{ALGORITHM} Credential={access_key_id},SignedHeaders={signed_headers},Signature={signature}")
    }
}

/// Signs `request` with the provider's third scheme.
#[must_use]
pub fn sign_v3(request: &CanonicalRequest<'_>, secret: &str) -> SignatureV3 {
    let (text, signed_headers) = request.texts();
    let canonical_hash = sha256(text.as_bytes());
    let mut signed = SignatureV3 { canonical_hash, signed_headers, signature: String::new() };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    signed.signature = hex::encode(hmac::sign(&key, signed.string_to_sign().as_bytes()));
    signed
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// RFC 3986: only the unreserved characters stay.
fn encode(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    //! The vectors come from the provider's manual (RunInstances) and its official libraries.

    use super::*;

    struct Vector<'a> {
        host: &'a str,
        action: &'a str,
        version: &'a str,
        date: &'a str,
        nonce: &'a str,
        query: &'a [(&'a str, &'a str)],
        body: &'a str,
    }

    /// The canonical text and the signature of `vector`.
    fn signed(vector: &Vector<'_>, secret: &str) -> (String, SignatureV3) {
        let hash = sha256(vector.body.as_bytes());
        // Out of order on purpose: sorting is part of the scheme.
        let mut headers = vec![
            ("x-acs-version", vector.version),
            ("x-acs-date", vector.date),
            ("x-acs-signature-nonce", vector.nonce),
            ("x-acs-content-sha256", &hash),
            ("x-acs-action", vector.action),
            ("host", vector.host),
        ];
        if !vector.body.is_empty() {
            headers.push(("content-type", " application/x-www-form-urlencoded "));
        }
        let body = vector.body.as_bytes();
        let request =
            CanonicalRequest { method: "POST", path: "/", query: vector.query, headers: &headers, body };
        (request.texts().0, sign_v3(&request, secret))
    }

    const SMS: Vector<'static> = Vector {
        host: "dysmsapi.aliyuncs.com",
        action: "SendSms",
        version: "2017-05-25",
        date: "2021-06-09T10:30:00Z",
        nonce: "3156853299f313e23d1673dc12e1703d",
        query: &[],
        body: "",
    };

    #[test]
    fn the_manuals_own_example() {
        let vector = Vector {
            host: "ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            date: "2023-10-26T10:22:32Z",
            query: &[
                ("RegionId", "cn-shanghai"),
                ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"),
            ],
            ..SMS
        };
        let (_, signature) = signed(&vector, "YourAccessKeySecret");
        assert_eq!(
            signature.canonical_hash,
            "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
        );
        assert_eq!(signature.signature, "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0");
    }

    #[test]
    fn vector_a_a_usual_text_message() {
        let query = [
            ("TemplateParam", r#"{"name":"张三","time":"2021-06-09 18:30"}"#),
            ("TemplateCode", "SMS_167041492"),
            ("SignName", "阿里云短信测试"),
            ("PhoneNumbers", "13811111111"),
        ];
        let (text, signature) = signed(&Vector { query: &query, ..SMS }, "testAccessKeySecret");
        let expected = "POST
/
PhoneNumbers=13811111111&SignName=%E9%98%BF%E9%87%8C%E4%BA%91%E7%9F%AD%E4%BF%A1%E6%B5%8B%E8%AF%95&TemplateCode=SMS_167041492&TemplateParam=%7B%22name%22%3A%22%E5%BC%A0%E4%B8%89%22%2C%22time%22%3A%222021-06-09%2018%3A30%22%7D
host:dysmsapi.aliyuncs.com
x-acs-action:SendSms
x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
x-acs-date:2021-06-09T10:30:00Z
x-acs-signature-nonce:3156853299f313e23d1673dc12e1703d
x-acs-version:2017-05-25

host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(text, expected);
        assert_eq!(
            signature.string_to_sign(),
            "ACS3-HMAC-SHA256\ndbae1329af6cd2dce2d478d579abb3ee98de0dd5b02fc039d1f4b0a08f13d148"
        );
        assert_eq!(
            signature.authorization("testAccessKeyId"),
            "ACS3-HMAC-SHA256 Credential=testAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
             x-acs-date;x-acs-signature-nonce;x-acs-version,\
             Signature=55e44f625b205027c30485c3b4edbdf152bf0b0c5c13e57399d408ef747b47e2"
        );
    }

    #[test]
    fn vector_b_awkward_characters() {
        let vector = Vector {
            date: "2023-10-26T10:22:32Z",
            nonce: "0123456789abcdef0123456789abcdef",
            query: &[
                ("PhoneNumbers", "13811111111,13900001111"),
                ("SignName", "阿里云 短信+测试~*"),
                ("TemplateCode", "SMS_167041492"),
                ("TemplateParam", r#"{"code":"1234"}"#),
                ("OutId", "rec/428"),
            ],
            ..SMS
        };
        let (text, signature) = signed(&vector, "testAccessKeySecret");
        let expected = "POST
/
OutId=rec%2F428&PhoneNumbers=13811111111%2C13900001111&SignName=%E9%98%BF%E9%87%8C%E4%BA%91%20%E7%9F%AD%E4%BF%A1%2B%E6%B5%8B%E8%AF%95~%2A&TemplateCode=SMS_167041492&TemplateParam=%7B%22code%22%3A%221234%22%7D
host:dysmsapi.aliyuncs.com
x-acs-action:SendSms
x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
x-acs-date:2023-10-26T10:22:32Z
x-acs-signature-nonce:0123456789abcdef0123456789abcdef
x-acs-version:2017-05-25

host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(text, expected);
        assert_eq!(
            signature.canonical_hash,
            "0719b7d627f667d5a2aee44e2a5cd995991fff3f0646887cf4a2a5da5c20d26f"
        );
        assert_eq!(signature.signature, "7b3571e8519d020f99783a21490f93626ad4063a8ea16373443935e9d94cc26e");
    }

    #[test]
    fn vector_c_a_form_body() {
        let body = "PhoneNumbers=13811111111&SignName=%E9%98%BF%E9%87%8C%E4%BA%91%E7%9F%AD%E4%BF%A1%E6%B5%8B%E8%AF%95&TemplateCode=SMS_167041492";
        let (text, signature) = signed(&Vector { body, ..SMS }, "testAccessKeySecret");
        let expected = "POST
/

content-type:application/x-www-form-urlencoded
host:dysmsapi.aliyuncs.com
x-acs-action:SendSms
x-acs-content-sha256:d276275460367de0b0c02f56cfd06521d17ef6647b64741f398a8863a21b289c
x-acs-date:2021-06-09T10:30:00Z
x-acs-signature-nonce:3156853299f313e23d1673dc12e1703d
x-acs-version:2017-05-25

content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version
d276275460367de0b0c02f56cfd06521d17ef6647b64741f398a8863a21b289c";
        assert_eq!(text, expected);
        assert_eq!(
            signature.canonical_hash,
            "e361902bd8237f0bfbfdf954f04d5d32e57ea60d9b42c0b634dd9c489d693111"
        );
        assert_eq!(signature.signature, "3dd06a4a3524c9d171e0cf94a22728b4472aea281cb1a2120e42e98168b93a3f");
    }
}
