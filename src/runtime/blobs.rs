//! Values too big for a row: files named by the SHA-256 of their content, `blobs/sha256/ab/cd/<hash>`.
//!
//! A blob is durable before the commit that names it: written aside, synced, renamed, its folder synced. Where `[store]` of
//! `aos.toml` names a bucket they are kept there (feature `s3`); what lies in the folder from before is still read.

#[cfg_attr(feature = "s3", path = "blobs/s3.rs")]
#[cfg_attr(not(feature = "s3"), path = "blobs/no_s3.rs")]
mod bucket;

use crate::runtime::setup;
use crate::runtime::store::files::sync_dir;
use bucket::Bucket;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// The longest value that stays in a row of the store, in bytes; longer ones become blobs.
pub const INLINE_LIMIT: usize = 32 * 1024;

/// The SHA-256 of a blob; written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// The text is no SHA-256 in lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a blob is named by 64 lower-case hex digits")]
pub struct BadBlobHash;

impl FromStr for BlobHash {
    type Err = BadBlobHash;

    fn from_str(text: &str) -> Result<Self, BadBlobHash> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(BadBlobHash),
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(BadBlobHash) };
        let bytes = pairs.iter().map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?));
        let bytes: Vec<u8> = bytes.collect::<Result<_, BadBlobHash>>()?;
        bytes.try_into().map(Self).map_err(|_| BadBlobHash)
    }
}

impl serde::Serialize for BlobHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for BlobHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a blob could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The content does not have the hash it is named by.
    #[error("{path} is damaged: its content is not what its name says; restore it from a backup")]
    Damaged {
        /// The file.
        path: String,
    },
    /// The file is longer than the caller admits.
    #[error("{path} is longer than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The most the caller admits, in bytes.
        limit: u64,
    },
    /// The operating system refused.
    #[error("cannot {act} {path}: {why}")]
    Io {
        /// `read`, `write`, `delete` or `use`.
        act: &'static str,
        /// The file.
        path: String,
        /// What the system answered.
        why: String,
    },
}

/// The blobs of a data folder. All methods block on the disk.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
    data: PathBuf,
    /// The bucket, looked for when it is first needed.
    bucket: Arc<OnceLock<Result<Option<Bucket>, BlobError>>>,
}

/// A bucket, as `[store]` of `aos.toml` says. It is never printed: it holds keys.
pub struct BucketConfig {
    /// Its name.
    pub bucket: String,
    /// What all keys of ours begin with.
    pub prefix: String,
    /// The address of the service.
    pub endpoint: Option<String>,
    /// Where it lies.
    pub region: Option<String>,
    /// The id of the access key, and the key.
    pub keys: Option<(String, String)>,
}

impl BucketConfig {
    /// As `aos.toml` says it.
    pub fn url(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

impl Blobs {
    /// The blobs of a data folder; creates nothing yet.
    pub fn new(data: &Path) -> Self {
        let root = data.join("blobs").join("sha256");
        Self { root, data: data.to_owned(), bucket: Arc::default() }
    }

    fn bucket(&self) -> Result<Option<&Bucket>, BlobError> {
        let found = self.bucket.get_or_init(|| {
            let failed = |path: String, why| BlobError::Io { act: "use", path, why };
            match setup::bucket(&self.data) {
                Ok(None) => Ok(None),
                Ok(Some(mut config)) => {
                    let own = own_folder(&self.root).map_err(|e| failed(config.url(), e.to_string()))?;
                    let slash = if config.prefix.is_empty() { "" } else { "/" };
                    config.prefix = format!("{}{slash}{own}", config.prefix);
                    let url = config.url();
                    Bucket::connect(config).map(Some).map_err(|why| failed(url, why))
                }
                Err(why) => Err(failed("the bucket of `[store]` in aos.toml".to_owned(), why)),
            }
        });
        found.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// The file of a blob.
    pub fn path(&self, hash: BlobHash) -> PathBuf {
        let name = hash.to_string();
        let part = |range| name.get(range).unwrap_or_default();
        self.root.join(part(0..2)).join(part(2..4)).join(&name)
    }

    /// Stores bytes durably; storing them again costs a read and a sync of the folder.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobHash, BlobError> {
        let hash = BlobHash::of(bytes);
        let path = self.path(hash);
        let _not_swept = SWEEP.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = self.bucket()? {
            return bucket.put(hash, bytes).map(|()| hash);
        }
        self.write(&path, bytes).map_err(|error| failed("write", &path, &error))?;
        Ok(hash)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let dir = path.parent().unwrap_or(&self.root);
        // A file with other content is the rest of something that went wrong: it is replaced.
        let same_length = std::fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64);
        if same_length && std::fs::read(path).is_ok_and(|found| found == bytes) {
            // So that it is not swept before the commit that names it again.
            File::options().write(true).open(path)?.set_modified(SystemTime::now())?;
            // Another thread may have renamed it a moment ago and not yet synced the folder.
            return sync_dir(dir);
        }
        create_durable(dir)?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temp = dir.join(format!("tmp-{}-{number}", std::process::id()));
        let written = (|| {
            let mut file = File::create(&temp)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            std::fs::rename(&temp, path)
        })();
        if written.is_err() {
            // Best effort: a left-over is swept with the unreferenced blobs.
            let _ = std::fs::remove_file(&temp);
        }
        written.and_then(|()| sync_dir(dir))
    }

    /// The content of a blob, checked against its name; `None` if there is none. `limit` bounds the memory, in bytes.
    ///
    /// # Errors
    /// If it is damaged, too long or unreadable.
    pub fn get(&self, hash: BlobHash, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        if let Some(bucket) = self.bucket()?
            && let Some(bytes) = bucket.get(hash, limit)?
        {
            return Ok(Some(bytes));
        }
        let path = self.path(hash);
        let mut bytes = Vec::new();
        let read =
            File::open(&path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, &error)),
            Ok(_) if bytes.len() as u64 > limit => {
                Err(BlobError::TooLarge { path: path.display().to_string(), limit })
            }
            Ok(_) if BlobHash::of(&bytes) != hash => {
                Err(BlobError::Damaged { path: path.display().to_string() })
            }
            Ok(_) => Ok(Some(bytes)),
        }
    }

    /// Whether there is such a blob; its content is not looked at.
    ///
    /// # Errors
    /// If nobody can say: a bucket does not answer.
    pub fn exists(&self, hash: BlobHash) -> Result<bool, BlobError> {
        if self.path(hash).is_file() {
            return Ok(true);
        }
        match self.bucket()? {
            Some(bucket) => bucket.exists(hash),
            None => Ok(false),
        }
    }

    /// Where a blob lies, for messages.
    pub fn place(&self, hash: BlobHash) -> String {
        if let Ok(Some(bucket)) = self.bucket() {
            return bucket.place(hash);
        }
        self.path(hash).display().to_string()
    }

    /// Every file below the folder of the blobs: its blob, or none for what was left over.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn files(&self) -> Result<Vec<BlobFile>, BlobError> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", &folder, &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| failed("read", &folder, &error))?;
                let path = entry.path();
                // Gone since the folder was read: nothing to tell.
                let Ok(about) = entry.metadata() else { continue };
                if about.is_dir() {
                    folders.push(path);
                } else {
                    let hash = entry.file_name().to_str().and_then(|name| name.parse().ok());
                    let hash = hash.filter(|hash| self.path(*hash) == path);
                    let age = about.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
                    found.push(BlobFile { path, hash, size: about.len(), age, remote: false });
                }
            }
        }
        if let Some(bucket) = self.bucket()? {
            found.extend(bucket.files()?);
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Deletes a file, unless it was written or wanted again less than `grace` ago; whether it did.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sweep(&self, file: &BlobFile, grace: Duration) -> Result<bool, BlobError> {
        // No one puts the same blob between the look at its age and its end.
        let _alone = SWEEP.write().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(hash), Some(bucket)) = (file.remote, file.hash, self.bucket()?) {
            return bucket.sweep(hash, grace);
        }
        let age = std::fs::metadata(&file.path).and_then(|about| about.modified());
        let old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= grace));
        if old {
            std::fs::remove_file(&file.path).map_err(|error| failed("delete", &file.path, &error))?;
        }
        Ok(old)
    }
}

/// Held for reading while a blob is put, for writing while one is deleted. Only the process that holds the store does either.
static SWEEP: RwLock<()> = RwLock::new(());

/// A file below the folder of the blobs.
#[derive(Clone, Debug)]
pub struct BlobFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The blob it is by its name; `None` for what was left over.
    pub hash: Option<BlobHash>,
    /// Bytes.
    pub size: u64,
    /// Since it was written or wanted again.
    pub age: Duration,
    /// Whether it lies in a bucket.
    pub remote: bool,
}

/// The folder in the bucket that is this store's alone: what no run of it names is deleted there, and another store's runs may name
/// what lies beside it. The name is made once, and kept beside the blobs.
fn own_folder(root: &Path) -> std::io::Result<String> {
    let dir = root.parent().unwrap_or(root);
    let file = dir.join("bucket");
    match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        read => return read.map(|name| name.trim().to_owned()),
    }
    std::fs::create_dir_all(dir)?;
    let name = uuid::Uuid::now_v7().simple().to_string();
    let temp = dir.join(format!("bucket.{name}"));
    let mut written = File::create(&temp)?;
    written.write_all(name.as_bytes())?;
    written.sync_all()?;
    // Where another was faster, its name counts.
    let linked = std::fs::hard_link(&temp, &file);
    std::fs::remove_file(&temp)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    sync_dir(dir)?;
    std::fs::read_to_string(&file)
}

fn failed(act: &'static str, path: &Path, error: &std::io::Error) -> BlobError {
    BlobError::Io { act, path: path.display().to_string(), why: error.to_string() }
}

/// Creates a folder and what is missing above it, each synced into the folder that holds it.
fn create_durable(dir: &Path) -> std::io::Result<()> {
    match std::fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = dir.parent().ok_or(error)?;
            create_durable(parent)?;
            match std::fs::create_dir(dir) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Err(error) => return Err(error),
    }
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_come_back_and_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path());
        let missing = BlobHash::of(b"missing");
        assert_eq!(blobs.get(missing, 10), Ok(None));
        assert_eq!(blobs.exists(missing), Ok(false));
        let hash = blobs.put(b"abc").unwrap();
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(blobs.path(hash), dir.path().join("blobs/sha256/ba/78").join(hash.to_string()));
        assert_eq!(blobs.put(b"abc").unwrap(), hash);
        assert_eq!(blobs.get(hash, 3), Ok(Some(b"abc".to_vec())));
        assert!(matches!(blobs.get(hash, 2), Err(BlobError::TooLarge { limit: 2, .. })));
        std::fs::write(blobs.path(hash), b"abd").unwrap();
        assert!(matches!(blobs.get(hash, 3), Err(BlobError::Damaged { .. })));
        for damaged in ["a", "abd"] {
            std::fs::write(blobs.path(hash), damaged).unwrap();
            blobs.put(b"abc").unwrap();
            assert_eq!(blobs.get(hash, 3), Ok(Some(b"abc".to_vec())), "{damaged} is mended");
        }
    }

    #[test]
    fn the_empty_blob_and_many_writers() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(&dir.path().join("not/yet"));
        let hash = blobs.put(b"").unwrap();
        assert_eq!(blobs.get(hash, 0), Ok(Some(vec![])));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| blobs.put(&[7; 50_000]).unwrap());
            }
        });
        assert_eq!(blobs.get(BlobHash::of(&[7; 50_000]), 50_000).unwrap().unwrap().len(), 50_000);
        let folder = blobs.path(BlobHash::of(&[7; 50_000]));
        assert_eq!(
            std::fs::read_dir(folder.parent().unwrap()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn names_are_strict() {
        let hash = BlobHash::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "ab", &hash.to_string().to_uppercase(), &format!("{hash}0"), &"../".repeat(21)] {
            assert_eq!(bad.parse::<BlobHash>(), Err(BadBlobHash), "{bad}");
        }
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<BlobHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<BlobHash>("\"x\"").is_err());
    }
}
