//! The runtime: starts, resumes, cancels and shows the runs of one store.

use super::driver::{Control, Driver, Surroundings, Update};
use super::journal::{self, FORMAT, Header, JournalError, Replayed, RunJournal, RunRow};
use super::report::Report;
use super::skill::Skills;
use super::skill::schema::Schemas;
use super::store::Store;
use super::store::journal::Journal;
use super::store::keys::KeyName;
use crate::dag::Dag;
use crate::engine::event::EventKind;
use crate::engine::{Machine, RunStatus};
use crate::value::Map;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Builds the skills of a project from the folder of its `aos.toml`.
pub type SkillsFactory = dyn Fn(&Path) -> Result<Skills, String> + Send + Sync;

/// Why a request about a run cannot be met.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("no run starts with `{0}`; `aos runs` lists them")]
    Unknown(String),
    #[error("several runs start with `{prefix}`: {}", matches.join(", "))]
    Ambiguous { prefix: String, matches: Vec<String> },
    #[error("run {run} has ended already: it is {status}")]
    Ended { run: Uuid, status: &'static str },
    #[error("run {0} is going on already")]
    Live(Uuid),
    #[error("the project's skills cannot be set up: {0}")]
    Skills(String),
    #[error("the run's task stopped unexpectedly: {0}")]
    Task(String),
}

/// A checked plan with what it needs to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    pub dag: Arc<Dag>,
    pub sources: Vec<(Arc<str>, Arc<str>)>,
    pub plan: Arc<str>,
    pub file: Arc<str>,
    pub project_root: PathBuf,
    pub inputs: Map,
    pub actor: Arc<str>,
}

/// A run that goes on.
pub struct Started {
    pub run: Uuid,
    pub updates: mpsc::UnboundedReceiver<Update>,
    pub control: mpsc::Sender<Control>,
    pub done: JoinHandle<Result<Report, RunError>>,
}

/// The runs of one store and one tenant.
pub struct Runtime {
    journal: Journal,
    tenant: KeyName,
    factory: Box<SkillsFactory>,
    skills: Mutex<HashMap<PathBuf, Arc<Skills>>>,
    live: Arc<Mutex<HashMap<Uuid, mpsc::Sender<Control>>>>,
}

impl Runtime {
    /// A runtime over a store.
    pub fn new(
        store: Arc<dyn Store>,
        tenant: KeyName,
        factory: impl Fn(&Path) -> Result<Skills, String> + Send + Sync + 'static,
    ) -> Self {
        Runtime {
            journal: Journal::new(store),
            tenant,
            factory: Box::new(factory),
            skills: Mutex::default(),
            live: Arc::default(),
        }
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        self.journal.store()
    }

    /// Starts a run of a checked plan.
    ///
    /// # Errors
    /// The project's skills cannot be set up.
    pub fn start(&self, request: Request) -> Result<Started, RunError> {
        let run = Uuid::now_v7();
        let skills = self.skills(&request.project_root)?;
        let header = Header {
            format: FORMAT,
            tenant: self.tenant.as_str().into(),
            actor: Arc::clone(&request.actor),
            plan: request.plan,
            file: request.file,
            project_root: request.project_root,
            dag: Arc::clone(&request.dag),
            sources: request.sources,
        };
        let plan = Arc::clone(&header.plan);
        let machine = Machine::new(request.dag);
        let schemas = schemas(&header);
        let journal = RunJournal::create(self.journal.clone(), self.tenant.clone(), run, header);
        let first = vec![journal::started(run, request.inputs)];
        Ok(self.drive(run, plan, request.actor, (skills, schemas), machine, journal, first))
    }

    /// Goes on with a run whose process ended.
    ///
    /// # Errors
    /// There is no such run, it has ended or goes on here, or its journal is damaged.
    pub fn resume(&self, run: Uuid, actor: Arc<str>) -> Result<Started, RunError> {
        self.go_on(run, actor, vec![EventKind::Resumed])
    }

    /// Asks a run to unwind and stop; one that is not going on is taken up for it.
    ///
    /// # Errors
    /// There is no such run, it has ended, or its journal is damaged.
    pub async fn cancel(
        &self,
        run: Uuid,
        actor: Arc<str>,
        reason: Option<Arc<str>>,
    ) -> Result<Option<Started>, RunError> {
        let live = self.live().get(&run).cloned();
        if let Some(control) = live {
            let _ = control.send(Control::Cancel { actor, reason }).await;
            return Ok(None);
        }
        // Cancelled first, so that resuming calls nothing that would be dropped at once.
        let first = vec![EventKind::CancelRequested { reason }, EventKind::Resumed];
        self.go_on(run, actor, first).map(Some)
    }

    /// The latest runs first; one that says it runs but does not run here was interrupted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, RunError> {
        let mut rows = journal::rows(&self.journal, &self.tenant, limit)?;
        let live = self.live();
        for row in &mut rows {
            row.status = shown(row.status, live.contains_key(&row.run));
        }
        Ok(rows)
    }

    /// One run with its steps, and its sources for messages.
    ///
    /// # Errors
    /// There is no such run, or its journal is damaged.
    pub fn report(&self, run: Uuid) -> Result<(Report, Header, RunRow), RunError> {
        let mut row = journal::row(&self.journal, &self.tenant, run)?
            .ok_or_else(|| RunError::Unknown(run.to_string()))?;
        row.status = shown(row.status, self.live().contains_key(&run));
        let Replayed { header, machine, .. } = journal::replay(&self.journal, &self.tenant, run)?;
        Ok((Report::of(&run.to_string(), &header.plan, row.status, &machine), header, row))
    }

    /// The run whose id starts so.
    ///
    /// # Errors
    /// None does, or several do.
    pub fn find(&self, prefix: &str) -> Result<Uuid, RunError> {
        if let Ok(run) = prefix.parse::<Uuid>() {
            let known = journal::row(&self.journal, &self.tenant, run)?.is_some();
            return if known { Ok(run) } else { Err(RunError::Unknown(prefix.to_owned())) };
        }
        let rows = journal::rows(&self.journal, &self.tenant, usize::MAX)?;
        let wanted = prefix.to_lowercase();
        let fits = |id: &String| !wanted.is_empty() && (id.starts_with(&wanted) || id.ends_with(&wanted));
        let matches: Vec<String> = rows.iter().map(|r| r.run.to_string()).filter(fits).collect();
        match matches.as_slice() {
            [] => Err(RunError::Unknown(prefix.to_owned())),
            [one] => one.parse().map_err(|_| RunError::Unknown(prefix.to_owned())),
            _ => Err(RunError::Ambiguous { prefix: prefix.to_owned(), matches }),
        }
    }

    /// How many runs go on here.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live().len()
    }

    /// Ends what the skills keep running.
    pub async fn shut_down(&self) {
        let skills: Vec<Arc<Skills>> =
            self.skills.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, s)| s).collect();
        for skills in skills {
            skills.shutdown().await;
        }
    }

    /// Asks every run that goes on here to pause.
    pub fn pause_all(&self) {
        for control in self.live().values() {
            let _ = control.try_send(Control::Pause);
        }
    }

    fn go_on(&self, run: Uuid, actor: Arc<str>, first: Vec<EventKind>) -> Result<Started, RunError> {
        let row = journal::row(&self.journal, &self.tenant, run)?
            .ok_or_else(|| RunError::Unknown(run.to_string()))?;
        if self.live().contains_key(&run) {
            return Err(RunError::Live(run));
        }
        if matches!(row.status, RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled) {
            return Err(RunError::Ended { run, status: super::report::status_name(row.status) });
        }
        let Replayed { header, machine, journal } = journal::replay(&self.journal, &self.tenant, run)?;
        let skills = self.skills(&header.project_root)?;
        let schemas = schemas(&header);
        Ok(self.drive(run, header.plan, actor, (skills, schemas), machine, journal, first))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one run, named once")]
    fn drive(
        &self,
        run: Uuid,
        plan: Arc<str>,
        actor: Arc<str>,
        (skills, schemas): (Arc<Skills>, Schemas),
        machine: Machine,
        journal: RunJournal,
        first: Vec<EventKind>,
    ) -> Started {
        let (control, control_rx) = mpsc::channel(16);
        let (updates_tx, updates) = mpsc::unbounded_channel();
        let id: Arc<str> = run.to_string().into();
        let around = Surroundings {
            skills,
            schemas,
            actor,
            tenant: self.tenant.as_str().into(),
            run: Arc::clone(&id),
            control: control_rx,
            updates: updates_tx,
        };
        self.live().insert(run, control.clone());
        let live = Arc::clone(&self.live);
        let done = tokio::spawn(async move {
            let _gone = Gone { live, run };
            let (machine, status) = Driver::new(machine, journal, around).run(first).await?;
            Ok(Report::of(&id, &plan, status, &machine))
        });
        Started { run, updates, control, done }
    }

    fn skills(&self, root: &Path) -> Result<Arc<Skills>, RunError> {
        let mut cache = self.skills.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(skills) = cache.get(root) {
            return Ok(Arc::clone(skills));
        }
        let skills = Arc::new((self.factory)(root).map_err(RunError::Skills)?);
        cache.insert(root.to_path_buf(), Arc::clone(&skills));
        Ok(skills)
    }

    fn live(&self) -> MutexGuard<'_, HashMap<Uuid, mpsc::Sender<Control>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What imports kept of the run's skills.
fn schemas(header: &Header) -> Schemas {
    Schemas::of(header.sources.iter().map(|(path, text)| (path.as_ref(), text.as_ref())))
}

fn shown(status: RunStatus, live: bool) -> RunStatus {
    if status == RunStatus::Running && !live { RunStatus::Interrupted } else { status }
}

/// Takes a run off the list of those that go on, however its task ends.
struct Gone {
    live: Arc<Mutex<HashMap<Uuid, mpsc::Sender<Control>>>>,
    run: Uuid,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
    }
}
