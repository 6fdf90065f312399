//! `aos doctor`: what a project needs that is missing here, and how to mend it. It calls nobody and changes nothing.

use super::args::{Doctor, Global};
use super::{CliResult, Exit, Stop, backend, terminal};
use crate::check::hir::Target;
use crate::diagnostic::Severity;
use crate::project::Project;
use crate::project::config::{Config, LlmPolicy, Provider, SecretSource};
use crate::runtime::skill::config::LlmConfig;
use crate::runtime::store::StoreError;
use crate::runtime::store::disk::{DiskOptions, DiskStore};
use crate::source::{DiskLoader, Loader as _, Sources};
use crate::value::SecretPart;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    /// It works, but somebody should look.
    Odd,
    Bad,
}

/// One thing that was looked at.
struct Finding {
    health: Health,
    what: String,
    mend: Option<String>,
}

fn good(what: impl Into<String>) -> Finding {
    Finding { health: Health::Good, what: what.into(), mend: None }
}

fn odd(what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { health: Health::Odd, what: what.into(), mend: Some(mend.into()) }
}

fn bad(what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { health: Health::Bad, what: what.into(), mend: Some(mend.into()) }
}

pub(crate) fn doctor(args: &Doctor, global: &Global) -> CliResult {
    let here =
        std::env::current_dir().map_err(|e| Stop::usage(format!("the working folder is gone: {e}")))?;
    let root = here.ancestors().find(|d| d.join("aos.toml").is_file()).map(Path::to_path_buf);
    let mut found = Vec::new();
    let config = match &root {
        Some(root) => project(root, &mut found),
        None => {
            let mend = "`aos init` makes one; without it only the built-in skills are there";
            found.push(odd("no aos.toml here or above", mend));
            Config::default()
        }
    };
    let folder = root.unwrap_or(here);
    let needs = plans(&folder, &config, &mut found);
    providers(&folder, &config, &mut found);
    secrets(&folder, &config, &needs, &mut found);
    people(&config, &needs, &mut found);
    store(global, &mut found);
    tell(&found, args.json);
    Ok(if found.iter().any(|f| f.health == Health::Bad) { Exit::Failed } else { Exit::Done })
}

fn project(root: &Path, found: &mut Vec<Finding>) -> Config {
    let path = root.join("aos.toml");
    let text = match DiskLoader.read(&path) {
        Ok(text) => text,
        Err(error) => {
            found.push(bad(format!("`{}` cannot be read: {error}", path.display()), "make it readable"));
            return Config::default();
        }
    };
    let mut sources = Sources::default();
    let id = sources.add(&path.display().to_string(), &text);
    let (config, diagnostics) = Config::parse(id, &text);
    for d in &diagnostics {
        let line = sources.get(id).map_or(1, |f| f.position(d.span.start).line);
        let what = format!("aos.toml line {line}: {}", d.message);
        let mend = d
            .help
            .clone()
            .or(d.fixes.first().map(|f| f.title.clone()))
            .unwrap_or_else(|| "correct it".into());
        found.push(if d.is_error() { bad(what, mend) } else { odd(what, mend) });
    }
    if diagnostics.is_empty() {
        found.push(good(format!("project `{}`", root.display())));
    }
    config
}

/// What the plans of a project ask of their surroundings.
#[derive(Default)]
struct Needs {
    skills: BTreeSet<String>,
    roles: BTreeSet<String>,
}

fn plans(root: &Path, config: &Config, found: &mut Vec<Finding>) -> Needs {
    let mut needs = Needs::default();
    let Some(folder) = &config.project.plans else { return needs };
    let dir = root.join(&**folder);
    let mut files = Vec::new();
    if let Err(error) = plan_files(&dir, &mut files, 0) {
        found.push(bad(
            format!("the folder of plans `{folder}` cannot be read: {error}"),
            "make it, or correct `plans` in aos.toml",
        ));
        return needs;
    }
    let mut broken = 0;
    for file in &files {
        let Ok(project) = Project::load(file, &DiskLoader) else { continue };
        let errors = project.analysis.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        if errors > 0 {
            broken += 1;
            let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
            found.push(bad(format!("`{shown}` has {errors} error(s)"), format!("aos check {shown}")));
        }
        needs.add(&project);
    }
    match files.len() {
        0 => found.push(odd(format!("no plan files in `{folder}`"), "write one: aos init shows the way")),
        n if broken == 0 => found.push(good(format!("{n} plan file(s) in `{folder}` check"))),
        _ => {}
    }
    needs
}

impl Needs {
    fn add(&mut self, project: &Project) {
        for plan in project.analysis.plans.values() {
            crate::check::steps_in(&plan.body, &mut |step| {
                for stage in step.approve.iter().flat_map(|a| &a.stages) {
                    self.roles.extend(stage.role.as_deref().map(str::to_owned));
                }
            });
            crate::check::calls_in(&plan.body, &mut |call| {
                if let Target::Skill(name) = &call.target {
                    self.skills.insert(name.to_string());
                }
            });
        }
    }
}

/// All `.plan` files below a folder, hidden folders left out.
fn plan_files(dir: &Path, files: &mut Vec<PathBuf>, depth: usize) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if path.is_dir() && !path.is_symlink() && !hidden && depth < 16 {
            plan_files(&path, files, depth + 1)?;
        } else if path.extension().is_some_and(|e| e == "plan") {
            files.push(path);
        }
    }
    Ok(())
}

fn providers(root: &Path, config: &Config, found: &mut Vec<Finding>) {
    for (namespace, skill) in &config.skills {
        let command = match &skill.provider {
            Some(Provider::Process { command, .. }) => command,
            Some(Provider::Mcp { command, .. }) if !command.is_empty() => command,
            Some(Provider::Mcp { .. } | Provider::Http { .. } | Provider::Plan { .. }) | None => continue,
        };
        let Some(program) = command.first() else { continue };
        let Some(path) = program_path(root, program) else {
            let mend =
                format!("install `{program}`, or correct `command` of [skills.{namespace}] in aos.toml");
            found.push(bad(format!("skills `{namespace}.*`: there is no program `{program}`"), mend));
            continue;
        };
        // An argument that looks like a file of the project is one.
        let lost = command.iter().skip(1).find(|a| {
            a.contains('/') && !a.starts_with('-') && !a.contains("://") && !root.join(&***a).exists()
        });
        match lost {
            Some(file) => {
                let mend = format!("make it, or correct `command` of [skills.{namespace}] in aos.toml");
                found.push(bad(format!("skills `{namespace}.*`: there is no file `{file}`"), mend));
            }
            None => found.push(good(format!("skills `{namespace}.*` by `{}`", path.display()))),
        }
    }
}

/// The program a command starts: from the project where it has a `/`, else in `PATH`.
fn program_path(root: &Path, program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs =
        |path: &PathBuf| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(root.join(program)).filter(runs);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(runs)
}

fn secrets(root: &Path, config: &Config, needs: &Needs, found: &mut Vec<Finding>) {
    for (name, source) in &config.secrets {
        found.push(match source {
            SecretSource::Env(variable) => env_secret(name, variable),
            SecretSource::File(path) => file_secret(name, &root.join(&**path)),
        });
    }
    let model = needs.skills.iter().find(|s| s.starts_with("llm."));
    for (what, llm) in asked_models(config, model) {
        let Some(key) = llm.usual_key().filter(|key| !config.secrets.contains_key(*key)) else { continue };
        found.push(match std::env::var(key) {
            Ok(value) if !value.is_empty() => good(format!("the key of the language model is in {key}")),
            _ => bad(
                format!("{what}, and {key} is not set"),
                format!("export {key}=…, or name a secret as `key` of [skills.llm]"),
            ),
        });
    }
}

/// The models that are asked here, and by whom.
fn asked_models(config: &Config, skill: Option<&String>) -> Vec<(String, LlmConfig)> {
    let of = |policy: Option<&LlmPolicy>| LlmConfig {
        provider: policy.and_then(|p| p.provider).unwrap_or_default(),
        url: policy.and_then(|p| p.url.as_ref()).map(ToString::to_string),
        key: policy.and_then(|p| p.key.as_ref()).map(|key| vec![SecretPart::Name(key.clone())]),
        ..LlmConfig::default()
    };
    let family = of(config.skills.get("llm").map(|s| &s.llm));
    let mut asked = Vec::new();
    if let Some(skill) = skill {
        asked.push((format!("plans call `{skill}`"), family.clone()));
    }
    for (name, agent) in &config.agents {
        let Some(planner) = &agent.planner else { continue };
        let provider = planner.provider.unwrap_or(family.provider);
        let mut llm = if provider == family.provider { family.clone() } else { of(None) };
        llm.provider = provider;
        llm.url = planner.url.as_ref().map(ToString::to_string).or(llm.url);
        llm.key = planner.key.as_ref().map(|key| vec![SecretPart::Name(key.clone())]).or(llm.key);
        asked.push((format!("the agent `{name}` plans with `{}`", provider.name()), llm));
    }
    asked
}

fn env_secret(name: &str, variable: &str) -> Finding {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => good(format!("the secret `{name}` is set")),
        Ok(_) => bad(format!("the secret `{name}`: {variable} is empty"), format!("export {variable}=…")),
        Err(_) => bad(format!("the secret `{name}`: {variable} is not set"), format!("export {variable}=…")),
    }
}

fn file_secret(name: &str, path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    match path.metadata() {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            odd(format!("the secret `{name}`: others can read `{shown}`"), format!("chmod 600 {shown}"))
        }
        Ok(_) => good(format!("the secret `{name}` is in `{shown}`")),
        Err(error) => bad(
            format!("the secret `{name}`: `{shown}` cannot be read: {error}"),
            "make the file, or correct [secrets]",
        ),
    }
}

fn people(config: &Config, needs: &Needs, found: &mut Vec<Finding>) {
    for role in &needs.roles {
        match config.people.get(role.as_str()) {
            Some(names) if !names.is_empty() => {
                found.push(good(format!("the role `{role}`: {}", names.join(", "))))
            }
            _ => found.push(bad(
                format!("plans ask the role `{role}`, which nobody holds"),
                format!("say who does in aos.toml: [people] {role} = [\"login name\"]"),
            )),
        }
    }
}

fn store(global: &Global, found: &mut Vec<Finding>) {
    let dir = match backend::store_dir(global) {
        Ok(Some(dir)) => dir,
        Ok(None) => return found.push(good("runs are not kept (`:memory:`)")),
        Err(stop) => return found.push(bad(stop.message, "say `--store DIR`")),
    };
    let shown = dir.display();
    if !dir.join("store").exists() {
        // Nothing is made here: the folder it will be made in must take it.
        let above = dir.ancestors().find(|d| d.exists()).unwrap_or(Path::new("/"));
        let access = rustix::fs::access(above, rustix::fs::Access::WRITE_OK);
        found.push(match access {
            Ok(()) => good(format!("the store `{shown}` is made by the first run")),
            Err(error) => bad(
                format!("the store `{shown}` cannot be made: {error}"),
                "say `--store DIR`, or set AOS_STORE",
            ),
        });
        return;
    }
    match DiskStore::open(&DiskOptions { socket: None, ..DiskOptions::new(&dir) }) {
        Ok(store) => {
            drop(store);
            found.push(good(format!("the store `{shown}` opens")));
        }
        Err(error @ StoreError::InUse { .. }) => found.push(good(format!("the store is in use: {error}"))),
        Err(error) => {
            found.push(bad(format!("the store `{shown}`: {error}"), "aos store check; aos store repair"))
        }
    }
}

fn tell(found: &[Finding], json: bool) {
    if json {
        let rows: Vec<serde_json::Value> = found
            .iter()
            .map(|f| {
                let health = match f.health {
                    Health::Good => "good",
                    Health::Odd => "odd",
                    Health::Bad => "bad",
                };
                serde_json::json!({ "health": health, "what": f.what, "mend": f.mend })
            })
            .collect();
        terminal::print(&format!("{:#}", serde_json::Value::Array(rows)));
        return;
    }
    for finding in found {
        let (colour, mark) = match finding.health {
            Health::Good => ("\x1b[32m", "✓"),
            Health::Odd => ("\x1b[33m", "!"),
            Health::Bad => ("\x1b[31m", "✗"),
        };
        terminal::print_coloured(&format!("{colour}{mark}\x1b[0m {}", finding.what));
        if let Some(mend) = &finding.mend {
            terminal::print_coloured(&format!("    \x1b[2m{mend}\x1b[0m"));
        }
    }
}
