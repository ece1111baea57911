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

/// Of the key, in the data directory.
pub const KEY_FILE: &str = "secret.key";

/// Seals and opens text with the server's key (AES-256-GCM, a random nonce each).
#[derive(Clone)]
pub struct Secrets {
    key: Arc<LessSafeKey>,
    fingerprints: hmac::Key,
    ids: Ids,
}

impl Secrets {
    /// Uses `key`, 64 hexadecimal digits; when it is empty, the key file in `data_dir`. `None` when there is
    /// neither.
    ///
    /// # Errors
    /// A text that names the setting or file and says what is expected.
    pub fn find(key: &str, data_dir: &Path, ids: &Ids) -> Result<Option<Self>, String> {
        if !key.is_empty() {
            let secrets = Self::from_hex(key, ids);
            return secrets.map(Some).ok_or_else(|| "secrets.key: expected 64 hexadecimal digits".into());
        }
        let file = data_dir.join(KEY_FILE);
        match fs::read_to_string(&file) {
            Ok(stored) => Self::of_file(&file, &stored, ids).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    /// Makes the key file in `data_dir`.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn make(data_dir: &Path, ids: &Ids) -> Result<Self, String> {
        let file = data_dir.join(KEY_FILE);
        let stored = create(&file, ids).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::of_file(&file, &stored, ids)
    }

    fn of_file(file: &Path, stored: &str, ids: &Ids) -> Result<Self, String> {
        let secrets = Self::from_hex(stored.trim(), ids);
        secrets.ok_or_else(|| format!("{}: expected 64 hexadecimal digits", file.display()))
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
    /// Tells this key from others, and nothing about it.
    #[must_use]
    pub fn key_fingerprint(&self) -> String {
        self.fingerprint(&[b"which key is this"])
    }

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
fn create(file: &Path, ids: &Ids) -> std::io::Result<String> {
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
        let secrets = |key: &str| Secrets::find(key, folder.path(), &Ids::default()).unwrap().unwrap();
        let (one, other) = (secrets(&"ab".repeat(32)), secrets(&"cd".repeat(32)));
        let of = |secrets: &Secrets, parts: &[&[u8]]| secrets.fingerprint(parts);
        assert_eq!(of(&one, &[b"ab", b"c"]), of(&one, &[b"ab", b"c"]));
        assert_ne!(of(&one, &[b"ab", b"c"]), of(&one, &[b"a", b"bc"]));
        assert_ne!(of(&one, &[b"ab", b"c"]), of(&other, &[b"ab", b"c"]));
        assert_ne!(one.key_fingerprint(), other.key_fingerprint());
    }

    #[test]
    fn a_sealed_text_opens_only_with_its_key_and_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let ids = Ids::default();
        assert!(Secrets::find("", folder.path(), &ids).unwrap().is_none(), "it is not made by looking");
        let secrets = Secrets::make(folder.path(), &ids).unwrap();
        let sealed = secrets.seal("code", "123456");
        assert!(!sealed.contains("123456"));
        assert_eq!(secrets.open("code", &sealed).as_deref(), Some("123456"));
        assert_eq!(secrets.open("reply", &sealed), None);
        let flipped = if sealed.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{flipped}", &sealed[..sealed.len() - 1]);
        assert_eq!(secrets.open("code", &changed), None);

        let find = |key: &str| Secrets::find(key, folder.path(), &ids);
        let again = find("").unwrap().unwrap();
        assert_eq!(again.key_fingerprint(), secrets.key_fingerprint());
        let kept = Secrets::make(folder.path(), &ids).unwrap();
        assert_eq!(kept.key_fingerprint(), secrets.key_fingerprint(), "whoever is quicker makes it");
        assert_eq!(again.open("code", &sealed).as_deref(), Some("123456"), "the key file is read again");
        let other = find(&"ab".repeat(32)).unwrap().unwrap();
        assert_eq!(other.open("code", &sealed), None);
        assert!(find("abc").is_err());
    }
}
