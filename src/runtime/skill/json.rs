//! `json.*`: texts as JSON, and jq programs, which run in a process of their own ([`super::jq`]).

use super::args::text;
use super::config::JqConfig;
use super::group::{self, Group};
use super::jq::{Reply, Request};
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use crate::value::{Map, Value};
use serde_json::error::Category;
use std::process::ExitStatus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The `json` family.
pub struct JsonSkills {
    config: JqConfig,
}

impl JsonSkills {
    /// The family with bounds for its programs.
    #[must_use]
    pub fn new(config: JqConfig) -> Self {
        Self { config }
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        match call.name.as_ref() {
            "json.parse" => parse(&text(&call.args, "text")?).map(SkillOutput::free),
            "json.query" => self.query(&call.args).await.map(SkillOutput::free),
            name => Err(Failure::new("unavailable", format!("`{name}` has no implementation"))),
        }
    }

    async fn query(&self, args: &Map) -> Result<Value, Failure> {
        let request = Request {
            program: text(args, "program")?.to_string(),
            value: wire::to_json(args.get("value").unwrap_or(&Value::Null))?,
            max_memory: self.config.max_memory,
            max_output: self.config.max_output,
            max_seconds: self.config.timeout.as_secs() + 1,
        };
        let request =
            serde_json::to_vec(&request).map_err(|error| Failure::new("internal", error.to_string()))?;
        let late = |_| query_failed(format!("the program ran longer than {:?}", self.config.timeout));
        let (output, status) =
            tokio::time::timeout(self.config.timeout, self.child(&request)).await.map_err(late)??;
        if wire::values(&output) > wire::MAX_VALUES {
            return Err(query_failed(format!("the outputs hold more than {} values", wire::MAX_VALUES)));
        }
        match serde_json::from_slice::<Reply>(&output) {
            Ok(Reply::Outputs(outputs)) => Ok(wire::from_json(serde_json::Value::Array(outputs))),
            Ok(Reply::Error(message)) => Err(query_failed(message)),
            Err(error) => Err(query_failed(how_it_ended(status, &error))),
        }
    }

    /// Runs the child; dropping this kills it.
    async fn child(&self, request: &[u8]) -> Result<(Vec<u8>, ExitStatus), Failure> {
        let unavailable =
            |error: std::io::Error| Failure::new("unavailable", format!("jq cannot be run: {error}"));
        let program = match &self.config.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(unavailable)?,
        };
        let mut command = group::command(program);
        command.arg("__jq").env_clear().env("TZ", "UTC").stderr(std::process::Stdio::null());
        let mut child = command.spawn().map_err(unavailable)?;
        let _group = Group::of(&child);
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("internal", "the jq process has no pipes"));
        };
        let feed = async move {
            // A child that ends early says so by its exit status.
            let _ = stdin.write_all(request).await;
            drop(stdin);
        };
        let mut output = Vec::new();
        let mut stdout = stdout.take(self.config.max_output as u64 + 4096);
        let ((), read) = tokio::join!(feed, stdout.read_to_end(&mut output));
        read.map_err(unavailable)?;
        drop(stdout);
        let status = child.wait().await.map_err(unavailable)?;
        Ok((output, status))
    }
}

impl Skill for JsonSkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }
}

fn query_failed(message: impl Into<String>) -> Failure {
    Failure::new("query_failed", message)
}

fn how_it_ended(status: ExitStatus, error: &serde_json::Error) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        // SIGXCPU, SIGKILL after it, or whatever a full memory or stack ends in.
        Some(24) => "the program took too much time".into(),
        Some(_) => "the program took too much memory, or recursed too deeply".into(),
        None => format!("the program's process gave no answer ({status}; {error})"),
    }
}

fn parse(text: &str) -> Result<Value, Failure> {
    if wire::values(text.as_bytes()) > wire::MAX_VALUES {
        let message = format!("the JSON has more than {} values", wire::MAX_VALUES);
        return Err(Failure::new("invalid_input", message));
    }
    serde_json::from_str(text).map(wire::from_json).map_err(|error| {
        let offset = match error.classify() {
            Category::Eof => text.len(),
            Category::Syntax | Category::Data | Category::Io => offset(text, error.line(), error.column()),
        };
        let mut failure = Failure::new("invalid_json", error.to_string());
        failure.details.insert("offset".into(), Value::Int(i64::try_from(offset).unwrap_or(i64::MAX)));
        failure
    })
}

/// The byte offset of a line and column, both from 1; columns are bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_says_where() {
        for (text, expected) in [("{\"a\": ?}", 6), ("[1,\n x]", 5), ("[1", 2), ("", 0)] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.kind.as_ref(), "invalid_json");
            assert!(
                matches!(failure.details["offset"], Value::Int(n) if n == expected),
                "{text}: {failure:?}"
            );
        }
        assert!(matches!(parse("[1, 2.0]").unwrap(), Value::List(_)));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(parse(&"[".repeat(1_000_000)).is_err());
    }
}
