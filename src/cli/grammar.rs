//! `aos grammar`

use super::args::{Grammar, GrammarFormat, GrammarLevel, GrammarProfile};
use super::{CliResult, Exit, Stop, render, terminal};
use crate::check::hir::Signature;
use crate::diagnostic::nearest;
use crate::grammar::{self, Format, Level, Options, Profile};
use crate::project::Project;
use crate::source::{DiskLoader, Sources};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn grammar(args: &Grammar) -> CliResult {
    // A file that is not there stands for the working folder, as for `aos skills`.
    let project = Project::load_text(Path::new("grammar.plan"), "", &DiskLoader);
    let skills = chosen(args, &project)?;
    let options = Options {
        format: match args.format {
            GrammarFormat::Lark => Format::Lark,
            GrammarFormat::Gbnf => Format::Gbnf,
            GrammarFormat::JsonSchema => Format::JsonSchema,
        },
        level: match args.level {
            GrammarLevel::Generic => Level::Generic,
            GrammarLevel::Skills => Level::Skills,
            GrammarLevel::Refs => Level::Refs,
            GrammarLevel::Typed => Level::Typed,
        },
        profile: args.profile.map(|profile| match profile {
            GrammarProfile::OpenAi => Profile::OpenAi,
            GrammarProfile::Anthropic => Profile::Anthropic,
            GrammarProfile::LlamaCpp => Profile::LlamaCpp,
            GrammarProfile::XGrammar => Profile::XGrammar,
            GrammarProfile::LlGuidance => Profile::LlGuidance,
        }),
        max_steps: args.max_steps,
    };
    match grammar::export(&options, &skills) {
        Ok(text) => {
            terminal::print(text.trim_end());
            Ok(Exit::Done)
        }
        Err(d) => {
            render::report(&[*d], &Sources::default());
            Ok(Exit::Failed)
        }
    }
}

/// The skills that were named, of those that the agent may call.
fn chosen(args: &Grammar, project: &Project) -> Result<Vec<Arc<Signature>>, Stop> {
    let mut all = match &args.agent {
        None => project.signatures(),
        Some(name) => project.granted(name).ok_or_else(|| {
            let known = project.config.agents.keys().map(AsRef::as_ref);
            let hint = nearest(name, known).map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
            Stop::usage(format!("aos.toml has no agent `{name}`{hint}"))
        })?,
    };
    if args.skills.is_empty() {
        return Ok(all);
    }
    for name in &args.skills {
        if !all.iter().any(|s| *s.name == **name) {
            let near = nearest(name, all.iter().map(|s| &*s.name));
            let hint = near.map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
            return Err(Stop::usage(format!("there is no skill `{name}` to call{hint}")));
        }
    }
    all.retain(|s| args.skills.iter().any(|name| *name == *s.name));
    Ok(all)
}
