//! A folder that paths cannot lead out of.
//!
//! A path is walked one component at a time, each opened relative to the folder before it and never through a symbolic
//! link: links are read and their targets walked the same way. So what was checked is what is used, whoever
//! swaps folders for links meanwhile.

use crate::engine::Failure;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, mkdirat, openat, readlinkat, statat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;
/// The longest path, bytes.
const MAX_PATH: usize = 4096;
/// The run's own store: no plan reads or writes it.
const STORE: &str = ".aos";

/// The project's folder.
#[derive(Clone, Debug)]
pub(in crate::runtime::skill) struct Root(PathBuf);

/// Where a path leads: an entry of an open folder.
pub(super) struct Place {
    pub(super) folder: OwnedFd,
    /// The name in that folder; `None` for the root itself.
    pub(super) name: Option<OsString>,
    /// The path from the root, without links and dots.
    pub(super) path: String,
}

/// What a path may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folders {
    /// Every folder on the way must be there.
    Existing,
    /// Missing folders are made.
    Make,
}

struct Walk {
    stack: Vec<(OsString, OwnedFd)>,
    todo: VecDeque<OsString>,
    links: usize,
}

impl Root {
    pub(in crate::runtime::skill) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn open(&self) -> Result<OwnedFd, Failure> {
        openat(CWD, &self.0, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty()).map_err(
            |errno| Failure::new("unavailable", format!("the project's folder cannot be opened: {errno}")),
        )
    }

    /// Where `path` leads.
    ///
    /// # Errors
    /// `denied` if it leads out of the root, `not_found` if a folder on the way is missing.
    pub(super) fn find(&self, path: &str, folders: Folders) -> Result<Place, Failure> {
        if path.is_empty() || path.len() > MAX_PATH || path.contains('\0') {
            return Err(Failure::new("invalid_input", "the path is empty, too long or holds a NUL"));
        }
        let mut walk = Walk { stack: Vec::new(), todo: VecDeque::new(), links: 0 };
        walk.push(self, Path::new(path), path)?;
        while let Some(name) = walk.todo.pop_front() {
            if name == ".." {
                walk.stack.pop().ok_or_else(|| outside(path))?;
                continue;
            }
            if walk.stack.is_empty() && name == STORE {
                return Err(Failure::new(
                    "denied",
                    format!("`{path}` leads into `{STORE}`, where runs are kept"),
                ));
            }
            let folder = match walk.stack.last() {
                Some((_, folder)) => folder.try_clone().map_err(|error| broken(path, &error))?,
                None => self.open()?,
            };
            match readlinkat(&folder, &name, Vec::new()) {
                Ok(target) => {
                    walk.links += 1;
                    if walk.links > MAX_LINKS {
                        return Err(Failure::new("denied", format!("`{path}` leads through too many links")));
                    }
                    walk.push(self, Path::new(OsStr::from_bytes(target.as_bytes())), path)?;
                }
                Err(_) if walk.todo.is_empty() => {
                    let full = walk.path(Some(&name));
                    return Ok(Place { folder, name: Some(name), path: full });
                }
                Err(_) => walk.enter(folder, name, path, folders)?,
            }
        }
        let full = walk.path(None);
        match walk.stack.pop() {
            None => Ok(Place { folder: self.open()?, name: None, path: ".".into() }),
            Some((name, _)) => {
                let folder = match walk.stack.pop() {
                    Some((_, folder)) => folder,
                    None => self.open()?,
                };
                Ok(Place { folder, name: Some(name), path: full })
            }
        }
    }
}

impl Walk {
    /// Puts the components of a path before what is still to be walked.
    fn push(&mut self, root: &Root, path: &Path, shown: &str) -> Result<(), Failure> {
        let inside;
        let path = if path.is_absolute() {
            // An absolute link may still point into the root.
            let base = root.0.canonicalize().map_err(|error| broken(shown, &error))?;
            inside = path.strip_prefix(&base).map_err(|_| outside(shown))?.to_owned();
            self.stack.clear();
            inside.as_path()
        } else {
            path
        };
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.todo.push_front(name.to_owned()),
                Component::ParentDir => self.todo.push_front("..".into()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        folder: OwnedFd,
        name: OsString,
        path: &str,
        folders: Folders,
    ) -> Result<(), Failure> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let opened = match openat(&folder, &name, flags, Mode::empty()) {
            Err(Errno::NOENT) if folders == Folders::Make => {
                match mkdirat(&folder, &name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => openat(&folder, &name, flags, Mode::empty()),
                    Err(errno) => Err(errno),
                }
            }
            other => other,
        };
        self.stack.push((name, opened.map_err(|errno| errno_failure(path, errno))?));
        Ok(())
    }

    fn path(&self, last: Option<&OsString>) -> String {
        let names: Vec<String> = self
            .stack
            .iter()
            .map(|(name, _)| name)
            .chain(last)
            .map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned())
            .collect();
        names.join("/")
    }
}

impl Place {
    /// Opens the entry, which must not have become a link meanwhile.
    pub(super) fn open(&self, flags: OFlags) -> Result<File, Errno> {
        let name = self.name.as_deref().unwrap_or(OsStr::new("."));
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        openat(&self.folder, name, flags, Mode::from_raw_mode(0o666)).map(File::from)
    }

    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        statat(&self.folder, self.name.as_deref().unwrap_or(OsStr::new(".")), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The entry's name.
    ///
    /// # Errors
    /// `invalid_input` for the root itself.
    pub(super) fn file_name(&self, path: &str) -> Result<&OsStr, Failure> {
        self.name.as_deref().ok_or_else(|| {
            Failure::new("invalid_input", format!("`{path}` is the project's folder, not a file"))
        })
    }
}

/// What kind of thing an entry is.
pub(super) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// A name for a file aside, that nobody else uses.
pub(super) fn aside(name: &OsStr) -> OsString {
    let mut bytes = b".".to_vec();
    bytes.extend(name.as_bytes().iter().take(100));
    bytes.extend(format!(".{}.tmp", uuid::Uuid::now_v7().simple()).bytes());
    OsString::from_vec(bytes)
}

fn outside(path: &str) -> Failure {
    Failure::new("denied", format!("`{path}` leads out of the project's folder"))
}

fn broken(path: &str, error: &std::io::Error) -> Failure {
    Failure::new("unavailable", format!("`{path}`: {error}"))
}

/// The failure for what the system answered.
pub(super) fn errno_failure(path: &str, errno: Errno) -> Failure {
    match errno {
        Errno::NOENT => Failure::new("not_found", format!("`{path}` is not there")),
        Errno::NOTDIR => Failure::new("not_found", format!("`{path}` leads through what is no folder")),
        Errno::LOOP => Failure::new("denied", format!("`{path}` became a link while it was opened")),
        Errno::ACCESS | Errno::PERM => {
            Failure::new("denied", format!("the system does not allow `{path}` ({errno})"))
        }
        Errno::ISDIR => Failure::new("invalid_input", format!("`{path}` is a folder")),
        Errno::NAMETOOLONG => Failure::new("invalid_input", format!("`{path}` has too long a name")),
        _ => Failure::new("unavailable", format!("`{path}`: {errno}")),
    }
}
