//! Files and large results in a bucket, against moto's S3 server (PyPI: `moto[server]`), which is installed below the target folder.

use crate::support::{aos, finish, folder};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const PLAN: &str = "plan large() -> int {\n  step text = file.read(path: \"big.txt\")\n\n  step same = file.open(path: \"big.txt\")\n\n  return size(text) + same.size\n}\n";

struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program, installed once where it is missing; none where that cannot be, except where the test must run.
fn moto() -> Option<PathBuf> {
    static MOTO: OnceLock<Option<PathBuf>> = OnceLock::new();
    MOTO.get_or_init(install_moto).clone()
}

fn install_moto() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let program = venv.join("bin/moto_server");
    if program.is_file() {
        return Some(program);
    }
    let run = |command: &mut Command| {
        let done = command.output().map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(said) }
    };
    let installed = run(Command::new("python3").arg("-m").arg("venv").arg(&venv)).and_then(|()| {
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "moto[server]==5.1.4"]))
    });
    match installed {
        Ok(()) => Some(program),
        Err(why) => {
            assert!(std::env::var_os("AOS_TEST_S3").is_none(), "moto cannot be installed: {why}");
            println!("skipped: moto's server cannot be installed by python3: {why}");
            None
        }
    }
}

/// The server with a bucket `aos`.
fn server() -> Option<Server> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(moto()?);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Server { process, port };
    let begun = Instant::now();
    while server.request("PUT /aos").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
        assert!(begun.elapsed() < Duration::from_secs(120), "moto_server does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(server)
}

impl Server {
    fn request(&self, what: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let host = format!("127.0.0.1:{}", self.port);
        let head =
            format!("{what} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn config(&self) -> String {
        format!(
            "[store]\nblobs = \"s3://aos/some/where\"\nendpoint = \"http://127.0.0.1:{}\"\nregion = \"us-east-1\"\n\
             access_key = \"S3_ID\"\nsecret_key = \"S3_KEY\"\n[secrets]\nS3_ID = \"env:S3_ID\"\nS3_KEY = \"env:S3_KEY\"\n",
            self.port
        )
    }
}

fn run(dir: &Path, args: &[&str]) -> (i32, String, String) {
    finish(aos(dir).args(args).env("S3_ID", "test").env("S3_KEY", "the-key"))
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let (code, out, err) = run(dir, args);
    assert_eq!(code, 0, "{args:?}: {err}");
    format!("{out}{err}")
}

#[test]
fn contents_lie_in_the_bucket_and_come_back() {
    let Some(server) = server() else { return };
    let text = "a needle in the hay\n".repeat(4000);
    let dir = folder(&[("aos.toml", &server.config()), ("large.plan", PLAN), ("big.txt", &text)]);
    let dir = dir.path();
    ok(dir, &["run", "large.plan"]);
    assert!(!dir.join(".aos/blobs/sha256").exists(), "nothing lies in the folder");
    let own = std::fs::read_to_string(dir.join(".aos/blobs/bucket")).unwrap();
    let listed = server.request("GET /aos?list-type=2").unwrap();
    assert_eq!(
        listed.matches(&format!("<Key>some/where/{own}/")).count(),
        1,
        "two artifacts, one content: {listed}"
    );
    let found = ok(dir, &["artifacts", "--search", "needle", "--json"]);
    let digest = found.split("sha256:").nth(1).unwrap()[..64].to_owned();
    assert_eq!(ok(dir, &["artifacts", "--cat", &digest]), text);
    assert!(ok(dir, &["store", "check"]).contains("1 content(s) of 80.0 kB"));
    let listed = ok(dir, &["runs", "--json"]);
    let run_id = listed.split("\"run\":\"").nth(1).unwrap()[..36].to_owned();
    let shown = ok(dir, &["show", &run_id, "--json"]);
    assert!(shown.contains("a needle in the hay"), "the run reads it back");
    // A backup takes it out of the bucket; a store that lies elsewhere keeps it in its folder.
    let other = folder(&[]);
    let new = other.path().join("new");
    let new = new.to_str().unwrap();
    ok(dir, &["store", "export", "x.jsonl"]);
    ok(dir, &["store", "import", "x.jsonl", "--store", new]);
    assert!(other.path().join("new/blobs/sha256").is_dir());
    assert_eq!(ok(dir, &["artifacts", "--cat", &digest, "--store", new]), text);
    // What no run names goes; what one names stays.
    assert!(ok(dir, &["store", "gc", "--grace", "0"]).contains("0 content(s) deleted"));
    let orphan = "0".repeat(64);
    server.request(&format!("PUT /aos/some/where/{own}/{orphan}")).unwrap();
    server.request(&format!("PUT /aos/some/where/anothers/{orphan}")).unwrap();
    assert!(ok(dir, &["store", "gc"]).contains("1 too young"));
    assert!(ok(dir, &["store", "gc", "--grace", "0"]).contains("1 content(s) deleted"));
    assert!(ok(dir, &["artifacts", "--cat", &digest]).contains("needle"));
    let listed = server.request("GET /aos?list-type=2").unwrap();
    assert!(listed.contains("some/where/anothers/") && listed.matches("<Key>").count() == 2, "{listed}");
    // What the service has lost is said.
    server.request("POST /moto-api/reset").unwrap();
    server.request("PUT /aos").unwrap();
    let (code, _, err) = run(dir, &["show", &run_id]);
    assert!(code == 1 && err.contains("s3://aos/some/where") && err.contains("is gone"), "{err}");
    let (code, out, err) = run(dir, &["store", "check"]);
    let said = format!("{out}{err}");
    assert!(code == 1 && said.contains("1 problem(s)") && said.contains("is gone"), "{said}");
}

#[test]
fn without_its_bucket_a_run_says_so_and_goes_on_when_it_is_back() {
    let Some(server) = server() else { return };
    let text = "hay\n".repeat(20_000);
    let dir = folder(&[("aos.toml", &server.config()), ("large.plan", PLAN), ("big.txt", &text)]);
    let dir = dir.path();
    // The bucket is another's: nothing of the run's result is in the journal before its content is kept.
    let wrong = server.config().replace("s3://aos/", "s3://nobody/");
    std::fs::write(dir.join("aos.toml"), &wrong).unwrap();
    let (code, out, err) = run(dir, &["run", "large.plan"]);
    let said = format!("{out}{err}");
    assert!(code != 0 && said.contains("s3://nobody/some/where") && said.contains("write"), "{code} {said}");
    assert!(!said.contains("the-key"), "{said}");
    let listed = ok(dir, &["runs", "--json"]);
    let run_id = listed.split("\"run\":\"").nth(1).unwrap()[..36].to_owned();
    std::fs::write(dir.join("aos.toml"), server.config()).unwrap();
    let (code, out, err) = run(dir, &["resume", &run_id]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(ok(dir, &["store", "check"]).contains("1 content(s) of 80.0 kB"));
    // A key that is not there is named.
    let (code, out, err) =
        finish(aos(dir).args(["run", "large.plan"]).env_remove("S3_ID").env_remove("S3_KEY"));
    assert!(code != 0 && format!("{out}{err}").contains("S3_ID"), "{code} {out}{err}");
}
