//! `aos approve`, `aos answer`, `aos signal`: what people, and the world outside, say to a run.

use super::args::{Answer, Approve, Global, Saying, Signal};
use super::backend::{self, Backend, Followed};
use super::{CliResult, Exit, Stop, run, terminal};
use crate::engine::{Ask, AskKind, StepPath};
use crate::runtime::people::{Person, Reply, Resolving};
use crate::runtime::report::{self, Report};
use crate::runtime::socket::Request;
use crate::source::Sources;
use crate::value::Value;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

/// A value that is shown has at most so many lines.
const LINES: usize = 200;

pub(crate) fn approve(args: &Approve, global: &Global) -> CliResult {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let exit = decide(&backend, args).await;
        backend.close().await?;
        exit
    })
}

async fn decide(backend: &Backend, args: &Approve) -> CliResult {
    let (report, header, _) = backend.report(&args.run).await?;
    let step: Arc<str> = args.step.as_str().into();
    let ask =
        report.asks.iter().find(|a| a.step.0 == step && !matches!(a.kind, AskKind::Signal | AskKind::Doubt));
    if let Some(ask) = ask {
        terminal::say(&text(ask));
        if !confirmed(args)? {
            terminal::say("nothing was decided");
            return Ok(Exit::Suspended);
        }
    }
    let reply = Reply::Decide {
        step,
        approve: !args.deny,
        comment: args.comment.as_deref().map(Arc::from),
        // What was shown is what is decided on.
        digest: args.digest.as_deref().map(Arc::from).or_else(|| ask.map(|a| Arc::clone(&a.digest))),
    };
    say(backend, &report.run, &args.saying, reply, &backend::sources(&header)).await
}

/// In a terminal the person has just seen what is asked for, and says so once more.
fn confirmed(args: &Approve) -> Result<bool, Stop> {
    if args.yes || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    let _ = write!(std::io::stderr(), "{} it? [y/N] ", if args.deny { "deny" } else { "approve" });
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|e| Stop::failed(format!("the answer cannot be read: {e}")))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

pub(crate) fn answer(args: &Answer, global: &Global) -> CliResult {
    let reply = Reply::Give { step: args.step.as_str().into(), text: args.value.clone() };
    plain(&args.run, &args.saying, reply, global)
}

pub(crate) fn signal(args: &Signal, global: &Global) -> CliResult {
    let reply = Reply::Signal { name: args.name.as_str().into(), text: args.value.clone() };
    plain(&args.run, &args.saying, reply, global)
}

fn plain(run: &str, saying: &Saying, reply: Reply, global: &Global) -> CliResult {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let exit = match backend.report(run).await {
            Ok((report, header, _)) => {
                say(&backend, &report.run, saying, reply, &backend::sources(&header)).await
            }
            Err(stop) => Err(stop),
        };
        backend.close().await?;
        exit
    })
}

/// Says what is to become of steps in doubt, one after the other, and follows the run.
pub(crate) fn resolve(run: &str, replies: Vec<Reply>, json: bool, global: &Global) -> CliResult {
    let saying = Saying { alias: None, json };
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let exit = match backend.report(run).await {
            Ok((report, header, _)) => {
                resolve_all(&backend, &report.run, &saying, replies, &backend::sources(&header)).await
            }
            Err(stop) => Err(stop),
        };
        backend.close().await?;
        exit
    })
}

async fn resolve_all(
    backend: &Backend,
    run: &str,
    saying: &Saying,
    mut replies: Vec<Reply>,
    sources: &Sources,
) -> CliResult {
    let Some(last) = replies.pop() else { return Ok(Exit::Done) };
    let mut followed = None;
    for reply in replies {
        followed = tell(backend, run, saying, reply).await?.or(followed);
    }
    let followed = tell(backend, run, saying, last).await?.or(followed);
    follow(backend, run, saying, followed, sources).await
}

/// Says it, and follows the run where it is taken up for that.
async fn say(backend: &Backend, run: &str, saying: &Saying, reply: Reply, sources: &Sources) -> CliResult {
    let followed = tell(backend, run, saying, reply).await?;
    follow(backend, run, saying, followed, sources).await
}

/// Says it; gives the run where it is taken up for that.
async fn tell(backend: &Backend, run: &str, saying: &Saying, reply: Reply) -> Result<Option<Followed>, Stop> {
    let who = Person { login: backend::actor(), name: saying.alias.as_deref().map(Arc::from) };
    match backend {
        Backend::Local { runtime, .. } => {
            let id = runtime.find(run).map_err(|e| backend::stop(&e))?;
            let started = runtime.reply(id, who, reply).await.map_err(|e| backend::stop(&e))?;
            Ok(started.map(Followed::Local))
        }
        Backend::Remote { store } => {
            let request = Request::Reply { run: run.to_owned(), who, reply };
            Ok(Followed::remote_or_taken(store, &request).await?.ok())
        }
    }
}

async fn follow(
    backend: &Backend,
    run: &str,
    saying: &Saying,
    followed: Option<Followed>,
    sources: &Sources,
) -> CliResult {
    match followed {
        Some(followed) => {
            let _time = backend.keep_time();
            run::follow(followed, backend, sources, saying.json).await
        }
        None => {
            terminal::say(&format!("run {run} has taken it in and goes on"));
            Ok(Exit::Done)
        }
    }
}

/// In a terminal, whoever sees a question may answer it there and then; the run goes on, to be followed.
pub(crate) async fn answer_here(
    backend: &Backend,
    report: &Report,
    json: bool,
) -> Result<Option<Followed>, Stop> {
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let (Backend::Local { runtime, .. }, true) = (backend, interactive && !json && !terminal::is_quiet())
    else {
        return Ok(None);
    };
    let Some(ask) = report.asks.iter().find(|a| a.kind.is_person() && !report.status.is_ended()) else {
        return Ok(None);
    };
    let prompt = match ask.kind {
        AskKind::Input => format!("{}: value, or Enter for later: ", ask.step),
        AskKind::Approval | AskKind::Review | AskKind::Signal => {
            format!("{}: y to approve, n to deny, Enter for later: ", ask.step)
        }
        AskKind::Doubt => {
            format!("{}: again, skip, or the value that it gave; Enter for later: ", ask.step)
        }
    };
    let Some(line) = read_line(&prompt).await else { return Ok(None) };
    let step = Arc::clone(&ask.step.0);
    let digest = Some(Arc::clone(&ask.digest));
    let reply = match (ask.kind, line.trim()) {
        (_, "") => return Ok(None),
        (AskKind::Doubt, text) => {
            let resolving = match text {
                "again" => Resolving::Retry,
                "skip" => Resolving::Skip,
                text => Resolving::Use { text: text.to_owned() },
            };
            Reply::Resolve { step, resolving }
        }
        (AskKind::Input, text) => Reply::Give { step, text: text.to_owned() },
        (_, "y" | "yes") => Reply::Decide { step, approve: true, comment: None, digest },
        (_, "n" | "no") => Reply::Decide { step, approve: false, comment: None, digest },
        _ => return Ok(None),
    };
    let id = runtime.find(&report.run).map_err(|e| backend::stop(&e))?;
    match runtime.reply(id, Person::of(backend::actor()), reply).await {
        Ok(started) => Ok(started.map(Followed::Local)),
        Err(error) => {
            terminal::error(&error.to_string());
            Ok(None)
        }
    }
}

/// A line from the terminal; none where the person leaves.
pub(super) async fn read_line(prompt: &str) -> Option<String> {
    let _ = write!(std::io::stderr(), "{prompt}");
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|n| (n > 0).then_some(line))
    });
    tokio::select! {
        read = read => read.ok()?.ok()?,
        _ = run::interrupt() => None,
    }
}

/// What is asked for, as people see it: the question, the exact arguments, who may answer.
pub(crate) fn text(ask: &Ask) -> String {
    let mut text = match ask.kind {
        AskKind::Signal => format!("`{}` waits for the signal `{}`", ask.step, ask.question),
        AskKind::Doubt => format!("`{}` is in doubt: {}", ask.step, ask.question),
        AskKind::Approval | AskKind::Review | AskKind::Input => {
            format!("`{}` asks: {}", ask.step, ask.question)
        }
    };
    match (&ask.callee, &ask.shown) {
        (Some(callee), Some(Value::Map(args))) => {
            text.push_str(&format!("\n  call {callee}"));
            for (name, value) in args.iter() {
                text.push_str(&format!("\n    {name}: {}", shown(value, "    ")));
            }
        }
        (_, Some(value)) => text.push_str(&format!("\n  {}", shown(value, "  "))),
        (_, None) => {}
    }
    if let (AskKind::Input | AskKind::Signal | AskKind::Doubt, Some(wanted)) = (ask.kind, &ask.wanted) {
        text.push_str(&format!("\n  wanted: {wanted}"));
    }
    if ask.kind.is_person() && ask.kind != AskKind::Doubt {
        let by = if ask.roles.is_empty() { "anyone".to_owned() } else { ask.roles.join(" or ") };
        text.push_str(&format!("\n  may answer: {by}"));
    }
    if ask.quorum > 1 {
        text.push_str(&format!("; {} of {} have approved", ask.approvals.len(), ask.quorum));
        if !ask.approvals.is_empty() {
            text.push_str(&format!(" ({})", ask.approvals.join(", ")));
        }
    }
    if let Some(until) = ask.until {
        match &ask.then {
            Some(role) => text.push_str(&format!("\n  until {until:.0}, then {role} is asked too")),
            None => text.push_str(&format!("\n  until {until:.0}, then it expires")),
        }
    }
    if matches!(ask.kind, AskKind::Approval | AskKind::Review) {
        text.push_str(&format!("\n  digest {}", ask.digest.get(..16).unwrap_or(&ask.digest)));
    }
    text
}

fn shown(value: &Value, indent: &str) -> String {
    let text = format!("{:#}", value.to_json());
    let mut lines: Vec<&str> = text.lines().collect();
    let left = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let mut text = lines.join(&format!("\n{indent}"));
    if left > 0 {
        text.push_str(&format!("\n{indent}… {left} more lines; `aos show --json` has them"));
    }
    text
}

/// What a suspended run waits for, and which commands go on.
pub(crate) fn commands(report: &Report) {
    const MOST: usize = 20;
    for ask in report.asks.iter().take(MOST) {
        terminal::say(&text(ask));
        terminal::say(&format!("  {}", command(&report.run, ask)));
    }
    if report.asks.len() > MOST {
        let left = report.asks.len() - MOST;
        terminal::say(&format!("… and {left} more; `aos show {}` has them all", report.run));
    }
    if let (true, Some(due)) = (report.asks.is_empty(), report.due) {
        terminal::say(&format!(
            "nothing happens until {due:.0}; from then on `aos resume {}` goes on",
            report.run
        ));
    }
}

/// The command that answers.
pub(crate) fn command(run: &str, ask: &Ask) -> String {
    let step: &StepPath = &ask.step;
    let deny = match ask.kind {
        AskKind::Approval | AskKind::Review => "   (or --deny)",
        AskKind::Doubt => "   (calls it again; or --skip, or --use VALUE)",
        AskKind::Input | AskKind::Signal => "",
    };
    format!("{}{deny}", report::command(run, ask.kind, step, &ask.question))
}
