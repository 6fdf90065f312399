//! Makes a new store of an export. Everything is checked on the way: the file as a whole, and every chain of events. The new store
//! is filled aside and gets its name last.

use super::CareError;
use super::build::Builder;
use super::export::{Counts, Header, VERSION, hex};
use super::walk::Lost;
use crate::runtime::blobs::{BlobHash, Blobs};
use crate::runtime::store::codec::{self, Link};
use crate::runtime::store::disk::{DiskOptions, FORMAT};
use crate::runtime::store::files::sync_dir;
use crate::runtime::store::keys::{Key, Table};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A line is not longer than this; a row of a store is much shorter.
const LONGEST: u64 = 256 << 20;
/// A blob is not longer than this.
const LARGEST: usize = 1 << 30;

/// What an import made.
#[derive(Clone, Debug)]
pub struct Imported {
    pub folder: PathBuf,
    pub from: Uuid,
    pub at: jiff::Timestamp,
    pub counts: Counts,
    /// Runs that were put aside, because events of theirs are lost.
    pub put_aside: u64,
    pub lost: Vec<Lost>,
}

/// Imports an export into the folder of `target`, which must be new or empty.
///
/// # Errors
/// The folder is not empty, the file is damaged or not an export, or the new store cannot be written.
pub fn import(file: &Path, target: &DiskOptions) -> Result<Imported, CareError> {
    let folder = std::path::absolute(&target.data).map_err(|e| CareError::io("find", &target.data, &e))?;
    if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CareError::NotEmpty(folder));
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".import-{}", std::process::id()));
    let aside = Aside(folder.with_file_name(name));
    let options = DiskOptions { data: aside.0.clone(), socket: None, ..target.clone() };
    let mut reader = Reader::open(file, &options)?;
    let header = reader.header()?;
    while !reader.line()? {}
    let Reader { builder, mut lost, ended, blobs, .. } = reader;
    let built = builder.finish(&blobs, &lost, None)?;
    lost.extend(built.lost);
    let moved = std::fs::remove_file(aside.0.join("lock"))
        .and_then(|()| std::fs::rename(&aside.0, &folder))
        .and_then(|()| folder.parent().map_or(Ok(()), sync_dir));
    moved.map_err(|error| CareError::io("make", &folder, &error))?;
    Ok(Imported {
        folder,
        from: header.store,
        at: header.at,
        counts: ended.unwrap_or_default(),
        put_aside: built.put_aside,
        lost,
    })
}

/// A folder that goes with the value, unless it got another name before.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Any line but the first.
#[derive(Deserialize)]
struct Line<'a> {
    k: Option<&'a str>,
    s: Option<u16>,
    c: Option<u32>,
    #[serde(borrow)]
    v: Option<&'a RawValue>,
    b: Option<&'a str>,
    blob: Option<BlobHash>,
    size: Option<usize>,
    at: Option<usize>,
    d: Option<&'a str>,
    lost: Option<Lost>,
    end: Option<Counts>,
    sha256: Option<&'a str>,
}

struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    sha256: Sha256,
    number: u64,
    builder: Builder,
    blobs: Blobs,
    counts: Counts,
    runs: HashSet<Uuid>,
    /// The run whose events come now, and where its journal stands.
    run: Option<(Uuid, Link)>,
    /// The blob whose pieces come now.
    blob: Option<(BlobHash, usize, Vec<u8>)>,
    lost: Vec<Lost>,
    ended: Option<Counts>,
}

impl Reader {
    fn open(file: &Path, options: &DiskOptions) -> Result<Self, CareError> {
        let input = File::open(file).map_err(|error| CareError::io("read", file, &error))?;
        Ok(Self {
            path: file.to_owned(),
            input: BufReader::with_capacity(1 << 20, input),
            sha256: Sha256::new(),
            number: 0,
            builder: Builder::open(options)?,
            blobs: Blobs::new(&options.data),
            counts: Counts::default(),
            runs: HashSet::new(),
            run: None,
            blob: None,
            lost: Vec::new(),
            ended: None,
        })
    }

    fn wrong<T>(&self, why: impl Into<String>) -> Result<T, CareError> {
        Err(CareError::File { file: self.path.clone(), line: self.number, why: why.into() })
    }

    /// The next line, without its end; empty at the end of the file.
    fn next(&mut self) -> Result<Vec<u8>, CareError> {
        self.number += 1;
        let mut line = Vec::new();
        let read = (&mut self.input).take(LONGEST).read_until(b'\n', &mut line);
        read.map_err(|error| CareError::io("read", &self.path, &error))?;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if !line.is_empty() {
            return self.wrong("the line is cut short or far too long; the file is not whole");
        }
        Ok(line)
    }

    fn hash(&mut self, line: &[u8]) {
        self.sha256.update(line);
        self.sha256.update(b"\n");
    }

    fn header(&mut self) -> Result<Header, CareError> {
        let line = self.next()?;
        let Ok(header) = serde_json::from_slice::<Header>(&line) else {
            return self.wrong("this is no export of a store: `aos store export FILE` writes one");
        };
        if header.aos_export > VERSION || header.format > FORMAT {
            return self.wrong("it was written by a newer aos; import it with that");
        }
        self.hash(&line);
        Ok(header)
    }

    /// Takes the next line in; whether it was the last.
    fn line(&mut self) -> Result<bool, CareError> {
        let bytes = self.next()?;
        if bytes.is_empty() {
            return self
                .wrong("the file ends early: its last line, which tells that it is whole, is missing");
        }
        let line: Line<'_> = match serde_json::from_slice(&bytes) {
            Ok(line) => line,
            Err(error) => return self.wrong(format!("the line is damaged ({error})")),
        };
        if let Some(counts) = line.end {
            self.end(counts, line.sha256)?;
            return Ok(true);
        }
        if let Some(lost) = &line.lost {
            self.counts.lost += 1;
            self.lost.push(lost.clone());
        } else if let Some(hash) = line.blob {
            self.piece(hash, &line)?;
        } else {
            self.row(&line)?;
        }
        self.hash(&bytes);
        Ok(false)
    }

    fn row(&mut self, line: &Line<'_>) -> Result<(), CareError> {
        let Some(key) = line.k.and_then(unhex) else { return self.wrong("the line has no key") };
        self.counts.rows += 1;
        if key.first() == Some(&(Table::Event as u8)) {
            return self.event(key, line);
        }
        let value = match (line.v, line.b.map(|text| STANDARD.decode(text))) {
            (Some(json), None) => codec::row(line.s.unwrap_or_default(), json.get().as_bytes())?,
            (None, Some(Ok(bytes))) => bytes,
            _ => return self.wrong("the line has no value"),
        };
        self.builder.put(key, value)
    }

    fn event(&mut self, key: Vec<u8>, line: &Line<'_>) -> Result<(), CareError> {
        let Some(Key::Event { run, seq }) = Key::parse(&key) else {
            return self.wrong("the key is no event's");
        };
        if self.run.is_none_or(|(now, _)| now != run) {
            if !self.runs.insert(run) {
                return self.wrong(format!("the events of run {run} are in two places"));
            }
            self.run = Some((run, Link::start(run)));
        }
        let link = self.run.map_or_else(|| Link::start(run), |(_, link)| link);
        if seq != link.next {
            return self.wrong(format!("event {} of run {run} is missing", link.next));
        }
        let (row, after) = match (line.v, line.b.map(|text| STANDARD.decode(text))) {
            (Some(json), None) => {
                let (row, after) = codec::event_row(link, line.s.unwrap_or_default(), json.get().as_bytes())?;
                if line.c != Some(after.chain) {
                    return self.wrong(format!("event {seq} of run {run} is not what was exported"));
                }
                (row, after)
            }
            (None, Some(Ok(row))) => match codec::open_event(link, &row).map(|(_, after)| after) {
                Ok(after) => (row, after),
                Err(error) => return self.wrong(format!("event {seq} of run {run}: {error}")),
            },
            _ => return self.wrong("the line has no value"),
        };
        self.run = Some((run, after));
        self.builder.put(key, row)
    }

    fn piece(&mut self, hash: BlobHash, line: &Line<'_>) -> Result<(), CareError> {
        let (Some(size), Some(at), Some(Ok(data))) =
            (line.size, line.at, line.d.map(|text| STANDARD.decode(text)))
        else {
            return self.wrong("the piece of a blob is not complete");
        };
        let (now, whole, mut bytes) = self.blob.take().unwrap_or((hash, size, Vec::new()));
        if now != hash || whole != size || bytes.len() != at || size > LARGEST || at + data.len() > size {
            return self.wrong(format!("the pieces of blob {now} do not fit together"));
        }
        bytes.extend_from_slice(&data);
        if bytes.len() < size {
            self.blob = Some((hash, size, bytes));
            return Ok(());
        }
        if BlobHash::of(&bytes) != hash {
            return self.wrong(format!("blob {hash} is not what was exported"));
        }
        self.blobs.put(&bytes)?;
        self.counts.blobs += 1;
        Ok(())
    }

    fn end(&mut self, told: Counts, sha256: Option<&str>) -> Result<(), CareError> {
        self.counts.runs = self.runs.len() as u64;
        let sum = hex(&std::mem::take(&mut self.sha256).finalize());
        if sha256 != Some(sum.as_str()) || told != self.counts || self.blob.is_some() {
            return self.wrong("the file was changed: its checksum or its counts do not fit");
        }
        self.ended = Some(told);
        Ok(())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
