//! What stays the same over all that is asked of one planner: the project, the agent, the skills, the model, the bounds.

use super::LOADER;
use super::watch::View;
use crate::check::flow::Agent;
use crate::cli::args::Plan;
use crate::cli::backend::{self, Backend};
use crate::cli::{Exit, Stop, load, render, run};
use crate::diagnostic::Diagnostic;
use crate::planner::ask::{self, Book, Limits, Model, NoPlan};
use crate::planner::draft::{Desk, entry_plan};
use crate::planner::offer::Offer;
use crate::planner::prompt::{self, Parts, Prompt};
use crate::planner::rest::Rest;
use crate::planner::rounds::{Planned, Rounds};
use crate::planner::stamp::Stamp;
use crate::project::Project;
use crate::runtime::planning::{self, Planning, PlanningEnd};
use crate::runtime::setup;
use crate::runtime::socket::{Answer, Request};
use crate::source::Sources;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Where a plan that is not saved would lie.
pub(super) const ENTRY: &str = "goal.plan";

pub(super) struct Session {
    entry: PathBuf,
    root: PathBuf,
    agent: Option<Arc<str>>,
    offer: Offer,
    model: Model,
    limits: Limits,
    rounds: u32,
    /// Tokens of a prompt at most.
    prompt: usize,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) goal: &'a str,
    /// A plan that is to be changed, and what was said since.
    pub(super) refine: Option<(&'a str, &'a [String])>,
    pub(super) rest: Option<&'a Rest>,
    pub(super) key: Option<&'a str>,
}

/// A text that is no plan yet, with what is wrong with it.
pub(super) type Draft = (String, Vec<Diagnostic>, Sources);

/// What came of it.
pub(super) struct Made {
    pub(super) record: Planning,
    /// It was planned before, under the same key.
    pub(super) recorded: bool,
    pub(super) end: Result<Box<Planned>, NoPlan>,
    /// The nearest to a plan, where there is none.
    pub(super) draft: Option<Draft>,
}

impl Session {
    pub(super) fn open(args: &Plan) -> Result<Session, Stop> {
        let entry = args.out.clone().unwrap_or_else(|| PathBuf::from(ENTRY));
        let project = Project::load_text(&entry, "", &LOADER);
        if project.analysis.has_errors() {
            render::report(&project.analysis.diagnostics, &project.sources);
            return Err(Stop::failed("the project has errors of its own"));
        }
        load::known_agent(&project, args.agent.as_deref())?;
        let agent: Option<Arc<str>> = args.agent.as_deref().map(Into::into);
        let granted = agent.as_ref().and_then(|name| {
            let said = project.config.agents.get(name)?.clone();
            let (grants, deny, may_endorse) = (said.grants, said.deny, said.may_endorse);
            Some(Agent { name: name.clone(), grants, deny, may_endorse })
        });
        let offer = Offer::of(&project, granted.as_ref());
        if offer.skills.is_empty() {
            let who = agent.as_deref().unwrap_or_default();
            return Err(Stop::usage(format!(
                "the agent `{who}` may call no skill; name some in its `grants`"
            )));
        }
        let root = load::root(&project);
        let model = model(args, &root)?;
        let limits = Limits {
            cost: args.max_cost.map(|usd| (usd.max(0.0) * 1e9).round() as u64),
            tokens: args.max_tokens,
            time: args.timeout,
            ..Limits::default()
        };
        Ok(Session {
            entry,
            root,
            agent,
            offer,
            model,
            limits,
            rounds: args.max_rounds,
            prompt: args.max_prompt,
        })
    }

    /// What a failed run leaves to be planned.
    pub(super) async fn rest(&self, run: &str, backend: &Backend) -> Result<Rest, Stop> {
        let (report, header, _) = backend.report(run).await?;
        Rest::of(&report, &header, &LOADER).map_err(Stop::usage)
    }

    /// Plans, or gives what was planned under the same key; either way it is kept in the store.
    pub(super) async fn plan(&self, wish: &Wish<'_>, backend: &Backend, view: &View) -> Result<Made, Stop> {
        if let Some(key) = wish.key
            && let Some(made) = self.known(key, wish, backend).await?
        {
            return Ok(made);
        }
        let untrusted = wish.rest.is_some_and(|rest| rest.untrusted);
        let parts = Parts {
            goal: wish.goal,
            offer: &self.offer,
            memory: "",
            refine: wish.refine,
            rest: wish.rest.map(|rest| &rest.text),
        };
        let prompt = Prompt::new(&parts, self.prompt).map_err(|e| Stop::usage(e.to_string()))?;
        let stamp = Stamp {
            goal: wish.goal.trim().into(),
            planner: Arc::clone(&self.model.name),
            version: prompt::version().into(),
            untrusted,
            from: wish.rest.map(|rest| rest.run.as_str().into()),
        };
        let desk = self.desk(wish, untrusted);
        let mut rounds = Rounds::new(desk, &self.offer, prompt, stamp, self.rounds);
        let mut book = Book::default();
        let tell = |progress: ask::Progress<'_>| view.tell(&progress);
        let end = tokio::select! {
            end = ask::plan(&mut rounds, &self.model, &self.limits, &mut book, &tell) => Some(end),
            _ = run::interrupt() => None,
        };
        view.finish();
        let interrupted = end.is_none();
        let end = end.unwrap_or_else(|| Err(NoPlan::Limit("planning was interrupted".to_owned())));
        let record = self.record(wish, &rounds, book, untrusted, &end);
        keep(backend, &record).await?;
        if interrupted {
            return Err(Stop { exit: Exit::Interrupted, message: "stopped; nothing was run".into() });
        }
        let draft = match &end {
            Ok(_) => None,
            Err(_) => rounds.best().map(|d| (d.text.clone(), d.errors.clone(), d.project.sources.clone())),
        };
        Ok(Made { record, recorded: false, end, draft })
    }

    fn desk<'a>(&'a self, wish: &Wish<'a>, untrusted: bool) -> Desk<'a> {
        Desk {
            entry: &self.entry,
            loader: &LOADER,
            agent: self.agent.as_ref(),
            untrusted,
            fixed: wish.rest.map(|rest| &rest.fixed),
        }
    }

    fn record(
        &self,
        wish: &Wish<'_>,
        rounds: &Rounds<'_>,
        book: Book,
        untrusted: bool,
        end: &Result<Box<Planned>, NoPlan>,
    ) -> Planning {
        Planning {
            id: Uuid::now_v7(),
            at: jiff::Timestamp::now(),
            actor: backend::actor(),
            project: self.root.clone(),
            agent: self.agent.clone(),
            goal: wish.goal.into(),
            key: wish.key.map(Into::into),
            from: wish.rest.map(|rest| rest.run.as_str().into()),
            provider: self.model.provider.name().into(),
            model: Arc::clone(&self.model.name),
            version: prompt::version().into(),
            rounds: rounds.rounds().to_vec(),
            spent: rounds.spent().plus(book.lost),
            calls: book.calls,
            manifest: serde_json::Value::Null,
            untrusted,
            end: match end {
                Ok(planned) => {
                    PlanningEnd::Plan { name: Arc::clone(&planned.name), text: planned.text.clone() }
                }
                Err(why) => PlanningEnd::Failed { why: why.to_string() },
            },
        }
    }

    /// What a key stands for; it passed then, and must pass now.
    async fn known(&self, key: &str, wish: &Wish<'_>, backend: &Backend) -> Result<Option<Made>, Stop> {
        let from = wish.rest.map(|rest| rest.run.as_str());
        let asked = planning::request(wish.goal, self.agent.as_deref(), from);
        let found = match backend {
            Backend::Local { runtime, .. } => {
                runtime.planned(&self.root, key, &asked).map_err(Stop::usage)?
            }
            Backend::Remote { store } => {
                let (project, key, asked) = (self.root.clone(), key.to_owned(), asked.to_string());
                match Backend::ask(store, &Request::Planned { project, key, asked }).await? {
                    Answer::Planned { planning } => planning.map(|p| *p),
                    other => return Err(backend::unexpected(&other)),
                }
            }
        };
        let Some(record) = found else { return Ok(None) };
        let PlanningEnd::Plan { text, .. } = &record.end else { return Ok(None) };
        let project = self.desk(wish, record.untrusted).project(text);
        let name = entry_plan(text, &project).unwrap_or_else(|| "".into());
        match project.analysis.checked(&name) {
            Ok(checked) => {
                let planned = Planned { name, text: text.clone(), project, checked };
                Ok(Some(Made { record, recorded: true, end: Ok(Box::new(planned)), draft: None }))
            }
            Err(errors) => {
                render::report(&errors, &project.sources);
                Err(Stop::failed(format!(
                    "the plan of the key `{key}` does not pass any more; use another key to plan anew"
                )))
            }
        }
    }
}

/// The model that is asked.
fn model(args: &Plan, root: &Path) -> Result<Model, Stop> {
    let said = setup::planner(root, args.agent.as_deref()).map_err(Stop::usage)?;
    let named: Option<Arc<str>> = args.model.as_deref().map(Into::into).or_else(|| said.model.clone());
    let name = named.ok_or_else(|| {
        let message = "no model is named; set `model` in `[skills.llm]` of aos.toml, or in the `planner` of the agent, or say --model NAME";
        Stop::usage(message)
    })?;
    let price = said.price(&name);
    Ok(Model { provider: said.provider, name, temperature: said.temperature, price })
}

/// Keeps what planning came to and used.
async fn keep(backend: &Backend, record: &Planning) -> Result<(), Stop> {
    match backend {
        Backend::Local { runtime, .. } => runtime.keep_planning(record).await.map_err(Stop::failed),
        Backend::Remote { store } => {
            let request = Request::KeepPlanning { planning: Box::new(record.clone()) };
            Backend::ask(store, &request).await.map(drop)
        }
    }
}
