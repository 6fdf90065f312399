//! Beside a live run: the process that holds the store answers others over a socket, one JSON request a connection, answers as
//! JSON lines. The socket has mode 0600: whoever can open it is the user who runs the plans.

use super::artifacts::{Artifact, Query};
use super::care::{Done, Job};
use super::dead::DeadLetter;
use super::driver::Update;
use super::host::{ByKey, Keep, Request as RunRequest, RunError, Runtime, Started};
use super::journal::{Header, RunRow};
use super::memory::{Ask, Told};
use super::people::{Person, Reply};
use super::planning::Planning;
use super::report::Report;
use super::spend;
use crate::engine::Notice;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// Plans with their sources and inputs are small; more than this is no request of ours.
const MAX_REQUEST: u64 = 256 * 1024 * 1024;

/// What another process asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    Run {
        run: Box<RunRequest>,
    },
    Resume {
        run: String,
        actor: Arc<str>,
    },
    Cancel {
        run: String,
        actor: Arc<str>,
        reason: Option<Arc<str>>,
    },
    /// An approval, a value, a signal.
    Reply {
        run: String,
        who: Person,
        reply: Reply,
    },
    Runs {
        limit: usize,
    },
    Show {
        run: String,
    },
    Care {
        job: Job,
    },
    Artifacts {
        query: Query,
    },
    Cost {
        query: spend::Query,
    },
    Dead,
    RetryDead {
        run: String,
        actor: Arc<str>,
    },
    DropDead {
        run: String,
    },
    Memory {
        ask: Ask,
    },
    /// The result of a step is worth keeping.
    Keep {
        keep: Keep,
    },
    /// What a key of planning stands for.
    Planned {
        project: PathBuf,
        key: String,
        asked: String,
    },
    KeepPlanning {
        planning: Box<Planning>,
    },
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Started {
        run: String,
    },
    Notice {
        notice: Box<Notice>,
    },
    Finished {
        report: Box<Report>,
    },
    Runs {
        runs: Vec<RunRow>,
    },
    Show {
        report: Box<Report>,
        header: Box<Header>,
        row: Box<RunRow>,
    },
    /// It was asked to stop and will.
    Cancelling {
        run: String,
    },
    /// What was said was taken in by a run that goes on here.
    Taken {
        run: String,
    },
    Care {
        done: Box<Done>,
    },
    Artifacts {
        artifacts: Vec<Artifact>,
    },
    Cost {
        lines: Vec<spend::Line>,
    },
    Dead {
        letters: Vec<DeadLetter>,
    },
    Memory {
        told: Box<Told>,
    },
    /// None where a key stands for nothing; the one that was to be kept.
    Planned {
        planning: Option<Box<Planning>>,
    },
    Error {
        message: String,
    },
}

/// Where the socket of a store lies.
#[must_use]
pub fn path(store: &Path) -> PathBuf {
    store.join("aos.sock")
}

/// Answers other processes until the future is dropped.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(
    runtime: Arc<Runtime>,
    store: &Path,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let path = path(store);
    // The lock on the store is ours, so a socket that is there was left by a process that died.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = bind(&path)?;
    // Not only once it is polled: a task that is aborted before that leaves nothing behind either.
    let remove = RemoveOnDrop(path);
    Ok(async move {
        let _remove = remove;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let runtime = Arc::clone(&runtime);
                    tokio::spawn(async move {
                        if let Err(error) = answer(&runtime, stream).await {
                            tracing::debug!(%error, "a client of the socket went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the socket failed to accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    })
}

fn bind(path: &Path) -> std::io::Result<UnixListener> {
    let temp = path.with_extension(format!("sock.{}", std::process::id()));
    let _ = std::fs::remove_file(&temp);
    let listener = UnixListener::bind(&temp)?;
    // Nobody can have connected before the mode is set: the name is only known after the rename.
    std::fs::set_permissions(&temp, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&temp, path)?;
    Ok(listener)
}

struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn answer(runtime: &Runtime, mut stream: UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_REQUEST)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => meet(runtime, request, &mut write).await?,
        Err(error) => Some(Answer::Error { message: format!("the request cannot be read: {error}") }),
    };
    match answer {
        Some(answer) => send(&mut write, &answer).await,
        None => Ok(()),
    }
}

type Writer<'a> = tokio::net::unix::WriteHalf<'a>;

async fn send(write: &mut Writer<'_>, answer: &Answer) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(answer)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}

/// Meets a request; gives the last answer.
async fn meet(
    runtime: &Runtime,
    request: Request,
    write: &mut Writer<'_>,
) -> std::io::Result<Option<Answer>> {
    let met = match request {
        Request::Runs { limit } => runtime.runs(limit).map(|runs| Answer::Runs { runs }),
        Request::Show { run } => {
            runtime.find(&run).and_then(|run| runtime.report(run)).map(|(report, header, row)| Answer::Show {
                report: Box::new(report),
                header: Box::new(header),
                row: Box::new(row),
            })
        }
        Request::Run { run } => match runtime.start_once(*run).await {
            Ok(ByKey::Going(started)) => return follow(started, write).await.map(Some),
            Ok(ByKey::Still(report)) => {
                send(write, &Answer::Started { run: report.run.clone() }).await?;
                Ok(Answer::Finished { report })
            }
            Err(error) => Err(error),
        },
        Request::Reply { run, who, reply } => match runtime.find(&run) {
            Ok(id) => match runtime.reply(id, who, reply).await {
                Ok(Some(started)) => return follow(started, write).await.map(Some),
                Ok(None) => Ok(Answer::Taken { run: id.to_string() }),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
        Request::Resume { run, actor } => match runtime.find(&run).and_then(|run| runtime.resume(run, actor))
        {
            Ok(started) => return follow(started, write).await.map(Some),
            Err(error) => Err(error),
        },
        Request::Care { job } => {
            return Ok(Some(match runtime.care(job).await {
                Ok(done) => Answer::Care { done: Box::new(done) },
                Err(message) => Answer::Error { message },
            }));
        }
        Request::Artifacts { query } => {
            runtime.artifacts(query).await.map(|artifacts| Answer::Artifacts { artifacts })
        }
        Request::Memory { ask } => {
            runtime.recall(ask).await.map(|told| Answer::Memory { told: Box::new(told) })
        }
        Request::Keep { keep } => {
            runtime.keep(keep).await.map(|told| Answer::Memory { told: Box::new(told) })
        }
        Request::Cost { query } => runtime.cost(query).await.map(|lines| Answer::Cost { lines }),
        Request::Dead => runtime.dead().map(|letters| Answer::Dead { letters }),
        Request::RetryDead { run, actor } => match runtime.find(&run) {
            Ok(run) => match runtime.retry_dead(run, actor).await {
                Ok(started) => return follow(started, write).await.map(Some),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
        Request::DropDead { run } => match runtime.find(&run) {
            Ok(run) => runtime.drop_dead(run).await.map(|letter| Answer::Dead { letters: vec![letter] }),
            Err(error) => Err(error),
        },
        Request::Planned { project, key, asked } => {
            return Ok(Some(match runtime.planned(&project, &key, &asked) {
                Ok(planning) => Answer::Planned { planning: planning.map(Box::new) },
                Err(message) => Answer::Error { message },
            }));
        }
        Request::KeepPlanning { planning } => {
            return Ok(Some(match runtime.keep_planning(&planning).await {
                Ok(()) => Answer::Planned { planning: None },
                Err(message) => Answer::Error { message },
            }));
        }
        Request::Cancel { run, actor, reason } => match runtime.find(&run) {
            Ok(id) => match runtime.cancel(id, actor, reason).await {
                Ok(Some(started)) => return follow(started, write).await.map(Some),
                Ok(None) => Ok(Answer::Cancelling { run: id.to_string() }),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
    };
    Ok(Some(met.unwrap_or_else(|error| Answer::Error { message: error.to_string() })))
}

/// Tells a client of every notice of a run. A client that goes away does not stop the run.
async fn follow(mut started: Started, write: &mut Writer<'_>) -> std::io::Result<Answer> {
    send(write, &Answer::Started { run: started.run.to_string() }).await?;
    while let Some(update) = started.updates.recv().await {
        match update {
            Update::Notice(notice) => send(write, &Answer::Notice { notice: Box::new(notice) }).await?,
            Update::Finished => break,
        }
    }
    Ok(match started.done.await {
        Ok(Ok(report)) => Answer::Finished { report: Box::new(report) },
        Ok(Err(error)) => Answer::Error { message: error.to_string() },
        Err(error) => Answer::Error { message: RunError::Task(error.to_string()).to_string() },
    })
}

/// The answers of the process that holds a store.
pub struct Client {
    lines: tokio::io::Lines<BufReader<UnixStream>>,
}

impl Client {
    /// Asks the holder of a store; none where nobody answers.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn ask(store: &Path, request: &Request) -> std::io::Result<Option<Client>> {
        let Ok(mut stream) = UnixStream::connect(path(store)).await else { return Ok(None) };
        let mut bytes = serde_json::to_vec(request)?;
        bytes.push(b'\n');
        stream.write_all(&bytes).await?;
        Ok(Some(Client { lines: BufReader::new(stream).lines() }))
    }

    /// The next line of the answer; none at its end.
    ///
    /// # Errors
    /// The connection broke, or the answer cannot be read.
    pub async fn next(&mut self) -> std::io::Result<Option<Answer>> {
        let Some(line) = self.lines.next_line().await? else { return Ok(None) };
        Ok(Some(serde_json::from_str(&line)?))
    }
}
