//! The planner: its loop against a model that a test plays, and the command against a server that speaks a provider's protocol.

mod command;
mod faults;
mod hostile;
mod published;
mod rest;

use aos::check::flow::Agent;
use aos::planner::draft::Desk;
use aos::planner::offer::Offer;
use aos::planner::prompt::{Parts, Prompt, tokens};
use aos::planner::rounds::{Next, Planned, ROUNDS, Rounds, Spent, Stop};
use aos::planner::stamp::Stamp;
use aos::project::Project;
use aos::source::MemoryLoader;
use std::path::Path;
use std::sync::Arc;

/// Where the plans of these tests would lie.
pub const ENTRY: &str = "/p/goal.plan";

/// A project in memory with these skills, and an agent that may call what matches.
pub fn project(skills: &str, grants: &[&str]) -> MemoryLoader {
    let grants: Vec<String> = grants.iter().map(|g| format!("\"{g}\"")).collect();
    let config = format!(
        "[project]\nskills = [\"skills\"]\n[secrets]\nTOKEN = \"env:TOKEN\"\n[people]\nops = [\"ada\", \"bob\"]\nlead = [\"cy\"]\n\
         [agents.a]\ngrants = [{}]\n",
        grants.join(", ")
    );
    MemoryLoader::new([(ENTRY, ""), ("/p/aos.toml", &*config), ("/p/skills/x.plan", skills)])
}

/// How a conversation went.
pub struct Talk {
    pub end: Result<Box<Planned>, Stop>,
    /// Answers that were taken.
    pub rounds: usize,
    /// Tokens of the prompts of all rounds, as the planner estimates them, and of the answers.
    pub input: usize,
    pub output: usize,
    pub questions: Vec<String>,
    pub fixes: usize,
}

/// Lets a model that is played by `answer` (which gets the number of the round and the question) plan a goal.
pub fn talk(loader: &MemoryLoader, goal: &str, answer: &mut dyn FnMut(usize, &str) -> String) -> Talk {
    let agent: Arc<str> = "a".into();
    let empty = Project::load_text(Path::new(ENTRY), "", loader);
    let said = &empty.config.agents["a"];
    let granted = Agent {
        name: Arc::clone(&agent),
        grants: said.grants.clone(),
        deny: said.deny.clone(),
        may_endorse: Vec::new(),
    };
    let offer = Offer::of(&empty, Some(&granted));
    let parts = Parts { goal, offer: &offer, memory: "", refine: None, rest: None };
    let prompt = Prompt::new(&parts, 24_000).unwrap();
    let desk = Desk { entry: Path::new(ENTRY), loader, agent: Some(&agent), untrusted: false, fixed: None };
    let stamp = Stamp {
        goal: goal.into(),
        planner: "scripted".into(),
        version: "1".into(),
        untrusted: false,
        from: None,
    };
    let mut rounds = Rounds::new(desk, &offer, prompt, stamp, ROUNDS);
    let mut talk = Talk {
        end: Err(Stop::Stamp(String::new())),
        rounds: 0,
        input: 0,
        output: 0,
        questions: Vec::new(),
        fixes: 0,
    };
    loop {
        let question = rounds.question();
        talk.input += tokens(rounds.system()) + tokens(&question);
        let text = answer(talk.rounds, &question);
        talk.output += tokens(&text);
        talk.questions.push(question);
        talk.rounds += 1;
        let next = rounds.take(&text, Spent::none());
        talk.fixes = rounds.rounds().iter().map(|r| r.fixes.len()).sum();
        match next {
            Next::Ask => assert!(talk.rounds < 20, "no end"),
            Next::Plan(planned) => {
                talk.end = Ok(planned);
                return talk;
            }
            Next::Stop(stop) => {
                talk.end = Err(stop);
                return talk;
            }
        }
    }
}
