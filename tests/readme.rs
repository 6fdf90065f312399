//! The README's plans check and its commands run as they stand there.

use crate::pages::{blocks, shell::Shell};
use crate::support::{copy, root};

#[test]
fn the_readme_is_true() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut shell = Shell::new();
    copy(&root().join("examples"), &shell.folder().join("examples"));
    let wrong = shell.follow(&blocks(&page));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(shell.done().0 >= 4, "only {:?} blocks ran", shell.done());
}
