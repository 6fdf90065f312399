//! From an entry file to everything it uses, checked: `use`, the skill folders of `aos.toml`, the project root.

pub mod config;
pub mod fix;
pub mod import;
mod priced;
pub mod schemas;

pub use crate::check::flow::Writer;
pub use config::Config;

use crate::catalog::Catalog;
use crate::catalog::prices::Prices;
use crate::check::flow::{Agent, Asker};
use crate::check::hir::Signature;
use crate::check::{self, Analysis, UnitFile, UseRef};
use crate::diagnostic::{Code, Diagnostic, sort};
use crate::source::{LoadError, Loader, SourceId, Sources, Span};
use crate::syntax::{self, Parse, ast};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of plans with all it uses.
#[derive(Debug)]
pub struct Project {
    /// The folder of the nearest `aos.toml` upwards, else of the entry file.
    pub root: PathBuf,
    /// Where `aos.toml` lies, if there is one.
    pub config_path: Option<PathBuf>,
    pub config: Config,
    pub sources: Sources,
    /// The entry file first.
    pub files: Vec<ProjectFile>,
    /// Of all files together, all diagnostics in it.
    pub analysis: Analysis,
}

/// One file of a project.
#[derive(Debug)]
pub struct ProjectFile {
    /// As the user knows it.
    pub path: PathBuf,
    pub source: SourceId,
    pub parse: Arc<Parse>,
    pub(crate) uses: Vec<UseRef>,
    /// From a skill folder: seen by every file.
    pub(crate) shared: bool,
}

/// Parses the files of a project; one that remembers need not read again what did not change.
pub trait Parser {
    /// What [`syntax::parse`] gives for the text of the file at `path`.
    fn parse(&mut self, path: &Path, source: SourceId, text: &str) -> Arc<Parse>;
}

/// Parses every text as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Afresh;

impl Parser for Afresh {
    fn parse(&mut self, path: &Path, source: SourceId, text: &str) -> Arc<Parse> {
        Arc::new(match syntax::json::is_json(path) {
            true => syntax::json::parse(source, text, &syntax::json::plan_name(path)),
            false => syntax::parse(source, text),
        })
    }
}

impl Project {
    /// Loads and checks the file at `entry` with all it uses.
    ///
    /// # Errors
    /// When the entry file itself cannot be read; everything else is a diagnostic.
    pub fn load(entry: &Path, loader: &dyn Loader) -> Result<Project, LoadError> {
        Self::load_for(entry, loader, &Asking::default())
    }

    /// The same for an agent, a writer, and what the writer had read.
    ///
    /// # Errors
    /// When the entry file itself cannot be read.
    pub fn load_for(entry: &Path, loader: &dyn Loader, asking: &Asking) -> Result<Project, LoadError> {
        let text = loader.read(entry)?;
        Ok(Self::load_text_for(entry, &text, loader, asking))
    }

    /// The same for a text that is in memory, standing for the file at `entry`.
    #[must_use]
    pub fn load_text(entry: &Path, text: &str, loader: &dyn Loader) -> Project {
        Self::load_text_for(entry, text, loader, &Asking::default())
    }

    /// The same for an agent, a writer, and what the writer had read.
    #[must_use]
    pub fn load_text_for(entry: &Path, text: &str, loader: &dyn Loader, asking: &Asking) -> Project {
        Self::load_text_with(entry, text, loader, asking, &mut Afresh)
    }

    /// The same with a parser that may remember.
    #[must_use]
    pub fn load_text_with(
        entry: &Path,
        text: &str,
        loader: &dyn Loader,
        asking: &Asking,
        parser: &mut dyn Parser,
    ) -> Project {
        let full = loader.canonical(entry);
        let folder = full.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let config_path = folder.ancestors().map(|dir| dir.join("aos.toml")).find(|path| loader.exists(path));
        let root = config_path.as_deref().and_then(Path::parent).map_or(folder, Path::to_path_buf);
        let mut load = Load {
            loader,
            parser,
            root: root.clone(),
            sources: Sources::default(),
            files: Vec::new(),
            by_path: HashMap::new(),
            open: Vec::new(),
            diagnostics: Vec::new(),
        };
        load.add(full, entry.to_path_buf(), text);
        let config = config_path.as_deref().map(|path| load.config(path));
        let mut prices = None;
        if let Some(config) = &config {
            load.shared(config);
            prices = load.prices(config);
        }
        let Load { sources, files, diagnostics, .. } = load;
        let prices = prices.as_ref().unwrap_or_else(|| Prices::builtin());
        let analysis = analyse(&sources, &files, (config.as_ref(), prices), diagnostics, asking);
        let config = config.unwrap_or_default();
        Project { root, config_path, config, sources, files, analysis }
    }
}

impl Project {
    /// The skills that its plans may call, by name: the standard ones and those of its files.
    #[must_use]
    pub fn signatures(&self) -> Vec<Arc<Signature>> {
        let mut all: BTreeMap<Arc<str>, Arc<Signature>> =
            self.analysis.skills.iter().map(|(name, s)| (Arc::clone(name), Arc::clone(s))).collect();
        for name in crate::catalog::standard_names() {
            if let Some(signature) = check::standard_signature(name) {
                all.entry(Arc::clone(name)).or_insert(signature);
            }
        }
        all.into_values().collect()
    }

    /// Those that an agent of `aos.toml` may call; `None`: there is no such agent.
    #[must_use]
    pub fn granted(&self, agent: &str) -> Option<Vec<Arc<Signature>>> {
        let said = self.config.agents.get(agent)?.clone();
        let agent =
            Agent { name: agent.into(), grants: said.grants, deny: said.deny, may_endorse: said.may_endorse };
        Some(self.signatures().into_iter().filter(|s| agent.may_call(&s.name)).collect())
    }
}

/// For whom a plan is loaded: the options `--agent`, `--written-by` and `--context`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asking {
    /// A name of `[agents]`; one that is not there has no grants.
    pub agent: Option<Arc<str>>,
    /// `None`: a model where the plan has a `planner` clause.
    pub written_by: Option<Writer>,
    /// Whether the model that wrote the plan had read untrusted text.
    pub untrusted_context: bool,
}

impl Asking {
    fn asker(&self, config: Option<&Config>) -> Asker {
        let agent = self.agent.as_ref().map(|name| {
            let said = config.and_then(|c| c.agents.get(name)).cloned().unwrap_or_default();
            Agent { name: name.clone(), grants: said.grants, deny: said.deny, may_endorse: said.may_endorse }
        });
        let people = config.map(|c| c.people.clone());
        Asker { agent, written_by: self.written_by, untrusted_context: self.untrusted_context, people }
    }
}

fn analyse(
    sources: &Sources,
    files: &[ProjectFile],
    (config, prices): (Option<&Config>, &Prices),
    found: Vec<Diagnostic>,
    asking: &Asking,
) -> Analysis {
    let unit: Vec<UnitFile<'_>> = files
        .iter()
        .map(|f| UnitFile { source: f.source, parse: &f.parse, uses: &f.uses, shared: f.shared })
        .collect();
    let secrets: Option<Vec<Arc<str>>> = config.map(|c| c.secrets.keys().cloned().collect());
    let asker = asking.asker(config);
    let today = jiff::Timestamp::now().to_string();
    let day = today.get(..10).unwrap_or_default();
    let priced = config.and_then(|config| priced::catalog(config, prices, files, day));
    let catalog = priced.unwrap_or_else(Catalog::stdlib);
    let mut analysis = check::check_unit_for(&unit, sources, &catalog, secrets.as_deref(), &asker);
    analysis.diagnostics.extend(found);
    for file in files {
        if let Some(places) = &file.parse.json {
            syntax::json::fit_fixes(&mut analysis.diagnostics, file.source, places);
        }
    }
    sort(&mut analysis.diagnostics);
    analysis
}

struct Load<'l> {
    loader: &'l dyn Loader,
    parser: &'l mut dyn Parser,
    root: PathBuf,
    sources: Sources,
    files: Vec<ProjectFile>,
    by_path: HashMap<PathBuf, usize>,
    /// The files whose `use`s are being followed.
    open: Vec<PathBuf>,
    diagnostics: Vec<Diagnostic>,
}

/// `use`s nested deeper than this are refused, so that the walk cannot exhaust the stack.
const MAX_USE_DEPTH: usize = 64;

impl Load<'_> {
    /// Parses a text, follows what it uses and gives its index.
    fn add(&mut self, full: PathBuf, shown: PathBuf, text: &str) -> usize {
        let source = self.sources.add(&shown.to_string_lossy(), text);
        let parse = self.parser.parse(&full, source, text);
        let index = self.files.len();
        let wanted: Vec<ast::Use> = parse
            .file
            .items
            .iter()
            .filter_map(|item| match item {
                ast::Item::Use(u) => Some(u.clone()),
                ast::Item::Type(_) | ast::Item::Skill(_) | ast::Item::Plan(_) | ast::Item::Test(_) => None,
            })
            .collect();
        self.by_path.insert(full.clone(), index);
        self.files.push(ProjectFile { path: shown.clone(), source, parse, uses: Vec::new(), shared: false });
        self.open.push(full.clone());
        let uses = wanted.iter().filter_map(|u| self.follow(&full, &shown, u)).collect();
        self.open.pop();
        if let Some(file) = self.files.get_mut(index) {
            file.uses = uses;
        }
        index
    }

    fn follow(&mut self, from: &Path, shown: &Path, wanted: &ast::Use) -> Option<UseRef> {
        let target = Path::new(&*wanted.path.value);
        let beside = |path: &Path| {
            crate::source::loader::normalize(&path.parent().unwrap_or(Path::new("")).join(target))
        };
        let refuse = |load: &mut Self, why: &str| {
            let message = format!("`{}` cannot be used: {why}", wanted.path.value);
            load.diagnostics.push(Diagnostic::new(Code::UseNotFound, wanted.path.span, message));
            None
        };
        let plain = beside(from);
        if target.is_absolute() || !plain.starts_with(&self.root) {
            return refuse(self, "it lies outside the project root");
        }
        let full = self.loader.canonical(&plain);
        if !full.starts_with(&self.root) {
            return refuse(self, "it is a link that leads out of the project root");
        }
        let alias = wanted.alias.as_ref().map(|a| a.name.clone());
        if let Some(at) = self.open.iter().position(|path| *path == full) {
            let circle: Vec<String> =
                self.open.get(at..).unwrap_or(&[]).iter().map(|p| self.relative(p)).collect();
            let message = format!(
                "files use each other in a circle: {} → {}",
                circle.join(" → "),
                self.relative(&full)
            );
            self.diagnostics.push(
                Diagnostic::new(Code::UseCycle, wanted.path.span, message).label("this closes the circle"),
            );
            return None;
        }
        let file = match self.by_path.get(&full) {
            Some(index) => *index,
            None if self.open.len() >= MAX_USE_DEPTH => return refuse(self, "files are used too deeply"),
            None => match self.loader.read(&full) {
                Ok(text) => self.add(full, beside(shown), &text),
                Err(error) => return refuse(self, &error.to_string()),
            },
        };
        Some(UseRef { file, alias, span: wanted.path.span })
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    fn config(&mut self, path: &Path) -> Config {
        let shown = path.display().to_string();
        match self.loader.read(path) {
            Ok(text) => {
                let source = self.sources.add(&shown, &text);
                let (config, found) = Config::parse(source, &text);
                self.diagnostics.extend(found);
                config
            }
            Err(error) => {
                let source = self.sources.add(&shown, "");
                let message = format!("aos.toml cannot be read: {error}");
                self.diagnostics.push(Diagnostic::new(Code::ConfigInvalid, Span::new(source, 0, 0), message));
                Config::default()
            }
        }
    }

    /// The prices that `aos.toml` names; `None`: those that come along.
    fn prices(&mut self, config: &Config) -> Option<Prices> {
        let (path, span) = config.project.prices.as_ref()?;
        let full = crate::source::loader::normalize(&self.root.join(&**path));
        let read = self.loader.read(&full).map_err(|error| error.to_string());
        match read.and_then(|text| Prices::with_file(&text)) {
            Ok(prices) => Some(prices),
            Err(why) => {
                let message = format!("the file of prices `{path}` cannot be used: {why}");
                self.diagnostics.push(Diagnostic::new(Code::ConfigInvalid, *span, message));
                None
            }
        }
    }

    /// Loads the files of the skill folders.
    fn shared(&mut self, config: &Config) {
        for (folder, span) in &config.project.skills {
            let dir = crate::source::loader::normalize(&self.root.join(&**folder));
            let listed =
                if dir.starts_with(&self.root) { self.loader.list(&dir) } else { Err(LoadError::NotFound) };
            let Ok(listed) = listed else {
                let message = format!("there is no folder `{folder}` in the project");
                self.diagnostics.push(Diagnostic::new(Code::ConfigInvalid, *span, message));
                continue;
            };
            for path in listed.into_iter().filter(|p| p.extension().is_some_and(|e| e == "plan")) {
                self.shared_file(&path, *span);
            }
        }
    }

    fn shared_file(&mut self, path: &Path, folder: Span) {
        let full = self.loader.canonical(path);
        let index = match self.by_path.get(&full) {
            Some(index) => *index,
            None => match self.loader.read(&full) {
                Ok(text) => self.add(full, path.to_path_buf(), &text),
                Err(error) => {
                    let message = format!("`{}` cannot be read: {error}", path.display());
                    self.diagnostics.push(Diagnostic::new(Code::ConfigInvalid, folder, message));
                    return;
                }
            },
        };
        if let Some(file) = self.files.get_mut(index) {
            file.shared = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryLoader;

    fn load(files: &[(&str, &str)]) -> Project {
        let loader = MemoryLoader::new(files.iter().copied());
        Project::load(Path::new(files[0].0), &loader).unwrap()
    }

    #[test]
    fn models_cost_what_their_price_says() {
        let plan =
            "plan p() budget cost 0.02 usd {\n  step a = llm.generate(prompt: \"x\", max_tokens: 100)\n}\n";
        let both = "plan p() {\n  step a = llm.generate(prompt: \"x\", max_tokens: 100)\n\n  step b = llm.embed(texts: [a], model: \"own\", max_input: 1000)\n}\n";
        let toml = "[project]\nprices = \"prices.json\"\n\n[skills.llm]\nmodel = \"claude-haiku-4-5\"\n";
        let prices = "{\"own\": {\"input_cost_per_token\": 2e-6, \"output_cost_per_token\": 0, \"input_cost_per_token_above_1k_tokens\": 1, \"output_cost_per_token_above_1k_tokens\": 1}}";
        let cost = |plan: &str, toml: &str| {
            let project = load(&[("/p.plan", plan), ("/aos.toml", toml), ("/prices.json", prices)]);
            let found: Vec<Code> =
                project.analysis.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.code).collect();
            (found, project.analysis.summaries()[0].worst_case.cost_usd())
        };
        // 16,000 tokens of input at a micro-dollar, 100 of output at five.
        assert_eq!(cost(plan, toml), (vec![], Some(0.0165)));
        assert_eq!(cost(&plan.replace("0.02 usd", "0.0164 usd"), toml), (vec![Code::BudgetExceeded], None));
        assert_eq!(cost(both, toml), (vec![], Some(0.0185)));
        // What is not known is no bound.
        assert_eq!(cost(plan, &toml.replace("haiku-4-5", "haiku-9")), (vec![], None));
        assert_eq!(cost(&both.replace("\"own\"", "a"), toml).1, None);
        assert_eq!(cost(plan, &toml.replace("prices.json", "none.json")).0, vec![Code::ConfigInvalid]);
    }

    fn codes(project: &Project) -> Vec<String> {
        let found = project.analysis.diagnostics.iter();
        found
            .filter(|d| d.code != Code::UnusedStep)
            .map(|d| format!("{}@{}", d.code, project.sources.slice(d.span)))
            .collect()
    }

    #[test]
    fn files_are_used_flat_and_by_alias() {
        let lib = "type Id = int\nskill lib.get(id: Id) -> string\nplan twice(id: Id) { step a = lib.get(id: id) }\n";
        let flat = load(&[
            ("/p/main.plan", "use \"lib/x.plan\"\nplan p(i: Id) { step a = twice(id: i) }"),
            ("/p/lib/x.plan", lib),
        ]);
        assert_eq!(codes(&flat), Vec::<String>::new());
        let alias = load(&[
            ("/p/main.plan", "use \"lib/x.plan\" as x\nplan p(i: x.Id) { step a = x.twice(id: i) }"),
            ("/p/lib/x.plan", lib),
        ]);
        assert_eq!(codes(&alias), Vec::<String>::new());
        assert!(alias.analysis.plans.contains_key("x.twice"));
        let clash = load(&[("/p/main.plan", "use \"x.plan\"\nplan twice() { }"), ("/p/x.plan", lib)]);
        assert_eq!(codes(&clash), ["name-clash@\"x.plan\""]);
    }

    #[test]
    fn uses_are_not_transitive_and_must_exist() {
        let project = load(&[
            ("/p/main.plan", "use \"a.plan\"\nplan p() { step x = deep() }"),
            ("/p/a.plan", "use \"b.plan\"\nplan mid() { step x = deep() }"),
            ("/p/b.plan", "plan deep() { }"),
        ]);
        assert_eq!(codes(&project), ["unknown-skill@deep"]);
        let project = load(&[
            ("/p/main.plan", "use \"no.plan\"\nuse \"../out.plan\"\nplan p() { }"),
            ("/out.plan", ""),
        ]);
        assert_eq!(codes(&project), ["use-not-found@\"no.plan\"", "use-not-found@\"../out.plan\""]);
    }

    #[test]
    fn circles_of_use_are_errors() {
        let project = load(&[
            ("/p/main.plan", "use \"a.plan\"\nplan p() { }"),
            ("/p/a.plan", "use \"main.plan\"\nplan q() { }"),
        ]);
        assert_eq!(codes(&project), ["use-cycle@\"main.plan\""]);
    }

    #[test]
    fn the_nearest_config_names_the_root_and_the_skill_folders() {
        let project = load(&[
            (
                "/p/plans/main.plan",
                "use \"../lib.plan\"\nplan p() { step a = mail.send(to: \"x\") step b = q() }",
            ),
            ("/p/lib.plan", "plan q() { }"),
            ("/p/aos.toml", "[project]\nskills = [\"skills\"]\n"),
            ("/p/skills/mail.plan", "skill mail.send(to: string) -> null"),
        ]);
        assert_eq!(codes(&project), Vec::<String>::new());
        assert_eq!(project.root, Path::new("/p"));
        let project = load(&[
            ("/p/main.plan", "plan p() { let a = secret(\"B\") }"),
            ("/p/aos.toml", "[project]\nskills = [\"nope\"]\n[secrets]\nA = \"env:A\"\n"),
        ]);
        assert_eq!(codes(&project), ["unknown-secret@\"B\"", "config-invalid@\"nope\""]);
    }
}
