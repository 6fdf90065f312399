//! No bucket: this program was built without the feature `s3`.

use super::{BlobError, BlobFile, BlobHash, BucketConfig};
use std::convert::Infallible;
use std::time::Duration;

/// There is none.
#[derive(Debug)]
pub(super) struct Bucket(Infallible);

impl Bucket {
    pub(super) fn connect(_: BucketConfig) -> Result<Self, String> {
        Err("this program was built without buckets; build it with `--features s3`".to_owned())
    }

    pub(super) fn place(&self, _: BlobHash) -> String {
        match self.0 {}
    }

    pub(super) fn put(&self, _: BlobHash, _: &[u8]) -> Result<(), BlobError> {
        match self.0 {}
    }

    pub(super) fn get(&self, _: BlobHash, _: u64) -> Result<Option<Vec<u8>>, BlobError> {
        match self.0 {}
    }

    pub(super) fn exists(&self, _: BlobHash) -> Result<bool, BlobError> {
        match self.0 {}
    }

    pub(super) fn files(&self) -> Result<Vec<BlobFile>, BlobError> {
        match self.0 {}
    }

    pub(super) fn sweep(&self, _: BlobHash, _: Duration) -> Result<bool, BlobError> {
        match self.0 {}
    }
}
