//! The skills that are known by name: the standard ones, parsed from `stdlib/*.plan` when first mentioned, and added ones.

pub mod prices;

use crate::diagnostic::nearest;
use crate::source::SourceId;
use crate::syntax::{self, Parse, ast};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A family of standard skills: one file of signatures.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What stands before the dot.
    pub namespace: &'static str,
    /// Where the file lies in the repository.
    pub path: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! families {
    ($($name:literal)*) => {
        /// The standard skills.
        pub const STDLIB: &[Family] = &[$(Family {
            namespace: $name,
            path: concat!("stdlib/", $name, ".plan"),
            text: include_str!(concat!("../stdlib/", $name, ".plan")),
        },)*];
    };
}

families! { "file" "http" "human" "json" "llm" "memory" "shell" "signal" "time" }

/// The ids of the standard files start here; [`crate::source::Sources`] does not hold them.
const STDLIB_SOURCE: u32 = u32::MAX - 1_000;

/// Whether a place lies in a standard file.
#[must_use]
pub fn is_stdlib(source: SourceId) -> bool {
    source.0 >= STDLIB_SOURCE
}

/// A file of signatures, its skills found by name.
#[derive(Debug)]
pub struct Module {
    /// For the standard files the family's row.
    pub family: Option<&'static Family>,
    pub source: SourceId,
    pub file: ast::File,
    /// Index into the items by dotted name.
    skills: HashMap<ast::Name, usize>,
}

impl Module {
    fn new(family: Option<&'static Family>, source: SourceId, file: ast::File) -> Self {
        let mut skills = HashMap::new();
        for (index, item) in file.items.iter().enumerate() {
            if let ast::Item::Skill(skill) = item {
                skills.entry(skill.name.name.clone()).or_insert(index);
            }
        }
        Module { family, source, file, skills }
    }

    /// The skill with this dotted name.
    #[must_use]
    pub fn skill(&self, name: &str) -> Option<&ast::Skill> {
        match self.file.items.get(*self.skills.get(name)?) {
            Some(ast::Item::Skill(skill)) => Some(skill),
            Some(ast::Item::Use(_) | ast::Item::Type(_) | ast::Item::Plan(_) | ast::Item::Test(_)) | None => {
                None
            }
        }
    }

    /// The names of its skills.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.skills.keys().map(|name| &**name)
    }
}

/// The module of a family, parsed once.
fn family(index: usize) -> Option<&'static Arc<Module>> {
    static PARSED: OnceLock<Vec<OnceLock<Arc<Module>>>> = OnceLock::new();
    let all = PARSED.get_or_init(|| STDLIB.iter().map(|_| OnceLock::new()).collect());
    let row = STDLIB.get(index)?;
    Some(all.get(index)?.get_or_init(|| {
        let source = SourceId(STDLIB_SOURCE + u32::try_from(index).unwrap_or(0));
        Arc::new(Module::new(Some(row), source, syntax::parse(source, row.text).file))
    }))
}

/// The names of the standard skills, read off their lines.
#[must_use]
pub fn standard_names() -> &'static [ast::Name] {
    static NAMES: OnceLock<Vec<ast::Name>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let lines = STDLIB.iter().flat_map(|row| row.text.lines());
        lines
            .filter_map(|line| line.strip_prefix("skill "))
            .map(|rest| rest.split(['(', '<']).next().unwrap_or(rest).trim().into())
            .collect()
    })
}

/// The skills that a plan may call without declaring them.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    added: Vec<Arc<Module>>,
}

impl Catalog {
    /// The standard skills. Costs nothing: a family is parsed when one of its skills is looked up.
    #[must_use]
    pub fn stdlib() -> Self {
        Catalog::default()
    }

    /// With the skills of one more file; they hide standard ones of the same name.
    #[must_use]
    pub fn with(mut self, source: SourceId, parse: &Parse) -> Self {
        self.added.push(Arc::new(Module::new(None, source, parse.file.clone())));
        self
    }

    /// The file that declares a skill.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&Arc<Module>> {
        if let Some(found) = self.added.iter().rev().find(|m| m.skills.contains_key(name)) {
            return Some(found);
        }
        let namespace = name.split_once('.')?.0;
        let index = STDLIB.iter().position(|row| row.namespace == namespace)?;
        family(index).filter(|m| m.skills.contains_key(name))
    }

    /// The declaration of a skill.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<&ast::Skill> {
        self.module(name)?.skill(name)
    }

    /// All modules; parses every standard file.
    pub fn modules(&self) -> impl Iterator<Item = &Arc<Module>> {
        let standard: Vec<&Arc<Module>> = (0..STDLIB.len()).filter_map(family).collect();
        self.added.iter().chain(standard)
    }

    /// The names of all skills, without parsing.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.added.iter().flat_map(|m| m.names()).chain(standard_names().iter().map(|name| &**name))
    }

    /// The skill that was probably meant, among these and `more`.
    #[must_use]
    pub fn suggest<'a>(&'a self, name: &str, more: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        nearest(name, self.names().chain(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_parses_and_declares_only_its_namespace() {
        for (index, row) in STDLIB.iter().enumerate() {
            assert_eq!(syntax::parse(SourceId(0), row.text).diagnostics, vec![], "{}", row.path);
            let module = family(index).unwrap();
            assert!(module.names().count() > 0, "{}", row.path);
            for name in module.names() {
                assert_eq!(name.split('.').next(), Some(row.namespace));
                let skill = module.skill(name).unwrap();
                assert!(skill.lead.docs.is_some(), "{name} has no description");
                for param in &skill.params {
                    assert!(param.lead.docs.is_some(), "{name}({}) has no description", param.name.name);
                }
            }
        }
    }

    #[test]
    fn names_are_those_declared() {
        let mut declared: Vec<_> = (0..STDLIB.len()).filter_map(family).flat_map(|m| m.names()).collect();
        let mut listed: Vec<_> = Catalog::stdlib().names().map(str::to_owned).collect();
        declared.sort_unstable();
        listed.sort_unstable();
        assert_eq!(declared, listed);
    }

    #[test]
    fn skills_are_found_and_suggested() {
        let catalog = Catalog::stdlib();
        assert!(catalog.lookup("http.get").is_some());
        assert!(catalog.lookup("http.gte").is_none());
        assert!(catalog.lookup("get").is_none());
        assert_eq!(catalog.suggest("http.gte", []), Some("http.get"));
        assert_eq!(catalog.suggest("htp.get", []), Some("http.get"));
        assert_eq!(catalog.suggest("slack.pst", ["slack.post"]), Some("slack.post"));
    }
}
