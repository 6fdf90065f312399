//! Places in a piece of text that was cut out of a file, perhaps edited, told as places of the file.

/// From offsets of a piece to offsets of the file.
#[derive(Clone, Debug)]
pub(super) struct Offsets {
    /// By offset in the piece; the first is at 0.
    runs: Vec<Run>,
    /// No place lies behind this one.
    limit: u32,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    local: u32,
    global: u32,
    /// Whether the text is the file's; else it was put in, all of it at one place.
    copied: bool,
}

/// Puts `text` in place of the file's bytes `start..end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) text: String,
}

impl Offsets {
    /// A piece that starts at `base` of the file and was not edited.
    pub(super) fn shifted(base: u32) -> Self {
        Offsets { runs: vec![Run { local: 0, global: base, copied: true }], limit: u32::MAX }
    }

    /// A text of which nothing is known yet; see [`Offsets::run`].
    pub(super) fn empty() -> Self {
        Offsets { runs: Vec::new(), limit: u32::MAX }
    }

    /// From `local` on the text is the file's from `global` on, or (not `copied`) stands for what is at `global`.
    pub(super) fn run(&mut self, local: usize, global: usize, copied: bool) {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.runs.push(Run { local: clamp(local), global: clamp(global), copied });
    }

    /// The places of a part of the text, told from its own start.
    pub(super) fn part(&self, range: std::ops::Range<usize>) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (start, end) = (clamp(range.start), clamp(range.end));
        let first = self.runs.partition_point(|run| run.local <= start).saturating_sub(1);
        let last = self.runs.partition_point(|run| run.local <= end);
        let mut runs: Vec<Run> = Vec::new();
        for run in self.runs.get(first..last).unwrap_or_default() {
            let global = if run.local < start { self.global(range.start) } else { run.global };
            runs.push(Run { local: run.local.saturating_sub(start), global, copied: run.copied });
        }
        Offsets { runs, limit: self.limit }
    }

    /// The same for a file that ends at `limit`, whatever was put behind its end.
    pub(super) fn within(self, limit: u32) -> Self {
        Offsets { limit, ..self }
    }

    /// The place in the file of an offset of the piece.
    pub(super) fn global(&self, local: usize) -> u32 {
        let local = u32::try_from(local).unwrap_or(u32::MAX);
        let at = self.runs.partition_point(|run| run.local <= local);
        let place = match self.runs.get(at.saturating_sub(1)) {
            Some(run) if run.copied => run.global + (local - run.local),
            Some(run) => run.global,
            None => local,
        };
        place.min(self.limit)
    }
}

/// Applies changes (sorted, apart from each other) to `start..end` of a file.
pub(super) fn render(text: &str, start: u32, end: u32, changes: &[Change]) -> (String, Offsets) {
    let mut out = String::with_capacity((end - start) as usize + 16);
    let mut runs = Vec::with_capacity(changes.len() * 2 + 1);
    let mut at = start;
    for change in changes.iter().filter(|c| c.start >= start && c.end <= end) {
        if change.start < at {
            continue;
        }
        runs.push(Run { local: out.len() as u32, global: at, copied: true });
        out.push_str(text.get(at as usize..change.start as usize).unwrap_or(""));
        runs.push(Run { local: out.len() as u32, global: change.start, copied: false });
        out.push_str(&change.text);
        at = change.end;
    }
    runs.push(Run { local: out.len() as u32, global: at, copied: true });
    out.push_str(text.get(at as usize..end as usize).unwrap_or(""));
    (out, Offsets { runs, limit: u32::MAX })
}

/// Adds a change, taking the place of those it covers.
pub(super) fn add(changes: &mut Vec<Change>, change: Change) {
    changes.retain(|c| {
        !(c.start >= change.start && c.end <= change.end && change.start < change.end) && *c != change
    });
    let at = changes.partition_point(|c| (c.start, c.end) <= (change.start, change.start));
    changes.insert(at, change);
}
