//! Where texts come from: the disk, or memory in tests and editors.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Reads the files of a project.
pub trait Loader {
    /// The text of a file.
    ///
    /// # Errors
    /// When it is not there, no regular file, too large, not UTF-8 or cannot be read.
    fn read(&self, path: &Path) -> Result<String, LoadError>;

    /// Whether there is a file at the path.
    fn exists(&self, path: &Path) -> bool;

    /// The files of a folder, sorted by name.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>, LoadError>;

    /// The absolute form of a path, links followed where that can be done.
    fn canonical(&self, path: &Path) -> PathBuf {
        normalize(path)
    }
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("there is no such file")]
    NotFound,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it has {size} bytes, more than {MAX_FILE}")]
    TooLarge {
        /// Bytes.
        size: u64,
    },
    #[error("it is not UTF-8: the byte at offset {offset} begins no character")]
    NotUtf8 {
        /// Of the first byte that is wrong.
        offset: usize,
    },
    #[error("{0}")]
    Other(String),
}

/// Reads from the disk: regular files of at most [`MAX_FILE`] bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskLoader;

impl Loader for DiskLoader {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        use std::io::Read;
        let meta = std::fs::metadata(path).map_err(|e| from_io(&e))?;
        if !meta.is_file() {
            return Err(LoadError::NotAFile);
        }
        if meta.len() > MAX_FILE {
            return Err(LoadError::TooLarge { size: meta.len() });
        }
        let file = std::fs::File::open(path).map_err(|e| from_io(&e))?;
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
        // The file may grow while it is read.
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| from_io(&e))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(LoadError::TooLarge { size: bytes.len() as u64 });
        }
        String::from_utf8(bytes).map_err(|e| LoadError::NotUtf8 { offset: e.utf8_error().valid_up_to() })
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let entries = std::fs::read_dir(dir).map_err(|e| from_io(&e))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| from_io(&e))?.path();
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn canonical(&self, path: &Path) -> PathBuf {
        std::fs::canonicalize(path).unwrap_or_else(|_| {
            let full = std::env::current_dir().map_or_else(|_| path.to_path_buf(), |dir| dir.join(path));
            normalize(&full)
        })
    }
}

fn from_io(error: &std::io::Error) -> LoadError {
    match error.kind() {
        std::io::ErrorKind::NotFound => LoadError::NotFound,
        _ => LoadError::Other(error.to_string()),
    }
}

/// Reads from memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    /// Texts by path, such as `/p/lib/github.plan`.
    pub files: BTreeMap<PathBuf, String>,
}

impl MemoryLoader {
    /// A loader with these files.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter().map(|(p, t)| (normalize(Path::new(p)), t.to_owned())).collect();
        MemoryLoader { files }
    }
}

impl Loader for MemoryLoader {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        self.files.get(&normalize(path)).cloned().ok_or(LoadError::NotFound)
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(&normalize(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let dir = normalize(dir);
        let files: Vec<_> = self.files.keys().filter(|p| p.parent() == Some(&dir)).cloned().collect();
        if files.is_empty() { Err(LoadError::NotFound) } else { Ok(files) }
    }
}

/// The path without `.` and, as far as it goes, without `..`.
#[must_use]
pub fn normalize(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !matches!(out.components().next_back(), Some(Component::Normal(_))) {
                    if !out.has_root() {
                        out.push("..");
                    }
                } else {
                    out.pop();
                }
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized() {
        assert_eq!(normalize(Path::new("/a/./b/../c")), PathBuf::from("/a/c"));
        assert_eq!(normalize(Path::new("../a/../../b")), PathBuf::from("../../b"));
        assert_eq!(normalize(Path::new("/../a")), PathBuf::from("/a"));
    }

    #[test]
    fn only_regular_utf8_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(DiskLoader.read(dir.path()), Err(LoadError::NotAFile));
        assert_eq!(DiskLoader.read(&dir.path().join("x")), Err(LoadError::NotFound));
        std::fs::write(dir.path().join("y"), b"ab\xff").unwrap();
        assert_eq!(DiskLoader.read(&dir.path().join("y")), Err(LoadError::NotUtf8 { offset: 2 }));
        std::fs::write(dir.path().join("z"), "ok").unwrap();
        assert_eq!(DiskLoader.read(&dir.path().join("z")).as_deref(), Ok("ok"));
    }
}
