//! Finding the implementation of a skill by its name.

use super::config::{Provider, SkillsConfig};
use super::endpoint::EndpointSkill;
use super::file::FileSkills;
use super::http::HttpSkills;
use super::json::JsonSkills;
use super::llm::LlmSkills;
use super::memory::MemorySkills;
use super::process::ProcessSkill;
use super::schema::SkillSchema;
use super::secrets::Secrets;
use super::shell::ShellSkills;
use super::{Bound, BoxFuture, Skill, SkillCall, SkillOutput};
use crate::engine::{Failure, Invoke};
use crate::runtime::memory::Memory;
use crate::value::Map;
use indexmap::IndexMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One row of [`BUILTIN`].
pub struct Builtin {
    /// The namespace.
    pub family: &'static str,
    /// The skills of it that are implemented.
    pub skills: &'static [&'static str],
    make: fn(&SkillsConfig, &Arc<Secrets>) -> Arc<dyn Skill>,
}

/// The families that need no entry in `aos.toml`. (`time.*`, `human.*` and `signal.*` belong to the engine.)
pub const BUILTIN: &[Builtin] = &[
    Builtin {
        family: "http",
        skills: &[
            "http.get",
            "http.head",
            "http.post",
            "http.put",
            "http.patch",
            "http.delete",
            "http.request",
        ],
        make: |config, secrets| Arc::new(HttpSkills::new(config.http.clone(), Arc::clone(secrets))),
    },
    Builtin {
        family: "file",
        skills: &[
            "file.read",
            "file.read_bytes",
            "file.open",
            "file.write",
            "file.append",
            "file.list",
            "file.exists",
            "file.delete",
            "file.copy",
        ],
        make: |config, _| Arc::new(FileSkills::new(config)),
    },
    Builtin {
        family: "json",
        skills: &["json.parse", "json.query"],
        make: |config, _| Arc::new(JsonSkills::new(config.jq.clone())),
    },
    Builtin {
        family: "llm",
        skills: &["llm.generate", "llm.extract", "llm.embed"],
        make: |config, secrets| Arc::new(LlmSkills::new(config.llm.clone(), Arc::clone(secrets))),
    },
    Builtin {
        family: "memory",
        skills: &["memory.save", "memory.search"],
        make: |_, _| Arc::new(MemorySkills::new(None)),
    },
    Builtin { family: "shell", skills: &["shell.run"], make: |config, _| Arc::new(ShellSkills::new(config)) },
];

/// The implementations of a project.
pub struct Skills {
    providers: IndexMap<String, Arc<dyn Skill>>,
    builtin: Vec<(&'static Builtin, Arc<dyn Skill>)>,
    secrets: Arc<Secrets>,
    /// Calls at once, by namespace.
    places: IndexMap<String, Arc<Semaphore>>,
}

/// One of the calls that a namespace may have at once; another may be made when it is dropped.
pub type Place = OwnedSemaphorePermit;

impl Skills {
    /// Sets up the implementations; no program is started and no secret read before the first call.
    #[must_use]
    pub fn new(config: SkillsConfig) -> Self {
        let secrets = Arc::new(Secrets::new(config.project_root.clone(), config.secrets.clone()));
        let guard = |inner| Arc::new(Guarded { inner, secrets: Arc::clone(&secrets) }) as Arc<dyn Skill>;
        let provider = |(name, provider): (&String, &Provider)| {
            let inner: Arc<dyn Skill> = match provider {
                Provider::Process(process) => {
                    Arc::new(ProcessSkill::new(name, process.clone(), &config.project_root))
                }
                Provider::Http(endpoint) => {
                    Arc::new(EndpointSkill::new(name, endpoint.clone(), Arc::clone(&secrets)))
                }
            };
            (name.clone(), guard(inner))
        };
        Self {
            providers: config.namespaces.iter().map(provider).collect(),
            builtin: BUILTIN.iter().map(|row| (row, guard((row.make)(&config, &secrets)))).collect(),
            secrets,
            places: config.concurrency.iter().map(|(name, count)| (name.clone(), places(*count))).collect(),
        }
    }

    /// The same skills, in a store that remembers.
    #[must_use]
    pub fn with_memory(mut self, memory: Memory) -> Self {
        if let Some((_, skill)) = self.builtin.iter_mut().find(|(row, _)| row.family == "memory") {
            let inner = Arc::new(MemorySkills::new(Some(memory)));
            *skill = Arc::new(Guarded { inner, secrets: Arc::clone(&self.secrets) });
        }
        self
    }

    /// The implementation of a skill, if there is one: of the longest configured namespace, else a built-in one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<dyn Skill>> {
        if let Some(provider) = nearest(&self.providers, name) {
            return Some(Arc::clone(provider));
        }
        let row = self.builtin.iter().find(|(row, _)| row.skills.contains(&name));
        row.map(|(_, skill)| Arc::clone(skill))
    }

    /// Whether only so many calls of this skill are made at once.
    #[must_use]
    pub fn is_bounded(&self, name: &str) -> bool {
        nearest(&self.places, name).is_some()
    }

    /// Waits until one more call of this skill may be made, first come first served; all runs of the project share the places.
    /// `None`: there is no bound.
    pub async fn place(&self, name: &str) -> Option<Place> {
        // It is never closed.
        Arc::clone(nearest(&self.places, name)?).acquire_owned().await.ok()
    }

    /// What a call costs at the most, as its implementation knows it.
    #[must_use]
    pub fn bound(&self, invoke: &Invoke) -> Bound {
        self.get(&invoke.skill).map_or(Bound::Signature, |skill| skill.bound(&invoke.skill, &invoke.args))
    }

    /// Finds the implementation and makes the call.
    ///
    /// # Errors
    /// The skill's own failures, and `unavailable` where there is no implementation.
    pub async fn call(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        match self.get(&call.name) {
            Some(skill) => skill.call(call).await,
            None => Err(missing(&call.name)),
        }
    }

    /// The secrets of the project, for others that must scrub.
    #[must_use]
    pub fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// Ends the programs that were started.
    pub async fn shutdown(&self) {
        futures_util::future::join_all(self.providers.values().map(|skill| skill.shutdown())).await;
    }
}

/// What is said of the longest namespace of a skill that anything is said of.
fn nearest<'a, T>(said: &'a IndexMap<String, T>, name: &str) -> Option<&'a T> {
    if said.is_empty() {
        return None;
    }
    let mut namespace = name;
    while let Some((shorter, _)) = namespace.rsplit_once('.') {
        if let Some(found) = said.get(shorter) {
            return Some(found);
        }
        namespace = shorter;
    }
    None
}

fn places(count: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((count as usize).min(Semaphore::MAX_PERMITS)))
}

/// The failure for a skill that nobody implements.
#[must_use]
pub fn missing(name: &str) -> Failure {
    let namespace = name.split('.').next().unwrap_or(name);
    let mut failure = Failure::new(
        "unavailable",
        format!(
            "`{name}` has no implementation; add `[skills.{namespace}]` with a `provider` to `aos.toml` (process or http)"
        ),
    );
    failure.skill = Some(name.into());
    failure
}

/// Opens secrets on the way in and scrubs them on the way out.
struct Guarded {
    inner: Arc<dyn Skill>,
    secrets: Arc<Secrets>,
}

impl Skill for Guarded {
    fn call(&self, mut call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(async move {
            let name = Arc::clone(&call.name);
            let named = |mut failure: Failure| {
                failure.skill.get_or_insert(Arc::clone(&name));
                failure
            };
            call.args = self.secrets.open(std::mem::take(&mut call.args)).map_err(named)?;
            let answer = match call.schema.take() {
                Some(schema) => within(schema, call, &*self.inner).await,
                None => self.inner.call(call).await,
            };
            match answer {
                Ok(SkillOutput { value, usage }) => {
                    Ok(SkillOutput { value: self.secrets.scrub_value(value), usage })
                }
                Err(failure) => Err(named(self.secrets.scrub_failure(failure))),
            }
        })
    }

    fn bound(&self, name: &str, args: &Map) -> Bound {
        self.inner.bound(name, args)
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        self.inner.shutdown()
    }
}

/// A call whose arguments and result fit the schemas of its import.
async fn within(
    schema: Arc<SkillSchema>,
    mut call: SkillCall,
    skill: &dyn Skill,
) -> Result<SkillOutput, Failure> {
    // A schema may take its time over a large value; others go on meanwhile.
    async fn aside<T: Send + 'static>(
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
            Err(Failure::new("internal", format!("the schema of the import cannot be used: {e}")))
        })
    }
    let (args, own) = (std::mem::take(&mut call.args), Arc::clone(&schema));
    call.args = aside(move || own.arguments(args)).await?;
    let SkillOutput { value, usage } = skill.call(call).await?;
    let value = aside(move || schema.result(&value).map(|()| value)).await?;
    Ok(SkillOutput { value, usage })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::skill::config::ProcessConfig;

    #[test]
    fn names_are_their_familys() {
        for row in BUILTIN {
            for skill in row.skills {
                assert_eq!(skill.split('.').next(), Some(row.family), "{skill}");
            }
        }
    }

    /// Every skill of the signature files of a family is implemented, and none besides.
    #[test]
    fn rows_agree_with_the_signatures() {
        for row in BUILTIN {
            let path = format!("{}/stdlib/{}.plan", env!("CARGO_MANIFEST_DIR"), row.family);
            let text = std::fs::read_to_string(path).unwrap();
            let declared: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("skill "))
                .filter_map(|rest| rest.split(['(', '<']).next())
                .collect();
            assert_eq!(declared, row.skills);
        }
    }

    #[tokio::test]
    async fn lookup() {
        let mut config = SkillsConfig::new("/nowhere");
        config.namespaces.insert("gh.issues".into(), Provider::Process(ProcessConfig::new(["x"])));
        let skills = Skills::new(config);
        assert!(skills.get("gh.issues.list").is_some());
        assert!(skills.get("gh.pulls.list").is_none());
        assert!(skills.get("gh").is_none());
        assert!(skills.get("http.get").is_some());
        assert!(skills.get("http.gett").is_none());
        assert!(missing("gh.pulls.list").message.contains("[skills.gh]"));
    }
}
