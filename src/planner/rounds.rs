//! The loop without the asking: answers in, what to ask next out. It knows no network and no clock, so that a test can play the model.

use super::answer::{self, NoPlan};
use super::draft::{Desk, Distance, Draft, distance, entry_plan};
use super::offer::Offer;
use super::prompt::Prompt;
use super::repair;
use super::stamp::{self, Stamp};
use crate::check::CheckedPlan;
use crate::diagnostic::Diagnostic;
use crate::project::Project;
pub use crate::runtime::planning::{Round, Spent, Told};
use std::collections::HashSet;
use std::sync::Arc;

/// So many answers are taken, unless said otherwise.
pub const ROUNDS: u32 = 5;

/// A plan that passed the checker.
#[derive(Debug)]
pub struct Planned {
    pub name: Arc<str>,
    /// As `fmt` prints it, with goal, planner and version.
    pub text: String,
    pub project: Project,
    pub checked: CheckedPlan,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    #[error("the model gives no plan: {0}")]
    Nothing(NoPlan),
    #[error("the model does not mend what it is told: {0} after {1}")]
    Stuck(String, String),
    #[error("after {0} answers the plan still has {1}")]
    Rounds(u32, String),
    /// Nothing a model or a person did.
    #[error("the plan passed, but not with its goal and planner written into it: {0}; this is a bug in aos")]
    Stamp(String),
}

/// What to do next.
#[derive(Debug)]
pub enum Next {
    /// Ask with [`Rounds::question`].
    Ask,
    Plan(Box<Planned>),
    Stop(Stop),
}

/// The state of the loop.
pub struct Rounds<'a> {
    desk: Desk<'a>,
    offer: &'a Offer,
    prompt: Prompt,
    stamp: Stamp,
    most: u32,
    done: Vec<Round>,
    last: Option<Last>,
    best: Option<Draft>,
    /// The plans that were answered so far.
    seen: HashSet<String>,
    /// Whether a round in which the errors did not shrink has been forgiven.
    forgiven: bool,
}

/// What the last answer came to.
enum Last {
    Nothing(NoPlan),
    Errors { raw: Distance, left: Distance, keys: Vec<(Arc<str>, String)>, repair: String },
}

impl<'a> Rounds<'a> {
    /// Nothing has been asked yet. At most so many answers are taken.
    #[must_use]
    pub fn new(desk: Desk<'a>, offer: &'a Offer, prompt: Prompt, stamp: Stamp, most: u32) -> Self {
        Rounds {
            desk,
            offer,
            prompt,
            stamp,
            most: most.max(1),
            done: Vec::new(),
            last: None,
            best: None,
            seen: HashSet::new(),
            forgiven: false,
        }
    }

    /// The instructions, the same in every round.
    #[must_use]
    pub fn system(&self) -> &Arc<str> {
        &self.prompt.system
    }

    /// What the model is asked now: the task, and behind it what is wrong with its last answer.
    #[must_use]
    pub fn question(&self) -> String {
        let task = &self.prompt.task;
        match &self.last {
            None => task.clone(),
            Some(Last::Nothing(why)) => format!("{task}{}", repair::nothing(why)),
            Some(Last::Errors { repair, .. }) => format!("{task}{repair}"),
        }
    }

    /// The rounds so far.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.done
    }

    /// What all rounds have used.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.done.iter().fold(Spent::none(), |sum, round| sum.plus(round.spent))
    }

    /// The draft with the fewest errors, for whoever wants to mend it by hand.
    #[must_use]
    pub fn best(&self) -> Option<&Draft> {
        self.best.as_ref()
    }

    /// Takes an answer in.
    pub fn take(&mut self, text: &str, spent: Spent) -> Next {
        let mut round = Round { bytes: text.len(), spent, ..Round::default() };
        match answer::plan_text(text) {
            Ok(plan) => {
                let draft = self.desk.draft(plan);
                round.fixes.clone_from(&draft.fixes);
                round.errors = draft.errors.iter().map(|d| told(d, &draft)).collect();
                self.done.push(round);
                let new = self.seen.insert(plan.to_owned());
                if draft.errors.is_empty() { self.finish(&draft) } else { self.wrong(draft, new) }
            }
            Err(why) => {
                round.nothing = Some(why.to_string());
                self.done.push(round);
                self.nothing(why)
            }
        }
    }

    fn nothing(&mut self, why: NoPlan) -> Next {
        // Once may be bad luck.
        if matches!(self.last, Some(Last::Nothing(_))) || self.is_over() {
            return Next::Stop(Stop::Nothing(why));
        }
        self.last = Some(Last::Nothing(why));
        Next::Ask
    }

    fn wrong(&mut self, draft: Draft, new: bool) -> Next {
        let keys: Vec<(Arc<str>, String)> =
            draft.errors.iter().map(|d| (d.code.name().into(), d.message.clone())).collect();
        let (raw, left) = (draft.raw, distance(&draft.errors));
        if let Some(Last::Errors { raw: raw_before, left: left_before, keys: before, .. }) = &self.last {
            // What the fixes take away tells nothing of the model: it may have mended just that.
            let fewer = left < *left_before || raw < *raw_before;
            // All that was told is mended, and what is wrong now had not been seen.
            let other = left.0 <= left_before.0 && keys.iter().all(|key| !before.contains(key));
            // One error may hide another that was mended: a new text is given one more chance.
            let stuck = !fewer && !other;
            let forgive = stuck && new && !std::mem::replace(&mut self.forgiven, true);
            if stuck && !forgive {
                return Next::Stop(Stop::Stuck(errors(left.1), errors(left_before.1)));
            }
        }
        if self.is_over() {
            self.better(draft);
            return Next::Stop(Stop::Rounds(self.most, errors(left.1)));
        }
        let repair = repair::repair(&draft, self.offer, &self.prompt.shown);
        self.last = Some(Last::Errors { raw, left, keys, repair });
        self.better(draft);
        Next::Ask
    }

    fn better(&mut self, draft: Draft) {
        if self.best.as_ref().is_none_or(|best| distance(&draft.errors) <= distance(&best.errors)) {
            self.best = Some(draft);
        }
    }

    fn is_over(&self) -> bool {
        self.done.len() >= self.most as usize
    }

    fn finish(&self, draft: &Draft) -> Next {
        let Some(name) = entry_plan(&draft.text, &draft.project) else {
            return Next::Stop(Stop::Stamp("it has no plan".to_owned()));
        };
        let text = match stamp::stamp(&draft.text, &name, &self.stamp) {
            Ok(text) => text,
            Err(why) => return Next::Stop(Stop::Stamp(why)),
        };
        let project = self.desk.project(&text);
        match project.analysis.checked(&name) {
            Ok(checked) => Next::Plan(Box::new(Planned { name, text, project, checked })),
            Err(errors) => {
                let first = errors.iter().find(|d| d.is_error()).map(|d| d.message.clone());
                Next::Stop(Stop::Stamp(first.unwrap_or_default()))
            }
        }
    }
}

fn told(d: &Diagnostic, draft: &Draft) -> Told {
    let at = draft.project.sources.get(d.span.source).map(|f| f.position(d.span.start));
    let (line, column) = at.map_or((1, 1), |p| (p.line, p.column));
    Told { code: d.code.name().into(), message: d.message.clone(), line, column }
}

fn errors(n: usize) -> String {
    if n == 1 { "1 error".to_owned() } else { format!("{n} errors") }
}
