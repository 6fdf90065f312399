//! What the expressions of one plan are checked in: scopes, types of variables, what is known at a place, and what was found.

use super::hir::{Var, VarKind};
use super::narrow::Fact;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::expr::VarId;
use crate::source::{Sources, Span};
use crate::syntax::ast::{self, Name};
use crate::types::Type;
use std::collections::{BTreeSet, HashMap};

pub(crate) use super::narrow::MayMiss;

/// What every expression of a file may name besides its variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globals {
    /// Declared types, resolved, by simple and by qualified name (`gh.Issue`).
    pub types: HashMap<Name, Type>,
    /// Skills and plans, dotted.
    pub callables: BTreeSet<Name>,
    /// The names of `[secrets]`; `None` where `aos.toml` is not known.
    pub secrets: Option<BTreeSet<Name>>,
}

/// A name in the text and what it means, for the editor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ref {
    pub span: Span,
    pub def: Def,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Def {
    Var(VarId),
    Type(Name),
    Callable(Name),
    Function(Name),
    /// A field; `owner` is the name of the type where it has one.
    Field {
        owner: Option<Name>,
        name: Name,
    },
}

/// A mention of a step that stands further down: `used-before-defined`, unless reordering mends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LaterUse {
    pub name: Name,
    pub use_span: Span,
    /// The name where it is defined.
    pub def_span: Span,
}

/// For what a value is wanted: decides the code and the words of a mismatch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role<'r> {
    Argument {
        name: &'r str,
        callee: &'r str,
        /// Another parameter that takes any value, and where its name would stand.
        instead: Option<(&'r str, Span)>,
    },
    /// The result of a plan or body.
    Result,
    /// The default of a parameter.
    Default,
    /// `when`, `if`, `require`, `until`, `unless`, a guard.
    Condition,
    /// A clause by its keyword.
    Clause(&'r str),
    /// The start of a `loop`.
    Init,
    Element,
    Field(&'r str),
    /// Anything else, named: "the list of `for`".
    Other(&'r str),
}

/// Scopes and findings of one plan.
pub(crate) struct Cx<'a> {
    pub globals: &'a Globals,
    /// The texts of the files, where there are any (not in `aos eval`).
    pub(super) sources: Option<&'a Sources>,
    /// Every variable, by [`VarId`].
    pub vars: Vec<Var>,
    pub diagnostics: Vec<Diagnostic>,
    pub refs: Vec<Ref>,
    pub later_uses: Vec<LaterUse>,
    /// What strings name as `{{x}}`: meant to be read, though it is not.
    pub(super) templated: Vec<VarId>,
    pub(super) scopes: Vec<Scope>,
    pub(super) facts: Vec<Fact>,
    pub(super) missing: HashMap<VarId, MayMiss>,
    /// Whether some step has a value exactly where its `when` holds.
    pub(super) conditional: bool,
    /// The type of `it`, inside a refinement.
    pub(super) it: Option<Type>,
    /// Whether some variable has a dotted name (`aos eval` only).
    pub(super) dotted: bool,
    /// Whether names that mean nothing fail when they are evaluated, not here (`aos eval` only).
    pub(super) lenient: bool,
    pub(super) depth: u32,
    pub(super) macros_evaluated: u32,
    /// What `error(step)` gives, where it is known.
    pub(super) errors: HashMap<VarId, Type>,
}

/// The names declared between two braces.
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: HashMap<Name, VarId>,
    later: HashMap<Name, Span>,
}

/// How many findings a plan has before no guesses are made any more.
const MOST_GUESSED: usize = 500;

/// Words that cannot be declared: the reserved ones and the two that have a meaning of their own.
const RESERVED: &[&str] = &[
    "step", "let", "return", "require", "fail", "do", "if", "else", "for", "match", "loop", "race", "in",
    "as", "throw", "true", "false", "null", "_", "run", "it",
];

impl<'a> Cx<'a> {
    /// An empty context with one scope.
    pub(crate) fn new(globals: &'a Globals) -> Self {
        Cx {
            globals,
            sources: None,
            vars: Vec::new(),
            diagnostics: Vec::new(),
            refs: Vec::new(),
            later_uses: Vec::new(),
            templated: Vec::new(),
            scopes: vec![Scope::default()],
            facts: Vec::new(),
            missing: HashMap::new(),
            conditional: false,
            it: None,
            dotted: false,
            lenient: false,
            depth: 0,
            macros_evaluated: 0,
            errors: HashMap::new(),
        }
    }

    /// Opens a scope.
    pub(crate) fn enter(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Closes the innermost scope.
    pub(crate) fn leave(&mut self) {
        self.scopes.pop();
    }

    /// Adds a finding.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Adds a variable without a name that can be mentioned, or with one that may hide others (`error`).
    pub(crate) fn declare_hidden(
        &mut self,
        name: impl Into<Name>,
        span: Span,
        kind: VarKind,
        ty: Type,
    ) -> VarId {
        let name = name.into();
        let id = VarId(u32::try_from(self.vars.len()).unwrap_or(u32::MAX - 1));
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.insert(name.clone(), id);
        }
        self.vars.push(Var { name, kind, ty, span });
        id
    }

    /// Adds a variable to the innermost scope; reports `duplicate-name`, `shadowed-name`, `shadowed-macro-variable` and `reserved-name`.
    pub(crate) fn declare(&mut self, ident: &ast::Ident, kind: VarKind, ty: Type) -> VarId {
        self.check_free(ident, kind);
        if ident.name.contains('.') {
            self.dotted = true;
        }
        let id = self.declare_hidden(ident.name.clone(), ident.span, kind, ty);
        if let Some(scope) = self.scopes.last_mut() {
            scope.later.remove(&ident.name);
        }
        id
    }

    fn check_free(&mut self, ident: &ast::Ident, kind: VarKind) {
        let name = &ident.name;
        if RESERVED.contains(&&**name) {
            let what = if matches!(&**name, "run" | "it") {
                "has a meaning of its own"
            } else {
                "is a reserved word"
            };
            self.report(
                Diagnostic::new(Code::ReservedName, ident.span, format!("`{name}` {what}"))
                    .help("choose another name"),
            );
            return;
        }
        let here = self.scopes.last().and_then(|s| s.names.get(name)).copied();
        let outer = || self.scopes.iter().rev().skip(1).find_map(|s| s.names.get(name)).copied();
        // The implicit `error` of an arm may stand inside another arm.
        let found = match here.or_else(outer).and_then(|id| self.vars.get(id.0 as usize)) {
            Some(var) if var.kind != VarKind::Error || &*var.name != "error" => (var.span, here.is_some()),
            _ => match self.later_in_outer(name) {
                Some(span) => (span, false),
                None => return,
            },
        };
        let (span, same_scope) = found;
        let diagnostic = if kind == VarKind::Macro {
            Diagnostic::new(
                Code::ShadowedMacroVariable,
                ident.span,
                format!("`{name}` hides another `{name}`"),
            )
        } else if same_scope {
            Diagnostic::new(Code::DuplicateName, ident.span, format!("`{name}` is declared twice"))
        } else {
            Diagnostic::new(Code::ShadowedName, ident.span, format!("`{name}` hides another `{name}`"))
        };
        self.report(
            diagnostic.label("declared here").also(span, "and here before").help("rename one of them"),
        );
    }

    fn later_in_outer(&self, name: &str) -> Option<Span> {
        self.scopes.iter().rev().skip(1).find_map(|s| s.later.get(name)).copied()
    }

    /// Announces the steps and `let`s that stand further down in the innermost body.
    pub(crate) fn declare_later(&mut self, names: &[(Name, Span)]) {
        if let Some(scope) = self.scopes.last_mut() {
            for (name, span) in names {
                scope.later.entry(name.clone()).or_insert(*span);
            }
        }
    }

    /// The variable a name means here.
    pub(crate) fn lookup(&self, name: &str) -> Option<VarId> {
        self.scopes.iter().rev().find_map(|s| s.names.get(name)).copied()
    }

    /// Where a name that stands further down is defined.
    pub(super) fn later(&self, name: &str) -> Option<Span> {
        self.scopes.iter().rev().find_map(|s| s.later.get(name)).copied()
    }

    /// The variable of a name in a clause (`depends_on`); reports `unknown-name`, records a later use.
    pub(crate) fn resolve_name(&mut self, name: &Name, span: Span) -> Option<VarId> {
        if let Some(id) = self.lookup(name) {
            self.refs.push(Ref { span, def: Def::Var(id) });
            return Some(id);
        }
        if let Some(def_span) = self.later(name) {
            self.later_uses.push(LaterUse { name: name.clone(), use_span: span, def_span });
            return None;
        }
        let near = self.nearest_name(name);
        let mut diagnostic = Diagnostic::new(Code::UnknownName, span, format!("`{name}` is not declared"));
        if let Some(near) = near {
            diagnostic = diagnostic
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![crate::diagnostic::Edit::replace(span, near)]);
        }
        self.report(diagnostic);
        None
    }

    /// Whether it is still looked for what a name was meant to be. Each look goes through all names there are, so a large file of
    /// nothing but mistakes would take the square of its size; behind so many findings nobody reads them.
    pub(super) fn guesses(&self) -> bool {
        self.diagnostics.len() < MOST_GUESSED
    }

    pub(super) fn nearest_name(&self, name: &str) -> Option<String> {
        if !self.guesses() {
            return None;
        }
        let names = self.scopes.iter().flat_map(|s| s.names.keys().chain(s.later.keys()));
        nearest(name, names.map(|n| &**n)).map(str::to_owned)
    }

    /// The variable with this id.
    pub(crate) fn var(&self, id: VarId) -> Option<&Var> {
        self.vars.get(id.0 as usize)
    }
}
