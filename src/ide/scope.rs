//! What a file of a project can name: its own items, those it uses, those of the skill folders, the standard skills.

use crate::catalog::{Catalog, is_stdlib};
use crate::project::Project;
use crate::source::{SourceId, Span};
use crate::syntax::ast::{self, Item};
use std::sync::LazyLock;

/// The standard skills, for as long as the program runs.
pub(crate) fn standard() -> &'static Catalog {
    static STANDARD: LazyLock<Catalog> = LazyLock::new(Catalog::stdlib);
    &STANDARD
}

/// A skill or plan.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee<'a> {
    Skill(&'a ast::Skill),
    Plan(&'a ast::Plan),
}

impl<'a> Callee<'a> {
    pub(crate) fn params(self) -> &'a [ast::Param] {
        match self {
            Callee::Skill(s) => &s.params,
            Callee::Plan(p) => &p.params,
        }
    }

    pub(crate) fn output(self) -> Option<&'a ast::Type> {
        match self {
            Callee::Skill(s) => s.output.as_ref(),
            Callee::Plan(p) => p.output.as_ref(),
        }
    }

    /// Where its name is declared.
    pub(crate) fn place(self) -> Span {
        match self {
            Callee::Skill(s) => s.name.span,
            Callee::Plan(p) => p.name.span,
        }
    }

    pub(crate) fn docs(self) -> Option<&'a str> {
        match self {
            Callee::Skill(s) => s.lead.docs.as_deref(),
            Callee::Plan(p) => p.lead.docs.as_deref(),
        }
    }

    /// The errors that its `throws` names.
    pub(crate) fn throws(self) -> &'a [ast::ErrorDecl] {
        match self {
            Callee::Skill(s) => {
                let list = s.clauses.iter().find_map(|c| match &c.kind {
                    ast::SkillClauseKind::Throws(list) => Some(list.as_slice()),
                    _ => None,
                });
                list.unwrap_or_default()
            }
            Callee::Plan(p) => {
                let list = p.clauses.iter().find_map(|c| match &c.kind {
                    ast::PlanClauseKind::Throws(list) => Some(list.as_slice()),
                    _ => None,
                });
                list.unwrap_or_default()
            }
        }
    }
}

/// One file of a project and what it sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) project: &'a Project,
    /// Its index.
    pub(crate) file: usize,
}

impl<'a> Scope<'a> {
    /// The scope of the file with this source; of a standard file: none.
    pub(crate) fn of(project: &'a Project, source: SourceId) -> Option<Scope<'a>> {
        let file = project.files.iter().position(|f| f.source == source)?;
        Some(Scope { project, file })
    }

    pub(crate) fn items(&self) -> &'a [Item] {
        self.project.files.get(self.file).map_or(&[], |f| &f.parse.file.items)
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> &'a str {
        let source = self.project.files.get(self.file).map(|f| f.source).unwrap_or_default();
        self.project.sources.get(source).map_or("", |f| &f.text)
    }

    /// The other files it sees, with the alias they stand behind.
    fn others(&self) -> impl Iterator<Item = (usize, Option<&'a str>)> + use<'a> {
        let own = self.file;
        let files = &self.project.files;
        let used = files.get(own).into_iter().flat_map(|f| &f.uses).map(|u| (u.file, u.alias.as_deref()));
        let shared = files.iter().enumerate().filter(move |(i, f)| f.shared && *i != own);
        used.chain(shared.map(|(i, _)| (i, None)))
    }

    /// All items it sees, each with the name it has here (its own name behind an alias), its own first.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (Option<&'a str>, &'a Item)> + use<'a> {
        let files = &self.project.files;
        let own = self.items().iter().map(|item| (None, item));
        let others = self.others().flat_map(move |(file, alias)| {
            files.get(file).into_iter().flat_map(|f| &f.parse.file.items).map(move |item| (alias, item))
        });
        own.chain(others)
    }

    fn find<T>(&self, name: &str, pick: impl Fn(&'a Item) -> Option<(&'a str, T)>) -> Option<T> {
        self.visible().find_map(|(alias, item)| {
            let (own, found) = pick(item)?;
            let named = match alias {
                None => own == name,
                Some(alias) => name.strip_prefix(alias).and_then(|n| n.strip_prefix('.')) == Some(own),
            };
            named.then_some(found)
        })
    }

    /// The skill or plan that a dotted name means here.
    pub(crate) fn callee(&self, name: &str) -> Option<Callee<'a>> {
        let own = self.find(name, |item| match item {
            Item::Skill(s) => Some((&*s.name.name, Callee::Skill(s))),
            Item::Plan(p) => Some((&*p.name.name, Callee::Plan(p))),
            Item::Use(_) | Item::Type(_) | Item::Test(_) => None,
        });
        own.or_else(|| standard().lookup(name).map(Callee::Skill))
    }

    /// The type that a name means here.
    pub(crate) fn type_decl(&self, name: &str) -> Option<&'a ast::TypeDecl> {
        self.find(name, |item| match item {
            Item::Type(t) => Some((&*t.name.name, t)),
            Item::Use(_) | Item::Skill(_) | Item::Plan(_) | Item::Test(_) => None,
        })
    }

    /// The declaration of an alias.
    pub(crate) fn alias(&self, name: &str) -> Option<&'a ast::Ident> {
        self.items().iter().find_map(|item| match item {
            Item::Use(u) => u.alias.as_ref().filter(|a| &*a.name == name),
            Item::Type(_) | Item::Skill(_) | Item::Plan(_) | Item::Test(_) => None,
        })
    }

    /// The start of the file that a `use` brings in.
    pub(crate) fn used(&self, path: Span) -> Option<Span> {
        let own = self.project.files.get(self.file)?;
        let target = own.uses.iter().find(|u| u.span == path)?;
        self.project.files.get(target.file).map(|f| Span::new(f.source, 0, 0))
    }
}

/// The items of a source: of a file of the project, or of a standard file.
pub(crate) fn items_of(project: &Project, source: SourceId) -> &[Item] {
    if is_stdlib(source) {
        return standard().modules().find(|m| m.source == source).map_or(&[], |m| &m.file.items);
    }
    project.files.iter().find(|f| f.source == source).map_or(&[], |f| &f.parse.file.items)
}

/// The text of a source of the project, or of a standard file.
#[must_use]
pub fn text_of(project: &Project, source: SourceId) -> &str {
    if is_stdlib(source) {
        let family = standard().modules().find(|m| m.source == source).and_then(|m| m.family);
        return family.map_or("", |f| f.text);
    }
    project.sources.get(source).map_or("", |f| &f.text)
}
