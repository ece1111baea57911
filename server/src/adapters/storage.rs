//! Where uploaded files are kept: a folder of this machine, or a bucket of any S3-compatible store,
//! which several nodes can share.

use std::fmt;
use std::path::Path as Folder;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, RetryConfig};

use super::http::{BaseUrl, Http, HttpLimits};

/// An account's bucket.
#[derive(Clone)]
pub struct Bucket {
    pub name: String,
    /// The store's address without the bucket; empty for Amazon's own in `region`.
    pub endpoint: String,
    pub region: String,
    /// Whether the bucket stands in the address's path. Otherwise it begins the host name.
    pub in_path: bool,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// The store did not do it. The text is for the log: it may hold the store's address, never a secret.
#[derive(Clone, Debug)]
pub struct StorageError(pub String);

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StorageError {}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        Self(error.to_string())
    }
}

/// A file that is being read.
pub struct Stored {
    /// In bytes.
    pub size: u64,
    pub content: BoxStream<'static, Result<Bytes, StorageError>>,
}

/// Keeps files under names such as `20210309/980e4c19.png`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    /// `None` for a bucket.
    folder: Option<Arc<Folder>>,
}

impl Storage {
    /// Keeps files below `folder`, which must exist. What was put survives a loss of power.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn folder(folder: &Folder) -> Result<Self, StorageError> {
        let store = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        Ok(Self { store, folder: Some(folder.into()) })
    }

    /// Keeps files in `bucket`. Nothing is called yet.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn bucket(bucket: &Bucket) -> Result<Self, StorageError> {
        Ok(Self { store: Arc::new(amazon(bucket)?), folder: None })
    }

    /// How many bytes are free where the folder is; `None` for a bucket, which does not say.
    ///
    /// # Errors
    /// When the folder is out of reach.
    pub fn free(&self) -> Result<Option<u64>, StorageError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let disk = rustix::fs::statvfs(folder.as_ref()).map_err(|error| StorageError(error.to_string()))?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }

    /// Writes a file at once or not at all.
    ///
    /// # Errors
    /// When nobody knows that it is kept.
    pub async fn put(&self, name: &str, content: Bytes) -> Result<(), StorageError> {
        self.store.put(&Path::from(name), content.into()).await?;
        Ok(())
    }

    /// A file's content; `None` if there is none of this name.
    ///
    /// # Errors
    /// When the store does not say.
    pub async fn get(&self, name: &str) -> Result<Option<Stored>, StorageError> {
        match self.store.get(&Path::from(name)).await {
            Ok(found) => {
                let size = found.meta.size;
                let content = found.into_stream().map(|chunk| chunk.map_err(StorageError::from)).boxed();
                Ok(Some(Stored { size, content }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A file's size in bytes; `None` if there is none of this name.
    ///
    /// # Errors
    /// When the store does not say.
    pub async fn size(&self, name: &str) -> Result<Option<u64>, StorageError> {
        match self.store.head(&Path::from(name)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file. That there is none of this name is as good.
    ///
    /// # Errors
    /// When it may still be there.
    pub async fn remove(&self, name: &str) -> Result<(), StorageError> {
        match self.store.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file of some megabytes has to go through.
const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(3), total: Duration::from_secs(20), answer_bytes: usize::MAX };
/// Puts, reads and removals may be repeated; whoever waits for them should not wait for long.
const RETRIES: usize = 2;
const RETRIED_FOR: Duration = Duration::from_secs(20);

fn amazon(bucket: &Bucket) -> Result<AmazonS3, StorageError> {
    let http = Http::new(LIMITS).map_err(|error| StorageError(error.reason))?;
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key_id)
        .with_secret_access_key(&bucket.secret_access_key)
        .with_virtual_hosted_style_request(!bucket.in_path)
        // Several S3-compatible stores have no bulk removal, and nothing here removes in bulk.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRIED_FOR,
            ..RetryConfig::default()
        })
        .with_http_connector(Connector(http));
    let builder = if bucket.endpoint.is_empty() { builder } else { builder.with_endpoint(endpoint(bucket)?) };
    Ok(builder.build()?)
}

/// The address that the library expects: with the bucket, if it begins the host name.
fn endpoint(bucket: &Bucket) -> Result<String, StorageError> {
    // Plain HTTP is allowed: requests are signed, the secret does not travel, and stores stand beside
    // the server.
    let checked = BaseUrl::parse(&bucket.endpoint, true).map_err(|error| StorageError(error.to_string()))?;
    let mut url = checked.at("", None);
    if !bucket.in_path {
        let host = format!("{}.{}", bucket.name, url.host_str().unwrap_or_default());
        url.set_host(Some(&host))
            .map_err(|error| StorageError(format!("the bucket cannot begin the host name: {error}")))?;
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Lends the library our client, with its bounds: no redirects, no proxy from the environment.
#[derive(Debug)]
struct Connector(Http);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.client()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::adapters::s3_simulator::S3Simulator;

    async fn content(storage: &Storage, name: &str) -> Option<Vec<u8>> {
        let stored = storage.get(name).await.unwrap()?;
        let chunks: Vec<Bytes> = stored.content.try_collect().await.unwrap();
        let content = chunks.concat();
        assert_eq!(stored.size, content.len() as u64);
        Some(content)
    }

    async fn keeps_files(storage: Storage) {
        let name = "20211001/980e4c19f38a614c8d862855f211e341.png";
        assert_eq!((content(&storage, name).await, storage.size(name).await.unwrap()), (None, None));
        let large: Vec<u8> = (0..5 << 20).map(|at: u32| at.to_le_bytes()[0] ^ 7).collect();
        storage.put(name, large.clone().into()).await.unwrap();
        assert_eq!(content(&storage, name).await, Some(large.clone()));
        assert_eq!(storage.size(name).await.unwrap(), Some(large.len() as u64));
        storage.put(name, Bytes::from_static(b"other")).await.unwrap();
        assert_eq!(content(&storage, name).await.as_deref(), Some(b"other".as_slice()));
        storage.remove(name).await.unwrap();
        storage.remove(name).await.unwrap();
        assert_eq!(content(&storage, name).await, None);
    }

    #[tokio::test]
    async fn a_folder_keeps_files() {
        let folder = tempfile::tempdir().unwrap();
        keeps_files(Storage::folder(folder.path()).unwrap()).await;
        assert!(Storage::folder(&folder.path().join("absent")).is_err());
    }

    #[tokio::test]
    async fn a_bucket_keeps_files() {
        let simulator = S3Simulator::start().await.unwrap();
        keeps_files(Storage::bucket(&simulator.bucket()).unwrap()).await;
    }

    #[tokio::test]
    async fn a_name_cannot_leave_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("files");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(folder.path().join("secret.key"), "secret").unwrap();
        let storage = Storage::folder(&inner).unwrap();
        for name in ["../secret.key", "/../secret.key", "x/../../secret.key", "%2e%2e/secret.key"] {
            assert!(storage.get(name).await.ok().flatten().is_none(), "{name}");
        }
    }

    #[tokio::test]
    async fn a_wrong_secret_or_bucket_is_refused_and_not_told() {
        let simulator = S3Simulator::start().await.unwrap();
        let wrong = Bucket { secret_access_key: "another secret".into(), ..simulator.bucket() };
        let error =
            Storage::bucket(&wrong).unwrap().put("a.png", Bytes::from_static(b"x")).await.unwrap_err();
        assert!(error.0.contains("SignatureDoesNotMatch") && !error.0.contains("another secret"), "{error}");
        let wrong = Bucket { name: "nobodys".into(), ..simulator.bucket() };
        let error =
            Storage::bucket(&wrong).unwrap().put("a.png", Bytes::from_static(b"x")).await.unwrap_err();
        assert!(error.0.contains("NoSuchBucket"), "{error}");
        assert_eq!(simulator.names(), [""; 0]);
    }

    #[tokio::test]
    async fn a_short_failure_is_borne_and_a_long_one_is_told() {
        let simulator = S3Simulator::start().await.unwrap();
        let storage = Storage::bucket(&simulator.bucket()).unwrap();
        simulator.fail(1);
        storage.put("a.png", Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(simulator.names(), ["a.png"]);
        simulator.fail(100);
        storage.put("b.png", Bytes::from_static(b"x")).await.unwrap_err();
        assert!(storage.get("a.png").await.is_err(), "a failure is not an absence");
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_the_host() {
        let bucket = |endpoint: &str, in_path| Bucket {
            name: "files".into(),
            endpoint: endpoint.into(),
            region: "cn-shanghai".into(),
            in_path,
            access_key_id: "id".into(),
            secret_access_key: "secret".into(),
        };
        let at = |text: &str, in_path| endpoint(&bucket(text, in_path)).unwrap();
        assert_eq!(
            at("https://oss-cn-shanghai.aliyuncs.com/", false),
            "https://files.oss-cn-shanghai.aliyuncs.com"
        );
        assert_eq!(at("http://minio:9000", true), "http://minio:9000");
        for wrong in ["minio:9000", "ftp://minio", "https://id:secret@minio"] {
            assert!(Storage::bucket(&bucket(wrong, true)).is_err(), "{wrong}");
        }
        assert!(Storage::bucket(&bucket("", true)).is_ok(), "Amazon's own");
    }
}
