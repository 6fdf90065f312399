//! An answer held against the checker: read, mended by its safe fixes, and what is left.

use crate::diagnostic::{Code, Diagnostic};
use crate::planner::stamp::{self, Fixed};
use crate::project::{Asking, Project, Writer, fix};
use crate::source::Loader;
use crate::source::SourceId;
use crate::syntax::{ast, parse};
use std::path::Path;
use std::sync::Arc;

/// Where plans are checked, and for whom.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Where the plan would lie; there need be no such file.
    pub entry: &'a Path,
    pub loader: &'a (dyn Loader + Sync),
    pub agent: Option<&'a Arc<str>>,
    /// Whether the model has read untrusted text.
    pub untrusted: bool,
    /// What is given and not the model's to say.
    pub fixed: Option<&'a Fixed>,
}

/// A plan as far as it has come.
#[derive(Debug)]
pub struct Draft {
    /// With the safe fixes.
    pub text: String,
    /// The titles of those.
    pub fixes: Vec<String>,
    pub project: Project,
    /// What keeps it from running, by place.
    pub errors: Vec<Diagnostic>,
    /// How far the text was from a plan before the fixes.
    pub raw: Distance,
}

/// How far a text is from a plan: the stage of its worst error, then how many there are.
pub type Distance = (Option<Stage>, usize);

/// That of these errors.
#[must_use]
pub fn distance(errors: &[Diagnostic]) -> Distance {
    (errors.iter().map(|d| Stage::of(d.code)).max(), errors.len())
}

impl Desk<'_> {
    fn asking(&self) -> Asking {
        Asking {
            agent: self.agent.cloned(),
            written_by: Some(Writer::Model),
            untrusted_context: self.untrusted,
        }
    }

    /// Checks a text and mends what has one sure mend.
    #[must_use]
    pub fn draft(&self, text: &str) -> Draft {
        let raw = distance(&errors(&self.project(text)));
        let mended = fix::fix_for(self.entry, text, self.loader, &self.asking());
        let mut fixes = mended.applied;
        let given = self.fixed.and_then(|fixed| stamp::fix(&mended.text, fixed));
        let (text, project) = match given {
            Some(text) => {
                // What is given may bring back what had been mended.
                let again = fix::fix_for(self.entry, &text, self.loader, &self.asking());
                fixes.extend(again.applied);
                (again.text, again.project)
            }
            None => (mended.text, mended.project),
        };
        let errors = errors(&project);
        Draft { text, fixes, project, errors, raw }
    }

    /// Checks a text as it is.
    #[must_use]
    pub fn project(&self, text: &str) -> Project {
        Project::load_text_for(self.entry, text, self.loader, &self.asking())
    }
}

/// The errors of a plan that a model wrote: the checker's, and what only people may write.
fn errors(project: &Project) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        project.analysis.diagnostics.iter().filter(|d| d.is_error()).cloned().collect();
    let Some(file) = project.files.first() else { return found };
    for item in &file.parse.file.items {
        match item {
            ast::Item::Skill(skill) => {
                let name = &skill.name.name;
                let message = format!("the plan declares the skill `{name}` by itself");
                let d = Diagnostic::new(Code::SkillNotGranted, skill.name.span, message);
                found.push(d.help("take the declaration away; call only the skills that are listed"));
            }
            ast::Item::Use(used) => {
                let message = format!("`{}` cannot be used: this plan stands alone", used.path.value);
                let d = Diagnostic::new(Code::UseNotFound, used.path.span, message);
                found.push(d.help("take the line away; declare the types here"));
            }
            ast::Item::Type(_) | ast::Item::Plan(_) | ast::Item::Test(_) => {}
        }
    }
    if found.is_empty() && project.analysis.entry_plans.is_empty() {
        let span = crate::source::Span::new(file.source, 0, 0);
        found.push(Diagnostic::new(Code::NoSuchPlan, span, "the file has no plan").help("write one plan"));
    }
    crate::diagnostic::sort(&mut found);
    found
}

/// The plan that is meant of a file: the one that no other calls, else the last.
#[must_use]
pub fn entry_plan(text: &str, project: &Project) -> Option<Arc<str>> {
    let analysis = &project.analysis;
    if let Some(name) = analysis.default_plan() {
        return Some(Arc::clone(name));
    }
    let file = parse(SourceId::default(), text).file;
    file.items.iter().rev().find_map(|item| match item {
        ast::Item::Plan(plan) => Some(Arc::clone(&plan.name.name)),
        ast::Item::Use(_) | ast::Item::Type(_) | ast::Item::Skill(_) | ast::Item::Test(_) => None,
    })
}

/// How far a text is from a plan: the checker looks at the meaning only of what it can read, and at bounds only of what means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Only bounds, waits and races are wrong.
    Proof,
    Meaning,
    /// It cannot be read as a whole.
    Text,
}

impl Stage {
    /// That of a diagnostic.
    #[must_use]
    pub fn of(code: Code) -> Stage {
        let text = matches!(
            code,
            Code::Syntax
                | Code::UnclosedBracket
                | Code::TooDeep
                | Code::TooLarge
                | Code::BadLiteral
                | Code::Markdown
                | Code::ForeignSyntax
                | Code::BareStatement
                | Code::MisplacedReturn
                | Code::ReservedName
        );
        let proof = matches!(
            code,
            Code::ConstantKey | Code::ImpossibleDeadline | Code::ResourceRace | Code::BudgetExceeded
        );
        match (text, proof) {
            (true, _) => Stage::Text,
            (_, true) => Stage::Proof,
            (false, false) => Stage::Meaning,
        }
    }
}
