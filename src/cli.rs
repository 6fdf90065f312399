//! The command line: arguments in, text and exit codes out. Results go to stdout, everything for people to stderr.

mod agents;
mod args;
mod artifacts;
mod backend;
mod check;
mod compile;
mod convert;
mod cost;
mod dead;
mod docs;
mod doctor;
mod eval;
mod explain;
mod fix;
mod fmt;
mod grammar;
mod graph;
mod import;
mod init;
mod inputs;
mod live;
mod load;
mod memory;
#[cfg(feature = "otel")]
mod otel;
mod people;
mod picture;
mod plan;
mod render;
mod run;
mod runs;
mod show;
mod skills;
mod store;
mod terminal;
mod test;

use args::{Args, Command};
use clap::Parser as _;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was as it should be.
    Done,
    /// The plan failed, or there are errors in what was checked.
    Failed,
    /// Bad usage or input, file not found.
    Usage,
    /// Waiting for someone or something.
    Suspended,
    Cancelled,
    /// Can be resumed.
    Interrupted,
    /// The store is in use and its holder does not answer.
    InUse,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Suspended => 3,
            Exit::Cancelled => 4,
            Exit::Interrupted => 130,
            Exit::InUse => 75,
        })
    }
}

/// A command that cannot go on: what to tell, and how to end.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    /// Empty where everything has been said already.
    pub(crate) message: String,
}

impl Stop {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Stop { exit: Exit::Usage, message: message.into() }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Stop { exit: Exit::Failed, message: message.into() }
    }

    pub(crate) fn silent(exit: Exit) -> Self {
        Stop { exit, message: String::new() }
    }
}

type CliResult = Result<Exit, Stop>;

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    terminal::set_up(&args.global);
    let exit = match dispatch(args) {
        Ok(exit) => exit,
        Err(stop) => {
            if !stop.message.is_empty() {
                terminal::error(&stop.message);
            }
            stop.exit
        }
    };
    #[cfg(feature = "otel")]
    otel::shut_down();
    exit.into()
}

fn dispatch(args: Args) -> CliResult {
    let global = args.global;
    match args.command {
        Command::Check(a) => check::check(&a, &global),
        Command::Fmt(a) => fmt::fmt(&a),
        Command::Fix(a) => fix::fix(&a),
        Command::Run(a) => run::run(&a, &global),
        Command::Plan(a) => plan::plan(&a, &global),
        Command::Runs(a) => runs::runs(&a, &global),
        Command::Show(a) => show::show(&a, &global),
        Command::Resume(a) => run::resume(&a, &global),
        Command::Approve(a) => people::approve(&a, &global),
        Command::Answer(a) => people::answer(&a, &global),
        Command::Signal(a) => people::signal(&a, &global),
        Command::Cancel(a) => runs::cancel(&a, &global),
        Command::Cost(a) => cost::cost(&a, &global),
        Command::Agents(a) => agents::agents(&a, &global),
        Command::Artifacts(a) => artifacts::artifacts(&a, &global),
        Command::Dead(a) => dead::dead(&a, &global),
        Command::Memory(a) => memory::memory(&a, &global),
        Command::Store(a) => store::store(&a, &global),
        Command::Test(a) => test::test(&a, &global),
        Command::Grammar(a) => grammar::grammar(&a),
        Command::Graph(a) => graph::graph(&a, &global),
        Command::Convert(a) => convert::convert(&a),
        Command::Compile(a) => compile::compile(&a, &global),
        Command::Eval(a) => eval::eval(&a),
        Command::Docs(a) => docs::docs(&a),
        Command::Explain(a) => explain::explain(&a),
        Command::Skills(a) => skills::skills(&a, &global),
        #[cfg(feature = "lsp")]
        Command::Lsp => Ok(if crate::lsp::run() { Exit::Done } else { Exit::Failed }),
        Command::Init(a) => init::init(&a),
        Command::Doctor(a) => doctor::doctor(&a, &global),
        Command::Completions(a) => Ok(args::completions(&a)),
        Command::Jq => {
            Ok(if crate::runtime::skill::jq::child_main() == 0 { Exit::Done } else { Exit::Failed })
        }
    }
}
