//! The standard skills as files, so that an editor can show where a skill is declared.

use crate::catalog::{Family, STDLIB};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder of the files; its name changes with their texts.
fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let mut hash = Sha256::new();
            for row in STDLIB {
                hash.update(row.text);
            }
            let digest: String = hash.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect();
            let home = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
            let cache = home("XDG_CACHE_HOME")
                .or_else(|| Some(home("HOME")?.join(".cache")))
                .unwrap_or_else(std::env::temp_dir);
            let dir = cache.join("aos").join(format!("stdlib-{digest}"));
            std::fs::create_dir_all(&dir).ok()?;
            // As canonical as the paths that the client sends back are made.
            Some(std::fs::canonicalize(&dir).unwrap_or(dir))
        })
        .as_deref()
}

/// The file of a family, written where it is not there or holds something else; nobody should edit it.
pub(super) fn file(family: &Family) -> Option<PathBuf> {
    let path = folder()?.join(format!("{}.plan", family.namespace));
    if std::fs::read_to_string(&path).is_ok_and(|text| text == family.text) {
        return Some(path);
    }
    // Beside it first: another server may read it meanwhile.
    let draft = path.with_extension(format!("plan.{}", std::process::id()));
    std::fs::write(&draft, family.text).ok()?;
    if let Ok(meta) = std::fs::metadata(&draft) {
        let mut rights = meta.permissions();
        rights.set_readonly(true);
        let _ = std::fs::set_permissions(&draft, rights);
    }
    std::fs::rename(&draft, &path).ok()?;
    Some(path)
}

/// Whether a path is one of these files.
pub(super) fn holds(path: &Path) -> bool {
    folder().is_some_and(|dir| path.starts_with(dir))
}
