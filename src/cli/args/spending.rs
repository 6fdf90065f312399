//! The arguments of `aos cost` and `aos agents`.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(Debug, ClapArgs)]
pub(crate) struct Cost {
    /// What a line stands for.
    #[arg(long, value_enum, default_value_t = CostBy::Run)]
    pub(crate) by: CostBy,
    /// Only since a day, a time, or so long ago: `2026-11-01`, `7d`.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Price every request to a model anew, by the prices as they are now; what was booked stays as it is.
    #[arg(long)]
    pub(crate) reprice: bool,
    /// Print every line as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostBy {
    Run,
    Step,
    Agent,
    Model,
    Day,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Agents {
    #[command(subcommand)]
    pub(crate) command: AgentsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// List them, with what they spent in their periods.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show one: its skills, its budget and what is left of it.
    Show {
        name: String,
        #[arg(long)]
        json: bool,
    },
}
