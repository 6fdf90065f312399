//! The store a command works on: opened here, or reached through the process that holds it.

use super::args::Global;
use super::{Exit, Stop, terminal};
use crate::engine::Notice;
use crate::runtime::care::{self, CareError, Opened};
use crate::runtime::host::{RunError, Started};
use crate::runtime::journal::{Header, RunRow};
use crate::runtime::memory::MemoryError;
use crate::runtime::report::Report;
use crate::runtime::setup;
use crate::runtime::socket::{self, Answer, Client, Request};
use crate::runtime::store::disk::{BackEnd, DiskOptions};
use crate::runtime::store::keys::KeyName;
use crate::runtime::store::memory::MemoryStore;
use crate::runtime::store::{Store, StoreError};
use crate::runtime::{Runtime, driver::Control, driver::Update};
use crate::source::Sources;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who acts: the login name of the process's user.
pub(crate) fn actor() -> Arc<str> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id == uid).then(|| name.to_owned())
    });
    let environment =
        || ["USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok()).filter(|n| !n.is_empty());
    name.or_else(environment).unwrap_or_else(|| format!("uid-{uid}")).into()
}

/// Where runs are kept: the option, else `.aos` beside the nearest aos.toml above the working folder, else the platform's
/// data directory. `None`: nowhere.
pub(crate) fn store_dir(global: &Global) -> Result<Option<PathBuf>, Stop> {
    if let Some(store) = &global.store {
        let (_, dir) = named(store);
        return Ok((dir.as_os_str() != ":memory:").then_some(dir));
    }
    let here =
        std::env::current_dir().map_err(|e| Stop::usage(format!("the working folder is gone: {e}")))?;
    if let Some(project) = here.ancestors().find(|dir| dir.join("aos.toml").is_file()) {
        return Ok(Some(project.join(".aos")));
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/share"));
    let data =
        data.or_else(home).ok_or_else(|| Stop::usage("there is no home directory; say `--store DIR`"))?;
    Ok(Some(data.join("aos")))
}

/// A back end and a folder: `redb:DIR`, or just `DIR`.
fn named(store: &Path) -> (Option<BackEnd>, PathBuf) {
    let named = [BackEnd::Sled, BackEnd::Redb].into_iter().find_map(|back_end| {
        let dir = store.to_str()?.strip_prefix(back_end.name())?.strip_prefix(':')?;
        Some((Some(back_end), PathBuf::from(dir)))
    });
    named.unwrap_or_else(|| (None, store.to_owned()))
}

/// How to open the store of a folder.
pub(crate) fn options(global: &Global, dir: &Path) -> DiskOptions {
    let back_end = global.store.as_deref().and_then(|store| named(store).0);
    DiskOptions { back_end, ..DiskOptions::new(dir) }
}

/// Where a command's runs live.
pub(crate) enum Backend {
    Local {
        runtime: Arc<Runtime>,
        store: Arc<dyn Store>,
        /// Answers other processes; it must be gone before the store's lock is.
        serving: Option<tokio::task::JoinHandle<()>>,
    },
    /// The process that holds the store answers at its socket.
    Remote { store: PathBuf },
}

impl Backend {
    /// Opens the store, or finds the process that holds it.
    pub(crate) async fn open(global: &Global) -> Result<Backend, Stop> {
        let Some(dir) = store_dir(global)? else {
            return Ok(Self::local(Arc::new(MemoryStore::new()), None));
        };
        if socket::path(&dir).exists()
            && Client::ask(&dir, &Request::Runs { limit: 0 }).await.is_ok_and(|c| c.is_some())
        {
            return Ok(Backend::Remote { store: dir });
        }
        let options = DiskOptions { socket: Some(socket::path(&dir)), ..options(global, &dir) };
        let opened = tokio::task::spawn_blocking(move || care::open(&options)).await;
        match opened.map_err(|e| Stop::failed(format!("the store could not be opened: {e}")))? {
            Ok(Opened { store, backup, verified }) => {
                for lost in &verified.damaged {
                    terminal::say(&format!("note: {lost}; `aos store check` looks at everything"));
                }
                if let Some(backup) = backup {
                    let backup = backup.display();
                    terminal::say(&format!("note: the store is now of this version; as it was: {backup}"));
                }
                let mut backend = Self::local(store, Some(dir.clone()));
                if let Backend::Local { runtime, serving, .. } = &mut backend {
                    match socket::serve(Arc::clone(runtime), &dir) {
                        Ok(answering) => *serving = Some(tokio::spawn(answering)),
                        Err(e) => terminal::say(&format!("note: other commands cannot reach this run: {e}")),
                    }
                }
                Ok(backend)
            }
            // It was opened between the two looks.
            Err(CareError::Store(StoreError::InUse { .. }))
                if Client::ask(&dir, &Request::Runs { limit: 0 }).await.is_ok_and(|c| c.is_some()) =>
            {
                Ok(Backend::Remote { store: dir })
            }
            Err(error @ CareError::Store(StoreError::InUse { .. })) => {
                Err(Stop { exit: Exit::InUse, message: error.to_string() })
            }
            Err(error) => Err(Stop::failed(error.to_string())),
        }
    }

    fn local(store: Arc<dyn Store>, dir: Option<PathBuf>) -> Backend {
        let folder = dir.clone();
        let skills = move |root: &Path| setup::skills(root, folder.as_deref());
        let mut runtime = Runtime::new(Arc::clone(&store), KeyName::local(), skills)
            .with_agents(setup::agent)
            .with_people(setup::people);
        if let Some(dir) = dir {
            runtime = runtime.in_folder(&dir);
        }
        Backend::Local { runtime: Arc::new(runtime), store, serving: None }
    }

    /// Takes up suspended runs as they fall due, for as long as the guard lives.
    pub(crate) fn keep_time(&self) -> Option<KeepsTime> {
        let Backend::Local { runtime, .. } = self else { return None };
        let runtime = Arc::clone(runtime);
        Some(KeepsTime(tokio::spawn(async move { runtime.keep_time(actor()).await })))
    }

    /// Waits for other runs that go on here, then closes the store.
    pub(crate) async fn close(self) -> Result<(), Stop> {
        let Backend::Local { runtime, store, serving } = self else { return Ok(()) };
        let others = runtime.live_count();
        if others > 0 {
            terminal::say(&format!("{others} other run(s) or jobs go on in this process; waiting for them"));
            while runtime.live_count() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        runtime.shut_down().await;
        // Ended before the lock is let go: it removes the socket, which by then might be another's.
        if let Some(serving) = serving {
            serving.abort();
            let _ = serving.await;
        }
        store.close().map_err(|e| Stop::failed(e.to_string()))
    }

    /// A run with its steps.
    pub(crate) async fn report(&self, run: &str) -> Result<Shown, Stop> {
        match self {
            Backend::Local { runtime, .. } => {
                runtime.find(run).and_then(|run| runtime.report(run)).map_err(|e| stop(&e))
            }
            Backend::Remote { store } => {
                match Self::ask(store, &Request::Show { run: run.to_owned() }).await? {
                    Answer::Show { report, header, row } => Ok((*report, *header, *row)),
                    other => Err(unexpected(&other)),
                }
            }
        }
    }

    /// Asks for one answer of the process that holds the store.
    pub(crate) async fn ask(store: &Path, request: &Request) -> Result<Answer, Stop> {
        let mut client = connect(store, request).await?;
        next(&mut client).await
    }
}

/// Ends what takes up runs that are due.
pub(crate) struct KeepsTime(tokio::task::JoinHandle<()>);

impl Drop for KeepsTime {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn connect(store: &Path, request: &Request) -> Result<Client, Stop> {
    let lost = |e: std::io::Error| Stop {
        exit: Exit::InUse,
        message: format!("the store's holder does not answer: {e}"),
    };
    Client::ask(store, request).await.map_err(lost)?.ok_or_else(|| Stop {
        exit: Exit::InUse,
        message: format!("the process that held the store `{}` has just ended; try again", store.display()),
    })
}

async fn next(client: &mut Client) -> Result<Answer, Stop> {
    match client.next().await {
        Ok(Some(Answer::Error { message })) => Err(Stop::usage(message)),
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(Stop {
            exit: Exit::Interrupted,
            message: "the process that runs it ended; `aos resume` goes on".into(),
        }),
        Err(e) => Err(Stop::failed(format!("the answer of the store's holder cannot be read: {e}"))),
    }
}

/// The holder of the store speaks another version.
pub(crate) fn unexpected(answer: &Answer) -> Stop {
    Stop::failed(format!("unexpected answer of the store's holder: {answer:?}"))
}

/// A run that is followed, wherever it goes on.
pub(crate) enum Followed {
    Local(Started),
    Remote { run: String, client: Client },
}

impl Followed {
    /// Sends a request that starts a run.
    pub(crate) async fn remote(store: &Path, request: &Request) -> Result<Followed, Stop> {
        match Self::remote_or_taken(store, request).await? {
            Ok(followed) => Ok(followed),
            Err(run) => Err(Stop::failed(format!("run {run} goes on, but cannot be followed"))),
        }
    }

    /// Sends a request that starts a run, or that a run which goes on takes in: then its id.
    pub(crate) async fn remote_or_taken(
        store: &Path,
        request: &Request,
    ) -> Result<Result<Followed, String>, Stop> {
        let mut client = connect(store, request).await?;
        match next(&mut client).await? {
            Answer::Started { run } => Ok(Ok(Followed::Remote { run, client })),
            Answer::Taken { run } => Ok(Err(run)),
            other => Err(Stop::failed(format!("unexpected answer of the store's holder: {other:?}"))),
        }
    }

    pub(crate) fn run(&self) -> String {
        match self {
            Followed::Local(started) => started.run.to_string(),
            Followed::Remote { run, .. } => run.clone(),
        }
    }

    /// The next notice, or the report at the end.
    pub(crate) async fn next(&mut self) -> Result<Progress, Stop> {
        match self {
            Followed::Local(started) => match started.updates.recv().await {
                Some(Update::Notice(notice)) => Ok(Progress::Notice(notice)),
                Some(Update::Finished) | None => match (&mut started.done).await {
                    Ok(Ok(report)) => Ok(Progress::Finished(Box::new(report))),
                    Ok(Err(error)) => Err(stop(&error)),
                    Err(error) => Err(stop(&RunError::Task(error.to_string()))),
                },
            },
            Followed::Remote { client, .. } => match next(client).await? {
                Answer::Notice { notice } => Ok(Progress::Notice(*notice)),
                Answer::Finished { report } => Ok(Progress::Finished(report)),
                other => Err(Stop::failed(format!("unexpected answer of the store's holder: {other:?}"))),
            },
        }
    }

    /// Asks it to pause; none where it goes on in another process.
    pub(crate) fn control(&self) -> Option<tokio::sync::mpsc::Sender<Control>> {
        match self {
            Followed::Local(started) => Some(started.control.clone()),
            Followed::Remote { .. } => None,
        }
    }
}

/// What following a run gives.
#[expect(clippy::large_enum_variant, reason = "the large one is the one that there are many of")]
pub(crate) enum Progress {
    Notice(Notice),
    Finished(Box<Report>),
}

/// The end of a command for an error about runs.
pub(crate) fn stop(error: &RunError) -> Stop {
    match error {
        RunError::Unknown(_)
        | RunError::Ambiguous { .. }
        | RunError::Ended { .. }
        | RunError::Live(_)
        | RunError::NotDead(_)
        | RunError::Memory(
            MemoryError::Empty
            | MemoryError::TooLarge { .. }
            | MemoryError::Tags(_)
            | MemoryError::Full
            | MemoryError::Unknown(_)
            | MemoryError::Ambiguous(_)
            | MemoryError::IsRun(_)
            | MemoryError::Refused(_),
        )
        | RunError::Refused(_) => Stop::usage(error.to_string()),
        RunError::PutAside { .. }
        | RunError::Memory(MemoryError::Store(_) | MemoryError::Journal(_) | MemoryError::Codec { .. })
        | RunError::Journal(_)
        | RunError::Skills(_)
        | RunError::Task(_) => Stop::failed(error.to_string()),
    }
}

/// A run as `show` needs it.
pub(crate) type Shown = (Report, Header, RunRow);

/// The texts of a run's files.
pub(crate) fn sources(header: &Header) -> Sources {
    let mut sources = Sources::default();
    for (path, text) in &header.sources {
        sources.add(path, text);
    }
    sources
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Stop::failed(format!("no threads: {e}")))?;
    let result = runtime.block_on(future);
    // A blocking call that hangs must not keep the program from ending.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    result
}
