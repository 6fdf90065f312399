use super::{call, config, fails, run, secret};
use crate::support::http::{Response, Server};
use aos::runtime::skill::config::EndpointConfig;
use aos::runtime::skill::{Provider, Skills, SkillsConfig};
use aos::value::{Map, SecretPart, Value};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn open(root: &Path) -> SkillsConfig {
    let mut config = config(root);
    config.http.allow_private_network = true;
    config
}

#[tokio::test]
async fn a_get_and_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| {
        Response::new(200, r#"{"a": [1, 2.5]}"#).header("Content-Type", "application/json").header("X-A", "b")
    })
    .await;
    let skills = Skills::new(open(folder.path()));
    let args = json!({ "url": server.url("/x?y=1"), "query": { "q": "ä &" }, "headers": { "X-Own": "1" } });
    let result = run(&skills, "http.get", args).await.unwrap();
    assert_eq!(result["status"], 200);
    assert_eq!(result["json"], json!({ "a": [1, 2.5] }));
    assert_eq!(result["headers"]["x-a"], "b");
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/x?y=1&q=%C3%A4+%26"));
    assert_eq!(seen.headers["user-agent"], concat!("aos/", env!("CARGO_PKG_VERSION")));
    assert_eq!(seen.headers["x-own"], "1");
    assert!(!seen.headers.contains_key("idempotency-key"));
}

#[tokio::test]
async fn writes_carry_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Response::new(201, "made")).await;
    let skills = Skills::new(open(folder.path()));
    let url = server.url("/");
    for skill in ["http.post", "http.put", "http.patch", "http.delete"] {
        let result = run(&skills, skill, json!({ "url": url, "json": { "a": 1 } })).await.unwrap();
        assert_eq!((&result["body"], &result["json"]), (&json!("made"), &json!(null)));
    }
    run(&skills, "http.request", json!({ "url": url, "method": "POST", "body": "t" })).await.unwrap();
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.headers["idempotency-key"] == "key-1"));
    assert_eq!(seen[0].body, r#"{"a":1}"#);
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!((seen[3].method.as_str(), seen[4].body.as_str()), ("DELETE", "t"));
    assert_eq!(
        fails(&skills, "http.post", json!({ "url": url, "json": 1, "body": "t" })).await,
        "invalid_input"
    );
}

#[tokio::test]
async fn statuses_are_failures() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.path.as_str() {
        "/limited" => Response::new(429, "slow down").header("Retry-After", "7"),
        "/busy" => Response::new(503, "busy").header("Retry-After", "2"),
        _ => Response::new(404, "no such thing"),
    })
    .await;
    let skills = Skills::new(open(folder.path()));
    let get = |path: &str| call("http.get", json!({ "url": server.url(path) }));
    let failure = skills.call(get("/limited")).await.unwrap_err();
    assert_eq!((failure.kind.as_ref(), failure.retry_after_ms), ("rate_limited", Some(7_000)));
    assert_eq!(failure.skill.as_deref(), Some("http.get"));
    let failure = skills.call(get("/busy")).await.unwrap_err();
    assert_eq!((failure.kind.as_ref(), failure.retry_after_ms), ("status", Some(2_000)));
    let failure = skills.call(get("/x")).await.unwrap_err();
    assert!(matches!(failure.details["status"], Value::Int(404)));
    assert!(matches!(&failure.details["body"], Value::String(body) if body.as_ref() == "no such thing"));
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Response::new(200, "inside")).await;
    let skills = Skills::new(config(folder.path()));
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "LOCALHOST."] {
        let failure =
            run(&skills, "http.get", json!({ "url": format!("http://{host}:{port}/") })).await.unwrap_err();
        assert_eq!(failure.kind.as_ref(), "denied", "{host}: {}", failure.message);
        assert!(failure.message.contains("allow_private_network"), "{}", failure.message);
    }
    assert!(server.seen().is_empty());
    let mut limited = open(folder.path());
    limited.http.allow_hosts = Some(vec!["api.example.com".into()]);
    let failure =
        run(&Skills::new(limited), "http.get", json!({ "url": server.url("/") })).await.unwrap_err();
    assert!(failure.message.contains("allow_hosts"), "{}", failure.message);
}

#[tokio::test]
async fn redirects_are_checked_like_the_first_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let target = match request.path.as_str() {
            "/meta" => "http://169.254.169.254/latest/meta-data",
            "/file" => "file:///etc/passwd",
            "/denied" => "http://denied.example.com/",
            "/loop" => "/loop",
            "/once" => "/end",
            _ => return Response::new(200, format!("{} {}", request.method, request.body)),
        };
        Response::new(if request.path == "/once" { 302 } else { 307 }, "").header("Location", target)
    })
    .await;
    let mut config = open(folder.path());
    config.http.deny_hosts = vec!["denied.*".into(), "*.example.com".into()];
    let skills = Skills::new(config);
    let url = |path: &str| json!({ "url": server.url(path) });
    assert_eq!(fails(&skills, "http.get", url("/meta")).await, "denied");
    assert_eq!(fails(&skills, "http.get", url("/file")).await, "invalid_input");
    assert_eq!(fails(&skills, "http.get", url("/denied")).await, "denied");
    let before = server.seen().len();
    assert_eq!(fails(&skills, "http.get", url("/loop")).await, "unavailable");
    assert_eq!(server.seen().len() - before, 6);
    let result = run(&skills, "http.post", json!({ "url": server.url("/once"), "body": "x" })).await.unwrap();
    assert_eq!(result["body"], "GET ");
}

#[tokio::test]
async fn another_origin_gets_no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let other = Server::start(|_| Response::new(200, "there")).await;
    let target = other.url("/");
    let server = Server::start(move |request| match request.path.as_str() {
        "/same" => Response::new(307, "").header("Location", "/end"),
        "/other" => Response::new(307, "").header("Location", target.clone()),
        _ => Response::new(200, "here"),
    })
    .await;
    let skills = Skills::new(open(folder.path()));
    for path in ["/same", "/other"] {
        let mut get = call("http.get", json!({ "url": server.url(path) }));
        let mut headers = Map::new();
        headers.insert("authorization".into(), secret("Bearer "));
        headers.insert("x-api-key".into(), secret(""));
        headers.insert("accept".into(), Value::text("text/plain"));
        get.args.insert("headers".into(), Value::Map(Arc::new(headers)));
        skills.call(get).await.unwrap();
    }
    let same = server.seen();
    let same = same.iter().find(|request| request.path == "/end").unwrap();
    assert_eq!(same.headers["authorization"], "Bearer s3cr3t-value");
    let other = &other.seen()[0];
    assert!(!other.headers.contains_key("authorization") && !other.headers.contains_key("x-api-key"));
    assert_eq!(other.headers["accept"], "text/plain");
}

#[tokio::test]
async fn an_echoed_secret_is_scrubbed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let status = if request.path == "/bad" { 400 } else { 200 };
        Response::new(status, format!("you sent {}", request.headers["authorization"]))
    })
    .await;
    let skills = Skills::new(open(folder.path()));
    let get = |path: &str| {
        let mut get = call("http.get", json!({ "url": server.url(path) }));
        let headers: Map = [("authorization".into(), secret("Bearer "))].into_iter().collect();
        get.args.insert("headers".into(), Value::Map(Arc::new(headers)));
        get
    };
    let value = skills.call(get("/")).await.unwrap().value.to_json();
    assert_eq!(value["body"], "you sent Bearer [secret]");
    let failure = skills.call(get("/bad")).await.unwrap_err();
    assert!(!format!("{failure:?}").contains("s3cr3t"), "{failure:?}");
}

#[tokio::test]
async fn long_and_slow_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let mut response = Response::new(200, vec![b'a'; 2_000]);
        response.unsized_body = request.path == "/unsized";
        response.drip = (request.path == "/drip").then(|| Duration::from_millis(50));
        response
    })
    .await;
    let mut config = open(folder.path());
    config.http.max_body = 1_000;
    let skills = Skills::new(config);
    for path in ["/sized", "/unsized"] {
        assert_eq!(fails(&skills, "http.get", json!({ "url": server.url(path) })).await, "invalid_output");
    }
    let skills = Skills::new(open(folder.path()));
    let mut slow = call("http.get", json!({ "url": server.url("/drip") }));
    slow.timeout = Duration::from_millis(300);
    let start = Instant::now();
    assert_eq!(skills.call(slow).await.unwrap_err().kind.as_ref(), "timeout");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let skills = Skills::new(open(folder.path()));
    for args in [
        json!({ "url": "not an address" }),
        json!({ "url": "ftp://example.com" }),
        json!({ "url": "http://u:p@example.com" }),
        json!({ "url": "http://127.0.0.1:1", "headers": { "a b": "c" } }),
        json!({ "url": "http://127.0.0.1:1", "headers": { "a": "b\r\nc: d" } }),
        json!({ "url": "http://127.0.0.1:1", "headers": { "Host": "other" } }),
    ] {
        assert_eq!(fails(&skills, "http.get", args).await, "invalid_input");
    }
    assert_eq!(fails(&skills, "http.get", json!({ "url": "http://127.0.0.1:1" })).await, "unavailable");
}

#[tokio::test]
async fn a_provider_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let asked: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(asked["idempotency_key"], request.headers["idempotency-key"].as_str());
        let answer = match asked["skill"].as_str().unwrap() {
            "math.add" => json!({ "id": asked["id"], "result": asked["args"]["a"].as_i64().unwrap() + 1 }),
            "math.fail" => {
                return Response::new(422, r#"{"error":{"kind":"odd","message":"no","retry_after_ms":9}}"#);
            }
            "math.down" => return Response::new(500, "oops"),
            "math.limit" => return Response::new(429, "").header("Retry-After", "3"),
            _ => return Response::new(200, request.headers["authorization"].clone()),
        };
        Response::new(200, answer.to_string())
    })
    .await;
    let mut config = config(folder.path());
    let mut endpoint = EndpointConfig::new(server.url("/call"));
    endpoint.headers.insert("Authorization".into(), vec![SecretPart::Name("TOKEN".into())]);
    config.namespaces.insert("math".into(), Provider::Http(endpoint));
    let skills = Skills::new(config);
    assert_eq!(run(&skills, "math.add", json!({ "a": 1 })).await.unwrap(), 2);
    let failure = run(&skills, "math.fail", json!({})).await.unwrap_err();
    assert_eq!((failure.kind.as_ref(), failure.retry_after_ms), ("odd", Some(9)));
    assert_eq!(fails(&skills, "math.down", json!({})).await, "unavailable");
    let failure = run(&skills, "math.limit", json!({})).await.unwrap_err();
    assert_eq!((failure.kind.as_ref(), failure.retry_after_ms), ("rate_limited", Some(3_000)));
    let failure = run(&skills, "math.garbage", json!({})).await.unwrap_err();
    assert_eq!(failure.kind.as_ref(), "invalid_output");
    assert!(
        failure.message.contains("[secret]") && !failure.message.contains("s3cr3t"),
        "{}",
        failure.message
    );
}
