//! The arguments of every command.

mod memory;

pub(crate) use memory::{Memory, MemoryCommand, MemoryKind};
mod spending;

pub(crate) use spending::{Agents, AgentsCommand, Cost, CostBy};

use super::Exit;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A plan language for agents: checked before it runs, durable while it runs.
#[derive(Debug, Parser)]
#[command(name = "aos", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// Where runs are kept [default: `.aos` beside the nearest aos.toml, else the platform's data directory];
    /// `:memory:` keeps nothing, `redb:DIR` makes a new store with redb.
    #[arg(long, global = true, env = "AOS_STORE", value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say only what was asked for, and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Parse and check plans without running anything.
    #[command(after_help = "Example: aos check plans/*.plan --format json")]
    Check(Check),
    /// Print plans in the one canonical layout.
    #[command(after_help = "Example: aos fmt --check plans/*.plan")]
    Fmt(Fmt),
    /// Mend plans with the safe fixes of their diagnostics.
    #[command(after_help = "Example: aos fix --diff weekly.plan")]
    Fix(Fix),
    /// Check a plan, then run it.
    #[command(after_help = "Example: aos run weekly.plan --input repo=a/b --json")]
    Run(Run),
    /// Have a model write a plan for a goal; it is checked, mended, shown, and runs only if you say so.
    #[command(
        after_help = "Example: aos plan 'Put the titles of the open issues of rust-lang/cargo into issues.md' --out issues.plan"
    )]
    Plan(Plan),
    /// List runs, the latest first.
    #[command(after_help = "Example: aos runs --limit 5")]
    Runs(Runs),
    /// Show one run: its timeline, every step, and why steps were skipped.
    #[command(after_help = "Example: aos show 0192f0c1   (the first characters of the run's id are enough)")]
    Show(Show),
    /// Go on with a run that was interrupted or whose process died.
    #[command(after_help = "Example: aos resume 0192f0c1")]
    Resume(Resume),
    /// Say yes or no to a call, or a value, that a run shows; the run goes on.
    #[command(after_help = "Example: aos approve 0192f0c1 post --comment 'looks good'")]
    Approve(Approve),
    /// Give the value that a run asks for; the run goes on.
    #[command(after_help = "Example: aos answer 0192f0c1 size '{\"width\": 3}'")]
    Answer(Answer),
    /// Send a signal to a run, also before it waits for it.
    #[command(after_help = "Example: aos signal 0192f0c1 paid '{\"amount\": 12}'")]
    Signal(Signal),
    /// Stop a run for good, unwinding what it did.
    #[command(after_help = "Example: aos cancel 0192f0c1")]
    Cancel(Cancel),
    /// Find what runs gave: files and large results.
    #[command(after_help = "Example: aos artifacts --type image --run 0192f0c1")]
    Artifacts(Artifacts),
    /// Add up what runs and planning used: tokens and money.
    #[command(after_help = "Example: aos cost --by model --since 7d")]
    Cost(Cost),
    /// Look at the agents of aos.toml: what they may call and spend.
    #[command(after_help = "Example: aos agents show triager")]
    Agents(Agents),
    /// Look at runs that were put aside, and decide.
    #[command(after_help = "Example: aos dead list")]
    Dead(Dead),
    /// What is remembered between runs: runs, results worth keeping, notes.
    #[command(after_help = "Example: aos memory search deploy staging")]
    Memory(Memory),
    /// Care for the store: backups, checks, repairs.
    #[command(after_help = "Example: aos store export backup.jsonl")]
    Store(Store),
    /// Run the `test` blocks of plans, in virtual time and without effects.
    #[command(after_help = "Example: aos test plans/*.plan --filter digest")]
    Test(Test),
    /// Draw a plan's graph.
    #[command(after_help = "Example: aos graph weekly.plan --format mermaid")]
    Graph(Graph),
    /// Print a plan in its other form: JSON as a plan, a plan as JSON.
    #[command(after_help = "Example: aos convert weekly.json --to plan")]
    Convert(Convert),
    /// Print a grammar of plans, for engines that constrain what a model writes.
    #[command(after_help = "Example: aos grammar --format gbnf --level skills --agent triager")]
    Grammar(Grammar),
    /// Print a stage of the compiler as JSON.
    #[command(after_help = "Example: aos compile weekly.plan --emit dag")]
    Compile(Compile),
    /// Evaluate one expression, or many.
    #[command(after_help = "Example: aos eval 'size(xs) > 1' --var 'xs=[1,2]'")]
    Eval(Eval),
    /// Read the guide and the language reference.
    #[command(after_help = "Example: aos docs clauses | less")]
    Docs(Docs),
    /// Explain a diagnostic, with an example before and after.
    #[command(after_help = "Example: aos explain unknown-skill")]
    Explain(Explain),
    /// Look at the signatures of skills.
    #[command(after_help = "Example: aos skills show http.get")]
    Skills(Skills),
    /// Serve an editor: the language server protocol over stdin and stdout.
    #[cfg(feature = "lsp")]
    #[command(after_help = "Example: vim.lsp.start({ name = 'aos', cmd = { 'aos', 'lsp' } })   (Neovim)")]
    Lsp,
    /// Make a new project: aos.toml, a first plan with a test, .gitignore.
    #[command(after_help = "Example: aos init my-project")]
    Init(Init),
    /// Say what is missing here and how to mend it: programs, secrets, people, the store.
    #[command(after_help = "Example: aos doctor")]
    Doctor(Doctor),
    /// Print the completion script of a shell.
    #[command(after_help = "Example: aos completions bash > /etc/bash_completion.d/aos")]
    Completions(Completions),
    /// A jq program in a process of its own; not for people.
    #[command(name = "__jq", hide = true)]
    Jq,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// Plan files; `-` reads stdin.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// `warnings`: warnings fail too.
    #[arg(long, value_enum)]
    pub(crate) deny: Option<Deny>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// For whom a plan is checked.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Asking {
    /// An agent of aos.toml: what it may call and endorse.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Who wrote the plan [default: a model where it has a `planner` clause].
    #[arg(long, value_enum, value_name = "WHO")]
    pub(crate) written_by: Option<WrittenBy>,
    /// What the model that wrote the plan had read.
    #[arg(long, value_enum, default_value_t = Context::Trusted)]
    pub(crate) context: Context,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WrittenBy {
    Person,
    Model,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Context {
    #[default]
    Trusted,
    Untrusted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Text,
    Json,
    Sarif,
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    Warnings,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Fmt {
    /// Plan files; none with --stdin.
    pub(crate) files: Vec<PathBuf>,
    /// Write nothing; print a diff and fail where a file is not in its canonical layout.
    #[arg(long)]
    pub(crate) check: bool,
    /// Read stdin, print to stdout.
    #[arg(long)]
    pub(crate) stdin: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Fix {
    /// Plan files; `-` reads stdin and prints the mended text to stdout.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write nothing; print what would change.
    #[arg(long, visible_alias = "dry-run")]
    pub(crate) diff: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// A plan file, and with `#name` which of its plans.
    #[arg(value_name = "FILE[#PLAN]")]
    pub(crate) target: String,
    /// An input: a string as it is, anything else as JSON.
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// A JSON object with inputs; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,
    /// Print every event as a line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Starts the run once: the same key again gives the same run, as it ended, or goes on with it.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Steps at once, instead of what the plan says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: Option<u32>,
    /// Show what would run and its effects; run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take over the finished steps of an earlier run, where skill and arguments are the same; also what people answered.
    #[arg(long, value_name = "RUN")]
    pub(crate) from: Option<String>,
    /// Make this step again all the same, with all inside it.
    #[arg(long, value_name = "STEP", requires = "from")]
    pub(crate) rerun: Vec<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// What the plan is for; `-` reads stdin.
    pub(crate) goal: Option<String>,
    /// An agent of aos.toml: its model, what its plans may call.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The model, instead of the one of aos.toml.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Write the plan into a file instead of to stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Run the plan, once it is shown and you say yes.
    #[arg(long)]
    pub(crate) run: bool,
    /// Do not ask: run it, replace the file.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// An input for --run: a string as it is, anything else as JSON.
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// A JSON object with inputs for --run.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,
    /// Plans the goal once: the same key again gives the same plan and asks no model; with --run it runs once too.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Plan the rest of a run that failed: what was done stays done, within what is left of its budget.
    #[arg(long, value_name = "RUN", conflicts_with = "chat")]
    pub(crate) from: Option<String>,
    /// Talk about the plan: each line changes it, /help says what else there is.
    #[arg(long, conflicts_with_all = ["json", "key", "run"])]
    pub(crate) chat: bool,
    /// Show each round: what was mended, what was left, what it used.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print the plan and how it came about as JSON; with --run the events follow.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the model nothing of earlier runs and notes.
    #[arg(long)]
    pub(crate) no_memory: bool,
    /// Do not hold the model's answers to a grammar of the granted skills, also where it takes one.
    #[arg(long)]
    pub(crate) free: bool,
    /// US dollars that planning may cost.
    #[arg(long, value_name = "USD")]
    pub(crate) max_cost: Option<f64>,
    /// Tokens that planning may use.
    #[arg(long, value_name = "N", default_value_t = 400_000)]
    pub(crate) max_tokens: i64,
    /// Tokens of one prompt: examples, signatures and memories that do not fit are left out.
    #[arg(long, value_name = "N", default_value_t = 24_000)]
    pub(crate) max_prompt: usize,
    /// Answers of the model at most.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) max_rounds: u32,
    /// How long planning may take.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) timeout: std::time::Duration,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::project::config::parse_duration(text).ok_or_else(|| "write it like `90s` or `5m`".to_owned())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Runs {
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    /// A run's id, or its first characters.
    pub(crate) run: String,
    /// Write a page that shows everything and needs nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) html: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("decision").args(["retry", "skip", "take"]).multiple(true).requires("run"))]
pub(crate) struct Resume {
    /// A run's id, or its first characters.
    #[arg(required_unless_present = "due")]
    pub(crate) run: Option<String>,
    /// Every suspended run of which something is due: a question that expires, another role that is to be asked, a timer.
    #[arg(long, conflicts_with = "run")]
    pub(crate) due: bool,
    /// A step in doubt is called again; several allowed.
    #[arg(long, value_name = "STEP")]
    pub(crate) retry: Vec<String>,
    /// A step in doubt has no value; what needs one is skipped too.
    #[arg(long, value_name = "STEP")]
    pub(crate) skip: Vec<String>,
    /// A step in doubt did act, and gave this.
    #[arg(long = "use", num_args = 2, value_names = ["VALUE", "STEP"])]
    pub(crate) take: Vec<String>,
    /// Print every event as a line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Approve {
    /// A run's id, or its first characters.
    pub(crate) run: String,
    /// The step that asks, as `aos runs` and `aos show` name it.
    pub(crate) step: String,
    /// Say no.
    #[arg(long)]
    pub(crate) deny: bool,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Only if what is asked for has this digest, or one that begins so.
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
    /// In a terminal: do not ask again.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) saying: Saying,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Answer {
    /// A run's id, or its first characters.
    pub(crate) run: String,
    /// The step that asks, as `aos runs` and `aos show` name it.
    pub(crate) step: String,
    /// A string as it is, anything else as JSON.
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) saying: Saying,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Signal {
    /// A run's id, or its first characters.
    pub(crate) run: String,
    /// The signal's name.
    pub(crate) name: String,
    /// A string as it is, anything else as JSON.
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) saying: Saying,
}

/// Who says something to a run, and how its going on is shown.
#[derive(Debug, ClapArgs)]
pub(crate) struct Saying {
    /// Answer by another name than the login, where `allow_as = true` in aos.toml permits it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) alias: Option<String>,
    /// Print every event of the run as a line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cancel {
    /// A run's id, or its first characters.
    pub(crate) run: String,
    /// Why, for the record.
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Artifacts {
    /// Of this run: its id, or its first characters.
    #[arg(long)]
    pub(crate) run: Option<String>,
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    pub(crate) kind: Option<ArtifactType>,
    /// A MIME type or how it begins: `application/pdf`, `image/`.
    #[arg(long)]
    pub(crate) mime: Option<String>,
    /// A text in the name, the step, the plan, or the content of what is text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Write the content of the one that has this digest, or the first characters of it, to stdout; a terminal is shown it, if it can.
    #[arg(long, value_name = "DIGEST", conflicts_with = "json")]
    pub(crate) cat: Option<String>,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Test {
    /// Plan files.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Only tests with this text in their name or their plan's.
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Write the results as JUnit XML, for CI systems.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// `crash`: make the machine anew from its journal after every event, and demand the same end.
    #[arg(long, value_enum, value_name = "FAULT")]
    pub(crate) inject: Option<Inject>,
    /// Print every test as a line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inject {
    Crash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArtifactType {
    Json,
    Text,
    File,
    Image,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dead {
    #[command(subcommand)]
    pub(crate) command: DeadCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List the runs that were put aside, the latest first.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Say why one was put aside.
    Show {
        /// A run's id, or its first characters.
        run: String,
        #[arg(long)]
        json: bool,
    },
    /// Take it off the list and go on with it.
    Retry {
        /// A run's id, or its first characters.
        run: String,
        /// Print every event as a line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take it off the list; the run stays as it is.
    Drop {
        /// A run's id, or its first characters.
        run: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Write all runs into one file, also while runs go on.
    Export {
        /// The file; one that is there is replaced once the new one is whole.
        file: PathBuf,
        /// Leave the contents of files and large results out.
        #[arg(long)]
        no_blobs: bool,
    },
    /// Make a new store of an export; `--store` says where.
    #[command(after_help = "Example: aos store import backup.jsonl --store new")]
    Import {
        /// What `aos store export` wrote.
        file: PathBuf,
    },
    /// Verify every event, list and content.
    Check {
        #[arg(long)]
        json: bool,
    },
    /// Check, and save what a damaged store still gives; the damaged files are kept.
    Repair,
    /// Count what the store holds.
    Stats {
        #[arg(long)]
        json: bool,
    },
    /// Delete contents that no run names.
    Gc {
        /// Delete nothing, count only.
        #[arg(long)]
        dry_run: bool,
        /// Contents younger than this stay: a run may be about to name them.
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        grace: u64,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Graph {
    /// A plan file, and with `#name` which of its plans.
    #[arg(value_name = "FILE[#PLAN]")]
    pub(crate) target: String,
    #[arg(long, value_enum, default_value_t = GraphFormat::Terminal)]
    pub(crate) format: GraphFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Terminal,
    Dot,
    Mermaid,
    Svg,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Convert {
    /// A plan file, or its JSON form (`.json`).
    pub(crate) file: PathBuf,
    /// Which form to print; what the JSON form cannot say is refused.
    #[arg(long, value_enum)]
    pub(crate) to: ConvertTo,
    /// Write a file instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertTo {
    Json,
    Plan,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Grammar {
    #[arg(long, value_enum, default_value_t = GrammarFormat::Lark)]
    pub(crate) format: GrammarFormat,
    /// What it knows: the language; the skills and their parameters; steps s1, s2, … that name only earlier ones; the types of their results.
    #[arg(long, value_enum, default_value_t = GrammarLevel::Generic)]
    pub(crate) level: GrammarLevel,
    /// Only these skills [default: all that the project has].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) skills: Vec<String>,
    /// Only what this agent of aos.toml is granted.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// At most so many steps in a body.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) max_steps: Option<u8>,
    /// For this engine; what it cannot read is refused.
    #[arg(long, value_enum)]
    pub(crate) profile: Option<GrammarProfile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrammarFormat {
    Lark,
    #[value(alias = "ebnf")]
    Gbnf,
    JsonSchema,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrammarLevel {
    Generic,
    Skills,
    Refs,
    Typed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum GrammarProfile {
    OpenAi,
    Anthropic,
    LlamaCpp,
    XGrammar,
    LlGuidance,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Compile {
    #[arg(value_name = "FILE[#PLAN]")]
    pub(crate) target: String,
    #[arg(long, value_enum)]
    pub(crate) emit: Emit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The syntax tree, as text.
    Ast,
    /// The checked plan.
    Hir,
    /// The graph that runs.
    Dag,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Eval {
    /// An expression of the language.
    #[arg(required_unless_present = "jsonl")]
    pub(crate) expr: Option<String>,
    /// A variable: a string as it is, anything else as JSON.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) var: Vec<String>,
    /// Read one case a line from stdin, answer one a line.
    #[arg(long, conflicts_with_all = ["expr", "var"])]
    pub(crate) jsonl: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Docs {
    /// A page, as `aos docs` lists them; the last part of its name is enough.
    pub(crate) page: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// A diagnostic, as in `error[unknown-skill]`.
    #[arg(required_unless_present = "list")]
    pub(crate) code: Option<String>,
    /// All of them with their severities.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Skills {
    #[command(subcommand)]
    pub(crate) command: SkillsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SkillsCommand {
    /// List skills: the standard ones and the project's.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show one signature.
    Show {
        /// The dotted name.
        name: String,
        #[arg(long, value_enum, default_value_t = SkillFormat::Plan)]
        format: SkillFormat,
    },
    /// Write signatures for the tools of a JSON document: an MCP `tools/list` result, a provider's tool list, OpenAPI 3.
    #[command(after_help = "Example: aos skills import tools.json --namespace gh --out skills/gh.plan")]
    Import(Import),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// The document; `-` reads stdin.
    pub(crate) file: PathBuf,
    /// What stands before the dot of each skill.
    #[arg(long)]
    pub(crate) namespace: String,
    /// The signature file; the schemas go beside it, as `NAME.schema.json`. Left out: the signatures go to stdout.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// What the tools do that do not say so themselves; else `irreversible`.
    #[arg(long, value_enum)]
    pub(crate) effect: Option<SkillEffect>,
    /// Believe results as far as their arguments.
    #[arg(long)]
    pub(crate) trust: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SkillEffect {
    Pure,
    Reads,
    Writes,
    Irreversible,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SkillFormat {
    Plan,
    JsonSchema,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// The folder; made where there is none.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The project's name [default: the folder's].
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn completions(args: &Completions) -> Exit {
    let mut command = <Args as clap::CommandFactory>::command();
    clap_complete::generate(args.shell, &mut command, "aos", &mut std::io::stdout());
    Exit::Done
}
