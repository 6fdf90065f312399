//! `test` blocks: the machine in a world where nothing real happens. The clock jumps, mocked skills answer at once, pure
//! skills really run, and everything else is refused.

mod crash;
mod judge;
mod mocks;
mod world;

use super::skill::Skills;
use crate::check::cases::model::{Observed, TestCase};
use crate::dag::Dag;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Outcome, RunStatus};
use crate::expr::{NoEnv, Stop, eval};
use crate::value::{Map, Value};
use judge::Judge;
use std::sync::Arc;
use world::{End, World};

/// The implementations of pure skills, or why there are none.
pub type PureSkills = Result<Arc<Skills>, String>;

/// What became of one test.
#[derive(Clone, Debug)]
pub struct TestRun {
    pub name: Arc<str>,
    pub plan: Arc<str>,
    /// Empty: it passed.
    pub problems: Vec<Problem>,
    /// How the run ended, where it did.
    pub outcome: Option<Outcome>,
    /// Attempts of skills.
    pub calls: usize,
    /// Events of the run: each was a place to crash at.
    pub events: usize,
    /// Virtual time.
    pub took: jiff::SignedDuration,
    pub crashes: Option<Crashes>,
}

/// Why a test failed: a diagnostic, and where it is an expectation, its sides.
#[derive(Clone, Debug)]
pub struct Problem {
    pub diagnostic: Diagnostic,
    pub expected: Option<Value>,
    pub got: Option<Value>,
}

/// What restarting the machine after its events gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crashes {
    /// Restarts that came to the same end.
    pub same: usize,
    /// Restarts while a call was in flight that must not be repeated: it was not.
    pub in_doubt: usize,
}

impl TestRun {
    /// Whether all went as it should.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Problem {
    fn new(diagnostic: Diagnostic) -> Self {
        Problem { diagnostic, expected: None, got: None }
    }
}

/// Runs one test. `inject_crash`: once more for every event, with a machine that is made anew from the journal after it.
pub async fn run(test: &TestCase, dag: &Arc<Dag>, skills: &PureSkills, inject_crash: bool) -> TestRun {
    let mut result = TestRun {
        name: test.name.clone(),
        plan: test.plan.clone(),
        problems: Vec::new(),
        outcome: None,
        calls: 0,
        events: 0,
        took: jiff::SignedDuration::ZERO,
        crashes: None,
    };
    let mut inputs = Map::new();
    for (name, expr) in &test.inputs {
        match constant(expr) {
            Ok(value) => drop(inputs.insert(name.clone(), value)),
            Err(problem) => {
                result.problems.push(*problem);
                return result;
            }
        }
    }
    let mut world = World::new(test, dag.clone(), skills);
    let end = world.start(inputs).await;
    result.calls = world.made.len();
    result.events = world.events.len();
    result.took = world.took();
    match &end {
        End::Finished(outcome) => {
            result.outcome = Some((**outcome).clone());
            result.problems = Judge::new(test, &world, outcome).all();
            unexpected_failure(test, outcome, &world, &mut result.problems);
        }
        End::Stuck => result.problems.push(Problem::new(world.stuck())),
        End::Refused(problem) => result.problems.push((**problem).clone()),
    }
    if inject_crash && let End::Finished(outcome) = &end {
        let (crashes, problem) = crash::everywhere(test, dag, &world, outcome).await;
        result.crashes = Some(crashes);
        result.problems.extend(problem.map(Problem::new));
    }
    result
}

/// The value of an expression without variables.
fn constant(expr: &crate::expr::Expr) -> Result<Value, Box<Problem>> {
    eval(expr, &NoEnv).map_err(|stop| {
        let (message, span) = match stop {
            Stop::Error(error) => (error.message, error.span),
            Stop::Missing { .. } => ("it mentions what is not there".to_owned(), expr.span),
        };
        let message = format!("the value cannot be computed: {message}");
        Box::new(Problem::new(Diagnostic::new(Code::TestFailed, span, message)))
    })
}

/// A run that fails fails its test, unless the test speaks of how it ended.
fn unexpected_failure(test: &TestCase, outcome: &Outcome, world: &World<'_>, problems: &mut Vec<Problem>) {
    let mut mentioned = Vec::new();
    for expect in &test.expects {
        mentioned.extend(crate::expr::reads(expect).into_iter().map(|r| r.var));
    }
    let speaks = |what: &Observed| match what {
        Observed::Output | Observed::Error | Observed::ErrorOf(_) => true,
        Observed::Status(asked, _) => *asked == crate::check::cases::model::Asked::Failed,
        Observed::Calls(_) | Observed::Value(_) | Observed::FailuresOf(_) => false,
    };
    let told = test.seen.iter().any(|(var, o)| mentioned.contains(var) && speaks(&o.what));
    let Some(error) = outcome.error.as_ref().filter(|_| outcome.status != RunStatus::Succeeded) else {
        return;
    };
    let at = outcome.failed_step.as_ref().map_or_else(String::new, |s| format!(" at `{s}`"));
    let text = format!("the run failed{at}: {}: {}", error.kind, error.message);
    if let Some(first) = problems.first_mut() {
        let help = first.diagnostic.help.take();
        first.diagnostic.help = Some(help.map_or(text.clone(), |h| format!("{h}\n{text}")));
    } else if !told {
        let span = error.span.or_else(|| world.span_of(outcome.failed_step.as_ref()));
        let d = Diagnostic::new(Code::TestFailed, span.unwrap_or(test.name_span), text)
            .label("failed here")
            .help("where that is what the test is about, say so: `expect error.kind == \"…\"`");
        problems.push(Problem::new(d));
    }
}
