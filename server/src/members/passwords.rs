//! Password hashing (argon2id), off the async threads and never more at once than cores.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};

use crate::app::App;
use crate::error::Error;

/// Hashes `password` with a fresh salt.
///
/// # Errors
/// When hashing fails, which is a fault of the server.
pub async fn hash(app: &App, password: String) -> Result<String, Error> {
    let salt: [u8; 16] = app.ids.bytes();
    let hashed = on_a_hashing_thread(app, move || {
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    hashed.await?.map_err(|error| Error::internal(error.to_string()))
}

/// Whether `password` is the one that was hashed.
///
/// # Errors
/// When the stored hash cannot be read, which is a fault of the server.
pub async fn verify(app: &App, password: String, stored: String) -> Result<bool, Error> {
    on_a_hashing_thread(app, move || {
        let hash = PasswordHash::new(&stored).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await?
}

async fn on_a_hashing_thread<T: Send + 'static>(
    app: &App,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let permit = app.hashing.acquire().await.map_err(|error| Error::internal(error.to_string()))?;
    let result = tokio::task::spawn_blocking(run).await;
    drop(permit);
    result.map_err(|error| Error::internal(error.to_string()))
}
