//! The talk with the client: every request is answered exactly once, in the order of arrival.

use super::requests;
use super::state::{Client, State};
use super::wire::{self, Unread};
use lsp_types::{ClientCapabilities, InitializeParams, Url};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The numbers that the protocol gives to failures.
#[derive(Clone, Copy, Debug)]
enum Number {
    NotJson = -32700,
    InvalidRequest = -32600,
    NoSuchMethod = -32601,
    Internal = -32603,
    NotInitialized = -32002,
    Cancelled = -32800,
}

/// A request that has no result.
#[derive(Debug)]
pub(super) struct Failure {
    code: i32,
    message: String,
}

impl Failure {
    fn new(number: Number, message: impl Into<String>) -> Failure {
        Failure { code: number as i32, message: message.into() }
    }

    /// The parameters cannot be understood.
    pub(super) fn invalid(message: impl Into<String>) -> Failure {
        Failure { code: -32602, message: message.into() }
    }

    /// It was understood, and there is a reason against it that people should read.
    pub(super) fn refused(message: impl Into<String>) -> Failure {
        Failure { code: -32803, message: message.into() }
    }

    pub(super) fn no_such_method(method: &str) -> Failure {
        Failure::new(Number::NoSuchMethod, format!("there is no `{method}`"))
    }
}

/// What comes from the other thread.
enum Event {
    Message(Value),
    NotJson(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    ShutDown,
}

/// The ids of requests that the client does not want any more.
type Cancelled = Arc<Mutex<HashSet<String>>>;

/// What requests and notifications are answered by.
#[derive(Clone, Copy)]
pub(super) struct Handlers {
    pub(super) answer: fn(&mut State, &str, Value) -> Result<Value, Failure>,
    pub(super) notice: fn(&mut State, &str, Value) -> Result<(), Failure>,
}

pub(super) struct Server<W> {
    output: W,
    handlers: Handlers,
    state: State,
    phase: Phase,
    cancelled: Cancelled,
    /// For requests of the server's own.
    next: u64,
}

impl<W: Write> Server<W> {
    pub(super) fn new(output: W, handlers: Handlers) -> Self {
        Server {
            output,
            handlers,
            state: State::default(),
            phase: Phase::New,
            cancelled: Cancelled::default(),
            next: 0,
        }
    }

    /// Answers until the client goes; true where it said `shutdown` first.
    pub(super) fn run(mut self, input: impl BufRead + Send + 'static) -> bool {
        let (sender, events) = channel();
        let cancelled = self.cancelled.clone();
        // Ends with the input; when the program ends first, nobody waits for it.
        std::thread::spawn(move || {
            let mut input = input;
            loop {
                let event = match wire::read(&mut input) {
                    Ok(message) => {
                        let method = message.get("method").and_then(Value::as_str);
                        if method == Some("$/cancelRequest") {
                            if let Some(id) = message.pointer("/params/id") {
                                let mut set = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
                                set.insert(id.to_string());
                            }
                            continue;
                        }
                        Event::Message(message)
                    }
                    Err(Unread::NotJson(why)) => Event::NotJson(why),
                    Err(Unread::Closed) => return,
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        while let Some(event) = self.next(&events) {
            let go_on = match event {
                Event::Message(message) => self.message(message),
                Event::NotJson(why) => {
                    self.fail(&Value::Null, Failure::new(Number::NotJson, why));
                    true
                }
            };
            if !go_on {
                break;
            }
        }
        self.phase == Phase::ShutDown
    }

    /// The next event; while there is none, projects are made again.
    fn next(&mut self, events: &Receiver<Event>) -> Option<Event> {
        loop {
            match events.try_recv() {
                Ok(event) => return Some(event),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let worked = self.guarded("checking", State::work);
            self.send_outbox();
            // After a panic everything is to be made again: what panicked would panic for ever, so the next event is waited for.
            if !worked.unwrap_or(false) {
                return events.recv().ok();
            }
        }
    }

    /// Runs something that may panic; then the log says so, and everything computed is forgotten.
    fn guarded<T>(&mut self, what: &str, work: impl FnOnce(&mut State) -> T) -> Result<T, String> {
        let state = &mut self.state;
        std::panic::catch_unwind(AssertUnwindSafe(|| work(state))).map_err(|panic| {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            self.state.forget();
            let message = format!("aos: `{what}` failed, which is a mistake of the language server: {text}");
            self.send(&json!({
                "jsonrpc": "2.0", "method": "window/logMessage", "params": { "type": 1, "message": message },
            }));
            text
        })
    }

    /// False where the talk ends.
    fn message(&mut self, message: Value) -> bool {
        let id = message.get("id").cloned();
        let Some(method) = message.get("method").and_then(Value::as_str).map(str::to_owned) else {
            if let (Some(id), None, None) = (&id, message.get("result"), message.get("error")) {
                self.fail(id, Failure::new(Number::InvalidRequest, "there is no method"));
            }
            return true;
        };
        let params = message.get("params").cloned().unwrap_or(Value::Null);
        match id {
            Some(id) => self.request(&id, &method, params),
            None => return self.notification(&method, params),
        }
        true
    }

    fn request(&mut self, id: &Value, method: &str, params: Value) {
        let cancelled = {
            let mut set = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
            set.remove(&id.to_string())
        };
        let outcome = match (self.phase, method) {
            _ if cancelled => Err(Failure::new(Number::Cancelled, "cancelled")),
            (Phase::New, "initialize") => self.initialize(params),
            (Phase::New, _) => Err(Failure::new(Number::NotInitialized, "`initialize` comes first")),
            (Phase::Running, "initialize") => {
                Err(Failure::new(Number::InvalidRequest, "already initialized"))
            }
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, _) => {
                let answer = self.handlers.answer;
                let done = self.guarded(method, |state| answer(state, method, params));
                done.unwrap_or_else(|panic| {
                    Err(Failure::new(Number::Internal, format!("`{method}` failed: {panic}")))
                })
            }
            (Phase::ShutDown, _) => Err(Failure::new(Number::InvalidRequest, "the server is shut down")),
        };
        self.send_outbox();
        match outcome {
            Ok(result) => self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result })),
            Err(failure) => self.fail(id, failure),
        }
        // It may have been cancelled while it was answered: the answer stands, and the id is done with.
        let mut set = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        set.remove(&id.to_string());
    }

    fn notification(&mut self, method: &str, params: Value) -> bool {
        match method {
            "exit" => return false,
            "initialized" => self.watch(),
            _ if self.phase == Phase::Running => {
                // A notification has no answer: what is wrong with it is known to nobody but the log.
                let notice = self.handlers.notice;
                let done = self.guarded(method, |state| notice(state, method, params));
                if let Ok(Err(failure)) = done {
                    eprintln!("{method}: {}", failure.message);
                }
            }
            _ => {}
        }
        true
    }

    fn initialize(&mut self, params: Value) -> Result<Value, Failure> {
        let params: InitializeParams =
            serde_json::from_value(params).map_err(|e| Failure::invalid(e.to_string()))?;
        self.phase = Phase::Running;
        self.state.client = client(&params.capabilities);
        let folders = params.workspace_folders.unwrap_or_default().into_iter().map(|f| f.uri);
        #[expect(deprecated, reason = "older clients name the root only here")]
        let root = params.root_uri;
        let mut roots: Vec<_> = folders.filter_map(|u: Url| u.to_file_path().ok()).collect();
        if roots.is_empty() {
            roots.extend(root.and_then(|u| u.to_file_path().ok()));
        }
        self.state.roots = roots;
        Ok(requests::capabilities())
    }

    /// Asks the client to tell of files that change on the disk.
    fn watch(&mut self) {
        if !self.state.client.watches {
            return;
        }
        let watchers = json!([{ "globPattern": "**/*.plan" }, { "globPattern": "**/aos.toml" }]);
        let registration = json!({
            "id": "watch",
            "method": "workspace/didChangeWatchedFiles",
            "registerOptions": { "watchers": watchers },
        });
        self.next += 1;
        let id = format!("aos-{}", self.next);
        self.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "client/registerCapability",
            "params": { "registrations": [registration] },
        }));
    }

    fn send_outbox(&mut self) {
        for params in std::mem::take(&mut self.state.outbox) {
            let params = serde_json::to_value(params).unwrap_or_default();
            self.send(&json!({
                "jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params,
            }));
        }
    }

    fn fail(&mut self, id: &Value, failure: Failure) {
        let error = json!({ "code": failure.code, "message": failure.message });
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    }

    /// A client that does not listen any more is noticed when its input ends.
    fn send(&mut self, message: &Value) {
        let _ = wire::write(&mut self.output, message);
    }
}

fn client(caps: &ClientCapabilities) -> Client {
    let text = caps.text_document.as_ref();
    let item = text.and_then(|t| t.completion.as_ref()).and_then(|c| c.completion_item.as_ref());
    let hover = text.and_then(|t| t.hover.as_ref()).and_then(|h| h.content_format.as_ref());
    let symbols = text.and_then(|t| t.document_symbol.as_ref());
    let watched = caps.workspace.as_ref().and_then(|w| w.did_change_watched_files.as_ref());
    let published = text.and_then(|t| t.publish_diagnostics.as_ref());
    Client {
        snippets: item.and_then(|i| i.snippet_support).unwrap_or(false),
        markdown: hover.is_some_and(|f| f.contains(&lsp_types::MarkupKind::Markdown)),
        nested_symbols: symbols.and_then(|s| s.hierarchical_document_symbol_support).unwrap_or(false),
        watches: watched.and_then(|w| w.dynamic_registration).unwrap_or(false),
        related: published.and_then(|p| p.related_information).unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    /// Output that can be read afterwards.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// As the server's own, with one method that panics in the middle of a change.
    fn answer(state: &mut State, method: &str, params: Value) -> Result<Value, Failure> {
        if method == "test/panic" {
            state.docs.values_mut().for_each(|doc| doc.version += 1);
            panic!("on purpose");
        }
        requests::answer(state, method, params)
    }

    fn notice(state: &mut State, method: &str, params: Value) -> Result<(), Failure> {
        assert!(method != "test/panic", "told to");
        requests::notice(state, method, params)
    }

    #[test]
    fn a_panic_is_the_error_of_its_request_and_the_server_goes_on() {
        let mut input = Vec::new();
        let mut say = |message: Value| wire::write(&mut input, &message).unwrap();
        let uri = "file:///p/a.plan";
        say(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} } }));
        let doc =
            json!({ "uri": uri, "languageId": "aos", "version": 1, "text": "plan p() -> int { return 1 }" });
        say(json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": doc } }));
        say(json!({ "jsonrpc": "2.0", "id": 2, "method": "test/panic", "params": {} }));
        say(json!({ "jsonrpc": "2.0", "method": "test/panic", "params": {} }));
        let about = json!({ "textDocument": { "uri": uri } });
        say(json!({ "jsonrpc": "2.0", "id": 3, "method": "textDocument/documentSymbol", "params": about }));
        say(json!({ "jsonrpc": "2.0", "id": 4, "method": "shutdown" }));
        say(json!({ "jsonrpc": "2.0", "method": "exit" }));
        let output = Shared::default();
        let server = Server::new(output.clone(), Handlers { answer, notice });
        assert!(server.run(Cursor::new(input)), "it ends as it is told to");
        let bytes = output.0.lock().unwrap().clone();
        let mut told = BufReader::new(Cursor::new(bytes));
        let messages: Vec<Value> = std::iter::from_fn(|| wire::read(&mut told).ok()).collect();
        let of =
            |id: u64| messages.iter().find(|m| m["id"] == id).unwrap_or_else(|| panic!("no answer {id}"));
        assert_eq!(of(2)["error"]["code"], -32603, "{}", of(2));
        assert_eq!(of(2)["error"]["message"], "`test/panic` failed: on purpose");
        assert_eq!(of(3)["result"][0]["name"], "p", "{}", of(3));
        assert_eq!(of(4)["result"], Value::Null);
        let log: Vec<&str> = messages
            .iter()
            .filter(|m| m["method"] == "window/logMessage")
            .filter_map(|m| m["params"]["message"].as_str())
            .collect();
        assert_eq!(log.len(), 2, "{log:?}");
        assert!(log[0].ends_with("on purpose") && log[1].ends_with("told to"), "{log:?}");
    }
}
