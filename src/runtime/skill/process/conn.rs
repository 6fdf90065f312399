//! A running provider process: its pipes, what it was asked, and how it ended.

use super::reply;
use crate::engine::Failure;
use crate::runtime::skill::config::ProcessConfig;
use crate::runtime::skill::group::{self, Group};
use crate::runtime::skill::wire;
use crate::value::Value;
use serde_json::Value as Json;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Requests that wait to be written; more wait at the caller.
const QUEUE: usize = 64;
/// How much of stderr is kept, bytes.
const STDERR: usize = 64 * 1024;
/// How much of stderr goes into a message: its last lines.
const STDERR_LINES: usize = 5;
/// Lines in a row that are no answers, before the process is given up.
const GARBAGE: u32 = 3;
/// How long the last lines may come after the end.
const LAST_WORDS: Duration = Duration::from_millis(200);

type Answer = Result<Value, Failure>;

/// A process that is running, or has ended.
pub(super) struct Conn {
    requests: mpsc::Sender<Vec<u8>>,
    shared: Arc<Shared>,
    pub(super) started: Instant,
}

struct Shared {
    state: Mutex<State>,
    stderr: Mutex<VecDeque<u8>>,
    /// Asks the process to end: its stdin is closed, then it is killed.
    stop: CancellationToken,
    /// It has ended, and nobody waits for it any more.
    ended: CancellationToken,
}

#[derive(Default)]
struct State {
    pending: HashMap<u64, oneshot::Sender<Answer>>,
    last_id: u64,
    /// Why it ended; set once.
    end: Option<Failure>,
    answered: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails everything that is in flight, and all that comes.
    fn end(&self, why: Failure) {
        let pending = {
            let mut state = self.state();
            let end = state.end.get_or_insert(why).clone();
            (std::mem::take(&mut state.pending), end)
        };
        for (_, waiting) in pending.0 {
            // A caller that is gone needs no answer.
            let _ = waiting.send(Err(pending.1.clone()));
        }
    }

    fn last_stderr(&self) -> String {
        let bytes: Vec<u8> =
            self.stderr.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        // The first line may have lost its beginning, and with it what a secret is known by.
        let whole =
            if bytes.len() < STDERR { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
        let lines: Vec<&str> = whole.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(STDERR_LINES)..).unwrap_or_default();
        wire::excerpt(&last.join("\n"), 2_000)
    }
}

/// Removes a request that its caller gave up; a late answer to it is ignored.
struct Waiting<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.state().pending.remove(&self.id);
    }
}

impl Conn {
    /// Starts the process.
    ///
    /// # Errors
    /// `unavailable` if it cannot be started.
    pub(super) fn start(namespace: &str, config: &ProcessConfig, base: &Path) -> Result<Self, Failure> {
        let cannot = |why: String| {
            let message = format!(
                "the program of `[skills.{namespace}]` cannot be started: {why}; check its `command` in `aos.toml`"
            );
            Failure::new("unavailable", message)
        };
        let (program, args) =
            config.command.split_first().ok_or_else(|| cannot("no command is given".into()))?;
        let path = if program.contains('/') { base.join(program) } else { program.into() };
        let folder = config.cwd.as_ref().map_or_else(|| base.to_owned(), |cwd| base.join(cwd));
        let mut command = group::command(path);
        command.args(args).current_dir(folder).envs(&config.env);
        let mut child = command.spawn().map_err(|error| cannot(format!("`{program}`: {error}")))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(cannot("it has no pipes".into()));
        };
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            stderr: Mutex::default(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        let (requests, queue) = mpsc::channel(QUEUE);
        let supervisor = Supervisor {
            shared: Arc::clone(&shared),
            config: config.clone(),
            namespace: namespace.to_owned(),
        };
        tokio::spawn(supervisor.run(child, stdin, stdout, stderr, queue));
        Ok(Self { requests, shared, started: Instant::now() })
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.shared.state().end.is_some()
    }

    /// Whether it ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.shared.state().answered
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What the process answers, or how it ended.
    pub(super) async fn ask(&self, mut request: serde_json::Map<String, Json>) -> Answer {
        let (send, receive) = oneshot::channel();
        let id = {
            let mut state = self.shared.state();
            if let Some(end) = &state.end {
                return Err(end.clone());
            }
            state.last_id += 1;
            let id = state.last_id;
            state.pending.insert(id, send);
            id
        };
        let _waiting = Waiting { shared: &self.shared, id };
        request.shift_insert(0, "id".into(), Json::from(id));
        let mut line =
            serde_json::to_vec(&request).map_err(|error| Failure::new("internal", error.to_string()))?;
        line.push(b'\n');
        if self.requests.send(line).await.is_err() {
            // The writer is gone because the process is ending: the reason comes as the answer.
            self.shared.ended.cancelled().await;
        }
        receive.await.unwrap_or_else(|_| Err(Failure::new("unavailable", "the program ended")))
    }

    /// Ends the process: its stdin is closed, and after the grace it is killed.
    pub(super) async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.ended.cancelled().await;
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// Owns the process and its pipes.
struct Supervisor {
    shared: Arc<Shared>,
    config: ProcessConfig,
    namespace: String,
}

impl Supervisor {
    async fn run(
        self,
        mut child: Child,
        stdin: ChildStdin,
        stdout: ChildStdout,
        stderr: ChildStderr,
        queue: mpsc::Receiver<Vec<u8>>,
    ) {
        // Kills the whole group when this ends, or is dropped with its runtime.
        let group = Group::of(&child);
        let errors = tokio::spawn(keep_stderr(Arc::clone(&self.shared), stderr));
        let stop = self.shared.stop.clone();
        let writer = tokio::spawn(write_requests(stdin, queue, stop.clone()));
        let given_up;
        let mut status: Option<ExitStatus> = None;
        let reading = self.read_answers(stdout);
        tokio::pin!(reading);
        tokio::select! {
            why = &mut reading => given_up = why,
            ended = child.wait() => {
                status = ended.ok();
                // Answers may still lie in the pipe, which a grandchild may hold open for ever.
                given_up = tokio::time::timeout(LAST_WORDS, &mut reading).await.unwrap_or_default();
            }
            () = stop.cancelled() => {
                // Closing its stdin asks it to end.
                writer.abort();
                status = tokio::time::timeout(self.config.grace, child.wait()).await.ok().and_then(Result::ok);
                given_up = Some(Failure::new("unavailable", "the program was stopped"));
            }
        }
        if status.is_none() && given_up.is_none() {
            // Its stdout is closed: it is ending, or useless.
            status = tokio::time::timeout(LAST_WORDS, child.wait()).await.ok().and_then(Result::ok);
        }
        group.kill();
        writer.abort();
        if status.is_none() {
            status = child.wait().await.ok();
        }
        // What it wrote last says why it ended; a grandchild may hold the pipe open for ever.
        let _ = tokio::time::timeout(LAST_WORDS, errors).await;
        let why = given_up.unwrap_or_else(|| self.obituary(status));
        self.shared.end(why);
        self.shared.ended.cancel();
    }

    fn obituary(&self, status: Option<ExitStatus>) -> Failure {
        let how = status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string());
        let mut message = format!("the program of `[skills.{}]` ended ({how})", self.namespace);
        let last = self.shared.last_stderr();
        if !last.is_empty() {
            message.push_str("; its last lines: ");
            message.push_str(&last);
        }
        Failure::new("unavailable", message)
    }

    /// Hands out answers until stdout ends; gives the reason where the process is to be given up.
    async fn read_answers(&self, stdout: ChildStdout) -> Option<Failure> {
        let mut stdout = BufReader::with_capacity(64 * 1024, stdout);
        let mut garbage = 0;
        loop {
            match read_line(&mut stdout, self.config.max_line).await {
                Line::End => return None,
                Line::TooLong => {
                    let most = self.config.max_line;
                    let message =
                        format!("the program answered with a line of more than {most} bytes; it was stopped");
                    return Some(Failure::new("invalid_output", message));
                }
                Line::Text(line) if wire::values(&line) > wire::MAX_VALUES => {
                    let most = wire::MAX_VALUES;
                    let message =
                        format!("the program answered with more than {most} JSON values; it was stopped");
                    return Some(Failure::new("invalid_output", message));
                }
                Line::Text(line) => {
                    if self.deliver(&line) {
                        garbage = 0;
                        continue;
                    }
                    garbage += 1;
                    tracing::warn!(namespace = %self.namespace, "a line that is no answer");
                    if garbage == GARBAGE {
                        let text = String::from_utf8_lossy(line.get(..800).unwrap_or(&line)).into_owned();
                        let message = format!(
                            "the program wrote {GARBAGE} lines that are no answers, the last: {}; it was stopped (its own \
                             messages belong on stderr)",
                            wire::excerpt(&text, 200)
                        );
                        return Some(Failure::new("invalid_output", message));
                    }
                }
            }
        }
    }

    /// Hands an answer to its caller; false where it is none.
    fn deliver(&self, line: &[u8]) -> bool {
        let Ok(answer) = serde_json::from_slice::<Json>(line) else { return false };
        let id = match answer.get("id") {
            Some(Json::Number(id)) => id.as_u64(),
            Some(Json::String(id)) => id.parse().ok(),
            Some(_) | None => None,
        };
        let Some(id) = id else { return false };
        let waiting = {
            let mut state = self.shared.state();
            if id == 0 || id > state.last_id {
                return false;
            }
            state.answered = true;
            state.pending.remove(&id)
        };
        if let Some(waiting) = waiting {
            let neither =
                || Err(Failure::new("invalid_output", "the answer has neither `result` nor `error`"));
            // A caller that gave up needs no answer.
            let _ = waiting.send(reply::read(answer).unwrap_or_else(neither));
        }
        true
    }
}

async fn write_requests(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Vec<u8>>, stop: CancellationToken) {
    loop {
        let line = tokio::select! {
            line = queue.recv() => line,
            () = stop.cancelled() => None,
        };
        let Some(line) = line else { return };
        // A broken pipe means that the process is ending, which the supervisor sees.
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn keep_stderr(shared: Arc<Shared>, mut stderr: ChildStderr) {
    let mut chunk = [0; 4096];
    while let Ok(read) = stderr.read(&mut chunk).await {
        if read == 0 {
            return;
        }
        let mut kept = shared.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(chunk.get(..read).unwrap_or_default());
        let excess = kept.len().saturating_sub(STDERR);
        kept.drain(..excess);
    }
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// Reads a line of at most `max` bytes; what breaks off without an end of line is none.
async fn read_line(from: &mut (impl AsyncBufRead + Unpin), max: usize) -> Line {
    let mut line = Vec::new();
    loop {
        let Ok(chunk) = from.fill_buf().await else { return Line::End };
        if chunk.is_empty() {
            return Line::End;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let piece = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        if line.len() + piece.len() > max {
            return Line::TooLong;
        }
        line.extend_from_slice(piece);
        let used = piece.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Line::Text(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded() {
        let mut text: &[u8] = b"ab\n\nabcd\n";
        assert!(matches!(read_line(&mut text, 3).await, Line::Text(line) if line == b"ab"));
        assert!(matches!(read_line(&mut text, 3).await, Line::Text(line) if line.is_empty()));
        assert!(matches!(read_line(&mut text, 3).await, Line::TooLong));
        let mut text: &[u8] = b"half";
        assert!(matches!(read_line(&mut text, 9).await, Line::End));
    }
}
