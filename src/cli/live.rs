//! A run as it goes: a view that redraws itself in a terminal, plain lines elsewhere, JSON lines on request; then a summary.

use super::show::{self, duration};
use super::terminal;
use crate::engine::command::NoticeKind;
use crate::engine::reuse::Reused;
use crate::engine::{Notice, RunStatus, StepPath};
use crate::runtime::report::{self, Report};
use crate::source::Sources;
use indexmap::IndexMap;
use std::io::Write as _;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(100);

struct Row {
    mark: &'static str,
    colour: &'static str,
    text: String,
    since: Option<jiff::Timestamp>,
    done: bool,
}

/// The view of one run.
pub(crate) struct View {
    run: String,
    mode: Mode,
    rows: IndexMap<StepPath, Row>,
    started: jiff::Timestamp,
    /// Lines on the screen that the next drawing replaces.
    drawn: usize,
    dirty: bool,
    last: tokio::time::Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Json,
    Live,
    Plain,
    Quiet,
}

impl View {
    pub(crate) fn new(run: &str, json: bool) -> View {
        let mode = match () {
            () if json => Mode::Json,
            () if terminal::is_quiet() => Mode::Quiet,
            () if terminal::is_live() => Mode::Live,
            () => Mode::Plain,
        };
        if matches!(mode, Mode::Live | Mode::Plain) {
            anstream::eprintln!("run {run}");
        }
        View {
            run: run.to_owned(),
            mode,
            rows: IndexMap::new(),
            started: jiff::Timestamp::now(),
            drawn: 0,
            dirty: false,
            last: tokio::time::Instant::now(),
        }
    }

    /// Takes a notice in.
    pub(crate) fn notice(&mut self, notice: &Notice) {
        match self.mode {
            Mode::Json => terminal::print(&report::notice_line(&self.run, notice).to_string()),
            Mode::Quiet => {}
            Mode::Plain => self.plain(notice),
            Mode::Live => {
                let since = self.rows.get(&notice.step).and_then(|r| r.since);
                let row = row(&self.run, notice, since);
                self.rows.insert(notice.step.clone(), row);
                self.dirty = true;
            }
        }
    }

    fn plain(&mut self, notice: &Notice) {
        let since = self.rows.get(&notice.step).and_then(|r| r.since);
        let row = row(&self.run, notice, since);
        let took = match (row.done, row.since) {
            (true, Some(since)) => format!("  {}", duration(notice.at.duration_since(since))),
            _ => String::new(),
        };
        let at = duration(notice.at.duration_since(self.started).max(jiff::SignedDuration::ZERO));
        anstream::eprintln!("{at:>8}  {}{}\x1b[0m {}  {}{took}", row.colour, row.mark, notice.step, row.text);
        // Finished steps are not kept: a run of 100,000 must not grow here.
        if row.done {
            self.rows.swap_remove(&notice.step);
        } else {
            self.rows.insert(notice.step.clone(), row);
        }
    }

    /// Waits until the next frame is due; for ever where nothing is drawn.
    pub(crate) async fn tick(&self) {
        if self.mode == Mode::Live {
            tokio::time::sleep_until(self.last + FRAME).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Draws the running steps and the latest finished ones over the frame before.
    pub(crate) fn draw(&mut self) {
        self.last = tokio::time::Instant::now();
        let active = self.rows.values().any(|r| !r.done);
        if !self.dirty && !active {
            return;
        }
        self.dirty = false;
        let height =
            rustix::termios::tcgetwinsize(std::io::stderr()).map_or(24, |w| usize::from(w.ws_row).max(6));
        let lines = self.frame(height.saturating_sub(3), terminal::width());
        let mut out = self.erase();
        for line in &lines {
            out.push_str(line);
            out.push('\n');
        }
        self.drawn = lines.len();
        let _ = anstream::stderr().lock().write_all(out.as_bytes());
    }

    fn erase(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}A\x1b[J", self.drawn) }
    }

    fn frame(&self, room: usize, width: usize) -> Vec<String> {
        let now = jiff::Timestamp::now();
        let done = self.rows.values().filter(|r| r.done).count();
        let active = self.rows.len() - done;
        let mut shown: Vec<(&StepPath, &Row)> =
            self.rows.iter().filter(|(_, r)| !r.done).take(room).collect();
        let finished: Vec<_> = self.rows.iter().filter(|(_, r)| r.done).collect();
        let rest = room.saturating_sub(shown.len());
        let mut lines: Vec<String> =
            finished.iter().rev().take(rest).rev().map(|(p, r)| line(p, r, now, width)).collect();
        lines.extend(shown.drain(..).map(|(p, r)| line(p, r, now, width)));
        let total = duration(now.duration_since(self.started));
        lines.push(format!("\x1b[2m{done} ended, {active} going on, {total}\x1b[0m"));
        lines
    }

    /// Says something between the frames.
    pub(crate) fn note(&mut self, text: &str) {
        let erase = self.erase();
        self.drawn = 0;
        let _ = anstream::stderr().lock().write_all(erase.as_bytes());
        terminal::say(text);
        self.dirty = true;
    }

    /// The last frame stays, without its count: the summary follows.
    pub(crate) fn finish(&mut self) {
        if self.mode == Mode::Live {
            self.dirty = true;
            self.draw();
            let count = if self.drawn == 0 { "" } else { "\x1b[1A\x1b[J" };
            let _ = anstream::stderr().lock().write_all(count.as_bytes());
        }
        self.drawn = 0;
    }
}

/// A time of day here; with its date where that is not today's.
fn clock(at: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let zone = jiff::tz::TimeZone::system();
    let (at, now) = (zone.to_datetime(at), zone.to_datetime(now));
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
}

fn line(path: &StepPath, row: &Row, now: jiff::Timestamp, width: usize) -> String {
    let elapsed = match (row.done, row.since) {
        (false, Some(since)) => format!("  {}", duration(now.duration_since(since))),
        _ => String::new(),
    };
    let text = format!("{path}  {}{elapsed}", row.text);
    let cut: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{}{}\x1b[0m {cut}", row.colour, row.mark)
}

fn row(run: &str, notice: &Notice, since: Option<jiff::Timestamp>) -> Row {
    let again = |attempt: u32| if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
    let started = since.or(Some(notice.at));
    let took = |what: &str| match since {
        Some(since) => format!("{what} after {}", duration(notice.at.duration_since(since))),
        None => what.to_owned(),
    };
    let (mark, colour, text, done) = match &notice.kind {
        NoticeKind::Started => ("▶", "\x1b[36m", format!("running{}", again(notice.attempt)), false),
        NoticeKind::Succeeded { .. } => ("✓", "\x1b[32m", took("done"), true),
        NoticeKind::Recovered { error, .. } => {
            ("✓", "\x1b[33m", took(&format!("recovered from {}", error.kind)), true)
        }
        NoticeKind::Failed { error, handled } => {
            let what = if *handled { "failed, handled" } else { "failed" };
            ("✗", "\x1b[31m", format!("{}: {}: {}", took(what), error.kind, error.message), true)
        }
        NoticeKind::Retrying { error, at } => {
            let wait = duration(at.duration_since(notice.at));
            ("↻", "\x1b[33m", format!("{}: {}; again in {wait}", error.kind, error.message), false)
        }
        NoticeKind::Waiting { what, until, ask } => {
            let what = if &**what == "timer" { "sleeping".to_owned() } else { format!("waiting for {what}") };
            let until = until.map_or_else(String::new, |t| format!(" until {}", clock(t, notice.at)));
            let how = ask.as_ref().map_or_else(String::new, |ask| {
                format!("; {}", report::command(run, ask.kind, &ask.step, &ask.question))
            });
            ("…", "\x1b[34m", format!("{what}{until}{how}"), false)
        }
        NoticeKind::Skipped { because } => ("-", "\x1b[2m", format!("skipped: {because}"), true),
        NoticeKind::Reuse { reuse: Reused::From(run) } => {
            ("↺", "\x1b[36m", format!("taken over from run {run}"), false)
        }
        NoticeKind::Reuse { reuse: Reused::Not(why) } => {
            ("▷", "\x1b[2m", format!("not taken over: {why}"), false)
        }
        NoticeKind::Cancelled => ("✗", "\x1b[2m", "cancelled".to_owned(), true),
        NoticeKind::InDoubt => ("?", "\x1b[31m", "in doubt: it may or may not have acted".to_owned(), true),
    };
    // What a skill says moves no cursor.
    Row { mark, colour, text: terminal::one_line(&text), since: started, done }
}

/// What a run came to, for people.
pub(crate) fn summary(report: &Report, sources: &Sources) {
    if terminal::is_quiet() && report.status == RunStatus::Succeeded {
        return;
    }
    anstream::eprintln!("{}", show::headline(report));
    for line in show::odd_ends(report) {
        terminal::say(&line);
    }
    if let Some(path) = show::critical_path(report) {
        terminal::say(&path);
    }
    show::failure(report, sources);
}
