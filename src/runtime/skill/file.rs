//! `file.*`: files below the project root.

pub(super) mod root;

use super::args::{invalid, optional_text, text};
use super::config::{BlobSink, SkillsConfig};
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use crate::value::{FileRef, Map, Value};
use root::{Folders, Place, Root, aside, errno_failure, file_type};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, renameat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

/// The most entries that `file.list` gives.
const MAX_ENTRIES: usize = 10_000;

/// The `file` family.
pub struct FileSkills {
    files: Arc<Files>,
}

struct Files {
    root: Root,
    max: usize,
    blobs: Option<BlobSink>,
}

impl FileSkills {
    /// The family for the project of a configuration.
    #[must_use]
    pub fn new(config: &SkillsConfig) -> Self {
        let root = Root::new(config.project_root.clone());
        Self { files: Arc::new(Files { root, max: config.max_file, blobs: config.blobs.clone() }) }
    }
}

impl Skill for FileSkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        let files = Arc::clone(&self.files);
        Box::pin(async move {
            let work = tokio::task::spawn_blocking(move || files.run(&call.name, &call.args));
            let value = work.await.map_err(|error| Failure::new("internal", error.to_string()))??;
            Ok(SkillOutput::free(value))
        })
    }
}

impl Files {
    fn run(&self, skill: &str, args: &Map) -> Result<Value, Failure> {
        let path = || text(args, "path");
        match skill {
            "file.read" => self.read_text(&path()?),
            "file.read_bytes" => Ok(Value::Bytes(self.read(&path()?)?.into())),
            "file.open" => self.describe(&path()?),
            "file.write" => self.write(&path()?, text(args, "content")?.as_bytes()),
            "file.append" => self.append(&path()?, text(args, "content")?.as_bytes()),
            "file.list" => self.list(optional_text(args, "path")?.as_deref().unwrap_or(".")),
            "file.exists" => self.exists(&path()?),
            "file.delete" => self.delete(&path()?),
            "file.copy" => self.copy(&text(args, "from")?, &text(args, "to")?),
            _ => Err(Failure::new("unavailable", format!("`{skill}` has no implementation"))),
        }
    }

    fn open(&self, path: &str) -> Result<File, Failure> {
        let place = self.root.find(path, Folders::Existing)?;
        let file = place.open(OFlags::RDONLY).map_err(|errno| errno_failure(path, errno))?;
        regular(path, &file)?;
        Ok(file)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let file = self.open(path)?;
        file.take(self.max as u64 + 1).read_to_end(&mut bytes).map_err(|error| io_failure(path, &error))?;
        if bytes.len() > self.max {
            return Err(invalid(format!("`{path}` is longer than {} bytes", self.max)));
        }
        Ok(bytes)
    }

    fn read_text(&self, path: &str) -> Result<Value, Failure> {
        let bytes = self.read(path)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            invalid(format!("`{path}` is not UTF-8 ({error}); read it with `file.read_bytes`"))
        })?;
        Ok(Value::String(text.into()))
    }

    fn describe(&self, path: &str) -> Result<Value, Failure> {
        let bytes = self.read(path)?;
        let mut digest = String::from("sha256:");
        for byte in Sha256::digest(&bytes) {
            // Writing to a string does not fail.
            let _ = write!(digest, "{byte:02x}");
        }
        if let Some(BlobSink(blobs)) = &self.blobs {
            blobs.put(&digest, &bytes).map_err(|error| io_failure(path, &error))?;
        }
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
        Ok(Value::File(Arc::new(FileRef {
            name: name.into(),
            size: count(bytes.len()),
            mime: crate::runtime::artifacts::mime(Some(name), &bytes).into(),
            digest: digest.into(),
        })))
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<Value, Failure> {
        let place = self.root.find(path, Folders::Make)?;
        match place.stat() {
            Ok(stat) if file_type(&stat) != FileType::RegularFile => {
                return Err(invalid(format!("`{path}` is there and no file")));
            }
            Ok(_) | Err(_) => {}
        }
        replace(&place, path, content)?;
        Ok(written(&place, content.len()))
    }

    fn append(&self, path: &str, content: &[u8]) -> Result<Value, Failure> {
        let place = self.root.find(path, Folders::Make)?;
        place.file_name(path)?;
        let mut file = place
            .open(OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)
            .map_err(|errno| errno_failure(path, errno))?;
        regular(path, &file)?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| io_failure(path, &error))?;
        let size = file.metadata().map_err(|error| io_failure(path, &error))?.len();
        Ok(written(&place, usize::try_from(size).unwrap_or(usize::MAX)))
    }

    fn list(&self, path: &str) -> Result<Value, Failure> {
        let place = self.root.find(path, Folders::Existing)?;
        let folder =
            place.open(OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| errno_failure(path, errno))?;
        let failed = |errno| errno_failure(path, errno);
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_owned();
            let Ok(name) = name.into_string() else { continue };
            let hidden = name == "." || name == ".." || (place.name.is_none() && name == ".aos");
            if hidden {
                continue;
            }
            if entries.len() == MAX_ENTRIES {
                return Err(invalid(format!("`{path}` has more than {MAX_ENTRIES} entries")));
            }
            let Ok(stat) = rustix::fs::statat(&folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            entries.push((name, stat));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let shown = |(name, stat): (String, rustix::fs::Stat)| {
            let kind = match file_type(&stat) {
                FileType::RegularFile => "file",
                FileType::Directory => "folder",
                _ => "other",
            };
            let full = if place.path == "." { name.clone() } else { format!("{}/{name}", place.path) };
            wire::record([
                ("name", Value::String(name.into())),
                ("path", Value::String(full.into())),
                ("kind", Value::String(kind.into())),
                ("size", Value::Int(if kind == "file" { stat.st_size } else { 0 })),
            ])
        };
        Ok(Value::List(Arc::new(entries.into_iter().map(shown).collect())))
    }

    fn exists(&self, path: &str) -> Result<Value, Failure> {
        let there = match self.root.find(path, Folders::Existing) {
            Ok(place) => place.stat().is_ok(),
            Err(failure) if failure.kind.as_ref() == "not_found" => false,
            Err(failure) => return Err(failure),
        };
        Ok(Value::Bool(there))
    }

    fn delete(&self, path: &str) -> Result<Value, Failure> {
        let deleted = match self.root.find(path, Folders::Existing) {
            Ok(place) => match unlinkat(&place.folder, place.file_name(path)?, AtFlags::empty()) {
                Ok(()) => true,
                Err(Errno::NOENT) => false,
                Err(errno) => return Err(errno_failure(path, errno)),
            },
            Err(failure) if failure.kind.as_ref() == "not_found" => false,
            Err(failure) => return Err(failure),
        };
        Ok(wire::record([("deleted", Value::Bool(deleted))]))
    }

    fn copy(&self, from: &str, to: &str) -> Result<Value, Failure> {
        self.write(to, &self.read(from)?)
    }
}

/// Writes a file aside, syncs it and puts it in place of what is there: readers see the old one or the new one.
fn replace(place: &Place, path: &str, content: &[u8]) -> Result<(), Failure> {
    let name = place.file_name(path)?;
    let temporary = aside(name);
    let beside = Place {
        folder: place.folder.try_clone().map_err(|error| io_failure(path, &error))?,
        name: Some(temporary.clone()),
        path: String::new(),
    };
    let result = (|| {
        let mut file = beside
            .open(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
            .map_err(|errno| errno_failure(path, errno))?;
        if let Ok(stat) = place.stat() {
            // The new file keeps the permissions of the old one; where that fails, it has the usual ones.
            let _ = rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(stat.st_mode & 0o777));
        }
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| io_failure(path, &error))?;
        renameat(&place.folder, &temporary, &place.folder, name)
            .map_err(|errno| errno_failure(path, errno))?;
        rustix::fs::fsync(&place.folder).map_err(|errno| errno_failure(path, errno))
    })();
    if result.is_err() {
        // Best effort: the failure itself is what counts.
        let _ = unlinkat(&place.folder, temporary.as_bytes(), AtFlags::empty());
    }
    result
}

fn written(place: &Place, size: usize) -> Value {
    wire::record([("path", Value::String(place.path.as_str().into())), ("size", Value::Int(count(size)))])
}

fn count(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Refuses folders, pipes and devices.
fn regular(path: &str, file: &File) -> Result<(), Failure> {
    let meta = file.metadata().map_err(|error| io_failure(path, &error))?;
    if meta.is_file() { Ok(()) } else { Err(invalid(format!("`{path}` is no regular file"))) }
}

fn io_failure(path: &str, error: &std::io::Error) -> Failure {
    match Errno::from_io_error(error) {
        Some(errno) => errno_failure(path, errno),
        None => Failure::new("unavailable", format!("`{path}`: {error}")),
    }
}
