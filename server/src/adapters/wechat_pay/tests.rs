use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

#[path = "test_keys.rs"]
pub mod test_keys;

use self::test_keys::{merchant, openssl, platform};

const API_KEY: &str = "0123456789abcdefghijklmnopqrstuv";
const NONCE: &str = "fdasflkja484";
const PLAIN: &str = r#"{"mchid":"1900000001","appid":"wx0123456789abcdef","out_trade_no":"2021030800000228","transaction_id":"4200000000202103080000000001","trade_type":"JSAPI","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"","success_time":"2021-03-08T20:52:10+08:00","payer":{"openid":"oTEST0000000000000000000000A"},"amount":{"total":30000,"payer_total":30000,"currency":"CNY","payer_currency":"CNY"}}"#;
const CIPHERTEXT: &str = "kdUy8AAEd+F97t+v/8pygRXsZH8tC3RtMchS24m9Vng9nHNjONzVSe7xroeQAsaM/DHDjRbuQcOvBYq9jNsZHTq6GmC16P+yUCRM2L8ANPgIZuBvWxKAcgbmOmCbJXJvImVy5NJ+Z+hb76xZ2r1ISNveNXnLsYVjNlLhxKLOIxEcB60VZtKXQelPm5OolQ6Y7cg1mz+pn/ZqosFA+SDGI+JMR+NEFsqXsBrLQ2pwQv/uYh7mVDBQ+aAX0r+lDQxRz6sa5AngKOEvvWdf7dO6WqfbOZbuURoihESCMuCAeT2PJoskHL9Ms3tN53BGr8+dA9luuK4LbPfzeAk9xUFtemEuZ3AHl7QF7Rdi+tQ2naW8duOwTq8/VNr41jRtaQy9pjH+4JlbnHcq0aYSV2KieFaw7jdJGw3sUrWumgU9oHhxnmK1PzIvlBu9DOSLzMc4TtLXAb42s0nYq3SCrT9gWLJXEDA5Bcoi0rDiSBfIi3/m1F+ZIE19XGMMqTF6hZBSH/c7sdLPKcXP/97TlcsRrlCW1PuubkBM/75zKCdf1BfcNECI6P7wlELxdgIgdHpmaf1RFNRxyQ==";

#[test]
fn the_published_ciphertext_opens() {
    let key = ApiKey::new(API_KEY).unwrap();
    assert_eq!(key.open(NONCE, "transaction", CIPHERTEXT).unwrap(), PLAIN.as_bytes());
    let mut nonce = [0; 12];
    nonce.copy_from_slice(NONCE.as_bytes());
    assert_eq!(key.seal(nonce, "transaction", PLAIN.as_bytes()), CIPHERTEXT);
}

#[test]
fn whatever_was_changed_does_not_open() {
    let key = ApiKey::new(API_KEY).unwrap();
    assert_eq!(key.open(NONCE, "refund", CIPHERTEXT), None);
    assert_eq!(key.open("fdasflkja485", "transaction", CIPHERTEXT), None);
    assert_eq!(key.open("short", "transaction", CIPHERTEXT), None);
    assert_eq!(key.open(NONCE, "transaction", &CIPHERTEXT.replacen('k', "l", 1)), None);
    assert_eq!(key.open(NONCE, "transaction", "not base64!"), None);
    let other = ApiKey::new("vutsrqponmlkjihgfedcba9876543210").unwrap();
    assert_eq!(other.open(NONCE, "transaction", CIPHERTEXT), None);
    assert_eq!(ApiKey::new("31 characters are not enough...").unwrap_err(), "expected 32 characters");
}

/// PKCS#1 v1.5 is deterministic, so openssl is an oracle for any key.
#[test]
fn signatures_are_openssls() {
    let text = lines(&["GET", "/v3/certificates", "1554208460", "593BEC0C930BF1AFEB40B4A08C8FB242", ""]);
    assert_eq!(text, b"GET\n/v3/certificates\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(merchant().private.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let expected = STANDARD.encode(openssl(&["dgst", "-sha256", "-sign", path], &text));
    assert_eq!(MerchantKey::from_pem(&merchant().private).unwrap().sign(&text), expected);
    // The older form of the same key.
    let pkcs1 = openssl(&["rsa", "-traditional"], merchant().private.as_bytes());
    let pkcs1 = String::from_utf8(pkcs1).unwrap();
    assert!(pkcs1.contains("BEGIN RSA PRIVATE KEY"));
    assert_eq!(MerchantKey::from_pem(&pkcs1).unwrap().sign(&text), expected);
}

#[test]
fn a_signature_is_checked_by_public_key_or_certificate() {
    let signature = MerchantKey::from_pem(&platform().private).unwrap().sign(b"1\n2\n{}\n");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(platform().private.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let certificate =
        openssl(&["req", "-x509", "-new", "-key", path, "-subj", "/CN=Tenpay.com", "-days", "30"], b"");
    for pem in [platform().public.clone(), String::from_utf8(certificate).unwrap()] {
        let key = PlatformKey::from_pem(&pem).unwrap();
        assert!(key.verifies(b"1\n2\n{}\n", &signature));
        assert!(!key.verifies(b"1\n2\n{ }\n", &signature));
        assert!(!key.verifies(b"1\n2\n{}\n", "AAAA"));
        assert!(!key.verifies(b"1\n2\n{}\n", "not base64!"));
    }
    let other = PlatformKey::from_pem(&merchant().public).unwrap();
    assert!(!other.verifies(b"1\n2\n{}\n", &signature));
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    for pem in ["", "secret", &platform().public] {
        let said = MerchantKey::from_pem(pem).unwrap_err();
        assert!(said.starts_with("expected an RSA private key"), "{said}");
    }
    for pem in ["", "secret", &merchant().private] {
        assert!(PlatformKey::from_pem(pem).unwrap_err().starts_with("expected a public key"));
    }
    let weak = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], b"");
    assert!(MerchantKey::from_pem(&String::from_utf8(weak).unwrap()).is_err());
    let debug = format!("{:?}", MerchantKey::from_pem(&merchant().private).unwrap());
    assert_eq!(debug, "MerchantKey { .. }");
}

#[test]
fn refusals_are_sorted_by_what_can_be_done_about_them() {
    let sorted = |status: u16, code: &str| {
        let body = json!({ "code": code, "message": "说明\n二" }).to_string().into_bytes();
        fault(&Answer { status, headers: HeaderMap::new(), body })
    };
    for (status, code) in
        [(401, "SIGN_ERROR"), (403, "NO_AUTH"), (400, "MCH_NOT_EXISTS"), (403, "NOT_ENOUGH")]
    {
        assert!(
            matches!(sorted(status, code), PaymentError::Unavailable { after: Some(after), .. } if after > MINUTE),
            "{code}"
        );
    }
    let slower = sorted(429, "FREQUENCY_LIMITED");
    assert!(matches!(slower, PaymentError::Unavailable { after: Some(MINUTE), .. }));
    for (status, code) in [(500, "SYSTEM_ERROR"), (502, ""), (400, "ORDERPAID")] {
        assert!(matches!(sorted(status, code), PaymentError::Unclear { .. }), "{code}");
    }
    for (status, code) in [(400, "PARAM_ERROR"), (400, "ORDER_CLOSED"), (403, "TRADE_ERROR"), (400, "OTHER")]
    {
        assert!(matches!(sorted(status, code), PaymentError::Refused { .. }), "{code}");
    }
    assert_eq!(sorted(400, "PARAM_ERROR").reason(), "400 PARAM_ERROR: 说明 二");
}
