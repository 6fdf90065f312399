//! What people say to a run: who may say it, and what it means to the machine.

use crate::engine::{Ask, AskKind, EventKind, Machine, StepPath};
use crate::types::Type;
use crate::types::conform::{conform, from_text};
use crate::value::Value;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who may answer, from `[people]` of `aos.toml`.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// Login names by role.
    pub roles: IndexMap<Arc<str>, Vec<Arc<str>>>,
    /// Whether `--as NAME` may answer for another login name.
    pub allow_as: bool,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The login name.
    pub login: Arc<str>,
    /// The name that answers, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
}

impl Person {
    /// Somebody by the login name.
    #[must_use]
    pub fn of(login: Arc<str>) -> Self {
        Person { login, name: None }
    }

    /// The name that answers.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        self.name.as_ref().unwrap_or(&self.login)
    }
}

/// What is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Yes or no to what a step asks for.
    Decide {
        step: Arc<str>,
        approve: bool,
        comment: Option<Arc<str>>,
        /// Of what was shown, or its beginning; none: whatever is asked for now.
        digest: Option<Arc<str>>,
    },
    /// A value for a step, as it was typed.
    Give { step: Arc<str>, text: String },
    /// A signal with its value, as it was typed.
    Signal { name: Arc<str>, text: String },
}

/// What a reply is to the machine, if this person may say it.
///
/// # Errors
/// Why not, in words for that person.
pub fn admit(machine: &Machine, who: &Person, reply: &Reply, people: &People) -> Result<EventKind, String> {
    if let Some(name) = who.name.as_ref().filter(|n| **n != who.login && !people.allow_as) {
        return Err(format!(
            "nobody may answer as `{name}` but that login; `allow_as = true` under `[project]` in aos.toml permits it"
        ));
    }
    let login = who.name.as_ref().filter(|n| **n != who.login).map(|_| Arc::clone(&who.login));
    match reply {
        Reply::Decide { step, approve, comment, digest } => {
            let ask = ask(machine, step)?;
            match ask.kind {
                AskKind::Signal => return Err(waits_for_signal(&ask)),
                AskKind::Input if *approve => {
                    return Err(format!(
                        "`{step}` asks for a value, not for yes or no; `aos answer RUN {step} VALUE` gives it"
                    ));
                }
                AskKind::Approval | AskKind::Review | AskKind::Input => {}
            }
            may_answer(&ask, who, people)?;
            if let Some(digest) = digest.as_ref().filter(|d| d.is_empty() || !ask.digest.starts_with(&***d)) {
                return Err(format!(
                    "`{step}` now asks about something else than what was shown under `{digest}`; look again with `aos show`"
                ));
            }
            let step = StepPath(Arc::clone(step));
            let (approved, comment) = (*approve, comment.clone());
            Ok(EventKind::Decided { step, digest: ask.digest, approved, comment, login })
        }
        Reply::Give { step, text } => {
            let ask = ask(machine, step)?;
            match ask.kind {
                AskKind::Input => {}
                AskKind::Signal => return Err(waits_for_signal(&ask)),
                AskKind::Approval | AskKind::Review => {
                    return Err(format!(
                        "`{step}` asks for yes or no; say it with `aos approve RUN {step}`, or add `--deny`"
                    ));
                }
            }
            may_answer(&ask, who, people)?;
            let step = StepPath(Arc::clone(step));
            let value = match machine.asked_type(&step) {
                Some(ty) => value(text, ty).map_err(|why| format!("`{step}` asks for `{ty}`: {why}"))?,
                None => from_text(text, None)?,
            };
            Ok(EventKind::Answered { step, value, login })
        }
        Reply::Signal { name, text } => {
            let value = signal(machine, name, text)?;
            Ok(EventKind::Signalled { name: Arc::clone(name), value, login })
        }
    }
}

fn ask(machine: &Machine, step: &Arc<str>) -> Result<Ask, String> {
    if let Some(ask) = machine.ask_of(&StepPath(Arc::clone(step))) {
        return Ok(ask);
    }
    let asks = machine.asks();
    let names: Vec<String> = asks.iter().map(|a| format!("`{}`", a.step)).collect();
    Err(match (machine.status(&StepPath(Arc::clone(step))), names.as_slice()) {
        (Some(_), _) => format!("the step `{step}` asks for nothing now"),
        (None, []) => format!("there is no step `{step}`, and no step asks for anything now"),
        (None, _) => format!("no step `{step}` asks for anything; these do: {}", names.join(", ")),
    })
}

fn waits_for_signal(ask: &Ask) -> String {
    format!(
        "`{}` waits for a signal, not for a person; `aos signal RUN {} VALUE` sends it",
        ask.step, ask.question
    )
}

/// Whether the person holds a role that was asked.
fn may_answer(ask: &Ask, who: &Person, people: &People) -> Result<(), String> {
    if ask.roles.is_empty() {
        return Ok(());
    }
    let name = who.name();
    let holders = |role: &Arc<str>| people.roles.get(role).map(Vec::as_slice).unwrap_or_default();
    if ask.roles.iter().any(|role| holders(role).contains(name)) {
        return Ok(());
    }
    let said: Vec<String> = ask
        .roles
        .iter()
        .map(|role| match holders(role) {
            [] => format!("nobody is `{role}` in `[people]` of aos.toml: add `{role} = [\"{name}\"]` there"),
            names => format!("`{role}` is {}", names.join(", ")),
        })
        .collect();
    let roles: Vec<String> = ask.roles.iter().map(|r| format!("`{r}`")).collect();
    Err(format!(
        "`{name}` may not answer `{}`, which asks {}; {}",
        ask.step,
        roles.join(" or "),
        said.join("; ")
    ))
}

fn value(text: &str, ty: &Type) -> Result<Value, String> {
    let value = from_text(text, Some(ty))?;
    conform(value, ty).map_err(|m| m.to_string())
}

/// The value of a signal: what a step waits for by that name says its type, also where it does not wait yet.
fn signal(machine: &Machine, name: &Arc<str>, text: &str) -> Result<Value, String> {
    let waiting = machine.asks().into_iter().find(|a| a.kind == AskKind::Signal && a.question == *name);
    if let Some(ty) = waiting.and_then(|ask| machine.asked_type(&ask.step).cloned()) {
        return value(text, &ty).map_err(|why| format!("the signal `{name}` takes `{ty}`: {why}"));
    }
    let Some(types) = machine.signal_types() else { return from_text(text, None) };
    let mut refusal = None;
    for (_, ty) in types.iter().filter(|(n, _)| n == name) {
        match value(text, ty) {
            Ok(value) => return Ok(value),
            Err(why) => refusal = Some(format!("the signal `{name}` takes `{ty}`: {why}")),
        }
    }
    Err(refusal.unwrap_or_else(|| {
        let mut names: Vec<&str> = types.iter().map(|(n, _)| &**n).collect();
        names.sort_unstable();
        names.dedup();
        match crate::diagnostic::nearest(name, names.iter().copied()) {
            Some(near) => format!("no step of this plan waits for a signal `{name}`; did you mean `{near}`?"),
            None if names.is_empty() => "this plan waits for no signal".to_owned(),
            None => {
                format!("no step of this plan waits for a signal `{name}`; it waits for {}", names.join(", "))
            }
        }
    }))
}
