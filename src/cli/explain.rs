//! `aos explain`: the page of a diagnostic.

use super::args::Explain;
use super::{CliResult, Exit, Stop, terminal};
use crate::diagnostic::{Code, json, nearest};

pub(crate) fn explain(args: &Explain) -> CliResult {
    if args.list {
        for code in Code::ALL {
            terminal::print(&format!(
                "{:<24} {:<8} {}",
                code.name(),
                json::severity(code.severity()),
                code.summary()
            ));
        }
        return Ok(Exit::Done);
    }
    let name = args.code.as_deref().unwrap_or_default();
    let name = name.rsplit_once('[').map_or(name, |(_, rest)| rest.trim_end_matches(']'));
    let Some(code) = Code::from_name(name) else {
        let near = nearest(name, Code::ALL.iter().map(|c| c.name()));
        let hint = near
            .map_or_else(|| "`aos explain --list` lists them".to_owned(), |n| format!("did you mean `{n}`?"));
        return Err(Stop::usage(format!("no diagnostic is called `{name}`; {hint}")));
    };
    terminal::print(code.page().trim_end());
    Ok(Exit::Done)
}
