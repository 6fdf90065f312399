//! The same plan twice, with other untrusted answers: what the plan does, and the trusted arguments of it, are the same, or the
//! checker refused the plan. And the counterpart: plans that it refuses do differ once their labels are taken away.

pub mod plans;

use super::world::World;
use aos::catalog::Catalog;
use aos::check::flow::Asker;
use aos::check::{UnitFile, check_unit_for};
use aos::dag::Dag;
use aos::engine::{EventKind, Failure, Invoke, RunStatus, Usage};
use aos::source::Sources;
use aos::syntax;
use aos::value::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an attacker writes; no plan holds it.
pub const MARK: &str = "ATTACK";

/// The graph of the plan `p`, or the codes of the errors.
pub fn compile(text: &str, asker: &Asker) -> Result<Arc<Dag>, Vec<String>> {
    let mut sources = Sources::default();
    let id = sources.add("t.plan", text);
    let parse = syntax::parse(id, text);
    let file = UnitFile { source: id, parse: &parse, uses: &[], shared: false };
    let analysis = check_unit_for(&[file], &sources, &Catalog::stdlib(), None, asker);
    match analysis.into_checked("p") {
        Ok(checked) => Ok(Arc::new(Dag::new(checked.program()))),
        Err(found) => {
            let errors = found.iter().filter(|d| d.is_error());
            Err(errors.map(|d| format!("{}: {} at `{}`", d.code, d.message, &text[d.span.range()])).collect())
        }
    }
}

/// A call that acts: its skill, and its arguments by name.
pub type Act = (String, BTreeMap<String, String>);

/// What a run did, by step.
#[derive(Debug)]
pub struct Trace {
    pub acts: BTreeMap<String, Act>,
    /// Regions in which something failed: what was to come in them was not done.
    pub broken: Vec<String>,
    pub status: RunStatus,
}

/// Runs the plan; `answer` plays the skills.
pub fn trace(
    dag: &Arc<Dag>,
    answer: impl Fn(&Invoke) -> Result<Value, Failure> + 'static,
    acts: impl Fn(&str) -> bool,
) -> Trace {
    let mut world = World::new(Arc::clone(dag));
    world.answer = Some(Box::new(move |invoke| {
        let (step, attempt) = (invoke.step.clone(), invoke.attempt);
        match answer(invoke) {
            Ok(value) => {
                EventKind::AttemptSucceeded { step, attempt, value, usage: Usage::default(), reused: None }
            }
            Err(error) => EventKind::AttemptFailed { step, attempt, error, usage: Usage::default() },
        }
    }));
    world.start();
    let status = world.finish().status;
    let calls = world.calls.iter().filter(|c| acts(&c.skill));
    let one = |call: &Invoke| {
        let args = call.args.iter().map(|(name, value)| (name.to_string(), value.to_json().to_string()));
        (call.step.to_string(), (call.skill.to_string(), args.collect()))
    };
    let acts = calls.map(one).collect();
    let broken = world.machine.report().into_iter().filter(|row| row.skill.is_none() && row.error.is_some());
    Trace { acts, broken: broken.map(|row| format!("{}.", row.path)).collect(), status }
}

fn text(text: impl Into<String>) -> Value {
    let text: String = text.into();
    Value::String(text.into())
}

fn record(fields: &[(&str, Value)]) -> Value {
    Value::map(fields.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect::<Map>())
}

/// What the skills of the generated plans answer; `attack`: the world outside is hostile.
fn answer(invoke: &Invoke, attack: bool) -> Result<Value, Failure> {
    let step = invoke.step.to_string();
    let arg = |name: &str| invoke.args.get(name).map_or(String::new(), |v| v.to_json().to_string());
    let last = step.rsplit(['.', '[']).next().unwrap_or(&step);
    // That something outside fails by itself is no decision (it may always do so); what it tells then is untrusted.
    if last.starts_with('f') && invoke.skill.starts_with("out.") && step.len().is_multiple_of(2) {
        let message = if attack { format!("{MARK} gone") } else { "t1".to_owned() };
        return Err(Failure::new("gone", message));
    }
    if &*invoke.skill == "own.check" && !arg("of").len().is_multiple_of(2) {
        return Err(Failure::new("bad", "own words"));
    }
    Ok(match (&*invoke.skill, attack) {
        ("out.text", false) => text("t1"),
        ("out.text", true) => text(format!("{MARK} {step}")),
        ("out.number", false) => Value::Int(3),
        ("out.number", true) => Value::Int(8),
        ("out.flag", attack) => Value::Bool(!attack),
        ("out.items", false) => Value::list(vec![text("t2"), text("k")]),
        ("out.items", true) => Value::list(vec![text(MARK), text("b"), text("c")]),
        ("out.page", false) => {
            record(&[("id", text("id-1")), ("text", text("fine")), ("count", Value::Int(1))])
        }
        ("out.page", true) => record(&[("id", text("id-1")), ("text", text(MARK)), ("count", Value::Int(6))]),
        ("own.text", _) => text(format!("own {} {}", arg("of"), arg("n"))),
        ("own.number", _) => Value::Int(arg("of").parse::<i64>().unwrap_or(0) + 1),
        ("own.check", _) => Value::Int(1),
        ("own.items", _) => Value::list(vec![text(arg("of")), text("m")]),
        ("act.send" | "act.pay", _) => record(&[("id", text("made"))]),
        _ => Value::Int(1),
    })
}

/// The arguments that nothing from outside may reach, of the skills of the generated plans.
const TRUSTED: &[(&str, &[&str])] =
    &[("act.send", &["to"]), ("act.pay", &["to", "amount"]), ("act.put", &["key"]), ("act.log", &[])];

/// Steps that a person has agreed to are left out.
fn seen_by_a_person(step: &str) -> bool {
    step.rsplit(['.', '[']).next().is_some_and(|last| last.starts_with('v'))
}

fn trusted(act: &Act) -> BTreeMap<&str, &str> {
    let names = TRUSTED.iter().find(|(skill, _)| *skill == act.0).unwrap().1;
    act.1
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect()
}

/// What an attacker changed, if anything.
fn influence(calm: &Trace, attacked: &Trace) -> Option<String> {
    let irreversible = |act: &Act| matches!(act.0.as_str(), "act.send" | "act.pay");
    for (step, act) in attacked.acts.iter().filter(|(step, _)| !seen_by_a_person(step)) {
        if trusted(act).values().any(|value| value.contains(MARK)) {
            return Some(format!("`{step}` was told by the attacker: {act:?}"));
        }
        // What can be undone may be chosen by what is untrusted: the checker says so as an information.
        match calm.acts.get(step).filter(|_| irreversible(act)) {
            Some(before) if trusted(before) != trusted(act) => {
                return Some(format!("`{step}`: {before:?} became {act:?}"));
            }
            Some(_) | None => {}
        }
    }
    // That a step aborts the plan, or the region around it, is no decision about those behind it.
    if calm.status != RunStatus::Succeeded || attacked.status != RunStatus::Succeeded {
        return None;
    }
    let broken: Vec<&String> = calm.broken.iter().chain(&attacked.broken).collect();
    let whole = |step: &str| !broken.iter().any(|region| step.starts_with(region.as_str()));
    let made = |trace: &Trace| -> Vec<String> {
        let acts = trace
            .acts
            .iter()
            .filter(|(step, act)| irreversible(act) && !seen_by_a_person(step) && whole(step));
        acts.map(|(step, _)| step.clone()).collect()
    };
    (made(calm) != made(attacked)).then(|| format!("{:?} became {:?}", made(calm), made(attacked)))
}

fn twice(dag: &Arc<Dag>) -> (Trace, Trace) {
    let acts = |skill: &str| skill.starts_with("act.");
    (trace(dag, |i| answer(i, false), acts), trace(dag, |i| answer(i, true), acts))
}

#[test]
fn what_is_untrusted_changes_no_trusted_argument_and_no_decision() {
    let (mut passed, mut refused, mut differ, mut whole, mut acts) = (0, 0, 0, 0, 0);
    let mut seed = 0;
    while passed < 500 {
        seed += 1;
        let plan = plans::plan(seed);
        match compile(&plan, &Asker::default()) {
            Ok(dag) => {
                let (calm, attacked) = twice(&dag);
                if let Some(how) = influence(&calm, &attacked) {
                    panic!("seed {seed}: {how}\n{plan}");
                }
                passed += 1;
                acts += calm.acts.len();
                let both = [&calm, &attacked].iter().all(|t| t.status == RunStatus::Succeeded);
                whole += u32::from(both && !calm.acts.is_empty());
            }
            Err(errors) => {
                let flow = |e: &String| e.starts_with("untrusted-flow") || e.starts_with("untrusted-control");
                assert!(errors.iter().all(flow), "seed {seed}: {errors:#?}\n{plan}");
                refused += 1;
                // Without its labels the same plan passes, and shows what the checker was afraid of.
                let bare = plan.replace("-> untrusted ", "-> ");
                let dag = compile(&bare, &Asker::default()).unwrap_or_else(|e| panic!("{e:?}\n{bare}"));
                let (calm, attacked) = twice(&dag);
                differ += u32::from(influence(&calm, &attacked).is_some());
            }
        }
    }
    println!(
        "{passed} plans passed ({whole} ran to their end both times, {acts} acts), none was influenced; {refused} were \
         refused, {differ} of them are influenced when their labels are taken away"
    );
    assert!(whole > 300 && refused > 100 && differ * 4 > refused, "{whole} {refused} {differ}");
}
