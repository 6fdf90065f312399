//! Planning as it goes: one line that redraws itself in a terminal, plain lines elsewhere.

use crate::cli::terminal;
use crate::planner::ask::Progress;
use crate::planner::usd;
use crate::runtime::planning::Round;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(100);

pub(super) struct View {
    explain: bool,
    live: bool,
    /// When the line was drawn; none where none stands.
    drawn: Mutex<Option<Instant>>,
}

impl View {
    pub(super) fn new(explain: bool, json: bool) -> View {
        View { explain, live: terminal::is_live() && !json, drawn: Mutex::new(None) }
    }

    pub(super) fn tell(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Asking { round, tokens } => {
                let line = format!("round {round}: asking, about {tokens} tokens");
                if self.live { self.draw(&line, true) } else { terminal::say(&line) }
            }
            Progress::Writing { round, bytes } => {
                if self.live {
                    self.draw(&format!("round {round}: {bytes} bytes so far"), false);
                }
            }
            Progress::Again { failure, wait } => {
                let why = terminal::one_line(&failure.message);
                self.line(&format!("{}: {why}; again in {:.1}s", failure.kind, wait.as_secs_f64()));
            }
            Progress::Answered { round, done } => {
                self.line(&format!("round {round}: {}", outcome(done)));
                if self.explain {
                    explain(done);
                }
            }
        }
    }

    /// The line goes away.
    pub(super) fn finish(&self) {
        if self.live && self.drawn().take().is_some() {
            let _ = anstream::stderr().lock().write_all(b"\r\x1b[K");
        }
    }

    fn drawn(&self) -> MutexGuard<'_, Option<Instant>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, line: &str, at_once: bool) {
        let mut drawn = self.drawn();
        if !at_once && drawn.is_some_and(|at| at.elapsed() < FRAME) {
            return;
        }
        *drawn = Some(Instant::now());
        let cut: String = line.chars().take(terminal::width().saturating_sub(1)).collect();
        let _ = anstream::stderr().lock().write_all(format!("\r\x1b[K\x1b[36m{cut}\x1b[0m").as_bytes());
    }

    fn line(&self, text: &str) {
        self.finish();
        terminal::say(text);
    }
}

/// What an answer came to, in few words.
fn outcome(round: &Round) -> String {
    let fixes = match round.fixes.len() {
        0 => String::new(),
        1 => "1 fix, ".to_owned(),
        n => format!("{n} fixes, "),
    };
    match (&round.nothing, round.errors.len()) {
        (Some(why), _) => format!("no plan: {}", terminal::one_line(why)),
        (None, 0) => format!("{fixes}passes"),
        (None, 1) => format!("{fixes}1 error left"),
        (None, n) => format!("{fixes}{n} errors left"),
    }
}

/// All that is known of a round.
fn explain(round: &Round) {
    let s = &round.spent;
    let cost = s.cost.map_or_else(|| "cost not known".to_owned(), usd);
    let time = s.ms as f64 / 1e3;
    terminal::say(&format!(
        "    {} bytes, {} tokens in ({} cached), {} out, {cost}, {time:.1}s",
        round.bytes, s.input, s.cached, s.output
    ));
    for fix in &round.fixes {
        terminal::say(&format!("    mended: {}", terminal::one_line(fix)));
    }
    for e in &round.errors {
        let message = terminal::one_line(&e.message);
        terminal::say(&format!("    error[{}] {}:{}: {message}", e.code, e.line, e.column));
    }
}
