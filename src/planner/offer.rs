//! The skills that a plan may call: their signatures for the prompt, all of them or those that have to do with the goal.

use super::prompt::tokens;
use super::rank::Rank;
use crate::catalog::{self, Catalog};
use crate::check::flow::Agent;
use crate::format;
use crate::project::Project;
use crate::syntax::ast;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A skill with its signature as `fmt` prints it.
#[derive(Clone, Debug)]
pub struct Offered {
    pub name: Arc<str>,
    pub signature: String,
}

/// Everything that may be called, by name, and the types that the signatures name.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    pub skills: Vec<Offered>,
    types: BTreeMap<Arc<str>, String>,
}

/// What of it is shown.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The signatures and the types that they need.
    pub text: String,
    /// The names of the skills whose signatures are shown.
    pub names: BTreeSet<Arc<str>>,
    /// How many are not.
    pub left_out: usize,
}

impl Offer {
    /// What the project and the standard library give to an agent; without one everything.
    #[must_use]
    pub fn of(project: &Project, agent: Option<&Agent>) -> Offer {
        let mut skills: BTreeMap<Arc<str>, ast::Skill> = BTreeMap::new();
        let mut types = BTreeMap::new();
        let standard = Catalog::stdlib();
        for name in catalog::standard_names() {
            skills.extend(standard.lookup(name).map(|skill| (Arc::clone(name), skill.clone())));
        }
        for item in project.files.iter().filter(|f| f.shared).flat_map(|f| &f.parse.file.items) {
            match item {
                ast::Item::Skill(skill) => {
                    skills.insert(Arc::clone(&skill.name.name), skill.clone());
                }
                ast::Item::Type(ty) => {
                    types.insert(Arc::clone(&ty.name.name), printed(ast::Item::Type(ty.clone())));
                }
                ast::Item::Use(_) | ast::Item::Plan(_) | ast::Item::Test(_) => {}
            }
        }
        let granted = |name: &str| agent.is_none_or(|agent| agent.may_call(name));
        let deprecated = |skill: &ast::Skill| {
            skill.clauses.iter().any(|c| matches!(c.kind, ast::SkillClauseKind::Deprecated(_)))
        };
        let skills = skills
            .into_iter()
            .filter(|(name, skill)| granted(name) && !deprecated(skill))
            .map(|(name, skill)| Offered { name, signature: printed(ast::Item::Skill(skill)) })
            .collect();
        Offer { skills, types }
    }

    /// The signatures that fit into so many tokens: all, or those nearest to the goal, in the order of their names.
    #[must_use]
    pub fn shown(&self, goal: &str, budget: usize) -> Shown {
        let all: usize = self.skills.iter().map(|s| tokens(&s.signature)).sum();
        let mut order: Vec<&Offered> = self.skills.iter().collect();
        if all > budget {
            let rank = Rank::new(self.skills.iter().map(|s| s.signature.as_str()));
            let scores = rank.scores(goal);
            let mut scored: Vec<(f64, &Offered)> = self
                .skills
                .iter()
                .enumerate()
                .map(|(i, s)| (scores.get(i).copied().unwrap_or(0.0), s))
                .collect();
            // By name where they are alike.
            scored.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.name.cmp(&y.name)));
            order = scored.into_iter().map(|(_, s)| s).collect();
        }
        let mut left = budget;
        let mut chosen: Vec<&Offered> = Vec::new();
        for skill in order {
            let size = tokens(&skill.signature);
            if size <= left {
                left -= size;
                chosen.push(skill);
            }
        }
        chosen.sort_by(|a, b| a.name.cmp(&b.name));
        Shown {
            text: self.text(&chosen),
            left_out: self.skills.len() - chosen.len(),
            names: chosen.into_iter().map(|s| Arc::clone(&s.name)).collect(),
        }
    }

    /// The signatures of skills that a text names and that were not shown.
    #[must_use]
    pub fn named_in(&self, text: &str, shown: &Shown) -> String {
        let missing: Vec<&Offered> = self
            .skills
            .iter()
            .filter(|s| !shown.names.contains(&s.name) && text.contains(&*s.name))
            .take(8)
            .collect();
        self.text(&missing)
    }

    fn text(&self, skills: &[&Offered]) -> String {
        let mut text: String = skills.iter().map(|s| format!("{}\n", s.signature)).collect();
        // Types may need types.
        let mut needed: BTreeSet<&Arc<str>> = BTreeSet::new();
        loop {
            let more: Vec<(&Arc<str>, &String)> = self
                .types
                .iter()
                .filter(|(name, _)| !needed.contains(name) && mentions(&text, name))
                .collect();
            if more.is_empty() {
                return text;
            }
            for (name, ty) in more {
                needed.insert(name);
                text.insert_str(0, &format!("{ty}\n"));
            }
        }
    }
}

/// Whether a text has this word.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

fn printed(item: ast::Item) -> String {
    format::file(&ast::File { items: vec![item] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryLoader;
    use std::path::Path;

    fn project(skills: &str) -> Project {
        let files = [
            ("/p/a.plan", ""),
            ("/p/aos.toml", "[project]\nskills = [\"skills\"]\n"),
            ("/p/skills/x.plan", skills),
        ];
        Project::load_text(Path::new("/p/a.plan"), "", &MemoryLoader::new(files))
    }

    #[test]
    fn only_what_is_granted_is_offered_with_its_types() {
        let skills = "type Id = int\ntype Pet = { id: Id }\n/// Finds a pet.\nskill pets.find(id: Id) -> Pet\n\
                      skill pets.drop(id: int)\n";
        let agent = Agent {
            name: "a".into(),
            grants: vec!["pets.*".into(), "time.sleep".into()],
            deny: vec!["pets.drop".into()],
            may_endorse: Vec::new(),
        };
        let offer = Offer::of(&project(skills), Some(&agent));
        let names: Vec<&str> = offer.skills.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["pets.find", "time.sleep"]);
        let shown = offer.shown("x", 10_000);
        assert!(shown.text.contains("type Id = int") && shown.text.contains("type Pet"), "{}", shown.text);
        assert_eq!(shown.left_out, 0);
    }

    #[test]
    fn of_many_skills_those_of_the_goal_are_shown() {
        let many: String = (0..300)
            .map(|n| {
                format!(
                    "/// Does thing number {n} with the tool {n}.\nskill many.tool_{n}(value: int) -> int\n"
                )
            })
            .collect();
        let skills =
            format!("{many}/// Sends an invoice to a customer.\nskill shop.send_invoice(customer: string)\n");
        let offer = Offer::of(&project(&skills), None);
        let shown = offer.shown("Send the invoices of May to all customers", 1_500);
        assert!(shown.names.contains("shop.send_invoice"), "{:?}", shown.names);
        assert!(tokens(&shown.text) <= 1_500 && shown.left_out > 200);
        assert!(offer.named_in("step a = many.tool_299(value: 1)", &shown).contains("many.tool_299"));
    }
}
