//! Simulated power cuts: a small preloaded library keeps what was synced, the rest is gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder whose power can be cut.
pub struct Power {
    root: PathBuf,
    library: PathBuf,
    shadow: TempDir,
    /// Whether `fdatasync` does nothing: what such a writer acknowledges is lost.
    pub blind: bool,
}

impl Power {
    /// Over a folder that is there; none where no C compiler is.
    pub fn over(root: &Path) -> Option<Self> {
        let shadow = tempfile::tempdir().unwrap();
        let library = shadow.path().join("power.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/power.c");
        let built = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source)
            .arg("-ldl")
            .output();
        let Ok(built) = built else {
            println!("skipped: simulated power cuts need a C compiler, and there is no `cc`");
            return None;
        };
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        for part in ["files", "folders"] {
            std::fs::create_dir(shadow.path().join(part)).unwrap();
        }
        Some(Self { root: std::fs::canonicalize(root).unwrap(), library, shadow, blind: false })
    }

    /// Lets a command run on this power.
    pub fn supply(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("AOS_POWER_ROOT", &self.root)
            .env("AOS_POWER_SHADOW", self.shadow.path());
        if self.blind {
            command.env("AOS_POWER_BLIND", "1");
        }
    }

    /// The power was cut when the process was killed: leaves only what had been synced. The folder itself stays. Gives how many
    /// bytes are gone that had been written.
    pub fn cut(&self) -> u64 {
        let written = size(&self.root);
        let aside = tempfile::tempdir_in(self.root.parent().unwrap()).unwrap();
        let made = aside.path().join("made");
        self.restore(&key(&self.root), &made);
        std::fs::remove_dir_all(&self.root).unwrap();
        std::fs::rename(&made, &self.root).unwrap();
        // The folder has a new inode: its names are taken as synced, those of the next life come from its own syncs.
        for part in ["files", "folders"] {
            std::fs::remove_dir_all(self.shadow.path().join(part)).unwrap();
            std::fs::create_dir(self.shadow.path().join(part)).unwrap();
        }
        self.keep(&self.root);
        written.saturating_sub(size(&self.root))
    }

    /// Takes all of a folder as synced.
    pub fn keep(&self, folder: &Path) {
        let mut names = String::new();
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, about) = (entry.path(), entry.metadata().unwrap());
            let name = entry.file_name().into_string().unwrap();
            if about.is_dir() {
                names.push_str(&format!("{} d {name}\n", key(&path)));
                self.keep(&path);
            } else if about.is_file() {
                names.push_str(&format!("{} f {name}\n", key(&path)));
                std::fs::copy(&path, self.shadow.path().join("files").join(key(&path))).unwrap();
            }
        }
        std::fs::write(self.shadow.path().join("folders").join(key(folder)), names).unwrap();
    }

    fn restore(&self, folder: &str, to: &Path) {
        std::fs::create_dir(to).unwrap();
        let names = std::fs::read_to_string(self.shadow.path().join("folders").join(folder));
        // A folder that was never synced has no names.
        for line in names.unwrap_or_default().lines() {
            let (key, rest) = line.split_once(' ').unwrap();
            let (kind, name) = rest.split_once(' ').unwrap();
            if kind == "d" {
                self.restore(key, &to.join(name));
            } else {
                let bytes = std::fs::read(self.shadow.path().join("files").join(key));
                std::fs::write(to.join(name), bytes.unwrap_or_default()).unwrap();
            }
        }
    }
}

/// As the library names it.
fn key(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path).unwrap();
    let born = about.created().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{}-{}.{:09}", about.ino(), born.as_secs(), born.subsec_nanos())
}

fn size(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some(if about.is_dir() { size(&entry.path()) } else { about.len() })
        })
        .sum()
}
