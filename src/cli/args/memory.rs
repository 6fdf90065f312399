//! The arguments of `aos memory`.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(Debug, ClapArgs)]
pub(crate) struct Memory {
    #[command(subcommand)]
    pub(crate) command: MemoryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// List what is remembered, the latest first.
    List {
        #[arg(long, value_enum)]
        kind: Option<MemoryKind>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        #[arg(long)]
        json: bool,
    },
    /// Find memories by their words, the nearest first; an id finds that one.
    #[command(after_help = "Example: aos memory search deploy staging")]
    Search {
        #[arg(required = true, value_name = "WORD")]
        query: Vec<String>,
        /// At most so many.
        #[arg(long, default_value_t = 10)]
        limit: usize,
        #[arg(long)]
        json: bool,
    },
    /// Show one memory.
    Show {
        /// A memory's id, or its first characters.
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Save a note; prints its id.
    #[command(
        after_help = "Example: aos memory save 'Staging is reached through the proxy only' --tag deploy"
    )]
    Save {
        /// The note; `-` reads stdin.
        text: String,
        /// A word to find it by; several allowed.
        #[arg(long, value_name = "WORD")]
        tag: Vec<String>,
        /// It was written by somebody outside: no planner is shown its text.
        #[arg(long)]
        untrusted: bool,
    },
    /// Keep the result of a step beyond its run; prints the memory's id.
    #[command(after_help = "Example: aos memory keep 0192f0c1 digest --trusted")]
    Keep {
        /// A run's id, or its first characters.
        run: String,
        /// The step, as `aos show` names it.
        step: String,
        /// A word to find it by; several allowed.
        #[arg(long, value_name = "WORD")]
        tag: Vec<String>,
        /// You have read it and vouch for it: a planner may be shown its text.
        #[arg(long)]
        trusted: bool,
    },
    /// Vouch for a memory: a planner may be shown its text from now on.
    Trust {
        /// A memory's id, or its first characters.
        id: String,
    },
    /// Remove a note or a kept result; runs stay.
    Forget {
        /// A memory's id, or its first characters.
        id: String,
    },
    /// Print what a planner would be shown for a goal, and why.
    #[command(after_help = "Example: aos memory context 'Deploy to staging' --tokens 500")]
    Context {
        #[arg(required = true, value_name = "GOAL")]
        goal: Vec<String>,
        /// At most so many tokens.
        #[arg(long, default_value_t = 2_000)]
        tokens: usize,
        /// Show the text of untrusted memories too; a plan made from it must be checked with `--context untrusted`.
        #[arg(long)]
        untrusted: bool,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MemoryKind {
    Run,
    Result,
    Note,
}
