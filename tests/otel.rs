//! Traces as a collector gets them. The wire format is protobuf: fields of a number, a kind, and bytes or an integer.

use crate::support::{aos, finish, folder};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

enum Wire {
    Int(u64),
    Bytes(Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number of more than 64 bits")
}

/// The fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Wire)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Wire::Int(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_at(8);
                bytes = rest;
                Wire::Int(u64::from_le_bytes(number.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (text, rest) = bytes.split_at(length);
                bytes = rest;
                Wire::Bytes(text.to_vec())
            }
            5 => {
                let (number, rest) = bytes.split_at(4);
                bytes = rest;
                Wire::Int(u64::from(u32::from_le_bytes(number.try_into().unwrap())))
            }
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, value));
    }
    found
}

/// The submessages under a field.
fn inside(message: &[u8], field: u64) -> Vec<Vec<u8>> {
    let of = |(number, value): (u64, Wire)| match value {
        Wire::Bytes(bytes) if number == field => Some(bytes),
        Wire::Bytes(_) | Wire::Int(_) => None,
    };
    fields(message).into_iter().filter_map(of).collect()
}

fn text(message: &[u8], field: u64) -> String {
    inside(message, field).first().map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
}

fn int(message: &[u8], field: u64) -> u64 {
    let of = |(number, value): &(u64, Wire)| match value {
        Wire::Int(n) if *number == field => Some(*n),
        Wire::Int(_) | Wire::Bytes(_) => None,
    };
    fields(message).iter().find_map(of).unwrap_or(0)
}

/// `key: value` of a list of attributes.
fn attributes(message: &[u8], field: u64) -> HashMap<String, String> {
    let pair = |kv: Vec<u8>| {
        let value = inside(&kv, 2).pop().unwrap_or_default();
        let shown = match fields(&value).into_iter().next() {
            Some((_, Wire::Bytes(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
            Some((_, Wire::Int(n))) => n.to_string(),
            None => String::new(),
        };
        (text(&kv, 1), shown)
    };
    inside(message, field).into_iter().map(pair).collect()
}

#[derive(Debug)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    start: u64,
    end: u64,
    attributes: HashMap<String, String>,
    /// 2: an error.
    status: u64,
}

/// The service, and all spans of an export request.
fn spans(request: &[u8]) -> (String, Vec<Span>) {
    let mut found = Vec::new();
    let mut service = String::new();
    for resource_spans in inside(request, 1) {
        for resource in inside(&resource_spans, 1) {
            service = attributes(&resource, 1).remove("service.name").unwrap_or_default();
        }
        for span in inside(&resource_spans, 2).iter().flat_map(|scope| inside(scope, 2)) {
            let bytes = |field| inside(&span, field).pop().unwrap_or_default();
            found.push(Span {
                trace: bytes(1),
                id: bytes(2),
                parent: bytes(4),
                name: text(&span, 5),
                start: int(&span, 7),
                end: int(&span, 8),
                attributes: attributes(&span, 9),
                status: inside(&span, 15).first().map_or(0, |s| int(s, 3)),
            });
        }
    }
    (service, found)
}

/// A collector that takes what it gets: where it listens, and the bodies.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (send, bodies) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = (&stream).write_all(answer.as_bytes());
            let _ = send.send((head, body));
        }
    });
    (address, bodies)
}

const PLAN: &str = "plan traced(word: string = \"swordfish\") -> string {
  step good = json.parse(text: \"\\\"${word}\\\"\")
  step bad = json.parse(text: \"{ ${word}\")
    on_error use \"x\"
  return string(good)
}
";

#[test]
fn a_run_is_a_trace_of_its_calls() {
    let (address, bodies) = collector();
    let config = "[project]\nname = \"t\"\n[secrets]\nTOKEN = \"env:THE_TOKEN\"\n";
    let dir = folder(&[("aos.toml", config), ("p.plan", PLAN)]);
    let mut command = aos(dir.path());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address).env("THE_TOKEN", "hush-hush");
    let (code, out, err) = finish(command.args(["run", "p.plan"]));
    assert_eq!((code, out.trim()), (0, "\"swordfish\""), "{err}");
    let (head, body) = bodies.recv_timeout(Duration::from_secs(20)).expect("a request");
    assert!(head.starts_with("POST /v1/traces "), "{head}");
    let (service, spans) = spans(&body);
    assert_eq!(service, "aos");
    let run = spans.iter().find(|s| s.name == "traced").unwrap_or_else(|| panic!("{spans:#?}"));
    let call = |step: &str| {
        spans.iter().find(|s| s.attributes.get("step").is_some_and(|n| n == step)).expect("the call's span")
    };
    for step in ["good", "bad"] {
        let span = call(step);
        assert_eq!((span.name.as_str(), &span.trace, &span.parent), ("json.parse", &run.trace, &run.id));
        assert_eq!(span.attributes["run"], run.attributes["run"]);
        assert_eq!(span.attributes["attempt"], "1");
        assert!(run.start <= span.start && span.start <= span.end && span.end <= run.end, "{span:?}");
    }
    assert_eq!((call("good").status, call("bad").status), (0, 2));
    assert_eq!(call("bad").attributes["error.kind"], "invalid_json");
    assert_eq!(run.attributes["status"], "succeeded");
    let raw = String::from_utf8_lossy(&body);
    assert!(!raw.contains("swordfish") && !raw.contains("hush"), "a value is in the trace");
}

#[test]
fn a_collector_that_is_not_there_costs_no_run() {
    let dir = folder(&[("aos.toml", "[project]\nname = \"t\"\n"), ("p.plan", PLAN)]);
    let mut command = aos(dir.path());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let (code, out, err) = finish(command.args(["run", "p.plan"]));
    assert_eq!((code, out.trim()), (0, "\"swordfish\""), "{err}");
}
