//! The signatures and the encryption of API v3.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;
use webpki::{EndEntityCert, RawPublicKeyEntity};

/// The text that is signed: its parts, each ended by a line break.
#[must_use]
pub fn lines(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| [part.as_bytes(), b"\n"]).flatten().copied().collect()
}

/// The merchant's private key.
#[derive(Clone)]
pub struct MerchantKey(Arc<RsaKeyPair>);

impl MerchantKey {
    /// Reads `apiclient_key.pem`: PKCS#8, or the older PKCS#1.
    ///
    /// # Errors
    /// A text that says what is expected, and nothing of the key.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let expected = || "expected an RSA private key of at least 2048 bits in PEM".to_owned();
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| expected())? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(expected()),
        };
        key.map(|key| Self(Arc::new(key))).map_err(|_| expected())
    }

    /// RSA-SHA256 (PKCS#1 v1.5) in Base64.
    ///
    /// # Panics
    /// When the operating system has no random source, which blinds the calculation.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
        signed.expect("a buffer of the modulus's length holds the signature");
        STANDARD.encode(signature)
    }
}

/// The key that WeChat signs with.
#[derive(Clone)]
pub enum PlatformKey {
    PublicKey(SubjectPublicKeyInfoDer<'static>),
    Certificate(CertificateDer<'static>),
}

impl PlatformKey {
    /// Reads a public key or a certificate.
    ///
    /// # Errors
    /// A text that says what is expected.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map(Self::PublicKey);
        let key = key.or_else(|_| CertificateDer::from_pem_slice(pem.as_bytes()).map(Self::Certificate));
        let key = key.map_err(|_| "expected a public key or a certificate in PEM")?;
        let is_readable = match &key {
            Self::PublicKey(der) => RawPublicKeyEntity::try_from(der).is_ok(),
            Self::Certificate(der) => EndEntityCert::try_from(der).is_ok(),
        };
        if is_readable { Ok(key) } else { Err("expected a public key or a certificate in PEM".into()) }
    }

    /// Whether `signature` (Base64) is this key's under `text`.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let algorithm = RSA_PKCS1_2048_8192_SHA256;
        let verified = match self {
            Self::PublicKey(der) => RawPublicKeyEntity::try_from(der)
                .and_then(|key| key.verify_signature(algorithm, text, &signature)),
            Self::Certificate(der) => {
                EndEntityCert::try_from(der).and_then(|key| key.verify_signature(algorithm, text, &signature))
            }
        };
        verified.is_ok()
    }
}

/// The API v3 key, which encrypts what notifications carry.
#[derive(Clone)]
pub struct ApiKey(Arc<LessSafeKey>);

impl ApiKey {
    /// # Errors
    /// A text that says what is expected.
    pub fn new(text: &str) -> Result<Self, String> {
        let key = UnboundKey::new(&AES_256_GCM, text.as_bytes());
        key.map(|key| Self(Arc::new(LessSafeKey::new(key)))).map_err(|_| "expected 32 characters".into())
    }

    /// Decrypts; `None` for what was not encrypted with this key.
    #[must_use]
    pub fn open(&self, nonce: &str, associated: &str, ciphertext: &str) -> Option<Vec<u8>> {
        let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
        let mut text = STANDARD.decode(ciphertext).ok()?;
        let plain = self.0.open_in_place(nonce, Aad::from(associated.as_bytes()), &mut text).ok()?;
        Some(plain.to_vec())
    }

    /// Encrypts, as WeChat does; for its stand-in.
    ///
    /// # Panics
    /// Only for texts of many gigabytes.
    #[must_use]
    pub fn seal(&self, nonce: [u8; NONCE_LEN], associated: &str, plain: &[u8]) -> String {
        let mut text = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.seal_in_place_append_tag(nonce, Aad::from(associated.as_bytes()), &mut text);
        sealed.expect("a short text can be sealed");
        STANDARD.encode(text)
    }
}

macro_rules! redacted_debug {
    ($($part:ty),*) => {$(
        impl fmt::Debug for $part {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($part), " { .. }"))
            }
        }
    )*};
}
redacted_debug!(MerchantKey, PlatformKey, ApiKey);
