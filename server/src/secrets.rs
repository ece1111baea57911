//! Encryption of what must be stored but is nobody's to read, fingerprints of what may be guessable,
//! and the server's key for both.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::ids::Ids;

/// Seals and opens text with the server's key (AES-256-GCM, a random nonce each).
#[derive(Clone)]
pub struct Secrets {
    key: Arc<LessSafeKey>,
    fingerprints: hmac::Key,
    ids: Ids,
}

impl Secrets {
    /// Uses `key`, 64 hexadecimal digits; when it is empty, the key file in `data_dir`, which is
    /// made on first use.
    ///
    /// # Errors
    /// A text that names the setting or file and says what is expected.
    pub fn load(key: &str, data_dir: &Path, ids: &Ids) -> Result<Self, String> {
        if !key.is_empty() {
            return Self::from_hex(key, ids)
                .ok_or_else(|| "secrets.key: expected 64 hexadecimal digits".into());
        }
        let file = data_dir.join("secret.key");
        let stored = read_or_create(&file, ids).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::from_hex(stored.trim(), ids)
            .ok_or_else(|| format!("{}: expected 64 hexadecimal digits", file.display()))
    }

    fn from_hex(key: &str, ids: &Ids) -> Option<Self> {
        let bytes = hex::decode(key).ok().filter(|bytes| bytes.len() == AES_256_GCM.key_len())?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        // Derived, so that one key is never used by two algorithms.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), b"fingerprints");
        let fingerprints = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Some(Self { key: Arc::new(key), fingerprints, ids: ids.clone() })
    }

    /// Encrypts `plain`. `purpose` must be the same on opening: it keeps a sealed text from being
    /// moved to another column.
    ///
    /// # Panics
    /// Only for texts of many gigabytes, which no caller has.
    #[must_use]
    pub fn seal(&self, purpose: &str, plain: &str) -> String {
        let nonce: [u8; NONCE_LEN] = self.ids.bytes();
        let mut sealed = plain.as_bytes().to_vec();
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce_once, Aad::from(purpose.as_bytes()), &mut sealed)
            .expect("a short text can be sealed");
        hex::encode([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`Secrets::seal`] gave; `None` when it was made with another key or for
    /// another purpose, or was changed.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<String> {
        let bytes = hex::decode(sealed).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let plain = self.key.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut body).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

impl Secrets {
    /// A keyed hash of `parts`: equal for equal parts, and of no use for guessing them without the key.
    #[must_use]
    pub fn fingerprint(&self, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.fingerprints);
        for part in parts {
            // The length keeps ("ab", "c") from being ("a", "bc").
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        hex::encode(context.sign())
    }
}

/// Made whole under another name first: a crash, or another node starting, must not find half a key.
fn read_or_create(file: &Path, ids: &Ids) -> std::io::Result<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read,
    }
    let draft = file.with_extension(ids.uuid().to_string());
    let mut created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    created.write_all(ids.token().as_bytes())?;
    created.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    if let Some(folder) = file.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        // Ours, or the one that was quicker.
        _ => fs::read_to_string(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_depend_on_every_part_and_on_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = |key: &str| Secrets::load(key, folder.path(), &Ids::default()).unwrap();
        let (one, other) = (secrets(&"ab".repeat(32)), secrets(&"cd".repeat(32)));
        let of = |secrets: &Secrets, parts: &[&[u8]]| secrets.fingerprint(parts);
        assert_eq!(of(&one, &[b"ab", b"c"]), of(&one, &[b"ab", b"c"]));
        assert_ne!(of(&one, &[b"ab", b"c"]), of(&one, &[b"a", b"bc"]));
        assert_ne!(of(&one, &[b"ab", b"c"]), of(&other, &[b"ab", b"c"]));
    }

    #[test]
    fn a_sealed_text_opens_only_with_its_key_and_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load("", folder.path(), &Ids::default()).unwrap();
        let sealed = secrets.seal("code", "123456");
        assert!(!sealed.contains("123456"));
        assert_eq!(secrets.open("code", &sealed).as_deref(), Some("123456"));
        assert_eq!(secrets.open("reply", &sealed), None);
        let flipped = if sealed.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{flipped}", &sealed[..sealed.len() - 1]);
        assert_eq!(secrets.open("code", &changed), None);

        let again = Secrets::load("", folder.path(), &Ids::default()).unwrap();
        assert_eq!(again.open("code", &sealed).as_deref(), Some("123456"), "the key file is read again");
        let other = Secrets::load(&"ab".repeat(32), folder.path(), &Ids::default()).unwrap();
        assert_eq!(other.open("code", &sealed), None);
        assert!(Secrets::load("abc", folder.path(), &Ids::default()).is_err());
    }
}
