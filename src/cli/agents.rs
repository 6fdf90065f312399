//! `aos agents`: what the agents of aos.toml may call and spend.

use super::args::{Agents, AgentsCommand, Global};
use super::backend::{self, Backend};
use super::{CliResult, Exit, Stop, cost, render, terminal};
use crate::project::Project;
use crate::project::config::{AgentConfig, AgentStatus, Period};
use crate::runtime::spend::{By, Line, Query};
use crate::source::DiskLoader;
use comfy_table::{Table, presets};
use serde_json::json;
use std::path::Path;

pub(crate) fn agents(args: &Agents, global: &Global) -> CliResult {
    let project = Project::load_text(Path::new("agents.plan"), "", &DiskLoader);
    if project.config_path.is_none() {
        return Err(Stop::usage("no aos.toml here or above: agents are declared there, as `[agents.NAME]`"));
    }
    // A misspelt status or budget is left at its strictest: what is shown would be taken for what is written.
    if project.analysis.has_errors() {
        render::report(&project.analysis.diagnostics, &project.sources);
        return Err(Stop::silent(Exit::Failed));
    }
    let root = std::fs::canonicalize(&project.root).unwrap_or_else(|_| project.root.clone());
    match &args.command {
        AgentsCommand::List { json } => {
            let agents: Vec<(&str, &AgentConfig)> =
                project.config.agents.iter().map(|(name, agent)| (name.as_ref(), agent)).collect();
            list(&agents, &spent(&agents, &root, global)?, *json);
        }
        AgentsCommand::Show { name, json } => {
            let Some(agent) = project.config.agents.get(name.as_str()) else {
                let known = project.config.agents.keys().map(AsRef::as_ref);
                let hint = crate::diagnostic::nearest(name, known).map_or_else(
                    || "`aos agents list` lists them".to_owned(),
                    |n| format!("did you mean `{n}`?"),
                );
                return Err(Stop::usage(format!("aos.toml has no agent `{name}`; {hint}")));
            };
            let spent = spent(&[(name, agent)], &root, global)?;
            show(name, agent, spent.first(), &project, *json);
        }
    }
    Ok(Exit::Done)
}

/// What each has used in the period of its budget, a day where it has none.
fn spent(agents: &[(&str, &AgentConfig)], root: &Path, global: &Global) -> Result<Vec<Line>, Stop> {
    backend::block_on(async {
        let backend = Backend::open(global).await?;
        let mut found = Vec::new();
        for (name, agent) in agents {
            let length = period(agent).length().and_then(|l| jiff::SignedDuration::try_from(l).ok());
            let since = length.and_then(|l| jiff::Timestamp::now().checked_sub(l).ok());
            let query = Query { by: By::Agent, since, reprice: None, project: Some(root.to_path_buf()) };
            let lines = cost::ask(&backend, query).await?;
            let own = lines.into_iter().find(|line| line.key == *name);
            found.push(own.unwrap_or_else(|| Line { key: (*name).to_owned(), ..Line::default() }));
        }
        backend.close().await?;
        Ok(found)
    })
}

/// Over which time it is told what an agent used.
fn period(agent: &AgentConfig) -> Period {
    match &agent.budget {
        // Of all its runs together there is no such budget.
        Some(budget) if budget.per != Period::Run => budget.per,
        Some(_) | None => Period::Day,
    }
}

/// A budget's limits, what is used of each and what is left.
fn limits(agent: &AgentConfig, spent: &Line) -> Vec<(&'static str, String, String, String)> {
    let Some(budget) = &agent.budget else { return Vec::new() };
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut rows = Vec::new();
    if let Some(limit) = budget.cost_usd {
        let limit = (limit.max(0.0) * 1e9).round() as u64;
        let left = limit.saturating_sub(spent.nanos);
        rows.push(("cost", cost::dollars(limit), cost::dollars(spent.nanos), cost::dollars(left)));
    }
    for (what, limit, used) in
        [("tokens", budget.tokens, spent.tokens), ("calls", budget.calls, whole(spent.calls))]
    {
        if let Some(limit) = limit {
            rows.push((what, limit.to_string(), used.to_string(), (limit - used).max(0).to_string()));
        }
    }
    rows
}

fn list(agents: &[(&str, &AgentConfig)], spent: &[Line], as_json: bool) {
    if agents.is_empty() {
        return terminal::say("aos.toml declares no agents; one is `[agents.NAME]` with `grants`");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "agent",
        "status",
        "owner",
        "used",
        "budget",
        "description",
    ]);
    for ((name, agent), spent) in agents.iter().zip(spent) {
        if as_json {
            terminal::print(&row(name, agent, spent, None).to_string());
            continue;
        }
        let per = period(agent).name();
        let used = format!("{} in a {per}", cost::dollars(spent.nanos));
        let budget: Vec<String> =
            limits(agent, spent).into_iter().map(|(what, limit, ..)| format!("{what} {limit}")).collect();
        let of = agent.budget.as_ref().map_or_else(String::new, |b| format!(" a {}", b.per.name()));
        table.add_row([
            (*name).to_owned(),
            agent.status.name().to_owned(),
            agent.owner.as_deref().unwrap_or("-").to_owned(),
            used,
            if budget.is_empty() { "-".to_owned() } else { format!("{}{of}", budget.join(", ")) },
            terminal::one_line(agent.description.as_deref().unwrap_or_default()),
        ]);
    }
    if !as_json {
        terminal::print(&table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    }
}

fn row(name: &str, agent: &AgentConfig, spent: &Line, skills: Option<&[String]>) -> serde_json::Value {
    let budget = agent.budget.as_ref().map(
        |b| json!({ "cost_usd": b.cost_usd, "tokens": b.tokens, "calls": b.calls, "per": b.per.name() }),
    );
    let planner = agent.planner.as_ref().map(|p| {
        json!({ "provider": p.provider.map(|p| p.name()), "model": p.model, "temperature": p.temperature, "url": p.url })
    });
    let mut row = json!({
        "name": name, "status": agent.status.name(), "owner": agent.owner, "description": agent.description,
        "grants": agent.grants, "deny": agent.deny, "may_endorse": agent.may_endorse, "planner": planner, "budget": budget,
        "rate": agent.rate.map(|r| json!({ "calls": r.count, "per_ms": r.per_ms })),
        "used": { "period": period(agent).name(), "cost_usd": spent.cost_usd(), "known_cost_usd": spent.nanos as f64 / 1e9,
            "unknown_cost_calls": spent.unknown_cost_calls, "tokens": spent.tokens, "calls": spent.calls },
    });
    if let (Some(skills), Some(row)) = (skills, row.as_object_mut()) {
        row.insert("skills".to_owned(), json!(skills));
    }
    row
}

fn show(name: &str, agent: &AgentConfig, spent: Option<&Line>, project: &Project, as_json: bool) {
    let none = Line::default();
    let spent = spent.unwrap_or(&none);
    let granted: Vec<String> = project
        .signatures()
        .iter()
        .map(|s| s.name.to_string())
        .filter(|skill| agent.may_call(skill))
        .collect();
    if as_json {
        return terminal::print(&format!("{:#}", row(name, agent, spent, Some(&granted))));
    }
    let say = |what: &str, text: &str| terminal::print(&format!("{what:<12} {}", terminal::one_line(text)));
    let status = match agent.status {
        AgentStatus::Active => "active".to_owned(),
        AgentStatus::Paused | AgentStatus::Disabled => {
            format!("{}: nothing starts or goes on for it", agent.status.name())
        }
    };
    say("agent", name);
    say("status", &status);
    if let Some(owner) = &agent.owner {
        say("owner", owner);
    }
    if let Some(description) = &agent.description {
        say("description", description);
    }
    if let Some(planner) = &agent.planner {
        let provider = planner.provider.map_or("as the llm skills", |p| p.name());
        say("planner", &format!("{provider} {}", planner.model.as_deref().unwrap_or("(no model named)")));
    }
    if let Some(rate) = agent.rate {
        let per = jiff::SignedDuration::from_millis(rate.per_ms);
        say("rate", &format!("{} calls in {per:#}", rate.count));
    }
    let per = period(agent).name();
    let unknown = if spent.unknown_cost_calls > 0 {
        format!(", and {} of unknown cost", spent.unknown_cost_calls)
    } else {
        String::new()
    };
    say(
        "used",
        &format!(
            "{} calls, {} tokens, {}{unknown} in the last {per}",
            spent.calls,
            spent.tokens,
            cost::dollars(spent.nanos)
        ),
    );
    for (what, limit, used, left) in limits(agent, spent) {
        let text = match agent.budget.as_ref().map(|b| b.per) {
            Some(Period::Run) | None => format!("{what} {limit} a run"),
            Some(per) => format!("{what} {limit} a {}: {used} used, {left} left", per.name()),
        };
        say("budget", &text);
    }
    say("grants", &agent.grants.join(", "));
    if !agent.deny.is_empty() {
        say("deny", &agent.deny.join(", "));
    }
    say("skills", &if granted.is_empty() { "none".to_owned() } else { granted.join(", ") });
}
