//! Blobs in an S3-compatible bucket.
//!
//! A put is durable when the service has answered. Each store has a folder of its own below the prefix.

use super::{BlobError, BlobFile, BlobHash, BucketConfig};
use crate::runtime::skill::http::client;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutPayload, RetryConfig,
};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A service that does not answer a request is asked again, this often and this long.
const RETRIES: usize = 4;
const RETRYING: Duration = Duration::from_secs(20);
/// One request with a large content may take so long.
const TIMEOUT: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(5);

/// A bucket with the blobs below a prefix.
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    prefix: Key,
    url: String,
    /// The callers block, some of them in threads of another runtime: the requests are made in one of their own.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // It may be let go inside of another runtime, which must not wait for it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

impl Bucket {
    pub(super) fn connect(config: BucketConfig) -> Result<Self, String> {
        let url = config.url();
        client::choose_provider();
        // Without keys of its own it asks as the tools of AWS do.
        let mut builder = match config.keys {
            Some((id, key)) => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(key),
            None => AmazonS3Builder::from_env(),
        };
        let plain = config.endpoint.as_ref().is_some_and(|e| e.starts_with("http://"));
        if let Some(endpoint) = config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = config.region {
            builder = builder.with_region(region);
        }
        let options =
            ClientOptions::new().with_allow_http(plain).with_timeout(TIMEOUT).with_connect_timeout(CONNECT);
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRYING, ..RetryConfig::default() };
        let store = builder
            .with_bucket_name(config.bucket)
            .with_client_options(options)
            .with_retry(retry)
            .build()
            .map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self {
            store: Arc::new(store),
            prefix: Key::from(config.prefix),
            url,
            runtime: Some(runtime.map_err(|error| error.to_string())?),
        })
    }

    fn key(&self, hash: BlobHash) -> Key {
        self.prefix.clone().join(hash.to_string())
    }

    /// Where a blob lies, for messages.
    pub(super) fn place(&self, hash: BlobHash) -> String {
        format!("{}/{hash}", self.url)
    }

    /// Makes a request and waits for its answer.
    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = mpsc::channel();
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move { answer.send(request.await) });
        }
        answered.recv().unwrap_or_else(|_| {
            Err(Error::NotImplemented {
                operation: "a request that stopped unexpectedly".into(),
                implementer: "aos".into(),
            })
        })
    }

    pub(super) fn put(&self, hash: BlobHash, bytes: &[u8]) -> Result<(), BlobError> {
        let (store, key, payload) =
            (Arc::clone(&self.store), self.key(hash), PutPayload::from(bytes.to_vec()));
        let put = self.wait(async move { store.put(&key, payload).await });
        put.map(drop).map_err(|error| failed("write", self.place(hash), &error))
    }

    pub(super) fn get(&self, hash: BlobHash, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let (store, key) = (Arc::clone(&self.store), self.key(hash));
        let got = self.wait(async move {
            let found = store.get(&key).await?;
            if found.meta.size > limit {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        });
        let path = self.place(hash);
        match got {
            Ok(None) => Err(BlobError::TooLarge { path, limit }),
            Ok(Some(bytes)) if BlobHash::of(&bytes) != hash => Err(BlobError::Damaged { path }),
            Ok(Some(bytes)) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", path, &error)),
        }
    }

    fn head(&self, hash: BlobHash) -> Result<Option<ObjectMeta>, BlobError> {
        let (store, key) = (Arc::clone(&self.store), self.key(hash));
        match self.wait(async move { store.head(&key).await }) {
            Ok(about) => Ok(Some(about)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", self.place(hash), &error)),
        }
    }

    pub(super) fn exists(&self, hash: BlobHash) -> Result<bool, BlobError> {
        Ok(self.head(hash)?.is_some())
    }

    pub(super) fn files(&self) -> Result<Vec<BlobFile>, BlobError> {
        let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
        let listed = self.wait(async move {
            let mut found = Vec::new();
            let mut listed = store.list(Some(&prefix));
            while let Some(about) = listed.next().await {
                found.push(about?);
            }
            Ok(found)
        });
        let listed = listed.map_err(|error| failed("read", self.url.clone(), &error))?;
        let files = listed.into_iter().map(|about| BlobFile {
            path: PathBuf::from(format!("{}/{}", self.url, about.location.filename().unwrap_or_default())),
            hash: about.location.filename().and_then(|name| name.parse().ok()),
            size: about.size,
            age: age(&about),
            remote: true,
        });
        // Others' objects are none of ours.
        Ok(files.filter(|file| file.hash.is_some()).collect())
    }

    /// Deletes a blob that was not put again meanwhile.
    pub(super) fn sweep(&self, hash: BlobHash, grace: Duration) -> Result<bool, BlobError> {
        if self.head(hash)?.is_none_or(|about| age(&about) < grace) {
            return Ok(false);
        }
        let (store, key) = (Arc::clone(&self.store), self.key(hash));
        let deleted = self.wait(async move { store.delete(&key).await });
        deleted.map(|()| true).map_err(|error| failed("delete", self.place(hash), &error))
    }
}

fn failed(act: &'static str, path: String, error: &Error) -> BlobError {
    BlobError::Io { act, path, why: error.to_string() }
}

fn age(about: &ObjectMeta) -> Duration {
    std::time::SystemTime::from(about.last_modified).elapsed().unwrap_or_default()
}
