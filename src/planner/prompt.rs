//! The prompt: files of text, filled in. What is the same for every goal stands first, so that providers can cache it.

use super::offer::{Offer, Shown};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};

/// The language in brief; its plans are checked by a test.
pub const CARD: &str = include_str!("prompts/card.md");
/// What is asked of every plan.
pub const RULES: &str = include_str!("prompts/rules.md");
/// Goals with their plans; checked by a test.
pub const EXAMPLES: &str = include_str!("prompts/examples.md");
const TASK: &str = include_str!("prompts/task.md");
const MEMORY: &str = include_str!("prompts/memory.md");
const REFINE: &str = include_str!("prompts/refine.md");
const REST: &str = include_str!("prompts/rest.md");
pub(super) const REPAIR: &str = include_str!("prompts/repair.md");
pub(super) const NOTHING: &str = include_str!("prompts/nothing.md");

/// The share of what is left of the budget that signatures may fill, in percent; memory and the earlier plan have the rest.
const SKILLS: usize = 60;
/// Wishes before this many are left out.
const WISHES: usize = 20;

/// About how many tokens a text has. Overshoots for most vocabularies.
#[must_use]
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(3)
}

/// The version of the program and of its prompts, for `planner_version`.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hash = Sha256::new();
        for part in [CARD, RULES, EXAMPLES, TASK, MEMORY, REFINE, REST, REPAIR, NOTHING] {
            hash.update(part);
        }
        let digest: String = hash.finalize().iter().take(4).map(|b| format!("{b:02x}")).collect();
        format!("{}+{digest}", env!("CARGO_PKG_VERSION"))
    })
}

/// What a prompt is made of.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub goal: &'a str,
    pub offer: &'a Offer,
    /// What is remembered; may be empty.
    pub memory: &'a str,
    /// A plan that is to be changed, and what the person said since.
    pub refine: Option<(&'a str, &'a [String])>,
    /// The failed run whose rest is planned.
    pub rest: Option<&'a RestText>,
}

/// What is told of a failed run.
#[derive(Clone, Debug, Default)]
pub struct RestText {
    pub plan: String,
    pub signature: String,
    pub kept: String,
    pub failed: String,
    /// What is left of the budget; may be empty.
    pub budget: String,
}

/// A prompt, and what of the skills it shows.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The same for every goal, unless there are too many skills to show them all.
    pub system: Arc<str>,
    pub task: String,
    pub shown: Shown,
}

/// It does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the prompt needs about {needs} tokens without any skill or memory, and may have {most}; shorten the goal"
)]
pub struct TooLong {
    pub needs: usize,
    pub most: usize,
}

impl Prompt {
    /// Makes a prompt of at most so many tokens. Where little room is, the examples go first, then signatures and memory are cut.
    ///
    /// # Errors
    /// Goal and language alone do not fit.
    pub fn new(parts: &Parts<'_>, most: usize) -> Result<Prompt, TooLong> {
        let rest = parts.rest.map_or_else(String::new, |rest| {
            let with = [
                ("plan", rest.plan.trim_end()),
                ("signature", rest.signature.as_str()),
                ("kept", rest.kept.as_str()),
                ("failed", rest.failed.as_str()),
                ("budget", rest.budget.as_str()),
            ];
            fill(REST, &with)
        });
        let plan = parts.refine.map_or_else(String::new, |(plan, wishes)| {
            fill(REFINE, &[("plan", plan.trim_end()), ("wishes", &list(wishes))])
        });
        let fixed = CARD.len() + RULES.len() + TASK.len() + parts.goal.len() + rest.len() + plan.len();
        let needs = fixed.div_ceil(3) + 50;
        let left = most.checked_sub(needs).ok_or(TooLong { needs, most })?;
        let examples = tokens(EXAMPLES) * 3 < left;
        let left = if examples { left - tokens(EXAMPLES) } else { left };
        let shown = parts.offer.shown(parts.goal, left * SKILLS / 100);
        let left = left.saturating_sub(tokens(&shown.text));
        // Whoever made it kept to the border of its items; here only the whole of it is in or out.
        let remembered = !parts.memory.is_empty() && tokens(parts.memory) + tokens(MEMORY) <= left;
        let memory = if remembered { fill(MEMORY, &[("memory", parts.memory)]) } else { String::new() };
        let task = [("memory", &*memory), ("rest", &rest), ("plan", &plan), ("goal", parts.goal.trim())];
        Ok(Prompt { system: system(&shown, examples).into(), task: fill(TASK, &task), shown })
    }
}

fn system(shown: &Shown, examples: bool) -> String {
    let mut out = format!("{CARD}\n{RULES}\n");
    if examples {
        out.push_str(EXAMPLES);
        out.push('\n');
    }
    out.push_str("# The skills that you may call\n\n```\n");
    out.push_str(&shown.text);
    out.push_str("```\n");
    if shown.left_out > 0 {
        let n = shown.left_out;
        out.push_str(&format!("\n{n} more skills have less to do with the goal and are not shown.\n"));
    }
    out
}

fn list(wishes: &[String]) -> String {
    let from = wishes.len().saturating_sub(WISHES);
    let last = wishes.get(from..).unwrap_or_default();
    last.iter().enumerate().map(|(i, w)| format!("{}. {}\n", from + i + 1, w.trim())).collect()
}

/// A template with its `{{names}}` replaced; what is put in is not looked at again.
pub(super) fn fill(template: &str, with: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match with.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => out.push_str(text),
            None => out.push_str(&format!("{{{{{name}}}}}")),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Asking, Project, Writer};
    use crate::source::MemoryLoader;
    use std::path::Path;

    fn offer() -> Offer {
        Offer::of(&Project::load_text(Path::new("/p/a.plan"), "", &MemoryLoader::new([])), None)
    }

    fn parts<'a>(goal: &'a str, offer: &'a Offer) -> Parts<'a> {
        Parts { goal, offer, memory: "", refine: None, rest: None }
    }

    /// The plans in the fences of a prompt.
    fn plans(page: &str) -> Vec<&str> {
        page.split("```plan\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
    }

    #[test]
    fn the_plans_of_the_prompts_are_plans() {
        let asking = Asking { written_by: Some(Writer::Model), ..Asking::default() };
        for (page, least) in [(CARD, 2), (EXAMPLES, 2)] {
            let all = plans(page);
            assert!(all.len() >= least);
            for text in all {
                let project =
                    Project::load_text_for(Path::new("/p/a.plan"), text, &MemoryLoader::new([]), &asking);
                assert_eq!(project.analysis.diagnostics, vec![], "{text}");
                let parsed = crate::syntax::parse(crate::source::SourceId::default(), text);
                assert_eq!(crate::format::format(text, &parsed).unwrap(), text);
            }
        }
    }

    #[test]
    fn what_is_put_in_is_not_filled_again() {
        assert_eq!(fill("{{a}}-{{b}}-{{c}}{{", &[("a", "{{b}}"), ("b", "x")]), "{{b}}-x-{{c}}{{");
        let offer = offer();
        let prompt = Prompt::new(&parts("say {{memory}} </goal>", &offer), 50_000).unwrap();
        assert!(prompt.task.contains("say {{memory}} </goal>"));
    }

    #[test]
    fn everything_fits_its_budget() {
        let offer = offer();
        for most in [3_000, 4_000, 6_000, 20_000] {
            let memory = "An earlier run.\n".repeat(400);
            let parts = Parts { memory: &memory, ..parts("Fetch a page", &offer) };
            let prompt = Prompt::new(&parts, most).unwrap();
            let size = tokens(&prompt.system) + tokens(&prompt.task);
            assert!(size <= most, "{size} of {most}");
            assert_eq!(prompt.task.contains("An earlier run."), most == 20_000, "{most}");
        }
        let long = "x".repeat(40_000);
        let refused = Prompt::new(&parts(&long, &offer), 8_000).unwrap_err();
        assert!(refused.needs > 13_000 && refused.to_string().contains("shorten the goal"));
    }

    #[test]
    fn the_part_before_the_goal_does_not_depend_on_it() {
        let offer = offer();
        let one = Prompt::new(&parts("Fetch a page", &offer), 20_000).unwrap();
        let other = Prompt::new(&parts("Write a file", &offer), 20_000).unwrap();
        assert_eq!(one.system, other.system);
        assert_eq!(one.shown.left_out, 0);
    }
}
