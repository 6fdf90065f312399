//! Writes a store into one file: a line of JSON each, readable, complete only with its last line.
//!
//! ```text
//! {"aos_export":1,"store":"…","format":2,"commit":17,"at":"…"}
//! {"t":32,"k":"20…","s":1,"c":2528837121,"v":{…}}        a row: table, key, version, checksum of the chain, value
//! {"t":112,"k":"70…","b":"…"}                            a row whose value is no JSON, in base64
//! {"blob":"ba78…","size":3,"at":0,"d":"YWJj"}            a piece of a blob, in base64
//! {"lost":{"run":"…","from":5,"why":"…"}}                what could not be read
//! {"end":{"rows":2,"runs":1,"blobs":1,"lost":1},"sha256":"…"}   of all lines before this one
//! ```
//!
//! Rows that the journals can make anew are left out. Beside runs that go on: everything that was durable when the export began is
//! in it, and of what comes later the beginning, run by run.

use super::walk::{self, Found, Lost};
use super::{CareError, identity};
use crate::runtime::blobs::{BlobHash, Blobs};
use crate::runtime::store::files::sync_dir;
use crate::runtime::store::keys::Table;
use crate::runtime::store::{Entry, Store, codec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The version of the file's form.
pub const VERSION: u64 = 1;
/// How many bytes of a blob stand in one line.
const PIECE: usize = 768 << 10;
/// A longer blob is not ours.
const LARGEST: u64 = 1 << 30;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    pub aos_export: u64,
    pub store: Uuid,
    pub format: u64,
    /// The last commit that was durable when the export began.
    pub commit: u64,
    pub at: jiff::Timestamp,
}

/// What is counted in the last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub rows: u64,
    pub runs: u64,
    pub blobs: u64,
    pub lost: u64,
}

/// What an export wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exported {
    pub file: PathBuf,
    pub bytes: u64,
    pub commit: u64,
    pub counts: Counts,
    pub lost: Vec<Lost>,
}

/// Exports a store into a file, which is there whole or not at all. `blobs` are left out where there are none.
///
/// # Errors
/// The store cannot be read, or the file cannot be written. Damage of single runs is no error: it is told in the result.
pub fn export(store: &dyn Store, blobs: Option<&Blobs>, file: &Path) -> Result<Exported, CareError> {
    let identity = identity(store)?.ok_or(CareError::NoIdentity)?;
    let commit = store.synced().0;
    let header = Header {
        aos_export: VERSION,
        store: identity.id,
        format: identity.format,
        commit,
        at: jiff::Timestamp::now(),
    };
    let mut out = Writer::create(file)?;
    out.json(&json!(header))?;
    let scan = |range, limit| store.scan(range, false, limit);
    walk::walk(&scan, &mut |found| match found {
        Found::Row(row) => out.row(row),
        Found::Event { run, row, .. } => {
            out.runs.insert(run);
            out.event(row)
        }
        Found::Lost(lost) => out.lost(lost),
    })?;
    if let Some(blobs) = blobs {
        for file in blobs.files()? {
            if let Some(hash) = file.hash {
                out.blob(blobs, hash)?;
            }
        }
    }
    out.end(commit)
}

struct Writer {
    path: PathBuf,
    temp: PathBuf,
    file: BufWriter<File>,
    sha256: Sha256,
    bytes: u64,
    counts: Counts,
    runs: HashSet<Uuid>,
    lost: Vec<Lost>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Not there any more where all went well.
        let _ = std::fs::remove_file(&self.temp);
    }
}

impl Writer {
    fn create(path: &Path) -> Result<Self, CareError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".tmp-{}", std::process::id()));
        let temp = path.with_file_name(name);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        // It holds what runs saw: nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temp).map_err(|error| CareError::io("write", &temp, &error))?;
        Ok(Self {
            path: path.to_owned(),
            temp,
            file: BufWriter::with_capacity(1 << 20, file),
            sha256: Sha256::new(),
            bytes: 0,
            counts: Counts::default(),
            runs: HashSet::new(),
            lost: Vec::new(),
        })
    }

    fn line(&mut self, line: &[u8]) -> Result<(), CareError> {
        self.sha256.update(line);
        self.sha256.update(b"\n");
        self.bytes += line.len() as u64 + 1;
        let written = self.file.write_all(line).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| CareError::io("write", &self.temp, &error))
    }

    fn json(&mut self, line: &serde_json::Value) -> Result<(), CareError> {
        self.line(line.to_string().as_bytes())
    }

    fn row(&mut self, (key, value): &Entry) -> Result<(), CareError> {
        self.counts.rows += 1;
        match codec::open(value) {
            Ok(frame) if !frame.json.contains(&b'\n') => {
                self.framed(key, &format!("\"s\":{}", frame.schema), &frame.json)
            }
            Ok(_) | Err(_) => self.raw(key, value),
        }
    }

    fn event(&mut self, (key, value): &Entry) -> Result<(), CareError> {
        self.counts.rows += 1;
        match codec::event_parts(value) {
            Ok((frame, after)) if !frame.json.contains(&b'\n') => {
                self.framed(key, &format!("\"s\":{},\"c\":{}", frame.schema, after.chain), &frame.json)
            }
            Ok(_) | Err(_) => self.raw(key, value),
        }
    }

    fn framed(&mut self, key: &[u8], about: &str, json: &[u8]) -> Result<(), CareError> {
        let mut line = head(key);
        line.extend_from_slice(about.as_bytes());
        line.extend_from_slice(b",\"v\":");
        line.extend_from_slice(json);
        line.push(b'}');
        self.line(&line)
    }

    fn raw(&mut self, key: &[u8], value: &[u8]) -> Result<(), CareError> {
        let mut line = head(key);
        line.extend_from_slice(b"\"b\":\"");
        line.extend_from_slice(STANDARD.encode(value).as_bytes());
        line.extend_from_slice(b"\"}");
        self.line(&line)
    }

    fn lost(&mut self, lost: Lost) -> Result<(), CareError> {
        self.counts.lost += 1;
        self.json(&json!({ "lost": &lost }))?;
        self.lost.push(lost);
        Ok(())
    }

    fn blob(&mut self, blobs: &Blobs, hash: BlobHash) -> Result<(), CareError> {
        let bytes = match blobs.get(hash, LARGEST) {
            Ok(Some(bytes)) => bytes,
            // Swept since the folder was read.
            Ok(None) => return Ok(()),
            Err(error) => {
                return self.lost(Lost { run: None, from: 0, why: error.to_string() });
            }
        };
        self.counts.blobs += 1;
        let mut at = 0;
        loop {
            let piece = bytes.get(at..bytes.len().min(at + PIECE)).unwrap_or_default();
            let data = STANDARD.encode(piece);
            self.json(&json!({ "blob": hash, "size": bytes.len(), "at": at, "d": data }))?;
            at += piece.len();
            if at >= bytes.len() {
                return Ok(());
            }
        }
    }

    fn end(mut self, commit: u64) -> Result<Exported, CareError> {
        self.counts.runs = self.runs.len() as u64;
        let sha256 = hex(&std::mem::take(&mut self.sha256).finalize());
        self.json(&json!({ "end": self.counts, "sha256": sha256 }))?;
        let moved = self.file.flush().and_then(|()| self.file.get_ref().sync_all()).and_then(|()| {
            std::fs::rename(&self.temp, &self.path)?;
            match self.path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => sync_dir(folder),
                Some(_) | None => sync_dir(Path::new(".")),
            }
        });
        moved.map_err(|error| CareError::io("write", &self.path, &error))?;
        Ok(Exported {
            file: self.path.clone(),
            bytes: self.bytes,
            commit,
            counts: self.counts,
            lost: std::mem::take(&mut self.lost),
        })
    }
}

fn head(key: &[u8]) -> Vec<u8> {
    let table = key.first().copied().unwrap_or(Table::Meta as u8);
    format!("{{\"t\":{table},\"k\":\"{}\",", hex(key)).into_bytes()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
