//! The runtime: starts, resumes, cancels and shows the runs of one store.

mod care;
mod memory;
mod planning;

use super::agents::{Agent, Books};
use super::call::Caller;
use super::driver::{Control, Driver, Said, Surroundings, Update};
use super::journal::{self, FORMAT, Header, JournalError, Replayed, RunJournal, RunRow};
use super::keep::{Keeper, Known};
use super::memory::{Memory, MemoryError};
use super::people::{People, Person, Reply, admit};
use super::rate::Rates;
use super::report::Report;
use super::reuse;
use super::skill::Skills;
use super::skill::schema::Schemas;
use super::store::Store;
use super::store::journal::Journal;
use super::store::keys::KeyName;
use super::timeline::Timeline;
use super::trace;
use super::watch::Watchers;
use crate::dag::Dag;
use crate::engine::event::EventKind;
use crate::engine::{Event, Machine, RunStatus, Step};
use crate::project::config::AgentConfig;
use crate::value::{Map, Value};
use serde::{Deserialize, Serialize};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use uuid::Uuid;

pub use memory::Keep;

/// Builds the skills of a project from the folder of its `aos.toml`.
pub type SkillsFactory = dyn Fn(&Path) -> Result<Skills, String> + Send + Sync;

/// Reads who may answer from the folder of a project's `aos.toml`.
pub type PeopleFactory = dyn Fn(&Path) -> Result<People, String> + Send + Sync;

/// Reads what an agent may do from the folder of a project's `aos.toml`.
pub type AgentFactory = dyn Fn(&Path, &str) -> Result<AgentConfig, String> + Send + Sync;

/// Why a request about a run cannot be met.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("no run starts with `{0}`; `aos runs` lists them")]
    Unknown(String),
    #[error("several runs start with `{prefix}`: {}", matches.join(", "))]
    Ambiguous { prefix: String, matches: Vec<String> },
    #[error("run {run} has ended already: it is {status}")]
    Ended { run: Uuid, status: &'static str },
    #[error("run {0} is going on already")]
    Live(Uuid),
    #[error("run {run} is put aside: {why}; `aos dead retry {run}` goes on with it all the same")]
    PutAside { run: Uuid, why: String },
    #[error("run {0} is not put aside; `aos dead list` lists those that are")]
    NotDead(Uuid),
    #[error("the project's skills cannot be set up: {0}")]
    Skills(String),
    #[error("the run's task stopped unexpectedly: {0}")]
    Task(String),
    /// What somebody said was not taken in.
    #[error("{0}")]
    Refused(String),
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
    /// The run whose finished steps are taken over.
    #[serde(default)]
    pub from: Option<reuse::From>,
    /// Under one key a run is started once.
    #[serde(default)]
    pub key: Option<Arc<str>>,
    /// Of `aos.toml`, on whose behalf it is made.
    #[serde(default)]
    pub agent: Option<Arc<str>>,
}

impl Request {
    /// Over all that a key stands for: the texts of the plan, its name, its inputs.
    #[must_use]
    pub fn digest(&self) -> Arc<str> {
        let text = |text: &Arc<str>| Value::String(Arc::clone(text));
        let mut all = Map::new();
        all.insert("plan".into(), text(&self.plan));
        all.insert("sources".into(), Value::list(self.sources.iter().map(|(_, t)| text(t)).collect()));
        all.insert("inputs".into(), Value::map(self.inputs.clone()));
        crate::value::canonical_digest(&Value::map(all)).into()
    }
}

/// A run that goes on.
pub struct Started {
    pub run: Uuid,
    pub updates: mpsc::UnboundedReceiver<Update>,
    pub control: mpsc::Sender<Control>,
    pub done: JoinHandle<Result<Report, RunError>>,
}

/// The run that a request stands for.
pub enum ByKey {
    /// It goes on: new, or taken up again, or followed.
    Going(Started),
    /// It has ended, or waits for somebody.
    Still(Box<Report>),
}

/// A run that goes on here.
#[derive(Clone)]
struct Live {
    control: mpsc::Sender<Control>,
    watchers: Watchers,
    /// Its sender is dropped when the run's task ends.
    ended: watch::Receiver<()>,
}

/// The runs that go on in this process.
#[derive(Clone, Default)]
pub struct LiveRuns(Arc<Mutex<HashMap<Uuid, Live>>>);

impl LiveRuns {
    fn all(&self) -> MutexGuard<'_, HashMap<Uuid, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, run: Uuid) -> Option<Live> {
        self.all().get(&run).cloned()
    }

    /// Whether the run goes on here.
    #[must_use]
    pub fn is_live(&self, run: Uuid) -> bool {
        self.all().contains_key(&run)
    }
}

/// The runs of one store and one tenant.
pub struct Runtime {
    journal: Journal,
    tenant: KeyName,
    factory: Box<SkillsFactory>,
    people: Arc<PeopleFactory>,
    agents: Box<AgentFactory>,
    books: Arc<Books>,
    skills: Mutex<HashMap<PathBuf, Arc<Skills>>>,
    live: LiveRuns,
    rates: Arc<Rates>,
    keeper: Keeper,
    memory: Memory,
    /// One request with a key at a time: what a key stands for must be known to the next.
    keyed: tokio::sync::Mutex<()>,
    /// The folder of the store, where it has one.
    data: Option<PathBuf>,
    /// Jobs that care for the store.
    jobs: Arc<AtomicUsize>,
    /// Runs that a person wants to go on although they were put aside.
    forgiven: Mutex<HashSet<Uuid>>,
}

impl Runtime {
    /// A runtime over a store.
    pub fn new(
        store: Arc<dyn Store>,
        tenant: KeyName,
        factory: impl Fn(&Path) -> Result<Skills, String> + Send + Sync + 'static,
    ) -> Self {
        let journal = Journal::new(store);
        let live = LiveRuns::default();
        Runtime {
            keeper: Keeper::new(journal.clone(), tenant.clone(), live.clone()),
            memory: Memory::new(Arc::clone(journal.store()), tenant.clone()),
            journal,
            tenant,
            factory: Box::new(factory),
            people: Arc::new(|_| Ok(People::default())),
            agents: Box::new(|_, name| Err(format!("there is no agent `{name}`"))),
            books: Arc::default(),
            skills: Mutex::default(),
            live,
            rates: Arc::default(),
            keyed: tokio::sync::Mutex::default(),
            data: None,
            jobs: Arc::default(),
            forgiven: Mutex::default(),
        }
    }

    /// Who may answer the questions of a project's runs; without it nobody holds a role.
    #[must_use]
    pub fn with_people(
        mut self,
        people: impl Fn(&Path) -> Result<People, String> + Send + Sync + 'static,
    ) -> Self {
        self.people = Arc::new(people);
        self
    }

    /// What agents may do; without it there are none.
    #[must_use]
    pub fn with_agents(
        mut self,
        agents: impl Fn(&Path, &str) -> Result<AgentConfig, String> + Send + Sync + 'static,
    ) -> Self {
        self.agents = Box::new(agents);
        self
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
        self.start_as(Uuid::now_v7(), request)
    }

    /// Starts a run under the key of the request, or gives the run that was started under it: as it ended, or followed from here on,
    /// or taken up again.
    ///
    /// # Errors
    /// The key stands for another plan or other inputs; or as [`Runtime::start`].
    pub async fn start_once(&self, request: Request) -> Result<ByKey, RunError> {
        let Some(key) = request.key.clone() else { return self.start(request).map(ByKey::Going) };
        let run = Uuid::now_v7();
        let _one = self.keyed.lock().await;
        let known = self.keeper.run(&key, &request.digest(), run).await.map_err(RunError::Refused)?;
        match known {
            Known::New => self.start_as(run, request).map(ByKey::Going),
            Known::Run(run) => {
                if let Some(started) = self.follow(run) {
                    return Ok(ByKey::Going(started));
                }
                let Some(row) = journal::row(&self.journal, &self.tenant, run)? else {
                    return Err(RunError::Unknown(run.to_string()));
                };
                let now = jiff::Timestamp::now();
                let waits = row.status == RunStatus::Suspended && row.due.is_none_or(|due| due > now);
                if row.status.is_ended() || waits {
                    return Ok(ByKey::Still(Box::new(self.report(run)?.0)));
                }
                self.resume(run, request.actor).map(ByKey::Going)
            }
        }
    }

    /// A run that goes on here, from now on.
    #[must_use]
    pub fn follow(&self, run: Uuid) -> Option<Started> {
        let live = self.live.get(run)?;
        let updates = live.watchers.watch();
        let (journal, tenant, mut ended) = (self.journal.clone(), self.tenant.clone(), live.ended);
        let done = tokio::spawn(async move {
            let _ = ended.changed().await;
            let row =
                journal::row(&journal, &tenant, run)?.ok_or_else(|| RunError::Unknown(run.to_string()))?;
            let Replayed { header, machine, .. } = journal::replay(&journal, &tenant, run)?;
            Ok(Report::of(&run.to_string(), &header.plan, shown(row.status, false), &machine))
        });
        Some(Started { run, updates, control: live.control, done })
    }

    fn start_as(&self, run: Uuid, request: Request) -> Result<Started, RunError> {
        let mut first = match &request.from {
            Some(from) => {
                let earlier = self.find(&from.run)?;
                reuse::events(&self.journal, &self.tenant, earlier, &from.rerun)?
            }
            None => Vec::new(),
        };
        let agent = self.agent(run, &request.project_root, request.agent.as_ref())?;
        let skills = self.skills(&request.project_root)?;
        let header = Header {
            format: FORMAT,
            tenant: self.tenant.as_str().into(),
            actor: Arc::clone(&request.actor),
            plan: request.plan,
            agent: request.agent.clone(),
            file: request.file,
            project_root: request.project_root.clone(),
            dag: Arc::clone(&request.dag),
            sources: request.sources,
        };
        let plan = Arc::clone(&header.plan);
        let machine = Machine::new(request.dag);
        let schemas = schemas(&header);
        let journal = RunJournal::create(self.journal.clone(), self.tenant.clone(), run, header);
        first.push(journal::started(run, request.inputs));
        let project = request.project_root;
        self.drive(Parts {
            run,
            plan,
            actor: request.actor,
            agent,
            skills,
            schemas,
            project,
            machine,
            journal,
            first,
            said: None,
        })
    }

    /// Goes on with a run whose process ended.
    ///
    /// # Errors
    /// There is no such run, it has ended or goes on here, or its journal is damaged.
    pub fn resume(&self, run: Uuid, actor: Arc<str>) -> Result<Started, RunError> {
        self.go_on(run, actor, vec![EventKind::Resumed], None)
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
        loop {
            if let Some(live) = self.live.get(run) {
                let (told, taken) = oneshot::channel();
                let (actor, reason) = (Arc::clone(&actor), reason.clone());
                let _ = live.control.send(Control::Cancel { actor, reason, told }).await;
                if taken.await.is_ok() {
                    return Ok(None);
                }
                // It has just stopped.
                tokio::task::yield_now().await;
                continue;
            }
            // Cancelled first, so that resuming calls nothing that would be dropped at once.
            let first = vec![EventKind::CancelRequested { reason: reason.clone() }, EventKind::Resumed];
            match self.go_on(run, Arc::clone(&actor), first, None) {
                Err(RunError::Live(_)) => {}
                done => return done.map(Some),
            }
        }
    }

    /// Says something to a run: an approval, a value, a signal. One that is not going on is taken up again and goes on.
    ///
    /// # Errors
    /// It is not taken in, and why; or as [`Runtime::resume`].
    pub async fn reply(&self, run: Uuid, who: Person, reply: Reply) -> Result<Option<Started>, RunError> {
        loop {
            let (told, taken) = oneshot::channel();
            let said = Box::new(Said { who: who.clone(), reply: reply.clone(), told });
            if let Some(live) = self.live.get(run) {
                let _ = live.control.send(Control::Reply(said)).await;
                match taken.await {
                    Ok(taken) => return taken.map(|()| None).map_err(RunError::Refused),
                    Err(_) => {
                        // It has just stopped.
                        tokio::task::yield_now().await;
                        continue;
                    }
                }
            }
            let actor = Arc::clone(who.name());
            let started = match self.go_on(run, actor, vec![EventKind::Resumed], Some(said)) {
                Err(RunError::Live(_)) => continue,
                started => started?,
            };
            return match taken.await {
                Ok(Ok(())) => Ok(Some(started)),
                Ok(Err(why)) => Err(RunError::Refused(why)),
                // The journal failed: the task says how.
                Err(_) => Ok(Some(started)),
            };
        }
    }

    /// Suspended runs of which something is due, the longest overdue first, at most `limit`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn due(&self, limit: usize) -> Result<Vec<Uuid>, RunError> {
        let due = journal::due(&self.journal, &self.tenant, jiff::Timestamp::now(), limit)?;
        Ok(due.into_iter().filter(|run| !self.live.is_live(*run)).collect())
    }

    /// Takes up suspended runs as they fall due, until the future is dropped.
    pub async fn keep_time(&self, actor: Arc<str>) {
        // Those that cannot go on must not hold up the others.
        let mut stuck = HashSet::new();
        loop {
            match self.due(256 + stuck.len()) {
                Ok(due) => {
                    for run in due {
                        if stuck.contains(&run) {
                            continue;
                        }
                        if let Err(error) = self.resume(run, Arc::clone(&actor)) {
                            tracing::warn!(%run, %error, "a run that is due cannot go on");
                            stuck.insert(run);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "what is due cannot be read"),
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    /// The latest runs first; one that says it runs but does not run here was interrupted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, RunError> {
        let mut rows = journal::rows(&self.journal, &self.tenant, limit)?;
        let live = self.live.all();
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
        row.status = shown(row.status, self.live.is_live(run));
        let (mut inputs, mut timeline) = (Map::new(), Timeline::default());
        let mut watch = |event: &Event, step: &Step| {
            if let EventKind::Started { inputs: given, .. } = &event.kind {
                inputs.clone_from(given);
            }
            step.notices.iter().for_each(|n| timeline.take(n));
        };
        let Replayed { header, machine, .. } =
            journal::replay_watched(&self.journal, &self.tenant, run, &mut watch)?;
        let report = Report::of(&run.to_string(), &header.plan, row.status, &machine);
        Ok((Report { inputs, timeline, ..report }, header, row))
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

    /// How many runs go on here, and jobs that care for the store.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.all().len() + self.jobs.load(Ordering::Acquire)
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
        for live in self.live.all().values() {
            let _ = live.control.try_send(Control::Pause);
        }
    }

    fn go_on(
        &self,
        run: Uuid,
        actor: Arc<str>,
        first: Vec<EventKind>,
        said: Option<Box<Said>>,
    ) -> Result<Started, RunError> {
        let row = journal::row(&self.journal, &self.tenant, run)?
            .ok_or_else(|| RunError::Unknown(run.to_string()))?;
        if self.live.is_live(run) {
            return Err(RunError::Live(run));
        }
        if row.status.is_ended() {
            return Err(RunError::Ended { run, status: super::report::status_name(row.status) });
        }
        let Replayed { header, machine, mut journal } = journal::replay(&self.journal, &self.tenant, run)?;
        if let Some(said) = &said {
            // What can be refused is refused before anything is written.
            let people = (self.people)(&header.project_root).map_err(RunError::Refused)?;
            admit(&machine, &said.who, &said.reply, &people).map_err(RunError::Refused)?;
        }
        // Even one that is put aside can be stopped.
        if matches!(first.as_slice(), [EventKind::Resumed]) {
            self.may_go_on(&mut journal, &machine)?;
        }
        let skills = self.skills(&header.project_root)?;
        let schemas = schemas(&header);
        // An agent that may not act may still be stopped.
        let stops = matches!(first.as_slice(), [EventKind::CancelRequested { .. }, ..]);
        let agent = match self.agent(run, &header.project_root, header.agent.as_ref()) {
            Err(_) if stops => None,
            agent => agent?,
        };
        let (plan, project) = (header.plan, header.project_root);
        self.drive(Parts { run, plan, actor, agent, skills, schemas, project, machine, journal, first, said })
    }

    fn drive(&self, parts: Parts) -> Result<Started, RunError> {
        let Parts { run, plan, actor, agent, skills, schemas, project, machine, journal, first, said } =
            parts;
        let (control, control_rx) = mpsc::channel(16);
        if let Some(said) = said {
            // The first thing that is read; there is room.
            let _ = control.try_send(Control::Reply(said));
        }
        let watchers = Watchers::default();
        let updates = watchers.watch();
        let (end, ended) = watch::channel(());
        let id: Arc<str> = run.to_string().into();
        let people = Arc::clone(&self.people);
        let root = project.clone();
        let around = Surroundings {
            caller: Arc::new(Caller {
                skills,
                schemas: Arc::new(schemas),
                rates: Arc::clone(&self.rates),
                keeper: self.keeper.clone(),
                project,
                run,
                run_text: Arc::clone(&id),
                tenant: self.tenant.as_str().into(),
                actor: Arc::clone(&actor),
                agent,
            }),
            people: Arc::new(move || people(&root)),
            actor,
            run: Arc::clone(&id),
            control: control_rx,
            updates: watchers.clone(),
        };
        match self.live.all().entry(run) {
            Entry::Occupied(_) => return Err(RunError::Live(run)),
            Entry::Vacant(place) => place.insert(Live { control: control.clone(), watchers, ended }),
        };
        let live = self.live.clone();
        let ended = self.remembering();
        let done = tokio::spawn(async move {
            let gone = Gone { live, run, _end: end };
            let span = trace::run(&id, &plan);
            let (machine, status) =
                Driver::new(machine, journal, around).run(first).instrument(span.clone()).await?;
            trace::ended(&span, status);
            if status.is_ended() {
                ended(run);
            }
            drop(gone);
            Ok(Report::of(&id, &plan, status, &machine))
        });
        Ok(Started { run, updates, control, done })
    }

    fn skills(&self, root: &Path) -> Result<Arc<Skills>, RunError> {
        let mut cache = self.skills.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(skills) = cache.get(root) {
            return Ok(Arc::clone(skills));
        }
        let skills = (self.factory)(root).map_err(RunError::Skills)?;
        let skills = Arc::new(skills.with_memory(self.memory.clone()));
        cache.insert(root.to_path_buf(), Arc::clone(&skills));
        Ok(skills)
    }

    /// The agent of a run, if it has one and that may act.
    fn agent(&self, run: Uuid, root: &Path, name: Option<&Arc<str>>) -> Result<Option<Arc<Agent>>, RunError> {
        let Some(name) = name else { return Ok(None) };
        let config = (self.agents)(root, name).map_err(RunError::Refused)?;
        if let Some(why) = config.hindrance(name) {
            return Err(RunError::Refused(why));
        }
        let agent = Agent::new(Arc::clone(name), root, config, Arc::clone(&self.books));
        agent.load(&**self.store(), &self.tenant, run).map_err(|e| RunError::Refused(e.to_string()))?;
        Ok(Some(Arc::new(agent)))
    }

    fn forgiven(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.forgiven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one run consists of.
struct Parts {
    run: Uuid,
    plan: Arc<str>,
    actor: Arc<str>,
    agent: Option<Arc<Agent>>,
    skills: Arc<Skills>,
    schemas: Schemas,
    project: PathBuf,
    machine: Machine,
    journal: RunJournal,
    first: Vec<EventKind>,
    said: Option<Box<Said>>,
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
    live: LiveRuns,
    run: Uuid,
    /// Those who wait for the end hear of its being dropped.
    _end: watch::Sender<()>,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.live.all().remove(&self.run);
    }
}
