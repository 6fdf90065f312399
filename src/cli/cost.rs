//! `aos cost`: what runs and planning used, added up.

use super::args::{Cost, CostBy, Global};
use super::backend::{self, Backend};
use super::{CliResult, Exit, Stop, terminal};
use crate::runtime::socket::{Answer, Request};
use crate::runtime::spend::{By, Line, Query};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use std::path::Path;

pub(crate) fn cost(args: &Cost, global: &Global) -> CliResult {
    let by = match args.by {
        CostBy::Run => By::Run,
        CostBy::Step => By::Step,
        CostBy::Agent => By::Agent,
        CostBy::Model => By::Model,
        CostBy::Day => By::Day,
    };
    let since = args.since.as_deref().map(|text| since(text, jiff::Timestamp::now())).transpose()?;
    let reprice = if args.reprice { Some(project()?) } else { None };
    let query = Query { by, since, reprice, project: None };
    let lines = backend::block_on(async {
        let backend = Backend::open(global).await?;
        let lines = ask(&backend, query).await;
        backend.close().await?;
        lines
    })?;
    if args.json {
        for line in &lines {
            terminal::print(&row(line).to_string());
        }
    } else if lines.is_empty() {
        terminal::say("nothing was used that costs tokens or money");
    } else {
        terminal::print(&table(&lines, by));
    }
    Ok(Exit::Done)
}

pub(crate) async fn ask(backend: &Backend, query: Query) -> Result<Vec<Line>, Stop> {
    match backend {
        Backend::Local { runtime, .. } => runtime.cost(query).await.map_err(|e| backend::stop(&e)),
        Backend::Remote { store } => match Backend::ask(store, &Request::Cost { query }).await? {
            Answer::Cost { lines } => Ok(lines),
            other => Err(backend::unexpected(&other)),
        },
    }
}

/// The folder whose `aos.toml` names the prices.
fn project() -> Result<std::path::PathBuf, Stop> {
    let here =
        std::env::current_dir().map_err(|e| Stop::usage(format!("the working folder is gone: {e}")))?;
    let root = here.ancestors().find(|d| d.join("aos.toml").is_file()).map(Path::to_path_buf);
    Ok(root.unwrap_or(here))
}

/// A day, a time, or how long ago: `2026-11-01`, `2026-11-01T12:00:00Z`, `7d`.
fn since(text: &str, now: jiff::Timestamp) -> Result<jiff::Timestamp, Stop> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let at = jiff::tz::TimeZone::system().to_timestamp(day.at(0, 0, 0, 0));
        return at.map_err(|e| Stop::usage(format!("`--since {text}`: {e}")));
    }
    let ago =
        crate::project::config::parse_duration(text).and_then(|d| jiff::SignedDuration::try_from(d).ok());
    ago.and_then(|ago| now.checked_sub(ago).ok()).ok_or_else(|| {
        Stop::usage(format!("`--since {text}` is no day, time or duration; write 2026-11-01, or 7d"))
    })
}

fn row(line: &Line) -> serde_json::Value {
    json!({
        "key": line.key, "calls": line.calls, "requests": line.requests, "input_tokens": line.input_tokens,
        "cached_tokens": line.cached_tokens, "output_tokens": line.output_tokens, "tokens": line.tokens,
        "cost_usd": line.cost_usd(), "known_cost_usd": line.nanos as f64 / 1e9,
        "unknown_cost_calls": line.unknown_cost_calls,
    })
}

fn table(lines: &[Line], by: By) -> String {
    let first = match by {
        By::Run => "run",
        By::Step => "step",
        By::Agent => "agent",
        By::Model => "model",
        By::Day => "day",
    };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header([first, "calls", "input", "cached", "output", "tokens", "cost"]);
    let mut sum = Line { key: "all".to_owned(), ..Line::default() };
    for line in lines {
        sum.calls += line.calls;
        sum.input_tokens += line.input_tokens;
        sum.cached_tokens += line.cached_tokens;
        sum.output_tokens += line.output_tokens;
        sum.tokens += line.tokens;
        sum.nanos = sum.nanos.saturating_add(line.nanos);
        sum.unknown_cost_calls += line.unknown_cost_calls;
        table.add_row(cells(line));
    }
    if lines.len() > 1 {
        table.add_row(cells(&sum));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn cells(line: &Line) -> [String; 7] {
    let known = dollars(line.nanos);
    let cost = match (line.unknown_cost_calls, line.nanos) {
        (0, _) => known,
        (n, 0) => format!("unknown ({n} calls)"),
        (n, _) => format!("{known} + unknown ({n} calls)"),
    };
    [
        terminal::one_line(&line.key),
        line.calls.to_string(),
        line.input_tokens.to_string(),
        line.cached_tokens.to_string(),
        line.output_tokens.to_string(),
        line.tokens.to_string(),
        cost,
    ]
}

/// Nano-dollars as dollars, to the last digit that is not nought.
pub(crate) fn dollars(nanos: u64) -> String {
    let (whole, part) = (nanos / 1_000_000_000, format!("{:09}", nanos % 1_000_000_000));
    let part = part.trim_end_matches('0');
    format!("${whole}.{part:0<2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        for (nanos, text) in
            [(0, "$0.00"), (5, "$0.000000005"), (1_500_000_000, "$1.50"), (2_000_000_000, "$2.00")]
        {
            assert_eq!(dollars(nanos), text);
        }
    }

    #[test]
    fn times_are_read() {
        let now: jiff::Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        assert_eq!(since("2026-11-01T00:00:00Z", now).ok(), "2026-11-01T00:00:00Z".parse().ok());
        assert_eq!(since("2d", now).ok(), "2026-11-23T12:00:00Z".parse().ok());
        assert!(since("2026-11-01", now).is_ok());
        assert!(since("yesterday", now).is_err());
        assert!(since("99999999999d", now).is_err());
    }
}
