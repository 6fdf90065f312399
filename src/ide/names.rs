//! Every name that stands in a file, and where what it means is declared.
//!
//! A meaning is told by the place of the declared name: two names mean the same where their places are equal, in whatever file they
//! stand. Everything the editor asks of names (where from, where else, what to call it) is answered from this list.

mod fields;

use super::scope::{Callee, Scope, items_of};
use super::walk::{self, Node};
use crate::check::cx::Def;
use crate::check::hir::VarKind;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::{
    Action, ClauseKind, EntryKey, Expr, ExprKind, Ident, Item, MockReplyKind, OnError, Path, Plan, Stmt,
    StmtKind, Test, TestStmtKind, TypeKind,
};
use std::collections::HashMap;

/// What kind of thing a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The name after `use … as`.
    Alias,
    /// The path of a `use`.
    File,
    Type,
    /// A type of the language.
    BasicType,
    TypeParam,
    Skill,
    Plan,
    /// An input of a plan or skill, also where an argument names it.
    Input,
    Step,
    Let,
    /// The variable of a `for`, `loop`, macro or error arm.
    Local,
    Field,
    Error,
    Function,
}

/// A name in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub span: Span,
    pub role: Role,
    /// The declared name that it means; its own place where it is the declaration.
    pub def: Option<Span>,
}

impl Name {
    /// Whether it is the declaration itself.
    #[must_use]
    pub fn declares(&self) -> bool {
        self.def == Some(self.span)
    }
}

/// The names of a file of the project, in text order.
#[must_use]
pub fn names(project: &Project, file: usize) -> Vec<Name> {
    let scope = Scope { project, file };
    let sources = fields::sources(scope.items());
    let mut list = Names { scope, vars: HashMap::new(), defs: HashMap::new(), sources, out: Vec::new() };
    for item in scope.items() {
        if let Item::Plan(plan) = item {
            list.learn(plan);
        }
    }
    for item in scope.items() {
        list.item(item);
    }
    list.out.sort_by_key(|n| (n.span.start, n.span.end));
    list.out.dedup_by_key(|n| n.span);
    list.out
}

/// The name at an offset: the one that holds it, else the one that ends there.
#[must_use]
pub fn at(names: &[Name], offset: u32) -> Option<Name> {
    let end = names.partition_point(|n| n.span.start <= offset);
    let near = names.get(end.saturating_sub(4)..end).unwrap_or_default();
    let inside = near.iter().rev().find(|n| n.span.start <= offset && offset < n.span.end);
    inside.or_else(|| near.iter().rev().find(|n| n.span.end == offset)).copied()
}

/// Where the type of what a name means is declared.
pub(crate) fn type_of_name(project: &Project, name: &Name) -> Option<Span> {
    let def = name.def?;
    if matches!(name.role, Role::Type) {
        return Some(def);
    }
    let scope = Scope::of(project, def.source)?;
    let file = scope.file;
    let all = names(project, file);
    let vars = all.iter().filter_map(|n| Some((n.span, n.def?))).collect();
    let sources = fields::sources(scope.items());
    fields::type_place(&fields::Lookup { scope, vars: &vars, sources: &sources }, def)
}

/// Types of the language.
pub(crate) const BASIC: &[&str] =
    &["bool", "int", "float", "string", "bytes", "timestamp", "duration", "json", "file"];

struct Names<'a> {
    scope: Scope<'a>,
    /// The place of a variable by the place of a mention.
    vars: HashMap<Span, Span>,
    /// What a variable is, by its place.
    defs: HashMap<Span, VarKind>,
    /// What a variable is declared as, by its place.
    sources: HashMap<Span, fields::Source<'a>>,
    out: Vec<Name>,
}

fn role_of(kind: VarKind) -> Role {
    match kind {
        VarKind::Input => Role::Input,
        VarKind::Step => Role::Step,
        VarKind::Let => Role::Let,
        VarKind::Item | VarKind::Index | VarKind::Loop | VarKind::It | VarKind::Macro | VarKind::Error => {
            Role::Local
        }
    }
}

impl<'a> Names<'a> {
    /// Takes over what the checker knows of the variables of a plan.
    fn learn(&mut self, plan: &Plan) {
        let analysis = &self.scope.project.analysis;
        let Some((key, hir)) = analysis.plans.iter().find(|(_, p)| p.span == plan.span) else { return };
        for var in &hir.vars {
            // Without a name in the text: `it`, the `error` of an arm.
            let named = match var.kind {
                VarKind::It => false,
                VarKind::Error => self.scope.project.sources.slice(var.span) == &*var.name,
                VarKind::Input
                | VarKind::Step
                | VarKind::Let
                | VarKind::Item
                | VarKind::Index
                | VarKind::Loop
                | VarKind::Macro => true,
            };
            if named {
                self.defs.insert(var.span, var.kind);
            }
        }
        for r in analysis.refs.get(key).into_iter().flatten() {
            if let Def::Var(id) = &r.def
                && let Some(var) = hir.vars.get(id.0 as usize)
                && self.defs.contains_key(&var.span)
            {
                self.vars.insert(r.span, var.span);
            }
        }
    }

    fn add(&mut self, span: Span, role: Role, def: Option<Span>) {
        if span.start < span.end {
            self.out.push(Name { span, role, def });
        }
    }

    fn declare(&mut self, ident: &Ident, role: Role) {
        self.add(ident.span, role, Some(ident.span));
    }

    fn variable(&mut self, span: Span) -> bool {
        let Some(def) = self.vars.get(&span).copied() else { return false };
        let role = self.defs.get(&def).map_or(Role::Local, |k| role_of(*k));
        self.add(span, role, Some(def));
        true
    }

    fn item(&mut self, item: &'a Item) {
        match item {
            Item::Use(u) => {
                self.add(u.path.span, Role::File, self.scope.used(u.path.span));
                if let Some(alias) = &u.alias {
                    self.declare(alias, Role::Alias);
                }
            }
            Item::Type(t) => self.declare(&t.name, Role::Type),
            Item::Skill(s) => {
                self.add(s.name.span, Role::Skill, Some(s.name.span));
                s.type_params.iter().for_each(|t| self.declare(t, Role::TypeParam));
                s.params.iter().for_each(|p| self.declare(&p.name, Role::Input));
            }
            Item::Plan(p) => {
                self.declare(&p.name, Role::Plan);
                p.params.iter().for_each(|p| self.declare(&p.name, Role::Input));
            }
            Item::Test(t) => self.test(t),
        }
        let type_params: &'a [Ident] = match item {
            Item::Skill(s) => &s.type_params,
            Item::Use(_) | Item::Type(_) | Item::Plan(_) | Item::Test(_) => &[],
        };
        // The inputs were declared above; what is left are fields.
        let inputs: &'a [crate::syntax::ast::Param] = match item {
            Item::Skill(s) => &s.params,
            Item::Plan(p) => &p.params,
            Item::Use(_) | Item::Type(_) | Item::Test(_) => &[],
        };
        walk::walk(Node::Item(item), &mut |node| {
            match node {
                Node::Param(p) if !inputs.iter().any(|i| std::ptr::eq(i, p)) => {
                    self.declare(&p.name, Role::Field)
                }
                Node::ErrorDecl(e) => self.declare(&e.name, Role::Error),
                Node::Type(t) => {
                    if let TypeKind::Name(path) = &t.kind {
                        self.type_name(path, type_params);
                    }
                }
                Node::Stmt(s) => self.stmt(s),
                Node::Action(a) => self.action(a),
                Node::Call(c) => {
                    let callee = self.callable(&c.callee);
                    for name in c.args.iter().filter_map(|a| a.name.as_ref()) {
                        self.argument(name, callee);
                    }
                }
                Node::ErrorArm(a) => {
                    if let Some(name) = &a.binding {
                        self.declare(name, Role::Local);
                    }
                }
                Node::Expr(e) => self.expr(e),
                _ => {}
            }
            true
        });
    }

    /// `gh.Issue`: the alias and the rest are names of their own.
    fn path(&mut self, path: &Path) -> Span {
        let (Some(first), Some(second), Some(last)) =
            (path.segments.first(), path.segments.get(1), path.segments.last())
        else {
            return path.span;
        };
        let Some(alias) = self.scope.alias(&first.name) else { return path.span };
        self.add(first.span, Role::Alias, Some(alias.span));
        second.span.to(last.span)
    }

    fn type_name(&mut self, path: &Path, type_params: &[Ident]) {
        if let Some(param) = type_params.iter().find(|p| p.name == path.name) {
            self.add(path.span, Role::TypeParam, Some(param.span));
            return;
        }
        match self.scope.type_decl(&path.name) {
            Some(decl) => {
                let span = self.path(path);
                self.add(span, Role::Type, Some(decl.name.span));
            }
            None if BASIC.contains(&&*path.name) => self.add(path.span, Role::BasicType, None),
            None => self.add(path.span, Role::Type, None),
        }
    }

    fn callable(&mut self, path: &Path) -> Option<Callee<'a>> {
        let callee = self.scope.callee(&path.name);
        let role = match callee {
            Some(Callee::Plan(_)) => Role::Plan,
            Some(Callee::Skill(_)) | None => Role::Skill,
        };
        let span = if callee.is_some() { self.path(path) } else { path.span };
        self.add(span, role, callee.map(Callee::place));
        callee
    }

    fn argument(&mut self, name: &Ident, callee: Option<Callee<'a>>) {
        let param = callee.and_then(|c| c.params().iter().find(|p| p.name.name == name.name));
        self.add(name.span, Role::Input, param.map(|p| p.name.span));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Step(step) => {
                self.declare(&step.name, Role::Step);
                let callee = match &step.action {
                    Action::Call(c) => self.scope.callee(&c.callee.name),
                    _ => None,
                };
                for clause in &step.clauses {
                    match &clause.kind {
                        ClauseKind::DependsOn(list) => {
                            for name in list {
                                if !self.variable(name.span) {
                                    self.add(name.span, Role::Step, None);
                                }
                            }
                        }
                        ClauseKind::OnError(OnError::Arms(arms)) => {
                            for kind in arms.iter().flat_map(|a| &a.kinds).filter(|k| &*k.name != "_") {
                                self.error(kind, callee);
                            }
                        }
                        _ => {}
                    }
                }
            }
            StmtKind::Let { name, .. } => self.declare(name, Role::Let),
            StmtKind::Require { kind, .. } | StmtKind::Fail { kind, .. } => {
                kind.iter().for_each(|k| self.error(k, None));
            }
            StmtKind::Return { .. } => {}
        }
    }

    fn error(&mut self, kind: &Ident, callee: Option<Callee<'a>>) {
        let thrown = callee.and_then(|c| c.throws().iter().find(|e| e.name.name == kind.name));
        self.add(kind.span, Role::Error, thrown.map(|e| e.name.span));
    }

    fn action(&mut self, action: &'a Action) {
        match action {
            Action::For(f) => {
                f.index.iter().for_each(|i| self.declare(i, Role::Local));
                self.declare(&f.item, Role::Local);
            }
            Action::Loop(l) => self.declare(&l.var, Role::Local),
            Action::Call(_) | Action::Do(_) | Action::If(_) | Action::Match(_) | Action::Race(_) => {}
            Action::Error(_) => {}
        }
    }

    fn expr(&mut self, e: &'a Expr) {
        match &*e.kind {
            // A macro's variable is declared by its first argument.
            ExprKind::Name(_) if self.defs.contains_key(&e.span) => {
                self.add(e.span, Role::Local, Some(e.span));
            }
            ExprKind::Name(_) => drop(self.variable(e.span)),
            ExprKind::Member { base, name, .. } => {
                let def = fields::field(&self.lookup(), base, &name.name);
                self.add(name.span, Role::Field, def);
            }
            ExprKind::Call { callee, .. } => match &*callee.kind {
                ExprKind::Name(_) => self.add(callee.span, Role::Function, None),
                ExprKind::Member { name, .. } => {
                    self.out.push(Name { span: name.span, role: Role::Function, def: None })
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn lookup(&self) -> fields::Lookup<'a, '_> {
        fields::Lookup { scope: self.scope, vars: &self.vars, sources: &self.sources }
    }

    fn test(&mut self, test: &'a Test) {
        let callee = self.callable(&test.plan);
        let plan = match callee {
            Some(Callee::Plan(plan)) => Some(plan),
            Some(Callee::Skill(_)) | None => None,
        };
        let step = |name: &str| plan.and_then(|p| step_named(p, name));
        for stmt in &test.stmts {
            match &stmt.kind {
                TestStmtKind::Approve(name) | TestStmtKind::Deny(name) => {
                    self.add(name.span, Role::Step, step(&name.name));
                }
                TestStmtKind::Mock { skill, replies } => {
                    let callee = self.callable(skill);
                    for reply in replies {
                        if let MockReplyKind::Throw { kind, .. } = &reply.kind {
                            self.error(kind, callee);
                        }
                    }
                }
                TestStmtKind::Input(input) => {
                    let ExprKind::Record(entries) = &*input.kind else { continue };
                    for entry in entries {
                        if let EntryKey::Text(key) = &entry.key {
                            self.argument(&Ident { name: key.value.clone(), span: key.span }, callee);
                        }
                    }
                }
                TestStmtKind::Expect(e) => self.expected(e, plan),
                TestStmtKind::Signal { .. } => {}
            }
        }
    }

    /// `skipped(step)`, `calls(skill)`, `output.field`
    fn expected(&mut self, e: &'a Expr, plan: Option<&'a Plan>) {
        walk::walk(Node::Expr(e), &mut |node| {
            let Node::Expr(e) = node else { return true };
            match &*e.kind {
                ExprKind::Name(name) => {
                    if let Some(def) = plan.and_then(|p| step_named(p, name)) {
                        self.add(e.span, Role::Step, Some(def));
                    }
                }
                ExprKind::Member { .. } => {
                    if let Some(path) = dotted(e)
                        && let Some(callee) = self.scope.callee(&path)
                    {
                        let role = match callee {
                            Callee::Plan(_) => Role::Plan,
                            Callee::Skill(_) => Role::Skill,
                        };
                        self.add(e.span, role, Some(callee.place()));
                        return false;
                    }
                }
                _ => {}
            }
            true
        });
    }
}

/// `a.b.c` as one name.
fn dotted(e: &Expr) -> Option<String> {
    match &*e.kind {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Member { base, name, safe: false } => Some(format!("{}.{}", dotted(base)?, name.name)),
        _ => None,
    }
}

/// Where a step of a plan is declared, in whatever body.
fn step_named(plan: &Plan, name: &str) -> Option<Span> {
    let mut found = None;
    walk::walk(Node::Body(&plan.body), &mut |node| {
        if let Node::Stmt(Stmt { kind: StmtKind::Step(step), .. }) = node
            && &*step.name.name == name
        {
            found.get_or_insert(step.name.span);
        }
        found.is_none() && !matches!(node, Node::Expr(_))
    });
    found
}

/// What a name means, as it is declared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decl<'a> {
    Use(&'a crate::syntax::ast::Use),
    Type(&'a crate::syntax::ast::TypeDecl),
    Callee(Callee<'a>),
    Param(&'a crate::syntax::ast::Param),
    Stmt(&'a Stmt),
    Error(&'a crate::syntax::ast::ErrorDecl),
    /// A variable of a `for`, `loop`, macro or arm, a type parameter.
    Other,
}

/// The declaration whose name stands at a place.
pub(crate) fn declaration(project: &Project, place: Span) -> Option<Decl<'_>> {
    let mut found = None;
    let holds = |span: Span| span.contains(place);
    walk::file(items_of(project, place.source), &mut |node| {
        if found.is_some() || !holds(node.span()) {
            return false;
        }
        match node {
            Node::Item(Item::Use(u)) if u.alias.as_ref().is_some_and(|a| a.span == place) => {
                found = Some(Decl::Use(u));
            }
            Node::Item(Item::Type(t)) if t.name.span == place => found = Some(Decl::Type(t)),
            Node::Item(Item::Skill(s)) if s.name.span == place => {
                found = Some(Decl::Callee(Callee::Skill(s)))
            }
            Node::Item(Item::Plan(p)) if p.name.span == place => found = Some(Decl::Callee(Callee::Plan(p))),
            Node::Param(p) if p.name.span == place => found = Some(Decl::Param(p)),
            Node::ErrorDecl(e) if e.name.span == place => found = Some(Decl::Error(e)),
            Node::Stmt(s) if crate::ide::stmt_name(s).is_some_and(|n| n.span == place) => {
                found = Some(Decl::Stmt(s));
            }
            _ => {}
        }
        true
    });
    found.or(Some(Decl::Other))
}
