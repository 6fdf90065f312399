//! Files and large results in a bucket, against moto's S3 server (PyPI: `moto[server]`), which `AOS_MOTO` names or PATH has.

use crate::support::{aos, finish, folder};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PLAN: &str = "plan large() -> int {\n  step text = file.read(path: \"big.txt\")\n\n  step same = file.open(path: \"big.txt\")\n\n  return size(text)\n}\n";

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

/// The server with a bucket `aos`; none where it is not installed.
fn server() -> Option<Server> {
    let program = std::env::var("AOS_MOTO").unwrap_or_else(|_| "moto_server".into());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(process) = process else {
        println!(
            "skipped: there is no `moto_server`; `pip install \"moto[server]\"` brings it, AOS_MOTO names it"
        );
        return None;
    };
    let server = Server { process, port };
    let begun = Instant::now();
    while server.request("PUT /aos").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "moto_server does not answer");
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

    fn aos(&self, dir: &Path, args: &[&str]) -> (i32, String, String) {
        let mut command = aos(dir);
        command
            .args(args)
            .env("AOS_BLOBS", "s3://aos/some/where")
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        finish(&mut command)
    }

    fn ok(&self, dir: &Path, args: &[&str]) -> String {
        let (code, out, err) = self.aos(dir, args);
        assert_eq!(code, 0, "{args:?}: {err}");
        format!("{out}{err}")
    }
}

#[test]
fn contents_lie_in_the_bucket_and_come_back() {
    let Some(server) = server() else { return };
    let text = "a needle in the hay\n".repeat(4000);
    let dir = folder(&[("aos.toml", "[project]\nname = \"t\"\n"), ("large.plan", PLAN), ("big.txt", &text)]);
    let dir = dir.path();
    server.ok(dir, &["run", "large.plan"]);
    assert!(!dir.join(".aos/blobs").exists(), "nothing lies in the folder");
    let listed = server.request("GET /aos?list-type=2").unwrap();
    assert_eq!(listed.matches("<Key>some/where/").count(), 1, "two artifacts, one content: {listed}");
    let found = server.ok(dir, &["artifacts", "--search", "needle", "--json"]);
    let digest = found.split("sha256:").nth(1).unwrap()[..64].to_owned();
    assert_eq!(server.ok(dir, &["artifacts", "--cat", &digest]), text);
    assert!(server.ok(dir, &["store", "check"]).contains("1 content(s) of 80.0 kB"));
    let run = server.ok(dir, &["runs", "--json"]);
    let run = run.split("\"run\":\"").nth(1).unwrap()[..36].to_owned();
    assert!(
        server.ok(dir, &["show", &run, "--json"]).contains("a needle in the hay"),
        "the run reads it back"
    );
    // A backup takes it out of the bucket, into a folder.
    server.ok(dir, &["store", "export", "x.jsonl"]);
    let (code, _, err) = finish(aos(dir).args(["store", "import", "x.jsonl", "--store", "new"]));
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = finish(aos(dir).args(["artifacts", "--cat", &digest, "--store", "new"]));
    assert_eq!((code, out.as_str()), (0, text.as_str()), "{err}");
    // What no run names goes; what one names stays.
    assert!(server.ok(dir, &["store", "gc", "--grace", "0"]).contains("0 content(s) deleted"));
    let orphan = "0".repeat(64);
    server.request(&format!("PUT /aos/some/where/{orphan}")).unwrap();
    assert!(server.ok(dir, &["store", "gc"]).contains("1 too young"));
    assert!(server.ok(dir, &["store", "gc", "--grace", "0"]).contains("1 content(s) deleted"));
    assert!(server.ok(dir, &["artifacts", "--cat", &digest]).contains("needle"));
    // Without the service the run says what is missing.
    let gone = server.request(&format!("DELETE /aos/some/where/{digest}"));
    assert!(gone.is_some());
    let (code, _, err) = server.aos(dir, &["show", &run]);
    assert!(code == 1 && err.contains("s3://aos/some/where") && err.contains("is gone"), "{err}");
}
