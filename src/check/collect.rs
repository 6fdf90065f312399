//! The names of all files of a unit: who sees which type, skill and plan.

use super::cx::{Cx, Globals};
use super::{UnitFile, mentions, order};
use crate::catalog::{Catalog, standard_names};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{self, Item, Name};
use crate::types::{Labels, Type};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// A skill or plan of the unit, as index into [`Decls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callable {
    Plan(usize),
    Skill(usize),
}

/// A type, skill or plan with the file it stands in.
pub(super) struct Decl<'a, T> {
    pub(super) file: usize,
    pub(super) item: &'a T,
}

/// All declarations of a unit.
pub(super) struct Decls<'a> {
    pub(super) types: Vec<Decl<'a, ast::TypeDecl>>,
    pub(super) skills: Vec<Decl<'a, ast::Skill>>,
    pub(super) plans: Vec<Decl<'a, ast::Plan>>,
    pub(super) tests: Vec<Decl<'a, ast::Test>>,
    /// By file.
    pub(super) scopes: Vec<Scope>,
    /// By file.
    pub(super) globals: Vec<Globals>,
    /// The unique name of each plan.
    pub(super) plan_names: Vec<Arc<str>>,
}

/// What one file can name.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) callables: HashMap<Name, Callable>,
    types: HashMap<Name, usize>,
}

const BASIC: &[&str] = &[
    "bool",
    "int",
    "float",
    "string",
    "bytes",
    "timestamp",
    "duration",
    "json",
    "file",
    "list",
    "map",
    "null",
];

/// Collects the declarations; reports `duplicate-name`, `name-clash`, `reserved-name`, `type-cycle`.
pub(super) fn collect<'a>(
    files: &[UnitFile<'a>],
    catalog: &Catalog,
    secrets: Option<&[Arc<str>]>,
    found: &mut Vec<Diagnostic>,
) -> Decls<'a> {
    let mut decls = Decls {
        types: Vec::new(),
        skills: Vec::new(),
        plans: Vec::new(),
        tests: Vec::new(),
        scopes: Vec::new(),
        globals: Vec::new(),
        plan_names: Vec::new(),
    };
    for (index, file) in files.iter().enumerate() {
        let scope = own_items(&mut decls, index, file.parse, catalog, found);
        decls.scopes.push(scope);
    }
    import(&mut decls, files, found);
    name_plans(&mut decls, files);
    for scope in &decls.scopes {
        decls.globals.push(Globals {
            types: HashMap::new(),
            callables: scope.callables.keys().chain(standard_names()).cloned().collect(),
            secrets: secrets.map(|names| names.iter().cloned().collect()),
        });
    }
    resolve_types(&mut decls, found);
    decls
}

fn own_items<'a>(
    decls: &mut Decls<'a>,
    index: usize,
    parse: &'a crate::syntax::Parse,
    catalog: &Catalog,
    found: &mut Vec<Diagnostic>,
) -> Scope {
    let mut scope = Scope::default();
    let mut places: HashMap<Name, Span> = HashMap::new();
    for item in &parse.file.items {
        match item {
            Item::Use(_) => {}
            Item::Type(item) => {
                if BASIC.contains(&&*item.name.name) {
                    let message = format!("`{}` is a type of the language", item.name.name);
                    found.push(
                        Diagnostic::new(Code::ReservedName, item.name.span, message)
                            .help("choose another name"),
                    );
                    continue;
                }
                let id = decls.types.len();
                decls.types.push(Decl { file: index, item });
                match scope.types.entry(item.name.name.clone()) {
                    Entry::Vacant(slot) => {
                        slot.insert(id);
                    }
                    Entry::Occupied(slot) => {
                        let first = decls.types.get(*slot.get()).map(|d| d.item.name.span);
                        found.push(duplicate("type", &item.name.name, item.name.span, first));
                    }
                }
            }
            Item::Skill(item) => {
                let id = Callable::Skill(decls.skills.len());
                decls.skills.push(Decl { file: index, item });
                if catalog.lookup(&item.name.name).is_some() {
                    let message = format!("`{}` is a standard skill", item.name.name);
                    found.push(
                        Diagnostic::new(Code::NameClash, item.name.span, message).help("choose another name"),
                    );
                    continue;
                }
                callable(&mut scope, &mut places, &item.name.name, item.name.span, id, found);
            }
            Item::Plan(item) => {
                let id = Callable::Plan(decls.plans.len());
                decls.plans.push(Decl { file: index, item });
                callable(&mut scope, &mut places, &item.name.name, item.name.span, id, found);
            }
            Item::Test(item) => decls.tests.push(Decl { file: index, item }),
        }
    }
    scope
}

fn callable(
    scope: &mut Scope,
    places: &mut HashMap<Name, Span>,
    name: &Name,
    span: Span,
    id: Callable,
    found: &mut Vec<Diagnostic>,
) {
    match places.entry(name.clone()) {
        Entry::Vacant(slot) => {
            slot.insert(span);
            scope.callables.insert(name.clone(), id);
        }
        Entry::Occupied(slot) => found.push(duplicate("skill or plan", name, span, Some(*slot.get()))),
    }
}

fn duplicate(what: &str, name: &str, span: Span, first: Option<Span>) -> Diagnostic {
    let d = Diagnostic::new(Code::DuplicateName, span, format!("the {what} `{name}` is declared twice"))
        .label("declared here again")
        .help("rename one of them");
    match first {
        Some(first) => d.also(first, "declared here first"),
        None => d,
    }
}

/// The names a file declares, by list.
struct Exports {
    types: Vec<(Name, usize)>,
    callables: Vec<(Name, Callable)>,
}

fn exports(decls: &Decls<'_>, file: usize) -> Exports {
    let mut types: Vec<_> = Vec::new();
    let mut callables: Vec<_> = Vec::new();
    for (id, decl) in decls.types.iter().enumerate().filter(|(_, d)| d.file == file) {
        types.push((decl.item.name.name.clone(), id));
    }
    for (id, decl) in decls.skills.iter().enumerate().filter(|(_, d)| d.file == file) {
        callables.push((decl.item.name.name.clone(), Callable::Skill(id)));
    }
    for (id, decl) in decls.plans.iter().enumerate().filter(|(_, d)| d.file == file) {
        callables.push((decl.item.name.name.clone(), Callable::Plan(id)));
    }
    Exports { types, callables }
}

/// Brings in what `use` and the skill folders say.
fn import(decls: &mut Decls<'_>, files: &[UnitFile<'_>], found: &mut Vec<Diagnostic>) {
    if files.len() < 2 {
        return;
    }
    let exported: Vec<Exports> = (0..files.len()).map(|file| exports(decls, file)).collect();
    for (index, file) in files.iter().enumerate() {
        let Some(mut scope) = decls.scopes.get_mut(index).map(std::mem::take) else { continue };
        for wanted in file.uses {
            let Some(exports) = exported.get(wanted.file) else { continue };
            let named = |name: &Name| match &wanted.alias {
                Some(alias) => Name::from(format!("{alias}.{name}")),
                None => name.clone(),
            };
            let mut clash = |what: &str, name: &Name| {
                let message = format!("the {what} `{name}` is brought in, but that name is taken");
                let d = Diagnostic::new(Code::NameClash, wanted.span, message);
                found.push(d.help("bring the file in under a name of its own: `use \"…\" as name`"));
            };
            for (name, id) in &exports.types {
                let name = named(name);
                if scope.types.get(&name).is_some_and(|other| other != id) {
                    clash("type", &name);
                } else {
                    scope.types.insert(name, *id);
                }
            }
            for (name, id) in &exports.callables {
                let name = named(name);
                if scope.callables.get(&name).is_some_and(|other| other != id) {
                    clash("skill or plan", &name);
                } else {
                    scope.callables.insert(name, *id);
                }
            }
        }
        for (from, shared) in files.iter().enumerate().filter(|(from, f)| f.shared && *from != index) {
            debug_assert!(shared.shared);
            let Some(exports) = exported.get(from) else { continue };
            for (name, id) in &exports.types {
                scope.types.entry(name.clone()).or_insert(*id);
            }
            for (name, id) in &exports.callables {
                scope.callables.entry(name.clone()).or_insert(*id);
            }
        }
        if let Some(slot) = decls.scopes.get_mut(index) {
            *slot = scope;
        }
    }
}

/// Gives each plan a unique name: its own in the entry file, `alias.name` in a file used under an alias.
fn name_plans(decls: &mut Decls<'_>, files: &[UnitFile<'_>]) {
    let mut taken: HashMap<Arc<str>, usize> = HashMap::new();
    let alias_of = |file: usize| {
        let uses = || files.iter().flat_map(|f| f.uses).filter(|u| u.file == file);
        if uses().any(|u| u.alias.is_none()) { None } else { uses().find_map(|u| u.alias.clone()) }
    };
    let aliases: Vec<Option<Name>> = (0..files.len()).map(alias_of).collect();
    for decl in &decls.plans {
        let own = &decl.item.name.name;
        let mut name: Arc<str> = match aliases.get(decl.file) {
            Some(Some(alias)) if decl.file != 0 => format!("{alias}.{own}").into(),
            Some(_) | None => own.clone(),
        };
        let count = taken.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            name = format!("{name}#{count}").into();
        }
        decls.plan_names.push(name);
    }
}

/// Resolves the declared types, those they stand on first.
fn resolve_types(decls: &mut Decls<'_>, found: &mut Vec<Diagnostic>) {
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(decls.types.len());
    for decl in &decls.types {
        let mut list = Vec::new();
        if let Some(scope) = decls.scopes.get(decl.file) {
            mentions::types(&decl.item.ty, &mut |name, _| list.extend(scope.types.get(name)));
        }
        needs.push(list);
    }
    let order = order::sort(&needs);
    let mut circular = vec![false; needs.len()];
    for circle in &order.circles {
        let names: Vec<&str> =
            circle.iter().filter_map(|id| decls.types.get(*id)).map(|d| &*d.item.name.name).collect();
        let (Some(decl), Some(name)) = (circle.first().and_then(|id| decls.types.get(*id)), names.first())
        else {
            continue;
        };
        let message = format!("the type `{name}` contains itself: {} → {name}", names.join(" → "));
        found.push(
            Diagnostic::new(Code::TypeCycle, decl.item.name.span, message)
                .help("use `json` where the type would contain itself"),
        );
        for id in circle {
            if let Some(slot) = circular.get_mut(*id) {
                *slot = true;
            }
        }
    }
    let mut seen_as: Vec<Vec<(usize, Name)>> = vec![Vec::new(); needs.len()];
    for (file, scope) in decls.scopes.iter().enumerate() {
        for (name, id) in &scope.types {
            if let Some(list) = seen_as.get_mut(*id) {
                list.push((file, name.clone()));
            }
        }
    }
    for id in order.nodes {
        let ty = resolve_type(decls, id, circular.get(id) == Some(&true), found);
        for (file, name) in seen_as.get_mut(id).map(std::mem::take).unwrap_or_default() {
            if let Some(globals) = decls.globals.get_mut(file) {
                globals.types.insert(name, ty.clone());
            }
        }
    }
}

fn resolve_type(decls: &Decls<'_>, id: usize, circular: bool, found: &mut Vec<Diagnostic>) -> Type {
    let Some(decl) = decls.types.get(id) else { return Type::Error };
    let Some(globals) = decls.globals.get(decl.file) else { return Type::Error };
    if circular {
        return Type::Error;
    }
    let mut cx = Cx::new(globals);
    let (ty, labels) = cx.resolve_type(&decl.item.ty, &[]);
    found.append(&mut cx.diagnostics);
    let ty = if labels == Labels::default() { ty } else { Type::Labelled { labels, inner: Arc::new(ty) } };
    let name = decl.item.name.name.clone();
    if decl.item.opaque {
        Type::Opaque { name, base: Arc::new(ty) }
    } else {
        Type::Named { name, ty: Arc::new(ty) }
    }
}
