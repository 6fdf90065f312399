//! Whether somebody can answer what a plan asks.

use super::clauses::constant_int;
use super::hir::{Action, Approve, Body, Call, Plan, Step, StmtKind, Target};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::expr::ExprKind;
use crate::source::Span;
use crate::value::Value;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Login names by role.
type People = IndexMap<Arc<str>, Vec<Arc<str>>>;

/// Reports roles that nobody holds, and quorums that cannot come together.
pub(super) fn check(plans: &IndexMap<Arc<str>, Plan>, people: &People, found: &mut Vec<Diagnostic>) {
    for plan in plans.values() {
        body(&plan.body, people, found);
    }
}

fn body(of: &Body, people: &People, found: &mut Vec<Diagnostic>) {
    for stmt in &of.stmts {
        if let StmtKind::Step(step) = &stmt.kind {
            one(step, people, found);
        }
    }
}

fn one(step: &Step, people: &People, found: &mut Vec<Diagnostic>) {
    if let Some(ask) = &step.approve {
        approve(ask, people, found);
    }
    match &step.action {
        Action::Call(c) => call(c, people, found),
        Action::Do(b) => body(b, people, found),
        Action::For(f) => body(&f.body, people, found),
        Action::If(i) => {
            i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).for_each(|b| body(b, people, found))
        }
        Action::Match(m) => m.arms.iter().for_each(|(_, b)| body(b, people, found)),
        Action::Loop(l) => body(&l.body, people, found),
        Action::Race(bodies) => bodies.iter().for_each(|b| body(b, people, found)),
    }
}

fn approve(ask: &Approve, people: &People, found: &mut Vec<Diagnostic>) {
    let roles: Vec<_> = ask.stages.iter().filter_map(|s| Some((s.role.as_ref()?, s.span))).collect();
    let before = found.len();
    for (name, span) in &roles {
        role(name, *span, people, found);
    }
    let Some(quorum) = &ask.quorum else { return };
    let Some(wanted) = constant_int(quorum).filter(|_| !roles.is_empty() && found.len() == before) else {
        return;
    };
    let holders: BTreeSet<&Arc<str>> =
        roles.iter().filter_map(|(name, _)| people.get(*name)).flatten().collect();
    if wanted > holders.len() as i64 {
        let message = format!("{wanted} people are wanted, and {} may answer", holders.len());
        found.push(
            Diagnostic::new(Code::Unanswerable, quorum.span, message)
                .label("so many never come together")
                .help("lower the quorum, or name more people under `[people]` in aos.toml"),
        );
    }
}

/// `by` of `human.ask` and `human.review`, where it is written out.
fn call(c: &Call, people: &People, found: &mut Vec<Diagnostic>) {
    if !matches!(&c.target, Target::Skill(name) if name.starts_with("human.")) {
        return;
    }
    for arg in c.args.iter().filter(|a| &*a.name == "by") {
        if let ExprKind::Literal(Value::String(name)) = &*arg.value.kind {
            role(name, arg.value.span, people, found);
        }
    }
}

fn role(name: &Arc<str>, span: Span, people: &People, found: &mut Vec<Diagnostic>) {
    if people.get(name).is_some_and(|holders| !holders.is_empty()) {
        return;
    }
    let message = format!("nobody is `{name}` in aos.toml");
    let d = Diagnostic::new(Code::Unanswerable, span, message);
    let near = nearest(name, people.keys().filter(|k| *k != name).map(|k| &**k));
    found.push(match near {
        Some(near) => d
            .label(format!("did you mean `{near}`?"))
            .unsafe_fix(format!("ask `{near}`"), vec![Edit::replace(span, format!("\"{near}\""))]),
        None => d.help(format!("say who under `[people]`: `{name} = [\"…\"]`")),
    });
}

#[cfg(test)]
mod tests {
    use crate::project::Project;
    use crate::source::MemoryLoader;
    use std::path::Path;

    fn found(config: &str, clause: &str) -> Vec<String> {
        let text = format!(
            "plan p() {{\n  step a = time.sleep(duration: 1s)\n    approve \"Go?\" {clause}\n\n  step q = human.ask<int>(question: \"?\", by: \"ops\")\n}}\n"
        );
        let loader = MemoryLoader::new([("/p/aos.toml", config), ("/p/p.plan", &text)]);
        let analysis = Project::load_text(Path::new("/p/p.plan"), &text, &loader).analysis;
        analysis
            .diagnostics
            .iter()
            .map(|d| format!("{}: {} at {}", d.code, d.message, &text[d.span.range()]))
            .collect()
    }

    #[test]
    fn roles_that_nobody_holds_are_told() {
        let people = "[people]\nops = [\"ada\", \"bo\"]\nlead = [\"bo\"]\nnone = []\n";
        assert_eq!(found(people, "by \"ops\" within 1h then by \"lead\" quorum 2"), [""; 0]);
        assert_eq!(found(people, ""), [""; 0]);
        assert_eq!(found(people, "by \"osp\""), ["unanswerable: nobody is `osp` in aos.toml at \"osp\""]);
        assert_eq!(found(people, "by \"none\""), ["unanswerable: nobody is `none` in aos.toml at \"none\""]);
        assert_eq!(
            found(people, "by \"ops\" within 1h then by \"lead\" quorum 3"),
            ["unanswerable: 3 people are wanted, and 2 may answer at 3"]
        );
        assert_eq!(found("[project]\nname = \"p\"\n", "").len(), 1, "the question of the second step");
    }
}
