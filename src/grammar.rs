//! Grammars for constrained decoding: what a model may write so that the text is a plan, in the syntax that an engine reads.
//!
//! There is one representation ([`ir`]); it is built rule for rule as the formatter prints ([`mod@crate::format`]), and printed as
//! Lark, as GBNF, or (for the other form of plans) as JSON Schema. There are no blanks to skip in it: a text that it lets through is
//! in the formatter's layout, but for where lines break: a context-free grammar cannot count columns, so what breaks in the
//! formatter where a line gets too long may here stand on one line or on several. That it names all of `grammar/plan.pest`, or says
//! why not, is held by a test against [`LEFT_OUT`].

mod gbnf;
pub mod ir;
mod json_schema;
mod lark;
mod skills;
mod surface;
mod tokens;
mod unrolled;

use crate::check::hir::Signature;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use ir::Grammar;
use sha2::{Digest as _, Sha256};
use skills::Skills;
use std::sync::Arc;
use surface::{Limits, Surface};

/// The version of the plan language that the grammars are of.
pub const LANGUAGE: &str = env!("CARGO_PKG_VERSION");

/// A class of characters, as regular expressions and GBNF write it; they differ in their escapes.
fn class(out: &mut String, ranges: &[(char, char)], negated: bool, escaped: fn(&mut String, char)) {
    out.push_str(if negated { "[^" } else { "[" });
    for (first, last) in ranges {
        escaped(out, *first);
        if first != last {
            out.push('-');
            escaped(out, *last);
        }
    }
    out.push(']');
}

/// In which syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lark, as llguidance and OpenAI read it.
    Lark,
    /// llama.cpp, XGrammar, vLLM.
    Gbnf,
    /// Of the JSON form of plans.
    JsonSchema,
}

/// How much the grammar knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The language.
    Generic,
    /// One plan, with calls of the given skills only.
    Skills,
    /// Steps `s1`, `s2`, …, each naming those before it only.
    Refs,
    /// The same, with values where their types fit.
    Typed,
}

/// Whose syntax exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    OpenAi,
    Anthropic,
    LlamaCpp,
    XGrammar,
    LlGuidance,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    pub format: Format,
    pub level: Level,
    /// `None`: the engine that the format is named after.
    pub profile: Option<Profile>,
    /// The most steps of a body. `None`: as many as the level has room for, at most 12.
    pub max_steps: Option<u8>,
}

impl Level {
    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Generic => "generic",
            Level::Skills => "skills",
            Level::Refs => "refs",
            Level::Typed => "typed",
        }
    }
}

impl Profile {
    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::OpenAi => "openai",
            Profile::Anthropic => "anthropic",
            Profile::LlamaCpp => "llamacpp",
            Profile::XGrammar => "xgrammar",
            Profile::LlGuidance => "llguidance",
        }
    }
}

/// Rules of `grammar/plan.pest` that no grammar has, with the reason. `p_*`, `kw_*`, and rules that only group others are held by
/// their texts instead.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("uint", "read to be answered with a fix; never printed"),
    ("bad_number", "read to be answered with a fix"),
    ("hole", "stands only where something could not be read"),
    ("string_sq", "the formatter prints double quotes"),
    ("string_block_sq", "the formatter prints double quotes"),
];

/// Exports the grammar of `options` over these skills.
///
/// # Errors
/// A diagnostic that names the construct, where a format or profile cannot say what the level needs: nothing is weakened silently.
pub fn export(options: &Options, skills: &[Arc<Signature>]) -> Result<String, Box<Diagnostic>> {
    let header = header(options, skills);
    possible(options)?;
    if options.format == Format::JsonSchema {
        return json_schema::print(options, skills, &header);
    }
    let grammar = grammar(options, skills)?;
    Ok(match options.format {
        Format::Gbnf => gbnf::print(&grammar, &header),
        Format::Lark | Format::JsonSchema => {
            lark::print(&grammar, options.profile == Some(Profile::OpenAi), &header)
        }
    })
}

/// The same as a representation, for those who change it or look into it.
///
/// # Errors
/// Where the level has no room for the steps, or no skill.
pub fn grammar(options: &Options, skills: &[Arc<Signature>]) -> Result<Grammar, Box<Diagnostic>> {
    let known = Skills { list: skills.to_vec() };
    if options.level != Level::Generic && skills.is_empty() {
        return Err(refused("there is no skill to call", "grant the agent one, or use the level `generic`"));
    }
    let limits = limits(options.level, options.max_steps);
    match options.level {
        Level::Generic => Ok(Surface::new(limits, None).file()),
        Level::Skills => Ok(Surface::new(limits, Some(&known)).one_plan()),
        Level::Refs | Level::Typed => {
            let typed = options.level == Level::Typed;
            let wanted = options.max_steps.unwrap_or(12).max(1);
            match unrolled::grammar(&known, limits, wanted, typed) {
                Ok(grammar) => Ok(grammar),
                Err(unrolled::Cannot::NoSkill) => {
                    let help =
                        "add one whose required parameters have literals and that has no type parameters";
                    Err(refused("no skill can be called without an earlier step's result", help))
                }
                Err(unrolled::Cannot::TooManySteps { most }) if options.max_steps.is_none() => {
                    let steps = Options { max_steps: Some(most), ..*options };
                    grammar(&steps, skills)
                }
                Err(unrolled::Cannot::TooManySteps { most }) => {
                    let message =
                        format!("the state of 64 bits holds the results of {most} steps, not of {wanted}");
                    Err(refused(message, "lower `--max-steps`, or name fewer skills by `--skills`"))
                }
            }
        }
    }
}

/// Prints a representation in Lark's syntax as llguidance reads it.
#[must_use]
pub fn to_lark(grammar: &Grammar) -> String {
    lark::print(grammar, false, "")
}

/// Prints a representation without state as GBNF.
#[must_use]
pub fn to_gbnf(grammar: &Grammar) -> String {
    gbnf::print(grammar, "")
}

fn limits(level: Level, steps: Option<u8>) -> Limits {
    match level {
        Level::Generic => Limits {
            depth: 8,
            indent: 12,
            regions: 5,
            list: 64,
            chain: 24,
            stmts: steps.map(u32::from),
            text: None,
            lines: None,
        },
        Level::Skills => Limits {
            depth: 2,
            indent: 5,
            regions: 2,
            list: 6,
            chain: 3,
            stmts: Some(steps.map_or(12, u32::from)),
            text: Some(600),
            lines: Some(40),
        },
        Level::Refs | Level::Typed => Limits {
            depth: 1,
            indent: 1,
            regions: 0,
            list: 4,
            chain: 2,
            stmts: Some(steps.map_or(12, u32::from)),
            text: Some(80),
            lines: Some(1),
        },
    }
}

fn refused(message: impl Into<String>, help: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Code::GrammarCannotSay, Span::default(), message).help(help))
}

/// What a format or a profile has no words for.
fn possible(options: &Options) -> Result<(), Box<Diagnostic>> {
    let state = "rules with a state, which hold the type of every step's result";
    let profile = options.profile.map_or("", Profile::name);
    let cannot = |who: &str, what: &str, help: &str| Err(refused(format!("{who} cannot say {what}"), help));
    if options.level == Level::Typed && options.format == Format::JsonSchema {
        return cannot(
            "JSON Schema",
            "that a string names an earlier step of a fitting type",
            "use `--level skills`",
        );
    }
    if options.level == Level::Refs && options.format == Format::JsonSchema {
        return cannot("JSON Schema", "that a string names an earlier step", "use `--level skills`");
    }
    if options.level == Level::Typed && options.format == Format::Gbnf {
        return cannot("GBNF", state, "use `--level refs`, or `--format lark` for llguidance");
    }
    match (options.profile, options.format) {
        (Some(Profile::Anthropic), Format::Lark | Format::Gbnf) => {
            let help = "use `--format json-schema`, or let the model write text and check it";
            cannot("`anthropic`", "a grammar of a text: it takes JSON Schema only", help)
        }
        (Some(Profile::OpenAi), Format::Gbnf) => cannot("`openai`", "GBNF", "use `--format lark`"),
        (Some(Profile::OpenAi), Format::Lark) if options.level == Level::Typed => {
            cannot("`openai`", state, "use `--level refs`")
        }
        (Some(Profile::LlamaCpp | Profile::XGrammar), Format::Lark) => {
            cannot(&format!("`{profile}`"), "Lark", "use `--format gbnf`")
        }
        (Some(Profile::LlGuidance), Format::Gbnf) => cannot("`llguidance`", "GBNF", "use `--format lark`"),
        (Some(_) | None, _) => Ok(()),
    }
}

/// What a grammar is of: its level, the skills it knows, the language.
fn header(options: &Options, skills: &[Arc<Signature>]) -> String {
    format!(
        "aos plan grammar\nlevel {}, language {LANGUAGE}, {} skills, registry {}",
        options.level.name(),
        skills.len(),
        registry(skills)
    )
}

/// A digest of the signatures: the same skills give the same.
#[must_use]
pub fn registry(skills: &[Arc<Signature>]) -> String {
    let mut hash = Sha256::new();
    for skill in skills {
        hash.update(skill.name.as_bytes());
        for param in &skill.params {
            hash.update(format!("\n{}: {} {:?}", param.name, param.ty, param.labels));
        }
        hash.update(format!("\n-> {} {:?}\n\n", skill.output, skill.output_labels));
    }
    hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
}
