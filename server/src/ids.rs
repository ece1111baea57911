//! The only source of randomness: ids, tokens, keys and codes.

use ring::rand::{SecureRandom, SystemRandom};

/// Makes unguessable values from the operating system's random source.
#[derive(Clone, Debug)]
pub struct Ids(SystemRandom);

impl Default for Ids {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Ids {
    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no random source: nothing secure can be done without one.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes).expect("the operating system's random source answers");
        bytes
    }

    /// A version 4 UUID.
    #[must_use]
    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// 256 random bits as 64 hexadecimal digits: access tokens, API keys, device keys.
    #[must_use]
    pub fn token(&self) -> String {
        hex::encode(self.bytes::<32>())
    }

    /// `count` random decimal digits, each equally likely.
    #[must_use]
    pub fn digits(&self, count: usize) -> String {
        let mut digits = String::with_capacity(count);
        while digits.len() < count {
            let [byte] = self.bytes();
            // 250 is the largest multiple of ten a byte holds: taking more would favour 0 to 5.
            if byte < 250 {
                digits.push(char::from(b'0' + byte % 10));
            }
        }
        digits
    }
}

/// SHA-256 of a high-entropy secret, in hexadecimal: how tokens and keys are stored.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, secret.as_bytes()))
}
