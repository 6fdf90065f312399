//! `aos plan --chat`: a plan is made, changed as the person says, shown as a diff each time, and run or saved when it is right.

use super::session::{Session, Wish};
use super::{Exit, Planned, show, watch};
use crate::cli::args::Plan;
use crate::cli::backend::Backend;
use crate::cli::{CliResult, Stop, fmt, run, terminal};
use std::io::{BufRead as _, Write as _};
use std::path::Path;

const HELP: &str = "say what is to change, or:
  /show          the plan and what it does
  /undo          the plan before the last change
  /save FILE     write the plan into a file
  /run           run it and leave
  /new GOAL      begin with another goal
  /quit          leave";

/// A conversation about one goal.
struct Talk<'a> {
    args: &'a Plan,
    session: &'a Session,
    backend: &'a Backend,
    goal: Option<String>,
    /// What the person said since the goal; one that came to nothing is taken back.
    wishes: Vec<String>,
    plan: Option<Box<Planned>>,
    /// Earlier plans, each with how many wishes there were.
    before: Vec<(Box<Planned>, usize)>,
}

pub(super) async fn chat(
    args: &Plan,
    session: &Session,
    goal: Option<String>,
    backend: &Backend,
) -> CliResult {
    let mut talk =
        Talk { args, session, backend, goal: None, wishes: Vec::new(), plan: None, before: Vec::new() };
    if super::is_dialogue() {
        terminal::say(if goal.is_some() { "/help says what can be said" } else { "what is the plan for?" });
    }
    if let Some(goal) = goal {
        talk.begin(goal).await?;
    }
    loop {
        let Some(line) = line().await? else { return Ok(talk.end()) };
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match (word, rest.trim()) {
            ("", _) => {}
            ("/quit" | "/q" | "/exit", _) => return Ok(talk.end()),
            ("/help" | "/?", _) => terminal::say(HELP),
            ("/show", _) => talk.show(),
            ("/undo", _) => talk.undo(),
            ("/save", file) => talk.save(file),
            ("/new", "") => terminal::error("say the goal behind /new"),
            ("/new", goal) => talk.begin(goal.to_owned()).await?,
            ("/run", _) => match talk.plan.take() {
                Some(plan) => return super::run_it(args, plan, None, false, None, backend).await,
                None => terminal::error("there is no plan yet"),
            },
            (word, _) if word.starts_with('/') => {
                terminal::error(&format!("there is no `{word}`; /help says what there is"));
            }
            _ => talk.say(line.to_owned()).await?,
        }
    }
}

impl Talk<'_> {
    async fn begin(&mut self, goal: String) -> Result<(), Stop> {
        self.wishes.clear();
        self.before.clear();
        self.plan = None;
        self.goal = Some(goal);
        self.ask().await
    }

    async fn say(&mut self, wish: String) -> Result<(), Stop> {
        if self.goal.is_none() {
            return self.begin(wish).await;
        }
        if self.plan.is_none() {
            // The goal came to nothing; what is said now belongs to it.
            let goal = self.goal.take().map_or_else(String::new, |goal| format!("{goal}\n{wish}"));
            return self.begin(goal).await;
        }
        self.wishes.push(wish);
        self.ask().await
    }

    async fn ask(&mut self) -> Result<(), Stop> {
        let Some(goal) = self.goal.as_deref() else { return Ok(()) };
        let refine = self.plan.as_ref().map(|plan| (plan.text.as_str(), self.wishes.as_slice()));
        let wish = Wish { goal, refine, rest: None, key: None };
        let view = watch::View::new(self.args.explain, false);
        let made = match self.session.plan(&wish, self.backend, &view).await {
            Ok(made) => made,
            // What was stopped is not the end of the conversation.
            Err(stop) if stop.exit == Exit::Interrupted => {
                terminal::say(&stop.message);
                self.wishes.pop();
                return Ok(());
            }
            Err(stop) => return Err(stop),
        };
        match made.end {
            Ok(new) => {
                match self.plan.take() {
                    Some(old) => {
                        if old.text == new.text {
                            terminal::say("the plan stays as it is");
                        } else {
                            fmt::compare(&old.name, "changed", &old.text, &new.text);
                        }
                        show::plan(&new, false);
                        self.before.push((old, self.wishes.len() - 1));
                    }
                    None => show::plan(&new, true),
                }
                show::spent(&made.record, made.recorded);
                self.plan = Some(new);
            }
            Err(why) => {
                if let Some(draft) = &made.draft {
                    show::draft(draft);
                }
                terminal::error(&format!("no plan: {why}"));
                if self.wishes.pop().is_some() {
                    terminal::say("the plan before stands");
                }
            }
        }
        Ok(())
    }

    fn show(&self) {
        match &self.plan {
            Some(plan) => show::plan(plan, true),
            None => terminal::error("there is no plan yet"),
        }
    }

    fn undo(&mut self) {
        let Some((old, wishes)) = self.before.pop() else {
            return terminal::error("there is no plan before this one");
        };
        if let Some(now) = &self.plan {
            fmt::compare(&now.name, "as it was", &now.text, &old.text);
        }
        self.wishes.truncate(wishes);
        self.plan = Some(old);
    }

    fn save(&self, file: &str) {
        let file = match (file, &self.args.out) {
            ("", Some(out)) => out.as_path(),
            ("", None) => return terminal::error("say the file behind /save"),
            (file, _) => Path::new(file),
        };
        let Some(plan) = &self.plan else { return terminal::error("there is no plan yet") };
        if let Err(stop) = super::save(file, &plan.text, self.args.yes) {
            terminal::error(&stop.message);
        }
    }

    fn end(&self) -> Exit {
        if self.plan.is_some() { Exit::Done } else { Exit::Failed }
    }
}

/// The next line; none at the end of the input, or where the person leaves by Ctrl-C.
async fn line() -> Result<Option<String>, Stop> {
    if super::is_dialogue() {
        let _ = write!(std::io::stderr(), "> ");
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|n| (n > 0).then_some(line))
    });
    tokio::select! {
        read = read => match read {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(e)) => Err(Stop::usage(format!("stdin cannot be read: {e}"))),
            Err(e) => Err(Stop::failed(e.to_string())),
        },
        _ = run::interrupt() => Ok(None),
    }
}
