use super::{config, fails, run};
use aos::runtime::skill::Skills;
use serde_json::json;
use std::os::unix::fs::symlink;

#[tokio::test]
async fn write_read_append_list_copy_delete() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(config(folder.path()));
    let written =
        run(&skills, "file.write", json!({ "path": "a/./b/../c.txt", "content": "ä" })).await.unwrap();
    assert_eq!(written, json!({ "path": "a/c.txt", "size": 2 }));
    let appended = run(&skills, "file.append", json!({ "path": "a/c.txt", "content": "b" })).await.unwrap();
    assert_eq!(appended["size"], 3);
    assert_eq!(run(&skills, "file.read", json!({ "path": "a/c.txt" })).await.unwrap(), "äb");
    let copied = run(&skills, "file.copy", json!({ "from": "a/c.txt", "to": "d/e/f.json" })).await.unwrap();
    assert_eq!(copied, json!({ "path": "d/e/f.json", "size": 3 }));
    let opened = run(&skills, "file.open", json!({ "path": "d/e/f.json" })).await.unwrap();
    assert_eq!(
        (&opened["name"], &opened["mime"], &opened["size"]),
        (&json!("f.json"), &json!("application/json"), &json!(3))
    );
    assert!(opened["digest"].as_str().unwrap().starts_with("sha256:"));
    let listed = run(&skills, "file.list", json!({})).await.unwrap();
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "d", "token.txt"]);
    let listed = run(&skills, "file.list", json!({ "path": "d/e" })).await.unwrap();
    assert_eq!(listed, json!([{ "name": "f.json", "path": "d/e/f.json", "kind": "file", "size": 3 }]));
    for expected in [true, false] {
        let exists = run(&skills, "file.exists", json!({ "path": "a/c.txt" })).await.unwrap();
        assert_eq!(exists, expected);
        let deleted = run(&skills, "file.delete", json!({ "path": "a/c.txt" })).await.unwrap();
        assert_eq!(deleted["deleted"], expected);
    }
    assert_eq!(run(&skills, "file.exists", json!({ "path": "no/such" })).await.unwrap(), false);
    assert_eq!(fails(&skills, "file.read", json!({ "path": "no/such" })).await, "not_found");
    assert_eq!(fails(&skills, "file.list", json!({ "path": "no" })).await, "not_found");
    // Nothing is left aside.
    assert_eq!(std::fs::read_dir(folder.path().join("d/e")).unwrap().count(), 1);
}

#[tokio::test]
async fn no_path_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "outside").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    symlink(outside.path().join("secret"), root.join("link")).unwrap();
    symlink(outside.path(), root.join("dir")).unwrap();
    symlink("../../../../../../../../etc", root.join("up")).unwrap();
    symlink(outside.path().join("new"), root.join("dangling")).unwrap();
    symlink("round", root.join("round")).unwrap();
    std::fs::create_dir(root.join("sub")).unwrap();
    symlink("..", root.join("sub/back")).unwrap();
    let skills = Skills::new(config(root));
    let absolute = outside.path().join("secret");
    for path in [
        "link",
        "dir/secret",
        "up/passwd",
        "../x",
        "sub/../../x",
        "sub/back/../x",
        "dangling",
        "round",
        "/etc/passwd",
        absolute.to_str().unwrap(),
        ".aos/journal",
        "sub/../.aos/journal",
        "sub/back/.aos/x",
    ] {
        for (skill, args) in [
            ("file.read", json!({ "path": path })),
            ("file.read_bytes", json!({ "path": path })),
            ("file.open", json!({ "path": path })),
            ("file.write", json!({ "path": path, "content": "x" })),
            ("file.append", json!({ "path": path, "content": "x" })),
            ("file.copy", json!({ "from": "token.txt", "to": path })),
            ("file.copy", json!({ "from": path, "to": "stolen" })),
            ("file.list", json!({ "path": path })),
            ("file.delete", json!({ "path": path })),
            ("file.exists", json!({ "path": path })),
        ] {
            assert_eq!(fails(&skills, skill, args).await, "denied", "{skill} {path}");
        }
    }
    assert_eq!(std::fs::read_to_string(absolute).unwrap(), "outside");
    assert!(!outside.path().join("new").exists());
}

#[tokio::test]
async fn links_inside_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::write(root.join("a/b/file"), "text").unwrap();
    symlink("a/b", root.join("short")).unwrap();
    symlink(root.join("a/b/file"), root.join("absolute")).unwrap();
    symlink("../..", root.join("a/b/top")).unwrap();
    let skills = Skills::new(config(&root));
    for path in ["short/file", "absolute", "short/top/a/b/file", "a/b/top/short/../b/file"] {
        assert_eq!(run(&skills, "file.read", json!({ "path": path })).await.unwrap(), "text", "{path}");
    }
    run(&skills, "file.write", json!({ "path": "absolute", "content": "new" })).await.unwrap();
    assert_eq!(std::fs::read_to_string(root.join("a/b/file")).unwrap(), "new");
    assert!(root.join("absolute").is_symlink());
}

#[tokio::test]
async fn what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("dir")).unwrap();
    std::fs::write(root.join("binary"), b"\xff\xfe").unwrap();
    std::fs::write(root.join("long"), vec![b'a'; 100]).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    let mut config = config(root);
    config.max_file = 50;
    let skills = Skills::new(config);
    for path in ["dir", ".", "binary", "long", "pipe"] {
        assert_eq!(fails(&skills, "file.read", json!({ "path": path })).await, "invalid_input", "{path}");
    }
    for path in ["dir", ".", "pipe", "a\0b", ""] {
        let args = json!({ "path": path, "content": "x" });
        assert_eq!(fails(&skills, "file.write", args).await, "invalid_input", "{path}");
    }
    assert_eq!(run(&skills, "file.read_bytes", json!({ "path": "binary" })).await.unwrap(), "//4=");
}
