//! Throw-away RSA keys, made anew by the machine's openssl: none is kept in the repository. Shared
//! with the tests at the wire.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// One side's key, in PEM.
pub struct TestKey {
    /// PKCS#8.
    pub private: String,
    pub public: String,
}

/// Runs openssl with `input` and gives what it prints.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = command.spawn().expect("openssl is installed");
    running.stdin.take().expect("its input is a pipe").write_all(input).expect("openssl reads");
    let output = running.wait_with_output().expect("openssl ends");
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("openssl prints text")
}

impl TestKey {
    fn new() -> Self {
        let private = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
        let public = text(openssl(&["pkey", "-pubout"], &private));
        Self { private: text(private), public }
    }
}

/// The merchant's, the same for the whole test run.
pub fn merchant() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(TestKey::new)
}

/// WeChat's.
pub fn platform() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(TestKey::new)
}

/// WeChat's after a change.
pub fn next_platform() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(TestKey::new)
}
